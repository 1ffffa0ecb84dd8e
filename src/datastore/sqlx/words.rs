//! Our statements in a database's own words, with the prefix of our tables.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::datastore::sqlx::dialect::Dialect;

/// The prefix of our tables, as our statements spell it.
pub(super) const TABLE_PREFIX: &str = "security_";

/// What our statements are in a database's words; each is translated once.
pub(super) struct Words {
    prefix: String,
    said: RwLock<HashMap<&'static str, Arc<str>>>,
}

impl Words {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix, said: RwLock::default() }
    }

    pub(super) fn prefixed(&self, text: &str) -> String {
        text.replace(TABLE_PREFIX, &self.prefix)
    }

    pub(super) fn say<DB: Dialect>(&self, sql: &'static str) -> Arc<str> {
        let said = self.said.read().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(said) = said {
            return said;
        }
        let said: Arc<str> = self.prefixed(&DB::say(sql)).into();
        let mut all = self.said.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(sql, Arc::clone(&said));
        said
    }
}

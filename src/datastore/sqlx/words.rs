//! Our statements in a database's SQL, with the prefix of our tables.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ::sqlx::query::{Query, QueryAs};
use ::sqlx::{AssertSqlSafe, FromRow};

use crate::datastore::sqlx::dialect::Dialect;

/// The prefix of our tables, as our statements spell it.
pub(super) const TABLE_PREFIX: &str = "security_";

/// Our statements, translated into a database's SQL once each.
pub(super) struct Words {
    prefix: String,
    /// Whether a pooler may use another connection for each transaction. No prepared statement then outlives
    /// its transaction.
    pub(super) has_transaction_pooling: bool,
    said: RwLock<HashMap<&'static str, Arc<str>>>,
}

impl Words {
    pub(super) fn new() -> Self {
        let prefix = TABLE_PREFIX.to_owned();
        Self { prefix, has_transaction_pooling: false, said: RwLock::default() }
    }

    pub(super) fn with_table_prefix(&self, prefix: &str) -> Self {
        let has_transaction_pooling = self.has_transaction_pooling;
        Self { prefix: prefix.to_owned(), has_transaction_pooling, said: RwLock::default() }
    }

    pub(super) fn with_transaction_pooling(&self) -> Self {
        let prefix = self.prefix.clone();
        Self { prefix, has_transaction_pooling: true, said: RwLock::default() }
    }

    /// Prepares a statement.
    pub(super) fn query<DB: Dialect>(
        &self,
        sql: &'static str,
    ) -> Query<'static, DB, DB::Arguments> {
        let said = AssertSqlSafe(self.say::<DB>(sql));
        ::sqlx::query(said).persistent(!self.has_transaction_pooling)
    }

    /// Prepares a statement whose rows are read as `O`.
    pub(super) fn query_as<DB: Dialect, O>(
        &self,
        sql: &'static str,
    ) -> QueryAs<'static, DB, O, DB::Arguments>
    where
        O: for<'r> FromRow<'r, DB::Row>,
    {
        let said = AssertSqlSafe(self.say::<DB>(sql));
        ::sqlx::query_as(said).persistent(!self.has_transaction_pooling)
    }

    pub(super) fn prefixed(&self, text: &str) -> String {
        text.replace(TABLE_PREFIX, &self.prefix)
    }

    fn say<DB: Dialect>(&self, sql: &'static str) -> Arc<str> {
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

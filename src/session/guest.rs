//! What the cookie of a guest holds: an id, and the marks of dead cookies.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::crypto::one_time::mark;

/// How long an anonymous id is good for: a form may lie open for a day.
pub(super) const ANONYMOUS_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// What the cookie holds.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Guest {
    pub(super) id: String,
    /// When the cookie was made, in seconds since 1970.
    pub(super) at: i64,
    /// The marks of dead cookies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) dead: Vec<String>,
}

impl Guest {
    pub(super) fn made_at(&self) -> i64 {
        self.at
    }

    pub(super) fn has_marked(&self, value: &str) -> bool {
        !self.dead.is_empty() && self.dead.contains(&mark(value))
    }
}

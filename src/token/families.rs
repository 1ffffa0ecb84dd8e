//! What begins families of refresh tokens, and how long they last.

use chrono::TimeDelta;
use rocket::async_trait;
use uuid::Uuid;

use crate::config::Config;
use crate::datastore::refresh::FamilyRecord;
use crate::datastore::session::SessionRecord;
use crate::error::Result;
use crate::user::UserId;

/// Begins families in the store, and tells of it: the feature `tokens`.
#[async_trait]
pub(crate) trait BeginsFamilies: Send + Sync {
    /// False when the user may not log in, has changed, or the session has ended.
    async fn begin(&self, family: &FamilyRecord) -> Result<bool>;

    /// Finds a session of a user; none when it has ended.
    async fn find_session(&self, user: UserId, session: Uuid) -> Result<Option<SessionRecord>>;
}

/// How long families last.
#[derive(Clone, Copy, Debug)]
pub(super) struct FamilyLimits {
    pub(super) idle: TimeDelta,
    pub(super) absolute: TimeDelta,
    /// How long after the beginning of the session that it began in a family is over, where an assurance
    /// level says so.
    pub(super) of_session: Option<TimeDelta>,
}

impl FamilyLimits {
    pub(super) fn new(config: &Config) -> Self {
        let (idle, absolute) =
            (config.tokens.refresh_idle.delta(), config.tokens.refresh_lifetime.delta());
        if !config.session.bounds_families() {
            return Self { idle, absolute, of_session: None };
        }
        let of_session = config.session.absolute.delta();
        Self {
            idle: idle.min(config.session.idle.delta()),
            absolute: absolute.min(of_session),
            of_session: Some(of_session),
        }
    }
}

//! Sessions: one row for each browser somebody is logged in with.

use std::net::IpAddr;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::error::Result;
use crate::user::User;
use crate::user::UserId;

/// Keeps sessions.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to keep sessions, too",
    label = "`{Self}` does not implement `SessionStore`",
    note = "every login begins a session: implement \
            `rocket_security::datastore::SessionStore` for the store"
)]
pub trait SessionStore: Send + Sync + 'static {
    /// Begins a session and ends the user's oldest others beyond `max_per_user`.
    ///
    /// False when the user is gone, switched off, or has another epoch by now: whoever changed a
    /// password while this login was under way wins. Of any number of sessions begun at once,
    /// `max_per_user` remain.
    async fn begin_session(&self, session: &SessionRecord, max_per_user: u32) -> Result<bool>;

    /// Finds a session by the digest of its id, with its user and their roles, in one query.
    ///
    /// A session of an older epoch than its user's is not found.
    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>>;

    /// Notes that the session was used, unless that was noted after `unless_since`.
    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()>;

    /// Ends a session; false when there was none.
    async fn end_session(&self, digest: &Digest) -> Result<bool>;

    /// Deletes sessions that were last used at or before `idle`, or begun at or before `begun`; says
    /// how many.
    async fn delete_ended_sessions(&self, idle: Timestamp, begun: Timestamp) -> Result<u64>;
}

/// A session as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The digest of the id that the cookie holds.
    pub digest: Digest,
    /// The name under which people see the session; no credential.
    pub id: Uuid,
    /// Whose session it is.
    pub user_id: UserId,
    /// The user's epoch when it began.
    pub epoch: i64,
    /// How its user proved to be them, for example `password`.
    pub authn_via: String,
    /// The network address it began from.
    pub client: Option<IpAddr>,
    /// The browser it began in, cut to 255 characters.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its user last proved to be them.
    pub authenticated_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
}

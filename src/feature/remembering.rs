//! Remembers browsers beyond the session.

use rocket::async_trait;

use crate::crypto::one_time::Digest;
use crate::crypto::remember_token::RememberToken;
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::error::Result;
use crate::feature::attempt::LoginAttempt;

/// Remembers browsers, as the feature [`remember`](crate::features::remember) does.
#[async_trait]
pub trait Remembering: Send + Sync + 'static {
    /// Returns the token that the browser stores. Called before a session begins whose user wants the browser
    /// to be remembered. A user has at most `at_most` remembered browsers. A browser that was remembered already
    /// is remembered for no longer than it was.
    async fn remember(
        &self,
        attempt: &LoginAttempt<'_>,
        at_most: u32,
    ) -> Result<Option<RememberToken>>;

    /// Checks whether a browser is still remembered by this series.
    async fn is_remembered(&self, series: &Digest) -> Result<bool>;

    /// Forgets the user's other remembered browsers, after all sessions but `kept` were ended. Returns the
    /// sessions that these browsers began meanwhile and that ended with them.
    async fn end_others(&self, kept: &SessionRecord) -> Result<Vec<EndedSession>>;
}

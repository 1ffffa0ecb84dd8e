//! How a browser begins to be remembered, and ceases.

use rocket::async_trait;

use crate::crypto::remember_token::RememberToken;
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::error::Result;
use crate::feature::attempt::LoginAttempt;

/// Remembers browsers, as the feature [`remember`](crate::features::remember) does.
#[async_trait]
pub trait Remembering: Send + Sync + 'static {
    /// Returns what the browser keeps, before a session begins whose user wants it to be remembered. A user
    /// has at most `at_most` such browsers.
    async fn remember(
        &self,
        attempt: &LoginAttempt<'_>,
        at_most: u32,
    ) -> Result<Option<RememberToken>>;

    /// Ends what else a browser of the user could come back by, after all their sessions but `kept` were
    /// ended. Returns the sessions that had come back by it meanwhile and ended with it.
    async fn end_others(&self, kept: &SessionRecord) -> Result<Vec<EndedSession>>;
}

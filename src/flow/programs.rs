//! How a browser's login affects the logins of programs. Implemented in [`programs`](crate::programs).

use rocket::async_trait;
use serde_json::{Map, Value};

use crate::datastore::session::SessionRecord;
use crate::rejection::Rejection;
use crate::session::Active;
use crate::user::{User, UserId};
use crate::web::visit::Visit;

/// Logins of programs, as far as a login of a browser begins or ends them.
#[async_trait]
pub(crate) trait ProgramLogins: Send + Sync {
    /// Refuses a login of `user` if the request has a valid access token of another user in a header.
    ///
    /// # Errors
    ///
    /// [`Rejection::ConflictingCredentials`].
    fn check_sender(&self, visit: &Visit<'_>, user: UserId) -> Result<(), Rejection>;

    /// Returns `true` if programs can log in, so that such a login can begin together with a session.
    fn are_kept(&self) -> bool;

    /// Begins the login of a program together with this session, and adds its tokens with these claims to
    /// `shown`.
    async fn begin_with(
        &self,
        visit: &Visit<'_>,
        (user, session): (&User, &SessionRecord),
        claims: Map<String, Value>,
        shown: Value,
    ) -> Result<Value, Rejection>;

    /// Ends the login of the program that sent the access token of a request, if there is one. If the token
    /// was issued in a session, without a program, returns that session, which the caller has to end.
    async fn log_out_sender(&self, visit: &Visit<'_>) -> Result<Option<SessionRecord>, Rejection>;

    /// Ends all logins of a user's programs, except those that belong to the browser of this session.
    async fn end_others(&self, visit: &Visit<'_>, kept: &Active) -> Result<(), Rejection>;
}

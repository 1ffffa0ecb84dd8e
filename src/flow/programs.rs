//! What a login of a browser has to do with the logins of programs. It is done in
//! [`programs`](crate::programs).

use rocket::async_trait;
use serde_json::{Map, Value};

use crate::datastore::session::SessionRecord;
use crate::rejection::Rejection;
use crate::session::Active;
use crate::user::{User, UserId};
use crate::web::visit::Visit;

/// Logins of programs, as far as one of a browser begins or ends them.
#[async_trait]
pub(crate) trait ProgramLogins: Send + Sync {
    /// Refuses a login of `user` beside a good access token, in a header, of another user.
    ///
    /// # Errors
    ///
    /// [`Rejection::ConflictingCredentials`].
    fn check_sender(&self, visit: &Visit<'_>, user: UserId) -> Result<(), Rejection>;

    /// Returns `true` if programs are kept, so that one can begin together with a session.
    fn are_kept(&self) -> bool;

    /// Begins the login of a program together with this session, and adds its tokens, which have these claims, to
    /// what is shown of the user.
    async fn begin_with(
        &self,
        visit: &Visit<'_>,
        (user, session): (&User, &SessionRecord),
        claims: Map<String, Value>,
        shown: Value,
    ) -> Result<Value, Rejection>;

    /// Ends the login of the program that sent a request with an access token, if one did. For a token that was
    /// issued in a session, beside any program, returns that session, which the caller ends.
    async fn log_out_sender(&self, visit: &Visit<'_>) -> Result<Option<SessionRecord>, Rejection>;

    /// Ends all logins of programs of a user but those that belong to the browser of this session.
    async fn end_others(&self, visit: &Visit<'_>, kept: &Active) -> Result<(), Rejection>;
}

//! What a login of a browser has to do with the logins of programs. It is done in
//! [`programs`](crate::programs).

use rocket::async_trait;
use serde_json::Value;

use crate::datastore::session::SessionRecord;
use crate::flow::door::Flow;
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

    /// Begins the login of a program together with this session, if programs are kept, and adds its tokens to
    /// what is shown of the user.
    async fn begin_with(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        user: &User,
        session: &SessionRecord,
        shown: Value,
    ) -> Result<Value, Rejection>;

    /// Ends the login of the program that sent a request with an access token, if one did.
    async fn log_out_sender(&self, visit: &Visit<'_>, flow: &Flow) -> Result<(), Rejection>;

    /// Ends all logins of programs of a user but those that belong to the browser of this session.
    async fn end_others(&self, visit: &Visit<'_>, kept: &Active) -> Result<(), Rejection>;
}

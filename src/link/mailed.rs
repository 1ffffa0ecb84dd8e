//! [`MailedLink`]: what a feature's link shows, and what its button changes.

use rocket::async_trait;

use crate::crypto::one_time::Token;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::user::UserChange;
use crate::feature::Change;
use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::text::Text;
use crate::user::{Email, Method, Proof, User, Username};
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::Reply;
use crate::web::submission::Form;
use crate::web::visit::Visit;

/// The behavior of a feature's link. The implementing type holds the settings of the feature and is in
/// Rocket's managed state.
#[async_trait]
pub trait MailedLink: Send + Sync + Sized + 'static {
    /// The purpose of the link. With `-` for `_`, it is the first part of the link's path.
    const PURPOSE: &'static str;

    /// The setting that names the page of a single-page application to which the link leads.
    const VIEW: &'static str;

    /// The setting that names the page for invalid links.
    const ERROR_VIEW: &'static str;

    /// The answer to a second press of the button: what the first press did. Its reason is `invalid_link`.
    const DONE: Text;

    /// The form that the button submits.
    type Form: Form;

    /// Returns the page that shows the link, or, for `None`, that the link is not valid. The `token` of the
    /// form is added to it.
    fn page(&self, flow: &Flow, link: Option<&OpenLink>) -> Page;

    /// Adds the members that describe a valid link to the JSON answer.
    fn describe(&self, _link: &OpenLink, reply: Reply) -> Reply {
        reply
    }

    /// Refuses a request that may not see the link.
    async fn check(
        &self,
        _visit: &Visit<'_>,
        _flow: &Flow,
        _link: &OpenLink,
    ) -> Result<(), Rejection> {
        Ok(())
    }

    /// Returns what the button changes: the account, and what is committed with this change. The link is used
    /// up in the same step.
    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        form: Self::Form,
    ) -> Result<(Change, UserChange), Rejection>;

    /// Returns the refusal if the change does not apply to the account although the link is still valid.
    fn inapplicable(&self, _visit: &Visit<'_>) -> Rejection {
        Rejection::InvalidLink
    }

    /// Returns the answer after the change. `user` is the changed account.
    async fn reply(&self, visit: &Visit<'_>, flow: &Flow, user: User) -> Result<Reply, Rejection>;
}

/// A valid link.
#[non_exhaustive]
pub struct OpenLink {
    /// The token that it carries.
    pub token: Token,
    /// The token as stored.
    pub kept: OneTimeToken,
    /// The e-mail address that it was mailed to.
    pub address: Email,
    /// The user of the account.
    pub user: User,
    /// Whether the account has a password.
    pub has_password: bool,
}

impl OpenLink {
    /// Returns the username of the account, if it has one.
    pub fn username(&self) -> Option<&str> {
        self.user.username.as_ref().map(Username::as_str)
    }
}

/// Returns the answer to a used link: redirects to `next`, or logs the user in if `logs_in_by` is set.
///
/// After such a login, the browser continues to the page that it requested before the registration or the
/// reset. If another user is logged in, the link logs no one in.
///
/// # Errors
///
/// Those of a login.
pub async fn go_on(
    visit: &Visit<'_>,
    flow: &Flow,
    user: User,
    logs_in_by: Option<Method>,
    next: Next,
) -> Result<Reply, Rejection> {
    let is_anothers = visit.user().is_some_and(|other| other.id != user.id);
    // The link of one user must not move another user's browser into the first one's account.
    let Some(method) = logs_in_by.filter(|_| !is_anothers) else {
        return Ok(Reply::redirect(next));
    };
    let proof = Proof::new(method, visit.now());
    let entry = flow.enter(visit, user, proof).await?;
    flow.finish(visit, entry).await
}

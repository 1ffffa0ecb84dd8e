//! [`MailedLink`]: what a link of a feature shows, and what its button changes.

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

/// What a feature's link does: the settings of the feature, in managed state.
#[async_trait]
pub trait MailedLink: Send + Sync + Sized + 'static {
    /// What the link is for; with `-` for `_`, the first part of its path.
    const PURPOSE: &'static str;

    /// The setting that names the page of a single-page application to which the link leads.
    const VIEW: &'static str;

    /// The setting that names the page for links that are not valid.
    const ERROR_VIEW: &'static str;

    /// The sentence that a second press of the button is answered with: what the first one did. Its reason is
    /// `invalid_link`.
    const DONE: Text;

    /// What is submitted by the button.
    type Form: Form;

    /// Returns the page that shows the link, or, when there is none, that it is not valid. The button's `token` is
    /// added to it.
    fn page(&self, flow: &Flow, link: Option<&OpenLink>) -> Page;

    /// Adds to the answer in JSON what describes a valid link.
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

    /// Returns what pressing the button changes: the account, and what is committed with that. The link is
    /// used up in the same step.
    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        form: Self::Form,
    ) -> Result<(Change, UserChange), Rejection>;

    /// Returns why the change does not apply to the account, though the link may still be used.
    fn inapplicable(&self, _visit: &Visit<'_>) -> Rejection {
        Rejection::InvalidLink
    }

    /// Replies once the change is made. `user` is the account as it is now.
    async fn reply(&self, visit: &Visit<'_>, flow: &Flow, user: User) -> Result<Reply, Rejection>;
}

/// A link that may still be used.
pub struct OpenLink {
    /// What it carries.
    pub token: Token,
    /// What the store keeps of it.
    pub kept: OneTimeToken,
    /// The address that it was mailed to.
    pub address: Email,
    /// Whose account it is for.
    pub user: User,
    /// Whether that account has a password.
    pub has_password: bool,
}

impl OpenLink {
    /// Returns the username of the account, if it has one.
    pub fn username(&self) -> Option<&str> {
        self.user.username.as_ref().map(Username::as_str)
    }
}

/// Goes on after a link was used: to `next`, or, if the settings let a link log in, through the
/// door. The page that this browser asked for before the registration or the reset comes after that. If
/// another user is logged in, the link logs no one in.
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
    // The link of one user does not move the browser of another into their account.
    let Some(method) = logs_in_by.filter(|_| !is_anothers) else {
        return Ok(Reply::redirect(next));
    };
    let proof = Proof::new(method, visit.now());
    let entry = flow.enter(visit, user, proof).await?;
    flow.finish(visit, entry).await
}

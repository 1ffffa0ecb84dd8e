//! The checks that every login has to pass, and their outcome.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::crypto::random_uuid;
use crate::feature::{LoginAttempt, Required, Verdict};
use crate::flow::door::Flow;
use crate::rejection::Rejection;
use crate::user::{Proof, Proofs, User};
use crate::web::kept_next;
use crate::web::next::Next;
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// A user who has proved enough to be logged in. Only [`Flow`] creates it.
///
/// A session begins only with this value. A user is not enough:
///
/// ```compile_fail,E0308
/// # use rocket_security::Rejection;
/// # use rocket_security::User;
/// # use rocket_security::flow::Flow;
/// # use rocket_security::web::visit::Visit;
/// async fn let_in(flow: &Flow, visit: &Visit<'_>, user: User) -> Result<User, Rejection> {
///     flow.log_in(visit, user).await
/// }
/// ```
///
/// Other code cannot create it:
///
/// ```compile_fail,E0451
/// # use rocket_security::User;
/// # use rocket_security::user::Proofs;
/// use rocket_security::flow::Authenticated;
///
/// fn forge(user: User, proofs: Proofs) -> Authenticated {
///     Authenticated { user: Box::new(user), proofs, remembered: None, remember: false, next: None }
/// }
/// ```
///
/// It comes from the checks of [`Flow::enter`]. A handler passes the outcome to [`Flow::finish`]:
///
/// ```
/// # use rocket_security::Rejection;
/// # use rocket_security::User;
/// # use rocket_security::flow::Flow;
/// # use rocket_security::user::Method;
/// # use rocket_security::user::Proof;
/// # use rocket_security::web::reply::Reply;
/// # use rocket_security::web::visit::Visit;
/// async fn let_in(flow: &Flow, visit: &Visit<'_>, user: User) -> Result<Reply, Rejection> {
///     let proof = Proof::new(Method::custom("smart_card"), visit.origin().at);
///     let entry = flow.enter(visit, user, proof).await?;
///     flow.finish(visit, entry).await
/// }
/// ```
#[derive(Debug)]
pub struct Authenticated {
    pub(in crate::flow) user: Box<User>,
    pub(in crate::flow) proofs: Proofs,
    /// The remembered browser that the login comes from.
    pub(in crate::flow) remembered: Option<RememberedBrowser>,
    pub(in crate::flow) remember: bool,
    pub(in crate::flow) next: Option<Next>,
}

/// The remembered browser that a login comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::flow) struct RememberedBrowser {
    pub(in crate::flow) series: Digest,
    /// What the user had proved when the browser was first remembered.
    pub(in crate::flow) proofs: Proofs,
    /// When the browser is no longer remembered, however often it returns.
    pub(in crate::flow) until: Timestamp,
}

impl Authenticated {
    /// Begins a login that has not been checked yet. Only for this module.
    pub(in crate::flow) fn by(user: User, proof: Proof) -> Self {
        let (user, proofs) = (Box::new(user), Proofs::from(proof));
        Self { user, proofs, remembered: None, remember: false, next: None }
    }

    /// Returns the authenticated user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Returns what the user proved.
    pub fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    pub(crate) fn into_user(self) -> User {
        *self.user
    }
}

/// A login whose user has to prove more before it is finished. Only [`Flow`] creates it.
///
/// It is bound to one browser and to the current state of the account. It ends after ten minutes, with a
/// logout, with another login in the same browser, and with any change of the account.
///
/// [`Flow::finish`] lets the browser hold it, and [`Flow::pending`] returns it at the page where the user
/// proves what is missing:
///
/// ```
/// use rocket_security::Rejection;
/// use rocket_security::flow::Flow;
/// use rocket_security::web::visit::Visit;
///
/// async fn greeting(flow: &Flow, visit: &Visit<'_>) -> Result<String, Rejection> {
///     let pending = flow.pending(visit).await?;
///     Ok(format!("{}, please enter your code.", pending.user().email))
/// }
/// ```
#[derive(Debug)]
pub struct PendingLogin {
    pub(in crate::flow) id: Uuid,
    pub(in crate::flow) login: Authenticated,
    pub(in crate::flow) required: Required,
    pub(in crate::flow) began_at: Timestamp,
}

impl PendingLogin {
    /// Returns the user who has to prove more.
    pub fn user(&self) -> &User {
        &self.login.user
    }

    /// Returns what the user has proved so far.
    pub fn proofs(&self) -> &Proofs {
        &self.login.proofs
    }

    /// Returns what is missing.
    pub fn required(&self) -> &Required {
        &self.required
    }
}

/// The outcome of a login whose credentials were accepted: open, or waiting for another proof.
///
/// Returned by [`Flow::enter`], [`Flow::prove`] and [`Flow::authenticate_password`]. Pass it to
/// [`Flow::finish`], after setting where the login leads to:
///
/// ```
/// use rocket_security::Rejection;
/// use rocket_security::flow::{Entry, Flow};
/// use rocket_security::web::next::Next;
/// use rocket_security::web::reply::Reply;
/// use rocket_security::web::visit::Visit;
///
/// async fn finish(flow: &Flow, visit: &Visit<'_>, entry: Entry) -> Result<Reply, Rejection> {
///     let entry = entry.remembering(true).leading_to(Next::parse("/welcome"));
///     flow.finish(visit, entry).await
/// }
/// ```
#[derive(Debug)]
pub enum Entry {
    /// The user has proved enough.
    Open(Authenticated),
    /// The user has to prove more first.
    Pending(Box<PendingLogin>),
}

impl Entry {
    /// Sets whether to remember this browser once the login is finished. Off by default.
    pub fn remembering(mut self, remember: bool) -> Self {
        match &mut self {
            Self::Open(authenticated) => authenticated.remember = remember,
            Self::Pending(pending) => pending.login.remember = remember,
        }
        self
    }

    /// Sets the page that the browser goes to once the login is finished.
    pub fn leading_to(mut self, page: Option<Next>) -> Self {
        match &mut self {
            Self::Open(authenticated) => authenticated.next = page,
            Self::Pending(pending) => pending.login.next = page,
        }
        self
    }
}

/// A login whose proofs were accepted, with the verdict on it. Nothing has been reported yet.
pub(in crate::flow) struct Judged {
    pub(in crate::flow) login: Authenticated,
    pub(in crate::flow) verdict: Verdict,
}

impl Flow {
    /// Checks the state of an account whose user gave a valid proof, and asks the hooks.
    ///
    /// Call it once the handler has verified what the user sent, and pass the outcome to
    /// [`finish`](Self::finish). See the example of [`Flow`].
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidCredentials`] if the account is deactivated or closed. The rejection of a hook.
    /// [`Rejection::Unavailable`] if a hook fails.
    pub async fn enter(
        &self,
        visit: &Visit<'_>,
        user: User,
        proof: Proof,
    ) -> Result<Entry, Rejection> {
        let judged = self.judge(visit, Authenticated::by(user, proof)).await?;
        self.conclude(visit, judged).await
    }

    /// Finishes a login: begins the session, or redirects the browser to the page where the user proves what
    /// is missing.
    ///
    /// Call it at the end of every handler that logs a user in. The JSON answer has `tf_required` and the
    /// members that belong to it.
    ///
    /// After the login, the browser goes to the page that the entry [leads to](Entry::leading_to), or else to
    /// the page that was requested before a registration or a reset, or else home.
    ///
    /// # Errors
    ///
    /// As for [`log_in`](Self::log_in).
    pub async fn finish(&self, visit: &Visit<'_>, entry: Entry) -> Result<Reply, Rejection> {
        match entry {
            Entry::Open(mut authenticated) => {
                let next = authenticated.next.take();
                let user = self.log_in(visit, authenticated).await?;
                let shown = visit.site().payload(&user).await?;
                let shown = self.with_access_token(visit, &user, shown).await?;
                let kept = kept_next::take(visit);
                let next = next.or(kept).or_else(|| visit.site().url("home"));
                Ok(Reply::redirect(next.unwrap_or_else(Next::home))
                    .with("user", shown)
                    .with("tf_required", false))
            }
            Entry::Pending(pending) => {
                let page = visit.site().url(pending.required.page()).ok_or_else(|| {
                    log::error!(
                        "a hook requires a proof at an unknown page: {:?}",
                        pending.required
                    );
                    Rejection::Unavailable
                })?;
                let members = pending.required.members();
                self.hold(visit, &pending).await?;
                let reply = Reply::redirect(page).with("tf_required", true);
                Ok(members.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value)))
            }
        }
    }

    /// Checks the state of an account, and asks all hooks.
    pub(in crate::flow) async fn judge(
        &self,
        visit: &Visit<'_>,
        login: Authenticated,
    ) -> Result<Judged, Rejection> {
        let verdict = if login.user.is_open() {
            self.moments.before_login(&self.attempt_of(visit, &login)).await?
        } else {
            Verdict::Refuse(Rejection::InvalidCredentials)
        };
        Ok(Judged { login, verdict })
    }

    /// Turns a verdict into an entry, or reports the refusal.
    pub(in crate::flow) async fn conclude(
        &self,
        visit: &Visit<'_>,
        judged: Judged,
    ) -> Result<Entry, Rejection> {
        let Judged { login, verdict } = judged;
        match verdict {
            Verdict::Allow => Ok(Entry::Open(login)),
            Verdict::Require(required) => {
                let (id, began_at) = (random_uuid()?, visit.now());
                Ok(Entry::Pending(Box::new(PendingLogin { id, login, required, began_at })))
            }
            Verdict::Refuse(rejection) => {
                let reason = match (login.user.active, login.user.is_open()) {
                    (false, _) => "inactive",
                    (true, false) => "closed",
                    (true, true) => rejection.reason(),
                };
                self.fail(visit, Some(&login.user), login.proofs.authn_via(), reason).await?;
                Err(rejection)
            }
        }
    }

    /// Refuses a login that lacks a proof, where there is no page for adding it.
    pub(in crate::flow) async fn refuse_pending(
        &self,
        visit: &Visit<'_>,
        pending: &PendingLogin,
    ) -> Result<Rejection, Rejection> {
        let authn_via = pending.proofs().authn_via();
        self.fail(visit, Some(pending.user()), authn_via, "second_factor_required").await
    }

    /// Tells the hooks that a login has begun.
    pub(crate) async fn logged_in(&self, visit: &Visit<'_>, authenticated: &Authenticated) {
        self.moments.after_login(&self.attempt_of(visit, authenticated)).await;
    }

    /// Creates the description of a login for the hooks.
    pub(in crate::flow) fn attempt_of<'a>(
        &self,
        visit: &Visit<'_>,
        authenticated: &'a Authenticated,
    ) -> LoginAttempt<'a> {
        let Authenticated { user, proofs, remembered, .. } = authenticated;
        let origin = visit.origin();
        LoginAttempt {
            remembered: remembered.as_ref().map(|it| &it.proofs),
            remembered_until: remembered.as_ref().map(|it| it.until),
            ..LoginAttempt::new(user, proofs, origin.at, origin.client)
        }
    }
}

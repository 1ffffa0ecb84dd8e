//! The door: what every way in has to pass, and what comes of it.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::random_uuid;
use crate::feature::{LoginAttempt, Required, Verdict};
use crate::flow::door::Flow;
use crate::rejection::Rejection;
use crate::user::{Proof, Proofs, User};
use crate::web::kept_next;
use crate::web::next::Next;
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// A user who proved enough to come in. Only [`Flow`] makes one.
///
/// A session begins with nothing else: not with a user,
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
/// nor with one that was made elsewhere:
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
/// but with what came of the door. [`Flow::finish`] does all of this for a handler:
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
    /// What the browser was remembered with, if that is how the login began.
    pub(in crate::flow) remembered: Option<Proofs>,
    pub(in crate::flow) remember: bool,
    pub(in crate::flow) next: Option<Next>,
}

impl Authenticated {
    /// Begins a login, which nothing has judged yet: inside the door alone.
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

/// A login whose user has to prove more before it is finished. Only [`Flow`] makes one.
///
/// It is bound to the user as the account is now, and to one browser. It ends with a logout, with another
/// login in the same browser, after ten minutes, and with any change of the account.
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

/// What comes of right credentials.
#[derive(Debug)]
pub enum Entry {
    /// They suffice.
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

    /// Sets the page that the browser is led to once the login is finished.
    pub fn leading_to(mut self, page: Option<Next>) -> Self {
        match &mut self {
            Self::Open(authenticated) => authenticated.next = page,
            Self::Pending(pending) => pending.login.next = page,
        }
        self
    }
}

/// A login whose proofs were found right, and what the door makes of it. Nothing is reported yet.
pub(in crate::flow) struct Judged {
    pub(in crate::flow) login: Authenticated,
    pub(in crate::flow) verdict: Verdict,
}

impl Flow {
    /// Checks the state of an account whose user proved who they are, and asks the hooks: what every way in
    /// has to pass.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidCredentials`] if the account is in no state to log in; the refusal of a hook;
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

    /// Finishes a login: begins the session, or leads the browser to the page where the user proves what is
    /// missing. The answer in JSON has `tf_required` and what belongs to it, for every way in.
    ///
    /// A browser goes on to the page that the login [leads to](Entry::leading_to), to the one that it was
    /// asked for before a registration or a reset, or home.
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

    /// Does what follows from a judgement.
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

    /// Refuses a login that lacks a proof where there is no page at which the user could add it.
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

    /// Describes a login to the hooks.
    pub(in crate::flow) fn attempt_of<'a>(
        &self,
        visit: &Visit<'_>,
        authenticated: &'a Authenticated,
    ) -> LoginAttempt<'a> {
        let Authenticated { user, proofs, remembered, .. } = authenticated;
        let origin = visit.origin();
        LoginAttempt {
            remembered: remembered.as_ref(),
            ..LoginAttempt::new(user, proofs, origin.at, origin.client)
        }
    }
}

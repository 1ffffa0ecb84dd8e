//! The one way a session begins and ends.
//!
//! Every way in ends in [`Flow::log_in`] with an [`Authenticated`], which this module alone can
//! make; it alone issues session ids. So a path that skips the active check, a second factor or
//! the limits on attempts does not type-check.
//!
//! The order for a password is part of the design. The limit of the network comes first, so that a
//! client beyond it takes no place in the hash queue from others. Then comes a place in that queue: a
//! full one costs nothing, and counts no failed attempt of an account. Then the attempt is charged,
//! before the password is looked at, so that attempts at once cannot outrun the count; then comes one
//! hash, whether there is such a user or not; then the state of the account; then the hooks.

pub mod access;
mod bearer;
mod choice;
mod disabled;
pub(crate) mod families;
pub mod lapse;
pub mod limits;
pub mod link;
pub mod once;
mod own;
mod remember;
mod session;
pub mod single_page;
pub mod ticket;
pub mod username;

pub(crate) use crate::flow::choice::Judges;

pub use crate::flow::choice::{Choice, Chooser};
pub use crate::flow::remember::Return;

use std::sync::{Arc, OnceLock};

use crate::config::Span;
use crate::crypto::hasher::{Hasher, PasswordHash, Slot, Verified};
use crate::crypto::password::{Password, PasswordPolicy};
use crate::datastore::outbox::NewMail;
use crate::datastore::session::SessionRecord;
use crate::datastore::user::Credentials;
use crate::datastore::{Together, UserDatastore};
use crate::error::Result;
use crate::event::{Event, Origin};
use crate::feature::{Announcer, Hooks, LoginAttempt, Registration, Verdict, asker};
use crate::flow::bearer::{Checked, sent_by_no_other};
use crate::flow::families::Programs;
use crate::flow::limits::Limits;
use crate::flow::username::UsernamePolicy;
use crate::mail::worker::Bell;
use crate::rejection::Rejection;
use crate::user::{Identity, User};
use crate::web::visit::Visit;

/// The method of a login by password, as events name it.
const PASSWORD: &str = "password";

/// Somebody who proved who they are and may come in. Only [`Flow`] makes one.
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
/// use rocket_security::flow::Authenticated;
///
/// fn forge(user: User) -> Authenticated {
///     Authenticated { user: Box::new(user), authn_via: "password", remember: false }
/// }
/// ```
///
/// but with what came of the door:
///
/// ```
/// # use rocket_security::Rejection;
/// # use rocket_security::User;
/// # use rocket_security::flow::Entry;
/// # use rocket_security::flow::Flow;
/// # use rocket_security::web::visit::Visit;
/// async fn let_in(flow: &Flow, visit: &Visit<'_>, user: User) -> Result<User, Rejection> {
///     match flow.enter(visit, user, "smart_card").await? {
///         Entry::Open(authenticated) => flow.log_in(visit, authenticated).await,
///         Entry::Diverted { .. } => Err(Rejection::Forbidden),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Authenticated {
    user: Box<User>,
    authn_via: &'static str,
    remember: bool,
}

impl Authenticated {
    /// Gives who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Says whether they want this browser to be remembered. Nobody who does not say so is.
    pub fn remembering(self, remember: bool) -> Self {
        Self { remember, ..self }
    }
}

/// What comes of right credentials.
#[derive(Debug)]
pub enum Entry {
    /// They suffice.
    Open(Authenticated),
    /// A hook wants something else first, at the page of that name.
    Diverted {
        /// The name of the page, as for `security_url`.
        page: &'static str,
    },
}

/// Whether the account of a user who proved who they are may log in. Nothing is reported yet.
enum Judged {
    Open,
    Diverted { page: &'static str },
    Refused { reason: &'static str, rejection: Rejection },
}

/// The one door: in Rocket's managed state.
pub struct Flow {
    store: Arc<dyn UserDatastore>,
    hooks: Arc<[Box<dyn Hooks>]>,
    announcer: Announcer,
    hasher: Hasher,
    judges: Judges,
    policy: PasswordPolicy,
    usernames: UsernamePolicy,
    limits: Limits,
    max_sessions: u32,
    freshness: Span,
    bell: Bell,
    /// What keeps programs, once a feature does.
    programs: OnceLock<Programs>,
    checked: Checked,
}

/// The parts of [`Flow`].
pub(crate) struct FlowParts {
    pub(crate) store: Arc<dyn UserDatastore>,
    pub(crate) hooks: Arc<[Box<dyn Hooks>]>,
    pub(crate) announcer: Announcer,
    pub(crate) hasher: Hasher,
    pub(crate) judges: Judges,
    pub(crate) policy: PasswordPolicy,
    pub(crate) usernames: UsernamePolicy,
    pub(crate) limits: Limits,
    pub(crate) max_sessions: u32,
    pub(crate) freshness: Span,
    pub(crate) bell: Bell,
}

impl Flow {
    pub(crate) fn new(parts: FlowParts) -> Self {
        let FlowParts { store, hooks, announcer, hasher, policy, usernames, .. } = parts;
        let FlowParts { judges, limits, max_sessions, freshness, bell, .. } = parts;
        Self {
            store,
            hooks,
            announcer,
            hasher,
            judges,
            policy,
            usernames,
            limits,
            max_sessions,
            freshness,
            bell,
            programs: OnceLock::new(),
            checked: Checked::default(),
        }
    }

    /// Gives the store, for flows that lead to no session.
    pub fn store(&self) -> &Arc<dyn UserDatastore> {
        &self.store
    }

    /// Gives the rules for new passwords.
    pub fn password_policy(&self) -> &PasswordPolicy {
        &self.policy
    }

    /// Gives the limits on attempts.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Gives the threads that hash.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Takes a place in the hash queue for the network of a request, which can hold a quarter of them;
    /// the larger networks around it can hold half of them each.
    /// Ask the [limit](Limits::admit) of the network first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if the queue is full, or one of the networks has its part of it.
    pub fn reserve(&self, visit: &Visit<'_>) -> Result<Slot, Rejection> {
        self.hasher.reserve_for(self.limits.network_digests(visit))
    }

    /// Compares a password with the hash of an account. For an account that does not exist or has no
    /// password, it does the work of one that exists.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the comparison fails.
    pub async fn verify_password(
        &self,
        slot: &Slot,
        identity: &Identity,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verified, Rejection> {
        let identity = self.limits.identity_digest(identity);
        Ok(self.hasher.verify(slot, password, stored, &identity).await?)
    }

    /// Finds out whether a password opens an account.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] when the hash queue is full, and nothing was looked up, nor an attempt
    /// counted; [`Rejection::Throttled`] when there were too many attempts; [`Rejection::InvalidCredentials`]
    /// for an unknown identity, a wrong password and an account in no state to log in alike; what
    /// a hook refused with; [`Rejection::Unavailable`] when the store does not answer.
    pub async fn authenticate_password(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
    ) -> Result<Entry, Rejection> {
        self.limits.admit(visit, "login").await?;
        let slot = self.reserve(visit)?;
        let found = self.store.find_credentials(identity).await?;
        let whose = found.as_ref().map(|found| found.user.id);
        let charged = self.limits.charge(visit, identity, whose).await?;
        let user = found.as_ref().map(|found| &found.user);
        let tally = self.limits.count_failure(visit, identity, user).await?;

        let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
        let verified = self.verify_password(&slot, identity, password, stored).await?;
        let Some(Credentials { user, password_hash }) = found else {
            // The same work as for an account.
            self.limits.is_used_up(visit, &tally).await?;
            return Err(self.fail(visit, None, PASSWORD, "unknown_identity").await?);
        };
        if verified == Verified::No || tally.is_disabled {
            return Err(self.fail_password(visit, &user, &tally, verified).await?);
        }
        let right = self.limits.found_right(visit, charged, &tally);
        let judged = match self.judge_login(visit, &user, PASSWORD).await {
            Ok(judged) => judged,
            Err(fault) => {
                // If the store fails, too, the charges are remembered.
                let _ = right.clear(&*self.store).await;
                return Err(fault);
            }
        };
        match judged {
            Judged::Open => self.limits.clear(visit, right, &user).await?,
            Judged::Diverted { .. } | Judged::Refused { .. } => right.leave(),
        }
        let entry = self.conclude_login(visit, user.clone(), PASSWORD, judged).await?;
        if let (Verified::Outdated, Some(old)) = (verified, password_hash) {
            let new = self.hasher.hash(&slot, password).await?;
            self.store.replace_password_hash(user.id, &old, &new).await?;
        }
        Ok(entry)
    }

    /// Begins a session: a new id, in place of whatever id the browser had.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidCredentials`] when the account changed while the login was under way;
    /// [`Rejection::ConflictingCredentials`] beside a good access token, in a header, of another user;
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn log_in(
        &self,
        visit: &Visit<'_>,
        authenticated: Authenticated,
    ) -> Result<User, Rejection> {
        let Authenticated { user, authn_via, remember } = authenticated;
        sent_by_no_other(visit, user.id)?;
        let origin = visit.origin();
        let event = Event::UserAuthenticated {
            user: user.id,
            authn_via: authn_via.to_owned(),
            origin: origin.clone(),
        };
        let attempt = LoginAttempt::new(&user, authn_via, origin.at, origin.client);
        let keepsake = if remember { self.keepsake(&attempt).await? } else { None };
        let (token, record) = self.new_session(visit, &user, authn_via)?;
        let series = keepsake.as_ref().map(|keepsake| keepsake.series.digest());
        if !self.begin(visit, (token, SessionRecord { series, ..record }), &event).await? {
            return Err(self.fail(visit, Some(&user), authn_via, "account_changed").await?);
        }
        self.replace_keepsake(visit, keepsake.as_ref()).await?;
        self.tell_logged_in(&attempt).await;
        visit.signals().send_committed(&event);
        Ok(*user)
    }

    async fn tell_logged_in(&self, attempt: &LoginAttempt<'_>) {
        for hook in &*self.hooks {
            // The session has begun: a hook that fails now cannot make it undone.
            if let Err(fault) = hook.after_login(attempt).await {
                log::error!("a hook failed after a login: {fault}");
            }
        }
    }

    /// Gives what a change is committed together with: these mails, and what the hooks want to have
    /// along with the event that tells of it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when a hook fails; then the change must not happen.
    pub async fn along(&self, event: &Event, mail: Vec<NewMail>) -> Result<Together, Rejection> {
        Ok(self.announcer.along(event, mail).await?)
    }

    /// Tells of a change that was committed.
    pub fn told(&self, event: &Event) {
        self.announcer.told(event);
        self.mail_is_waiting();
    }

    /// Asks the hooks what goes with a registration.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when a hook fails.
    pub async fn with_registration(
        &self,
        visit: &Visit<'_>,
        registration: &Registration<'_>,
    ) -> Result<Together, Rejection> {
        let mut together = Together::nothing();
        for hook in &*self.hooks {
            together = together.join(hook.after_register(registration).await?);
        }
        let asker = asker(&visit.origin());
        together.mail =
            together.mail.into_iter().map(|mail| mail.asked_by(asker.clone())).collect();
        Ok(together)
    }

    /// Puts a mail into the outbox that comes with no change, and says who asked for it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn post(&self, mail: NewMail, origin: &Origin) -> Result<(), Rejection> {
        self.store.push_mail(&mail.asked_by(asker(origin))).await?;
        self.mail_is_waiting();
        Ok(())
    }

    /// Tells whether a new account waits for its owner to prove the address; one that nobody proves is
    /// deleted after [`UNCONFIRMED_FOR`](lapse::UNCONFIRMED_FOR).
    pub fn awaits_confirmation(&self) -> bool {
        self.hooks.iter().any(|hook| hook.awaits_confirmation())
    }

    /// Says that there is new mail in the outbox.
    pub fn mail_is_waiting(&self) {
        self.bell.ring();
    }

    /// Checks the state of an account whose owner proved to be them by `authn_via`, and asks the hooks:
    /// what every way in has to pass.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidCredentials`] when the account is in no state to log in; what a hook
    /// refused with; [`Rejection::Unavailable`] when one fails.
    pub async fn enter(
        &self,
        visit: &Visit<'_>,
        user: User,
        authn_via: &'static str,
    ) -> Result<Entry, Rejection> {
        let judged = self.judge_login(visit, &user, authn_via).await?;
        self.conclude_login(visit, user, authn_via, judged).await
    }

    /// Checks the state of an account, and asks the hooks.
    async fn judge_login(
        &self,
        visit: &Visit<'_>,
        user: &User,
        authn_via: &'static str,
    ) -> Result<Judged, Rejection> {
        if !user.is_open() {
            let reason = if user.active { "closed" } else { "inactive" };
            return Ok(Judged::Refused { reason, rejection: Rejection::InvalidCredentials });
        }
        let origin = visit.origin();
        let attempt = LoginAttempt::new(user, authn_via, origin.at, origin.client);
        for hook in &*self.hooks {
            match hook.before_login(&attempt).await? {
                Verdict::Allow => {}
                Verdict::Divert { page } => return Ok(Judged::Diverted { page }),
                Verdict::Refuse(rejection) => {
                    return Ok(Judged::Refused { reason: rejection.reason(), rejection });
                }
            }
        }
        Ok(Judged::Open)
    }

    /// Does what follows from a judgement.
    async fn conclude_login(
        &self,
        visit: &Visit<'_>,
        user: User,
        authn_via: &'static str,
        judged: Judged,
    ) -> Result<Entry, Rejection> {
        match judged {
            Judged::Open => {
                Ok(Entry::Open(Authenticated { user: Box::new(user), authn_via, remember: false }))
            }
            Judged::Diverted { page } => Ok(Entry::Diverted { page }),
            Judged::Refused { reason, rejection } => {
                self.fail(visit, Some(&user), authn_via, reason).await?;
                Err(rejection)
            }
        }
    }

    /// Tells everybody but the client why a login failed.
    async fn fail(
        &self,
        visit: &Visit<'_>,
        user: Option<&User>,
        authn_via: &str,
        reason: &'static str,
    ) -> Result<Rejection, Rejection> {
        for hook in &*self.hooks {
            hook.login_failed(user, reason).await?;
        }
        let (user, authn_via) = (user.map(|user| user.id), authn_via.to_owned());
        let origin = visit.origin();
        visit.signals().send(&Event::UserFailedAuthn { user, authn_via, reason, origin });
        Ok(Rejection::InvalidCredentials)
    }
}

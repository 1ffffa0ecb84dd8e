//! The one way a session begins and ends.
//!
//! Every way in ends in [`Flow::log_in`] with an [`Authenticated`], which this module alone can
//! make; it alone issues session ids. So a path that skips the active check, a second factor or
//! the limits on attempts does not type-check.
//!
//! The order for a password is part of the design: a place in the hash queue first, so that a full
//! one costs nothing and counts nobody's attempt; then the attempt is charged, before the
//! password is looked at, so that attempts at once cannot outrun the count; then one hash, whether
//! there is such a user or not; then the state of the account; then the hooks.

pub mod limits;

use std::sync::Arc;

use rocket::http::HeaderMap;

use crate::crypto::hasher::Hasher;
use crate::crypto::hasher::Slot;
use crate::crypto::hasher::Verified;
use crate::crypto::one_time::Token;
use crate::crypto::password::Password;
use crate::crypto::password::PasswordPolicy;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::UserDatastore;
use crate::datastore::session::SessionRecord;
use crate::datastore::user::Credentials;
use crate::error::Result;
use crate::event::Event;
use crate::feature::Hooks;
use crate::feature::LoginAttempt;
use crate::feature::Registration;
use crate::feature::Verdict;
use crate::flow::limits::Limits;
use crate::mail::worker::Bell;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::user::Identity;
use crate::user::User;
use crate::web::visit::Visit;

/// How much of a `User-Agent` is kept, in characters.
const USER_AGENT_CHARS: usize = 255;

/// Somebody who proved who they are and may come in. Only [`Flow`] makes one.
#[derive(Debug)]
pub struct Authenticated {
    user: User,
    authn_via: &'static str,
}

impl Authenticated {
    /// Gives who it is.
    pub fn user(&self) -> &User {
        &self.user
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

/// The one door: in Rocket's managed state.
pub struct Flow {
    store: Arc<dyn UserDatastore>,
    hooks: Vec<Box<dyn Hooks>>,
    hasher: Hasher,
    policy: PasswordPolicy,
    limits: Limits,
    max_sessions: u32,
    bell: Bell,
}

/// The parts of [`Flow`].
pub(crate) struct FlowParts {
    pub(crate) store: Arc<dyn UserDatastore>,
    pub(crate) hooks: Vec<Box<dyn Hooks>>,
    pub(crate) hasher: Hasher,
    pub(crate) policy: PasswordPolicy,
    pub(crate) limits: Limits,
    pub(crate) max_sessions: u32,
    pub(crate) bell: Bell,
}

impl Flow {
    pub(crate) fn new(parts: FlowParts) -> Self {
        let FlowParts { store, hooks, hasher, policy, limits, max_sessions, bell } = parts;
        Self { store, hooks, hasher, policy, limits, max_sessions, bell }
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

    /// Reads the fields `password` and `password_confirm` of a password that somebody chooses, and
    /// adds what is wrong with them to `errors`. `email` is the address as they typed it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when a hook fails.
    pub async fn choose_password(
        &self,
        slot: &Slot,
        password: &Secret<String>,
        confirm: Option<&Secret<String>>,
        email: &str,
        errors: &mut FieldErrors,
    ) -> Result<Option<Password>, Rejection> {
        const FIELD: &str = "password";
        let parsed = errors.take(FIELD, "password_invalid", Password::parse(password));
        if let Some(chosen) = &parsed {
            let (policy, candidate, own) = (self.policy.clone(), chosen.clone(), email.to_owned());
            let check = move || policy.check(FIELD, &candidate, &[&own]);
            errors.extend(self.hasher.run_with(slot, check).await?);
            for hook in &self.hooks {
                errors.extend(hook.check_password(FIELD, chosen, email).await?);
            }
        }
        if confirm.is_some_and(|confirm| confirm != password) {
            errors.push("password_confirm", "password_mismatch", "The two passwords differ.");
        }
        Ok(parsed)
    }

    /// Finds out whether a password opens an account.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] when the hash queue is full, and nothing was looked up or counted;
    /// [`Rejection::Throttled`] when there were too many attempts; [`Rejection::InvalidCredentials`]
    /// for an unknown identity, a wrong password and an account in no state to log in alike; what
    /// a hook refused with; [`Rejection::Unavailable`] when the store does not answer.
    pub async fn authenticate_password(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
    ) -> Result<Entry, Rejection> {
        let slot = self.hasher.reserve()?;
        self.limits.admit(visit, "login").await?;
        let charged = self.limits.charge(visit, identity).await?;

        let found = self.store.find_credentials(identity).await?;
        let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
        let verified = self.hasher.verify(&slot, password, stored).await?;
        let Some(Credentials { user, password_hash }) = found else {
            return Err(self.fail(visit, None, "unknown_identity").await?);
        };
        if verified == Verified::No {
            return Err(self.fail(visit, Some(&user), "wrong_password").await?);
        }
        let entry = self.admit_user(visit, user.clone(), "password").await?;
        if matches!(entry, Entry::Open(_)) {
            self.limits.clear(charged).await?;
        }
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
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn log_in(
        &self,
        visit: &Visit<'_>,
        authenticated: Authenticated,
    ) -> Result<User, Rejection> {
        let Authenticated { user, authn_via } = authenticated;
        let origin = visit.origin(visit.request());
        let token = Token::random()?;
        let record = SessionRecord {
            digest: token.digest(),
            id: random_uuid()?,
            user_id: user.id,
            epoch: user.epoch,
            authn_via: authn_via.to_owned(),
            client: origin.client,
            user_agent: user_agent(visit.request().headers()),
            created_at: origin.at,
            authenticated_at: origin.at,
            last_seen_at: origin.at,
        };
        if !self.store.begin_session(&record, self.max_sessions).await? {
            return Err(self.fail(visit, Some(&user), "account_changed").await?);
        }
        if let Some(before) = visit.sessions().current(visit.request()).await.active() {
            self.store.end_session(&before.record.digest).await?;
        }
        visit.sessions().become_user(visit.request(), &token)?;
        let attempt = LoginAttempt::new(&user, authn_via, origin.at, origin.client);
        for hook in &self.hooks {
            // The session has begun: a hook that fails now cannot make it undone.
            if let Err(fault) = hook.after_login(&attempt).await {
                log::error!("a hook failed after a login: {fault}");
            }
        }
        let authn_via = authn_via.to_owned();
        visit.signals().send(&Event::UserAuthenticated { user: user.id, authn_via, origin });
        Ok(user)
    }

    /// Ends the session of a request, if it has one, and takes its id from the browser.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer; the session then lives on.
    pub async fn log_out(&self, visit: &Visit<'_>) -> Result<(), Rejection> {
        if let Some(active) = visit.sessions().current(visit.request()).await.active() {
            self.store.end_session(&active.record.digest).await?;
            for hook in &self.hooks {
                if let Err(fault) = hook.after_logout(&active.user).await {
                    log::error!("a hook failed after a logout: {fault}");
                }
            }
            let origin = visit.origin(visit.request());
            visit.signals().send(&Event::UserLoggedOut { user: active.user.id, origin });
        }
        visit.sessions().forget(visit.request());
        Ok(())
    }

    /// Asks the hooks whether a session may authenticate this request.
    ///
    /// # Errors
    ///
    /// What a hook refused with.
    pub async fn check_session(&self, user: &User) -> Result<(), Rejection> {
        for hook in &self.hooks {
            match hook.session_checked(user).await? {
                Verdict::Allow => {}
                Verdict::Refuse(rejection) => return Err(rejection),
                Verdict::Divert { .. } => return Err(Rejection::Forbidden),
            }
        }
        Ok(())
    }

    /// Asks the hooks what goes with a registration.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when a hook fails.
    pub async fn with_registration(
        &self,
        registration: &Registration<'_>,
    ) -> Result<Together, Rejection> {
        let mut together = Together::nothing();
        for hook in &self.hooks {
            together = together.join(hook.after_register(registration).await?);
        }
        Ok(together)
    }

    /// Says that there is new mail in the outbox.
    pub fn mail_is_waiting(&self) {
        self.bell.ring();
    }

    /// Checks the state of an account whose credentials were right, and asks the hooks.
    async fn admit_user(
        &self,
        visit: &Visit<'_>,
        user: User,
        authn_via: &'static str,
    ) -> Result<Entry, Rejection> {
        if !user.active {
            return Err(self.fail(visit, Some(&user), "inactive").await?);
        }
        let origin = visit.origin(visit.request());
        let attempt = LoginAttempt::new(&user, authn_via, origin.at, origin.client);
        for hook in &self.hooks {
            match hook.before_login(&attempt).await? {
                Verdict::Allow => {}
                Verdict::Divert { page } => return Ok(Entry::Diverted { page }),
                Verdict::Refuse(rejection) => {
                    self.fail(visit, Some(&user), rejection.reason()).await?;
                    return Err(rejection);
                }
            }
        }
        Ok(Entry::Open(Authenticated { user, authn_via }))
    }

    /// Tells everybody but the client why a login failed.
    async fn fail(
        &self,
        visit: &Visit<'_>,
        user: Option<&User>,
        reason: &'static str,
    ) -> Result<Rejection, Rejection> {
        for hook in &self.hooks {
            hook.login_failed(user, reason).await?;
        }
        let (user, origin) = (user.map(|user| user.id), visit.origin(visit.request()));
        visit.signals().send(&Event::UserFailedAuthn { user, reason, origin });
        Ok(Rejection::InvalidCredentials)
    }
}

fn user_agent(headers: &HeaderMap<'_>) -> Option<String> {
    let text = headers.get_one("User-Agent")?;
    Some(text.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect())
}

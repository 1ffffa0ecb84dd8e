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

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::Request;
use rocket::http::HeaderMap;

use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::config::ThrottleConfig;
use crate::crypto::hasher::Hasher;
use crate::crypto::hasher::Slot;
use crate::crypto::hasher::Verified;
use crate::crypto::one_time::Digest;
use crate::crypto::one_time::Token;
use crate::crypto::one_time::keyed_digest;
use crate::crypto::password::Password;
use crate::crypto::password::PasswordPolicy;
use crate::crypto::random_uuid;
use crate::datastore::UserDatastore;
use crate::datastore::attempt::BackOff;
use crate::datastore::attempt::Charge;
use crate::datastore::outbox::NewMail;
use crate::datastore::session::SessionRecord;
use crate::datastore::user::Credentials;
use crate::error::Result;
use crate::event::Event;
use crate::feature::Hooks;
use crate::feature::LoginAttempt;
use crate::feature::Registration;
use crate::feature::Verdict;
use crate::mail::worker::Bell;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::user::Email;
use crate::user::Identity;
use crate::user::User;
use crate::web::Web;
use crate::web::client_ip::network_of;

/// The back-off of an account from one network: from the fifth failure, 30 s to 1 h
/// (NIST SP 800-63B-4, section 3.2.2).
const BACK_OFF: BackOff =
    BackOff { from: 5, first_delay: TimeDelta::seconds(30), longest_delay: TimeDelta::hours(1) };

/// How many requests of one kind a network may make in a window. An office behind one address
/// fits; a machine that tries a list of leaked passwords does not.
const NETWORK_LIMIT: u32 = 100;
const NETWORK_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// How many mails of one kind may go to one address in a window, whoever asks for them.
const MAIL_LIMIT: u32 = 5;
const MAIL_WINDOW: TimeDelta = TimeDelta::hours(1);

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
    attempt_key: Secret<[u8; 32]>,
    throttle: ThrottleConfig,
    max_sessions: u32,
    clock: Clock,
    bell: Bell,
}

/// The parts of [`Flow`].
pub(crate) struct FlowParts {
    pub(crate) store: Arc<dyn UserDatastore>,
    pub(crate) hooks: Vec<Box<dyn Hooks>>,
    pub(crate) hasher: Hasher,
    pub(crate) policy: PasswordPolicy,
    pub(crate) attempt_key: Secret<[u8; 32]>,
    pub(crate) throttle: ThrottleConfig,
    pub(crate) max_sessions: u32,
    pub(crate) clock: Clock,
    pub(crate) bell: Bell,
}

impl Flow {
    pub(crate) fn new(parts: FlowParts) -> Self {
        let FlowParts {
            store,
            hooks,
            hasher,
            policy,
            attempt_key,
            throttle,
            max_sessions,
            clock,
            bell,
        } = parts;
        Self { store, hooks, hasher, policy, attempt_key, throttle, max_sessions, clock, bell }
    }

    /// Gives the store, for flows that lead to no session.
    pub fn store(&self) -> &Arc<dyn UserDatastore> {
        &self.store
    }

    /// Gives the rules for new passwords.
    pub fn password_policy(&self) -> &PasswordPolicy {
        &self.policy
    }

    /// Gives the threads that hash.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Says what is wrong with a password that somebody chooses, blaming `field`. `email` is the
    /// address as they typed it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when a hook fails.
    pub async fn check_new_password(
        &self,
        slot: &Slot,
        field: &'static str,
        password: &Password,
        email: &str,
    ) -> Result<FieldErrors, Rejection> {
        let (policy, candidate, own) = (self.policy.clone(), password.clone(), email.to_owned());
        let check = move || policy.check(field, &candidate, &[&own]);
        let mut errors = self.hasher.run_with(slot, check).await?;
        for hook in &self.hooks {
            errors.extend(hook.check_password(field, password, email).await?);
        }
        Ok(errors)
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
        request: &Request<'_>,
        web: &Web,
        identity: &Identity,
        password: &Password,
    ) -> Result<Entry, Rejection> {
        let slot = self.hasher.reserve()?;
        self.admit(request, web, "login").await?;
        let key = self.account_key(identity, web.client(request));
        self.charge(request, web, &key).await?;

        let found = self.store.find_credentials(identity).await?;
        let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
        let verified = self.hasher.verify(&slot, password, stored).await?;
        let Some(Credentials { user, password_hash }) = found else {
            return Err(self.fail(request, web, None, "unknown_identity").await?);
        };
        if verified == Verified::No {
            return Err(self.fail(request, web, Some(&user), "wrong_password").await?);
        }
        let entry = self.admit_user(request, web, user.clone(), "password").await?;
        self.store.clear_attempts(&key).await?;
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
        request: &Request<'_>,
        web: &Web,
        authenticated: Authenticated,
    ) -> Result<User, Rejection> {
        let Authenticated { user, authn_via } = authenticated;
        let origin = web.origin(request);
        let token = Token::random()?;
        let record = SessionRecord {
            digest: token.digest(),
            id: random_uuid()?,
            user_id: user.id,
            epoch: user.epoch,
            authn_via: authn_via.to_owned(),
            client: origin.client,
            user_agent: user_agent(request.headers()),
            created_at: origin.at,
            authenticated_at: origin.at,
            last_seen_at: origin.at,
        };
        if !self.store.begin_session(&record, self.max_sessions).await? {
            return Err(self.fail(request, web, Some(&user), "account_changed").await?);
        }
        if let Some(before) = web.sessions().current(request).await.active() {
            self.store.end_session(&before.record.digest).await?;
        }
        web.sessions().replace(request, &token, true)?;
        let attempt = LoginAttempt::new(&user, authn_via, origin.at, origin.client);
        for hook in &self.hooks {
            hook.after_login(&attempt).await?;
        }
        let authn_via = authn_via.to_owned();
        web.signals().send(&Event::UserAuthenticated { user: user.id, authn_via, origin });
        Ok(user)
    }

    /// Ends the session of a request, if it has one, and takes its id from the browser.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer; the session then lives on.
    pub async fn log_out(&self, request: &Request<'_>, web: &Web) -> Result<(), Rejection> {
        if let Some(active) = web.sessions().current(request).await.active() {
            self.store.end_session(&active.record.digest).await?;
            for hook in &self.hooks {
                hook.after_logout(&active.user).await?;
            }
            let origin = web.origin(request);
            web.signals().send(&Event::UserLoggedOut { user: active.user.id, origin });
        }
        web.sessions().forget(request);
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

    /// Counts a request to a route that anybody can use against the limit of its network.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] when the limit is reached.
    pub async fn admit(
        &self,
        request: &Request<'_>,
        web: &Web,
        route: &str,
    ) -> Result<(), Rejection> {
        let Some(limit) = self.limit(NETWORK_LIMIT) else {
            return Ok(());
        };
        let network = web.client(request).map(network_of).unwrap_or_default();
        let key = self.key(&["network", route, &network]);
        let now = self.clock.now();
        let charge = self.store.count_event(&key, limit, NETWORK_WINDOW, now).await?;
        self.throttled(request, web, charge, now)
    }

    /// Tells whether another mail of that kind may go to an address by now; counts it if so.
    ///
    /// The one who asks for it is not told, for that would tell who gets mail.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn may_mail(&self, kind: &str, email: &Email) -> Result<bool, Rejection> {
        let Some(limit) = self.limit(MAIL_LIMIT) else {
            return Ok(true);
        };
        let key = self.key(&["mail", kind, &email.canonical()]);
        let now = self.clock.now();
        let charge = self.store.count_event(&key, limit, MAIL_WINDOW, now).await?;
        Ok(charge == Charge::Allowed)
    }

    /// Asks the hooks which mails go with a registration.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when a hook fails.
    pub async fn registration_mail(
        &self,
        registration: &Registration<'_>,
    ) -> Result<Vec<NewMail>, Rejection> {
        let mut mail = Vec::new();
        for hook in &self.hooks {
            mail.extend(hook.after_register(registration).await?);
        }
        Ok(mail)
    }

    /// Says that there is new mail in the outbox.
    pub fn mail_is_waiting(&self) {
        self.bell.ring();
    }

    /// Checks the state of an account whose credentials were right, and asks the hooks.
    async fn admit_user(
        &self,
        request: &Request<'_>,
        web: &Web,
        user: User,
        authn_via: &'static str,
    ) -> Result<Entry, Rejection> {
        if !user.active {
            return Err(self.fail(request, web, Some(&user), "inactive").await?);
        }
        let origin = web.origin(request);
        let attempt = LoginAttempt::new(&user, authn_via, origin.at, origin.client);
        for hook in &self.hooks {
            match hook.before_login(&attempt).await? {
                Verdict::Allow => {}
                Verdict::Divert { page } => return Ok(Entry::Diverted { page }),
                Verdict::Refuse(rejection) => {
                    self.fail(request, web, Some(&user), rejection.reason()).await?;
                    return Err(rejection);
                }
            }
        }
        Ok(Entry::Open(Authenticated { user, authn_via }))
    }

    /// Tells everybody but the client why a login failed.
    async fn fail(
        &self,
        request: &Request<'_>,
        web: &Web,
        user: Option<&User>,
        reason: &'static str,
    ) -> Result<Rejection, Rejection> {
        for hook in &self.hooks {
            hook.login_failed(user, reason).await?;
        }
        let (user, origin) = (user.map(|user| user.id), web.origin(request));
        web.signals().send(&Event::UserFailedAuthn { user, reason, origin });
        Ok(Rejection::InvalidCredentials)
    }

    async fn charge(
        &self,
        request: &Request<'_>,
        web: &Web,
        key: &Digest,
    ) -> Result<(), Rejection> {
        let Some(from) = self.limit(BACK_OFF.from) else {
            return Ok(());
        };
        let now = self.clock.now();
        let back_off = BackOff { from, ..BACK_OFF };
        let charge = self.store.charge_attempt(key, &back_off, now).await?;
        self.throttled(request, web, charge, now)
    }

    fn throttled(
        &self,
        request: &Request<'_>,
        web: &Web,
        charge: Charge,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Charge::BlockedUntil(until) = charge else {
            return Ok(());
        };
        web.signals().send(&Event::Throttled { origin: web.origin(request) });
        let wait = (until - now).to_std().unwrap_or_default();
        Err(Rejection::Throttled { retry_after: wait.max(Duration::from_secs(1)) })
    }

    /// Gives a limit as configured; none when there are no limits.
    fn limit(&self, limit: u32) -> Option<u32> {
        self.throttle.enabled.then(|| limit.saturating_mul(self.throttle.scale))
    }

    /// Gives what the attempts on an account from a network are counted by. Unknown accounts are
    /// counted as well.
    fn account_key(&self, identity: &Identity, client: Option<IpAddr>) -> Digest {
        let network = client.map(network_of).unwrap_or_default();
        self.key(&["account", &identity.canonical(), &network])
    }

    fn key(&self, parts: &[&str]) -> Digest {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        keyed_digest(self.attempt_key.expose(), &parts)
    }
}

fn user_agent(headers: &HeaderMap<'_>) -> Option<String> {
    let text = headers.get_one("User-Agent")?;
    Some(text.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect())
}

//! What a feature is, and the moments at which features take part in what others do.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use rocket::{Build, Rocket, Route, async_trait};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::config;
use crate::crypto::keys::Keyring;
use crate::crypto::lineage::Keepsake;
use crate::datastore::Together;
use crate::datastore::outbox::{Asker, NewMail};
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::error::{Faults, Result};
use crate::event::{Counted, Event, Origin, Signals};
use crate::rejection::{FieldErrors, Rejection};
use crate::template::Embedded;
use crate::user::{Email, Proofs, User, UserId};

/// A unit of behaviour that an application enables: its routes, templates, settings and hooks.
///
/// The value *is* the configuration: `[default.security.<NAME>]` laid over the value given to
/// [`Security::enable`](crate::Security::enable). `D` is the store; a feature names what it needs
/// of it as a bound on its `impl`, so that enabling it on a store that lacks it does not compile.
pub trait Feature<D>: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stem that names the feature's module, routes, pages, mails and table of settings.
    const NAME: &'static str;

    /// The templates it comes with: names like `security/login.html`, and their text.
    const TEMPLATES: &'static [Embedded] = &[];

    /// Whether it sends mail, so that a launch without a mail server stops.
    const SENDS_MAIL: bool = false;

    /// Whether it makes sense only where users go by usernames, so that a launch stops unless
    /// `security.identity` says that they do.
    const NEEDS_USERNAMES: bool = false;

    /// The settings that name the pages of a single-page application to which its mailed links lead. A
    /// launch with `redirect_behavior = "spa"` stops unless [`urls`](Feature::urls) has them.
    const SINGLE_PAGE_VIEWS: &'static [&'static str] = &[];

    /// Whether it brings browsers back without a proof after their session is over, so that a launch stops
    /// where `security.session.aal` wants one.
    const OUTLIVES_SESSIONS: bool = false;

    /// Refuses settings that make no sense, naming the key below the feature's table.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config), and the launch stops.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Tells where its pages are, as `(name, path)` for `security_url(name="…")` in templates. One may be
    /// at one of `security.redirect_origins`; a launch stops at any that is elsewhere.
    fn urls(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Tells whether templates have it among `features`, for links to it. One that is enabled and lets
    /// nobody in says no.
    fn is_offered(&self) -> bool {
        true
    }

    /// Gives the routes to mount at `/`.
    fn routes(&self) -> Vec<Route> {
        Vec::new()
    }

    /// Puts what its handlers need into managed state.
    fn manage(&self, _store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build> {
        rocket
    }

    /// Gives what it does at the moments of other features' flows.
    fn hooks(&self, _store: &Arc<D>) -> Option<Box<dyn Hooks>> {
        None
    }

    /// Gives the same, where it needs keys.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being made, and the launch stops.
    fn keyed_hooks(&self, _store: &Arc<D>, _keyring: &Keyring) -> Result<Option<Box<dyn Hooks>>> {
        Ok(None)
    }
}

/// Gives a feature with the settings of `[default.security.<NAME>]` laid over its own, checked.
///
/// # Errors
///
/// [`Error::Config`](crate::Error::Config) for each key that is wrong.
pub fn configured<D, F: Feature<D>>(feature: F, figment: &Figment) -> Result<F> {
    let figment = Figment::from(Serialized::defaults(feature.clone()))
        .merge(figment.focus(&format!("security.{}", F::NAME)))
        .select(figment.profile().clone());
    let mut faults = Faults::default();
    let value: F = config::read_table(&figment, F::NAME, &mut faults).unwrap_or(feature);
    faults.note(value.check());
    faults.finish().map(|()| value)
}

/// The moments at which a feature, or an application, takes part in a flow.
///
/// A hook can stop the flow; an [`Event`] cannot. Hooks run in the order in which
/// their features were enabled.
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// Before a session begins, a program logs in at `/token`, or a request with a password of its own is let
    /// in by [Basic](crate::features::basic), after the credentials were found right.
    ///
    /// All hooks are asked, and the strongest answer counts, whatever their order: [`Verdict::Refuse`], then
    /// [`Verdict::Require`], then [`Verdict::Allow`]. A login that lacks a proof is held as a
    /// [`PendingLogin`](crate::flow::pending::PendingLogin), and every hook is asked again once the user has
    /// proved more: so a hook must not act, such as send a code, but answer from [`LoginAttempt::proofs`].
    ///
    /// A program at `/token` and a request by Basic cannot go on elsewhere: [`Verdict::Require`] refuses
    /// them like a wrong password. With Basic it is asked with every request. It is not asked when a program
    /// refreshes its tokens: [`session_checked`](Self::session_checked) is.
    async fn before_login(&self, _attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(Verdict::Allow)
    }

    /// After a login, or a password by [Basic](crate::features::basic), was refused. `user` is the account, if there is one.
    async fn login_failed(&self, _user: Option<&User>, _reason: &'static str) -> Result<()> {
        Ok(())
    }

    /// After a session began, or a program logged in at `/token`. A fault is logged and changes nothing: it
    /// has begun.
    async fn after_login(&self, _attempt: &LoginAttempt<'_>) -> Result<()> {
        Ok(())
    }

    /// Before a session begins whose user wants this browser to be remembered: gives what it keeps for
    /// that. A user has no more than `at_most` such browsers. The first answer that is not none counts.
    async fn remember(
        &self,
        _attempt: &LoginAttempt<'_>,
        _at_most: u32,
    ) -> Result<Option<Keepsake>> {
        Ok(None)
    }

    /// After somebody ended all their sessions but `kept`: ends what else a browser could come back by.
    /// Gives the sessions that had come back by it meanwhile, and ended with it.
    async fn end_others(&self, _kept: &SessionRecord) -> Result<Vec<EndedSession>> {
        Ok(Vec::new())
    }

    /// On every request that is authenticated, by a session or another
    /// [mechanism](crate::guard::mechanism). Must be quick.
    async fn session_checked(&self, _user: &User) -> Result<Verdict> {
        Ok(Verdict::Allow)
    }

    /// After a registration was found valid and before it is committed: gives what is committed
    /// with it, mails and, by [`Together::and`], rows of the application's own that need no field;
    /// those that do are [`RegistrationFields`](crate::RegistrationFields). When that fails there is
    /// no account and no mail, and the visitor is told to try again later, with 503. Called for an
    /// address whose account was never confirmed, too; then there is no new account, and the mails
    /// alone are used.
    async fn after_register(&self, _registration: &Registration<'_>) -> Result<Together> {
        Ok(Together::nothing())
    }

    /// Tells whether a new account opens for nobody until its owner has confirmed it, by what
    /// [`after_register`](Self::after_register) mails. One that nobody confirms is deleted two days
    /// after its registration.
    fn awaits_confirmation(&self) -> bool {
        false
    }

    /// Before something that an event tells of is committed: gives what is committed with it, such as
    /// a row of a journal. When that fails, the change does not happen. The event is told afterwards.
    async fn before_commit(&self, _event: &Event) -> Result<Together> {
        Ok(Together::nothing())
    }

    /// Writes down what happened without a change in the store, such as failed logins, in order.
    ///
    /// No request waits for it; a fault is logged. The first of [equal](crate::event::Counted) events
    /// comes at once, those of the next minute as one count. Of each kind of event, at most
    /// [`ROOM`](crate::event::ROOM) that differ come in a [`WINDOW`](crate::event::WINDOW) or wait. What is
    /// dropped beyond that, and what a call failed to write, comes later as [`Event::EventsLost`].
    async fn happened(&self, _events: &[Counted]) -> Result<()> {
        Ok(())
    }

    /// Every ten minutes: deletes what is over; says how many rows that were. What happens thereby to
    /// an account is told of by `announcer`.
    async fn sweep(&self, _now: Timestamp, _announcer: &Announcer) -> Result<u64> {
        Ok(0)
    }

    /// After a session ended by its user's wish. A fault is logged and changes nothing.
    async fn after_logout(&self, _user: &User) -> Result<()> {
        Ok(())
    }

    /// Judges a password that a user chooses, for checks of an application's own.
    ///
    /// It runs on a thread for such checks, of which there are four, and may block it: logins do not
    /// wait. A request waits for at most three seconds, the queue included, and is answered with 503
    /// then. A network can have a quarter of the queue.
    async fn check_password(
        &self,
        _field: &str,
        _password: &crate::crypto::password::Password,
        _email: &str,
    ) -> Result<FieldErrors> {
        Ok(FieldErrors::new())
    }
}

/// Tells of what happens: to the hooks before it is committed, to the listeners afterwards.
#[derive(Clone)]
pub struct Announcer {
    hooks: Arc<[Box<dyn Hooks>]>,
    signals: Signals,
}

impl Announcer {
    /// Tells these hooks and these listeners.
    pub fn new(hooks: Arc<[Box<dyn Hooks>]>, signals: Signals) -> Self {
        Self { hooks, signals }
    }

    /// Gives what a change is committed together with: these mails, and what the hooks want to have
    /// along with the event that tells of it.
    ///
    /// # Errors
    ///
    /// What a hook fails with; then the change must not happen.
    pub async fn along(&self, event: &Event, mail: Vec<NewMail>) -> Result<Together> {
        let asker = asker(event.origin());
        let mail = mail.into_iter().map(|mail| mail.asked_by(asker.clone()));
        let mut together = Together::mail(mail.collect());
        for hook in &*self.hooks {
            together = together.join(hook.before_commit(event).await?);
        }
        Ok(together)
    }

    /// Tells of something that came with no change that a hook has been asked about.
    pub fn noticed(&self, event: &Event) {
        self.signals.send(event);
    }

    /// Tells of a change that was committed.
    pub fn told(&self, event: &Event) {
        self.signals.send_committed(event);
    }
}

/// Says who asks for the mail that comes with something that happens.
pub(crate) fn asker(origin: &Origin) -> Asker {
    let Origin { client, request_id, authn_via, .. } = origin.clone();
    Asker { client, request_id, authn_via }
}

/// What a hook decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Go on.
    Allow,
    /// Stop, and tell the client why.
    Refuse(Rejection),
    /// Go on once the user has proved more: how a second factor takes over.
    Require(Required),
}

impl Verdict {
    /// Returns the stronger of two answers, whichever was given first.
    ///
    /// Of two refusals that one counts which tells less: [`Rejection::InvalidCredentials`], which is also the
    /// answer to a wrong password.
    pub(crate) fn or_stronger(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refuse(one), Self::Refuse(other)) => {
                let tells = |it: &Rejection| (*it != Rejection::InvalidCredentials, it.reason());
                Self::Refuse(if tells(&other) < tells(&one) { other } else { one })
            }
            (refused @ Self::Refuse(_), _) | (_, refused @ Self::Refuse(_)) => refused,
            (required @ Self::Require(_), _) | (_, required @ Self::Require(_)) => required,
            (Self::Allow, Self::Allow) => Self::Allow,
        }
    }
}

/// What a login lacks, and at which page the user proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    page: Cow<'static, str>,
    state: State,
    methods: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Ready,
    SetUp,
    Choice,
}

impl Required {
    /// Requires a proof by `method`, for example `totp`, at the page of that name, as for `security_url`.
    pub fn proof(page: &'static str, method: impl Into<String>) -> Self {
        Self { page: page.into(), state: State::Ready, methods: vec![method.into()] }
    }

    /// Requires a proof by one of several methods, among which the user chooses at that page.
    pub fn one_of(page: &'static str, methods: Vec<String>) -> Self {
        Self { page: page.into(), state: State::Choice, methods }
    }

    /// Requires that the user sets up a second factor, at that page.
    pub fn set_up(page: &'static str) -> Self {
        Self { page: page.into(), state: State::SetUp, methods: Vec::new() }
    }

    /// Returns the name of the page, as for `security_url`.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Returns the members of the answer in JSON, as Flask-Security publishes them: `tf_state`, and
    /// `tf_method` with its older name `tf_primary_method`, or `tf_select` with `tf_setup_methods`.
    pub(crate) fn members(&self) -> Vec<(&'static str, Value)> {
        match (self.state, self.methods.first()) {
            (State::SetUp, _) => vec![("tf_state", "setup_from_login".into())],
            (State::Choice, _) => {
                let methods = self.methods.clone();
                vec![("tf_select", true.into()), ("tf_setup_methods", methods.into())]
            }
            (State::Ready, method) => {
                let method = Value::from(method.cloned());
                let (new, old) = (("tf_method", method.clone()), ("tf_primary_method", method));
                vec![("tf_state", "ready".into()), new, old]
            }
        }
    }
}

/// A login whose credentials were found right.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoginAttempt<'r> {
    /// The user.
    pub user: &'r User,
    /// What the user proved, now.
    pub proofs: &'r Proofs,
    /// What the user had proved when the browser began to be remembered, if that is how it comes back.
    /// It proves nothing now; a hook can rely on it nevertheless.
    pub remembered: Option<&'r Proofs>,
    /// When.
    pub at: Timestamp,
    /// The address of the client, if it is known.
    pub client: Option<IpAddr>,
}

impl<'r> LoginAttempt<'r> {
    /// Describes a login.
    pub fn new(user: &'r User, proofs: &'r Proofs, at: Timestamp, client: Option<IpAddr>) -> Self {
        Self { user, proofs, remembered: None, at, client }
    }

    /// Returns the name of the method that the login began with, for example `password`.
    pub fn authn_via(&self) -> &'r str {
        self.proofs.authn_via()
    }

    /// Returns the proofs that a browser is remembered with after this login.
    pub(crate) fn proofs_to_remember(&self) -> Proofs {
        self.remembered.map_or_else(|| self.proofs.clone(), |it| it.clone().and_all(self.proofs))
    }
}

/// A registration that is valid and not committed yet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Registration<'r> {
    /// The id of the account.
    pub user_id: UserId,
    /// Its address.
    pub email: &'r Email,
    /// When.
    pub at: Timestamp,
}

impl<'r> Registration<'r> {
    /// Describes a registration.
    pub fn new(user_id: UserId, email: &'r Email, at: Timestamp) -> Self {
        Self { user_id, email, at }
    }
}

//! What a feature is, and the moments at which features take part in what others do.

use std::net::IpAddr;
use std::sync::Arc;

use rocket::Build;
use rocket::Rocket;
use rocket::Route;
use rocket::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::datastore::Together;
use crate::error::Result;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::template::Embedded;
use crate::user::Email;
use crate::user::User;
use crate::user::UserId;

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

    /// Refuses settings that make no sense, naming the key below the feature's table.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config), and the launch stops.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Tells where its pages are, as `(name, path)` for `security_url(name="…")` in templates.
    fn urls(&self) -> Vec<(&'static str, String)> {
        Vec::new()
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
}

/// The moments at which a feature, or an application, takes part in a flow.
///
/// A hook can stop the flow; an [`Event`](crate::Event) cannot. Hooks run in the order in which
/// their features were enabled.
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// Before a session begins, after the credentials were found right.
    ///
    /// The first answer other than [`Verdict::Allow`] counts.
    async fn before_login(&self, _attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(Verdict::Allow)
    }

    /// After a login was refused. `user` is the account, if there is one.
    async fn login_failed(&self, _user: Option<&User>, _reason: &'static str) -> Result<()> {
        Ok(())
    }

    /// After a session began. A fault is logged and changes nothing: the session has begun.
    async fn after_login(&self, _attempt: &LoginAttempt<'_>) -> Result<()> {
        Ok(())
    }

    /// On every request that a session authenticates. Must be quick.
    async fn session_checked(&self, _user: &User) -> Result<Verdict> {
        Ok(Verdict::Allow)
    }

    /// After a registration was found valid and before it is committed: gives what is committed
    /// with it, mails and, by [`Together::and`], rows of the application's own; the example
    /// `together` makes a profile with each user. When that fails there is no account and no mail,
    /// and the visitor is told to try again later, with 503. Called for an address whose account was
    /// never confirmed, too; then there is no new account, and the mails alone are used.
    async fn after_register(&self, _registration: &Registration<'_>) -> Result<Together> {
        Ok(Together::nothing())
    }

    /// After a session ended by its user's wish. A fault is logged and changes nothing.
    async fn after_logout(&self, _user: &User) -> Result<()> {
        Ok(())
    }

    /// When a password is chosen: says what is wrong with it, for checks of an application's own.
    async fn check_password(
        &self,
        _field: &str,
        _password: &crate::crypto::password::Password,
        _email: &str,
    ) -> Result<FieldErrors> {
        Ok(FieldErrors::new())
    }
}

/// What a hook decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Go on.
    Allow,
    /// Stop, and tell the client why.
    Refuse(Rejection),
    /// Go on elsewhere first, at the page of that name: how a second factor takes over.
    Divert {
        /// The name of the page, as for `security_url`.
        page: &'static str,
    },
}

/// A login whose credentials were found right.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoginAttempt<'r> {
    /// Who it is.
    pub user: &'r User,
    /// How they proved it.
    pub authn_via: &'static str,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub client: Option<IpAddr>,
}

impl<'r> LoginAttempt<'r> {
    /// Describes a login.
    pub fn new(
        user: &'r User,
        authn_via: &'static str,
        at: Timestamp,
        client: Option<IpAddr>,
    ) -> Self {
        Self { user, authn_via, at, client }
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

//! The site: its settings and the services for answering requests.

use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::Arc;

use rocket::{Ignite, Request, Rocket};
use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::config::Config;
use crate::event::Signals;
use crate::rejection::{CsrfFault, Rejection};
use crate::session::SessionManager;
use crate::template::Templates;
use crate::text::Text;
use crate::user::User;
use crate::web::client_ip::Proxies;
use crate::web::next::Next;
use crate::web::presentation::Presentation;

/// The settings and services that answering requests takes, in Rocket's managed state.
///
/// [`Security`](crate::Security) creates it when it is attached. In a handler, take it as `&State<Site>` or
/// through [`Visit`](crate::web::Visit).
pub struct Site {
    pub(crate) config: Config,
    pub(crate) proxies: Proxies,
    pub(crate) base_url: Url,
    pub(crate) templates: Arc<Templates>,
    pub(crate) sessions: SessionManager,
    pub(crate) signals: Signals,
    pub(crate) clock: Clock,
    pub(crate) urls: Urls,
    pub(crate) features: Vec<&'static str>,
    pub(crate) presentation: Arc<dyn Presentation>,
    pub(crate) is_debug: bool,
}

/// The paths of the features' pages by name, as used with `security_url(name="…")`.
pub type Urls = BTreeMap<&'static str, String>;

impl Site {
    /// Returns the site of a request, or `None` if the fairing is not attached.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Option<&'r Self> {
        request.rocket().state()
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the manager of sessions.
    pub fn sessions(&self) -> &SessionManager {
        &self.sessions
    }

    /// Returns the sender of events.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the JSON description of a user, as in the `user` of JSON answers.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the application could not describe the user.
    pub async fn payload(&self, user: &User) -> Result<Value, Rejection> {
        Ok(self.presentation.user(user).await?)
    }

    /// Returns `true` if the application runs in the debug profile. Answers then tell its developer what to
    /// fix.
    pub(crate) fn is_debug(&self) -> bool {
        self.is_debug
    }

    /// Returns what the application's developer can do about a refusal, in the debug profile.
    pub(crate) fn advice(&self, rejection: &Rejection) -> Option<Text> {
        self.csrf_fault(rejection).map(CsrfFault::text)
    }

    /// Returns the same where there is no page.
    pub(crate) fn advice_for_programs(&self, rejection: &Rejection) -> Option<Text> {
        self.csrf_fault(rejection).map(CsrfFault::text_for_programs)
    }

    fn csrf_fault(&self, rejection: &Rejection) -> Option<CsrfFault> {
        match rejection {
            Rejection::CsrfFailed(fault) if self.is_debug => Some(*fault),
            _ => None,
        }
    }

    pub(crate) fn presentation(&self) -> &dyn Presentation {
        self.presentation.as_ref()
    }

    /// Returns the names of the features that are enabled and open.
    pub fn features(&self) -> impl Iterator<Item = &'static str> {
        self.features.iter().copied()
    }

    /// Returns the page with this name, or `None` if its feature is not enabled.
    pub fn url(&self, name: &str) -> Option<Next> {
        self.urls.get(name).and_then(|path| self.next(path))
    }

    /// Parses a destination that a visitor sent: a path on this site, or a URL at one of
    /// `security.redirect_origins`. Returns `None` for anything that could lead elsewhere.
    pub fn next(&self, text: &str) -> Option<Next> {
        Next::parse_within(text, &self.config.redirect_origins)
    }

    /// Returns the part that finds the client's address behind reverse proxies.
    pub(crate) fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    pub(crate) fn is_https(&self) -> bool {
        self.base_url.scheme() == "https"
    }
}

/// Returns `true` and logs the fix if the fairing that the guard `G` needs is missing.
pub(crate) fn is_unattached<G>(rocket: &Rocket<Ignite>) -> bool {
    let is_missing = rocket.state::<Site>().is_none();
    if is_missing {
        let guard = type_name::<G>();
        log::error!("a route uses {guard}: attach `rocket_security::Security::fairing()`");
    }
    is_missing
}

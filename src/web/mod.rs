//! What handlers are made of.
//!
//! | file | what |
//! |---|---|
//! | [`submission`] | one input type for form and JSON |
//! | [`reply`] | page, redirect or JSON from one value |
//! | [`page`] | pages from templates |
//! | [`csrf`] | protection against forged requests |
//! | [`next`] | where to go next |
//! | [`catchers`] | answers for guards that fail |
//! | [`visit`] | a request and what answering it takes, as a guard |
//! | [`client_ip`](mod@client_ip) | where a request comes from |

pub mod catchers;
pub mod client_ip;
pub mod csrf;
pub mod next;
pub mod page;
pub mod reply;
pub mod submission;
pub mod visit;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use rocket::Ignite;
use rocket::Request;
use rocket::Rocket;
use rocket::http::Accept;
use url::Url;

use crate::clock::Clock;
use crate::config::Config;
use crate::event::Origin;
use crate::event::Signals;
use crate::session::Sessions;
use crate::template::Templates;
use crate::web::client_ip::client_ip;
use crate::web::next::Next;

/// What answering a request takes, the same for all: in Rocket's managed state.
pub struct Web {
    config: Config,
    base_url: Url,
    templates: Arc<Templates>,
    sessions: Sessions,
    signals: Signals,
    clock: Clock,
    urls: Urls,
    features: Vec<&'static str>,
}

/// The paths of the features' pages by name, as for `security_url(name="…")`.
pub type Urls = BTreeMap<&'static str, String>;

/// The parts of [`Web`].
pub(crate) struct WebParts {
    pub(crate) config: Config,
    pub(crate) base_url: Url,
    pub(crate) templates: Arc<Templates>,
    pub(crate) sessions: Sessions,
    pub(crate) signals: Signals,
    pub(crate) clock: Clock,
    pub(crate) urls: Urls,
    pub(crate) features: Vec<&'static str>,
}

impl Web {
    pub(crate) fn new(parts: WebParts) -> Self {
        let WebParts { config, base_url, templates, sessions, signals, clock, urls, features } =
            parts;
        Self { config, base_url, templates, sessions, signals, clock, urls, features }
    }

    /// Gives the configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Gives the sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Gives the listeners for events.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Gives the time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Gives the path of a feature's page; none when the feature is not enabled.
    pub fn url(&self, name: &str) -> Option<Next> {
        self.urls.get(name).and_then(|path| Next::parse(path))
    }

    /// Says when and from where a request came.
    pub fn origin(&self, request: &Request<'_>) -> Origin {
        Origin::new(self.clock.now(), self.client(request))
    }

    /// Gives the network address of the client.
    pub fn client(&self, request: &Request<'_>) -> Option<IpAddr> {
        client_ip(request, &self.config.trusted_proxies)
    }

    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        csrf::is_origin_of(&self.base_url, self.config.base_url.is_none(), origin)
    }

    fn is_https(&self) -> bool {
        self.base_url.scheme() == "https"
    }
}

/// Tells whether the fairing is missing for the guard `G`, and says what to do.
pub(crate) fn is_unattached<G>(rocket: &Rocket<Ignite>) -> bool {
    let is_missing = rocket.state::<Web>().is_none();
    if is_missing {
        let guard = std::any::type_name::<G>();
        log::error!("a route uses {guard}: attach `rocket_security::Security::fairing()`");
    }
    is_missing
}

/// Tells whether a request wants JSON: its own body is JSON, or its `Accept` prefers it.
pub fn wants_json(request: &Request<'_>) -> bool {
    let sends_json = request.content_type().is_some_and(|kind| kind.is_json());
    sends_json || request.accept().map(Accept::preferred).is_some_and(|kind| kind.is_json())
}

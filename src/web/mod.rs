//! What handlers are made of.
//!
//! | file | what |
//! |---|---|
//! | [`submission`] | one input type for form and JSON |
//! | [`reply`] | page, redirect or JSON from one value |
//! | [`page`] | pages from templates |
//! | `render` | when and how pages are rendered |
//! | [`field`] | a field that an application adds to a form |
//! | [`fields`] | what an application asks of whoever registers |
//! | `hops` | the addresses that proxies write into a request |
//! | `identity` | who somebody says they are, in one of several fields |
//! | [`presentation`] | what an application changes in what we show |
//! | [`csrf`] | protection against forged requests |
//! | [`demand`] | what guards demand, told by themselves |
//! | `doubled` | cookies of ours that a request brings twice |
//! | `device` | what a browser calls itself, for people |
//! | [`next`] | where to go next |
//! | [`view`] | where the configuration leads to |
//! | [`catchers`] | answers for guards that fail |
//! | `bearer` | the token that a request brings |
//! | `challenge` | what an answer of 401 asks for |
//! | `error_style` | the dialects of refusals |
//! | `sender` | who a request comes from, once a guard has found out |
//! | [`visit`] | a request and what answering it takes, as a guard |
//! | [`client_ip`](mod@client_ip) | where a request comes from |

pub(crate) mod bearer;
pub mod catchers;
pub(crate) mod challenge;
pub mod client_ip;
pub mod csrf;
pub mod demand;
pub(crate) mod device;
pub(crate) mod doubled;
mod error_style;
pub mod field;
pub mod fields;
pub(crate) mod headers;
mod hops;
pub(crate) mod identity;
pub(crate) mod kept_next;
mod multipart;
pub mod next;
pub mod page;
pub mod presentation;
pub(crate) mod protection;
pub(crate) mod render;
pub mod reply;
pub(crate) mod sender;
pub mod submission;
pub mod view;
pub mod visit;

pub use crate::web::reply::{Answer, Reply};
pub use crate::web::submission::{Form, Submission};
pub use crate::web::visit::Visit;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use rocket::http::{Accept, MediaType, Method};
use rocket::{Ignite, Request, Rocket};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::random_uuid;
use crate::event::{Origin, Signals};
use crate::rejection::{CsrfFault, Rejection};
use crate::session;
use crate::session::{Current, Sessions};
use crate::template::Templates;
use crate::user::User;
use crate::web::client_ip::Proxies;
use crate::web::next::Next;
use crate::web::presentation::Presentation;

/// What answering a request takes, the same for all: in Rocket's managed state.
pub struct Web {
    config: Config,
    proxies: Proxies,
    base_url: Url,
    templates: Arc<Templates>,
    sessions: Sessions,
    signals: Signals,
    clock: Clock,
    urls: Urls,
    features: Vec<&'static str>,
    presentation: Arc<dyn Presentation>,
    is_debug: bool,
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
    pub(crate) presentation: Arc<dyn Presentation>,
    pub(crate) is_debug: bool,
}

impl Web {
    pub(crate) fn new(parts: WebParts) -> Self {
        let WebParts { config, base_url, templates, sessions, signals, clock, .. } = parts;
        let WebParts { urls, features, presentation, is_debug, .. } = parts;
        let proxies = Proxies::new(&config);
        Self {
            config,
            proxies,
            base_url,
            templates,
            sessions,
            signals,
            clock,
            urls,
            features,
            presentation,
            is_debug,
        }
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

    /// Gives what is shown of a user: the `user` of JSON answers.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the application could not tell.
    pub async fn payload(&self, user: &User) -> Result<Value, Rejection> {
        Ok(self.presentation.user(user).await?)
    }

    /// Returns whether the application runs in the debug profile, so that answers may say what its
    /// developer has to mend.
    pub(crate) fn is_debug(&self) -> bool {
        self.is_debug
    }

    /// Returns what the application's developer can do about a refusal, in the debug profile.
    pub(crate) fn advice(&self, rejection: &Rejection) -> Option<&'static str> {
        self.csrf_fault(rejection).map(CsrfFault::text)
    }

    /// Returns the same where there is no page.
    pub(crate) fn advice_for_programs(&self, rejection: &Rejection) -> Option<&'static str> {
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

    /// Gives where a feature's page is; none when the feature is not enabled.
    pub fn url(&self, name: &str) -> Option<Next> {
        self.urls.get(name).and_then(|path| self.next(path))
    }

    /// Reads where to go next from what a visitor sent: a path on this site, or a URL at one of
    /// `security.redirect_origins`; none for anything that could lead elsewhere.
    pub fn next(&self, text: &str) -> Option<Next> {
        Next::parse_within(text, &self.config.redirect_origins)
    }

    /// Says when and from where a request came.
    pub fn origin(&self, request: &Request<'_>) -> Origin {
        let of_session = || {
            let active = session::loaded(request).and_then(Current::active)?;
            Some(active.record.authn_via().to_owned())
        };
        let authn_via = sender::known(request).map(|it| it.authn_via.clone()).or_else(of_session);
        // The path itself may hold a token.
        let route = request.route().map(|route| route.uri.path().to_string());
        Origin::new(self.clock.now(), self.client(request))
            .within(request_id(request), authn_via)
            .at_route(request.method(), route)
    }

    /// Gives the network address of the client.
    pub fn client(&self, request: &Request<'_>) -> Option<IpAddr> {
        self.proxies.client(request)
    }

    /// Returns what finds the client's address behind reverse proxies.
    pub(crate) fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        csrf::is_origin_of(&self.base_url, self.config.base_url.is_none(), origin)
            || self.config.csrf.origins.have(origin)
    }

    fn is_https(&self) -> bool {
        self.base_url.scheme() == "https"
    }
}

/// Gives the identifier under which a request is told of: random, and the header `X-Request-Id` of
/// our answer to it. None when there is no randomness.
pub(crate) fn request_id(request: &Request<'_>) -> Option<Uuid> {
    struct RequestId(Option<Uuid>);
    request.local_cache(|| RequestId(random_uuid().ok())).0
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

/// Tells whether a request is the opening handshake of a WebSocket (RFC 6455, section 4.1), and nothing
/// else: what may be shown for a socket is shown by a request that does nothing but open one.
pub(crate) fn is_handshake(request: &Request<'_>) -> bool {
    let has_key = request.headers().contains("Sec-WebSocket-Key");
    request.method() == Method::Get
        && has_key
        && lists(request, "Connection", "upgrade")
        && asks_for_socket(request)
}

/// Tells whether a request speaks of becoming a WebSocket, whether or not it is a good handshake: what may
/// not be done with a socket may not be done with such a request.
pub(crate) fn asks_for_socket(request: &Request<'_>) -> bool {
    lists(request, "Upgrade", "websocket")
}

/// Tells whether a header, which is a list of words, has that word in any case.
fn lists(request: &Request<'_>, header: &str, word: &str) -> bool {
    let mut words = request.headers().get(header).flat_map(|header| header.split(','));
    words.any(|other| other.trim().eq_ignore_ascii_case(word))
}

/// Tells whether a request wants JSON: its own body is JSON, its `Accept` prefers JSON or a format that is
/// written in it (RFC 6839, section 3.1), or it is to become a WebSocket, for which no page is any use. So
/// does one with a token in a header, which no browser puts there by itself, unless its `Accept` prefers
/// HTML: programs often say nothing, or that anything will do.
///
/// A request by script (`fetch`, `XMLHttpRequest`) gets pages like any other, but is not led to another page:
/// without a session, or without a recent proof, it gets 401 as JSON.
pub fn wants_json(request: &Request<'_>) -> bool {
    let sends_json = request.content_type().is_some_and(|kind| kind.is_json());
    let preferred = headers::accept(request).map(Accept::preferred);
    let prefers = |is_it: fn(&MediaType) -> bool| {
        preferred.as_ref().is_some_and(|kind| is_it(kind.media_type()))
    };
    sends_json
        || asks_for_socket(request)
        || prefers(is_json)
        || (bearer::in_headers(request).next().is_some() && !prefers(is_html))
}

/// Returns `true` if script sent a request (`fetch`, `XMLHttpRequest`). A redirect to another page is no use to
/// it: it cannot see the redirect, and finds that page with the status 200.
pub(crate) fn is_of_script(request: &Request<'_>) -> bool {
    let headers = request.headers();
    let is_fetch = headers.get_one("Sec-Fetch-Dest") == Some("empty");
    let sender = headers.get_one("X-Requested-With");
    is_fetch || sender.is_some_and(|it| it.eq_ignore_ascii_case("XMLHttpRequest"))
}

fn is_json(kind: &MediaType) -> bool {
    kind.is_json() || kind.sub().as_str().ends_with("+json")
}

fn is_html(kind: &MediaType) -> bool {
    kind.is_html() || kind.sub() == "xhtml+xml"
}

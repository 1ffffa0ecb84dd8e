//! What a request states about itself: when and from where it came, what it wants, and which page it belongs
//! to.

use std::net::IpAddr;

use rocket::http::{Accept, MediaType, Method};
use rocket::{Request, Route};
use uuid::Uuid;

use crate::crypto::random_uuid;
use crate::event::Origin;
use crate::session;
use crate::session::Current;
use crate::web::site::Site;
use crate::web::socket::asks_for_socket;
use crate::web::{bearer, headers, principal};

impl Site {
    /// Returns when and from where a request came.
    pub fn origin(&self, request: &Request<'_>) -> Origin {
        let of_session = || {
            let active = session::loaded(request).and_then(Current::active)?;
            Some(active.record.authn_via().to_owned())
        };
        let authn_via =
            principal::known(request).map(|it| it.authn_via.clone()).or_else(of_session);
        // The actual path may contain a token.
        let route = request.route().map(|route| route.uri.path().to_string());
        Origin::new(self.clock().now(), self.client(request))
            .within(request_id(request), authn_via)
            .at_route(request.method(), route)
    }

    /// Returns the network address of the client.
    pub fn client(&self, request: &Request<'_>) -> Option<IpAddr> {
        self.proxies().client(request)
    }
}

/// Returns the identifier of a request in events, which is also the header `X-Request-Id` of the answer. It
/// is random, and `None` if there is no randomness.
pub(crate) fn request_id(request: &Request<'_>) -> Option<Uuid> {
    struct RequestId(Option<Uuid>);
    request.local_cache(|| RequestId(random_uuid().ok())).0
}

/// Returns `true` if the body of a request is JSON.
pub(crate) fn sends_json(request: &Request<'_>) -> bool {
    request.content_type().is_some_and(|kind| kind.is_json())
}

/// Returns `true` if the body of a request is a form without files.
pub(crate) fn sends_form(request: &Request<'_>) -> bool {
    request.content_type().is_some_and(|kind| kind.is_form())
}

/// Returns `true` if a request wants JSON.
///
/// This is so if its own body is JSON, if its `Accept` prefers JSON or a format based on it (RFC 6839,
/// section 3.1), or if it asks for a WebSocket, for which a page is useless. It is also so if it has a token
/// in a header, which browsers do not add by themselves, unless its `Accept` prefers HTML: programs often
/// send no `Accept`, or accept anything.
///
/// A request by a script (`fetch`, `XMLHttpRequest`) gets pages like any other, but is not redirected to
/// another page: without a session, or without a recent proof, it gets 401 as JSON.
pub fn wants_json(request: &Request<'_>) -> bool {
    let preferred = headers::accept(request).map(Accept::preferred);
    let prefers = |is_it: fn(&MediaType) -> bool| {
        preferred.as_ref().is_some_and(|kind| is_it(kind.media_type()))
    };
    sends_json(request)
        || asks_for_socket(request)
        || prefers(is_json)
        || (bearer::in_headers(request).next().is_some() && !prefers(is_html))
}

/// Returns `true` if a script sent the request (`fetch`, `XMLHttpRequest`). A redirect to another page is
/// useless for a script: it does not see the redirect and gets that page with status 200.
pub(crate) fn is_of_script(request: &Request<'_>) -> bool {
    let headers = request.headers();
    let is_fetch = headers.get_one("Sec-Fetch-Dest") == Some("empty");
    let sender = headers.get_one("X-Requested-With");
    is_fetch || sender.is_some_and(|it| it.eq_ignore_ascii_case("XMLHttpRequest"))
}

/// Returns `true` if there is a page at the path of the request's route.
pub(crate) fn has_page(request: &Request<'_>) -> bool {
    request.route().is_some_and(|own| is_page(request, own.uri.path()))
}

/// Returns the path above that of a request, if there is a page.
pub(crate) fn page_above(request: &Request<'_>) -> Option<String> {
    let above = |path: &str| path.rsplit_once('/').map(|(above, _)| above.to_owned());
    let route = above(request.route()?.uri.path())?;
    is_page(request, &route).then(|| above(request.uri().path().as_str()))?
}

fn is_json(kind: &MediaType) -> bool {
    kind.is_json() || kind.sub().as_str().ends_with("+json")
}

fn is_html(kind: &MediaType) -> bool {
    kind.is_html() || kind.sub() == "xhtml+xml"
}

fn is_page(request: &Request<'_>, path: &str) -> bool {
    let is_it = |route: &Route| route.method == Method::Get && route.uri.path() == path;
    request.rocket().routes().any(is_it)
}

//! Protection against forged requests (CSRF), in one place.
//!
//! An unsafe request is accepted if it has the anti-forgery token of its session and no sign that another
//! site started it. The token is the form field `csrf_token` or the header `X-XSRF-Token` (or
//! `X-CSRF-Token`). The signs are a foreign `Origin` and `Sec-Fetch-Site: cross-site`. `Referer` is not
//! checked, and no cookie replaces the token, whatever its name.
//!
//! GET requests are not checked, because they change nothing. The exception is a request for a WebSocket,
//! which is refused with such a sign: messages on a socket have no token, and browsers do not ask the server
//! before they open a socket from another site's page. It needs no token itself, because scripts cannot add a
//! header to it. A program sends no `Origin`, so it passes.
//!
//! For logging out, the token of an expired session is accepted like that of a live one.
//!
//! Programs are exempt: a request whose `Content-Type` is `application/json`, with any parameters, and that
//! has none of the framework's cookies, no `Origin`, and no `Sec-Fetch-*` header except `Sec-Fetch-Mode`.
//! Browsers do not send such requests, and without a cookie there is nothing to abuse: a page of another site
//! cannot send this content type before the server agrees, because CORS ignores the parameters of the type
//! (Fetch Standard, section 2.2.2). `Sec-Fetch-Mode` alone is sent by a program, the `fetch` of Node.js. A
//! browser that sends it also sends `Sec-Fetch-Site`.
//!
//! `POST /token` needs no token for JSON without any of the framework's cookies and without `Authorization`,
//! whichever page or program sends it: its answer sets no cookie, and only a page that CORS allows to read
//! the answer can use it. So a page of another origin, or a web view (`capacitor://localhost`), can log in
//! there.
//!
//! `Origin: null` counts as another site, unless the browser sends `Sec-Fetch-Site: same-origin`, which
//! scripts cannot set: behind a proxy that sets `Referrer-Policy: no-referrer`, browsers send this
//! combination from the site's own pages. Then the token decides.
//!
//! A request to `/refresh-token` or below with the refresh token in its body, and none of the framework's
//! cookies, needs no anti-forgery token, whatever its content type: an attacker who forges it has no refresh
//! token.
//!
//! A password sent with [Basic](crate::features::basic) authentication needs the token like a cookie does,
//! because browsers send both automatically. The exemption for programs also holds here: CORS works as
//! described, and every browser since 2019 sends `Origin`. A request that a guard authenticated by a bearer
//! token needs no anti-forgery token, and its `Origin` is not checked: the page of another site cannot add
//! the bearer token.

use std::sync::Once;

use rocket::http::Method;
use rocket::http::uncased::UncasedStr;
use rocket::{Data, Request};
use url::Url;

use crate::event::Event;
use crate::rejection::{CsrfFault, Rejection};
use crate::session::Current;
use crate::web::form_start;
use crate::web::site::Site;
use crate::web::socket::asks_for_socket;

/// The name of the form field with the token.
pub const FIELD: &str = "csrf_token";

const HEADERS: [&str; 2] = ["X-XSRF-Token", "X-CSRF-Token"];

/// Checks a request. `submitted` is the token in its body, if the body was read.
///
/// # Errors
///
/// [`Rejection::CrossSite`] or [`Rejection::CsrfFailed`] if the request may be forged.
/// [`Rejection::Unavailable`] if the session cannot be read.
pub async fn check(
    request: &Request<'_>,
    site: &Site,
    submitted: Option<&str>,
) -> Result<(), Rejection> {
    let checked = verdict(request, site, submitted, false).await;
    tell(request, site, checked)
}

/// Checks a request and also accepts the token of a session that has expired, because the page with that
/// token was genuine.
///
/// # Errors
///
/// Those of [`check`].
pub(crate) async fn check_outlived(
    request: &Request<'_>,
    site: &Site,
    submitted: Option<&str>,
) -> Result<(), Rejection> {
    let checked = verdict(request, site, submitted, true).await;
    tell(request, site, checked)
}

/// Checks a request with a credential in its body, which no browser adds by itself. Without a cookie beside
/// it, the request needs no token.
///
/// # Errors
///
/// Those of [`check`].
pub(crate) async fn check_with_credential(
    request: &Request<'_>,
    site: &Site,
    submitted: Option<&str>,
) -> Result<(), Rejection> {
    if is_unforgeable(request, site) {
        return Ok(());
    }
    if site.sessions().cookies().any_in(request) {
        return check(request, site, submitted).await;
    }
    let checked = if is_cross_site(request, site) { Err(Rejection::CrossSite) } else { Ok(()) };
    tell(request, site, checked)
}

/// Returns `true` if everything that authenticates a request is in its JSON body: browsers have added neither
/// a cookie nor a Basic password. Use it only for routes that also answer in the body.
pub(crate) fn is_unforgeable(request: &Request<'_>, site: &Site) -> bool {
    let has_authorization = request.headers().contains("Authorization");
    sends_json_alone(request) && !has_authorization && !site.sessions().cookies().any_in(request)
}

fn tell(
    request: &Request<'_>,
    site: &Site,
    checked: Result<(), Rejection>,
) -> Result<(), Rejection> {
    if let Err(rejection @ (Rejection::CrossSite | Rejection::CsrfFailed(_))) = &checked {
        if let Some(advice) = site.advice(rejection) {
            // The actual path is not logged: it may contain the token of a link.
            let route = request.route().map_or_else(String::new, |route| route.uri.to_string());
            log::warn!("{} {route} was refused: {advice}", request.method());
        }
        let (reason, origin) = (rejection.reason(), site.origin(request));
        site.signals().send(&Event::CsrfFailed { reason, origin });
    }
    checked
}

async fn verdict(
    request: &Request<'_>,
    site: &Site,
    submitted: Option<&str>,
    may_be_outlived: bool,
) -> Result<(), Rejection> {
    let is_safe = is_safe(request.method());
    if is_safe && !asks_for_socket(request) {
        return Ok(());
    }
    if is_cross_site(request, site) {
        return Err(Rejection::CrossSite);
    }
    if is_safe || is_program(request, site) {
        return Ok(());
    }
    let current = site.sessions().current(request).await;
    if matches!(current, Current::Unavailable) {
        return Err(Rejection::Unavailable);
    }
    let token = HEADERS.iter().find_map(|name| request.headers().get_one(name));
    let token = token.or(submitted).or(form_start::token(request));
    let Some(token) = token.filter(|it| !it.is_empty()) else {
        return Err(Rejection::CsrfFailed(CsrfFault::Missing));
    };
    if current.token().is_some_and(|session| session.verify_csrf_token(token)) {
        return Ok(());
    }
    if request.cookies().iter().next().is_none() {
        warn_of_no_cookie();
    }
    let outlived = if may_be_outlived { site.sessions().outlived_id(request).await } else { None };
    match outlived {
        Some(session) if session.verify_csrf_token(token) => Ok(()),
        _ => Err(Rejection::CsrfFailed(fault_in(current, request, site))),
    }
}

/// Returns why a token does not belong to the session of its request.
fn fault_in(current: &Current, request: &Request<'_>, site: &Site) -> CsrfFault {
    match current {
        Current::Active(_) | Current::Unavailable => CsrfFault::OtherSession,
        Current::Ended(_) => CsrfFault::SessionOver,
        _ if site.sessions().brings_session(request) => CsrfFault::SessionOver,
        Current::Anonymous(_) => CsrfFault::OtherSession,
        Current::Unknown => CsrfFault::NoSession,
    }
}

/// Warns once about a request with a token and without any cookie. Rocket drops a `Cookie` line that is not
/// UTF-8, and nothing of it is visible here.
fn warn_of_no_cookie() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        log::warn!(
            "a form came with an anti-forgery token but without cookies: the browser keeps no cookies, or one of \
             them is not UTF-8. In that case Rocket drops the whole `Cookie` header and logs \"Header 'cookie' contains invalid \
             UTF-8\". Find who sets that cookie on this host or a domain above it"
        );
    });
}

/// Inspects the beginning of a form before its handler reads it, so that a guard can find the token of an
/// application's own form. The token must be the first field.
pub(crate) async fn inspect(request: &mut Request<'_>, data: &mut Data<'_>) {
    form_start::inspect(request, data, FIELD).await;
}

/// Returns `true` for the methods that are not checked because they change nothing (RFC 9110, section 9.2.1).
pub(crate) fn is_safe(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options | Method::Trace)
}

fn is_cross_site(request: &Request<'_>, site: &Site) -> bool {
    let headers = request.headers();
    let is_told = headers.get("Sec-Fetch-Site").any(|site| site == "cross-site");
    let is_ours = |origin: &str| origin == "null" && is_same_origin(request);
    is_told || headers.get("Origin").any(|origin| !is_ours(origin) && is_foreign(origin, site))
}

/// Returns `true` if the browser reports that one of the site's own pages sent the request. For a WebSocket
/// this is ignored, because no token is checked there.
fn is_same_origin(request: &Request<'_>) -> bool {
    let mut sites = request.headers().get("Sec-Fetch-Site");
    sites.next() == Some("same-origin") && sites.next().is_none() && !asks_for_socket(request)
}

fn is_foreign(origin: &str, site: &Site) -> bool {
    let is_foreign = !is_own_origin(origin, site);
    if is_foreign {
        // The usual cause is not an attack, but a base_url that is not the address people use.
        log::warn!("refused a request of the origin {origin:?}; base_url is {}", site.base_url);
    }
    is_foreign
}

fn is_program(request: &Request<'_>, site: &Site) -> bool {
    let is_of_browsers = |name: &UncasedStr| {
        name == "Origin" || (name.starts_with("Sec-Fetch-") && name != "Sec-Fetch-Mode")
    };
    let is_browser = request.headers().iter().any(|header| is_of_browsers(header.name()));
    sends_json_alone(request) && !is_browser && !site.sessions().cookies().any_in(request)
}

/// Checks that there is exactly one `Content-Type` and that it is `application/json`. A value with a comma
/// may be two headers that a proxy has joined.
fn sends_json_alone(request: &Request<'_>) -> bool {
    let mut kinds = request.headers().get("Content-Type");
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    is_json(kind)
}

fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json") && !kind.contains(',')
}

fn is_own_origin(origin: &str, site: &Site) -> bool {
    is_origin_of(&site.base_url, site.config().base_url.is_none(), origin)
        || site.config().csrf.origins.have(origin)
}

/// Checks whether an `Origin` header names the site served at `base_url`. If `is_local`, in development
/// without a configured `base_url`, this machine is accepted, too.
fn is_origin_of(base_url: &Url, is_local: bool, origin: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    if origin.origin() == base_url.origin() {
        return true;
    }
    let is_loopback = matches!(origin.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    is_local && is_loopback && origin.port_or_known_default() == base_url.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use crate::web::csrf::{is_json, is_origin_of};

    #[test]
    fn json_has_parameters_in_any_case_and_is_no_list() {
        for kind in [
            "application/json",
            "Application/JSON",
            " application/json ",
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            "application/json ; charset=\"utf-8\"; v=1",
            "application/json;",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in [
            "",
            ";",
            "application/json, text/plain",
            "application/json; charset=utf-8, text/plain",
            "text/plain, application/json",
            "text/plain; application/json",
            "text/plain; a=\"application/json\"",
            "; application/json",
            "application/json text/plain",
            "application/jsonp",
            "application/problem+json",
            "text/json",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_json(kind), "{kind}");
        }
    }

    #[test]
    fn only_the_own_origin_counts() {
        let base = Url::parse("https://example.org").unwrap();
        assert!(is_origin_of(&base, false, "https://example.org"));
        for origin in [
            "http://example.org",
            "https://example.org:8443",
            "https://example.org.evil.example",
            "https://www.example.org",
            "null",
            "",
        ] {
            assert!(!is_origin_of(&base, false, origin), "{origin}");
        }
    }

    #[test]
    fn development_goes_by_any_name_of_this_machine() {
        let base = Url::parse("http://127.0.0.1:8000").unwrap();
        assert!(is_origin_of(&base, true, "http://localhost:8000"));
        assert!(!is_origin_of(&base, true, "http://localhost:9000"));
        assert!(!is_origin_of(&base, false, "http://localhost:8000"));
    }
}

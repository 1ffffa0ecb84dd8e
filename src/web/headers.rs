//! Limits the length of the headers of a request.
//!
//! The time for reading headers grows with their length. For `Accept`, Rocket's time grows with the square of
//! the length: 14 s for 200 KB in a release build, during which no other request of that thread is served. So
//! a request with headers that are too long is routed to a handler that refuses it without reading any.
//! Catchers, which answer requests that no fairing sees, use [`accept`], which does not read a long header.
//!
//! Rocket reads some headers before any of this code runs: `Cookie` and `Content-Type` in time proportional
//! to their length (25 ms for 350 KB), and the first of several `Accept` headers when it parses the second. A
//! reverse proxy with a limit on headers, as nginx has with 8 KB each, keeps these out.

use rocket::http::{Accept, Method, Status};
use rocket::{Request, post, uri};

use crate::text::Text;

/// The maximum length of a header with media types, in bytes. Browsers send less than 300.
const LONGEST: usize = 1_024;

/// The maximum length of all headers together, in bytes: the default of nginx
/// (`large_client_header_buffers`).
const LONGEST_TOGETHER: usize = 32 * 1_024;

/// Routes a request with headers that are too long to a handler that refuses it. Returns `true` if it did.
pub(crate) fn are_refused(request: &mut Request<'_>) -> bool {
    let lengths = request.headers().iter().map(|it| it.name().as_str().len() + it.value().len());
    let is_refused = lengths.sum::<usize>() > LONGEST_TOGETHER
        || is_too_long(request, "Accept")
        || is_too_long(request, "Content-Type");
    if is_refused {
        // To log a request without a body, Rocket reads its `Accept` header.
        request.set_method(Method::Post);
        request.set_uri(uri!("/security/long-headers"));
    }
    is_refused
}

/// Refuses a request with headers that are too long (RFC 6585, section 5). It answers only in plain text,
/// because choosing between a page and JSON would mean reading a header.
#[post("/security/long-headers")]
pub(crate) fn refuse_long() -> (Status, String) {
    let text = Text::new(
        "headers_too_long",
        "The headers of this request are longer than 32 KiB, or Accept or Content-Type than 1 KiB.",
    );
    (Status::RequestHeaderFieldsTooLarge, text.to_string())
}

/// Returns the `Accept` header of a request, unless it is too long.
#[allow(clippy::disallowed_methods, reason = "the length is checked here")]
pub(crate) fn accept<'r>(request: &'r Request<'_>) -> Option<&'r Accept> {
    if is_too_long(request, "Accept") { None } else { request.accept() }
}

fn is_too_long(request: &Request<'_>, name: &str) -> bool {
    request.headers().get(name).map(str::len).sum::<usize>() > LONGEST
}

//! A bound on the headers of a request.
//!
//! What reads headers takes time that grows with their length; reading `Accept` takes Rocket time that grows with its
//! square: 14 s for 200 KB in a release build, and no other request of that thread goes on. So a request whose
//! headers are too long is led to a route that refuses it and reads none, and for catchers, which answer requests that
//! no fairing sees, [`accept`] reads no long one.
//!
//! Rocket itself reads some before any code of ours runs: `Cookie` and `Content-Type` in time that grows with
//! their length (25 ms for 350 KB), and the first of several `Accept` headers while it takes in the second. A
//! reverse proxy that bounds headers, as nginx does at 8 KB each, keeps them out.

use rocket::http::{Accept, Method, Status};
use rocket::{Request, post, uri};

use crate::text::Text;

/// The longest header that names media types, in bytes. Browsers send less than 300.
const LONGEST: usize = 1_024;

/// The longest that all headers are together, in bytes: what nginx takes by default
/// (`large_client_header_buffers`).
const LONGEST_TOGETHER: usize = 32 * 1_024;

/// Leads a request with headers that are too long to a route that refuses it, and returns whether it did.
pub(crate) fn are_refused(request: &mut Request<'_>) -> bool {
    let lengths = request.headers().iter().map(|it| it.name().as_str().len() + it.value().len());
    let is_refused = lengths.sum::<usize>() > LONGEST_TOGETHER
        || is_too_long(request, "Accept")
        || is_too_long(request, "Content-Type");
    if is_refused {
        // To log a request without a body, Rocket reads what it accepts.
        request.set_method(Method::Post);
        request.set_uri(uri!("/security/long-headers"));
    }
    is_refused
}

/// Refuses a request whose headers are too long (RFC 6585, section 5). As text alone: to choose between a page
/// and JSON would be to read one.
#[post("/security/long-headers")]
pub(crate) fn refuse_long() -> (Status, String) {
    let text = Text::new(
        "headers_too_long",
        "The headers of this request are longer than 32 KiB, or Accept or Content-Type than 1 KiB.",
    );
    (Status::RequestHeaderFieldsTooLarge, text.to_string())
}

/// Returns what a request accepts, unless it says so at too great a length.
#[allow(clippy::disallowed_methods, reason = "the length is checked here")]
pub(crate) fn accept<'r>(request: &'r Request<'_>) -> Option<&'r Accept> {
    if is_too_long(request, "Accept") { None } else { request.accept() }
}

fn is_too_long(request: &Request<'_>, name: &str) -> bool {
    request.headers().get(name).map(str::len).sum::<usize>() > LONGEST
}

//! A bound on the headers that name media types.
//!
//! Reading `Accept` takes Rocket time that grows with the square of its length: 14 s for 200 KB in a release
//! build, and no other request of that thread goes on. Replacing the header reads it, too. So the request is
//! led to a route that refuses it and reads no header; and for catchers, which answer requests that no fairing
//! sees, [`accept`] reads no long one.
//!
//! Two cases are Rocket's own, before any code of ours runs: it reads the first of several `Accept` headers while
//! it takes in the second, and `Content-Type` of any request, in time that grows with its length (24 ms for 200 KB).
//! A reverse proxy that bounds headers, as nginx does at 8 KB, keeps them out.

use rocket::Request;
use rocket::http::Accept;
use rocket::http::Method;
use rocket::http::Status;
use rocket::post;
use rocket::uri;

/// The longest header that is read, in bytes. Browsers send less than 300.
const LONGEST: usize = 1_024;

/// Leads a request with too long a header to a route that refuses it, and returns whether it did.
pub(crate) fn is_refused(request: &mut Request<'_>) -> bool {
    if !is_too_long(request, "Accept") && !is_too_long(request, "Content-Type") {
        return false;
    }
    // To log a request without a body, Rocket reads what it accepts.
    request.set_method(Method::Post);
    request.set_uri(uri!("/security/long-header"));
    true
}

/// Refuses a request whose header is too long (RFC 6585, section 5). As text alone: to choose between a page and
/// JSON would be to read the header.
#[post("/security/long-header")]
pub(crate) fn refuse_long() -> (Status, &'static str) {
    let text = "The header Accept or Content-Type of this request is longer than 1 KiB.";
    (Status::RequestHeaderFieldsTooLarge, text)
}

/// Returns what a request accepts, unless it says so at too great a length.
#[expect(clippy::disallowed_methods, reason = "the length is checked here")]
pub(crate) fn accept<'r>(request: &'r Request<'_>) -> Option<&'r Accept> {
    if is_too_long(request, "Accept") { None } else { request.accept() }
}

fn is_too_long(request: &Request<'_>, name: &str) -> bool {
    request.headers().get(name).map(str::len).sum::<usize>() > LONGEST
}

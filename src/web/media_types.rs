//! A bound on the headers that name media types.
//!
//! Reading `Accept` takes Rocket time that grows with the square of its length: 14 s for 200 KB in a release
//! build, and no other request of that thread goes on. Replacing the header reads it, too. So the request is
//! led to a route that refuses it and reads no header. `Content-Type` is read by Rocket before any fairing runs,
//! in time that grows with its length: 24 ms for 200 KB.

use rocket::Request;
use rocket::http::Method;
use rocket::http::Status;
use rocket::post;
use rocket::uri;

/// The longest header that is read, in bytes. Browsers send less than 300.
const LONGEST: usize = 1_024;

/// Leads a request with too long a header to a route that refuses it, and returns whether it did.
pub(crate) fn is_refused(request: &mut Request<'_>) -> bool {
    let length = |name| request.headers().get(name).map(str::len).sum::<usize>();
    if length("Accept") <= LONGEST && length("Content-Type") <= LONGEST {
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

//! Cookies of ours that a request brings twice.
//!
//! Browsers send two cookies of one name when they were set for different domains or paths, as by a
//! neighbouring host that plants one. Two cookies of one name are two credentials, and nothing says which of
//! them is the user's. So the request is refused, before any guard or handler reads one of the two.

use rocket::http::{Method, Status};
use rocket::{Request, post, uri};

use crate::rejection::Rejection;
use crate::text::Text;
use crate::web::site::Site;

/// Leads a request with a doubled cookie to a route that refuses it.
pub(crate) fn inspect(request: &mut Request<'_>) {
    let Some(name) = Site::of(request).and_then(|site| site.sessions().cookies().doubled(request))
    else {
        return;
    };
    log::warn!(
        "refused a request with two cookies named {name}: another host or path has set one of them"
    );
    request.set_method(Method::Post);
    request.set_uri(uri!("/security/doubled-cookie"));
}

/// Refuses a request that brings a cookie twice.
#[post("/security/doubled-cookie")]
pub(crate) fn refuse_doubled() -> Rejection {
    Rejection::Custom {
        status: Status::BadRequest,
        text: Text::new(
            "conflicting_credentials.cookies",
            "Your browser sent the same cookie twice, and we cannot tell which one is yours. Please \
               delete the cookies of this site and try again.",
        ),
    }
}

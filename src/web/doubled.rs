//! Refuses requests with duplicate cookies.
//!
//! Browsers send two cookies with the same name if they were set for different domains or paths, for example
//! by a neighbouring host that plants one. These are two credentials, and nothing tells which one is the
//! user's. So the request is refused before any guard or handler reads one of them.

use rocket::http::{Method, Status};
use rocket::{Request, post, uri};

use crate::rejection::Rejection;
use crate::text::Text;
use crate::web::site::Site;

/// Routes a request with a duplicate cookie to a handler that refuses it.
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

/// Refuses a request with a duplicate cookie.
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

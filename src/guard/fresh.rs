//! The guard for users who proved recently who they are.

use std::any::type_name;
use std::time::Duration;

use rocket::{Ignite, Request, Rocket};

use crate::config::Span;
use crate::guard::auth_user::AuthUser;
use crate::guard::state::parts;
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::guard::who::insufficient;
use crate::rejection::{Lacking, Rejection};
use crate::web::demand::Demand;

/// A user who proved who they are within the last `MINUTES` minutes, by logging in or at `/verify`.
///
/// Each route has its own window: passing a guard of an hour does not pass one of five minutes, and using a
/// page does not renew freshness. A user who came back in a remembered browser has proved nothing and is never
/// fresh. A request without a login is answered as by [`AuthUser`]; one that is not fresh, with 401 and `reauth_required`, or for a page with 303 to `/verify` and back. A page that is
/// submitted to is led back to by its form, if the form has the same path.
///
/// A password by Basic has come just now and is fresh. A token is as fresh as the login that it was
/// issued after; who is not is answered with 401 as a page, too, for `/verify` is about sessions.
///
/// Without the feature [`verify`](crate::features::verify) the launch stops: users could become
/// fresh only by logging in again.
///
/// ```
/// # use rocket::get;
/// use rocket_security::Fresh;
///
/// #[get("/payout")]
/// fn payout(user: Fresh<5>) -> String {
///     format!("Where to, {}?", user.email)
/// }
/// ```
pub struct Fresh<const MINUTES: u32> {
    user: AuthUser,
}

user_guard!(Fresh<const MINUTES: u32>);

impl<const MINUTES: u32> UserGuard for Fresh<MINUTES> {
    fn check(request: &Request<'_>, user: &AuthUser) -> Result<(), Rejection> {
        if is_fresh(request, user, MINUTES) {
            Ok(())
        } else {
            Err(insufficient(request, user.mechanism(), within(MINUTES)))
        }
    }

    fn demand(demand: Demand) -> Demand {
        demand.fresh_within(MINUTES)
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        lacks_page::<Self>(rocket)
    }
}

/// Checks whether no page lets a user prove who they are again, and says what to do.
pub(super) fn lacks_page<G>(rocket: &Rocket<Ignite>) -> bool {
    let has_page = rocket.routes().any(|route| route.uri.path() == "/verify");
    if !has_page {
        let guard = type_name::<G>();
        log::error!("a route uses {guard}: enable `rocket_security::features::verify::Verify`");
    }
    !has_page
}

/// Returns what a user lacks who proved nothing within that time.
pub(super) fn within(minutes: u32) -> Lacking {
    Lacking::Freshness { max_age: Some(Duration::from_secs(u64::from(minutes) * 60)) }
}

/// Returns `true` if a user proved within that time who they are.
pub(super) fn is_fresh(request: &Request<'_>, user: &AuthUser, minutes: u32) -> bool {
    let window = Span::minutes(minutes.into());
    parts(request).is_ok_and(|(site, _)| user.is_fresh(window, site.clock().now()))
}

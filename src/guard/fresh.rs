//! The guard for users who proved their identity recently.

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

/// Lets in users who proved their identity within the last `MINUTES` minutes, by logging in or at `/verify`.
///
/// Use it before something that a stranger at an unlocked computer must not do, such as a payout. Each route
/// has its own window: a user who passes a guard of an hour may still fail one of five minutes. Using a page
/// does not renew the proof. It needs the feature [`verify`](crate::features::verify); without it the launch
/// stops, because users could become fresh only by logging in again.
///
/// ```
/// use rocket::get;
/// use rocket_security::Fresh;
///
/// #[get("/payout")]
/// fn payout(user: Fresh<5>) -> String {
///     format!("Where to, {}?", user.email)
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the latest proof is older, or there is none | 401; page: 303 to `/verify` and back | `reauth_required` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
///
/// | authenticated by | the proof |
/// |---|---|
/// | a session | the login, or the last `/verify` |
/// | a session of a remembered browser | none, until the user proves it at `/verify` |
/// | a token or a ticket | that of the login behind it |
/// | Basic | now |
/// | a personal token | none |
///
/// Only a page that was authenticated by a session is redirected, because `/verify` serves sessions. After
/// `/verify` the user returns to the page. If the request was a submission, the user returns to the page of
/// its form, if that page has the same path.
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

/// Returns `true` if there is no page at which users can prove their identity again, and logs what to do.
pub(super) fn lacks_page<G>(rocket: &Rocket<Ignite>) -> bool {
    let has_page = rocket.routes().any(|route| route.uri.path() == "/verify");
    if !has_page {
        let guard = type_name::<G>();
        log::error!("a route uses {guard}: enable `rocket_security::features::verify::Verify`");
    }
    !has_page
}

/// Returns what a user lacks without a proof of identity within that time.
pub(super) fn within(minutes: u32) -> Lacking {
    Lacking::Freshness { max_age: Some(Duration::from_secs(u64::from(minutes) * 60)) }
}

/// Returns `true` if the user proved their identity within that time.
pub(super) fn is_fresh(request: &Request<'_>, user: &AuthUser, minutes: u32) -> bool {
    let window = Span::minutes(minutes.into());
    parts(request).is_ok_and(|(site, _)| user.is_fresh(window, site.clock().now()))
}

//! The guards for users authenticated by certain mechanisms only.

use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::auth_user::AuthUser;
use crate::guard::mechanism::{BASIC, is_missing};
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::guard::via::ViaSet;
use crate::web::demand::Demand;

/// Lets in users whose request was authenticated by one of the mechanisms in `M`: one of [`via`], or a tuple
/// of them.
///
/// Use it for a route that only browsers, or only programs, may use. The setting
/// [`security.mechanisms`](crate::config::Config::mechanisms) plays no part, and credentials of other
/// mechanisms are ignored. All credentials by the mechanisms in `M` must be valid and belong to one user. The
/// first of them, in the order of the tuple, becomes the [`mechanism`](AuthUser::mechanism) of the request.
///
/// ```
/// use rocket::post;
/// use rocket_security::{AuthVia, RolesRequired, via};
///
/// rocket_security::roles! { pub Admin = "admin"; }
///
/// /// Users at a browser. A token does not open this route.
/// #[post("/payout")]
/// fn pay_out(user: AuthVia<via::SessionCookie>) -> String {
///     format!("Paid out, {}.", user.email)
/// }
///
/// /// Programs of admins. A session does not open this route.
/// #[post("/import")]
/// fn import(by: AuthVia<(via::BearerToken, via::BasicAuth)>, _admin: RolesRequired<Admin>) -> String {
///     format!("Imported for {} by {}.", by.email, by.mechanism())
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | no credentials by a mechanism in `M` | 401; page: 303 to `/login` and back | `unauthenticated` |
/// | invalid credentials by a mechanism in `M` | 401 | as [`AuthUser`] |
/// | a personal token, where `M` has `BearerToken` but not `PersonalToken` | 401 | `token_scoped` |
/// | an earlier guard let in another user | 400 | `conflicting_credentials` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
///
/// A page is redirected to `/login` only if `M` contains [`via::SessionCookie`](crate::via::SessionCookie)
/// and not [`via::BasicAuth`](crate::via::BasicAuth).
///
/// Put it **before** guards of roles and the like: they accept the user that it let in, and a session of
/// another user in the same request is ignored. After such a guard it authenticates the request again, and
/// answers with 400 if it finds another user.
///
/// If the feature of a mechanism in `M` is not enabled, the launch stops.
///
/// [`via`]: crate::via
pub struct AuthVia<M> {
    user: AuthUser,
    of: PhantomData<fn() -> M>,
}

user_guard!(AuthVia<M: ViaSet>);

impl<M: ViaSet> UserGuard for AuthVia<M> {
    fn mechanisms(request: &Request<'_>) -> AcceptedMechanisms {
        AcceptedMechanisms::only(request, &M::names())
    }

    fn demand(demand: Demand) -> Demand {
        demand.mechanisms(&M::names())
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        is_missing::<Self>(rocket, &M::names())
    }
}

/// Lets in users whose name and password are sent with the request itself (HTTP Basic authentication, RFC
/// 7617).
///
/// Use it for programs that can do nothing else. It needs the feature [`basic`](crate::features::basic);
/// without it the launch stops. The page of the feature describes the limits and what happens with second
/// factors.
///
/// ```
/// use rocket::get;
/// use rocket_security::BasicUser;
///
/// #[get("/feed")]
/// fn feed(user: BasicUser) -> String {
///     format!("News for {}", user.email)
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | no name and password | 401 | `unauthenticated` |
/// | an unknown name, a wrong password, or an account with a second factor | 401 | `credentials_refused` |
/// | an unsafe request without the anti-forgery token | 400 | `csrf_failed` |
/// | an unsafe request or a WebSocket, started by another site | 400 | `cross_site` |
/// | an earlier guard let in another user | 400 | `conflicting_credentials` |
/// | the user has to change the password first | 403; page: 303 to `/change` | `password_change_required` |
/// | a [hook](crate::Hooks::session_checked) objects | that of the hook | that of the hook |
/// | too many attempts | 429 | `throttled` |
/// | too many passwords are waiting to be checked | 503 | `saturated` |
/// | the store does not answer | 503 | `unavailable` |
///
/// An answer of 401 has a challenge, as a page and as JSON, and a browser then asks its user for the
/// password. A browser also sends the password with forged requests, so an unsafe request needs the
/// anti-forgery token. [JSON from a program](crate::web::csrf) does not.
pub struct BasicUser {
    user: AuthUser,
}

user_guard!(BasicUser);

impl UserGuard for BasicUser {
    fn mechanisms(request: &Request<'_>) -> AcceptedMechanisms {
        AcceptedMechanisms::only(request, &[BASIC])
    }

    fn demand(demand: Demand) -> Demand {
        demand.mechanisms(&[BASIC])
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        is_missing::<Self>(rocket, &[BASIC])
    }
}

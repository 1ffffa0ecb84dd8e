//! The guard for users authenticated by certain mechanisms only.

use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::auth_user::AuthUser;
use crate::guard::mechanism::{BASIC, is_missing};
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::guard::via::ViaSet;
use crate::web::demand::Demand;

/// A user whose request was authenticated by one of the mechanisms in `M`: one of [`via`], or a tuple
/// of them, whatever [`security.mechanisms`](crate::config::Config::mechanisms) says. What else a request brings
/// is not looked at; what it brings by these has to be good and to mean one user, who came by the first of the
/// tuple.
///
/// Answers otherwise as [`AuthUser`] does; a browser is led to the login page only where a session is
/// among them. Put it **before** guards of roles and the like: they accept the user that it let in,
/// and a session of another user in the same request is ignored. Behind them, it answers with 400 if the two
/// are different users.
///
/// ```
/// # use rocket::post;
/// use rocket_security::AuthVia;
/// use rocket_security::RolesRequired;
/// use rocket_security::via;
///
/// rocket_security::roles! { pub Admin = "admin"; }
///
/// /// For people at a browser: no token opens it.
/// #[post("/payout")]
/// fn pay_out(user: AuthVia<via::SessionCookie>) -> String {
///     format!("Paid out, {}.", user.email)
/// }
///
/// /// For programs of admins.
/// #[post("/import")]
/// fn import(by: AuthVia<(via::BearerToken, via::BasicAuth)>, _admin: RolesRequired<Admin>) -> String {
///     format!("Imported for {} by {}.", by.email, by.mechanism())
/// }
/// ```
///
/// A mechanism whose feature is not enabled stops the launch.
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

/// A user who sends name and password with the request itself, as HTTP's Basic authentication has it:
/// for programs that can do nothing else.
///
/// It needs the feature [`basic`](crate::features::basic), without which the launch stops; what that
/// page says of limits and second factors holds here. A request without such credentials, or with
/// invalid ones, is answered with 401 and a challenge, page and JSON alike: a browser then asks its user. An unsafe
/// request needs the anti-forgery token unless it is plainly a program's
/// ([`web::csrf`](crate::web::csrf)), for a browser sends the password with forged requests, too.
///
/// ```
/// # use rocket::get;
/// use rocket_security::BasicUser;
///
/// #[get("/feed")]
/// fn feed(user: BasicUser) -> String {
///     format!("News for {}", user.email)
/// }
/// ```
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

//! Users with roles.

use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::event::Missing;
use crate::guard::auth_user::AuthUser;
use crate::guard::named::lacks_role;
use crate::guard::tell::tell_unauthorized;
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::rejection::Rejection;
use crate::user::RoleSet;
use crate::web::demand::Demand;

/// A user who has every role in `R`: one role, or a tuple of them.
///
/// A request without a login is answered as by [`AuthUser`], a user who lacks a role with 403. Roles are
/// read with the session, so that giving and taking one counts from the next request on. A role that
/// [another one includes](crate::guard#roles-that-include-others) counts like one that was given.
///
/// ```
/// # use rocket::get;
/// use rocket_security::RolesRequired;
///
/// rocket_security::roles! { pub Admin = "admin"; }
///
/// #[get("/admin")]
/// fn admin(user: RolesRequired<Admin>) -> String {
///     format!("Hello, {}!", user.email)
/// }
/// ```
///
/// A role that was not declared does not compile:
///
/// ```compile_fail,E0425
/// # use rocket::get;
/// # use rocket_security::RolesRequired;
/// rocket_security::roles! { pub Admin = "admin"; }
///
/// #[get("/admin")]
/// fn admin(user: RolesRequired<Amdin>) -> String {
///     format!("Hello, {}!", user.email)
/// }
/// # fn main() {}
/// ```
pub struct RolesRequired<R> {
    user: AuthUser,
    of: PhantomData<fn() -> R>,
}

user_guard!(RolesRequired<R: RoleSet>);

impl<R: RoleSet> UserGuard for RolesRequired<R> {
    fn check(request: &Request<'_>, user: &AuthUser) -> Result<(), Rejection> {
        if R::names().iter().all(|name| user.has_role(name)) {
            Ok(())
        } else {
            Err(forbid(request, user, R::names()))
        }
    }

    fn demand(demand: Demand) -> Demand {
        demand.all_roles(&R::names())
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        lacks_role::<Self>(rocket, &R::names())
    }
}

/// A user who has at least one role in `R`: one role, or a tuple of them.
///
/// Answers otherwise as [`RolesRequired`] does.
///
/// ```
/// # use rocket::get;
/// use rocket_security::RolesAccepted;
///
/// rocket_security::roles! {
///     pub Admin = "admin";
///     pub Editor = "editor";
/// }
///
/// #[get("/drafts")]
/// fn drafts(user: RolesAccepted<(Admin, Editor)>) -> String {
///     format!("Three drafts wait for you, {}.", user.email)
/// }
/// ```
pub struct RolesAccepted<R> {
    user: AuthUser,
    of: PhantomData<fn() -> R>,
}

user_guard!(RolesAccepted<R: RoleSet>);

impl<R: RoleSet> UserGuard for RolesAccepted<R> {
    fn check(request: &Request<'_>, user: &AuthUser) -> Result<(), Rejection> {
        if R::names().iter().any(|name| user.has_role(name)) {
            Ok(())
        } else {
            Err(forbid(request, user, R::names()))
        }
    }

    fn demand(demand: Demand) -> Demand {
        demand.any_role(&R::names())
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        lacks_role::<Self>(rocket, &R::names())
    }
}

/// Refuses a user who lacks some of these roles, and tells which.
fn forbid(request: &Request<'_>, user: &AuthUser, mut names: Vec<&'static str>) -> Rejection {
    names.retain(|name| !user.has_role(name));
    tell_unauthorized(request, user, Missing::Roles(names));
    Rejection::Forbidden
}

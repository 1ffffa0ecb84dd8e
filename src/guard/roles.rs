//! The guards for users with certain roles.

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

/// Lets in users who have every role in `R`: one role, or a tuple of them.
///
/// Use it where it matters who the user is; where it matters what is done, take
/// [`PermissionsRequired`](crate::PermissionsRequired). Roles are read together with the session, so a role
/// that is granted or revoked counts from the next request on. A role that [another one
/// includes](crate::guard#roles-that-include-others) counts like a granted one.
///
/// ```
/// use rocket::get;
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
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the user lacks a role in `R` | 403 | `forbidden` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
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
///
/// A role that the store does not have is created at the launch, or stops it, as
/// [`security.roles`](crate::config::Config::roles) says.
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

/// Lets in users who have at least one role in `R`: one role, or a tuple of them.
///
/// It differs from [`RolesRequired`] in nothing else.
///
/// ```
/// use rocket::get;
/// use rocket_security::RolesAccepted;
///
/// rocket_security::roles! {
///     pub Admin = "admin";
///     pub Editor = "editor";
/// }
///
/// #[get("/drafts")]
/// fn drafts(user: RolesAccepted<(Admin, Editor)>) -> String {
///     format!("Three drafts are waiting for you, {}.", user.email)
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the user has no role in `R` | 403 | `forbidden` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
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

/// Refuses a user who lacks some of these roles, and sends an event that names the missing ones.
fn forbid(request: &Request<'_>, user: &AuthUser, mut names: Vec<&'static str>) -> Rejection {
    names.retain(|name| !user.has_role(name));
    tell_unauthorized(request, user, Missing::Roles(names));
    Rejection::Forbidden
}

//! Users with roles.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::guard::auth_user::AuthUser;
use crate::guard::maybe::Credentials;
use crate::guard::set::set_guard;
use crate::rejection::Rejection;
use crate::user::{RoleSet, User};
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// A user who has every role in `R`: one role, or a tuple of them.
///
/// Nobody logged in is answered as by [`AuthUser`], a user who lacks a role with 403. Roles are
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
    set: PhantomData<R>,
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
    set: PhantomData<R>,
}

set_guard!(RolesRequired, RoleSet, all, has_role, Roles, lacks_role, all_roles);
set_guard!(RolesAccepted, RoleSet, any, has_role, Roles, lacks_role, any_role);

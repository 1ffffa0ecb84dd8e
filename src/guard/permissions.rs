//! Users whose roles have permissions.

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
use crate::user::{PermissionSet, User};
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// A user who has every permission in `P`: one permission, or a tuple of them.
///
/// Permissions belong to roles, and a user has those of all their roles. A route that asks for a
/// permission says what is done there; who may do it is decided in the store, and changed without a
/// new program: `rocket-security roles add-permission editor posts.edit`.
///
/// Nobody logged in is answered as by [`AuthUser`], a user who lacks a permission with 403.
/// Permissions are read with the session, so that giving and taking one counts from the next request
/// on.
///
/// ```
/// # use rocket::get;
/// use rocket_security::PermissionsRequired;
///
/// rocket_security::permissions! { pub EditPosts = "posts.edit"; }
///
/// #[get("/edit")]
/// fn edit(user: PermissionsRequired<EditPosts>) -> String {
///     format!("Go ahead, {}.", user.email)
/// }
/// ```
///
/// A permission that was not declared does not compile:
///
/// ```compile_fail,E0425
/// # use rocket::get;
/// # use rocket_security::PermissionsRequired;
/// rocket_security::permissions! { pub EditPosts = "posts.edit"; }
///
/// #[get("/edit")]
/// fn edit(user: PermissionsRequired<EditPost>) -> String {
///     format!("Go ahead, {}.", user.email)
/// }
/// # fn main() {}
/// ```
///
/// Neither does a role in the place of one:
///
/// ```compile_fail,E0277
/// # use rocket::get;
/// # use rocket_security::PermissionsRequired;
/// rocket_security::roles! { pub Editor = "editor"; }
///
/// #[get("/edit")]
/// fn edit(user: PermissionsRequired<Editor>) -> String {
///     format!("Go ahead, {}.", user.email)
/// }
/// # fn main() {}
/// ```
pub struct PermissionsRequired<P> {
    user: AuthUser,
    set: PhantomData<P>,
}

/// A user who has at least one permission in `P`: one permission, or a tuple of them.
///
/// Answers otherwise as [`PermissionsRequired`] does.
///
/// ```
/// # use rocket::get;
/// use rocket_security::PermissionsAccepted;
///
/// rocket_security::permissions! {
///     pub EditPosts = "posts.edit";
///     pub DeletePosts = "posts.delete";
/// }
///
/// #[get("/posts")]
/// fn posts(user: PermissionsAccepted<(EditPosts, DeletePosts)>) -> String {
///     format!("What shall it be, {}?", user.email)
/// }
/// ```
pub struct PermissionsAccepted<P> {
    user: AuthUser,
    set: PhantomData<P>,
}

set_guard!(
    PermissionsRequired,
    PermissionSet,
    all,
    has_permission,
    Permissions,
    lacks_permission,
    all_permissions
);
set_guard!(
    PermissionsAccepted,
    PermissionSet,
    any,
    has_permission,
    Permissions,
    lacks_permission,
    any_permission
);

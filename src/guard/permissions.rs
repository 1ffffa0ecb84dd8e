//! The guards for users whose roles have certain permissions.

use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::event::Missing;
use crate::guard::auth_user::AuthUser;
use crate::guard::named::lacks_permission;
use crate::guard::tell::tell_unauthorized;
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::rejection::Rejection;
use crate::user::PermissionSet;
use crate::web::demand::Demand;

/// Lets in users who have every permission in `P`: one permission, or a tuple of them.
///
/// Permissions belong to roles, and a user has those of all their roles. The route names what is done. Who
/// may do it is decided in the store, and can change without a new version of the application:
/// `rocket-security roles add-permission editor posts.edit`. Permissions are read together with the session,
/// so a change counts from the next request on.
///
/// ```
/// use rocket::get;
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
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the user lacks a permission in `P` | 403 | `forbidden` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
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
/// Neither does a role in place of a permission:
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
    of: PhantomData<fn() -> P>,
}

user_guard!(PermissionsRequired<P: PermissionSet>);

impl<P: PermissionSet> UserGuard for PermissionsRequired<P> {
    fn check(request: &Request<'_>, user: &AuthUser) -> Result<(), Rejection> {
        if P::names().iter().all(|name| user.has_permission(name)) {
            Ok(())
        } else {
            Err(forbid(request, user, P::names()))
        }
    }

    fn demand(demand: Demand) -> Demand {
        demand.all_permissions(&P::names())
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        lacks_permission::<Self>(rocket, &P::names())
    }
}

/// Lets in users who have at least one permission in `P`: one permission, or a tuple of them.
///
/// It differs from [`PermissionsRequired`] in nothing else.
///
/// ```
/// use rocket::get;
/// use rocket_security::PermissionsAccepted;
///
/// rocket_security::permissions! {
///     pub EditPosts = "posts.edit";
///     pub DeletePosts = "posts.delete";
/// }
///
/// #[get("/posts")]
/// fn posts(user: PermissionsAccepted<(EditPosts, DeletePosts)>) -> String {
///     format!("What do you want to do, {}?", user.email)
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the user has no permission in `P` | 403 | `forbidden` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
pub struct PermissionsAccepted<P> {
    user: AuthUser,
    of: PhantomData<fn() -> P>,
}

user_guard!(PermissionsAccepted<P: PermissionSet>);

impl<P: PermissionSet> UserGuard for PermissionsAccepted<P> {
    fn check(request: &Request<'_>, user: &AuthUser) -> Result<(), Rejection> {
        if P::names().iter().any(|name| user.has_permission(name)) {
            Ok(())
        } else {
            Err(forbid(request, user, P::names()))
        }
    }

    fn demand(demand: Demand) -> Demand {
        demand.any_permission(&P::names())
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        lacks_permission::<Self>(rocket, &P::names())
    }
}

/// Refuses a user who lacks some of these permissions, and sends an event that names the missing ones.
fn forbid(request: &Request<'_>, user: &AuthUser, mut names: Vec<&'static str>) -> Rejection {
    names.retain(|name| !user.has_permission(name));
    tell_unauthorized(request, user, Missing::Permissions(names));
    Rejection::Forbidden
}

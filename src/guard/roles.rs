//! Users with roles.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use rocket::Ignite;
use rocket::Request;
use rocket::Rocket;
use rocket::Sentinel;
use rocket::async_trait;
use rocket::outcome::Outcome;
use rocket::request;
use rocket::request::FromRequest;

use crate::guard::AuthUser;
use crate::guard::maybe::Credentials;
use crate::guard::refuse;
use crate::rejection::Rejection;
use crate::user::RoleSet;
use crate::user::User;
use crate::web::is_unattached;

/// A user who has every role in `R`: one role, or a tuple of them.
///
/// Nobody logged in is answered as by [`AuthUser`], a user who lacks a role with 403. Roles are
/// read with the session, so that giving and taking one counts from the next request on.
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
pub struct RolesRequired<R> {
    user: AuthUser,
    roles: PhantomData<R>,
}

/// A user who has at least one role in `R`: one role, or a tuple of them.
///
/// Answers otherwise as [`RolesRequired`] does.
pub struct RolesAccepted<R> {
    user: AuthUser,
    roles: PhantomData<R>,
}

macro_rules! role_guard {
    ($guard:ident, $quantifier:ident) => {
        impl<R> $guard<R> {
            /// Gives the user.
            pub fn into_user(self) -> User {
                self.user.into_user()
            }
        }

        impl<R> Deref for $guard<R> {
            type Target = AuthUser;

            fn deref(&self) -> &AuthUser {
                &self.user
            }
        }

        impl<R> fmt::Debug for $guard<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($guard)).field(&self.user).finish()
            }
        }

        #[async_trait]
        impl<'r, R: RoleSet> FromRequest<'r> for $guard<R> {
            type Error = Rejection;

            async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
                match AuthUser::from_request(request).await {
                    Outcome::Success(user) => {
                        if R::names().into_iter().$quantifier(|name| user.has_role(name)) {
                            Outcome::Success(Self { user, roles: PhantomData })
                        } else {
                            refuse(request, Rejection::Forbidden)
                        }
                    }
                    Outcome::Error(error) => Outcome::Error(error),
                    Outcome::Forward(status) => Outcome::Forward(status),
                }
            }
        }

        #[async_trait]
        impl<'r, R: RoleSet> Credentials<'r> for $guard<R> {
            async fn are_given(request: &'r Request<'_>) -> bool {
                AuthUser::are_given(request).await
            }
        }

        impl<R> Sentinel for $guard<R> {
            fn abort(rocket: &Rocket<Ignite>) -> bool {
                is_unattached::<Self>(rocket)
            }
        }
    };
}

role_guard!(RolesRequired, all);
role_guard!(RolesAccepted, any);

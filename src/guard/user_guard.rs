//! The common part of the guards that wrap a user.

use rocket::outcome::Outcome;
use rocket::{Ignite, Request, Rocket, request};

use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::auth_user::AuthUser;
use crate::rejection::Rejection;
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// What a guard requires beyond a user. The guards made by [`user_guard!`] differ in nothing else.
pub(super) trait UserGuard: Sized {
    /// Returns the mechanisms that may authenticate the user.
    fn mechanisms(request: &Request<'_>) -> AcceptedMechanisms {
        AcceptedMechanisms::configured(request)
    }

    /// Checks a user who was authenticated by one of them.
    ///
    /// # Errors
    ///
    /// The reason why the user is not let in.
    fn check(_request: &Request<'_>, _user: &AuthUser) -> Result<(), Rejection> {
        Ok(())
    }

    /// Adds the requirements of the guard to its entry in the access map.
    fn demand(demand: Demand) -> Demand;

    /// Returns `true` if the application lacks what the guard needs, and logs what to do.
    fn lacks(rocket: &Rocket<Ignite>) -> bool;
}

/// Implements a guard for a struct that implements [`UserGuard`] and has a field `user`, an [`AuthUser`]. If
/// the struct has a type parameter, it also has a field `of`, a `PhantomData` of it.
macro_rules! user_guard {
    ($guard:ident) => {
        user_guard!(@ $guard [] [] [] []);
    };
    ($guard:ident<const $name:ident: $kind:ty>) => {
        user_guard!(@ $guard [$name] [const $name: $kind] [const $name: $kind] []);
    };
    ($guard:ident<$name:ident: $bound:ident>) => {
        user_guard!(@ $guard [$name] [$name] [$name: $bound] [of: std::marker::PhantomData]);
    };
    (@ $guard:ident [$($name:tt)*] [$($any:tt)*] [$($bound:tt)*] [$($of:tt)*]) => {
        impl<$($any)*> $guard<$($name)*> {
            /// Returns the user, without what the guard checked.
            pub fn into_user(self) -> crate::user::User {
                self.user.into_user()
            }
        }

        impl<$($any)*> std::ops::Deref for $guard<$($name)*> {
            type Target = crate::guard::auth_user::AuthUser;

            fn deref(&self) -> &Self::Target {
                &self.user
            }
        }

        // A derived implementation would require the parameter to be `Clone`, too.
        impl<$($any)*> Clone for $guard<$($name)*> {
            fn clone(&self) -> Self {
                Self { user: self.user.clone(), $($of)* }
            }
        }

        impl<$($any)*> std::fmt::Debug for $guard<$($name)*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($guard)).field(&self.user).finish()
            }
        }

        #[rocket::async_trait]
        impl<'r, $($bound)*> rocket::request::FromRequest<'r> for $guard<$($name)*> {
            type Error = crate::rejection::Rejection;

            async fn from_request(
                request: &'r rocket::Request<'_>,
            ) -> rocket::request::Outcome<Self, Self::Error> {
                let user = crate::guard::user_guard::let_in::<Self>(request).await;
                user.map(|user| Self { user, $($of)* })
            }
        }

        #[rocket::async_trait]
        impl<'r, $($bound)*> crate::guard::maybe::OptionalGuard<'r> for $guard<$($name)*> {
            async fn are_given(request: &'r rocket::Request<'_>) -> bool {
                crate::guard::who::is_authenticated(request, &Self::mechanisms(request)).await
            }
        }

        impl<$($bound)*> rocket::Sentinel for $guard<$($name)*> {
            fn abort(rocket: &rocket::Rocket<rocket::Ignite>) -> bool {
                crate::guard::user_guard::abort::<Self>(rocket, stringify!($guard))
            }
        }
    };
}

pub(super) use user_guard;

/// Lets in the user of a request, if the guard `G` does.
pub(super) async fn let_in<G: UserGuard>(
    request: &Request<'_>,
) -> request::Outcome<AuthUser, Rejection> {
    let user = AuthUser::let_in(request, &G::mechanisms(request)).await;
    user.and_then(|user| match G::check(request, &user) {
        Ok(()) => Outcome::Success(user),
        Err(rejection) => refuse(request, rejection),
    })
}

/// Reports what the guard `G` requires to the access map, or returns whether to abort the launch.
pub(super) fn abort<G: UserGuard>(rocket: &Rocket<Ignite>, name: &str) -> bool {
    let demand = G::demand(Demand::of(Who::Users, name).csrf());
    demands(rocket, demand, || is_unattached::<G>(rocket) || G::lacks(rocket))
}

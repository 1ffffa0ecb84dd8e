//! Users who proved who they are by enough factors.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::feature::Factors;
use crate::guard::auth_user::AuthUser;
use crate::guard::fresh::lacks_page;
use crate::guard::maybe::Credentials;
use crate::guard::who::insufficient;
use crate::rejection::{Lacking, Rejection};
use crate::user::{Level, User};
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// A level of assurance as a type, for [`Assured`].
pub trait AssuranceLevel: Send + Sync + 'static {
    /// The level.
    const LEVEL: Level;
}

/// One factor, AAL1: what every login has.
#[derive(Clone, Copy, Debug)]
pub struct One;

/// Two factors of different kinds, AAL2.
#[derive(Clone, Copy, Debug)]
pub struct Two;

impl AssuranceLevel for One {
    const LEVEL: Level = Level::One;
}

impl AssuranceLevel for Two {
    const LEVEL: Level = Level::Two;
}

/// A user whose proofs are worth the level `L`, whatever the mechanism.
///
/// A user who is not logged in is answered as by [`AuthUser`]. A user who proved too little is answered with
/// 401, `reauth_required` and the level as `acr_values`; a page with 303 to `/verify` and back, where the user
/// adds the missing factor. A token is worth what its login was; to a program, the challenge says
/// `insufficient_user_authentication` and the level (RFC 9470, section 3).
///
/// Without a [`Factor`](crate::feature::Factor) the launch stops at `Assured<Two>`: no user could pass it.
///
/// It does not say how long ago that was: [`Fresh`](crate::Fresh) does. Both can stand in one signature.
///
/// ```
/// # use rocket::get;
/// use rocket_security::Assured;
/// use rocket_security::Two;
///
/// #[get("/payroll")]
/// fn payroll(user: Assured<Two>) -> String {
///     format!("{} may see this", user.email)
/// }
/// ```
pub struct Assured<L>(AuthUser, PhantomData<L>);

impl<L> Assured<L> {
    /// Returns the user.
    pub fn into_user(self) -> User {
        self.0.into_user()
    }
}

impl<L> Clone for Assured<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<L> fmt::Debug for Assured<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Assured").field(&self.0).finish()
    }
}

impl<L> Deref for Assured<L> {
    type Target = AuthUser;

    fn deref(&self) -> &AuthUser {
        &self.0
    }
}

#[async_trait]
impl<'r, L: AssuranceLevel> FromRequest<'r> for Assured<L> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        match AuthUser::from_request(request).await {
            Outcome::Success(user) if user.level() >= L::LEVEL => {
                Outcome::Success(Self(user, PhantomData))
            }
            Outcome::Success(user) => {
                let lacking = Lacking::Level(L::LEVEL.acr());
                refuse(request, insufficient(request, user.mechanism(), lacking))
            }
            Outcome::Error(error) => Outcome::Error(error),
            Outcome::Forward(status) => Outcome::Forward(status),
        }
    }
}

#[async_trait]
impl<'r, L: AssuranceLevel> Credentials<'r> for Assured<L> {
    async fn are_given(request: &'r Request<'_>) -> bool {
        AuthUser::are_given(request).await
    }
}

impl<L: AssuranceLevel> Sentinel for Assured<L> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::of(Who::Users, "Assured").level(L::LEVEL).csrf();
        demands(rocket, demand, || {
            is_unattached::<Self>(rocket)
                || lacks_page::<Self>(rocket)
                || (L::LEVEL > Level::One && lacks_factors::<Self>(rocket))
        })
    }
}

/// Checks whether no factor lets a user prove more than a password, and says what to do.
fn lacks_factors<G>(rocket: &Rocket<Ignite>) -> bool {
    let has_some = rocket.state::<Factors>().is_some_and(|factors| !factors.0.is_empty());
    if !has_some {
        let guard = std::any::type_name::<G>();
        log::error!("a route uses {guard}: add a second factor by `Installation::factor`");
    }
    !has_some
}

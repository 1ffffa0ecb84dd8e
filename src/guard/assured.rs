//! Users who proved who they are by enough factors.

use std::any::type_name;
use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::feature::Factors;
use crate::guard::auth_user::AuthUser;
use crate::guard::fresh::lacks_page;
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::guard::who::insufficient;
use crate::rejection::{Lacking, Rejection};
use crate::user::Level;
use crate::web::demand::Demand;

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
/// 401, the reason `second_factor_required`, `reauth_required: true` and the level as `acr_values`; a page with 303 to `/verify` and back, where the user
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
pub struct Assured<L> {
    user: AuthUser,
    of: PhantomData<fn() -> L>,
}

user_guard!(Assured<L: AssuranceLevel>);

impl<L: AssuranceLevel> UserGuard for Assured<L> {
    fn check(request: &Request<'_>, user: &AuthUser) -> Result<(), Rejection> {
        if user.level() >= L::LEVEL {
            return Ok(());
        }
        let lacking = Lacking::Level(L::LEVEL.acr());
        Err(insufficient(request, user.mechanism(), lacking))
    }

    fn demand(demand: Demand) -> Demand {
        demand.level(L::LEVEL)
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        lacks_page::<Self>(rocket) || (L::LEVEL > Level::One && lacks_factors::<Self>(rocket))
    }
}

/// Checks whether no factor lets a user prove more than a password, and says what to do.
fn lacks_factors<G>(rocket: &Rocket<Ignite>) -> bool {
    let has_some = rocket.state::<Factors>().is_some_and(|factors| !factors.0.is_empty());
    if !has_some {
        let guard = type_name::<G>();
        log::error!("a route uses {guard}: add a second factor by `Installation::factor`");
    }
    !has_some
}

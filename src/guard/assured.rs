//! The guard for users who proved their identity by enough factors.

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

/// A level of assurance as a type, for [`Assured`]: [`One`] or [`Two`].
pub trait AssuranceLevel: Send + Sync + 'static {
    /// The level.
    const LEVEL: Level;
}

/// One factor (AAL1 in NIST SP 800-63B-4), which every login has.
#[derive(Clone, Copy, Debug)]
pub struct One;

/// Two factors of different kinds (AAL2 in NIST SP 800-63B-4).
#[derive(Clone, Copy, Debug)]
pub struct Two;

impl AssuranceLevel for One {
    const LEVEL: Level = Level::One;
}

impl AssuranceLevel for Two {
    const LEVEL: Level = Level::Two;
}

/// Lets in users whose proofs of identity reach the level `L`, whatever the mechanism.
///
/// Use `Assured<Two>` for what needs a second factor. It does not check how long ago the proofs were: take
/// [`Fresh`](crate::Fresh) in the same signature for that. A token has the level of the login that it was
/// issued in.
///
/// ```
/// use rocket::get;
/// use rocket_security::{Assured, Two};
///
/// #[get("/payroll")]
/// fn payroll(user: Assured<Two>) -> String {
///     format!("{} may see this", user.email)
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the proofs do not reach the level | 401; page: 303 to `/verify` and back | `second_factor_required` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
///
/// At `/verify` the user adds the missing factor. Only a page that was authenticated by a session is
/// redirected there. The JSON also has `reauth_required: true` and the level as `acr_values`. For a token,
/// the challenge is `insufficient_user_authentication` with the level (RFC 9470, section 3).
///
/// It needs the feature [`verify`](crate::features::verify), and `Assured<Two>` also a
/// [`Factor`](crate::feature::Factor): without them no user could pass it, and the launch stops.
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

/// Returns `true` if there is no factor by which users can prove more than a password, and logs what to do.
fn lacks_factors<G>(rocket: &Rocket<Ignite>) -> bool {
    let has_some = rocket.state::<Factors>().is_some_and(|factors| !factors.0.is_empty());
    if !has_some {
        let guard = type_name::<G>();
        log::error!("a route uses {guard}: add a second factor by `Installation::factor`");
    }
    !has_some
}

//! Users themselves, and tokens of theirs that were made for this.

use std::any::type_name;
use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::auth_user::AuthUser;
use crate::guard::mechanism::{PERSONAL_TOKEN, is_missing};
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::user::{KnownScope, ScopeSet};
use crate::web::demand::Demand;

/// A user who came by themselves, or by a [personal access token](crate::features::personal_tokens) that
/// has every scope in `S`: one scope, or a tuple of them.
///
/// A request authenticated by a mechanism of [`security.mechanisms`](crate::config::Config::mechanisms), such as
/// a session, needs no scope. This is the only guard, beside
/// [`AuthVia<via::PersonalToken>`](crate::AuthVia), that takes a personal token at all. A token that lacks a
/// scope is answered with 403 and `insufficient_scope` (RFC 6750, section 3.1); no credentials, or an invalid
/// token, as by [`AuthUser`].
///
/// A token gives no more than its user may do at that moment. With guards of roles and permissions it stands
/// **before** them: they take whom it let in.
///
/// ```
/// # use rocket::get;
/// use rocket_security::RolesRequired;
/// use rocket_security::Scoped;
///
/// rocket_security::roles! { pub Editor = "editor"; }
/// rocket_security::scopes! {
///     pub ReadReports = "reports:read", "See your reports";
///     pub WriteReports = "reports:write", "Write reports in your name";
/// }
///
/// #[get("/reports")]
/// fn reports(user: Scoped<ReadReports>) -> String {
///     format!("The reports of {}", user.email)
/// }
///
/// #[get("/desk")]
/// fn desk(user: Scoped<(ReadReports, WriteReports)>, _editor: RolesRequired<Editor>) -> String {
///     format!("The desk of {}", user.email)
/// }
/// ```
///
/// A scope that was not declared does not compile:
///
/// ```compile_fail,E0425
/// # use rocket::get;
/// # use rocket_security::Scoped;
/// rocket_security::scopes! { pub ReadReports = "reports:read"; }
///
/// #[get("/reports")]
/// fn reports(user: Scoped<ReadReport>) -> String {
///     format!("The reports of {}", user.email)
/// }
/// # fn main() {}
/// ```
///
/// Neither does a permission in the place of one:
///
/// ```compile_fail,E0277
/// # use rocket::get;
/// # use rocket_security::Scoped;
/// rocket_security::permissions! { pub ReadReports = "reports.read"; }
///
/// #[get("/reports")]
/// fn reports(user: Scoped<ReadReports>) -> String {
///     format!("The reports of {}", user.email)
/// }
/// # fn main() {}
/// ```
///
/// Where the feature is not enabled, or no token can be made for one of the scopes, the launch stops.
pub struct Scoped<S> {
    user: AuthUser,
    of: PhantomData<fn() -> S>,
}

user_guard!(Scoped<S: ScopeSet>);

impl<S: ScopeSet> UserGuard for Scoped<S> {
    fn mechanisms(request: &Request<'_>) -> AcceptedMechanisms {
        AcceptedMechanisms::scoped(request, S::names())
    }

    fn demand(demand: Demand) -> Demand {
        demand.all_scopes(&S::names())
    }

    fn lacks(rocket: &Rocket<Ignite>) -> bool {
        is_missing::<Self>(rocket, &[PERSONAL_TOKEN]) || cannot_be_had::<Self>(rocket, &S::names())
    }
}

/// The scopes that tokens can be made for.
pub(crate) struct Grantable(pub(crate) Vec<KnownScope>);

/// Returns `true` if the guard `G` asks for a scope that no token can have, and logs what to do.
fn cannot_be_had<G>(rocket: &Rocket<Ignite>, names: &[&str]) -> bool {
    let Some(Grantable(grantable)) = rocket.state::<Grantable>() else {
        return false;
    };
    let is_missing = |name: &&&str| !grantable.iter().any(|scope| scope.name == **name);
    let missing: Vec<&str> = names.iter().filter(is_missing).copied().collect();
    for name in &missing {
        log::error!(
            "a route uses {}, and no token can have the scope \"{name}\": add it to those of \
             `PersonalTokens::default().scopes::<…>()`",
            type_name::<G>()
        );
    }
    !missing.is_empty()
}

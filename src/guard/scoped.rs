//! The guard for users, and for their personal tokens with certain scopes.

use std::any::type_name;
use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::auth_user::AuthUser;
use crate::guard::mechanism::{PERSONAL_TOKEN, is_missing};
use crate::guard::user_guard::{UserGuard, user_guard};
use crate::user::{KnownScope, ScopeSet};
use crate::web::demand::Demand;

/// Lets in users themselves, and their [personal access tokens](crate::features::personal_tokens) that have
/// every scope in `S`: one scope, or a tuple of them.
///
/// Use it for every route that users' own programs may call. A request by a mechanism of
/// [`security.mechanisms`](crate::config::Config::mechanisms), such as a session or an access token, needs no
/// scope. No other guard accepts a personal token, except [`AuthVia<via::PersonalToken>`](crate::AuthVia).
///
/// ```
/// use rocket::get;
/// use rocket_security::{RolesRequired, Scoped};
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
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the personal token lacks a scope in `S` | 403 | `insufficient_scope` (RFC 6750, section 3.1) |
/// | the personal token is mistyped | 401 | `token_malformed` |
/// | the personal token has expired | 401 | `token_expired` |
/// | the personal token was revoked, or its user has changed | 401 | `credentials_refused` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
///
/// A token never allows more than its user may do at that moment. Put this guard **before** guards of roles
/// and permissions: they accept the user that it let in, and check the roles that the user has now.
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
/// Neither does a permission in place of a scope:
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
/// If the feature is not enabled, or users cannot create tokens with one of the scopes, the launch stops.
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

/// The scopes that personal tokens can have.
pub(crate) struct Grantable(pub(crate) Vec<KnownScope>);

/// Returns `true` if the guard `G` names a scope that no token can have, and logs what to do.
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

//! Users themselves, and tokens of theirs that were made for this.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::guard::auth_user::AuthUser;
use crate::guard::maybe::Credentials;
use crate::guard::mechanism::{PERSONAL_TOKEN, is_missing};
use crate::guard::ways::Ways;
use crate::guard::who;
use crate::rejection::Rejection;
use crate::user::{KnownScope, ScopeSet, User};
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// A user who came by themselves, or by a [personal access token](crate::features::personal_tokens) that
/// has every scope in `S`: one scope, or a tuple of them.
///
/// Whoever comes by what [`security.mechanisms`](crate::config::Config::mechanisms) has, such as a session,
/// is the user themself: scopes are nothing to them. It is the only guard, beside
/// [`AuthVia<via::PersonalToken>`](crate::AuthVia), that takes a personal token at all. A token that lacks a
/// scope is answered with 403 and `insufficient_scope` (RFC 6750, section 3.1); nobody, and a token that is
/// no good, as by [`AuthUser`].
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
    set: PhantomData<fn() -> S>,
}

impl<S> Scoped<S> {
    /// Gives the user.
    pub fn into_user(self) -> User {
        self.user.into_user()
    }
}

impl<S> Clone for Scoped<S> {
    fn clone(&self) -> Self {
        Self { user: self.user.clone(), set: PhantomData }
    }
}

impl<S> Deref for Scoped<S> {
    type Target = AuthUser;

    fn deref(&self) -> &AuthUser {
        &self.user
    }
}

impl<S> fmt::Debug for Scoped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&self.user).finish()
    }
}

#[async_trait]
impl<'r, S: ScopeSet> FromRequest<'r> for Scoped<S> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let user = AuthUser::let_in(request, &Ways::scoped(request, S::names())).await;
        user.map(|user| Self { user, set: PhantomData })
    }
}

#[async_trait]
impl<'r, S: ScopeSet> Credentials<'r> for Scoped<S> {
    async fn are_given(request: &'r Request<'_>) -> bool {
        who::is_from_somebody(request, &Ways::scoped(request, S::names())).await
    }
}

impl<S: ScopeSet> Sentinel for Scoped<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let names = S::names();
        let demand = Demand::of(Who::Users, "Scoped").all_scopes(&names).csrf();
        demands(rocket, demand, || {
            is_unattached::<Self>(rocket)
                || is_missing::<Self>(rocket, &[PERSONAL_TOKEN])
                || cannot_be_had::<Self>(rocket, &names)
        })
    }
}

/// The scopes that tokens can be made for.
pub(crate) struct Grantable(pub(crate) Vec<KnownScope>);

/// Tells whether the guard `G` asks for a scope that no token can have, and says what to do.
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

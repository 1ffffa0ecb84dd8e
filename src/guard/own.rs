//! The guard for the application's own row for a user.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::error::Result;
use crate::guard::auth_user::AuthUser;
use crate::guard::maybe::OptionalGuard;
use crate::rejection::Rejection;
use crate::user::User;
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::is_unattached;

/// What an application keeps about a user in a table of its own, for the guard [`Own`].
#[async_trait]
pub trait OwnRow: Sized + Send + Sync + 'static {
    /// Loads the row of a user, or returns `None` if the user has none.
    ///
    /// It is called at most once for each request, after the user was let in. It can use other guards:
    /// `request.guard::<Connection<Db>>()`.
    ///
    /// # Errors
    ///
    /// Any failure of the application or its database. It is logged and answered with 503 `unavailable`. An
    /// error that was caused by a [`Rejection`] is answered with that rejection.
    async fn load(user: &User, request: &Request<'_>) -> Result<Option<Self>>;
}

/// For users who may lack the row: `Own<Option<Profile>>` lets them in.
#[async_trait]
impl<P: OwnRow> OwnRow for Option<P> {
    async fn load(user: &User, request: &Request<'_>) -> Result<Option<Self>> {
        P::load(user, request).await.map(Some)
    }
}

/// Lets in users for whom the application has a row of its own, an [`OwnRow`], and provides the user and the
/// row.
///
/// Use it instead of loading a profile in every handler. [`Own<Option<P>>`](Own) also lets in users without a
/// row, and `Maybe<Own<P>>` also guests. Several guards of one request load the row once.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use rocket::http::Status;
/// use rocket::{Request, async_trait, get, routes};
/// use rocket_security::testing::TestApp;
/// use rocket_security::{Own, OwnRow, Result, Security, User, UserId};
///
/// #[derive(Clone)]
/// struct Profile {
///     nickname: String,
/// }
///
/// /// In place of a table.
/// struct Profiles(BTreeMap<UserId, Profile>);
///
/// #[async_trait]
/// impl OwnRow for Profile {
///     async fn load(user: &User, request: &Request<'_>) -> Result<Option<Self>> {
///         let profiles = request.rocket().state::<Profiles>();
///         Ok(profiles.and_then(|profiles| profiles.0.get(&user.id)).cloned())
///     }
/// }
///
/// #[get("/profile")]
/// fn profile(profile: Own<Profile>) -> String {
///     format!("{} goes by {}.", profile.user().email, profile.nickname)
/// }
///
/// # rocket::async_test(async {
/// # let rocket = rocket::build().manage(Profiles(BTreeMap::new()));
/// let rocket = rocket.attach(Security::fairing()).mount("/", routes![profile]);
/// let app = TestApp::launch(rocket).await;
/// let ann = app.log_in_as("ann@example.org").await;
/// let answer = ann.get_json("/profile").await;
/// assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, vec!["own_row_missing".into()]));
/// # });
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the user has no row | 403 | `own_row_missing` |
/// | [`OwnRow::load`] fails | 503 | `unavailable` |
/// | anything else | as [`AuthUser`] | as [`AuthUser`] |
///
/// The launch does not check what [`OwnRow::load`] uses, such as a pool.
pub struct Own<P> {
    user: AuthUser,
    row: Arc<P>,
}

impl<P> Own<P> {
    /// Returns the user whose row it is.
    pub fn user(&self) -> &AuthUser {
        &self.user
    }

    /// Returns the user, without the row.
    pub fn into_user(self) -> User {
        self.user.into_user()
    }
}

impl<P> Deref for Own<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.row
    }
}

impl<P> Clone for Own<P> {
    fn clone(&self) -> Self {
        Self { user: self.user.clone(), row: Arc::clone(&self.row) }
    }
}

/// Prints the user only, because the row may be personal.
impl<P> fmt::Debug for Own<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("user", &self.user).finish_non_exhaustive()
    }
}

#[async_trait]
impl<'r, P: OwnRow> FromRequest<'r> for Own<P> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let user = match AuthUser::from_request(request).await {
            Outcome::Success(user) => user,
            Outcome::Error(error) => return Outcome::Error(error),
            Outcome::Forward(status) => return Outcome::Forward(status),
        };
        match row(&user, request).await {
            Ok(row) => Outcome::Success(Self { user, row }),
            Err(rejection) => refuse(request, rejection),
        }
    }
}

#[async_trait]
impl<'r, P: OwnRow> OptionalGuard<'r> for Own<P> {
    async fn are_given(request: &'r Request<'_>) -> bool {
        AuthUser::are_given(request).await
    }
}

impl<P: OwnRow> Sentinel for Own<P> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::of(Who::Users, "Own").csrf();
        demands(rocket, demand, || is_unattached::<Self>(rocket))
    }
}

/// Returns the row of a user. A request belongs to one user, so it has at most one row of each type.
async fn row<P: OwnRow>(user: &User, request: &Request<'_>) -> Result<Arc<P>, Rejection> {
    let loaded = request.local_cache_async(async {
        let row = P::load(user, request).await.map_err(Rejection::from);
        Loaded(row.and_then(|row| row.map(Arc::new).ok_or(Rejection::OwnRowMissing)))
    });
    loaded.await.0.clone()
}

/// The row, or the reason why there is none.
struct Loaded<P>(Result<Arc<P>, Rejection>);

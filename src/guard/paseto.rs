//! The guards for tokens and their claims.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::tokio::sync::OnceCell;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};
use serde::de::DeserializeOwned;

use crate::config::TokenSource;
use crate::deadline::with_deadline;
use crate::guard::accepted_mechanisms::AcceptedMechanisms;
use crate::guard::auth_user::AuthUser;
use crate::guard::fresh::{is_fresh, within};
use crate::guard::maybe::OptionalGuard;
use crate::guard::mechanism::{TOKEN, is_missing, tell_apart};
use crate::guard::state::parts;
use crate::guard::tell::tell_unauthenticated;
use crate::guard::who::insufficient;
use crate::programs::Programs;
use crate::rejection::Rejection;
use crate::token::{Access, NoClaims, TokenKind, VerifiedToken};
use crate::user::UserId;
use crate::web::bearer::Genuine;
use crate::web::catchers::refuse;
use crate::web::challenge::Acceptable;
use crate::web::demand::{Demand, Who, demands};
use crate::web::site::{Site, is_unattached};
use crate::web::{bearer, challenge, csrf, principal};

/// Lets in requests with a valid token of the kind `K`, and provides the token with its claims read into `C`.
///
/// Use it where the claims suffice, because it loads no user. [`Verifier`](crate::Verifier) verifies the
/// token, which is looked for in [`tokens.sources`](crate::config::TokensConfig::sources). Then the store is
/// asked whether the token is still valid: whether the session or program's login that it belongs to still
/// exists, and its user has not changed. [`tokens.check`](field@crate::config::TokensConfig::check) sets how often
/// it is asked. Only [`TokenUser`](crate::TokenUser) loads the user, calls the hooks, and refuses users who
/// have to change their password first.
///
/// ```
/// use rocket::get;
/// use rocket_security::token::NoClaims;
/// use rocket_security::{Paseto, TokenKind};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Plan {
///     plan: String,
/// }
///
/// #[get("/report")]
/// fn report(token: Paseto<Plan>) -> String {
///     format!("For {:?}, who pays for {}", token.subject(), token.claims.plan)
/// }
///
/// /// Lets its bearer fetch one file.
/// struct Download;
///
/// impl TokenKind for Download {
///     const NAME: &'static str = "download";
/// }
///
/// #[get("/files/<name>")]
/// fn file(name: &str, token: Paseto<NoClaims, Download>) -> Option<&'static str> {
///     (token.subject() == Some(name)).then_some("a file")
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | no token; a session alone does not count | 401 | `unauthenticated` |
/// | the token is forged, expired, of another kind, and the like | 401 | that of the [`TokenFault`][fault] |
/// | the claims cannot be read into `C` | 401 | `token_claims_unreadable` |
/// | a personal token | 401 | `token_scoped` |
/// | the token was revoked, its login has ended, or its user has changed | 401 | `credentials_refused` |
/// | two tokens, or another guard let in another user | 400 | `conflicting_credentials` |
/// | the token is in a cookie, and an unsafe request lacks the anti-forgery token | 400 | `csrf_failed` |
/// | the token is in a cookie, and another site started an unsafe request | 400 | `cross_site` |
/// | the store does not answer | 503 | `unavailable` |
///
/// An answer of 401 has a challenge, as a page and as JSON, and is never a redirect. A session beside the
/// token is ignored.
///
/// `C` is any type that can be read from a JSON object: a struct, a map, or [`NoClaims`]. A token of a
/// [trusted issuer](crate::config::TrustedConfig) is accepted, too: check
/// [`is_foreign`](VerifiedToken::is_foreign) where that matters.
///
/// If the feature [`tokens`](crate::features::tokens) is not enabled, the launch stops.
///
/// [fault]: crate::rejection::TokenFault
pub struct Paseto<C = NoClaims, K = Access>(VerifiedToken<C, K>);

/// Lets in requests with an access token whose user proved their identity within the last `MINUTES` minutes,
/// and provides the token with its claims read into `C`.
///
/// The time of the proof is that of the session, or of the program's login, that the token belongs to. A
/// token that belongs to neither, and a token of a trusted issuer, is never fresh. The user is loaded and
/// checked as by [`TokenUser`](crate::TokenUser).
///
/// ```
/// use rocket::post;
/// use rocket_security::FreshPaseto;
///
/// #[post("/payout")]
/// fn pay_out(_token: FreshPaseto<5>) -> &'static str {
///     "Paid out."
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the proof is older, or there is none | 401 | `reauth_required` |
/// | anything else | as [`TokenUser`](crate::TokenUser) | as [`TokenUser`](crate::TokenUser) |
///
/// The challenge of `reauth_required` states the accepted age in seconds (RFC 9470):
///
/// ```text
/// WWW-Authenticate: Bearer realm="login", error="insufficient_user_authentication", max_age=300
/// ```
pub struct FreshPaseto<const MINUTES: u32, C = NoClaims>(VerifiedToken<C, Access>);

impl<C, K> Paseto<C, K> {
    /// Returns the token.
    pub fn into_token(self) -> VerifiedToken<C, K> {
        self.0
    }
}

impl<const MINUTES: u32, C> FreshPaseto<MINUTES, C> {
    /// Returns the token.
    pub fn into_token(self) -> VerifiedToken<C, Access> {
        self.0
    }
}

impl<C, K> Deref for Paseto<C, K> {
    type Target = VerifiedToken<C, K>;

    fn deref(&self) -> &VerifiedToken<C, K> {
        &self.0
    }
}

impl<const MINUTES: u32, C> Deref for FreshPaseto<MINUTES, C> {
    type Target = VerifiedToken<C, Access>;

    fn deref(&self) -> &VerifiedToken<C, Access> {
        &self.0
    }
}

/// Prints the kind only, because the token may contain secrets.
impl<C, K: TokenKind> fmt::Debug for Paseto<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paseto").field("kind", &K::NAME).finish_non_exhaustive()
    }
}

/// Prints nothing of the token, because it may contain secrets.
impl<const MINUTES: u32, C> fmt::Debug for FreshPaseto<MINUTES, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshPaseto").finish_non_exhaustive()
    }
}

#[async_trait]
impl<'r, C: DeserializeOwned, K: TokenKind> FromRequest<'r> for Paseto<C, K> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let found = find::<K>(request).await.and_then(|token| read(&token));
        match found {
            Ok(token) => Outcome::Success(Self(token)),
            Err(rejection) => refuse_token(request, rejection),
        }
    }
}

#[async_trait]
impl<'r, const MINUTES: u32, C: DeserializeOwned> FromRequest<'r> for FreshPaseto<MINUTES, C> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        if bearer::verified::<Access>(request).is_ok_and(|token| token.is_foreign()) {
            return refuse_old_token(request, MINUTES);
        }
        match AuthUser::let_in(request, &AcceptedMechanisms::only(request, &[TOKEN])).await {
            Outcome::Success(user) if is_fresh(request, &user, MINUTES) => {
                match bearer::verified::<Access>(request).and_then(|token| read(&token)) {
                    Ok(token) => Outcome::Success(Self(token)),
                    Err(rejection) => refuse_token(request, rejection),
                }
            }
            Outcome::Success(user) => {
                refuse(request, insufficient(request, user.mechanism(), within(MINUTES)))
            }
            Outcome::Error(error) => Outcome::Error(error),
            Outcome::Forward(status) => Outcome::Forward(status),
        }
    }
}

#[async_trait]
impl<'r, C: DeserializeOwned, K: TokenKind> OptionalGuard<'r> for Paseto<C, K> {
    async fn are_given(request: &'r Request<'_>) -> bool {
        bearer::is_brought(request)
    }
}

#[async_trait]
impl<'r, const MINUTES: u32, C: DeserializeOwned> OptionalGuard<'r> for FreshPaseto<MINUTES, C> {
    async fn are_given(request: &'r Request<'_>) -> bool {
        bearer::is_brought(request)
    }
}

impl<C, K: TokenKind> Sentinel for Paseto<C, K> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let mechanism = mechanism_of::<K>();
        let demand = with_csrf(rocket, Demand::of(Who::Users, "Paseto").mechanisms(&[&mechanism]));
        demands(rocket, demand, || lacks_tokens::<Self>(rocket))
    }
}

impl<const MINUTES: u32, C> Sentinel for FreshPaseto<MINUTES, C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand =
            Demand::of(Who::Users, "FreshPaseto").fresh_within(MINUTES).mechanisms(&[TOKEN]);
        let demand = with_csrf(rocket, demand);
        demands(rocket, demand, || lacks_tokens::<Self>(rocket))
    }
}

/// Reads the claims of a genuine token.
pub(super) fn read<C: DeserializeOwned, K: TokenKind>(
    token: &Genuine<K>,
) -> Result<VerifiedToken<C, K>, Rejection> {
    token.read().map_err(Rejection::TokenRefused)
}

/// Fails a request whose token is missing or not accepted.
pub(super) fn refuse_token<G>(
    request: &Request<'_>,
    rejection: Rejection,
) -> request::Outcome<G, Rejection> {
    note_challenge(request, &rejection);
    refuse(request, rejection)
}

/// Notes the challenge for a token, if the token is the reason why the request is refused.
pub(super) fn note_challenge(request: &Request<'_>, rejection: &Rejection) {
    let is_conflict = *rejection == Rejection::ConflictingCredentials;
    if rejection.status() == Status::Unauthorized || is_conflict {
        let challenges = vec![challenge::bearer(Some(rejection))];
        challenge::note(request, Acceptable { challenges, ..Acceptable::default() });
    }
}

fn refuse_old_token<G>(request: &Request<'_>, minutes: u32) -> request::Outcome<G, Rejection> {
    let challenges = vec![challenge::better_bearer(within(minutes))];
    challenge::note(request, Acceptable { challenges, ..Acceptable::default() });
    refuse(request, Rejection::NotFresh)
}

/// Returns how the access map names tokens of a kind.
pub(super) fn mechanism_of<K: TokenKind>() -> String {
    if K::NAME == Access::NAME { TOKEN.to_owned() } else { format!("{} {TOKEN}", K::NAME) }
}

/// Adds to the demand that the anti-forgery token is checked, if tokens can be in a cookie.
pub(super) fn with_csrf(rocket: &Rocket<Ignite>, demand: Demand) -> Demand {
    let reads_cookie = |site: &Site| site.config().tokens.reads(TokenSource::Cookie);
    if rocket.state().is_some_and(reads_cookie) { demand.csrf() } else { demand }
}

/// Returns `true` if the application lacks what a guard of tokens needs, and logs what to do.
pub(super) fn lacks_tokens<G>(rocket: &Rocket<Ignite>) -> bool {
    is_unattached::<G>(rocket) || is_missing::<G>(rocket, &[TOKEN])
}

/// Finds the token of a request and checks that it is still valid, once for each kind of token.
async fn find<K: TokenKind>(request: &Request<'_>) -> Result<Genuine<K>, Rejection> {
    struct Found<K>(OnceCell<Result<Genuine<K>, Rejection>>);
    let Found(cell) = request.local_cache(|| Found::<K>(OnceCell::new()));
    let found = cell.get_or_init(|| async {
        let (site, _) = parts(request)?;
        let found = match bearer::verified::<K>(request) {
            Ok(token) => check(request, &token).await.map(|()| token),
            Err(rejection) => Err(tell_apart(request, rejection)),
        };
        if found.as_ref().is_err_and(|why| why.status() == Status::Unauthorized) {
            tell_unauthenticated(request, site);
        }
        let token = found?;
        if bearer::is_in_cookie(request) {
            csrf::check(request, site, None).await?;
        }
        Ok(token)
    });
    let token = found.await.as_ref().map(Arc::clone).map_err(Rejection::clone)?;
    decide(request, &token)?;
    Ok(token)
}

/// Checks that a genuine token is still valid.
pub(super) async fn check<C, K: TokenKind>(
    request: &Request<'_>,
    token: &VerifiedToken<C, K>,
) -> Result<(), Rejection>
where
    C: Sync,
{
    let (site, _) = parts(request)?;
    let programs = request.rocket().state::<Programs>().ok_or(Rejection::Unavailable)?;
    with_deadline(programs.check_token(site, token)).await
}

/// Refuses a token of another user than the request's.
pub(super) fn decide<C, K: TokenKind>(
    request: &Request<'_>,
    token: &VerifiedToken<C, K>,
) -> Result<(), Rejection> {
    // A token without an epoch belongs to no user of ours, whatever its subject looks like.
    let is_of_user = !token.is_foreign() && token.epoch().is_some();
    let user: Option<UserId> = token.subject().and_then(|subject| subject.parse().ok());
    match user.filter(|_| is_of_user) {
        Some(user) if !principal::decide_bearer(request, user) => {
            Err(Rejection::ConflictingCredentials)
        }
        Some(_) => Ok(()),
        None => {
            principal::decide_foreign(request);
            Ok(())
        }
    }
}

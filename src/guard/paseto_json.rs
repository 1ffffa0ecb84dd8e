//! The guard for a token in a JSON body.

use std::fmt;

use rocket::data::{FromData, Limits, Outcome};
use rocket::http::Status;
use rocket::{Data, Ignite, Request, Rocket, Sentinel, async_trait};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::guard::paseto::{check, decide, lacks_tokens, mechanism_of, note_challenge};
use crate::guard::state::parts;
use crate::guard::tell::tell_unauthenticated;
use crate::rejection::{Rejection, TokenFault};
use crate::token::{Access, NoClaims, TokenKind, VerifiedToken, Verifier};
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, Who, demands};
use crate::web::members::read_members;
use crate::web::request::sends_json;
use crate::web::{bearer, submission};

/// Lets in requests with a valid token of the kind `K` in their JSON body, and provides the rest of the body
/// as `T`.
///
/// Use it for callers that cannot set a header, as the `data` of a route. The token is the member
/// `access_token` of the body. For another kind, the member has its name: `refresh_token`, `download_token`.
/// The token is checked as by [`Paseto`](crate::Paseto), before the rest of the body is read into `T`. No
/// anti-forgery token is needed, because an attacker who forges a request has no token for its body.
///
/// ```
/// use rocket::post;
/// use rocket_security::PasetoJson;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Reading {
///     celsius: f64,
/// }
///
/// /// `{"access_token": "v4.local.…", "celsius": 21.5}`
/// #[post("/readings", data = "<body>")]
/// fn note(body: PasetoJson<Reading>) -> String {
///     format!("{} by {:?}", body.value.celsius, body.token.subject())
/// }
/// ```
///
/// | what is wrong | status | reason code |
/// |---|---|---|
/// | the content type is not JSON | 415 | `unsupported_media_type` |
/// | the body is larger than Rocket's [limit](Limits) `json` | 413 | `too_large` |
/// | the body is not a JSON object, or has a name twice at any depth | 400 | `invalid_input` |
/// | the rest of the body is not a `T` | 400 | `invalid_input` |
/// | the body has no token | 401 | `unauthenticated` |
/// | the token is not a string, or is a personal token | 401 | `token_malformed` |
/// | the request has another token, in [`tokens.sources`][sources] | 400 | `conflicting_credentials` |
/// | anything else | as [`Paseto`](crate::Paseto) | as [`Paseto`](crate::Paseto) |
///
/// If the feature [`tokens`](crate::features::tokens) is not enabled, the launch stops.
///
/// [sources]: crate::config::TokensConfig::sources
#[non_exhaustive]
pub struct PasetoJson<T, C = NoClaims, K = Access> {
    /// The body without the token.
    pub value: T,
    /// The token.
    pub token: VerifiedToken<C, K>,
}

/// Prints the value only, because the token may contain secrets.
impl<T: fmt::Debug, C, K> fmt::Debug for PasetoJson<T, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoJson").field("value", &self.value).finish_non_exhaustive()
    }
}

#[async_trait]
impl<'r, T, C, K> FromData<'r> for PasetoJson<T, C, K>
where
    T: DeserializeOwned,
    C: DeserializeOwned + Send + Sync,
    K: TokenKind,
{
    type Error = Rejection;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match open(request, data).await {
            Ok(body) => Outcome::Success(body),
            Err(rejection) => {
                note_challenge(request, &rejection);
                refuse(request, rejection)
            }
        }
    }
}

impl<T, C, K: TokenKind> Sentinel for PasetoJson<T, C, K> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::of(Who::Users, "PasetoJson").mechanisms(&[&mechanism_of::<K>()]);
        demands(rocket, demand, || lacks_tokens::<Self>(rocket))
    }
}

async fn open<T, C, K>(
    request: &Request<'_>,
    data: Data<'_>,
) -> Result<PasetoJson<T, C, K>, Rejection>
where
    T: DeserializeOwned,
    C: DeserializeOwned + Send + Sync,
    K: TokenKind,
{
    let (site, _) = parts(request)?;
    if !sends_json(request) {
        return Err(Rejection::UnsupportedMediaType);
    }
    let limit = request.limits().get("json").unwrap_or(Limits::JSON);
    let body = data.open(limit).into_bytes().await.map_err(|_| Rejection::TooLarge)?;
    if !body.is_complete() {
        return Err(Rejection::TooLarge);
    }
    let mut members = submission::parse_json(&body)?;
    let token = members.remove(&member::<K>());
    if token.is_some() && bearer::is_brought(request) {
        return Err(Rejection::ConflictingCredentials);
    }
    let verified = verify(request, token.as_ref()).await;
    if verified.as_ref().is_err_and(|why| why.status() == Status::Unauthorized) {
        tell_unauthenticated(request, site);
    }
    let token = verified?;
    Ok(PasetoJson { value: read_members(members, &[], |_| true)?, token })
}

async fn verify<C, K>(
    request: &Request<'_>,
    token: Option<&Value>,
) -> Result<VerifiedToken<C, K>, Rejection>
where
    C: DeserializeOwned + Send + Sync,
    K: TokenKind,
{
    let verifier = request.rocket().state::<Verifier>().ok_or(Rejection::Unavailable)?;
    let token = match token {
        None => return Err(Rejection::Unauthenticated),
        Some(Value::String(token)) => verifier.verify(token),
        Some(_) => Err(TokenFault::Malformed),
    };
    let token = token.map_err(Rejection::TokenRefused)?;
    check(request, &token).await?;
    decide(request, &token)?;
    Ok(token)
}

/// Returns the name of the member that holds a token of a kind.
fn member<K: TokenKind>() -> String {
    format!("{}_token", K::NAME.replace('-', "_"))
}

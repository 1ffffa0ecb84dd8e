//! Access tokens: what a program logs in for once, and shows with every request.
//!
//! It has no route, page or mail of its own. With it, whoever proves who they are can ask for a token
//! beside the session, by `?include_auth_token` and JSON:
//!
//! | route | JSON |
//! |---|---|
//! | `POST /login?include_auth_token` | 200 `user.authentication_token` |
//! | `POST /verify?include_auth_token`, `POST /change?include_auth_token` | the same: the session is a new one, and the token of the older has ended with it |
//!
//! ```text
//! POST /login?include_auth_token {"email": "ann@example.org", "password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"user": {"id": "…", "email": "ann@example.org", "roles": [],
//!       "authentication_token": "v4.local.…"}, "csrf_token": "…", "tf_required": false}}
//! GET /report  Authorization: Bearer v4.local.…
//!   401 WWW-Authenticate: Bearer realm="login", error="invalid_token", error_description="The token has expired."
//!       {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["token_expired"]}}
//! ```
//!
//! A `GET` gives none: a page of another site could have a browser send it. Neither does a form that
//! is answered by a redirect, nor a login that wants a second factor first. Where the feature is not
//! enabled, the parameter is ignored.
//!
//! Guards: [`AuthVia<via::Token>`](crate::AuthVia), and with `"token"` in
//! [`security.mechanisms`](crate::config::Config::mechanisms), as by default, every other. Settings:
//! those of [`[default.security.tokens]`](crate::config::TokensConfig); it has none of its own.
//! Events: `UserFailedAuthn`, `UserUnauthenticated`. Refusals: the reasons of
//! [`TokenFault`], `credentials_refused`, `conflicting_credentials`,
//! `reauth_required`, `password_change_required`, `unavailable`.
//!
//! # What a request brings
//!
//! `Authorization: Bearer <token>` (RFC 6750, section 2.1; the scheme in any case), or
//! `Authentication-Token: <token>`, as with Flask-Security, for where a proxy wants `Authorization`
//! for itself. One of them, once: both, or either twice, is 400 `conflicting_credentials`. A token in
//! a query or a body is not looked at, for addresses are written down everywhere.
//!
//! A request with a token needs no anti-forgery token, and gets no cookie.
//!
//! # Who it is, and for how long
//!
//! A token is good when our own key made it as an access token, it is for us and within its times, the
//! account is open and has not changed since (password, address, second factor, switched off), and the
//! session it was made in goes on. Each request asks the store, in one query: what ended takes effect
//! with the next request, on every instance, and roles are those of this moment.
//!
//! **A token ends with its session**, whoever ended that: its user by logging out or from `/sessions`, an
//! operator by `rocket-security sessions`, a login too many, `/verify`, which begins another in its place.
//! That nobody uses the session does not end it; so a token lasts no longer than
//! [`session.idle`](crate::config::SessionConfig::idle) and what is left of
//! [`session.absolute`](crate::config::SessionConfig::absolute), whatever `tokens.lifetime` says. Using a
//! token does not prolong the session.
//!
//! For [`Fresh`](crate::Fresh) it is as old as the login, or the `/verify`, that it came with.
//!
//! What an application issues by [`Tokens::access`](crate::Tokens::access) is taken likewise. One
//! without [`session`](crate::token::TokenBuilder::session) ends with a change of the account or its
//! `exp` alone, and is never fresh. A handler that issues to whoever comes by a token lets them go on for
//! ever: `AuthVia<via::Session>` before it does not.
//!
//! Tokens of [trusted issuers](crate::config::TrustedConfig) are nobody here: whose user they name, only the
//! application can tell. Neither are tokens of an application's own kinds. Both are verified by
//! [`Verifier`].

use std::sync::Arc;

use rocket::Build;
use rocket::Request;
use rocket::Rocket;
use rocket::async_trait;
use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

use crate::datastore::session::SessionRecord;
use crate::feature::Feature;
use crate::flow::Flow;
use crate::flow::access;
use crate::flow::once::Admitted;
use crate::flow::once::Bearer;
use crate::guard::mechanism::Mechanism;
use crate::guard::mechanism::TOKEN;
use crate::guard::mechanism::register;
use crate::rejection::Rejection;
use crate::rejection::TokenFault;
use crate::token::Access;
use crate::token::NoClaims;
use crate::token::Verified;
use crate::token::Verifier;
use crate::user::User;
use crate::user::UserId;
use crate::web::Web;

/// The header that Flask-Security's clients send.
const HEADER: &str = "Authentication-Token";

/// The feature `tokens`. It has no settings of its own, but for those of
/// [`[default.security.tokens]`](crate::config::TokensConfig), which hold without it, too.
// What else stands in that table is read and checked there: unknown keys are none of its business.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tokens {}

impl<D> Feature<D> for Tokens {
    const NAME: &'static str = "tokens";

    fn manage(&self, _store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build> {
        register(access::issue(rocket), self.clone())
    }
}

#[async_trait]
impl Mechanism for Tokens {
    fn name(&self) -> &'static str {
        TOKEN
    }

    fn is_present(&self, request: &Request<'_>) -> bool {
        brought(request).next().is_some()
    }

    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
        let rocket = request.rocket();
        let (Some(flow), Some(web), Some(verifier)) =
            (rocket.state::<Flow>(), rocket.state::<Web>(), rocket.state::<Verifier>())
        else {
            return Err(Rejection::Unavailable);
        };
        let token = verifier
            .verify::<NoClaims, Access>(the_one_brought(request)?)
            .and_then(|token| Claims::read(&token))
            .map_err(Rejection::TokenRefused)?;
        let (user, bearer) = find_bearer(flow, web, &token).await?;
        flow.admit_bearer(request, user, bearer).await
    }

    fn needs_csrf(&self, _request: &Request<'_>) -> bool {
        // No browser sends either header by itself.
        false
    }

    fn challenge(&self, refused: Option<&Rejection>) -> Option<String> {
        let why = match refused {
            None => String::new(),
            Some(Rejection::NotFresh) => ", error=\"insufficient_user_authentication\"".to_owned(),
            Some(Rejection::TokenRefused(fault)) => {
                format!(", error=\"invalid_token\", error_description=\"{fault}\"")
            }
            Some(_) => ", error=\"invalid_token\"".to_owned(),
        };
        Some(format!("Bearer realm=\"login\"{why}"))
    }
}

/// What a token says of its bearer.
struct Claims {
    user: UserId,
    epoch: i64,
    session: Option<Uuid>,
}

impl Claims {
    fn read(token: &Verified<NoClaims, Access>) -> Result<Self, TokenFault> {
        if token.is_foreign() {
            return Err(TokenFault::WrongIssuer);
        }
        let user = token.subject().and_then(|subject| subject.parse().ok());
        let session = token.session().map(Uuid::parse_str).transpose();
        Ok(Self {
            user: user.ok_or(TokenFault::MalformedClaim("sub"))?,
            epoch: token.epoch().ok_or(TokenFault::MissingClaim("epoch"))?,
            session: session.map_err(|_| TokenFault::MalformedClaim("sid"))?,
        })
    }
}

/// Finds whose token it is, by the session that it was made in where there is one: in one query.
async fn find_bearer(flow: &Flow, web: &Web, token: &Claims) -> Result<(User, Bearer), Rejection> {
    let bearer = Bearer::new(token.epoch, TOKEN);
    let Some(id) = token.session else {
        let user = flow.store().find_user(token.user).await?;
        return Ok((user.ok_or(Rejection::CredentialsRefused)?, bearer));
    };
    let found = flow.store().find_session_of(token.user, id).await?;
    let (_, begun_after) = web.sessions().limits(web.clock().now());
    match found.filter(|(session, _)| session.created_at > begun_after) {
        Some((session, user)) if session.authenticated_at > SessionRecord::NEVER => {
            let at = session.authenticated_at;
            Ok((user, bearer.session(session.id).authenticated_at(at)))
        }
        Some((session, user)) => Ok((user, bearer.session(session.id))),
        None => Err(Rejection::CredentialsRefused),
    }
}

/// Gives the token of a request that brings one.
fn the_one_brought<'r>(request: &'r Request<'_>) -> Result<&'r str, Rejection> {
    let mut tokens = brought(request);
    // Beside a token in its header, `Authorization` may have whatever a proxy wants, but only once.
    let is_doubled = request.headers().get("Authorization").nth(1).is_some();
    match (tokens.next(), tokens.next()) {
        (Some(token), None) if !is_doubled => Ok(token),
        (None, _) => Err(Rejection::Unauthenticated),
        _ => Err(Rejection::ConflictingCredentials),
    }
}

fn brought<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    let bearers = request.headers().get("Authorization").filter_map(bearer);
    bearers.chain(request.headers().get(HEADER).map(str::trim))
}

/// Gives what follows the scheme, whose case does not matter (RFC 9110, section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let header = header.trim();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use crate::features::tokens::bearer;

    #[test]
    fn the_scheme_is_a_word_in_any_case() {
        for header in ["Bearer v4.local.A", "bearer v4.local.A", "BEARER  v4.local.A "] {
            assert_eq!(bearer(header), Some("v4.local.A"), "{header}");
        }
        assert_eq!(bearer("Bearer"), Some(""));
        for header in ["Basic YTpi", "Bearers A", "Bearer=A", "", "v4.local.A"] {
            assert_eq!(bearer(header), None, "{header}");
        }
    }
}

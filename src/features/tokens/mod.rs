//! Issues access and refresh tokens to programs, such as mobile apps and scripts, which act as their user
//! with them.
//!
//! It is on by default; `Security::default().disable::<Tokens>()` switches it off. A program logs in once,
//! sends its access token with each request, and renews it with its refresh token. At `/tokens` users see the
//! programs in which they are logged in, and log them out. Guards such as [`AuthUser`](crate::AuthUser)
//! accept an access token as they accept a session:
//!
//! ```
//! # use rocket::http::Header;
//! # use rocket::{get, routes};
//! # use rocket_security::testing::{PASSWORD, TestApp};
//! # use rocket_security::{AuthUser, Security};
//! # use serde_json::json;
//! #[get("/report")]
//! fn report(user: AuthUser) -> String {
//!     format!("The report of {}", user.email)
//! }
//!
//! # rocket::async_test(async {
//! # let rocket = rocket::build().attach(Security::fairing()).mount("/", routes![report]);
//! # let app = TestApp::launch(rocket).await;
//! # app.user("ann@example.org").await;
//! let program = app.browser();
//! let login = json!({"email": "ann@example.org", "password": PASSWORD});
//! let user = program.post_json("/token", login).await.response("user");
//! let token = format!("Bearer {}", user["authentication_token"].as_str().unwrap());
//! let request = app.client().get("/report").header(Header::new("Authorization", token));
//! assert_eq!(program.send(request).await.body, "The report of ann@example.org");
//! # });
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `POST /login?include_auth_token` | | 200 `user.authentication_token`, `user.refresh_token` |
//! | `POST /verify?include_auth_token`, and likewise `/change`, `/change-username`, `/change-email/<token>` | | the same: a new session begins, and the tokens of the old session have ended with it |
//! | `POST /reset/<token>?include_auth_token`, `POST /confirm/<token>?include_auth_token` | | the same, if the link logs in (`reset.log_in`, `confirm.log_in`) |
//! | `POST /token` `email`, `username` or `identity`, `password` | always JSON | 200 the same, `expires_in`, `token_type`; no session, no cookie |
//! | `POST /refresh-token` `refresh_token`, or its cookie | always JSON | 200 the same: the next two tokens |
//! | `POST /refresh-token/end` `refresh_token`, or its cookie | always JSON | 200, an empty `response`: the program is logged out and the cookie is removed, also if the token is invalid. 400 for a token that is not accepted at the moment, for example because a clock is behind: nothing changes |
//! | `GET /tokens` | the user's programs, the newest first | 200 `programs`, `csrf_token` |
//! | `POST /tokens/end` `program` | 303 to `/tokens` | 200 `csrf_token` |
//!
//! `POST /logout` with an access token, or with a `refresh_token` in its body, logs the program out.
//!
//! | setting `[default.security.tokens]` | default |
//! |---|---|
//! | `lifetime`, of an access token | `"15m"` |
//! | `refresh_lifetime`, of a program's login | `"30days"`, at most 365 days |
//! | `refresh_idle`, how long a program's login lasts without refreshing | `"7days"` |
//! | `refresh_grace`, how long a replaced refresh token still returns its successor | `"0s"`, at most 10 seconds |
//! | `refresh_in`, `"body"` or `"cookie"` | `"body"` |
//! | `check`, by kind: `"always"`, `"cached(30s)"` or `"never"` | `"always"` |
//!
//! The table also has [how tokens are created and read](crate::config::TokensConfig), which applies without
//! the feature, too.
//!
//! - Templates: `security/tokens.html`.
//! - Mails: `token_reuse`.
//! - Events: `UserAuthenticated` (`POST /token`), `RefreshTrackerCreated`, `RefreshTrackerRevoked`,
//!   `TokenReuse`, `TokenDenied`, `UserFailedAuthn`, `UserUnauthenticated`; of the command line
//!   `TokenIssued`, `TokensRevoked`.
//! - Refusals: the reasons of [`TokenFault`](crate::rejection::TokenFault), among them `refresh_token_reused`
//!   and `refresh_token_ended`; `refresh_token_missing`, `credentials_refused`, `conflicting_credentials`,
//!   `invalid_credentials`, `invalid_input` (`program_unknown`), `unauthenticated`, `reauth_required`,
//!   `password_change_required`, `csrf_failed`, `cross_site`, `throttled`, `saturated`, `unavailable`.
//! - Guards: [`Paseto`](crate::Paseto), [`FreshPaseto`](crate::FreshPaseto), [`TokenUser`](crate::TokenUser),
//!   [`PasetoJson`](crate::PasetoJson), [`AuthVia<via::BearerToken>`](crate::AuthVia), and every other guard
//!   if [`security.mechanisms`](crate::config::Config::mechanisms) contains `"token"`, which it does by
//!   default.
//! - The store needs the capabilities [`RefreshStore`] and [`Denylist`](crate::datastore::Denylist).
//!
//! ```text
//! POST /token {"email": "ann@example.org", "password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"user": {"id": "…", "email": "ann@example.org", "roles": [],
//!       "authentication_token": "v4.local.…", "refresh_token": "v4.local.…"}, "expires_in": 900, "token_type": "Bearer"}}
//! GET /report  Authorization: Bearer v4.local.…
//!   401 WWW-Authenticate: Bearer realm="login", error="invalid_token", error_description="The token has expired."
//!       {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["token_expired"]}}
//! POST /refresh-token {"refresh_token": "v4.local.…"}
//!   200 as above, with the next two
//!   400 {"meta": {"code": 400}, "response": {"errors": ["The token was already used."],
//!       "field_errors": {"": ["The token was already used."]}, "reasons": ["refresh_token_reused"]}}
//! GET /tokens
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…", "programs": [{"id": "0f0c…",
//!       "device": "backup-script/2", "client": "192.0.2.7", "authn_via": "password",
//!       "created_at": "2027-01-15T08:00:00Z", "refreshed_at": "2027-01-15T08:12:00Z", "expires_at": "2027-01-22T08:12:00Z"}]}}
//! ```
//!
//! # Details
//!
//! **Status codes.** An access token that is not accepted is answered with 401 by a guard (RFC 6750, section
//! 3.1): the client refreshes. A refresh token that is missing or not accepted is answered with 400 at
//! `/refresh-token` (RFC 6749, section 5.2): the client logs in again.
//!
//! **When no token is issued.** A `GET` returns no tokens, and neither does a form that is answered with a
//! redirect, or a login that still requires a second factor. `POST /token` refuses such a login like a wrong
//! password. If the feature is not enabled, `include_auth_token` is ignored.
//!
//! # Sending a token
//!
//! - A program sends `Authorization: Bearer <token>` (RFC 6750, section 2.1; the scheme in any case), or
//!   `Authentication-Token: <token>` as with Flask-Security, if a proxy uses `Authorization` for itself.
//! - It sends one token, once. Both headers, or one of them twice, are answered with 400
//!   `conflicting_credentials`.
//! - If a proxy adds its own `Bearer` to requests, set `tokens.sources = ["authentication-token"]`. Otherwise
//!   the proxy's counts as an invalid token, even beside a session.
//! - [`tokens.sources`](crate::config::TokensConfig::sources) lists where tokens are read from. It can also
//!   contain a cookie, and the query for handshakes of WebSockets. Nothing else is read, except that the
//!   guard [`PasetoJson`](crate::PasetoJson) reads the body.
//! - A request with a token in a header needs no anti-forgery token, and gets no cookie.
//!
//! # How long a token is valid
//!
//! A token is valid if one of our keys created it as an access token, it is meant for this application and
//! within its times, it is not denied, the account is open and has not changed since (password, address,
//! second factor, switched off), and the program's login has not ended. Each request asks the store, in one
//! query. What has ended takes effect with the next request, on every instance, and roles are those of this
//! moment.
//!
//! **A program's login** is a row in the store: a family of refresh tokens, of which one is valid at a time.
//! It ends after 30 days, or after 7 days without refreshing. If
//! [`session.aal`](crate::config::SessionConfig) is set, it lasts no longer than a session. Its access tokens
//! and its refresh token end at once:
//!
//! - when the session that it began in is ended by logging out, from `/sessions`, by an operator, by a login
//!   too many, or by `/verify`, which begins another in its place; the expiry of the session does not end it;
//! - when its browser is [remembered](crate::features::remember) and came back: likewise with any later
//!   session of that browser, and when a copy of its remember token is detected;
//! - when its user ends it at `/tokens`, or all others at `/sessions`, or an operator with `rocket-security
//!   tokens revoke`;
//! - with every change of the account;
//! - when its user has more than [`session.max_per_user`](crate::config::SessionConfig::max_per_user) of
//!   them, the oldest;
//! - when a refresh token is used a second time.
//!
//! **Logging out after the session has expired** also logs out the programs that began in it, as long as the
//! session's row exists and no other page has told the browser that the session is over. After that the
//! programs stay logged in until one of the events above. A program in a browser that must end with every
//! logout also posts to `/refresh-token/end`. A remembered browser comes back first, and loses its programs.
//! If more browsers than `session.max_per_user` are remembered, the oldest no longer is; its programs then
//! end only with the session that they began in.
//!
//! **Freshness.** For [`Fresh`](crate::Fresh) an access token is as old as the login, or the proof at
//! `/verify`, with which its family began. Refreshing proves nothing.
//!
//! **Tokens that the application issues** with [`TokenIssuer::access`](crate::TokenIssuer::access) are
//! accepted, too. A token for an [`AuthUser`](crate::AuthUser) ends with the session, or the program's login,
//! of the request, and is as fresh. A token that belongs to neither, such as one for a [`User`](crate::User),
//! ends only with a change of the account, its `exp`, or [`Programs::deny_token`], and is never fresh. A
//! handler that issues a token to the bearer of such a token lets the bearer renew it forever; with
//! `AuthVia<via::SessionCookie>` it does not. [`TokenIssuer::refresh`](crate::TokenIssuer::refresh) begins a
//! program's login.
//!
//! **Other tokens.** Tokens of [trusted issuers](crate::config::TrustedConfig), and tokens of the
//! application's own kinds, belong to no user here: only the application knows whom they name.
//! [`Paseto`](crate::Paseto) accepts both. Outside of guards [`Verifier`](crate::Verifier) verifies them, and
//! [`Programs::check_token`] checks that they were not revoked.
//!
//! # Refreshing
//!
//! **A refresh token works once**, and only at `/refresh-token`, which replaces it. If there is a copy, the
//! owner or the thief sooner or later presents a replaced token. That ends the family, so both are logged
//! out. The owner is told by mail, and an event is sent. The same happens to a program that refreshes several
//! times at once, or that lost an answer. With `refresh_grace`, a token that was replaced within that time
//! returns the same successor once more, with the same `jti`.
//!
//! **In a cookie.** With `refresh_in = "cookie"`, for programs that run in a browser, `/login`, `/verify` and
//! `/change` put the refresh token into the cookie `security_refresh` instead (`__Secure-security_refresh`
//! over https).
//!
//! - The cookie is `HttpOnly` and `SameSite=Strict`. It is sent only to `/refresh-token` and below, which
//!   answers it with another cookie. As for every cookie, the anti-forgery token is required.
//! - `/logout` does not receive it. `/refresh-token/end` logs its program out, whether the session still
//!   exists or not.
//! - `POST /token` still answers in the body, because its programs keep no cookies.
//! - `/refresh-token` refuses a cookie and a token in the body at once; `/refresh-token/end` ends both.
//! - The cookie is removed only if its token will never be accepted again
//!   ([`TokenFault::is_final`](crate::rejection::TokenFault::is_final)): not while an instance lacks the key
//!   with which another instance created it.

mod granted;
mod issue;
mod programs;
mod refresh;

use std::sync::Arc;

use rocket::{Request, Route, async_trait, routes};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::datastore::RefreshStore;
use crate::error::Result;
use crate::feature::{Announcer, Feature, Installation, Sweeping};
use crate::flow::Flow;
use crate::flow::once::Admitted;
use crate::guard::mechanism::{InstallMechanism, Mechanism, TOKEN};
use crate::programs::{Programs, ProgramsIn, sweep};
use crate::rejection::{Lacking, Rejection};
use crate::session::names::REFRESH_PATH;
use crate::template::{Embedded, templates};
use crate::token::Access;
use crate::web::{Site, bearer, challenge};

/// The feature `tokens`. Its settings are those of
/// [`[default.security.tokens]`](crate::config::TokensConfig).
// That struct reads and checks the table, so unknown keys are not refused here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tokens {}

impl<D: RefreshStore> Feature<D> for Tokens {
    const NAME: &'static str = "tokens";
    const TEMPLATES: &'static [Embedded] = templates![programs::PAGE; "token_reuse"];

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![
            ("issue_token", "/token".to_owned()),
            ("refresh_token", REFRESH_PATH.to_owned()),
            ("end_refresh_token", format!("{REFRESH_PATH}/end")),
            ("tokens", "/tokens".to_owned()),
            ("end_token", "/tokens/end".to_owned()),
        ]
    }

    fn routes(&self) -> Vec<Route> {
        routes![issue::token, refresh::refresh, refresh::end, programs::show, programs::end]
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.require_mail()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let store: Arc<dyn RefreshStore> = at.store();
        at.offer(ProgramsIn(Arc::clone(&store)));
        at.sweeping(Sweeper(store));
        at.mechanism(self.clone());
        Ok(())
    }
}

/// Deletes expired logins of programs, and expired denials.
struct Sweeper(Arc<dyn RefreshStore>);

#[async_trait]
impl Sweeping for Sweeper {
    async fn sweep(&self, now: Timestamp, announcer: &Announcer) -> Result<u64> {
        sweep::sweep(&*self.0, now, announcer).await
    }
}

#[async_trait]
impl Mechanism for Tokens {
    fn name(&self) -> &'static str {
        TOKEN
    }

    fn is_present(&self, request: &Request<'_>) -> bool {
        bearer::is_brought(request)
    }

    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
        let rocket = request.rocket();
        let (Some(flow), Some(site)) = (rocket.state::<Flow>(), rocket.state::<Site>()) else {
            return Err(Rejection::Unavailable);
        };
        let programs = rocket.state::<Programs>().ok_or(Rejection::Unavailable)?;
        let token = bearer::verified::<Access>(request)?;
        let (user, bearer) = programs.find_bearer(site, &token).await?;
        flow.admit_bearer(request, user, bearer).await
    }

    fn is_sent_unasked(&self, request: &Request<'_>) -> bool {
        bearer::is_in_cookie(request)
    }

    fn needs_csrf(&self, request: &Request<'_>) -> bool {
        bearer::is_in_cookie(request)
    }

    fn challenge(&self, refused: Option<&Rejection>) -> Option<String> {
        Some(challenge::bearer(refused))
    }

    fn challenge_insufficient(&self, lacking: Lacking) -> Option<String> {
        Some(challenge::better_bearer(lacking))
    }
}

//! Access and refresh tokens: what a program logs in for once, and shows with every request.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `POST /login?include_auth_token` | | 200 `user.authentication_token`, `user.refresh_token` |
//! | `POST /verify?include_auth_token`, and alike `/change`, `/change-username`, `/change-email/<token>` | | the same: the session is a new one, and the tokens of the older have ended with it |
//! | `POST /reset/<token>?include_auth_token`, `POST /confirm/<token>?include_auth_token` | | the same, where the link logs in (`reset.log_in`, `confirm.log_in`) |
//! | `POST /token` `email`, `username` or `identity`, `password` | always JSON | 200 the same, `expires_in`, `token_type`; no session, no cookie |
//! | `POST /refresh-token` `refresh_token`, or its cookie | always JSON | 200 the same: the next two |
//! | `POST /refresh-token/end` `refresh_token`, or its cookie | always JSON | 200, an empty `response`: its program is logged out, and the cookie removed; also when it is none. 400 for one that is not accepted for now, as by a clock that is behind: nothing changes |
//! | `GET /tokens` | one's programs, the newest first | 200 `programs`, `csrf_token` |
//! | `POST /tokens/end` `program` | 303 to `/tokens` | 200 `csrf_token` |
//!
//! `POST /logout` with an access token, or with a `refresh_token` in its body, logs the program out.
//!
//! A refresh token that is missing or not accepted is 400 at `/refresh-token` (RFC 6749, section 5.2), and
//! an access token that is not accepted is 401 at a guard (RFC 6750, section 3.1): a client that gets 401
//! refreshes, and one that gets 400 logs in again.
//!
//! | setting `[default.security.tokens]` | default |
//! |---|---|
//! | `lifetime`, of an access token | `"15m"` |
//! | `refresh_lifetime`, of a program's login | `"30days"`, at most 365 days |
//! | `refresh_idle`, without refreshing | `"7days"` |
//! | `refresh_grace`, in which a replaced refresh token leads to its successor once more | `"0s"`, at most 10 seconds |
//! | `refresh_in`, `"body"` or `"cookie"` | `"body"` |
//! | `check`, by kind: `"always"`, `"cached(30s)"` or `"never"` | `"always"` |
//!
//! and [what tokens are made and read with](crate::config::TokensConfig), which holds without the feature, too.
//!
//! Templates: `security/tokens.html`. Mails: `token_reuse`. Events: `UserAuthenticated` (`POST /token`),
//! `RefreshTrackerCreated`, `RefreshTrackerRevoked`, `TokenReuse`, `TokenDenied`, `UserFailedAuthn`,
//! `UserUnauthenticated`; of the command line `TokenIssued`, `TokensRevoked`. Refusals: the reasons of
//! [`TokenFault`](crate::rejection::TokenFault), among them `refresh_token_reused` and
//! `refresh_token_ended`; `refresh_token_missing`, `credentials_refused`, `conflicting_credentials`, `invalid_credentials`,
//! `invalid_input` (`program_unknown`), `unauthenticated`, `reauth_required`, `password_change_required`,
//! `csrf_failed`, `cross_site`, `throttled`, `saturated`, `unavailable`. The store needs the capabilities
//! [`RefreshStore`] and [`Denylist`](crate::datastore::Denylist).
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
//! A `GET` gives none: a page of another site could have a browser send it. Neither does a form that
//! is answered by a redirect, nor a login that wants a second factor first: `POST /token` refuses that like a
//! wrong password. Where the feature is not enabled, `include_auth_token` is ignored.
//!
//! Guards: [`Paseto`](crate::Paseto), [`FreshPaseto`](crate::FreshPaseto), [`TokenUser`](crate::TokenUser),
//! [`PasetoJson`](crate::PasetoJson), [`AuthVia<via::BearerToken>`](crate::AuthVia), and with `"token"` in
//! [`security.mechanisms`](crate::config::Config::mechanisms), as by default, every other.
//!
//! # What a request brings
//!
//! `Authorization: Bearer <token>` (RFC 6750, section 2.1; the scheme in any case), or
//! `Authentication-Token: <token>`, as with Flask-Security, for where a proxy wants `Authorization`
//! for itself. One of them, once: both, or either twice, is 400 `conflicting_credentials`. A proxy that puts a
//! `Bearer` of its own there needs `tokens.sources = ["authentication-token"]`: otherwise that counts as an invalid
//! token, even beside a session.
//! [`tokens.sources`](crate::config::TokensConfig::sources) has the places, where a cookie may be added, and
//! for handshakes of WebSockets the query. Elsewhere nothing is looked at; a body is by the guard
//! [`PasetoJson`](crate::PasetoJson) alone.
//!
//! A request with a token in a header needs no anti-forgery token, and gets no cookie.
//!
//! # Who it is, and for how long
//!
//! A token is good when our own key made it as an access token, it is for us and within its times, it is not
//! denied, the account is open and has not changed since (password, address, second factor, switched off),
//! and the program's login goes on. Each request asks the store, in one query: what ended takes effect
//! with the next request, on every instance, and roles are those of this moment.
//!
//! **A program's login** is a row in the store, a family of refresh tokens of which one is good at a time. It
//! is over after 30 days, or 7 without refreshing. Its access tokens and its refresh token end with it at
//! once:
//!
//! - when the session that it began in is ended, by logging out, from `/sessions`, by an operator, by a login
//!   too many, or by `/verify`, which begins another in its place; the expiry of the session does not
//!   end it;
//! - when its browser is [remembered](crate::features::remember) and came back: likewise with any later session
//!   of that browser, and when a copy of what it is remembered by is found out;
//! - when its user ends it at `/tokens`, or all others at `/sessions`, or an operator by `rocket-security
//!   tokens revoke`;
//! - with every change of the account;
//! - when its user has more than [`session.max_per_user`](crate::config::SessionConfig::max_per_user) of them,
//!   the oldest;
//! - when a refresh token is used a second time.
//!
//! A user who presses "log out" after the session has expired logs its programs out
//! as long as its row is there and no other page has told the browser that it is over. After that nothing
//! tells any more which programs began in it, and they go on until one of the above ends them: a program in a
//! browser that is to end with "log out" in every case posts to `/refresh-token/end`, too. A browser that is
//! remembered comes back first, and loses its programs. Where more browsers than `session.max_per_user` are
//! remembered, the oldest is no longer; its programs then end with the session that they began in alone.
//!
//! Where [`session.aal`](crate::config::SessionConfig) is set, it lasts no longer than a session.
//!
//! For [`Fresh`](crate::Fresh) an access token is as old as the login, or the `/verify`, that its family began
//! with: refreshing proves nothing.
//!
//! What an application issues by [`Tokens::access`](crate::TokenIssuer::access) is taken likewise. One for an
//! [`AuthUser`](crate::AuthUser) ends with the session, or the program's login, that the request came by, and is
//! as fresh. One that belongs to neither, as for a [`User`](crate::User), ends with a change of the account, its
//! `exp`, or [`Programs::deny_token`] alone, and is never fresh. A handler that issues a token to the bearer of such
//! a token lets them renew it forever; with `AuthVia<via::SessionCookie>` it does not.
//! [`Tokens::refresh`](crate::TokenIssuer::refresh) begins a program's login.
//!
//! # Refreshing
//!
//! A refresh token is good for one thing, and once: `/refresh-token` replaces it. If there is a copy, the owner or
//! the thief sooner or later presents a replaced token. That ends the family, so that both are out; the
//! owner is told by mail, and there is an event. It can be told of a program that refreshes several times at
//! once, or that lost an answer: with `refresh_grace` a token that was replaced within it leads to the same
//! successor, `jti` and all, once more. What is presented is not a guess, for our key made it; so there is no
//! limit on how often it is.
//!
//! With `refresh_in = "cookie"`, for programs that run in a browser, `/login`, `/verify` and `/change` put
//! it into the cookie `security_refresh` instead (`__Secure-security_refresh` by https): `HttpOnly`,
//! `SameSite=Strict`, and sent to `/refresh-token` and below alone, which answers it with another.
//! `/logout` does not see it: `/refresh-token/end` logs its program out, whatever became of the session. As for
//! every cookie, the anti-forgery token has to come along. `POST /token`, whose programs keep no cookies,
//! answers in the body nevertheless. `/refresh-token` refuses a cookie and a token in the body at once;
//! `/refresh-token/end` ends both. The cookie is taken away only when its token will never be accepted again
//! ([`TokenFault::is_final`](crate::rejection::TokenFault::is_final)): not while an instance lacks the key
//! that another one made it with.
//!
//! Tokens of [trusted issuers](crate::config::TrustedConfig) are no user's here: whom they name, only the
//! application can tell. Neither are tokens of an application's own kinds. Both are taken by
//! [`Paseto`](crate::Paseto); outside of guards [`Verifier`](crate::Verifier) verifies them, and
//! [`Programs::check_token`] checks that they were not revoked.

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
// What stands in that table is read and checked there: unknown keys are none of its business.
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

/// Deletes what is over.
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

//! Lets users create personal access tokens for their own programs: named, limited to scopes, and revocable
//! at any time.
//!
//! It is off by default, because the application has to name the scopes;
//! `Security::default().enable(PersonalTokens::default().scopes::<…>())` switches it on. At
//! `/personal-tokens` users create tokens, which are shown once, and revoke them. A route with the guard
//! [`Scoped`](crate::Scoped) accepts a token that has its scope:
//!
//! ```
//! # use rocket::http::Header;
//! # use rocket::{get, routes};
//! # use rocket_security::testing::TestApp;
//! # use serde_json::json;
//! use rocket_security::features::personal_tokens::PersonalTokens;
//! use rocket_security::{Scoped, Security};
//!
//! rocket_security::scopes! {
//!     pub ReadReports = "reports:read", "See your reports";
//!     pub WriteReports = "reports:write", "Write reports in your name";
//! }
//!
//! #[get("/reports")]
//! fn reports(user: Scoped<ReadReports>) -> String {
//!     format!("The reports of {}", user.email)
//! }
//!
//! # rocket::async_test(async {
//! let tokens = PersonalTokens::default().scopes::<(ReadReports, WriteReports)>();
//! let security = Security::default().enable(tokens);
//! let rocket = rocket::build().attach(security).mount("/", routes![reports]);
//! # let app = TestApp::launch(rocket).await;
//! # let ann = app.log_in_as("ann@example.org").await;
//! # let body = json!({"name": "Nightly download", "scopes": ["reports:read"]});
//! # let created = ann.post_json("/personal-tokens", body).await;
//! # let token = format!("Bearer {}", created.response("token").as_str().unwrap());
//! # let request = app.client().get("/reports").header(Header::new("Authorization", token));
//! # assert_eq!(app.browser().send(request).await.body, "The reports of ann@example.org");
//! # });
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /personal-tokens` | the user's tokens, the newest first, and the form | 200 `personal_tokens`, `scopes`, `csrf_token` |
//! | `POST /personal-tokens` `name`, `scopes`, `expires_in_days` | 200, with the token | 200 `token`, `personal_token`, `csrf_token` |
//! | `POST /personal-tokens/revoke` `personal_token` | 303 to `/personal-tokens` | 200 `csrf_token` |
//!
//! | setting `[default.security.personal_tokens]` | default |
//! |---|---|
//! | `prefix` | `"rspat"` |
//! | `max_per_user` | `50` |
//! | `default_lifetime` | `"90days"`, or `max_lifetime` if that is less |
//! | `max_lifetime` | none |
//!
//! - Templates: `security/personal_tokens.html`.
//! - Mails: `personal_token_notice`.
//! - Events: `PersonalTokenCreated`, `PersonalTokenRevoked`; of requests with a token `UserFailedAuthn`,
//!   `UserUnauthenticated`, `UserUnauthorized`.
//! - Refusals: `unauthenticated`, `reauth_required`, `invalid_input` (`name_invalid`, `name_taken`,
//!   `scope_required`, `scope_unknown`, `lifetime_invalid`, `lifetime_too_long`, `too_many_personal_tokens`,
//!   `personal_token_unknown`), `csrf_failed`, `cross_site`, `throttled`, `unavailable`.
//! - Refusals of requests with a token: `token_malformed`, `token_expired`, `token_scoped`,
//!   `credentials_refused`, `insufficient_scope`, `conflicting_credentials`, `password_change_required`,
//!   `unavailable`.
//! - The store needs the capability [`PersonalTokenStore`].
//!
//! ```text
//! GET /personal-tokens
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…", "personal_tokens": [{
//!       "id": "0f0c…", "name": "Nightly download", "scopes": ["reports:read"], "is_expired": false,
//!       "created_at": "2027-01-15T08:00:00Z", "expires_at": "2027-04-15T08:00:00Z", "last_used_at": null}],
//!       "scopes": [{"name": "reports:read", "description": "See your reports"}, …]}}
//! POST /personal-tokens {"name": "Nightly download", "scopes": ["reports:read"], "expires_in_days": 30}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…", "token": "rspat_…", "personal_token": {"id": "0f0c…", …}}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"name": ["…"]}, "reasons": ["invalid_input", "name_taken"]}}
//!   401 {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["reauth_required"], "reauth_required": true}}
//! POST /personal-tokens/revoke {"personal_token": "0f0c…"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//! ```
//!
//! # Details
//!
//! **Creating a token** requires a session, and a proof within `security.freshness`. With a token no tokens
//! can be created, listed or revoked. The owner is told by mail.
//!
//! - `scopes` are at least one of those that the application has named. In JSON they are a list, or a text
//!   with spaces between them; in a form also one box each, such as `scope.reports:read`.
//! - `expires_in_days` is a whole number of at most 3650, or `never`. Without it the token gets
//!   `default_lifetime`. With `max_lifetime` there is no `never`, and it also applies to existing tokens.
//! - `name` is the owner's choice: 1 to 100 characters, and different from their other tokens, so that they
//!   can tell their tokens apart.
//! - The token is in that one answer, which must not be cached, and nowhere else. The store has its SHA-256
//!   digest.
//!
//! **Using a token.** A program sends `Authorization: Bearer rspat_…` or `Authentication-Token: rspat_…`, as
//! for an [access token](crate::features::tokens): one token, once. It needs no anti-forgery token, and gets
//! no cookie. Each request asks the store, in one query. The last use of a token is recorded once a minute.
//!
//! **What a token opens.** A token opens only routes with [`Scoped`](crate::Scoped) that name one of its
//! scopes, and routes with [`AuthVia<via::PersonalToken>`](crate::AuthVia), which accept it whatever its
//! scopes are.
//!
//! - [`AuthUser`](crate::AuthUser), and every other guard that uses `security.mechanisms`, answers 401 with
//!   the reason `token_scoped`, and does not treat the request as a guest's. So do the guards of tokens, such
//!   as [`Paseto`](crate::Paseto), without asking the store.
//! - Guards that accept no token, such as [`BasicUser`](crate::BasicUser), ignore it.
//! - Personal tokens cannot be listed in [`security.mechanisms`](crate::config::Config::mechanisms), and the
//!   pages of the features do not accept them.
//! - A token is never [`Fresh`](crate::Fresh). It grants no more than its owner may do at that moment: roles
//!   are looked up with it.
//!
//! **When a token ends.** It ends at its time, when its owner revokes it, or an operator with
//! `rocket-security personal-tokens revoke`, and with **every change of the account**: password, address,
//! username, a second factor, switching it off, closing it. A change of the password ends every way in, and
//! programs get new tokens. The end takes effect with the next request, on every instance. An expired token
//! is listed for 30 more days, so that its owner finds out why a program has stopped, and is then deleted.
//!
//! **Finding leaked tokens.** A token is the prefix, `_`, and 49 characters. The first 43 hold 256 random
//! bits. The last 6 hold a CRC-32 (that of zlib) of everything before them. Both are numbers in base 62, with
//! the digits `0-9A-Za-z` in this order, the most significant first. Scanners of repositories and logs find
//! tokens with this pattern, and check with the checksum whether a match is a token:
//!
//! ```text
//! \brspat_[0-9A-Za-z]{49}\b
//! ```
//!
//! The application checks it, too, before it asks the store. Set your own prefix if others run your
//! application, too. A different prefix is a different kind of token: tokens with the old prefix are refused
//! until it is set back.

mod create;
mod desk;
mod list;
mod mechanism;
mod settings;

use std::sync::Arc;

use chrono::TimeDelta;
use rocket::{Route, async_trait, routes};

use crate::clock::Timestamp;
use crate::config::{Config, Span};
use crate::datastore::PersonalTokenStore;
use crate::error::{Error, Result};
use crate::feature::{Announcer, Feature, Installation, Sweeping};
use crate::features::personal_tokens::desk::Desk;
use crate::guard::mechanism::InstallMechanism;
use crate::guard::scoped::Grantable;
use crate::template::{Embedded, templates};
use crate::user::ScopeSet;

pub use crate::features::personal_tokens::settings::{PersonalTokens, Unnamed};

const TEMPLATES: &[Embedded] = templates![list::PAGE; "personal_token_notice"];

/// The longest default lifetime: a longer one is logged at the launch.
const YEAR: Span = Span::hours(366 * 24);

impl<D: PersonalTokenStore, S: ScopeSet> Feature<D> for PersonalTokens<S> {
    const NAME: &'static str = "personal_tokens";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        config.require_mail()?;
        let is_plain = self.prefix.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        let begins = self.prefix.starts_with(|first: char| first.is_ascii_lowercase());
        if !is_plain || !begins || !(2..=20).contains(&self.prefix.len()) {
            return Err(Error::config(
                "personal_tokens.prefix",
                "cannot be the start of a token",
                "Use 2 to 20 lower-case letters and digits, a letter first, for example \"rspat\"",
            ));
        }
        if self.max_per_user == 0 {
            return Err(Error::config(
                "personal_tokens.max_per_user",
                "is 0, so no token could be created",
                "Set it to 50, or do not enable the feature",
            ));
        }
        if self.max_lifetime.is_some_and(|longest| longest < self.usual_lifetime()) {
            return Err(Error::config(
                "personal_tokens.default_lifetime",
                "is longer than personal_tokens.max_lifetime",
                "Set it to the same value or less",
            ));
        }
        if self.max_lifetime.is_some_and(|longest| longest < Span::hours(24)) {
            return Err(Error::config(
                "personal_tokens.max_lifetime",
                "is shorter than a day, but users choose the lifetime in days",
                "Set it to \"1day\" or more, or leave it out",
            ));
        }
        Ok(())
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![
            ("personal_tokens", "/personal-tokens".to_owned()),
            ("revoke_personal_token", "/personal-tokens/revoke".to_owned()),
        ]
    }

    fn routes(&self) -> Vec<Route> {
        routes![list::show, create::create, list::revoke]
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let store: Arc<dyn PersonalTokenStore> = at.store();
        let desk = Desk { settings: self.about(), scopes: S::scopes(), store: Arc::clone(&store) };
        if !at.is_debug() && self.usual_lifetime() > YEAR {
            log::error!(
                "security.personal_tokens.default_lifetime: is longer than a year, so that a stolen token \
                 works for years. Set it to \"90days\" or less"
            );
        }
        at.manage(Grantable(desk.scopes.clone()));
        at.manage(desk.clone());
        at.mechanism(desk);
        at.sweeping(Sweep(store));
        Ok(())
    }
}

/// How long an expired token is still listed.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Deletes expired tokens.
struct Sweep(Arc<dyn PersonalTokenStore>);

#[async_trait]
impl Sweeping for Sweep {
    async fn sweep(&self, now: Timestamp, _announcer: &Announcer) -> Result<u64> {
        self.0.delete_expired_personal_tokens(now - KEPT).await
    }
}

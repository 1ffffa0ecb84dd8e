//! Shows an API for programs, which log in for tokens, send them, refresh them, and log out.
//!
//! Run `cargo run --example api_tokens`. In another terminal, in the same folder, create an account:
//!
//! ```sh
//! cargo run -q --features cli --bin rocket-security -- users create ann@example.org --confirmed
//! ```
//!
//! Then run `bash examples/api_tokens.sh`, which only uses `curl`; or run its lines one at a time, with the
//! password that you chose:
//!
//! ```sh
#![doc = include_str!("api_tokens.sh")]
//! ```

use std::time::Duration;

use rocket::{get, launch, post, routes};
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::token::Lifetime;
use rocket_security::{
    AuthVia, FreshPaseto, Paseto, Rejection, Scoped, Security, TokenIssuer, TokenKind, TokenUser,
    via,
};
use serde::{Deserialize, Serialize};

rocket_security::scopes! { pub ReadReports = "reports:read", "See your reports"; }

/// Lets its bearer fetch one file, for five minutes, so that a user can share it.
struct Download;

impl TokenKind for Download {
    const NAME: &'static str = "download";
    const LIFETIME: Option<Lifetime> = Some(Lifetime::After(Duration::from_secs(300)));
}

/// The application's own claims.
#[derive(Serialize, Deserialize)]
struct Pages {
    from: u32,
    to: u32,
}

/// Loads and checks the user of the token.
#[get("/me")]
fn me(user: TokenUser) -> String {
    format!("Hello, {}!\n", user.email)
}

/// Verifies the token and checks in the store that it was not revoked, but does not load the user.
#[get("/whoami")]
fn whoami(token: Paseto) -> String {
    format!("The token is about {}.\n", token.subject().unwrap_or("nobody"))
}

/// Accepts only tokens from a login in the last five minutes: refreshing a token proves nothing.
#[post("/payout")]
fn pay_out(_token: FreshPaseto<5>) -> &'static str {
    "Paid out.\n"
}

/// Issues a token of the application's own kind, for requests authenticated with an access token.
#[post("/files/<name>/token")]
fn share(
    _user: AuthVia<via::BearerToken>,
    name: &str,
    tokens: &TokenIssuer,
) -> Result<String, Rejection> {
    Ok(tokens.of::<Download>(name).claims(Pages { from: 1, to: 4 }).issue()?)
}

/// Accepts the token of `share`, and no other kind of token.
#[get("/files/<name>")]
fn file(name: &str, token: Paseto<Pages, Download>) -> Option<String> {
    let Pages { from, to } = token.claims;
    (token.subject() == Some(name)).then(|| format!("{name}, pages {from} to {to}\n"))
}

/// Accepts users themselves, and personal access tokens that they created for this scope at
/// `/personal-tokens`.
#[get("/reports")]
fn reports(user: Scoped<ReadReports>) -> String {
    format!("The reports of {}\n", user.email)
}

#[launch]
fn rocket() -> _ {
    let tokens = PersonalTokens::default().scopes::<ReadReports>();
    let security = Security::default().enable(tokens);
    let handlers = routes![me, whoami, pay_out, share, file, reports];
    rocket::build().attach(security).mount("/", handlers)
}

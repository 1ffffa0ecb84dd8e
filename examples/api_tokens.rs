//! An API for programs: they log in for tokens, show them, renew them, and are logged out.
//!
//! `cargo run --example api_tokens`, and in another terminal, in the same folder, an account:
//!
//! ```sh
//! cargo run -q --features cli --bin rocket-security -- users create ann@example.org --confirmed
//! ```
//!
//! Then `bash examples/api_tokens.sh`, which is nothing but `curl`; or a line of it at a time, with the
//! password that was chosen:
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

/// Lets its bearer fetch one file, for five minutes: something to hand on.
struct Download;

impl TokenKind for Download {
    const NAME: &'static str = "download";
    const LIFETIME: Option<Lifetime> = Some(Lifetime::After(Duration::from_secs(300)));
}

/// Claims of the application's own.
#[derive(Serialize, Deserialize)]
struct Pages {
    from: u32,
    to: u32,
}

/// The user is loaded and checked, and the handler has them.
#[get("/me")]
fn me(user: TokenUser) -> String {
    format!("Hello, {}!\n", user.email)
}

/// The token is verified and asked for in the store; the user is not loaded.
#[get("/whoami")]
fn whoami(token: Paseto) -> String {
    format!("The token is about {}.\n", token.subject().unwrap_or("nobody"))
}

/// Only within five minutes of the login: a token that was renewed since is no proof.
#[post("/payout")]
fn pay_out(_token: FreshPaseto<5>) -> &'static str {
    "Paid out.\n"
}

/// A token of the application's own kind, for whoever comes by an access token.
#[post("/files/<name>/token")]
fn share(
    _user: AuthVia<via::BearerToken>,
    name: &str,
    tokens: &TokenIssuer,
) -> Result<String, Rejection> {
    Ok(tokens.of::<Download>(name).claims(Pages { from: 1, to: 4 }).issue()?)
}

/// The same token lets in, and no other kind does.
#[get("/files/<name>")]
fn file(name: &str, token: Paseto<Pages, Download>) -> Option<String> {
    let Pages { from, to } = token.claims;
    (token.subject() == Some(name)).then(|| format!("{name}, pages {from} to {to}\n"))
}

/// Users themselves, and tokens that they made for this at `/personal-tokens`.
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

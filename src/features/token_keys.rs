//! The public keys, at a well-known address: for other services that verify our signed tokens.
//!
//! | route | JSON |
//! |---|---|
//! | `GET /.well-known/paseto-keys` | 200 [`PublicKeys`]: `issuer`, and `keys` with `kid` and `key` each |
//!
//! | setting `[default.security.token_keys]` | default |
//! |---|---|
//! | `path` | `"/.well-known/paseto-keys"` |
//!
//! Guard: [`Public`]. Templates, mails, events and refusals: none; nor is there a page, for only
//! programs read it.
//!
//! ```text
//! GET /.well-known/paseto-keys
//!   200 Cache-Control: public, max-age=300
//!       {"issuer": "https://example.org", "keys": [{"kid": "k4.pid.…", "key": "k4.public.…"}]}
//! ```
//!
//! A key is PASERK, and `kid` is what tokens under it have in their footers: its PASERK id. The active
//! key is the first; behind it are those that older tokens were signed with, for as long as they are
//! in [`security.tokens.keys`](crate::config::TokensConfig::keys). Of a key pair only the public half is
//! shown; keys of encrypted tokens and those of trusted issuers are not shown at all. Where nothing is
//! signed, as by default, the list is empty: that is an answer, while a 404 could be an address that is
//! misspelt.
//!
//! It may be kept for five minutes, by whatever stands between. That is how long a verifier can lag
//! behind, a third of the life of an access token: for so long may tokens of a new key be refused, and
//! those of a key that was withdrawn be accepted. A new key that is announced first, as
//! [`guide::token_reference`](crate::guide::token_reference) says, is known to all five minutes later. A verifier that
//! meets a `kid` it does not know asks again, no more than once a minute, because an attacker can make up any number of ids.

use rocket::http::uri::Origin;
use rocket::http::{Header, Method};
use rocket::route::Handler;
use rocket::serde::json::Json;
use rocket::{Data, Request, Route, State, async_trait, get, route, routes};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::feature::Feature;
use crate::guard::Public;
use crate::token::{PublicKeys, TokenIssuer};

/// Where the document is, unless it is configured.
const PATH: &str = "/.well-known/paseto-keys";

/// How long it may be kept.
const KEPT: &str = "public, max-age=300";

/// The feature `token_keys`; its value is `[default.security.token_keys]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenKeys {
    /// Sets the path of the document, which no other page may have. _Default:_ `"/.well-known/paseto-keys"`.
    pub path: String,
}

impl Default for TokenKeys {
    fn default() -> Self {
        Self { path: PATH.to_owned() }
    }
}

impl<D> Feature<D> for TokenKeys {
    const NAME: &'static str = "token_keys";

    fn check(&self, _config: &Config) -> Result<()> {
        let is_route = Origin::parse(&self.path)
            .is_ok_and(|uri| uri.query().is_none() && uri.is_normalized() && uri.path() != "/");
        if is_route {
            return Ok(());
        }
        Err(Error::config(
            "token_keys.path",
            format!("is \"{}\", which is not a path of a document", self.path),
            format!("Remove it for \"{PATH}\", or write it like that"),
        ))
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("token_keys", self.path.clone())]
    }

    fn routes(&self) -> Vec<Route> {
        let mut routes = routes![document];
        for route in &mut routes {
            let handler = Moved(route.handler.clone());
            route.uri = Route::new(Method::Get, &self.path, handler).uri;
        }
        routes
    }
}

/// A handler at another path than its attribute says.
#[derive(Clone)]
struct Moved(Box<dyn Handler>);

#[async_trait]
impl Handler for Moved {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        self.0.handle(request, data).await
    }
}

/// The document, and what may be done with it.
#[derive(rocket::Responder)]
struct Document {
    keys: Json<PublicKeys>,
    cache: Header<'static>,
}

#[get("/.well-known/paseto-keys")]
fn document(_everybody: Public, tokens: &State<TokenIssuer>) -> Document {
    Document { keys: Json(tokens.public_keys()), cache: Header::new("Cache-Control", KEPT) }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::feature::Feature;
    use crate::features::token_keys::TokenKeys;

    #[test]
    fn a_path_that_no_document_can_have_stops_the_launch() {
        let check = |path: &str| {
            Feature::<()>::check(&TokenKeys { path: path.to_owned() }, &Config::default())
        };
        for path in ["/keys", "/.well-known/keys.json", "/api/v1/keys"] {
            assert!(check(path).is_ok(), "{path}");
        }
        for path in
            ["", "/", "keys", "//keys", "/keys/../x?", "/<keys>", "/a b", "https://a.example/"]
        {
            let fault = check(path).unwrap_err().to_string();
            assert!(fault.starts_with("security.token_keys.path: is \""), "{fault}");
            assert!(fault.contains("Remove it for"), "{fault}");
        }
    }
}

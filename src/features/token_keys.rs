//! Publishes the public keys with which other services verify the signed tokens of this application.
//!
//! It is on by default, and publishes an empty list until signed tokens are configured;
//! `Security::default().disable::<TokenKeys>()` switches it off. Users see nothing of it: programs read a
//! JSON document at `/.well-known/paseto-keys`.
//!
//! ```
//! # use rocket_security::testing::TestApp;
//! use rocket_security::Security;
//! use rocket_security::features::token_keys::TokenKeys;
//!
//! # rocket::async_test(async {
//! let mut token_keys = TokenKeys::default();
//! token_keys.path = "/api/keys".to_owned();
//! let security = Security::default().enable(token_keys);
//! # let app = TestApp::launch(rocket::build().attach(security)).await;
//! # assert!(app.browser().get("/api/keys").await.json()["keys"].is_array());
//! # });
//! ```
//!
//! | route | JSON |
//! |---|---|
//! | `GET /.well-known/paseto-keys` | 200 [`PublicKeys`]: `issuer`, and `keys`, each with `kid` and `key` |
//!
//! | setting `[default.security.token_keys]` | default |
//! |---|---|
//! | `path` | `"/.well-known/paseto-keys"` |
//!
//! - Guard: [`Public`].
//! - Templates, mails, events, refusals: none. There is no page, because only programs read it.
//!
//! ```text
//! GET /.well-known/paseto-keys
//!   200 Cache-Control: public, max-age=300
//!       {"issuer": "https://example.org", "keys": [{"kid": "k4.pid.…", "key": "k4.public.…"}]}
//! ```
//!
//! # Details
//!
//! **The keys.** A key is in the format PASERK. Its `kid` is its PASERK id, which the tokens signed with it
//! have in their footers. The active key comes first. After it come the keys that older tokens were signed
//! with, as long as they are in [`security.tokens.keys`](crate::config::TokensConfig::keys). Only the public
//! half of a key pair is shown. Keys of encrypted tokens and keys of trusted issuers are not shown. If no
//! tokens are signed, which is the default, the list is empty.
//!
//! **Caching.** Clients and caches may keep the document for five minutes, which is a third of the lifetime
//! of an access token. For that long a verifier may refuse tokens of a new key, and accept those of a key
//! that was withdrawn. If a new key is announced first, as [`guide::token_reference`](crate::guide::token_reference) describes,
//! all verifiers know it five minutes later.
//!
//! **Unknown keys.** A verifier that meets an unknown `kid` should fetch the document again, but at most once
//! a minute, because everyone can make up a `kid`.

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

/// The default path of the document.
const PATH: &str = "/.well-known/paseto-keys";

/// How long the document may be cached.
const KEPT: &str = "public, max-age=300";

/// The feature `token_keys`. Its settings are `[default.security.token_keys]`.
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

/// A handler, mounted at another path than its attribute says.
#[derive(Clone)]
struct Moved(Box<dyn Handler>);

#[async_trait]
impl Handler for Moved {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        self.0.handle(request, data).await
    }
}

/// The document, and how long it may be cached.
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

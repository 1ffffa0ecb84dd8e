//! Accepts a name and a password with each request (HTTP Basic authentication, RFC 7617), for programs that
//! can do nothing else.
//!
//! It is off by default; `Security::default().enable(Basic::default())` switches it on. It has no page: a
//! route with the guard [`BasicUser`](crate::BasicUser) accepts the password, and a browser without one shows
//! its own prompt. For everything else use [tokens](crate::features::tokens).
//!
//! ```
//! use rocket::http::{Header, Status};
//! use rocket::{get, routes};
//! use rocket_security::features::basic::Basic;
//! use rocket_security::testing::{PASSWORD, TestApp};
//! use rocket_security::{BasicUser, Security};
//!
//! #[get("/feed")]
//! fn feed(user: BasicUser) -> String {
//!     format!("News for {}", user.email)
//! }
//!
//! # rocket::async_test(async {
//! let security = Security::default().enable(Basic::default());
//! let app = TestApp::launch(rocket::build().attach(security).mount("/", routes![feed])).await;
//! let refused = app.browser().get("/feed").await;
//! assert_eq!(refused.status, Status::Unauthorized);
//! assert_eq!(refused.header("WWW-Authenticate"), Some("Basic realm=\"login\", charset=\"UTF-8\""));
//!
//! # use base64::Engine;
//! # use base64::engine::general_purpose::STANDARD;
//! app.user("ann@example.org").await;
//! let credentials = STANDARD.encode(format!("ann@example.org:{PASSWORD}"));
//! let header = Header::new("Authorization", format!("Basic {credentials}"));
//! let answer = app.browser().send(app.client().get("/feed").header(header)).await;
//! assert_eq!(answer.body, "News for ann@example.org");
//! # });
//! ```
//!
//! | setting `[default.security.basic]` | default |
//! |---|---|
//! | `realm` | `"login"` |
//!
//! - Routes, templates, mails: none.
//! - Guards: [`BasicUser`](crate::BasicUser), [`AuthVia<via::BasicAuth>`](crate::AuthVia), and every other
//!   guard if [`security.mechanisms`](crate::config::Config::mechanisms) contains `"basic"`.
//! - Events: `UserFailedAuthn`, `Throttled`.
//! - Refusals: `credentials_refused`, `conflicting_credentials`, `password_change_required`, `csrf_failed`,
//!   `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! # Details
//!
//! **The name** is what [`security.identity`](crate::config::Config::identity) allows: an email address, or a
//! username. Unknown names, wrong passwords, accounts that cannot be logged in to, and malformed headers get
//! the same answer: 401 with a challenge, as a page and as JSON.
//!
//! **Each request counts as a login.** The [limits](crate::flow::limits) on attempts from a network and on an
//! account apply, one hash is computed, and the hooks are called. If a hook requires a second factor, a user
//! who has one is not admitted by a password alone, and is answered as for a wrong password. No session
//! begins, no cookie is set, [`after_login`](crate::Hooks::after_login) is not called, and
//! `UserAuthenticated` is not sent.
//!
//! **Beside other credentials** that come before `"basic"` in `security.mechanisms`, such as a session, a
//! password under the name of the same user is not verified, and costs nothing. So a browser in which the
//! user once answered the prompt continues with its session. A password under another name is verified: a
//! wrong one is answered with 401, so that the browser asks again, and a right one with 400
//! `conflicting_credentials`.
//!
//! **Limits.** It suits programs that send a request now and then:
//!
//! - Each request costs a hash, about 40 ms of a core.
//! - A network has 100 requests in ten minutes, which it shares with logins. Beyond that the answer is 429.
//! - Of more than five requests at the same moment for one account some are answered with 429, because they
//!   count as guesses until their passwords are compared.
//! - The password is sent with each request: use it over https only.
//! - A browser that asked its user sends the password with every request, including forged ones, until it is
//!   closed: there is no logout. Unsafe requests therefore need the anti-forgery token, except for [JSON from
//!   a program](crate::web::csrf).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Request, async_trait};
use serde::{Deserialize, Serialize};

use crate::config::{Config, IdentityAttribute};
use crate::crypto::password::Password;
use crate::error::{Error, Result};
use crate::feature::{Feature, Installation};
use crate::flow::Flow;
use crate::flow::once::Admitted;
use crate::guard::mechanism::{BASIC, InstallMechanism, Mechanism};
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::user::{Email, Identity, User, Username};
use crate::web::Site;
use crate::web::visit::Visit;

/// The longest credentials, encoded: those of the longest address and the longest password need 1,708
/// bytes. Longer ones are not decoded.
const MAX_ENCODED: usize = 2_048;

/// The feature `basic`. Its settings are `[default.security.basic]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Basic {
    /// Sets the realm, which a browser may show when it asks for the password: printable ASCII without `"`
    /// and `\`. _Default:_ `"login"`.
    pub realm: String,
}

impl Default for Basic {
    fn default() -> Self {
        Self { realm: "login".to_owned() }
    }
}

impl<D> Feature<D> for Basic {
    const NAME: &'static str = "basic";

    fn check(&self, _config: &Config) -> Result<()> {
        let is_plain = |c: char| (' '..='~').contains(&c) && !['"', '\\'].contains(&c);
        if self.realm.chars().all(is_plain) {
            return Ok(());
        }
        Err(Error::config(
            "basic.realm",
            "contains a character that a header can't quote",
            "Use printable ASCII without \" and \\",
        ))
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.mechanism(self.clone());
        Ok(())
    }
}

#[async_trait]
impl Mechanism for Basic {
    fn name(&self) -> &'static str {
        BASIC
    }

    fn is_present(&self, request: &Request<'_>) -> bool {
        request.headers().get("Authorization").any(|header| encoded(header).is_some())
    }

    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
        let flow = request.rocket().state::<Flow>().ok_or(Rejection::Unavailable)?;
        let Outcome::Success(visit) = Visit::from_request(request).await else {
            return Err(Rejection::Unavailable);
        };
        let (identity, password) =
            credentials(request, visit.site().config()).ok_or(Rejection::CredentialsRefused)?;
        flow.admit_password(&visit, &identity, &password, BASIC).await
    }

    fn claims(&self, request: &Request<'_>, user: &User) -> bool {
        let config = request.rocket().state::<Site>().map(Site::config);
        let named = sent(request).zip(config);
        match named.and_then(|((name, _), config)| identity(&name, config)) {
            Some(Identity::Email(email)) => email == user.email,
            Some(Identity::Username(name)) => Some(name) == user.username,
            None => false,
        }
    }

    fn challenge(&self, _refused: Option<&Rejection>) -> Option<String> {
        Some(format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm))
    }

    fn is_asked_by_browsers(&self) -> bool {
        true
    }
}

/// Reads the identity and the password of a request.
fn credentials(request: &Request<'_>, config: &Config) -> Option<(Identity, Password)> {
    let (name, password) = sent(request)?;
    Some((identity(&name, config)?, Password::parse(&password).ok()?))
}

fn identity(name: &str, config: &Config) -> Option<Identity> {
    config.identity.iter().find_map(|attribute| match attribute {
        IdentityAttribute::Email => Email::parse(name).ok().map(Identity::Email),
        IdentityAttribute::Username => Username::parse(name).ok().map(Identity::Username),
    })
}

/// Returns the name and the password as they were sent, or `None` if the request has this header twice.
fn sent(request: &Request<'_>) -> Option<(String, Secret<String>)> {
    let mut headers = request.headers().get("Authorization");
    let (header, None) = (headers.next()?, headers.next()) else {
        return None;
    };
    decode(encoded(header)?)
}

/// Returns what follows the scheme `Basic`, which may be in any case (RFC 9110, section 11.1).
fn encoded(header: &str) -> Option<&str> {
    let (scheme, encoded) = header.split_once(' ').unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case("Basic").then(|| encoded.trim_matches(' '))
}

/// Decodes a name, which ends at the first colon, and the password after it: base64 with padding, UTF-8, no
/// control characters (RFC 7617, section 2).
fn decode(encoded: &str) -> Option<(String, Secret<String>)> {
    if encoded.len() > MAX_ENCODED {
        return None;
    }
    let bytes = Secret::new(STANDARD.decode(encoded).ok()?);
    let text = std::str::from_utf8(bytes.expose()).ok()?;
    if text.contains(|c: char| c.is_ascii_control()) {
        return None;
    }
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Secret::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use crate::config::Config;
    use crate::feature::Feature;
    use crate::features::basic::{Basic, decode, encoded};

    fn read(bytes: &[u8]) -> Option<(String, String)> {
        let (name, password) = decode(&STANDARD.encode(bytes))?;
        Some((name, password.expose().clone()))
    }

    #[test]
    fn a_name_ends_at_the_first_colon() {
        let both = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(read(b"ann:a:b"), both("ann", "a:b"));
        assert_eq!(read("ann:caf\u{e9}".as_bytes()), both("ann", "caf\u{e9}"));
        assert_eq!(read(b":"), both("", ""));
    }

    #[test]
    fn what_is_no_text_of_two_parts_is_nothing() {
        for bytes in [&b"ann"[..], b"ann:\0", b"ann:a\tb", b"ann:\x7f", b"ann:caf\xe9", b""] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
        for text in ["YW5uOnB3", "YW5uOnB3ZA==", "YW5uOnB3ZDE="] {
            assert!(decode(text).is_some(), "{text}");
        }
        for text in ["YW5uOnB3ZA", "YW5uOnB3ZA=", "YW5u OnB3", "YW5uOnB3ZB==", "ann:pw", "-_-_"] {
            assert!(decode(text).is_none(), "{text}");
        }
        assert!(decode(&STANDARD.encode([b':'; 1_600])).is_none());
    }

    #[test]
    fn the_scheme_is_a_word_in_any_case() {
        for header in ["Basic YTpi", "basic YTpi", "BASIC  YTpi "] {
            assert_eq!(encoded(header), Some("YTpi"), "{header}");
        }
        assert_eq!(encoded("Basic"), Some(""));
        for header in ["Bearer YTpi", "Basics YTpi", "Basic=YTpi", "", "YTpi"] {
            assert_eq!(encoded(header), None, "{header}");
        }
    }
    #[test]
    fn a_realm_that_no_header_can_quote_stops_the_launch() {
        let check = |realm: &str| {
            Feature::<()>::check(&Basic { realm: realm.to_owned() }, &Config::default())
        };
        assert!(check("the library").is_ok());
        for realm in ["the \"library\"", "a\\b", "caf\u{e9}", "a\r\nb"] {
            let fault = check(realm).unwrap_err().to_string();
            assert!(fault.starts_with("security.basic.realm: contains a character"), "{fault}");
            assert!(fault.contains("printable ASCII"), "{fault}");
        }
    }
}

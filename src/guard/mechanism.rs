//! Mechanisms: the ways to authenticate a request.
//!
//! | name | the request has | provided by | CSRF token |
//! |---|---|---|---|
//! | `session` | the cookie of a login | [`Security`](crate::Security) itself | yes |
//! | `basic` | a name and a password (RFC 7617) | the feature [`basic`] | yes |
//! | `token` | an access token | the feature [`tokens`] | if it is in a cookie |
//! | `ticket` | a ticket with the handshake of a WebSocket | the feature [`tickets`] | no |
//! | `personal_token` | a token that its user created for a program | the feature [`personal_tokens`] | no |
//!
//! A guard accepts those that [`security.mechanisms`](crate::config::Config::mechanisms) lists, or those that
//! the guard itself names. A personal token cannot be listed: it opens the routes whose
//! [`Scoped`](crate::Scoped) names its scopes. [`guide::authentication`](crate::guide::authentication)
//! describes what happens if a request has several.
//!
//! [`basic`]: crate::features::basic
//! [`tokens`]: crate::features::tokens
//! [`tickets`]: crate::features::tickets
//! [`personal_tokens`]: crate::features::personal_tokens
//!
//! # A custom mechanism
//!
//! Implement [`Mechanism`] to authenticate requests in another way. It finds the user, and asks
//! [`Flow`](crate::flow::Flow) to admit them: only `Flow` creates the [`Admitted`] that it has to return. A
//! feature adds the mechanism in [`Feature::install`](crate::Feature::install):
//!
//! ```
//! use rocket::http::{Header, Status};
//! use rocket::serde::{Deserialize, Serialize};
//! use rocket::{Request, async_trait, get, routes};
//! use rocket_security::feature::Installation;
//! use rocket_security::flow::Flow;
//! use rocket_security::flow::once::{Admitted, Bearer};
//! use rocket_security::guard::mechanism::{InstallMechanism, Mechanism};
//! use rocket_security::testing::TestApp;
//! use rocket_security::via::Via;
//! use rocket_security::{AuthVia, Feature, Rejection, Security, UserId};
//!
//! /// The header that this company's gateway adds to a request, and that no one else can add.
//! struct Badge;
//!
//! #[async_trait]
//! impl Mechanism for Badge {
//!     fn name(&self) -> &'static str {
//!         "badge"
//!     }
//!
//!     fn is_present(&self, request: &Request<'_>) -> bool {
//!         request.headers().contains("X-Badge")
//!     }
//!
//!     async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
//!         let flow = request.rocket().state::<Flow>().ok_or(Rejection::Unavailable)?;
//!         let id: Option<UserId> =
//!             request.headers().get_one("X-Badge").and_then(|badge| badge.parse().ok());
//!         let id = id.ok_or(Rejection::CredentialsRefused)?;
//!         let user = flow.store().find_user(id).await?.ok_or(Rejection::CredentialsRefused)?;
//!         let bearer = Bearer::new(user.epoch, self.name());
//!         flow.admit_bearer(request, user, bearer).await
//!     }
//! }
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! # #[serde(crate = "rocket::serde")]
//! struct Badges {}
//!
//! impl<D> Feature<D> for Badges {
//!     const NAME: &'static str = "badges";
//!
//!     fn install(&self, at: &mut Installation<'_, D>) -> rocket_security::Result<()> {
//!         at.mechanism(Badge);
//!         Ok(())
//!     }
//! }
//!
//! /// The mechanism as a type, for `AuthVia`.
//! struct ByBadge;
//!
//! impl Via for ByBadge {
//!     const NAME: &'static str = "badge";
//! }
//!
//! #[get("/gate")]
//! fn gate(user: AuthVia<ByBadge>) -> String {
//!     format!("Good morning, {}!", user.email)
//! }
//!
//! # rocket::async_test(async {
//! let security = Security::default().enable(Badges {});
//! let app = TestApp::launch(rocket::build().attach(security).mount("/", routes![gate])).await;
//! let ann = app.user("ann@example.org").await;
//! let request = app.client().get("/gate").header(Header::new("X-Badge", ann.id.to_string()));
//! assert_eq!(app.browser().send(request).await.body, "Good morning, ann@example.org!");
//! let forged = app.client().get("/gate").header(Header::new("X-Badge", "ann"));
//! assert_eq!(app.browser().send(forged).await.status, Status::Unauthorized);
//! # });
//! ```

use std::any::type_name;
use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, async_trait};

use crate::config::instead_of;
use crate::crypto::personal_token;
use crate::error::{Error, Faults, Result};
use crate::feature::Installation;
use crate::flow::once::Admitted;
use crate::rejection::{Lacking, Rejection, TokenFault};
use crate::user::User;
use crate::web::bearer;

/// The name of the session, which is always available as a mechanism.
pub const SESSION: &str = "session";

/// The name of the mechanism of the feature [`tokens`](crate::features::tokens). Without the feature, no
/// request has credentials for it.
pub const TOKEN: &str = "token";

/// The name of the mechanism of the feature [`basic`](crate::features::basic).
pub const BASIC: &str = "basic";

/// The name of the mechanism of the feature [`tickets`](crate::features::tickets). Without the feature, no
/// request has credentials for it.
pub const TICKET: &str = "ticket";

/// The name of the mechanism of the feature [`personal_tokens`](crate::features::personal_tokens). A personal
/// token allows only what its scopes say, so only guards that name this mechanism or a scope accept it.
pub const PERSONAL_TOKEN: &str = "personal_token";

/// A way to authenticate a request, other than its session.
///
/// Guards of the application may need more from the credentials than the user, such as the claims of a token.
/// Let [`authenticate`](Self::authenticate) put this into the [request-local cache](Request::local_cache), as
/// a type of its own.
#[async_trait]
pub trait Mechanism: Send + Sync + 'static {
    /// Returns the name, in snake case. It is used in `security.mechanisms`, [`Via`](crate::guard::via::Via)
    /// and [`AuthUser::mechanism`](crate::AuthUser::mechanism).
    fn name(&self) -> &'static str;

    /// Returns `true` if a request has credentials of this kind, valid or not. It does not verify them.
    ///
    /// If it returns `true`, the request does not count as a guest's, and the credentials must be valid,
    /// whatever else the request has. [`is_sent_unasked`](Self::is_sent_unasked) and [`claims`](Self::claims)
    /// make exceptions.
    fn is_present(&self, request: &Request<'_>) -> bool;

    /// Finds the user of a request with such credentials. It is called at most once for each request, however
    /// many guards ask.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] for any fault of the credentials, the rejection that [`Flow`]
    /// returns, or a rejection of its own. Nothing that a client sends may cause [`Rejection::Unavailable`].
    ///
    /// [`Flow`]: crate::flow::Flow
    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection>;

    /// Returns `true` if browsers send the credentials of this request by themselves, as they do cookies, and
    /// go on when the credentials are no longer valid. Invalid ones (401) then count only if the request has
    /// no others. _Default:_ `false`.
    fn is_sent_unasked(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// Returns `true` if the credentials name this user, without verifying them.
    ///
    /// Implement it for credentials that are costly to verify and that browsers send for a long time. It is
    /// called if earlier credentials in the order are valid and belong to this user. If it returns `true`,
    /// these are not verified. _Default:_ `false`.
    fn claims(&self, _request: &Request<'_>, _user: &User) -> bool {
        false
    }

    /// Returns `true` if an unsafe request needs the anti-forgery token, too, because a browser may add the
    /// credentials by itself. _Default:_ `true`.
    fn needs_csrf(&self, _request: &Request<'_>) -> bool {
        true
    }

    /// Returns the challenge for the header `WWW-Authenticate` of an answer with 401, for example `Bearer`.
    /// `refused` is the reason why the credentials were refused or do not suffice, or `None` if the request
    /// had none. _Default:_ `None`, no challenge.
    fn challenge(&self, _refused: Option<&Rejection>) -> Option<String> {
        None
    }

    /// Returns the challenge if the credentials are valid, but the proofs of their user are too old or have
    /// too few factors. _Default:_ the [`challenge`](Self::challenge) for that rejection.
    fn challenge_insufficient(&self, lacking: Lacking) -> Option<String> {
        self.challenge(Some(&lacking.rejection()))
    }

    /// Returns `true` if a browser answers the challenge by asking its user. It is then not redirected to the
    /// login page. _Default:_ `false`.
    fn is_asked_by_browsers(&self) -> bool {
        false
    }
}

/// Adds mechanisms in [`Feature::install`](crate::Feature::install).
pub trait InstallMechanism {
    /// Adds a mechanism, and replaces one with the same name.
    fn mechanism(&mut self, mechanism: impl Mechanism);
}

impl<D> InstallMechanism for Installation<'_, D> {
    fn mechanism(&mut self, mechanism: impl Mechanism) {
        self.offer::<Arc<dyn Mechanism>>(Arc::new(mechanism));
    }
}

/// The mechanisms of an application without the session, by name.
#[derive(Default)]
pub(crate) struct Mechanisms(Vec<Arc<dyn Mechanism>>);

impl Mechanisms {
    /// Takes the installed mechanisms. Of two with the same name, the later one stays.
    pub(crate) fn new(installed: Vec<Arc<dyn Mechanism>>) -> Self {
        let mut all: Vec<Arc<dyn Mechanism>> = Vec::new();
        for mechanism in installed {
            all.retain(|other| other.name() != mechanism.name());
            all.push(mechanism);
        }
        Self(all)
    }

    /// Returns the mechanism with this name, if a feature provides it.
    pub(super) fn find(&self, name: &str) -> Option<Arc<dyn Mechanism>> {
        self.0.iter().find(|mechanism| mechanism.name() == name).cloned()
    }

    /// Refuses names in `security.mechanisms` that no feature provides.
    ///
    /// # Errors
    ///
    /// Those of [`check_names`].
    pub(crate) fn check(&self, names: &[String]) -> Result<()> {
        let provided: Vec<_> = self.0.iter().map(|mechanism| mechanism.name()).collect();
        check_names(names, &provided)
    }
}

/// Refuses names that are not among the `provided` mechanisms.
///
/// # Errors
///
/// [`Error::Config`] for each of them, with what to do about it.
pub(crate) fn check_names(names: &[String], provided: &[&'static str]) -> Result<()> {
    // The default contains both, whether they are enabled or not.
    let optional = [TOKEN, TICKET];
    let mut known = vec![SESSION];
    known.extend(optional);
    let is_other = |name: &&&str| !optional.contains(*name) && **name != PERSONAL_TOKEN;
    known.extend(provided.iter().filter(is_other));
    let mut faults = Faults::default();
    for (index, name) in names.iter().enumerate() {
        let key = format!("mechanisms[{index}]");
        if !known.contains(&name.as_str()) {
            faults.push(refuse(&key, name, &known));
        } else if names.iter().take(index).any(|before| before == name) {
            faults.push(Error::config(key, format!("repeats \"{name}\""), "Remove it"));
        }
    }
    faults.finish()
}

fn refuse(key: &str, name: &str, known: &[&str]) -> Error {
    match name {
        BASIC => Error::config(
            key,
            "is \"basic\", but the feature basic is not enabled",
            "Enable `rocket_security::features::basic::Basic`, or remove the name",
        ),
        PERSONAL_TOKEN => Error::config(
            key,
            "is \"personal_token\", but such tokens are limited to their scopes",
            "Remove the name, and use the guard `Scoped` in the routes for such tokens",
        ),
        name => Error::config(
            key,
            format!("is \"{name}\", which no feature provides"),
            instead_of(name, known),
        ),
    }
}

/// Returns the rejection for a text that is not a PASETO token. If it is a whole personal token, the reason
/// is that this guard requires no scope. The store is not asked.
pub(super) fn tell_apart(request: &Request<'_>, why: Rejection) -> Rejection {
    if why != Rejection::TokenRefused(TokenFault::Malformed) {
        return why;
    }
    let personal = request.rocket().state::<Mechanisms>().and_then(|all| all.find(PERSONAL_TOKEN));
    let is_whole = |text: &str| {
        let (prefix, _) = text.rsplit_once('_').unwrap_or_default();
        personal_token::parse(prefix, text).is_some()
    };
    if personal.is_some_and(|it| it.is_present(request))
        && bearer::the_one_brought(request).is_ok_and(is_whole)
    {
        return Rejection::TokenRefused(TokenFault::Scoped);
    }
    why
}

/// Returns `true` if a mechanism that the guard `G` names is missing, and logs what to do.
pub(super) fn is_missing<G>(rocket: &Rocket<Ignite>, names: &[&str]) -> bool {
    let Some(mechanisms) = rocket.state::<Mechanisms>() else {
        return true;
    };
    let missing = |name: &&&str| **name != SESSION && mechanisms.find(name).is_none();
    let guard = type_name::<G>();
    for name in names.iter().filter(missing) {
        match *name {
            BASIC => log::error!(
                "a route uses {guard}: enable `rocket_security::features::basic::Basic`"
            ),
            TOKEN => log::error!(
                "a route uses {guard}: enable `rocket_security::features::tokens::Tokens`"
            ),
            TICKET => log::error!(
                "a route uses {guard}: enable `rocket_security::features::tickets::Tickets`"
            ),
            PERSONAL_TOKEN => log::error!(
                "a route uses {guard}: enable \
                 `rocket_security::features::personal_tokens::PersonalTokens`"
            ),
            name => log::error!(
                "a route uses {guard}: enable a feature that provides the mechanism \"{name}\""
            ),
        }
    }
    names.iter().any(|name| missing(&name))
}

//! Mechanisms: by what a request may say who it is from.
//!
//! | name | a request brings | provided by | CSRF token |
//! |---|---|---|---|
//! | `session` | the cookie of a login | [`Security`](crate::Security) itself | yes |
//! | `basic` | a name and a password (RFC 7617) | the feature [`basic`](crate::features::basic) | yes |
//! | `token` | a token | the feature [`tokens`](crate::features::tokens) | where it is in a cookie |
//! | `ticket` | a ticket, with the handshake of a WebSocket | the feature [`tickets`](crate::features::tickets) | no |
//! | `personal_token` | a token that its user made for a program | the feature [`personal_tokens`](crate::features::personal_tokens) | no |
//!
//! Which of them a guard takes is [`security.mechanisms`](crate::config::Config::mechanisms), or what
//! the guard itself says. A personal token is never among them: it opens what [`Scoped`](crate::Scoped) names. [`guide::guards`](crate::guide::guards) tells how they go together.
//!
//! # A mechanism of one's own
//!
//! A [`Mechanism`] finds out who a request is from, and ends in [`Flow`](crate::flow::Flow), which
//! alone makes the [`Admitted`] that it answers with. A feature adds it in
//! [`Feature::install`](crate::Feature::install):
//!
//! ```
//! # use rocket::Request;
//! # use rocket::async_trait;
//! # use rocket::get;
//! # use rocket::http::Header;
//! # use rocket::http::Status;
//! # use rocket::routes;
//! # use rocket::serde::Deserialize;
//! # use rocket::serde::Serialize;
//! # use rocket_security::testing::TestApp;
//! use rocket_security::AuthVia;
//! use rocket_security::Feature;
//! use rocket_security::Rejection;
//! use rocket_security::Security;
//! use rocket_security::UserId;
//! use rocket_security::flow::Flow;
//! use rocket_security::flow::once::Admitted;
//! use rocket_security::flow::once::Bearer;
//! use rocket_security::feature::Installation;
//! use rocket_security::guard::mechanism::InstallMechanism;
//! use rocket_security::guard::mechanism::Mechanism;
//! use rocket_security::via::Via;
//!
//! /// What the gate of this company puts on a request, beyond the reach of others.
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
//! /// The same for a signature.
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

/// The name of the mechanism that is always there.
pub const SESSION: &str = "session";

/// The name of the mechanism of the feature [`tokens`](crate::features::tokens): where nothing provides it, no request is ever
/// found to bring one.
pub const TOKEN: &str = "token";

/// The name of the mechanism of the feature `basic`.
pub const BASIC: &str = "basic";

/// The name of the mechanism of the feature [`tickets`](crate::features::tickets): where nothing provides it, no
/// request is ever found to bring one.
pub const TICKET: &str = "ticket";

/// The name of the mechanism of the feature [`personal_tokens`](crate::features::personal_tokens). Its
/// bearers may do what their scopes say and nothing else, so that no guard takes it but those that name it
/// or a scope.
pub const PERSONAL_TOKEN: &str = "personal_token";

/// A way to find out who a request is from, other than its session.
///
/// What guards of its own want to have of the credentials, such as the claims of a token,
/// [`authenticate`](Self::authenticate) puts into the [request-local cache](Request::local_cache), as a
/// type of its own.
#[async_trait]
pub trait Mechanism: Send + Sync + 'static {
    /// Returns its name, in snake case: for `security.mechanisms`, [`Via`](crate::guard::via::Via) and
    /// [`AuthUser::mechanism`](crate::AuthUser::mechanism).
    fn name(&self) -> &'static str;

    /// Returns `true` if a request brings credentials of this kind, good or bad, by a look at its headers.
    /// If so, they must be valid, whatever else the request brings (but see
    /// [`is_sent_unasked`](Self::is_sent_unasked) and [`claims`](Self::claims)), and the request is not treated
    /// as a guest's.
    fn is_present(&self, request: &Request<'_>) -> bool;

    /// Finds out who a request is from that brings such credentials. Called once a request at most,
    /// however many guards ask.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] for whatever is wrong with them, what [`Flow`] failed with,
    /// or a refusal of its own. What a client sends must not become
    /// [`Rejection::Unavailable`].
    ///
    /// [`Flow`]: crate::flow::Flow
    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection>;

    /// Returns `true` if browsers send the credentials of this request by themselves, as they do cookies, and keep
    /// sending them when they are no longer valid. Invalid ones (401) then count only if there is nothing else. _Default:_ no.
    fn is_sent_unasked(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// Returns `true` if the credentials say that they are this user's, without finding out whether they are
    /// good. For what is costly to verify and sent by browsers for ever: it is asked where other credentials,
    /// earlier in the order, are good and this user's, and those that say so are not verified then.
    /// _Default:_ no.
    fn claims(&self, _request: &Request<'_>, _user: &User) -> bool {
        false
    }

    /// Returns `true` if an unsafe request has to bring the anti-forgery token, too: yes, where a browser
    /// may add the credentials by itself. _Default:_ yes.
    fn needs_csrf(&self, _request: &Request<'_>) -> bool {
        true
    }

    /// Returns what an answer of 401 says of it in `WWW-Authenticate`, for example `Bearer`. `refused`
    /// is why its credentials were refused, or not enough; none when the request brought none.
    /// _Default:_ nothing.
    fn challenge(&self, _refused: Option<&Rejection>) -> Option<String> {
        None
    }

    /// Returns the same where the credentials are good and what their user proved does not suffice: it is
    /// too old, or of too few factors. _Default:_ what [`challenge`](Self::challenge) says to the refusal.
    fn challenge_insufficient(&self, lacking: Lacking) -> Option<String> {
        self.challenge(Some(&lacking.rejection()))
    }

    /// Returns `true` if a browser answers the challenge by asking its user; it is not led to the login
    /// page then. _Default:_ no.
    fn is_asked_by_browsers(&self) -> bool {
        false
    }
}

/// Adds mechanisms in [`Feature::install`](crate::Feature::install).
pub trait InstallMechanism {
    /// Adds a mechanism, in place of one of the same name.
    fn mechanism(&mut self, mechanism: impl Mechanism);
}

impl<D> InstallMechanism for Installation<'_, D> {
    fn mechanism(&mut self, mechanism: impl Mechanism) {
        self.offer::<Arc<dyn Mechanism>>(Arc::new(mechanism));
    }
}

/// The mechanisms of an application but the session, by name.
#[derive(Default)]
pub(crate) struct Mechanisms(Vec<Arc<dyn Mechanism>>);

impl Mechanisms {
    /// Takes those that were installed; of two of one name, the later.
    pub(crate) fn new(installed: Vec<Arc<dyn Mechanism>>) -> Self {
        let mut all: Vec<Arc<dyn Mechanism>> = Vec::new();
        for mechanism in installed {
            all.retain(|other| other.name() != mechanism.name());
            all.push(mechanism);
        }
        Self(all)
    }

    /// Returns the mechanism of that name, if a feature provides it.
    pub(super) fn find(&self, name: &str) -> Option<Arc<dyn Mechanism>> {
        self.0.iter().find(|mechanism| mechanism.name() == name).cloned()
    }

    /// Refuses names in `security.mechanisms` that nothing provides.
    ///
    /// # Errors
    ///
    /// As for [`check_names`].
    pub(crate) fn check(&self, names: &[String]) -> Result<()> {
        let provided: Vec<_> = self.0.iter().map(|mechanism| mechanism.name()).collect();
        check_names(names, &provided)
    }
}

/// Refuses names that are not among the mechanisms that are `provided`.
///
/// # Errors
///
/// [`Error::Config`] for each of them, with the cure.
pub(crate) fn check_names(names: &[String], provided: &[&'static str]) -> Result<()> {
    // The default names both, whether they are enabled or not.
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

/// Says why a text that is no token of the one kind is refused: a personal token, where there are such, is for
/// other guards. The store is not asked.
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

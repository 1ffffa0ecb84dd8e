//! Lets users log in with an email address or a username, and a password.
//!
//! It is on by default; `Security::default().disable::<Login>()` switches it off. The user sees a form at
//! `/login`, is sent there by every page that requires a login, and returns to that page afterwards. Programs
//! send JSON to the same route.
//!
//! ```
//! use rocket::{get, routes};
//! use rocket_security::testing::{PASSWORD, TestApp};
//! use rocket_security::{AuthUser, Security};
//!
//! #[get("/me")]
//! fn me(user: AuthUser) -> String {
//!     format!("Hello, {}!", user.email)
//! }
//!
//! # rocket::async_test(async {
//! let rocket = rocket::build().attach(Security::fairing()).mount("/", routes![me]);
//! let app = TestApp::launch(rocket).await;
//! app.user("ann@example.org").await;
//! let browser = app.browser();
//! assert!(browser.get("/me").await.location().starts_with("/login"));
//! browser.log_in("ann@example.org", PASSWORD).await;
//! assert_eq!(browser.get("/me").await.body, "Hello, ann@example.org!");
//! # });
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /login` | the form; logged in: 303 to `next` or `post_login_view` | 200 `identity_attributes`, `csrf_token`, and `user` when logged in: asks who the user is |
//! | `POST /login` `email`, `username` or `identity`, `password`, `remember`, `next` | 303 to `next` or `post_login_view`, also for a user who is already logged in | 200 `user`, `csrf_token`, `tf_required`; logged in: 400 `already_authenticated` |
//!
//! | setting `[default.security.login]` | default |
//! |---|---|
//! | `post_login_view` | `"/"` |
//!
//! - Templates: `security/login.html`.
//! - Mails: `password_disabled`, as every feature that takes passwords.
//! - Events: `UserAuthenticated`, `UserFailedAuthn`, `PasswordDisabled`, `Throttled`.
//! - Refusals: `invalid_input`, `invalid_credentials`, `already_authenticated`, `csrf_failed`, `cross_site`,
//!   `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! POST /login {"email": "ann@example.org", "password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"user": {"id": "…", "email": "ann@example.org", "roles": []}, "csrf_token": "…", "tf_required": false}}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…", "tf_required": true, "tf_state": "ready", "tf_method": "totp", "tf_primary_method": "totp"}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"": ["…"]}, "reasons": ["invalid_credentials"]}}
//! ```
//!
//! # Details
//!
//! **Identity.** `security.identity` sets what users log in with. With the default `["email"]` there is only
//! the field `email`. With `"username"` in the list there are also `username`, and `identity`, which accepts
//! either. The page has one field, and a program fills in one of the three. `identity_attributes` lists what
//! is configured, in its order.
//!
//! **Remembered browsers.** With the feature [`remember`](crate::features::remember) the page has a box
//! "Remember me". A user who ticks it, or a program that sends `remember`, does not have to log in again in
//! this browser for a while. Without the feature `remember` is accepted and ignored.
//!
//! **Tokens.** With the feature [`tokens`](crate::features::tokens), `POST /login?include_auth_token` returns
//! an access token to a program as `user.authentication_token`, and a refresh token. Without the feature the
//! parameter is ignored.
//!
//! **Wrong passwords.** After 100 wrong passwords in a row a password is [disabled](crate::flow::limits)
//! until it is changed, and its owner is told by mail. Networks from which the user logged in lately, and
//! browsers in which the user is logged in, have their own counts, so that strangers cannot lock out an owner
//! at home.
//!
//! **Refused logins.** An unknown address or username, a wrong password, and the right password of an account
//! that is unconfirmed or switched off get the same answer, after the same work. The reasoning is in
//! SECURITY.md.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::config::IdentityAttribute;
use crate::crypto::password::Password;
use crate::feature::Feature;
use crate::flow::Flow;
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::template::{Embedded, page};
use crate::web::identity::{IdentityFields, page_field};
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Flag, Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `login`. Its settings are `[default.security.login]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Login {
    /// Sets where to go after logging in, if the request has no `next`. _Default:_ `"/"`.
    pub post_login_view: View,
}

impl Default for Login {
    fn default() -> Self {
        Self { post_login_view: View::home() }
    }
}

const PAGE: Embedded = page!("login");

const TEMPLATES: &[Embedded] = &[PAGE];

impl<D> Feature<D> for Login {
    const NAME: &'static str = "login";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("login", "/login".to_owned()), ("home", self.post_login_view.to_string())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }
}

/// What is submitted to `/login`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LoginForm {
    email: Option<String>,
    username: Option<String>,
    /// Either an email address or a username.
    identity: Option<String>,
    password: Secret<String>,
    /// Whether to remember this browser, if the feature `remember` is enabled.
    remember: Flag,
    next: Option<String>,
}

impl Form for LoginForm {
    const SECRET: &'static [&'static str] = &["password"];

    fn has(field: &str, known: &[IdentityAttribute]) -> bool {
        IdentityFields::has(field, known)
    }
}

#[get("/login?<next>")]
async fn show(visit: Visit<'_>, flow: &State<Flow>, next: Option<&str>) -> HandlerResult {
    let next = next.and_then(|next| visit.next(next));
    if let Some(page) = flow.page_to_return_by(&visit).await? {
        return Ok(Reply::redirect(next.map_or(page.clone(), |next| page.with_next(&next))));
    }
    let reply = match visit.user() {
        // JSON answers who the user is. A browser is redirected: this user has no use for the page.
        Some(user) => {
            let next = next.unwrap_or_else(|| home(&visit));
            Reply::redirect(next).with("user", visit.site().payload(user).await?)
        }
        None => {
            let preset = visit.site().sessions().offers_remembering();
            Reply::page(page(&visit, next.as_ref()).with("remember_preset", preset))
        }
    };
    Ok(reply.with("identity_attributes", &visit.site().config().identity))
}

#[post("/login?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    next: Option<&str>,
    submitted: Submission<LoginForm>,
) -> HandlerResult {
    let next = submitted.next(&visit, next);
    visit.anonymous_only(next.as_ref())?;
    let page = page(&visit, next.as_ref()).typed(submitted.typed());
    log_in(&visit, flow, submitted, next).await.map_err(|rejection| page.refuse(rejection))
}

async fn log_in(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<LoginForm>,
    next: Option<Next>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    let mut errors = FieldErrors::new();
    let named = IdentityFields {
        email: form.email.as_deref(),
        username: form.username.as_deref(),
        identity: form.identity.as_deref(),
    };
    let identity = named.read(&visit.site().config().identity, &mut errors)?;
    let password = errors.take("password", Password::parse(&form.password));
    let (Some(identity), Some(password)) = (identity, password) else {
        return Err(errors.into());
    };
    let entry = flow.authenticate_password(visit, &identity, &password).await?;
    flow.finish(visit, entry.remembering(form.remember.0).leading_to(next)).await
}

fn page(visit: &Visit<'_>, next: Option<&Next>) -> Page {
    Page::new(PAGE.0)
        .with("next", next)
        .with("remember", visit.site().sessions().offers_remembering().is_some())
        .with("identity_field", page_field(&visit.site().config().identity))
}

fn home(visit: &Visit<'_>) -> Next {
    visit.site().url("home").unwrap_or_else(Next::home)
}

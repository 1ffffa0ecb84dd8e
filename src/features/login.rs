//! Logging in with an e-mail address and a password.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /login` | the form; logged in: 303 to `post_login_view` | who am I: `identity_attributes`, `csrf_token`, and `user` when logged in |
//! | `POST /login` `email`, `password`, `remember`, `next` | 303 to `next` or `post_login_view` | 200 `user`, `csrf_token`, `tf_required` |
//!
//! | setting `[default.security.login]` | default |
//! |---|---|
//! | `post_login_view` | `"/"` |
//!
//! Templates: `security/login.html`. Events: `UserAuthenticated`, `UserFailedAuthn`, `Throttled`.
//! Refusals: `invalid_input`, `invalid_credentials`, `already_authenticated`, `csrf_failed`,
//! `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! The answer to an unknown address, a wrong password, and the right password of an account that
//! is unconfirmed or switched off is the same, and so is the work behind it.

use rocket::Route;
use rocket::State;
use rocket::get;
use rocket::post;
use rocket::routes;
use serde::Deserialize;
use serde::Serialize;

use crate::crypto::password::Password;
use crate::feature::Feature;
use crate::flow::Entry;
use crate::flow::Flow;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::template::Embedded;
use crate::user::Email;
use crate::user::Identity;
use crate::user::UserPayload;
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::Answer;
use crate::web::reply::Reply;
use crate::web::submission::Flag;
use crate::web::submission::Form;
use crate::web::submission::Submission;
use crate::web::visit::Visit;

/// The feature `login`; its value is `[default.security.login]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Login {
    /// Where to go after logging in, when `next` does not say. _Default:_ `"/"`.
    pub post_login_view: Next,
}

impl Default for Login {
    fn default() -> Self {
        Self { post_login_view: Next::home() }
    }
}

const PAGE: Embedded = ("security/login.html", include_str!("../../templates/security/login.html"));

impl<D> Feature<D> for Login {
    const NAME: &'static str = "login";
    const TEMPLATES: &'static [Embedded] = &[PAGE];

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
    email: String,
    password: Secret<String>,
    /// In the contract, and without effect until there is a feature that remembers.
    #[allow(dead_code, reason = "accepted and ignored")]
    remember: Flag,
    next: Option<String>,
}

impl Form for LoginForm {
    const SECRET: &'static [&'static str] = &["password"];
}

#[get("/login?<next>")]
fn show(visit: Visit<'_>, next: Option<&str>) -> Reply {
    let reply = match visit.user() {
        // In JSON this is "who am I"; a page is of no use to whoever is in already.
        Some(user) => Reply::redirect(home(&visit)).with("user", UserPayload::from(user)),
        None => Reply::page(page(next)),
    };
    reply.with("identity_attributes", ["email"])
}

#[post("/login?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    next: Option<&str>,
    submitted: Submission<LoginForm>,
) -> Answer {
    visit.anonymous_only()?;
    let typed = submitted.typed();
    let next = typed.get("next").map(String::as_str).or(next);
    let page = page(next).typed(typed.clone());
    let next = next.and_then(Next::parse);
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
    let email = errors.take("email", "email_invalid", Email::parse(&form.email));
    let password = errors.take("password", "password_invalid", Password::parse(&form.password));
    let (Some(email), Some(password)) = (email, password) else {
        return Err(errors.into());
    };
    let identity = Identity::Email(email);
    match flow.authenticate_password(visit, &identity, &password).await? {
        Entry::Open(authenticated) => {
            let user = flow.log_in(visit, authenticated).await?;
            Ok(Reply::redirect(next.unwrap_or_else(|| home(visit)))
                .with("user", UserPayload::from(&user))
                .with("tf_required", false))
        }
        Entry::Diverted { page } => {
            let elsewhere = visit.url(page).ok_or(Rejection::Unavailable)?;
            Ok(Reply::redirect(elsewhere).with("tf_required", true))
        }
    }
}

fn page(next: Option<&str>) -> Page {
    Page::new(PAGE.0).with("next", next.and_then(Next::parse)).with("remember", false)
}

fn home(visit: &Visit<'_>) -> Next {
    visit.url("home").unwrap_or_else(Next::home)
}

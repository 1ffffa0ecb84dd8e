//! Asks logged-in users to prove again that it is still them, before something sensitive.
//!
//! It is on by default; `Security::default().disable::<Verify>()` switches it off. A user who opens a page
//! that requires a fresh login, long after logging in, sees a form for the password at `/verify`, and is then
//! redirected back. Your own routes require a fresh login with the guard [`Fresh`](crate::guard::Fresh):
//!
//! ```
//! use rocket::{get, routes};
//! use rocket_security::{Fresh, Security};
//!
//! #[get("/payout")]
//! fn payout(user: Fresh<5>) -> String {
//!     format!("{} proved within the last 5 minutes who they are.", user.email)
//! }
//!
//! let rocket = rocket::build().attach(Security::fairing()).mount("/", routes![payout]);
//! # drop(rocket);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /verify` `next`, `acr_values` | the form, and links to the pages of other factors | 200 `factors`, `has_webauthn_verify_credential`, `oauth_enabled`, `oauth_providers`, `user`, `csrf_token` |
//! | `POST /verify` `password`, `next` | 303 to `next` or `post_verify_view` | 200 `user`, `csrf_token` |
//!
//! | setting `[default.security.verify]` | default |
//! |---|---|
//! | `post_verify_view` | the home page |
//!
//! - Templates: `security/verify.html`.
//! - Mails: none.
//! - Events: `UserVerified`, `UserFailedAuthn`.
//! - Refusals: `unauthenticated`, `password_change_required`, `invalid_input` (`invalid_password`),
//!   `csrf_failed`, `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! GET /change-email, long after the login
//!   401 {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["reauth_required"], "reauth_required": true}}
//! POST /verify {"password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"user": {…}, "csrf_token": "…"}}
//! ```
//!
//! # Details
//!
//! **Who is redirected here.** Requests for a page that requires a fresh login, by the guard `Fresh` or
//! because the page changes credentials, are redirected here and back.
//!
//! **Forms.** Fields that the user filled in before the redirect are filled in again afterwards, except for
//! secrets. This works on the pages of the features, and on your own page if it is a [`Page`] at the path of
//! the form, as `form`. On your own page the guard refuses the request before a handler could say which
//! fields are secret. So no field is kept whose name contains `password`, `secret`, `token`, `code` or `pin`,
//! and nothing of a form beyond 512 bytes.
//!
//! **The session.** A successful proof begins a new session with another id in place of the old one (ASVS
//! 5.0, 7.2.4).
//!
//! **Tokens.** `?include_auth_token` returns a new [access token](crate::features::tokens) to a program,
//! because the access token of the old session ended with it.
//!
//! **Other factors.** The password is one way to prove it. The page also links to the
//! [factors](crate::feature::Factor) that the user has set up. They are the only way for a user without a
//! password, and on a page that requires [two factors](crate::Assured) of a user who already proved the
//! password.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::feature::{Factors, Feature};
use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::session::Active;
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::user::{Level, Method, Proof};
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `verify`. Its settings are `[default.security.verify]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Verify {
    /// Sets where to go afterwards, if the request has no `next`. _Default:_ the home page.
    pub post_verify_view: Option<View>,
}

const PAGE: Embedded = page!("verify");

impl<D> Feature<D> for Verify {
    const NAME: &'static str = "verify";
    const TEMPLATES: &'static [Embedded] = &[PAGE];

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_verify_view.as_ref().map_or("/", View::as_str);
        vec![("verify", "/verify".to_owned()), ("after_verify", next.to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }
}

/// What is submitted to `/verify`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct VerifyForm {
    password: Secret<String>,
    next: Option<String>,
}

impl Form for VerifyForm {
    const SECRET: &'static [&'static str] = &["password"];
}

#[get("/verify?<next>&<acr_values>")]
async fn show(
    visit: Visit<'_>,
    flow: &State<Flow>,
    factors: &State<Factors>,
    next: Option<&str>,
    acr_values: Option<&str>,
) -> HandlerResult {
    let active = flow.require_user(&visit).await?;
    let next = next.and_then(|next| visit.next(next));
    let offered = offered(&visit, flow, factors, active, next.as_ref(), acr_values).await?;
    Ok(Reply::page(page(next.as_ref(), &offered))
        .with("factors", &offered.factors)
        .with("user", visit.site().payload(&active.user).await?)
        .with("has_webauthn_verify_credential", false)
        .with("oauth_enabled", false)
        .with("oauth_providers", Vec::<String>::new()))
}

#[post("/verify?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    factors: &State<Factors>,
    next: Option<&str>,
    submitted: Submission<VerifyForm>,
) -> HandlerResult {
    let active = flow.require_user(&visit).await?;
    let next = submitted.next(&visit, next);
    let page =
        page(next.as_ref(), &offered(&visit, flow, factors, active, next.as_ref(), None).await?);
    verify(&visit, flow, submitted, next).await.map_err(|rejection| page.refuse(rejection))
}

async fn verify(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<VerifyForm>,
    next: Option<Next>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    let active = flow.require_user(visit).await?;
    flow.check_own_password(visit, &active.user, &form.password).await?;
    let proof = Proof::new(Method::Password, visit.now());
    flow.step_up(visit, active, proof).await?;
    flow.stepped_up(visit, &active.user, next).await
}

/// By what a user can prove who they are.
struct Offered {
    /// Whether the password is asked for.
    takes_password: bool,
    /// Whether a second factor is required.
    needs_two: bool,
    factors: Vec<OfferedFactor>,
}

/// A factor that a user has set up.
#[derive(Serialize)]
struct OfferedFactor {
    method: String,
    label: Text,
    url: Next,
}

async fn offered(
    visit: &Visit<'_>,
    flow: &Flow,
    factors: &Factors,
    active: &Active,
    next: Option<&Next>,
    acr_values: Option<&str>,
) -> Result<Offered, Rejection> {
    let mut found = Vec::new();
    for factor in factors.of(&active.user).await? {
        let page = visit.site().url(factor.page()).ok_or(Rejection::Unavailable)?;
        let url = next.map_or(page.clone(), |next| page.with_next(next));
        let method = factor.method().authn_via().to_owned();
        found.push(OfferedFactor { method, label: factor.label(), url });
    }
    let password = Proof::new(Method::Password, visit.now());
    let needs_two = acr_values == Some(Level::Two.acr());
    let is_enough = !needs_two || active.record.proofs.clone().and(password).level() == Level::Two;
    let takes_password = is_enough && flow.has_password(&active.user).await?;
    Ok(Offered { takes_password, needs_two, factors: found })
}

fn page(next: Option<&Next>, offered: &Offered) -> Page {
    Page::new(PAGE.0)
        .with("next", next)
        .with("takes_password", offered.takes_password)
        .with("needs_two", offered.needs_two)
        .with("factors", &offered.factors)
}

//! Proving that it is still you.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /verify` | the form | 200 `has_webauthn_verify_credential`, `oauth_enabled`, `oauth_providers`, `user`, `csrf_token` |
//! | `POST /verify` `password`, `next` | 303 to `next` or `post_verify_view` | 200 `user`, `csrf_token` |
//!
//! | setting `[default.security.verify]` | default |
//! |---|---|
//! | `post_verify_view` | the home page |
//!
//! Templates: `security/verify.html`. Events: `UserVerified`, `UserFailedAuthn`. Refusals:
//! `unauthenticated`, `password_change_required`, `invalid_input` (`invalid_password`), `csrf_failed`,
//! `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! GET /change-email, long after the login
//!   401 {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["reauth_required"], "reauth_required": true}}
//! POST /verify {"password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"user": {…}, "csrf_token": "…"}}
//! ```
//!
//! Whoever comes to a page that asks for it, by the guard [`Fresh`](crate::guard::Fresh) or because it
//! changes credentials, is led here and back. What was typed into a form meanwhile stands there again,
//! but for secrets: on our pages, and on a page of the application's own that is a
//! [`Page`] at the path of the form, as `form`. There the guard refuses before a
//! handler could say what is a secret; so no field is kept whose name has `password`, `secret`, `token`,
//! `code` or `pin` in it, and nothing of a form beyond 512 bytes. Proving it begins a new session in place of the old one: the id is another
//! (ASVS 5.0, 7.2.4), and a thief's is of no use.
//!
//! `?include_auth_token` gives a program another [access token](crate::features::tokens): that of the old
//! session ended with it.
//!
//! A second factor is not asked for again: whoever is logged in has passed it.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::feature::Feature;
use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::template::Embedded;
use crate::user::{Method, Proof};
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::{Answer, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `verify`; its value is `[default.security.verify]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Verify {
    /// Where to go afterwards, when `next` does not say. _Default:_ the home page.
    pub post_verify_view: Option<View>,
}

const PAGE: Embedded =
    ("security/verify.html", include_str!("../../templates/security/verify.html"));

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

#[get("/verify?<next>")]
async fn show(visit: Visit<'_>, flow: &State<Flow>, next: Option<&str>) -> Answer {
    let active = flow.require_user(&visit).await?;
    let next = next.and_then(|next| visit.next(next));
    Ok(Reply::page(page(next.as_ref()))
        .with("user", visit.payload(&active.user).await?)
        .with("has_webauthn_verify_credential", false)
        .with("oauth_enabled", false)
        .with("oauth_providers", Vec::<String>::new()))
}

#[post("/verify?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    next: Option<&str>,
    submitted: Submission<VerifyForm>,
) -> Answer {
    flow.require_user(&visit).await?;
    let next = submitted.next(&visit, next);
    let page = page(next.as_ref());
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
    let proof = Proof::new(Method::Password, visit.clock().now());
    flow.step_up(visit, active, proof).await?;
    flow.stepped_up(visit, active, next).await
}

fn page(next: Option<&Next>) -> Page {
    Page::new(PAGE.0).with("next", next)
}

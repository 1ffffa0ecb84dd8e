//! Logging out.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /logout` | a page with one button; changes nothing | 200 `csrf_token` |
//! | `POST /logout` | 303 to `post_logout_view` | 200, an empty `response` |
//!
//! | setting `[default.security.logout]` | default |
//! |---|---|
//! | `post_logout_view` | `"/"` |
//!
//! Templates: `security/logout.html`, and the partial `security/_logout.html` for the pages of an
//! application. Events: `UserLoggedOut`. Refusals: `csrf_failed`, `cross_site`, `unavailable`.
//!
//! ```text
//! POST /logout, with the header X-XSRF-Token
//!   200 {"meta": {"code": 200}, "response": {}}
//! ```
//!
//! The session's row is deleted, the cookie removed, and the browser told to drop what it cached and stored
//! (ASVS 5.0, 14.3.1); one that was remembered is no longer. Logging out twice is no mistake.
//!
//! The programs that logged in with the browser, by `/login?include_auth_token`, are logged out with it: also
//! when its session was over already because nobody used it, as long as its row is there and the browser has
//! its id. For that the anti-forgery token of the session that is over is taken. Once the row is deleted, or
//! another page has told the browser that its session is over, nothing tells any more which programs were the
//! browser's, unless it is remembered: they go on until they are logged out by their `refresh_token`, here or
//! at `/refresh-token/end`, or at [`/tokens`](crate::features::tokens), or have been idle for too long.
//!
//! A `refresh_token` that is not accepted for now, as by a clock that is behind, is 401: the session is over
//! then, and the program may live on.

use rocket::Response;
use rocket::Route;
use rocket::State;
use rocket::get;
use rocket::post;
use rocket::response::Responder;
use rocket::routes;
use serde::Deserialize;
use serde::Serialize;

use crate::feature::Feature;
use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::template::Embedded;
use crate::web::next::Next;
use crate::web::page::Notice;
use crate::web::page::Page;
use crate::web::reply::Refused;
use crate::web::reply::Reply;
use crate::web::submission::Form;
use crate::web::submission::Submission;
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `logout`; its value is `[default.security.logout]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Logout {
    /// Where to go after logging out. _Default:_ `"/"`.
    pub post_logout_view: View,
}

impl Default for Logout {
    fn default() -> Self {
        Self { post_logout_view: View::home() }
    }
}

const PAGE: Embedded =
    ("security/logout.html", include_str!("../../templates/security/logout.html"));

const LOGGED_OUT: Notice = Notice::success("You are logged out.");

impl<D> Feature<D> for Logout {
    const NAME: &'static str = "logout";
    const TEMPLATES: &'static [Embedded] = &[PAGE];

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("logout", "/logout".to_owned()), ("after_logout", self.post_logout_view.to_string())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }
}

/// What is submitted to `/logout`: nothing that is needed.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LogoutForm {
    /// That of a program, which is logged out with it; without the feature `tokens` it is ignored.
    refresh_token: Option<Secret<String>>,
}

impl Form for LogoutForm {
    const SECRET: &'static [&'static str] = &["refresh_token"];
    const OUTLIVES_SESSION: bool = true;
}

#[get("/logout")]
fn show(_visit: Visit<'_>) -> Reply {
    Reply::page(Page::new(PAGE.0))
}

#[post("/logout", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    submitted: Submission<LogoutForm>,
) -> Result<LoggedOut, Refused> {
    log_out(&visit, flow, submitted).await.map_err(|it| Page::new(PAGE.0).refuse(it))
}

async fn log_out(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<LogoutForm>,
) -> Result<LoggedOut, Rejection> {
    let form = submitted.read()?;
    let of_program = match form.refresh_token {
        Some(token) => flow.log_out_program(visit, token.expose()).await,
        None => Ok(()),
    };
    flow.log_out(visit).await?;
    // The session is over in any case; that a program may live on is said nevertheless.
    of_program?;
    let next = visit.url("after_logout").unwrap_or_else(Next::home);
    Ok(LoggedOut(Reply::redirect(next).without_csrf_token().notice(LOGGED_OUT)))
}

/// A reply that has the browser drop what belonged to the session.
struct LoggedOut(Reply);

impl<'r> Responder<'r, 'static> for LoggedOut {
    fn respond_to(self, request: &'r rocket::Request<'_>) -> rocket::response::Result<'static> {
        Response::build_from(self.0.respond_to(request)?)
            .raw_header("Clear-Site-Data", "\"cache\", \"storage\"")
            .ok()
    }
}

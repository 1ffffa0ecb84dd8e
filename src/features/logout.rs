//! Logs users out, and the programs that logged in with their browser.
//!
//! It is on by default; `Security::default().disable::<Logout>()` switches it off. The user sees a page with
//! one button at `/logout`, and is redirected to the home page afterwards. The pages of an application show
//! the same button if their template includes `security/_logout.html`.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::features::logout::Logout;
//! use rocket_security::web::view::View;
//!
//! let mut logout = Logout::default();
//! logout.post_logout_view = View::parse("/goodbye").unwrap();
//! let security = Security::default().enable(logout);
//! # drop(security);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /logout` | a page with one button; changes nothing | 200 `csrf_token` |
//! | `POST /logout` `next`, `refresh_token` | 303 to `next`, or to `post_logout_view` | 200, an empty `response` |
//!
//! | setting `[default.security.logout]` | default |
//! |---|---|
//! | `post_logout_view` | `"/"` |
//! | `clear_cache` | `false` |
//!
//! - Templates: `security/logout.html`, and the partial `security/_logout.html` for the pages of an
//!   application.
//! - Mails: none.
//! - Events: `UserLoggedOut`; for a program `RefreshTrackerRevoked`, `SessionEnded` or `TokenDenied`.
//! - Refusals: `csrf_failed`, `cross_site`, `conflicting_credentials`, those of a token, `unavailable`.
//!
//! ```text
//! POST /logout, with the header X-XSRF-Token
//!   200 {"meta": {"code": 200}, "response": {}}
//! ```
//!
//! # Details
//!
//! **The browser.** The session's row is deleted and its cookie is removed. The header `Clear-Site-Data`
//! tells the browser to delete what scripts stored (ASVS 5.0, 14.3.1), and with `clear_cache` also what it
//! cached. A browser that was remembered is no longer remembered. Logging out twice is not an error.
//!
//! **Where to go.** `next`, in the query or as a field, is a path on this site, or a page at one of
//! [`security.redirect_origins`](crate::Config::redirect_origins). Anything else is ignored.
//!
//! **Programs of the browser.** Programs that logged in with the browser, by `/login?include_auth_token`, are
//! logged out with it. This also works after the session has expired, as long as its row exists and the
//! browser has its id; the anti-forgery token of the expired session is then accepted. Once the row is
//! deleted, nothing links the programs to the browser any longer, unless it is remembered. They stay logged
//! in until they are logged out by their `refresh_token`, here or at `/refresh-token/end`, or at
//! [`/tokens`](crate::features::tokens), or have been idle for too long.
//!
//! **A request with an access token** logs out the program that sent it. It ends the family of refresh tokens
//! that the token belongs to, or otherwise the session that the token was issued in. A token that belongs to
//! neither is denied from then on. If the request also has a session, both end; a session of another user is
//! answered with 400 `conflicting_credentials`. A token that is not accepted is answered with 401, and
//! nothing ends. A program needs no anti-forgery token.
//!
//! **A `refresh_token` that is not accepted at the moment**, for example because a clock is behind, is
//! answered with 400 in JSON, and reported by a notice on the next page. The session has ended then, but the
//! program may still be logged in.

use rocket::response::Responder;
use rocket::{Response, Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::feature::{Feature, Installation};
use crate::flow::Flow;
use crate::programs::Programs;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::web::challenge::Acceptable;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Refused, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;
use crate::web::{challenge, wants_json};

/// The feature `logout`. Its settings are `[default.security.logout]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Logout {
    /// Sets where to go after logging out. _Default:_ `"/"`.
    pub post_logout_view: View,
    /// Sets whether a logout also clears what the browser cached of this site. With a full cache, the logout
    /// then takes Chromium several seconds. Pages of users are `no-store` anyway. _Default:_ `false`.
    pub clear_cache: bool,
}

impl Default for Logout {
    fn default() -> Self {
        Self { post_logout_view: View::home(), clear_cache: false }
    }
}

const PAGE: Embedded = page!("logout");

const LOGGED_OUT: Notice = Notice::success(Text::new("logout.logged_out", "You are logged out."));

const BUT_NO_PROGRAM: Notice = Notice::info(Text::new(
    "logout.but_no_program",
    "You are logged out here, but the program couldn't be logged out. Please try again later.",
));

impl<D> Feature<D> for Logout {
    const NAME: &'static str = "logout";
    const TEMPLATES: &'static [Embedded] = &[PAGE];

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("logout", "/logout".to_owned()), ("after_logout", self.post_logout_view.to_string())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.manage(self.clone());
        Ok(())
    }
}

/// What is submitted to `/logout`. Every field is optional.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LogoutForm {
    /// The refresh token of a program that is logged out, too. Ignored without the feature `tokens`.
    refresh_token: Option<Secret<String>>,
    next: Option<String>,
}

impl Form for LogoutForm {
    const SECRET: &'static [&'static str] = &["refresh_token"];
    const OUTLIVES_SESSION: bool = true;
}

#[get("/logout?<next>")]
fn show(visit: Visit<'_>, next: Option<&str>) -> Reply {
    Reply::page(page(&visit, next))
}

#[post("/logout?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    programs: &State<Programs>,
    next: Option<&str>,
    settings: &State<Logout>,
    submitted: Submission<LogoutForm>,
) -> Result<LoggedOut, Refused> {
    let typed = submitted.typed();
    let next = typed.get("next").map(String::as_str).or(next);
    let of_program = log_out(&visit, flow, programs, submitted).await;
    let of_program = of_program.map_err(|refusal| refuse(&visit, next, refusal))?;
    let clears = if settings.clear_cache { "\"cache\", \"storage\"" } else { "\"storage\"" };
    Ok(LoggedOut { answer: tell(&visit, next, of_program), clears })
}

fn page(visit: &Visit<'_>, next: Option<&str>) -> Page {
    Page::new(PAGE.0).with("next", next.and_then(|next| visit.next(next)))
}

fn refuse(visit: &Visit<'_>, next: Option<&str>, refusal: Rejection) -> Refused {
    challenge(visit, &refusal);
    page(visit, next).refuse(refusal)
}

fn challenge(visit: &Visit<'_>, refusal: &Rejection) {
    let challenges = vec![challenge::bearer(Some(refusal))];
    challenge::note(visit.request(), Acceptable { challenges, ..Acceptable::default() });
}

/// Logs the browser out, and returns the outcome for the program.
async fn log_out(
    visit: &Visit<'_>,
    flow: &Flow,
    programs: &Programs,
    submitted: Submission<LogoutForm>,
) -> Result<Result<(), Rejection>, Rejection> {
    let form = submitted.read()?;
    let token = form.refresh_token;
    let program = token.map_or(Ok(None), |token| programs.program_of(visit, token.expose()));
    if program == Err(Rejection::ConflictingCredentials) {
        return Err(Rejection::ConflictingCredentials);
    }
    flow.log_out(visit).await?;
    Ok(match program {
        Ok(Some(program)) => programs.end_family(visit, program).await.map(drop),
        not_found => not_found.map(drop),
    })
}

/// Creates the answer. The session has ended in any case, but the answer says so if a program may still be
/// logged in.
fn tell(visit: &Visit<'_>, next: Option<&str>, of_program: Result<(), Rejection>) -> HandlerResult {
    let next = next.and_then(|next| visit.next(next)).or_else(|| visit.site().url("after_logout"));
    let next = next.unwrap_or_else(Next::home);
    let reply = Reply::redirect(next).without_csrf_token();
    match of_program {
        Ok(()) => Ok(reply.notice(LOGGED_OUT)),
        Err(refusal) if wants_json(visit.request()) => {
            challenge(visit, &refusal);
            Err(Refused::data(refusal))
        }
        Err(_) => Ok(reply.notice(BUT_NO_PROGRAM)),
    }
}

/// An answer that tells the browser to delete what belonged to the session.
struct LoggedOut {
    answer: HandlerResult,
    /// The value of `Clear-Site-Data`.
    clears: &'static str,
}

impl<'r> Responder<'r, 'static> for LoggedOut {
    fn respond_to(self, request: &'r rocket::Request<'_>) -> rocket::response::Result<'static> {
        Response::build_from(self.answer.respond_to(request)?)
            .raw_header("Clear-Site-Data", self.clears)
            .ok()
    }
}

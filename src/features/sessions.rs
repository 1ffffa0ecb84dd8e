//! Shows users where they are logged in, and lets them end their sessions.
//!
//! It is on by default; `Security::default().disable::<Sessions>()` switches it off. The user sees a list at
//! `/sessions` with the browser, the network address and the times of each session, and a button to end each
//! one or all others. Programs read the same list as JSON:
//!
//! ```
//! # use rocket_security::Security;
//! # use rocket_security::testing::TestApp;
//! # rocket::async_test(async {
//! let app = TestApp::launch(rocket::build().attach(Security::fairing())).await;
//! let ann = app.log_in_as("ann@example.org").await;
//! let sessions = ann.get_json("/sessions").await.response("sessions");
//! assert_eq!(sessions[0]["is_current"], true);
//! # });
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /sessions` | the user's sessions, the newest first | 200 `sessions`, `csrf_token` |
//! | `POST /sessions/end` `session` | 303 to `/sessions` | 200 `csrf_token` |
//! | `POST /sessions/end-others` | 303 to `/sessions` | 200 `ended`, `csrf_token` |
//!
//! - Settings: none.
//! - Templates: `security/sessions.html`.
//! - Mails: none.
//! - Events: `SessionEnded`, or `UserLoggedOut` for the session of the request.
//! - Refusals: `unauthenticated`, `invalid_input` (`session_unknown`), `csrf_failed`, `cross_site`,
//!   `unavailable`.
//!
//! ```text
//! GET /sessions
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…", "sessions": [{
//!       "id": "0f0c…", "is_current": true, "device": "Firefox on Linux", "client": "192.0.2.7",
//!       "authn_via": "password", "is_remembered": false,
//!       "created_at": "2027-01-15T08:00:00Z", "last_seen_at": "2027-01-15T08:12:00Z"}]}}
//! POST /sessions/end {"session": "0f0c…"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"session": ["…"]}, "reasons": ["invalid_input", "session_unknown"]}}
//! ```
//!
//! # Details
//!
//! **The fields of a session.**
//!
//! - `id` grants no access. The browser holds another number, of which the store keeps a digest.
//! - `device` is what the browser says about itself, and `client` is the network address of the login. Both
//!   can be untrue: they help users to recognise their own sessions, and prove nothing.
//! - `authn_via` is how the session began: `password`, `remember` if a remembered browser came back, or the
//!   name of a link that logs in.
//! - `last_seen_at` is updated once a minute.
//!
//! **Ending a session** takes effect with its next request, on every instance. Ending the session of the
//! request logs the user out. No password is asked for, so that a user who finds a stranger in the list can
//! act at once. The reasoning is in SECURITY.md.
//!
//! **Remembered browsers.** Ending a session with `is_remembered` also stops remembering its browser. A
//! remembered browser without a session at the moment is not listed. Ending all other sessions stops
//! remembering all other browsers.
//!
//! **Programs.** The login of a program ([`tokens`](crate::features::tokens)) ends with the session in which
//! it began. Ending all other sessions logs out all other programs.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Timestamp, in_words};
use crate::datastore::session::SessionRecord;
use crate::feature::Feature;
use crate::flow::Flow;
use crate::rejection::{FieldErrors, Rejection};
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::web::device::device;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

/// The feature `sessions`. It has no settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Sessions {}

const PAGE: Embedded = page!("sessions");

const ENDED: Notice = Notice::success(Text::new("sessions.ended", "The session has been ended."));

const OTHERS_ENDED: Notice =
    Notice::success(Text::new("sessions.others_ended", "All other sessions have been ended."));

impl<D> Feature<D> for Sessions {
    const NAME: &'static str = "sessions";
    const TEMPLATES: &'static [Embedded] = &[PAGE];

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![
            ("sessions", "/sessions".to_owned()),
            ("end_session", "/sessions/end".to_owned()),
            ("end_other_sessions", "/sessions/end-others".to_owned()),
        ]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, end, end_others]
    }
}

/// What is submitted to `/sessions/end`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EndForm {
    session: String,
}

impl Form for EndForm {
    const SECRET: &'static [&'static str] = &[];
}

/// What is submitted to `/sessions/end-others`: nothing.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EndOthersForm {}

impl Form for EndOthersForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/sessions")]
async fn show(visit: Visit<'_>, flow: &State<Flow>) -> HandlerResult {
    let sessions = list(&visit, flow).await?;
    Ok(Reply::page(page(&sessions)).with("sessions", sessions))
}

#[post("/sessions/end", data = "<submitted>")]
async fn end(
    visit: Visit<'_>,
    flow: &State<Flow>,
    submitted: Submission<EndForm>,
) -> HandlerResult {
    match end_one(&visit, flow, submitted).await {
        Ok(reply) => Ok(reply),
        Err(rejection) => Err(page(&list(&visit, flow).await?).refuse(rejection)),
    }
}

#[post("/sessions/end-others", data = "<submitted>")]
async fn end_others(
    visit: Visit<'_>,
    flow: &State<Flow>,
    submitted: Submission<EndOthersForm>,
) -> HandlerResult {
    let active = flow.require_user(&visit).await?;
    if let Err(rejection) = submitted.read() {
        return Err(page(&list(&visit, flow).await?).refuse(rejection));
    }
    let ended = flow.end_other_sessions(&visit, active).await?;
    Ok(Reply::redirect(here(&visit)).with("ended", ended).notice(OTHERS_ENDED))
}

async fn end_one(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<EndForm>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    let active = flow.require_user(visit).await?;
    let id = Uuid::parse_str(&form.session).ok();
    let theirs = flow.sessions_of(visit, &active.user).await?;
    let session = theirs.iter().find(|session| Some(session.id) == id).ok_or_else(unknown)?;
    if session.id == active.record.id {
        flow.log_out(visit).await?;
        return Ok(Reply::redirect(visit.site().url("after_logout").unwrap_or_else(Next::home)));
    }
    flow.end_session(visit, session).await?;
    Ok(Reply::redirect(here(visit)).notice(ENDED))
}

fn unknown() -> Rejection {
    FieldErrors::one("session", Text::new("session_unknown", "This session has already ended."))
        .into()
}

/// A session, as its user sees it.
#[derive(Debug, Serialize)]
struct Listed {
    id: Uuid,
    is_current: bool,
    device: String,
    client: Option<String>,
    authn_via: String,
    is_remembered: bool,
    created_at: Timestamp,
    last_seen_at: Timestamp,
}

async fn list(visit: &Visit<'_>, flow: &Flow) -> Result<Vec<Listed>, Rejection> {
    let active = flow.require_user(visit).await?;
    let sessions = flow.sessions_of(visit, &active.user).await?;
    let listed = |session: SessionRecord| Listed {
        is_current: session.id == active.record.id,
        id: session.id,
        device: device(session.user_agent.as_deref()),
        client: session.client.map(|client| client.to_string()),
        authn_via: session.authn_via().to_owned(),
        is_remembered: session.series.is_some(),
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
    };
    Ok(sessions.into_iter().map(listed).collect())
}

fn page(sessions: &[Listed]) -> Page {
    let shown: Vec<_> = sessions.iter().map(Shown::of).collect();
    Page::new(PAGE.0).with("sessions", shown)
}

/// A session, as the page shows it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: &'a Listed,
    since: String,
    last_seen: String,
}

impl<'a> Shown<'a> {
    fn of(listed: &'a Listed) -> Self {
        let (since, last_seen) = (in_words(listed.created_at), in_words(listed.last_seen_at));
        Self { since, last_seen, listed }
    }
}

fn here(visit: &Visit<'_>) -> Next {
    visit.site().url("sessions").unwrap_or_else(Next::home)
}

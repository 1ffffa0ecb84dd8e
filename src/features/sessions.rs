//! Seeing where one is logged in, and ending it.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /sessions` | one's sessions, the newest first | 200 `sessions`, `csrf_token` |
//! | `POST /sessions/end` `session` | 303 to `/sessions` | 200 `csrf_token` |
//! | `POST /sessions/end-others` | 303 to `/sessions` | 200 `ended`, `csrf_token` |
//!
//! It has no settings. Templates: `security/sessions.html`. Mails: none. Events: `SessionEnded`, or
//! `UserLoggedOut` for the session that asks. Refusals: `unauthenticated`, `invalid_input`
//! (`session_unknown`), `csrf_failed`, `cross_site`, `unavailable`.
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
//! The `id` of a session opens nothing: what a browser holds is another number, of which the store
//! keeps a digest. `device` is what the browser says of itself, and `client` the network address of
//! the login; both can be untrue, so that they help to recognise one's own, and prove nothing.
//! `last_seen_at` is written down once a minute. The session that is ended is out with its next
//! request, on every instance. Ending one's own is logging out.
//!
//! `authn_via` says how the session began: `password`, `remember` where a browser that is remembered came
//! back, or the name of a link that logs in. Ending a session that `is_remembered` also ends that: its
//! browser does not come back by itself. A browser that is remembered and has no session now is not listed;
//! ending all others ends what it is remembered by, too. So it is with programs
//! ([`tokens`](crate::features::tokens)): one ends with the session that it logged in with, and ending all
//! others logs out every other one.
//!
//! None of it asks for a password: a user who finds a stranger among their sessions must be able to act at
//! once. The stranger can end the others as well, and gains nothing by it.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
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

/// The feature `sessions`; it has no settings.
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

/// A session, as the page words it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: &'a Listed,
    since: String,
    last_seen: String,
}

impl<'a> Shown<'a> {
    fn of(listed: &'a Listed) -> Self {
        let said = |at: Timestamp| at.format("%-d %B %Y, %H:%M UTC").to_string();
        Self { since: said(listed.created_at), last_seen: said(listed.last_seen_at), listed }
    }
}

fn here(visit: &Visit<'_>) -> Next {
    visit.site().url("sessions").unwrap_or_else(Next::home)
}

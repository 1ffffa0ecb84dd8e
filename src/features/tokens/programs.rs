//! `/tokens`: the programs in which a user is logged in.

use rocket::{State, get, post};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Timestamp, in_words};
use crate::datastore::refresh::{EndedFamily, FamilyRecord};
use crate::flow::Flow;
use crate::programs::Programs;
use crate::rejection::{FieldErrors, Rejection};
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::web::device::device;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

pub(super) const PAGE: Embedded = page!("tokens");

const ENDED: Notice = Notice::success(Text::new(
    "tokens.ended",
    "The program has been logged \
out.",
));

/// What is submitted to `/tokens/end`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EndForm {
    program: String,
}

impl Form for EndForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/tokens")]
pub(super) async fn show(
    visit: Visit<'_>,
    flow: &State<Flow>,
    programs: &State<Programs>,
) -> HandlerResult {
    let listed = list(&visit, flow, programs).await?;
    Ok(Reply::page(page(&listed)).with("programs", listed))
}

#[post("/tokens/end", data = "<submitted>")]
pub(super) async fn end(
    visit: Visit<'_>,
    flow: &State<Flow>,
    programs: &State<Programs>,
    submitted: Submission<EndForm>,
) -> HandlerResult {
    match end_one(&visit, flow, programs, submitted).await {
        Ok(reply) => Ok(reply),
        Err(rejection) => Err(page(&list(&visit, flow, programs).await?).refuse(rejection)),
    }
}

async fn end_one(
    visit: &Visit<'_>,
    flow: &Flow,
    programs: &Programs,
    submitted: Submission<EndForm>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    let active = flow.require_user(visit).await?;
    let id = Uuid::parse_str(&form.program).ok();
    let theirs = programs.families_of(visit, &active.user).await?;
    let family = theirs.iter().find(|family| Some(family.id) == id).ok_or_else(unknown)?;
    programs.end_family(visit, EndedFamily { id: family.id, user_id: family.user_id }).await?;
    Ok(Reply::redirect(visit.site().url("tokens").unwrap_or_else(Next::home)).notice(ENDED))
}

fn unknown() -> Rejection {
    FieldErrors::one("program", Text::new("program_unknown", "This program is already logged out."))
        .into()
}

/// A program, as its user sees it.
#[derive(Debug, Serialize)]
struct Listed {
    id: Uuid,
    device: String,
    client: Option<String>,
    authn_via: String,
    created_at: Timestamp,
    refreshed_at: Timestamp,
    expires_at: Timestamp,
}

async fn list(
    visit: &Visit<'_>,
    flow: &Flow,
    programs: &Programs,
) -> Result<Vec<Listed>, Rejection> {
    let active = flow.require_user(visit).await?;
    let families = programs.families_of(visit, &active.user).await?;
    let listed = |family: FamilyRecord| Listed {
        id: family.id,
        device: device(family.user_agent.as_deref()),
        client: family.client.map(|client| client.to_string()),
        authn_via: family.proofs.authn_via().to_owned(),
        created_at: family.created_at,
        refreshed_at: family.rotated_at,
        expires_at: family.idle_expires_at,
    };
    Ok(families.into_iter().map(listed).collect())
}

fn page(programs: &[Listed]) -> Page {
    let shown: Vec<_> = programs.iter().map(Shown::of).collect();
    Page::new(PAGE.0).with("programs", shown)
}

/// A program, as the page shows it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: &'a Listed,
    since: String,
    refreshed: String,
    until: String,
}

impl<'a> Shown<'a> {
    fn of(listed: &'a Listed) -> Self {
        Self {
            since: in_words(listed.created_at),
            refreshed: in_words(listed.refreshed_at),
            until: in_words(listed.expires_at),
            listed,
        }
    }
}

//! The list of a user's tokens, and their revocation.

use rocket::{State, get, post};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Timestamp, in_words};
use crate::config::Span;
use crate::datastore::personal_token::PersonalTokenRecord;
use crate::error::Result;
use crate::event::Event;
use crate::features::personal_tokens::desk::{BOX, Desk};
use crate::flow::Flow;
use crate::rejection::{FieldErrors, Rejection};
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::user::{KnownScope, ScopeName, User};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

pub(super) const PAGE: Embedded = page!("personal_tokens");

const REVOKED: Notice = Notice::success(Text::new(
    "personal_tokens.revoked",
    "The token has been revoked. It no longer grants access.",
));

/// The lifetimes that the page offers, in days.
const OFFERED_DAYS: [u32; 4] = [7, 30, 90, 365];

/// What is submitted to `/personal-tokens/revoke`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RevokeForm {
    personal_token: String,
}

impl Form for RevokeForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/personal-tokens")]
pub(super) async fn show(
    visit: Visit<'_>,
    flow: &State<Flow>,
    desk: &State<Desk>,
) -> HandlerResult {
    let active = flow.require_user(&visit).await?;
    let listed = desk.list(&visit, &active.user).await?;
    Ok(Reply::page(desk.page(&listed)).with("personal_tokens", listed).with("scopes", &desk.scopes))
}

#[post("/personal-tokens/revoke", data = "<submitted>")]
pub(super) async fn revoke(
    visit: Visit<'_>,
    flow: &State<Flow>,
    desk: &State<Desk>,
    submitted: Submission<RevokeForm>,
) -> HandlerResult {
    match desk.revoke(&visit, flow, submitted).await {
        Ok(()) => {
            let next = visit.site().url("personal_tokens").unwrap_or_else(Next::home);
            Ok(Reply::redirect(next).notice(REVOKED))
        }
        Err(rejection) => {
            let active = flow.require_user(&visit).await?;
            let listed = desk.list(&visit, &active.user).await?;
            Err(desk.page(&listed).refuse(rejection))
        }
    }
}

/// A token, as its owner sees it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Listed {
    id: Uuid,
    name: String,
    scopes: Vec<ScopeName>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    is_expired: bool,
    last_used_at: Option<Timestamp>,
}

impl Desk {
    pub(super) async fn list(
        &self,
        visit: &Visit<'_>,
        user: &User,
    ) -> Result<Vec<Listed>, Rejection> {
        let now = visit.now();
        let theirs = self.store.list_personal_tokens(user.id).await?;
        Ok(theirs.into_iter().map(|token| self.listed(token, now)).collect())
    }

    pub(super) fn listed(&self, token: PersonalTokenRecord, now: Timestamp) -> Listed {
        let expires_at = self.end_of(&token);
        Listed {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            created_at: token.created_at,
            expires_at,
            is_expired: expires_at.is_some_and(|end| end <= now),
            last_used_at: token.last_used_at,
        }
    }

    async fn revoke(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        submitted: Submission<RevokeForm>,
    ) -> Result<(), Rejection> {
        let form = submitted.read()?;
        let user = flow.require_user(visit).await?.user.id;
        let token = Uuid::parse_str(&form.personal_token).map_err(|_| unknown())?;
        let event = Event::PersonalTokenRevoked { user, token, origin: visit.origin() };
        let change = flow.change(event);
        let is_revoked = change
            .commit(async |with| self.store.revoke_personal_token(user, token, with).await)
            .await?;
        if is_revoked { Ok(()) } else { Err(unknown()) }
    }

    pub(super) fn page(&self, listed: &[Listed]) -> Page {
        let shown: Vec<_> = listed.iter().map(Shown::of).collect();
        let boxes = self.scopes.iter().map(ScopeBox::of).collect::<Vec<_>>();
        let longest = self.settings.max_lifetime;
        let fits = |days: &u32| longest.is_none_or(|it| it >= Span::hours(u64::from(*days) * 24));
        let offered: Vec<u32> = OFFERED_DAYS.into_iter().filter(fits).collect();
        Page::new(PAGE.0)
            .with("personal_tokens", shown)
            .with("scopes", boxes)
            .with("offered_days", offered)
            .with("default_lifetime", self.settings.usual_lifetime().to_string())
            .with("has_never", longest.is_none())
    }
}

/// A token, as the page shows it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: &'a Listed,
    since: String,
    until: Option<String>,
    last_used: Option<String>,
}

impl<'a> Shown<'a> {
    fn of(listed: &'a Listed) -> Self {
        Self {
            since: in_words(listed.created_at),
            until: listed.expires_at.map(in_words),
            last_used: listed.last_used_at.map(in_words),
            listed,
        }
    }
}

/// A scope, as the page shows a box for it.
#[derive(Serialize)]
struct ScopeBox {
    field: String,
    name: &'static str,
    description: &'static str,
}

impl ScopeBox {
    fn of(scope: &KnownScope) -> Self {
        let KnownScope { name, description } = *scope;
        Self { field: format!("{BOX}{name}"), name, description }
    }
}

fn unknown() -> Rejection {
    let text = Text::new("personal_token_unknown", "This token no longer exists.");
    FieldErrors::one("personal_token", text).into()
}

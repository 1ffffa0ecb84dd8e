//! Lets users change their username.
//!
//! It is off by default; `Security::default().enable(ChangeUsername::default())` switches it on. It requires
//! that users have usernames, which they have with `security.identity = ["email", "username"]`. The user sees
//! a form at `/change-username`, and is told of the change by mail.
//!
//! ```
//! # use rocket_security::testing::TestApp;
//! # use serde_json::json;
//! use rocket_security::Security;
//! use rocket_security::features::change_username::ChangeUsername;
//!
//! # rocket::async_test(async {
//! let security = Security::default().enable(ChangeUsername::default());
//! # let settings = json!({"identity": ["email", "username"]});
//! # TestApp::launch_with(rocket::build().attach(security), settings).await;
//! # });
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /change-username` | the form | 200 `current_username` (null if there is none), `csrf_token` |
//! | `POST /change-username` `username`; empty to remove it | 303 to `post_change_username_view` | 200 `user`, `csrf_token` |
//!
//! | setting `[default.security.change_username]` | default |
//! |---|---|
//! | `post_change_username_view` | where a login leads |
//!
//! - Templates: `security/change_username.html`.
//! - Mails: `change_username_notice`.
//! - Events: `UsernameChanged`.
//! - Refusals: `invalid_input` (`username_invalid`, `username_reserved`, `username_taken`,
//!   `username_unchanged`), `unauthenticated`, `reauth_required`, `csrf_failed`, `cross_site`, `throttled`,
//!   `unavailable`.
//!
//! ```text
//! POST /change-username {"username": "ann.lee"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…",
//!       "user": {"id": "…", "email": "ann@example.org", "username": "ann.lee", "roles": []}}}
//! ```
//!
//! # Details
//!
//! - It requires a fresh login: a user who logged in too long ago is asked for the password again.
//! - An empty `username` removes the name if accounts do not need one, which is the case if `register` has
//!   `username_required = false` or is not enabled. Otherwise it is refused as `username_invalid`.
//! - A change ends the other sessions and invalidates the links that were mailed.
//! - The old name can be taken by others at once. If it was registered within the last three days, it becomes
//!   free when these are over.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::datastore::outbox::NewMail;
use crate::datastore::user::UserChange;
use crate::error::{Faults, Result};
use crate::event::Event;
use crate::feature::Feature;
use crate::flow::Flow;
use crate::flow::username::username_taken;
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::session::Active;
use crate::template::{Embedded, page, templates};
use crate::text::Text;
use crate::user::{User, Username};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `change_username`. Its settings are `[default.security.change_username]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ChangeUsername {
    /// Sets where to go after the change. _Default:_ where a login leads.
    pub post_change_username_view: Option<View>,
}

const PAGE: Embedded = page!("change_username");

const TEMPLATES: &[Embedded] = templates![PAGE; "change_username_notice"];

const CHANGED: Notice =
    Notice::success(Text::new("change_username.changed", "Your username has been changed."));

const REMOVED: Notice =
    Notice::success(Text::new("change_username.removed", "Your username has been removed."));

const FIELD: &str = "username";

impl<D> Feature<D> for ChangeUsername {
    const NAME: &'static str = "change_username";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(config.require_usernames("change_username"));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let page = ("change_username", "/change-username".to_owned());
        let next = self.post_change_username_view.as_ref();
        let after = next.map(|view| ("after_change_username", view.to_string()));
        [page].into_iter().chain(after).collect()
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }
}

/// What is submitted to `/change-username`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeUsernameForm {
    /// An empty name removes the username, if accounts do not need one.
    username: Option<String>,
}

impl Form for ChangeUsernameForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/change-username")]
async fn show(visit: Visit<'_>, flow: &State<Flow>) -> HandlerResult {
    let active = flow.require_fresh(&visit).await?;
    let current = active.user.username.as_ref().map(Username::as_str);
    Ok(Reply::page(page(flow, Some(&active.user))).with("current_username", current))
}

#[post("/change-username", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    submitted: Submission<ChangeUsernameForm>,
) -> HandlerResult {
    flow.require_user(&visit).await?;
    let page = page(flow, visit.user()).typed(submitted.typed());
    match change(&visit, flow, submitted).await {
        Ok(user) => {
            let next =
                visit.site().url("after_change_username").or_else(|| visit.site().url("home"));
            let notice = if user.username.is_some() { CHANGED } else { REMOVED };
            let reply = Reply::redirect(next.unwrap_or_else(Next::home)).notice(notice);
            let shown =
                flow.with_access_token(&visit, &user, visit.site().payload(&user).await?).await?;
            Ok(reply.with("user", shown))
        }
        Err(rejection) => Err(page.refuse(rejection)),
    }
}

/// Changes the username of the logged-in user, and tells them by mail.
async fn change(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<ChangeUsernameForm>,
) -> Result<User, Rejection> {
    let form = submitted.read()?;
    let active = flow.require_fresh(visit).await?;
    flow.limits().admit(visit, "change_username").await?;
    flow.limits().admit_user(visit, active.user.id, "change_username").await?;
    let mut errors = FieldErrors::new();
    let user = &active.user;
    let username = form.username.as_deref();
    if username.is_some_and(|it| it.trim().is_empty()) && !flow.username_policy().is_required() {
        return remove(visit, flow, active).await;
    }
    let chosen = flow
        .choose_username(visit, FIELD, username.unwrap_or_default(), Some(user), &mut errors)
        .await?;
    let Some((username, held)) = chosen else {
        return Err(errors.into());
    };
    let current = user.username.as_ref().map(Username::as_str);
    let outcome = if current == Some(username.as_str()) {
        let text = Text::new("username_unchanged", "This is already your username.");
        Err(FieldErrors::one(FIELD, text).into())
    } else {
        apply(visit, flow, active, &username).await
    };
    if let Some(held) = held {
        flow.release_username(held).await;
    }
    outcome
}

async fn remove(visit: &Visit<'_>, flow: &Flow, active: &Active) -> Result<User, Rejection> {
    let user = &active.user;
    if user.username.is_none() {
        let text = Text::new("username_unchanged.none", "You have no username.");
        return Err(FieldErrors::one(FIELD, text).into());
    }
    let event = changed(visit, user);
    let notice = notice(visit, flow, user, None)?;
    let change = UserChange::without_username();
    flow.change_own(visit, active, change, event, vec![notice]).await
}

async fn apply(
    visit: &Visit<'_>,
    flow: &Flow,
    active: &Active,
    username: &Username,
) -> Result<User, Rejection> {
    let user = &active.user;
    let event = changed(visit, user);
    let notice = notice(visit, flow, user, Some(username))?;
    let change = UserChange::username(username.clone());
    match flow.change_own(visit, active, change, event, vec![notice]).await {
        // The name was taken since we looked, or the account changed.
        Err(Rejection::Unauthenticated)
            if flow.is_username_taken(username, Some(user.id)).await? =>
        {
            Err(username_taken(FIELD))
        }
        outcome => outcome,
    }
}

fn changed(visit: &Visit<'_>, user: &User) -> Event {
    Event::UsernameChanged {
        user: user.id,
        old_username: user.username.as_ref().map(|name| Secret::new(name.to_string())),
        origin: visit.origin(),
    }
}

fn notice(
    visit: &Visit<'_>,
    flow: &Flow,
    user: &User,
    username: Option<&Username>,
) -> Result<NewMail, Rejection> {
    let subject = Text::new("change_username_notice", "Your username was changed");
    let mail = flow.notice(visit, &subject, user, &user.email)?;
    let text = |username: Option<&Username>| username.map_or("", Username::as_str).to_owned();
    let before = text(user.username.as_ref());
    Ok(mail.with("old_username", before).with("new_username", text(username)))
}

fn page(flow: &Flow, user: Option<&User>) -> Page {
    let names = flow.username_policy();
    let current = user.and_then(|user| user.username.as_ref());
    Page::new(PAGE.0)
        .with("current_username", current.map(Username::as_str))
        .with("username_required", names.is_required())
        .with("username_min", names.min_length)
        .with("username_max", names.max_length)
}

//! Lets logged-in users change their password.
//!
//! It is on by default; `Security::default().disable::<ChangePassword>()` switches it off. The user sees a
//! form at `/change`, which asks for the current password and the new one. Afterwards the user is logged out
//! everywhere else, and is told by mail.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::features::change_password::ChangePassword;
//! use rocket_security::web::view::View;
//!
//! let mut change_password = ChangePassword::default();
//! change_password.post_change_view = View::parse("/settings");
//! let security = Security::default().enable(change_password);
//! # drop(security);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /change` | the form | 200 `active_password`, `user`, `csrf_token` |
//! | `POST /change` `password`, `new_password`, `new_password_confirm` | 303 to `post_change_view` | 200 `user`, `csrf_token` |
//!
//! | setting `[default.security.change_password]` | default |
//! |---|---|
//! | `post_change_view` | the home page |
//!
//! - Templates: `security/change_password.html`.
//! - Mails: `change_notice`.
//! - Events: `PasswordChanged`, `UserFailedAuthn`.
//! - Refusals: `unauthenticated`, `reauth_required` (a user without a password), `invalid_input`
//!   (`invalid_password`, `password_unchanged`, and those of a new password), `csrf_failed`, `cross_site`,
//!   `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! POST /change {"password": "a ferry leaves at seven", "new_password": "…", "new_password_confirm": "…"}
//!   200 {"meta": {"code": 200}, "response": {"user": {…}, "csrf_token": "…"}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"password": ["…"]}, "reasons": ["invalid_input", "invalid_password"]}}
//! ```
//!
//! # Details
//!
//! - The current password is always required. A user without a password sets a first one within
//!   `security.freshness` of the login.
//! - A change ends every other session and every link of the account. The browser that made the change
//!   continues with a new session and a new anti-forgery token.
//! - A user whose password an operator requires to be changed can open only this page and the logout until it
//!   is changed.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::event::Event;
use crate::feature::Feature;
use crate::flow::{Choice, Chooser, Flow};
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::session::Active;
use crate::template::{Embedded, page, templates};
use crate::text::Text;
use crate::user::User;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `change_password`. Its settings are `[default.security.change_password]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ChangePassword {
    /// Sets where to go afterwards. _Default:_ the home page.
    pub post_change_view: Option<View>,
}

const PAGE: Embedded = page!("change_password");

const TEMPLATES: &[Embedded] = templates![PAGE; "change_notice"];

const CHANGED: Notice = Notice::success(Text::new(
    "change_password.changed",
    "Your password has been changed. You've been logged out on all your other devices.",
));

impl<D> Feature<D> for ChangePassword {
    const NAME: &'static str = "change_password";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        config.require_mail()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_change_view.as_ref().map_or("/", View::as_str);
        vec![("change", "/change".to_owned()), ("after_change", next.to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }
}

/// What is submitted to `/change`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeForm {
    /// The current password.
    password: Secret<String>,
    new_password: Secret<String>,
    /// The new password once more, if the form asks for it.
    new_password_confirm: Option<Secret<String>>,
}

impl Form for ChangeForm {
    const SECRET: &'static [&'static str] = &["password", "new_password", "new_password_confirm"];
}

#[get("/change")]
async fn show(visit: Visit<'_>, flow: &State<Flow>) -> HandlerResult {
    let active = flow.require_user_to_change(&visit).await?;
    let has_password = flow.has_password(&active.user).await?;
    if !has_password {
        flow.require_fresh(&visit).await?;
    }
    Ok(Reply::page(page(flow, &active.user, has_password))
        .with("active_password", has_password)
        .with("user", visit.site().payload(&active.user).await?))
}

#[post("/change", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    submitted: Submission<ChangeForm>,
) -> HandlerResult {
    let active = flow.require_user_to_change(&visit).await?;
    let has_password = flow.has_password(&active.user).await?;
    match change(&visit, flow, active, has_password, submitted).await {
        Ok(user) => {
            let next = visit.site().url("after_change").unwrap_or_else(Next::home);
            let shown =
                flow.with_access_token(&visit, &user, visit.site().payload(&user).await?).await?;
            Ok(Reply::redirect(next).with("user", shown).notice(CHANGED))
        }
        Err(rejection) => Err(page(flow, &active.user, has_password).refuse(rejection)),
    }
}

async fn change(
    visit: &Visit<'_>,
    flow: &Flow,
    active: &Active,
    has_password: bool,
    submitted: Submission<ChangeForm>,
) -> Result<User, Rejection> {
    let form = submitted.read()?;
    flow.limits().admit_user(visit, active.user.id, "change_password").await?;
    if has_password {
        // Its place in the queue for hashes is free again while the new password is judged.
        flow.check_own_password(visit, &active.user, &form.password).await?;
    } else {
        flow.require_fresh(visit).await?;
    }
    let mut errors = FieldErrors::new();
    let confirm = form.new_password_confirm.as_ref();
    let choice = Choice::new("new_password", &form.new_password, confirm);
    let chooser = Chooser::from(&active.user);
    let chosen = flow.choose_password(visit, choice, chooser, &mut errors).await?;
    if has_password && form.password == form.new_password {
        errors.push(
            "new_password",
            Text::new(
                "password_unchanged",
                "This is already your password. Choose a different \
            one.",
            ),
        );
    }
    let (Some(chosen), true) = (chosen, errors.is_empty()) else {
        return Err(errors.into());
    };
    let hash = flow.hasher().hash(&flow.reserve(visit)?, &chosen).await?;
    let user = &active.user;
    let subject = Text::new("change_notice", "Your password was changed");
    let notice = flow.notice(visit, &subject, user, &user.email)?;
    let event = Event::PasswordChanged { user: user.id, origin: visit.origin() };
    flow.change_own(visit, active, UserChange::password(hash), event, vec![notice]).await
}

fn page(flow: &Flow, user: &User, has_password: bool) -> Page {
    Page::new(PAGE.0)
        .with("has_password", has_password)
        .with("must_change", user.must_change)
        .with("password_min", flow.password_policy().min_length)
}

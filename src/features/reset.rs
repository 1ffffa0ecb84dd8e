//! Lets users who forgot their password choose a new one with a link that is mailed to them.
//!
//! It is on by default; `Security::default().disable::<Reset>()` switches it off. At `/reset` the user enters
//! an email address, opens the link in the mail, and chooses a new password. They are then logged out
//! everywhere, and log in with the new password.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::config::Span;
//! use rocket_security::features::reset::Reset;
//!
//! let mut reset = Reset::default();
//! reset.within = Span::minutes(30);
//! let security = Security::default().enable(reset);
//! # drop(security);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /reset` | the form to ask for a link | 200 `csrf_token` |
//! | `POST /reset` `email`, `next` | 303 to the login page | 200 `csrf_token` |
//! | `GET /reset/<token>` | 303 to `/reset/link`, the token in a cookie | 200, or 400 for an invalid link; changes nothing |
//! | `GET /reset/link` | the form for the new password, or why the link is not valid | as above |
//! | `POST /reset/link` `password`, `password_confirm`, `token` | 303 to `post_reset_view` | 200, an empty `response` |
//! | `POST /reset/<token>` | the same, for programs | the same |
//!
//! | setting `[default.security.reset]` | default |
//! |---|---|
//! | `within` | `"1h"` |
//! | `post_reset_view` | the login page |
//! | `reset_view`, `reset_error_view` | where a link leads in [single-page mode](crate::guide::single_page), which requires `reset_view` |
//! | `log_in` | `false` |
//!
//! - Templates: `security/reset.html`, `security/reset_link.html`.
//! - Mails: `reset_instructions` with the link; `reset_notice` afterwards.
//! - Events: `ResetPasswordInstructionsSent`, `PasswordReset`, `LinkRefused`.
//! - Refusals: `invalid_input` (`email_invalid`, and those of a new password), `invalid_link`, `csrf_failed`,
//!   `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! POST /reset {"email": "ann@example.org"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//! POST /reset/0jyx… {"password": "a ferry leaves at seven", "password_confirm": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"": ["…"]}, "reasons": ["invalid_link"]}}
//! ```
//!
//! # Details
//!
//! - The answer is the same for every address, and so is the work. The worker that sends the mail finds out
//!   whether the address has an account. The reasoning is in SECURITY.md.
//! - A link works once. A newer link, and any change of the password, the address or the status of the
//!   account, invalidates it.
//! - Using the link confirms the address, ends every session and every other link of the account, and is
//!   reported to the owner by mail.
//! - A reset does not log the user in, and does not remove a second factor. With `log_in` it logs in; a
//!   second factor is then asked for, as after any password.

use rocket::{Route, State, async_trait, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{Config, Span};
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::UserChange;
use crate::error::{Faults, Result};
use crate::event::Event;
use crate::feature::{Change, Feature, Installation};
use crate::flow::Flow;
use crate::link::{
    self, LinkRequest, LinkRequestForm, MailedLink, NewPassword, OpenLink, single_page,
};
use crate::rejection::Rejection;
use crate::template::{Embedded, page, templates};
use crate::text::Text;
use crate::user::{Email, Method, User};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::Submission;
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `reset`. Its settings are `[default.security.reset]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Reset {
    /// Sets how long a link is valid; at most a day (NIST SP 800-63B-4, section 4.2.1.2). _Default:_ `"1h"`.
    pub within: Span,
    /// Sets where to go afterwards. _Default:_ the login page.
    pub post_reset_view: Option<View>,
    /// Sets where a mailed link leads in [single-page mode](crate::guide::single_page). _Default:_ none; that
    /// mode requires it.
    pub reset_view: Option<View>,
    /// Sets where an invalid link leads in that mode. _Default:_ `reset_view`.
    pub reset_error_view: Option<View>,
    /// Sets whether a reset logs the user in, after a second factor if the user has one. _Default:_ `false`.
    pub log_in: bool,
}

impl Default for Reset {
    fn default() -> Self {
        Self {
            within: Span::hours(1),
            post_reset_view: None,
            reset_view: None,
            reset_error_view: None,
            log_in: false,
        }
    }
}

const PAGE: Embedded = page!("reset");

const LINK_PAGE: Embedded = page!("reset_link");

const TEMPLATES: &[Embedded] = templates![PAGE, LINK_PAGE; "reset_instructions", "reset_notice"];

const LINK_IS_SENT: Notice = Notice::info(Text::new(
    "reset.link_is_sent",
    "If this address has an account, we'll send it a link to choose a new password.",
));

/// Creates the notice. It names the account, because another one may be logged in here.
fn is_reset(user: &User) -> Notice {
    let words = "The password for {email} has been changed. You can now log in with it.";
    Notice::success(Text::new("reset.done", words).with("email", &user.email))
}

impl<D> Feature<D> for Reset {
    const NAME: &'static str = "reset";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(link::check_lifetime("reset.within", self.within));
        faults.note(config.require_view("reset.reset_view", self.reset_view.is_some()));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_reset_view.as_ref().map_or("/login", View::as_str);
        let mut urls = vec![
            ("reset", "/reset".to_owned()),
            ("reset_link", link::page_path::<Self>()),
            ("after_reset", next.to_owned()),
        ];
        let (view, error_view) = (self.reset_view.as_ref(), self.reset_error_view.as_ref());
        urls.extend(single_page::urls::<Self>(view, error_view));
        urls
    }

    fn routes(&self) -> Vec<Route> {
        [routes![show, submit], link::routes::<Self>()].concat()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.manage(self.clone());
        Ok(())
    }
}

const LINK_REQUEST: LinkRequest = LinkRequest::new("reset", PAGE.0, LINK_IS_SENT);

#[get("/reset?<next>")]
fn show(visit: Visit<'_>, next: Option<&str>) -> Reply {
    LINK_REQUEST.show(next.and_then(|next| visit.next(next)))
}

#[post("/reset?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    reset: &State<Reset>,
    next: Option<&str>,
    submitted: Submission<LinkRequestForm>,
) -> HandlerResult {
    let next = submitted.next(&visit, next);
    let write = |email: &Email, at| reset.instructions(email, at);
    LINK_REQUEST.submit(&visit, flow, next, submitted, write).await
}

/// Ends the wait after too many wrong passwords. A failure is only logged, because the password is already
/// changed.
async fn forgive(visit: &Visit<'_>, flow: &Flow, user: &User) {
    if flow.limits().forgive(visit, user).await.is_err() {
        log::warn!("after a reset, the attempts of {} are still counted", user.id);
    }
}

impl Reset {
    /// Creates the mail that `/reset` sends, with a link for the owner of the address. Operators use it to
    /// ask a user to choose a new password.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) if the system provides no randomness.
    pub(crate) fn instructions(&self, to: &Email, at: Timestamp) -> Result<NewMail> {
        let mail = NewMail::new(&Text::new("reset_instructions", "Choose a new password"), to, at)?;
        Ok(mail.concerns(Addressee::Holder).link(Self::PURPOSE, self.within))
    }
}

#[async_trait]
impl MailedLink for Reset {
    const PURPOSE: &'static str = "reset";
    const VIEW: &'static str = "reset_view";
    const ERROR_VIEW: &'static str = "reset_error_view";
    const DONE: Text =
        Text::new("invalid_link.reset", "This link was just used. The password has been changed.");
    type Form = NewPassword;

    fn page(&self, flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(LINK_PAGE.0)
            .with("email", link.map(|link| link.user.email.to_string()))
            .with("password_min", flow.password_policy().min_length)
    }

    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        form: NewPassword,
    ) -> Result<(Change, UserChange), Rejection> {
        let hash = form.hash(visit, flow, link).await?;
        let (now, user) = (visit.now(), &link.user);
        let event = Event::PasswordReset { user: user.id, origin: visit.origin() };
        let notice = flow.notice(
            visit,
            &Text::new("reset_notice", "Your password was changed"),
            user,
            &user.email,
        )?;
        let mut update = UserChange::password(hash);
        update.confirmed_at = user.confirmed_at.is_none().then_some(now);
        Ok((flow.change(event).mail([notice]), update))
    }

    async fn reply(&self, visit: &Visit<'_>, flow: &Flow, user: User) -> Result<Reply, Rejection> {
        forgive(visit, flow, &user).await;
        let next = visit.site().url("after_reset").unwrap_or_else(Next::home);
        let notice = is_reset(&user);
        let logs_in_by = self.log_in.then(|| Method::Link("reset".into()));
        let reply = link::go_on(visit, flow, user, logs_in_by, next).await?;
        Ok(if self.log_in { reply } else { reply.without_csrf_token().notice(notice) })
    }
}

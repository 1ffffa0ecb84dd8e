//! Makes users confirm their email address before they can log in.
//!
//! It is on by default; `Security::default().disable::<Confirm>()` switches it off, and new accounts can then
//! log in at once. After registering, the user gets a mail with a link, which opens a page with a button;
//! pressing it confirms the address. At `/confirm` the user can ask for another link.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::features::confirm::Confirm;
//!
//! let mut confirm = Confirm::default();
//! confirm.log_in = true; // The button also logs the user in.
//! let security = Security::default().enable(confirm);
//! # drop(security);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /confirm` | the form to ask for another link | 200 `csrf_token` |
//! | `POST /confirm` `email`, `next` | 303 to the login page | 200 `csrf_token` |
//! | `GET /confirm/<token>` | 303 to `/confirm/link`, the token in a cookie | 200 `password_required`, or 400 for an invalid link; changes nothing |
//! | `GET /confirm/link` | a button, or why the link is not valid | as above |
//! | `POST /confirm/link` `token`, and `password`, `password_confirm` for an account without a password | 303 to `post_confirm_view` | 200 `csrf_token` |
//! | `POST /confirm/<token>` | the same, for programs | the same |
//!
//! | setting `[default.security.confirm]` | default |
//! |---|---|
//! | `within` | `"24h"` |
//! | `post_confirm_view` | the login page |
//! | `confirm_view`, `confirm_error_view` | where a link leads in [single-page mode](crate::guide::single_page), which requires `confirm_view` or `post_confirm_view` |
//! | `log_in` | `false` |
//!
//! - Templates: `security/confirm.html`, `security/confirm_link.html`.
//! - Mails: `confirmation_instructions`; `confirm_notice` if a password was chosen with the link.
//! - Events: `ConfirmInstructionsSent`, `UserConfirmed`, `UserDeleted`, `LinkRefused`.
//! - Refusals: `invalid_input` (and those of a new password), `invalid_link`, `saturated`, `csrf_failed`,
//!   `cross_site`, `throttled`, `unavailable`.
//!
//! ```text
//! POST /confirm {"email": "ann@example.org"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//! POST /confirm/0jyx… {}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"": ["…"]}, "reasons": ["invalid_link"]}}
//! ```
//!
//! # Details
//!
//! - While the feature is enabled, a login to an unconfirmed account is refused as if the account did not
//!   exist.
//! - Opening the link changes nothing, because mail scanners open every link. Only the button confirms.
//! - A registered account that is not confirmed within two days is deleted with everything that belongs to
//!   it, so that a mistyped address and its username become free again. No link of such an account is valid
//!   for longer than the account exists.
//! - Accounts that an operator created or invited, and accounts that have been logged in to, are not deleted.
//! - With `log_in`, confirming logs the user in. If the account has a second factor, it is asked for first.

use std::sync::Arc;

use rocket::{Route, State, async_trait, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{Config, Span};
use crate::datastore::lapse::Lapse;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::UserChange;
use crate::datastore::{LapseStore, Together};
use crate::error::{Faults, Result};
use crate::event::Event;
use crate::feature::{
    Announcer, Change, Feature, Hooks, Installation, LoginAttempt, Registering, Registration,
    Sweeping, Verdict,
};
use crate::flow::Flow;
use crate::flow::lapse::delete_lapsed;
use crate::link::{
    self, LinkRequest, LinkRequestForm, MailedLink, NewPassword, OpenLink, single_page,
};
use crate::rejection::{FieldErrors, Rejection};
use crate::template::{Embedded, page, templates};
use crate::text::Text;
use crate::user::{Email, Method, User};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::Submission;
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `confirm`. Its settings are `[default.security.confirm]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Confirm {
    /// Sets how long a link is valid; at most a day (NIST SP 800-63B-4, section 4.2.1.2). _Default:_ `"24h"`.
    pub within: Span,
    /// Sets where to go after confirming. _Default:_ the login page.
    pub post_confirm_view: Option<View>,
    /// Sets where a mailed link leads in [single-page mode](crate::guide::single_page).
    /// _Default:_ `post_confirm_view`.
    pub confirm_view: Option<View>,
    /// Sets where an invalid link leads in that mode. _Default:_ `confirm_view`.
    pub confirm_error_view: Option<View>,
    /// Sets whether confirming logs the user in, after a second factor if the user has one. _Default:_
    /// `false`.
    pub log_in: bool,
}

impl Default for Confirm {
    fn default() -> Self {
        Self {
            within: link::LONGEST,
            post_confirm_view: None,
            confirm_view: None,
            confirm_error_view: None,
            log_in: false,
        }
    }
}

const PAGE: Embedded = page!("confirm");

const LINK_PAGE: Embedded = page!("confirm_link");

const TEMPLATES: &[Embedded] =
    templates![PAGE, LINK_PAGE; "confirmation_instructions", "confirm_notice"];

/// Creates the notice. It names the account, because another one may be logged in here.
fn is_confirmed(user: &User, logs_in: bool) -> Notice {
    let text = if logs_in {
        Text::new("confirm.confirmed", "The email address {email} is confirmed.")
    } else {
        let words = "The email address {email} is confirmed. You can log in now.";
        Text::new("confirm.confirmed.log_in", words)
    };
    Notice::success(text.with("email", &user.email))
}

const LINK_IS_SENT: Notice = Notice::info(Text::new(
    "confirm.link_is_sent",
    "If this address has an account that needs to be confirmed, we'll send it a new link.",
));

impl<D: LapseStore> Feature<D> for Confirm {
    const NAME: &'static str = "confirm";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(link::check_lifetime("confirm.within", self.within));
        let has_view = self.confirm_view.is_some() || self.post_confirm_view.is_some();
        faults.note(config.require_view("confirm.confirm_view", has_view));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_confirm_view.as_ref().map_or("/login", View::as_str);
        let mut urls = vec![
            ("confirm", "/confirm".to_owned()),
            ("confirm_link", link::page_path::<Self>()),
            ("after_confirm", next.to_owned()),
        ];
        let view = self.confirm_view.as_ref().or(self.post_confirm_view.as_ref());
        urls.extend(single_page::urls::<Self>(view, self.confirm_error_view.as_ref()));
        urls
    }

    fn routes(&self) -> Vec<Route> {
        [routes![show, submit], link::routes::<Self>()].concat()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let store: Arc<dyn LapseStore> = at.store();
        at.manage(self.clone());
        at.hooks(OnlyConfirmed);
        at.registering(Confirmation { settings: self.clone() });
        at.sweeping(Unconfirmed { store });
        Ok(())
    }
}

const LINK_REQUEST: LinkRequest = LinkRequest::new("confirm", PAGE.0, LINK_IS_SENT);

#[get("/confirm?<next>")]
fn show(visit: Visit<'_>, next: Option<&str>) -> Reply {
    LINK_REQUEST.show(next.and_then(|next| visit.next(next)))
}

#[post("/confirm?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    confirm: &State<Confirm>,
    next: Option<&str>,
    submitted: Submission<LinkRequestForm>,
) -> HandlerResult {
    let next = submitted.next(&visit, next);
    let write = |email: &Email, at| confirm.mail(Addressee::Holder, email, at);
    LINK_REQUEST.submit(&visit, flow, next, submitted, write).await
}

impl Confirm {
    fn mail(&self, addressee: Addressee, email: &Email, at: Timestamp) -> Result<NewMail> {
        let mail = NewMail::new(
            &Text::new("confirmation_instructions", "Confirm your email address"),
            email,
            at,
        )?;
        let mail = mail.concerns(addressee).link(Self::PURPOSE, self.within);
        Ok(NewMail { only_unconfirmed: true, ..mail })
    }
}

#[async_trait]
impl MailedLink for Confirm {
    const PURPOSE: &'static str = "confirm";
    const VIEW: &'static str = "confirm_view";
    const ERROR_VIEW: &'static str = "confirm_error_view";
    const DONE: Text = Text::new(
        "invalid_link.confirm",
        "This link was just used. Your email address is confirmed, and you can log in.",
    );
    type Form = NewPassword;

    fn page(&self, flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(LINK_PAGE.0)
            .with("email", link.map(|link| link.address.to_string()))
            .with("username", link.and_then(OpenLink::username))
            .with("needs_password", link.is_some_and(|link| !link.has_password))
            .with("password_min", flow.password_policy().min_length)
    }

    fn describe(&self, link: &OpenLink, reply: Reply) -> Reply {
        reply.with("password_required", !link.has_password)
    }

    /// Confirms the address, with the password that was chosen when registering, or with one that is chosen
    /// now. An account has no password if none was given, or if two people registered the address.
    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        form: NewPassword,
    ) -> Result<(Change, UserChange), Rejection> {
        let password_hash = if !link.has_password || form.password.is_some() {
            Some(form.hash(visit, flow, link).await?)
        } else {
            None
        };
        let event = Event::UserConfirmed { user: link.user.id, origin: visit.origin() };
        let mut mails = Vec::new();
        if password_hash.is_some() {
            let subject = Text::new("confirm_notice", "Your password was set");
            mails.push(flow.notice(visit, &subject, &link.user, &link.address)?);
        }
        let update = UserChange::confirmed(visit.now(), password_hash);
        Ok((flow.change(event).mail(mails), update))
    }

    /// Asks for a password: the address was registered again, with another password, since the link was
    /// opened.
    fn inapplicable(&self, _visit: &Visit<'_>) -> Rejection {
        FieldErrors::one("password", Text::new("password_invalid", "Choose a password.")).into()
    }

    async fn reply(&self, visit: &Visit<'_>, flow: &Flow, user: User) -> Result<Reply, Rejection> {
        let next = visit.site().url("after_confirm").unwrap_or_else(Next::home);
        let logs_in_by = self.log_in.then(|| Method::Link("confirm".into()));
        let notice = is_confirmed(&user, self.log_in);
        Ok(link::go_on(visit, flow, user, logs_in_by, next).await?.notice(notice))
    }
}

/// Mails the link that confirms a new account.
struct Confirmation {
    settings: Confirm,
}

/// Refuses logins to accounts whose address is not confirmed.
struct OnlyConfirmed;

#[async_trait]
impl Hooks for OnlyConfirmed {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(match attempt.user.confirmed_at {
            Some(_) => Verdict::Allow,
            None => Verdict::Refuse(Rejection::InvalidCredentials),
        })
    }
}

#[async_trait]
impl Registering for Confirmation {
    async fn after_register(&self, registration: &Registration<'_>) -> Result<Together> {
        let Registration { user_id, email, at, .. } = *registration;
        Ok(Together::mail(vec![self.settings.mail(Addressee::User(user_id), email, at)?]))
    }

    fn awaits_confirmation(&self) -> bool {
        true
    }
}

/// Deletes unconfirmed accounts.
struct Unconfirmed {
    store: Arc<dyn LapseStore>,
}

#[async_trait]
impl Sweeping for Unconfirmed {
    async fn sweep(&self, now: Timestamp, announcer: &Announcer) -> Result<u64> {
        delete_lapsed(&self.store, announcer, Lapse::Unconfirmed, now, |_| Ok(None)).await
    }
}

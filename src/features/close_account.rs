//! Lets users close their account, which is deleted after two weeks unless they reopen it.
//!
//! It is off by default; `Security::default().enable(CloseAccount::default())` switches it on. The user
//! confirms it with the password at `/close-account`, is logged out everywhere, and gets a mail with a link.
//! The link reopens the account until it is deleted.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::config::Span;
//! use rocket_security::features::close_account::CloseAccount;
//!
//! let mut close_account = CloseAccount::default();
//! close_account.grace = Span::hours(30 * 24);
//! let security = Security::default().enable(close_account);
//! # drop(security);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /close-account` | what happens, and the form | 200 `grace`, `user`, `csrf_token` |
//! | `POST /close-account` `password` | 303 to `post_close_account_view` | 200 `deleted_at`, `csrf_token` |
//! | `GET /close-account/<token>` | 303 to `/close-account/link`, the token in a cookie | 200 `deleted_at`, or 400 for an invalid link; changes nothing |
//! | `GET /close-account/link` | the button that reopens the account, or why the link is not valid | as above |
//! | `POST /close-account/link` `token` | 303 to the login page | 200 `csrf_token` |
//! | `POST /close-account/<token>` | the same, for programs | the same |
//!
//! | setting `[default.security.close_account]` | default |
//! |---|---|
//! | `grace` | `"14days"` |
//! | `post_close_account_view` | the home page |
//! | `reopen_view`, `reopen_error_view` | where the link leads in [single-page mode](crate::guide::single_page), which requires `reopen_view` |
//!
//! - Templates: `security/close_account.html`, `security/close_account_link.html`.
//! - Mails: `close_account_notice` with the link that reopens the account; `close_account_reopened`;
//!   `close_account_deleted` once everything is deleted.
//! - Events: `UserClosed`, `UserReopened`, `UserDeleted`, `UserFailedAuthn`, `LinkRefused`.
//! - Refusals: `unauthenticated`, `reauth_required`, `invalid_input` (`invalid_password`), `invalid_link`,
//!   `csrf_failed`, `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! POST /close-account {"password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"deleted_at": "2027-01-15T09:30:00Z", "csrf_token": "…"}}
//! ```
//!
//! # Details
//!
//! **Closing** requires a fresh login, and the password of a user who has one. All sessions end at once, and
//! logins are refused as if the account did not exist.
//!
//! **Reopening.** The owner can reopen the account with the link until `grace` is over. A notice that could
//! not be sent for as long as `grace` goes out without the link. The account is then as it was, including
//! password and username. Page and mail say what to do for an owner who did not close it, or did not choose
//! that username. Once the account is open again, however that came about, the link is no longer valid and
//! changes nothing.
//!
//! **Deletion.** The account is deleted within ten minutes after `grace` is over, and its address is free. It
//! is kept longer while a mailed link is valid that reopens it, or that undoes an earlier [change of
//! address](crate::features::change_email). The reasoning is in SECURITY.md.
//!
//! | table | what happens to its rows |
//! |---|---|
//! | `security_users`, `security_users_roles`, `security_track`, `security_credentials` | deleted |
//! | `security_sessions`, `security_one_time_tokens`, `security_personal_tokens` | deleted; sessions, links and tokens end when the account is closed |
//! | `security_outbox` | mails that name the user are deleted, and the last mail names none. A mail that names the holder of an address, such as a link requested at `/reset`, is dropped when it is due, because the account no longer exists. Of a mail that could not be delivered, such as the last one to a mailbox that is gone, the address stays until 30 days after it was written |
//! | `security_attempts` | hold keyed digests only, and are deleted within a day after they no longer count |
//! | `security_audit`, with the feature [`audit`](crate::features::audit) | stay, with the id of the user and the network addresses of what they did, and without the email address |
//! | tables of the application | as their foreign keys to `security_users (id)` say; or the application listens for `UserDeleted` |

use std::sync::Arc;

use rocket::{Route, State, async_trait, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, in_words};
use crate::config::{Config, Span};
use crate::datastore::LapseStore;
use crate::datastore::lapse::Lapse;
use crate::datastore::outbox::NewMail;
use crate::datastore::user::UserChange;
use crate::error::{Faults, Result};
use crate::event::Event;
use crate::feature::{Announcer, Change, Feature, Installation, Sweeping};
use crate::flow::Flow;
use crate::flow::lapse::delete_lapsed;
use crate::link::{self, Button, MailedLink, OpenLink, single_page};
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::template::{Embedded, page, templates};
use crate::text::Text;
use crate::user::User;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `close_account`. Its settings are `[default.security.close_account]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CloseAccount {
    /// Sets how long a closed account can be reopened before it is deleted. It is kept longer while a mailed
    /// link that reopens it, or that undoes a change of address, is still valid. _Default:_ `"14days"`.
    pub grace: Span,
    /// Sets where to go afterwards. _Default:_ the home page.
    pub post_close_account_view: Option<View>,
    /// Sets where a mailed link leads in [single-page mode](crate::guide::single_page). _Default:_ none; that
    /// mode requires it.
    pub reopen_view: Option<View>,
    /// Sets where an invalid link leads in that mode. _Default:_ `reopen_view`.
    pub reopen_error_view: Option<View>,
}

impl Default for CloseAccount {
    fn default() -> Self {
        Self {
            grace: Span::hours(14 * 24),
            post_close_account_view: None,
            reopen_view: None,
            reopen_error_view: None,
        }
    }
}

const PAGE: Embedded = page!("close_account");

const LINK_PAGE: Embedded = page!("close_account_link");

const TEMPLATES: &[Embedded] = templates![PAGE, LINK_PAGE; "close_account_notice", "close_account_reopened", "close_account_deleted"];

const CLOSED: Notice = Notice::info(Text::new(
    "close_account.closed",
    "Your account is closed. We sent you an email with a link to reopen it.",
));

/// Creates the notice. It names the account, because another one may be logged in here.
fn is_reopened(user: &User) -> Notice {
    let words = "The account {email} is open again. You can log in now.";
    Notice::success(Text::new("close_account.reopened", words).with("email", &user.email))
}

impl<D: LapseStore> Feature<D> for CloseAccount {
    const NAME: &'static str = "close_account";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(config.require_view("close_account.reopen_view", self.reopen_view.is_some()));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_close_account_view.as_ref().map_or("/", View::as_str);
        let mut urls = vec![
            ("close_account", "/close-account".to_owned()),
            ("close_account_link", link::page_path::<Self>()),
            ("after_close_account", next.to_owned()),
        ];
        let (view, error_view) = (self.reopen_view.as_ref(), self.reopen_error_view.as_ref());
        urls.extend(single_page::urls::<Self>(view, error_view));
        urls
    }

    fn routes(&self) -> Vec<Route> {
        [routes![show, submit], link::routes::<Self>()].concat()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let store: Arc<dyn LapseStore> = at.store();
        at.manage(self.clone());
        at.sweeping(Deletion { store });
        Ok(())
    }
}

/// What is submitted to `/close-account`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CloseForm {
    password: Secret<String>,
}

impl Form for CloseForm {
    const SECRET: &'static [&'static str] = &["password"];
}

#[get("/close-account")]
async fn show(
    visit: Visit<'_>,
    flow: &State<Flow>,
    settings: &State<CloseAccount>,
) -> HandlerResult {
    let active = flow.require_fresh(&visit).await?;
    Ok(Reply::page(page(&visit, flow, settings).await?)
        .with("grace", settings.grace)
        .with("user", visit.site().payload(&active.user).await?))
}

#[post("/close-account", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    settings: &State<CloseAccount>,
    submitted: Submission<CloseForm>,
) -> HandlerResult {
    flow.require_user(&visit).await?;
    match close(&visit, flow, settings, submitted).await {
        Ok(deleted_at) => {
            let next = visit.site().url("after_close_account").unwrap_or_else(Next::home);
            Ok(Reply::redirect(next).with("deleted_at", deleted_at).notice(CLOSED))
        }
        Err(rejection) => Err(page(&visit, flow, settings).await?.refuse(rejection)),
    }
}

/// Closes the account, and returns when it will be deleted.
async fn close(
    visit: &Visit<'_>,
    flow: &Flow,
    settings: &CloseAccount,
    submitted: Submission<CloseForm>,
) -> Result<Timestamp, Rejection> {
    let form = submitted.read()?;
    let user = &flow.require_fresh(visit).await?.user;
    if flow.has_password(user).await? {
        flow.check_own_password(visit, user, &form.password).await?;
    }
    let deleted_at = visit.now() + settings.grace.delta();
    let event = Event::UserClosed { user: user.id, origin: visit.origin() };
    let notice = flow
        .notice(
            visit,
            &Text::new("close_account_notice", "Your account was closed"),
            user,
            &user.email,
        )?
        .with("deleted_on", in_words(deleted_at))
        .lasting_link(CloseAccount::PURPOSE, settings.grace);
    let closing = UserChange::closing(deleted_at).unless_changed_since(user.epoch);
    let change = flow.change(event).mail([notice]);
    let closed =
        change.commit(async |with| flow.store().update_user(user.id, &closing, with).await).await?;
    closed.ok_or(Rejection::Unauthenticated)?;
    visit.site().sessions().forget(visit.request());
    Ok(deleted_at)
}

#[async_trait]
impl MailedLink for CloseAccount {
    const PURPOSE: &'static str = "close_account";
    const VIEW: &'static str = "reopen_view";
    const ERROR_VIEW: &'static str = "reopen_error_view";
    const DONE: Text = Text::new(
        "invalid_link.close_account",
        "This link was just used. Your account was reopened, and you can log in.",
    );
    type Form = Button;

    fn page(&self, _flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(LINK_PAGE.0)
            .with("email", link.map(|link| link.user.email.to_string()))
            .with("username", link.and_then(OpenLink::username))
    }

    fn describe(&self, link: &OpenLink, reply: Reply) -> Reply {
        reply.with("deleted_at", link.user.closes_at)
    }

    /// Refuses the link if the account is open.
    async fn check(
        &self,
        _visit: &Visit<'_>,
        _flow: &Flow,
        link: &OpenLink,
    ) -> Result<(), Rejection> {
        link.user.closes_at.map(|_| ()).ok_or(Rejection::InvalidLink)
    }

    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        _form: Button,
    ) -> Result<(Change, UserChange), Rejection> {
        let user = &link.user;
        let event = Event::UserReopened { user: user.id, origin: visit.origin() };
        let subject = Text::new("close_account_reopened", "Your account was reopened");
        let notice = flow.notice(visit, &subject, user, &user.email)?;
        // The account was closed when it was read. If another link reopens it at this moment, this
        // one does nothing.
        let update = UserChange::reopened().unless_changed_since(user.epoch);
        Ok((flow.change(event).mail([notice]), update))
    }

    async fn reply(&self, visit: &Visit<'_>, _flow: &Flow, user: User) -> Result<Reply, Rejection> {
        let login = visit.site().url("login").unwrap_or_else(Next::home);
        Ok(Reply::redirect(login).notice(is_reopened(&user)))
    }
}

async fn page(visit: &Visit<'_>, flow: &Flow, settings: &CloseAccount) -> Result<Page, Rejection> {
    let has_password = match visit.user() {
        Some(user) => flow.has_password(user).await?,
        None => true,
    };
    let page = Page::new(PAGE.0).with("grace", settings.grace.to_string());
    Ok(page.with("has_password", has_password))
}

/// Deletes closed accounts whose time is over.
struct Deletion {
    store: Arc<dyn LapseStore>,
}

#[async_trait]
impl Sweeping for Deletion {
    async fn sweep(&self, now: Timestamp, announcer: &Announcer) -> Result<u64> {
        let farewell = |user: &User| {
            let subject = Text::new("close_account_deleted", "Your account was deleted");
            NewMail::new(&subject, &user.email, now).map(Some)
        };
        delete_lapsed(&self.store, announcer, Lapse::Closed, now, farewell).await
    }
}

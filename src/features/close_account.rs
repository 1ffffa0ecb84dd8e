//! Closing one's account.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /close-account` | what happens, and the form | 200 `grace`, `user`, `csrf_token` |
//! | `POST /close-account` `password` | 303 to `post_close_account_view` | 200 `deleted_at`, `csrf_token` |
//! | `GET /close-account/<token>` | 303 to `/close-account/link`, the token in a cookie | 200 `deleted_at`, or 400 for a bad link; changes nothing |
//! | `GET /close-account/link` | the button that opens it again, or why the link is not valid | as above |
//! | `POST /close-account/link` `token` | 303 to the login page | 200 `csrf_token` |
//! | `POST /close-account/<token>` | the same, for programs | the same |
//!
//! | setting `[default.security.close_account]` | default |
//! |---|---|
//! | `grace` | `"14days"` |
//! | `post_close_account_view` | the home page |
//! | `reopen_view`, `reopen_error_view` | where the way back leads in [single-page mode](crate::guide::single_page), which needs the first |
//!
//! Templates: `security/close_account.html`, `security/close_account_link.html`. Mails:
//! `close_account_notice` with the way back, `close_account_reopened`, `close_account_deleted` once
//! everything is gone. Events: `UserClosed`, `UserReopened`, `UserDeleted`, `UserFailedAuthn`.
//! Refusals: `unauthenticated`, `reauth_required`, `invalid_input` (`invalid_password`),
//! `invalid_link`, `csrf_failed`, `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! POST /close-account {"password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"deleted_at": "2027-01-15T09:30:00Z", "csrf_token": "…"}}
//! ```
//!
//! It asks for freshness and for the password. From that moment on all its sessions are
//! ended and logins are refused as if the account did not exist. Its owner can open it again
//! with the link until `grace` is over; a notice that could not be sent for so long goes out without
//! it. It is then as it was, password and username included; page and mail say what to do for an owner who
//! did not close it, or did not choose that name. Once it is open again, by whatever way, the link is not
//! valid any more, and changes nothing.
//!
//! When `grace` is over, and no way back that was mailed before lasts any longer, it is deleted within
//! ten minutes, and its address is free. So a thief who moves an account to an address of theirs and
//! closes it then does not get it deleted before its owner's way back ends, however short `grace` is.
//!
//! | table | what becomes of its rows |
//! |---|---|
//! | `security_users`, `security_users_roles`, `security_track`, `security_credentials` | deleted |
//! | `security_sessions`, `security_one_time_tokens`, `security_personal_tokens` | deleted; sessions, links and tokens end with the closing |
//! | `security_outbox` | mails that name the user are deleted, and the last one names none. One that names the holder of an address, such as a link requested at `/reset`, is dropped when it is due, because there is no such account. Of a mail that was given up, such as the last one to a mailbox that is gone, the address stays until 30 days after it was written |
//! | `security_attempts` | hold keyed digests only, and go within a day after they count for anything |
//! | `security_audit`, with the feature `audit` | stay, with the id of the user and the network addresses of what they did, and without the e-mail address: each row is chained to the next, so that none can be taken out without it being seen, and a thief who has an account deleted does not delete what he did |
//! | an application's own | whatever its foreign keys to `security_users (id)` say; or it listens for `UserDeleted` |

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

/// The feature `close_account`; its value is `[default.security.close_account]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CloseAccount {
    /// Sets how long a closed account can be opened again before it is deleted. It is kept for longer while
    /// a way back that was mailed lasts. _Default:_ `"14days"`.
    pub grace: Span,
    /// Sets where to go afterwards. _Default:_ the home page.
    pub post_close_account_view: Option<View>,
    /// Sets where a mailed link leads in [single-page mode](crate::guide::single_page).
    /// _Default:_ none, and no launch in that mode.
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

/// Names the account: another one may be logged in here.
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

/// Closes the account, and says when it is deleted.
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

    /// Refuses to open what is open.
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
        // It was closed when it was looked at: another link that opens it at this moment makes this one
        // do nothing.
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

/// Deletes accounts whose time has come.
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

//! Moving an account to another address.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /change-email` | the form | 200 `current_email`, `user`, `csrf_token` |
//! | `POST /change-email` `email` | 303 to `post_change_email_view` | the same |
//! | `GET /change-email/<token>` | 303 to `/change-email/link`, the token in a cookie | 200 `current_email`, `new_email`, or 400 for a bad link; changes nothing |
//! | `GET /change-email/link` | a button, or why the link is not valid | as above |
//! | `POST /change-email/link` `token` | 303 to `post_change_email_view` | 200 `user`, `csrf_token` |
//! | `POST /change-email/<token>` | the same, for programs | the same |
//! | `GET /change-email-undo/<token>`, `GET /change-email-undo/link` | as those above, for the way back | 200, or 400 |
//! | `POST /change-email-undo/link` `token`, `POST /change-email-undo/<token>` | 303 to `/reset`, or to the login page where there is none | 200 `csrf_token` |
//!
//! | setting `[default.security.change_email]` | default |
//! |---|---|
//! | `within` | `"2h"` |
//! | `undo_within` | `"7days"` |
//! | `post_change_email_view` | the home page |
//! | `change_email_view`, `change_email_error_view` | where a link leads in [single-page mode](crate::guide::single_page), which needs the first, or `post_change_email_view` |
//! | `change_email_undo_view`, `change_email_undo_error_view` | where the way back leads then; that mode needs the first |
//!
//! Templates: `security/change_email.html`, `security/change_email_link.html`,
//! `security/change_email_undo_link.html`. Mails: `change_email_instructions` with the link to the new
//! address, `change_email_existing` to the owner of an address that has an account already,
//! `change_email_notice` with the way back to the old address, `change_email_confirmed` to the new
//! one; `change_email_undone` to both after an undo. Events: `ChangeEmailInstructionsSent`,
//! `ChangeEmailConfirmed`, `ChangeEmailUndone`. Refusals: `unauthenticated`, `reauth_required`,
//! `invalid_input` (`email_invalid`, `email_unchanged`), `invalid_link`, `email_taken`,
//! `csrf_failed`, `cross_site`, `throttled`, `unavailable`.
//!
//! ```text
//! POST /change-email {"email": "ann@example.net"}
//!   200 {"meta": {"code": 200}, "response": {"current_email": "ann@example.org", "user": {…}, "csrf_token": "…"}}
//!   401 {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["reauth_required"], "reauth_required": true}}
//! POST /change-email/0jyx… {}
//!   200 {"meta": {"code": 200}, "response": {"user": {"email": "ann@example.net", …}, "csrf_token": "…"}}
//! ```
//!
//! The new address proves itself by the link, which is good in a browser only in which its own account
//! is logged in: an address that was mistyped gives nobody the account. The answer to whoever asks
//! is the same whether the address has an account or not, and whether mail goes out or not: an
//! account can have five an hour sent to an address, and an address gets twenty an hour.
//! The [limit on mails of all kinds](crate::flow::limits) holds, too.
//!
//! A change ends every session and every link of the account; the browser that pressed the button goes
//! on with a new session.
//!
//! # The way back
//!
//! Within `undo_within` the old address can take the account back, whatever has become of it since:
//!
//! | what | after an undo |
//! |---|---|
//! | the address | the old one |
//! | the password | none, for whoever changed the address knew it. The feature `reset` mails a link to choose another; where it is not enabled, page and mail send their reader to whoever runs the site, who needs a way of their own to give one, such as [`UserChange::password`] |
//! | sessions, links, later ways back | ended |
//! | an account that was closed meanwhile | open again |
//! | the username | as it is: an older one may be somebody else's by now. Page and mail name it, and where to change it |
//!
//! The link takes an account out of other hands, and opens it for nobody: as long as it works, a day at
//! least, it would be too long for one that does (NIST SP 800-63B-4, section 4.2.1.2).
//!
//! It cannot be given up before its time, not even by whoever moved because the old mailbox is in other
//! hands: a thief who has the session and the password looks no different, and would give it up first.
//! Where that matters more than a thief who goes unnoticed for days, set `undo_within` to `"24h"`.
//!
//! The time runs from when the notice is sent; one that could not be sent for so long goes out without
//! the way back.
//!
//! [`UserChange::password`]: crate::datastore::user::UserChange::password

mod undo;

use rocket::http::Status;
use rocket::{Route, State, async_trait, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{Config, Span};
use crate::crypto::one_time::Token;
use crate::crypto::random_uuid;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::UserChange;
use crate::error::{Error, Faults, Result};
use crate::event::Event;
use crate::feature::{Change, Feature, Installation};
use crate::features::change_email::undo::Undo;
use crate::flow::Flow;
use crate::link::{self, Button, MailedLink, OpenLink, single_page};
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::template::Embedded;
use crate::user::{Email, Identity, User};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{Answer, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `change_email`; its value is `[default.security.change_email]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ChangeEmail {
    /// How long the new address may prove itself; at most a day (NIST SP 800-63B-4, section
    /// 4.2.1.2). _Default:_ `"2h"`.
    pub within: Span,
    /// How long the old address can take the account back; at least a day. _Default:_ `"7days"`.
    pub undo_within: Span,
    /// Where to go afterwards. _Default:_ the home page.
    pub post_change_email_view: Option<View>,
    /// Where a mailed link leads in [single-page mode](crate::guide::single_page).
    /// _Default:_ `post_change_email_view`.
    pub change_email_view: Option<View>,
    /// Where one that is no good leads then. _Default:_ `change_email_view`.
    pub change_email_error_view: Option<View>,
    /// Where the way back leads in that mode. _Default:_ none, and no launch in that mode.
    pub change_email_undo_view: Option<View>,
    /// Where a way back that is no good leads then. _Default:_ `change_email_undo_view`.
    pub change_email_undo_error_view: Option<View>,
}

impl Default for ChangeEmail {
    fn default() -> Self {
        Self {
            within: Span::hours(2),
            undo_within: Span::hours(7 * 24),
            post_change_email_view: None,
            change_email_view: None,
            change_email_error_view: None,
            change_email_undo_view: None,
            change_email_undo_error_view: None,
        }
    }
}

/// Mail may be under way for hours, and its reader asleep.
const SHORTEST_UNDO: Span = Span::hours(24);

const PAGE: Embedded =
    ("security/change_email.html", include_str!("../../../templates/security/change_email.html"));

const LINK_PAGE: Embedded = (
    "security/change_email_link.html",
    include_str!("../../../templates/security/change_email_link.html"),
);

const TEMPLATES: &[Embedded] = &[
    PAGE,
    LINK_PAGE,
    undo::PAGE,
    (
        "security/email/change_email_instructions.txt",
        include_str!("../../../templates/security/email/change_email_instructions.txt"),
    ),
    (
        "security/email/change_email_instructions.html",
        include_str!("../../../templates/security/email/change_email_instructions.html"),
    ),
    (
        "security/email/change_email_existing.txt",
        include_str!("../../../templates/security/email/change_email_existing.txt"),
    ),
    (
        "security/email/change_email_existing.html",
        include_str!("../../../templates/security/email/change_email_existing.html"),
    ),
    (
        "security/email/change_email_notice.txt",
        include_str!("../../../templates/security/email/change_email_notice.txt"),
    ),
    (
        "security/email/change_email_notice.html",
        include_str!("../../../templates/security/email/change_email_notice.html"),
    ),
    (
        "security/email/change_email_confirmed.txt",
        include_str!("../../../templates/security/email/change_email_confirmed.txt"),
    ),
    (
        "security/email/change_email_confirmed.html",
        include_str!("../../../templates/security/email/change_email_confirmed.html"),
    ),
    (
        "security/email/change_email_undone.txt",
        include_str!("../../../templates/security/email/change_email_undone.txt"),
    ),
    (
        "security/email/change_email_undone.html",
        include_str!("../../../templates/security/email/change_email_undone.html"),
    ),
];

const LINK_IS_SENT: Notice = Notice::info(
    "Check the mail at the new address: we sent a link to it. Until you follow it, nothing changes.",
);

const CHANGED: Notice = Notice::success("Your email address is changed.");

impl<D> Feature<D> for ChangeEmail {
    const NAME: &'static str = "change_email";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        let has_view = self.change_email_view.is_some() || self.post_change_email_view.is_some();
        faults.note(config.require_view("change_email.change_email_view", has_view));
        let has_undo_view = self.change_email_undo_view.is_some();
        let key = "change_email.change_email_undo_view";
        faults.note(config.require_view(key, has_undo_view));
        faults.note(link::check_lifetime("change_email.within", self.within));
        if self.undo_within < SHORTEST_UNDO {
            faults.push(Error::config(
                "change_email.undo_within",
                "is shorter than a day, and mail may take longer",
                "Set it to \"24h\" or more",
            ));
        }
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_change_email_view.as_ref().map_or("/", View::as_str);
        let mut urls = vec![
            ("change_email", "/change-email".to_owned()),
            ("change_email_link", link::page_path::<Self>()),
            ("change_email_undo_link", link::page_path::<Undo>()),
            ("after_change_email", next.to_owned()),
        ];
        let view = self.change_email_view.as_ref().or(self.post_change_email_view.as_ref());
        urls.extend(single_page::urls::<Self>(view, self.change_email_error_view.as_ref()));
        let undo_view = self.change_email_undo_view.as_ref();
        let undo_error_view = self.change_email_undo_error_view.as_ref();
        urls.extend(single_page::urls::<Undo>(undo_view, undo_error_view));
        urls
    }

    fn routes(&self) -> Vec<Route> {
        [routes![show, submit], link::routes::<Self>(), link::routes::<Undo>()].concat()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.manage(self.clone());
        at.manage(Undo);
        Ok(())
    }
}

/// What is submitted to `/change-email`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeEmailForm {
    email: String,
}

impl Form for ChangeEmailForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/change-email")]
async fn show(visit: Visit<'_>, flow: &State<Flow>) -> Answer {
    let active = flow.require_fresh(&visit).await?;
    reply(&visit, Reply::page(page(&active.user)), &active.user).await
}

#[post("/change-email", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    settings: &State<ChangeEmail>,
    submitted: Submission<ChangeEmailForm>,
) -> Answer {
    let user = &flow.require_user(&visit).await?.user;
    let page = page(user).typed(submitted.typed());
    match ask(&visit, flow, settings, submitted).await {
        Ok(()) => {
            let next = visit.url("after_change_email").unwrap_or_else(Next::home);
            reply(&visit, Reply::redirect(next).notice(LINK_IS_SENT), user).await
        }
        Err(rejection) => Err(page.refuse(rejection)),
    }
}

/// Puts mail into the outbox: a link for the new address, or word for its owner.
async fn ask(
    visit: &Visit<'_>,
    flow: &Flow,
    settings: &ChangeEmail,
    submitted: Submission<ChangeEmailForm>,
) -> Result<(), Rejection> {
    let form = submitted.read()?;
    let user = &flow.require_fresh(visit).await?.user;
    flow.limits().admit(visit, "change_email").await?;
    let email = Email::parse(&form.email)
        .map_err(|fault| FieldErrors::one("email", "email_invalid", fault.to_string()))?;
    if email.as_str() == user.email.as_str() {
        let text = "This is the address you have already.";
        return Err(FieldErrors::one("email", "email_unchanged", text).into());
    }
    let may_mail = flow.limits().may_mail_for(visit, user.id, "change_email", &email).await?;
    let holder = flow.store().find_credentials(&Identity::Email(email.clone())).await?;
    // One that was registered and that nobody confirmed keeps nobody from their address.
    let is_taken =
        holder.is_some_and(|holder| holder.user.id != user.id && holder.user.expires_at.is_none());
    if may_mail {
        // The same moment for both, or a link asked for in between would tell.
        let at = visit.clock().now();
        settings.end_older_links(flow, user, at).await?;
        let mail = if is_taken {
            let subject = "Somebody wants to use your address";
            NewMail::new("change_email_existing", subject, &email, at)?.concerns(Addressee::Holder)
        } else {
            settings.instructions(user, &email, at)?
        };
        flow.post(mail, &visit.origin()).await?;
    }
    Ok(())
}

impl ChangeEmail {
    /// Ends the links that the asker has, before anybody knows whether another will come: by what
    /// becomes of one that they read at an address of their own, they would see it.
    async fn end_older_links(
        &self,
        flow: &Flow,
        user: &User,
        at: Timestamp,
    ) -> Result<(), Rejection> {
        let held_by_nobody = OneTimeToken {
            digest: Token::random()?.digest(),
            purpose: Self::PURPOSE.to_owned(),
            user_id: user.id,
            address: user.email.as_str().to_owned(),
            mail_id: random_uuid()?,
            lasting: false,
            asked_at: at,
            expires_at: at + self.within.delta(),
        };
        flow.store().create_token(&held_by_nobody, user.epoch).await?;
        Ok(())
    }

    /// Writes the mail by which an address proves itself, pointless once the account has changed.
    fn instructions(&self, user: &User, to: &Email, at: Timestamp) -> Result<NewMail> {
        let subject = "Confirm your new email address";
        let mail = NewMail::new("change_email_instructions", subject, to, at)?
            .concerns(Addressee::User(user.id))
            .link(Self::PURPOSE, self.within);
        Ok(NewMail { epoch: Some(user.epoch), ..mail })
    }

    /// Writes to the old address, with the way back, and to the new one.
    fn notices(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        user: &User,
        new: &Email,
    ) -> Result<Vec<NewMail>, Rejection> {
        let subject = "Your email address was changed";
        let to_old = flow
            .notice(visit, "change_email_notice", subject, user, &user.email)?
            .with("new_email", new.as_str())
            .lasting_link(Undo::PURPOSE, self.undo_within);
        let to_new = flow
            .notice(visit, "change_email_confirmed", subject, user, new)?
            .with("old_email", user.email.as_str());
        Ok(vec![to_old, to_new])
    }
}

#[async_trait]
impl MailedLink for ChangeEmail {
    const PURPOSE: &'static str = "change_email";
    const VIEW: &'static str = "change_email_view";
    const ERROR_VIEW: &'static str = "change_email_error_view";
    const DONE: &'static str = "This link was used just now: the account has the new address.";
    type Form = Button;

    fn page(&self, _flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(LINK_PAGE.0)
            .with("token", link.map(|link| link.token.reveal()))
            .with("current_email", link.map(|link| link.user.email.to_string()))
            .with("new_email", link.map(|link| link.address.to_string()))
    }

    fn show(&self, flow: &Flow, link: &OpenLink) -> Reply {
        Reply::page(self.page(flow, Some(link)))
            .with("current_email", link.user.email.as_str())
            .with("new_email", link.address.as_str())
    }

    /// Whoever gets mail at an address that was mistyped is not who asked for it.
    async fn check(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
    ) -> Result<(), Rejection> {
        let active = flow.require_user(visit).await?;
        if active.user.id == link.user.id { Ok(()) } else { Err(Rejection::InvalidLink) }
    }

    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        _form: Button,
    ) -> Result<(Change, UserChange), Rejection> {
        let user = &link.user;
        let event = Event::ChangeEmailConfirmed {
            user: user.id,
            old_email: Secret::new(user.email.to_string()),
            origin: visit.origin(),
        };
        let notices = self.notices(visit, flow, user, &link.address)?;
        let update = UserChange::email(link.address.clone(), visit.clock().now());
        flow.make_way(&link.address, &visit.origin()).await?;
        Ok((flow.change(event).mail(notices), update.unless_changed_since(user.epoch)))
    }

    /// The address has another account by now. The person who presses the button reads its mail, and may
    /// know.
    fn inapplicable(&self, _visit: &Visit<'_>) -> Rejection {
        email_taken("This address has an account of its own by now.")
    }

    async fn reply(&self, visit: &Visit<'_>, flow: &Flow, user: User) -> Result<Reply, Rejection> {
        let active = visit.active().ok_or(Rejection::Unauthenticated)?;
        flow.go_on(visit, &user, active).await?;
        let next = visit.url("after_change_email").unwrap_or_else(Next::home);
        let shown = flow.with_access_token(visit, &user, visit.payload(&user).await?).await?;
        Ok(Reply::redirect(next).with("user", shown).notice(CHANGED))
    }
}

/// Refuses an address that has another account.
fn email_taken(text: &str) -> Rejection {
    let (reason, status) = ("email_taken", Status::BadRequest);
    Rejection::Custom { reason, status, text: text.to_owned() }
}

fn page(user: &User) -> Page {
    Page::new(PAGE.0).with("current_email", user.email.as_str())
}

async fn reply(visit: &Visit<'_>, reply: Reply, user: &User) -> Answer {
    let shown = visit.payload(user).await?;
    Ok(reply.with("current_email", user.email.as_str()).with("user", shown))
}

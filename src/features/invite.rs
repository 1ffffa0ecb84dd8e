//! Invites people, who choose their own password with a link that is mailed to them.
//!
//! It is on by default; `Security::default().disable::<Invite>()` switches it off. The invited person gets a
//! mail with a link, chooses a password on the page behind it, and then logs in. You send invitations from
//! the command line with `rocket-security users invite`, or from a handler with [`Invite::send`]:
//!
//! ```
//! # use rocket::{State, post};
//! use rocket_security::features::invite::Invite;
//! use rocket_security::flow::Flow;
//! use rocket_security::web::visit::Visit;
//! use rocket_security::{Email, Rejection, RolesRequired};
//! # rocket_security::roles! { pub Admin = "admin"; }
//!
//! #[post("/members/<email>")]
//! async fn invite(
//!     _admin: RolesRequired<Admin>,
//!     visit: Visit<'_>,
//!     flow: &State<Flow>,
//!     invite: &State<Invite>,
//!     email: &str,
//! ) -> Result<&'static str, Rejection> {
//!     let email = Email::parse(email).map_err(|_| Rejection::Forbidden)?;
//!     Ok(match invite.send(flow, &email, visit.origin()).await? {
//!         Some(_) => "The invitation is on its way.",
//!         None => "This address already has an account.",
//!     })
//! }
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /invite/<token>` | 303 to `/invite/link`, the token in a cookie | 200 `email`, or 400 for an invalid link; changes nothing |
//! | `GET /invite/link` | the form for the password, or why the link is not valid | as above |
//! | `POST /invite/link` `password`, `password_confirm`, `token` | 303 to `post_invite_view` | 200 `csrf_token` |
//! | `POST /invite/<token>` | the same, for programs | the same |
//!
//! | setting `[default.security.invite]` | default |
//! |---|---|
//! | `within` | `"24h"` |
//! | `post_invite_view` | the login page |
//! | `invite_view`, `invite_error_view` | where a link leads in [single-page mode](crate::guide::single_page), which requires `invite_view` |
//!
//! - Templates: `security/invite_link.html`.
//! - Mails: `invitation`; `invite_notice` when it was accepted.
//! - Events: `UserInvited`, `InvitationSent`, `InvitationAccepted`; `LinkRefused`; `UserDeleted` for an
//!   unconfirmed account that had the address.
//! - Refusals: `invalid_input` (those of a new password), `invalid_link`, `csrf_failed`, `cross_site`,
//!   `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! POST /invite/0jyx… {"password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//! ```
//!
//! # Details
//!
//! - An invitation creates an account without a password. No password is ever mailed (ASVS 5.0, 6.4.1).
//! - Inviting an address again whose invitation was not accepted mails the link again.
//! - To require an invitation, set `security.register.admission` to `"by-invitation"`.

use rocket::{Route, async_trait};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{Config, Span};
use crate::crypto::random_uuid;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::{NewUser, UserChange, UserWithPassword};
use crate::error::{Faults, Result};
use crate::event::{Event, Origin};
use crate::feature::{Change, Feature, Installation};
use crate::flow::Flow;
use crate::link::{self, MailedLink, NewPassword, OpenLink, single_page};
use crate::rejection::Rejection;
use crate::template::{Embedded, page, templates};
use crate::text::Text;
use crate::user::{Email, Identity, User, UserId};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::Reply;
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `invite`. Its settings are `[default.security.invite]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Invite {
    /// Sets how long an invitation can be accepted; at most a day (NIST SP 800-63B-4, section 4.2.1.2).
    /// _Default:_ `"24h"`.
    pub within: Span,
    /// Sets where to go afterwards. _Default:_ the login page.
    pub post_invite_view: Option<View>,
    /// Sets where a mailed link leads in [single-page mode](crate::guide::single_page). _Default:_ none; that
    /// mode requires it.
    pub invite_view: Option<View>,
    /// Sets where an invalid link leads in that mode. _Default:_ `invite_view`.
    pub invite_error_view: Option<View>,
}

impl Default for Invite {
    fn default() -> Self {
        Self {
            within: link::LONGEST,
            post_invite_view: None,
            invite_view: None,
            invite_error_view: None,
        }
    }
}

const PAGE: Embedded = page!("invite_link");

const TEMPLATES: &[Embedded] = templates![PAGE; "invitation", "invite_notice"];

/// Creates the notice. It names the account, because another one may be logged in here.
fn is_accepted(user: &User) -> Notice {
    let words = "Welcome! Your account {email} is ready. You can log in now.";
    Notice::success(Text::new("invite.accepted", words).with("email", &user.email))
}

impl<D> Feature<D> for Invite {
    const NAME: &'static str = "invite";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(link::check_lifetime("invite.within", self.within));
        faults.note(config.require_view("invite.invite_view", self.invite_view.is_some()));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_invite_view.as_ref().map_or("/login", View::as_str);
        let mut urls =
            vec![("invite_link", link::page_path::<Self>()), ("after_invite", next.to_owned())];
        let (view, error_view) = (self.invite_view.as_ref(), self.invite_error_view.as_ref());
        urls.extend(single_page::urls::<Self>(view, error_view));
        urls
    }

    fn routes(&self) -> Vec<Route> {
        link::routes::<Self>()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.manage(self.clone());
        Ok(())
    }
}

impl Invite {
    /// Creates an account without a password, and mails its owner a link for choosing one.
    ///
    /// If the address has an invitation that was not accepted, the link is mailed again. A registered account
    /// that is unconfirmed is deleted first, because it is unknown whose it is. Returns `None`, and does
    /// nothing else, if the address has any other account, or an invited account that is switched off.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn send(
        &self,
        flow: &Flow,
        email: &Email,
        origin: Origin,
    ) -> Result<Option<User>, Rejection> {
        let at = origin.at;
        flow.make_way(email, &origin).await?;
        let id = UserId::from_uuid(random_uuid()?);
        let event = Event::UserInvited { user: id, origin: origin.clone() };
        let guest = Self::guest(id, email, at);
        let change = flow.change(event).mail([self.invitation(id, email, at)?]);
        let created =
            change.commit(async |with| flow.store().create_user(&guest, with).await).await?;
        if let Ok(user) = created {
            return Ok(Some(user));
        }
        let found = flow.store().find_credentials(&Identity::Email(email.clone())).await?;
        let Some(user) = found.filter(Self::is_waiting).map(|found| found.user) else {
            return Ok(None);
        };
        if !user.is_open() {
            return Ok(None);
        }
        // The address is spelled as in the account: to some mail servers another spelling is
        // another mailbox.
        flow.post(self.invitation(user.id, &user.email, at)?, &origin).await?;
        Ok(Some(user))
    }

    /// Returns the new account of an invited user. No one can log in to it yet.
    pub(crate) fn guest(id: UserId, email: &Email, at: Timestamp) -> NewUser {
        NewUser {
            id,
            email: email.clone(),
            username: None,
            password_hash: None,
            confirmed_at: None,
            expires_at: None,
            created_at: at,
        }
    }

    /// Returns `true` if the account was invited and has not accepted yet.
    pub(crate) fn is_waiting(account: &UserWithPassword) -> bool {
        account.user.confirmed_at.is_none() && account.password_hash.is_none()
    }

    /// Creates the mail with the link.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) if the system provides no randomness.
    pub(crate) fn invitation(&self, id: UserId, to: &Email, at: Timestamp) -> Result<NewMail> {
        let mail = NewMail::new(&Text::new("invitation", "You are invited"), to, at)?;
        let mail = mail.concerns(Addressee::User(id)).link(Self::PURPOSE, self.within);
        Ok(NewMail { only_unconfirmed: true, ..mail })
    }
}

#[async_trait]
impl MailedLink for Invite {
    const PURPOSE: &'static str = "invite";
    const VIEW: &'static str = "invite_view";
    const ERROR_VIEW: &'static str = "invite_error_view";
    const DONE: Text = Text::new(
        "invalid_link.invite",
        "This link was just used. Your account is ready, and you can log in.",
    );
    type Form = NewPassword;

    fn page(&self, flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(PAGE.0)
            .with("email", link.map(|link| link.address.to_string()))
            .with("password_min", flow.password_policy().min_length)
    }

    fn describe(&self, link: &OpenLink, reply: Reply) -> Reply {
        reply.with("email", link.address.as_str())
    }

    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        form: NewPassword,
    ) -> Result<(Change, UserChange), Rejection> {
        let hash = form.hash(visit, flow, link).await?;
        let event = Event::InvitationAccepted { user: link.user.id, origin: visit.origin() };
        let subject = Text::new("invite_notice", "Your invitation was accepted");
        let notice = flow.notice(visit, &subject, &link.user, &link.address)?;
        let update = UserChange::confirmed(visit.now(), Some(hash));
        Ok((flow.change(event).mail([notice]), update))
    }

    async fn reply(&self, visit: &Visit<'_>, _flow: &Flow, user: User) -> Result<Reply, Rejection> {
        let next = visit.site().url("after_invite").unwrap_or_else(Next::home);
        Ok(Reply::redirect(next).notice(is_accepted(&user)))
    }
}

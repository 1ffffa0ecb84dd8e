//! The link that confirms the new address.

use rocket::async_trait;

use crate::datastore::outbox::NewMail;
use crate::datastore::user::UserChange;
use crate::event::Event;
use crate::feature::Change;
use crate::features::change_email::settings::ChangeEmail;
use crate::features::change_email::taken::email_taken;
use crate::features::change_email::undo::Undo;
use crate::flow::Flow;
use crate::link::{Button, MailedLink, OpenLink};
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::user::{Email, User};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::Reply;
use crate::web::visit::Visit;

pub(super) const PAGE: Embedded = page!("change_email_link");

const CHANGED: Notice =
    Notice::success(Text::new("change_email.changed", "Your email address has been changed."));

#[async_trait]
impl MailedLink for ChangeEmail {
    const PURPOSE: &'static str = "change_email";
    const VIEW: &'static str = "change_email_view";
    const ERROR_VIEW: &'static str = "change_email_error_view";
    const DONE: Text = Text::new(
        "invalid_link.change_email",
        "This link was just used. Your email address has been changed.",
    );
    type Form = Button;

    fn page(&self, _flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(PAGE.0)
            .with("current_email", link.map(|link| link.user.email.to_string()))
            .with("new_email", link.map(|link| link.address.to_string()))
    }

    fn describe(&self, link: &OpenLink, reply: Reply) -> Reply {
        reply
            .with("current_email", link.user.email.as_str())
            .with("new_email", link.address.as_str())
    }

    /// Requires that the account is logged in: the reader of a mistyped address is not its user.
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
        let update = UserChange::email(link.address.clone(), visit.now());
        let change = flow.change(event).mail(notices).asked().await?;
        flow.make_way(&link.address, &visit.origin()).await?;
        Ok((change, update.unless_changed_since(user.epoch)))
    }

    /// Refuses an address that has another account by now. The person who presses the button reads its mail,
    /// and may know.
    fn inapplicable(&self, _visit: &Visit<'_>) -> Rejection {
        email_taken(Text::new("email_taken", "This address now has another account."))
    }

    async fn reply(&self, visit: &Visit<'_>, flow: &Flow, user: User) -> Result<Reply, Rejection> {
        let active = visit.active().ok_or(Rejection::Unauthenticated)?;
        flow.go_on(visit, &user, active).await?;
        let next = visit.site().url("after_change_email").unwrap_or_else(Next::home);
        let shown =
            flow.with_access_token(visit, &user, visit.site().payload(&user).await?).await?;
        Ok(Reply::redirect(next).with("user", shown).notice(CHANGED))
    }
}

impl ChangeEmail {
    /// Creates the notices: to the old address, with the link that undoes the change, and to the new address.
    fn notices(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        user: &User,
        new: &Email,
    ) -> Result<Vec<NewMail>, Rejection> {
        let words = "Your email address was changed";
        let to_old = flow
            .notice(visit, &Text::new("change_email_notice", words), user, &user.email)?
            .with("new_email", new.as_str())
            .lasting_link(Undo::PURPOSE, self.undo_within);
        let to_new = flow
            .notice(visit, &Text::new("change_email_confirmed", words), user, new)?
            .with("old_email", user.email.as_str());
        Ok(vec![to_old, to_new])
    }
}

//! The link that undoes a change of address.

use rocket::async_trait;

use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::event::Event;
use crate::feature::Change;
use crate::features::change_email::taken::email_taken;
use crate::flow::Flow;
use crate::link::{Button, MailedLink, OpenLink};
use crate::rejection::Rejection;
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::user::User;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// The page that the link leads to.
pub(super) const PAGE: Embedded = page!("change_email_undo_link");

/// Creates the notice. It names the account, because another one may be logged in here.
fn is_undone(user: &User, has_reset: bool) -> Notice {
    let text = if has_reset {
        Text::new(
            "change_email.undone",
            "Your account has the address {email} again. Now choose a new password with the link \
             we email you, because the person who changed the address knew the old one.",
        )
    } else {
        Text::new(
            "change_email.undone.without_reset",
            "Your account has the address {email} again. Its password no longer works, because \
             the person who changed the address knew it. Contact the site's support to get a new \
             one.",
        )
    };
    Notice::success(text.with("email", &user.email))
}

/// The link with which the owner of the old address takes an account back.
pub(super) struct Undo;

#[async_trait]
impl MailedLink for Undo {
    const PURPOSE: &'static str = "change_email_undo";
    const VIEW: &'static str = "change_email_undo_view";
    const ERROR_VIEW: &'static str = "change_email_undo_error_view";
    const DONE: Text = Text::new(
        "invalid_link.change_email_undo",
        "This link was just used. Your account has its old address again. Choose a new password \
         for it.",
    );
    type Form = Button;

    fn page(&self, _flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(PAGE.0)
            .with("old_email", link.map(|link| link.address.to_string()))
            .with("username", link.and_then(OpenLink::username))
    }

    /// Takes the account back, whatever was changed since. Its address and password were in other hands, and
    /// so were any second factors, and later links that undo a change: these end, too.
    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        _form: Button,
    ) -> Result<(Change, UserChange), Rejection> {
        let user = &link.user;
        let mut update = UserChange::email(link.address.clone(), visit.now());
        update.ends_lasting_after = Some(link.kept.asked_at);
        update.ends_credentials = true;
        update.closes_at = Some(None);
        update.password_hash = Some(None);
        let event = Event::ChangeEmailUndone { user: user.id, origin: visit.origin() };
        let subject = Text::new("change_email_undone", "Your email address change was undone");
        let mut notices = Vec::new();
        for to in [&link.address, &user.email] {
            let notice = flow.notice(visit, &subject, user, to)?;
            notices.push(notice.with("old_email", link.address.as_str()));
        }
        let change = flow.change(event).mail(notices).asked().await?;
        flow.make_way(&link.address, &visit.origin()).await?;
        Ok((change, update))
    }

    /// Refuses an old address that has another account by now. The person who reads its mail can take that
    /// account over, and move it to another address.
    fn inapplicable(&self, visit: &Visit<'_>) -> Rejection {
        email_taken(if visit.site().url("reset").is_some() {
            Text::new(
                "email_taken.move_by_reset",
                "This address now has another account. Choose a new password for that account, \
                 log in to it and change its email address. Then press the button again.",
            )
        } else {
            Text::new(
                "email_taken.move",
                "This address now has another account. Contact the site's support to change the \
                 address of that account, then press the button again.",
            )
        })
    }

    async fn reply(&self, visit: &Visit<'_>, _flow: &Flow, user: User) -> Result<Reply, Rejection> {
        let reset = visit.site().url("reset");
        let notice = is_undone(&user, reset.is_some());
        let next = reset.or_else(|| visit.site().url("login")).unwrap_or_else(Next::home);
        Ok(Reply::redirect(next).notice(notice))
    }
}

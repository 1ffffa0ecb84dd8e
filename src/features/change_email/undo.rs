//! The way back to the old address.

use rocket::async_trait;
use rocket::http::Status;

use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::event::Event;
use crate::features::change_email::unusable;
use crate::flow::Flow;
use crate::flow::link::{Button, MailedLink, OpenLink};
use crate::rejection::Rejection;
use crate::template::Embedded;
use crate::user::{User, Username};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// The page that the way back leads to.
pub(super) const PAGE: Embedded = (
    "security/change_email_undo_link.html",
    include_str!("../../../templates/security/change_email_undo_link.html"),
);

/// Names the account: another one may be logged in here.
fn is_undone(user: &User, has_reset: bool) -> Notice {
    let next = if has_reset {
        "Now choose a new password by a link that we mail you: the person who changed the address knew the old one."
    } else {
        "Its password does not work any more, because the person who changed the address knew it. Ask the \
         people who run this site for a new one."
    };
    Notice::success_of(format!("Your account has the address {} again. {next}", user.email))
}

/// The link by which the old address takes an account back.
pub(super) struct Undo;

#[async_trait]
impl MailedLink for Undo {
    const PURPOSE: &'static str = "change_email_undo";
    const VIEW: &'static str = "change_email_undo_view";
    const ERROR_VIEW: &'static str = "change_email_undo_error_view";
    const DONE: &'static str = "This link was used just now: the account has its old address again. Choose a new password for it.";
    type Form = Button;

    fn page(&self, _flow: &Flow, link: Option<&OpenLink>) -> Page {
        Page::new(PAGE.0)
            .with("token", link.map(|link| link.token.reveal()))
            .with("old_email", link.map(|link| link.address.to_string()))
            .with(
                "username",
                link.and_then(|link| link.user.username.as_ref()).map(Username::as_str),
            )
    }

    /// Takes the account back, whatever was done to it since: its address and its password were in
    /// other hands, and so was whatever way back they left.
    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        _form: Button,
    ) -> Result<Reply, Rejection> {
        let (digest, now, user) = (link.token.digest(), visit.clock().now(), &link.user);
        let mut change = UserChange::email(link.address.clone(), now);
        change.ends_lasting_after = Some(link.kept.asked_at);
        change.closes_at = Some(None);
        change.password_hash = Some(None);
        let event = Event::ChangeEmailUndone { user: user.id, origin: visit.origin() };
        let subject = "The change of your email address was undone";
        let mut notices = Vec::new();
        for to in [&link.address, &user.email] {
            let notice = flow.notice(visit, "change_email_undone", subject, user, to)?;
            notices.push(notice.with("old_email", link.address.as_str()));
        }
        let together = flow.along(&event, notices).await?;
        flow.make_way(&link.address, &visit.origin()).await?;
        let store = flow.store();
        let undone = store.consume_token(&digest, Self::PURPOSE, now, &change, &together).await?;
        let Some(user) = undone else {
            let why = unusable(visit, flow, link, Self::PURPOSE).await?;
            return Err(with_cure(why, visit.url("reset").is_some()));
        };
        flow.told(&event);
        let reset = visit.url("reset");
        let notice = is_undone(&user, reset.is_some());
        let next = reset.or_else(|| visit.url("login")).unwrap_or_else(Next::home);
        Ok(Reply::redirect(next).notice(notice))
    }
}

/// Says what to do where the old address has another account by now: whoever reads its mail can have
/// that account, and move it out of the way.
fn with_cure(rejection: Rejection, has_reset: bool) -> Rejection {
    let Rejection::Custom { reason: reason @ "email_taken", .. } = rejection else {
        return rejection;
    };
    let text = if has_reset {
        "This address has an account of its own by now. Choose a new password for that one, log in to \
         it and move it to another address, then press the button again."
    } else {
        "This address has an account of its own by now. Ask whoever runs this site to move that one, \
         then press the button again."
    };
    Rejection::Custom { reason, status: Status::BadRequest, text: text.to_owned() }
}

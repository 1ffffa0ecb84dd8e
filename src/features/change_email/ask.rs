//! The form with which users ask for a change of address.

use rocket::{State, get, post};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::crypto::one_time::Token;
use crate::crypto::random_uuid;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::error::Result;
use crate::features::change_email::settings::ChangeEmail;
use crate::flow::Flow;
use crate::link::MailedLink;
use crate::rejection::{FieldErrors, Rejection};
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::user::{Email, Identity, User};
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

pub(super) const PAGE: Embedded = page!("change_email");

const LINK_IS_SENT: Notice = Notice::info(Text::new(
    "change_email.link_is_sent",
    "We sent a confirmation link to the new address. Your address won't change until you open it.",
));

/// What is submitted to `/change-email`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChangeEmailForm {
    email: String,
}

impl Form for ChangeEmailForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/change-email")]
pub(super) async fn show(visit: Visit<'_>, flow: &State<Flow>) -> HandlerResult {
    let active = flow.require_fresh(&visit).await?;
    reply(&visit, Reply::page(page(&active.user)), &active.user).await
}

#[post("/change-email", data = "<submitted>")]
pub(super) async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    settings: &State<ChangeEmail>,
    submitted: Submission<ChangeEmailForm>,
) -> HandlerResult {
    let user = &flow.require_user(&visit).await?.user;
    let page = page(user).typed(submitted.typed());
    match ask(&visit, flow, settings, submitted).await {
        Ok(()) => {
            let next = visit.site().url("after_change_email").unwrap_or_else(Next::home);
            reply(&visit, Reply::redirect(next).notice(LINK_IS_SENT), user).await
        }
        Err(rejection) => Err(page.refuse(rejection)),
    }
}

/// Queues a mail to the new address: the link, or a notice if the address already has an account.
async fn ask(
    visit: &Visit<'_>,
    flow: &Flow,
    settings: &ChangeEmail,
    submitted: Submission<ChangeEmailForm>,
) -> Result<(), Rejection> {
    let form = submitted.read()?;
    let user = &flow.require_fresh(visit).await?.user;
    flow.limits().admit(visit, "change_email").await?;
    let email = Email::parse(&form.email).map_err(|fault| FieldErrors::one("email", fault))?;
    if email.as_str() == user.email.as_str() {
        let text = Text::new("email_unchanged", "This is already your email address.");
        return Err(FieldErrors::one("email", text).into());
    }
    let may_mail = flow.limits().may_mail_for(visit, user.id, "change_email", &email).await?;
    let holder = flow.store().find_credentials(&Identity::Email(email.clone())).await?;
    // An unconfirmed account must not keep the owner of the address from using it.
    let is_taken =
        holder.is_some_and(|holder| holder.user.id != user.id && holder.user.expires_at.is_none());
    if may_mail {
        // The same moment for both, or a link asked for in between would tell.
        let at = visit.now();
        settings.end_older_links(flow, user, at).await?;
        let mail = if is_taken {
            let words = "Someone tried to use your email address";
            NewMail::new(&Text::new("change_email_existing", words), &email, at)?
                .concerns(Addressee::Holder)
        } else {
            settings.instructions(user, &email, at)?
        };
        flow.post(mail, &visit.origin()).await?;
    }
    Ok(())
}

impl ChangeEmail {
    /// Ends the user's earlier links before it is known whether another will be sent: otherwise the fate of a link to
    /// another address of theirs would reveal it.
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

    /// Creates the mail with the link to the new address. It is dropped if the account changes before it is
    /// sent.
    fn instructions(&self, user: &User, to: &Email, at: Timestamp) -> Result<NewMail> {
        let subject = Text::new("change_email_instructions", "Confirm your new email address");
        let mail = NewMail::new(&subject, to, at)?
            .concerns(Addressee::User(user.id))
            .link(Self::PURPOSE, self.within);
        Ok(NewMail { epoch: Some(user.epoch), ..mail })
    }
}

fn page(user: &User) -> Page {
    Page::new(PAGE.0).with("current_email", user.email.as_str())
}

async fn reply(visit: &Visit<'_>, reply: Reply, user: &User) -> HandlerResult {
    let shown = visit.site().payload(user).await?;
    Ok(reply.with("current_email", user.email.as_str()).with("user", shown))
}

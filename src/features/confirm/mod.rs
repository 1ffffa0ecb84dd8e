//! Proving that an address is one's own.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /confirm` | the form to ask for another link | 200 `csrf_token` |
//! | `POST /confirm` `email` | 303 to the login page | 200 `csrf_token` |
//! | `GET /confirm/<token>` | 303 to `/confirm/link`, the token in a cookie | 200 `password_required`, or 400 for a bad link; changes nothing |
//! | `GET /confirm/link` | a button, or why the link is not valid | as above |
//! | `POST /confirm/link` `token`, and `password`, `password_confirm` for an account without a password | 303 to `post_confirm_view` | 200 `csrf_token` |
//! | `POST /confirm/<token>` | the same, for programs | the same |
//!
//! | setting `[default.security.confirm]` | default |
//! |---|---|
//! | `within` | `"24h"` |
//! | `post_confirm_view` | the login page |
//!
//! Templates: `security/confirm.html`, `security/confirm_link.html`. Mails:
//! `confirmation_instructions`. Events: `ConfirmInstructionsSent`, `UserConfirmed`. Refusals:
//! `invalid_input` (and those of a password that is chosen), `invalid_link`, `saturated`, `csrf_failed`, `cross_site`, `throttled`, `unavailable`.
//!
//! While it is enabled, an account whose address was not proved opens for nobody, and looks to the
//! one who tries as if it did not exist. Looking at a link changes nothing, for mail scanners look
//! at every link: pressing the button does.

mod link;

use std::sync::Arc;

use rocket::Route;
use rocket::State;
use rocket::async_trait;
use rocket::get;
use rocket::post;
use rocket::routes;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::outbox::NewLink;
use crate::datastore::outbox::NewMail;
use crate::error::Error;
use crate::error::Result;
use crate::feature::Feature;
use crate::feature::Hooks;
use crate::feature::LoginAttempt;
use crate::feature::Registration;
use crate::feature::Verdict;
use crate::flow::Flow;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::template::Embedded;
use crate::user::Email;
use crate::user::UserId;
use crate::web::next::Next;
use crate::web::page::Notice;
use crate::web::page::Page;
use crate::web::reply::Answer;
use crate::web::reply::Reply;
use crate::web::submission::Form;
use crate::web::submission::Submission;
use crate::web::visit::Visit;

/// The feature `confirm`; its value is `[default.security.confirm]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Confirm {
    /// How long a link may be used; at most a day (NIST SP 800-63B-4, section 4.2.1.2).
    /// _Default:_ `"24h"`.
    pub within: Span,
    /// Where to go after confirming. _Default:_ the login page.
    pub post_confirm_view: Option<Next>,
}

impl Default for Confirm {
    fn default() -> Self {
        Self { within: LONGEST, post_confirm_view: None }
    }
}

const LONGEST: Span = Span::hours(24);
const PURPOSE: &str = "confirm";

const PAGE: Embedded =
    ("security/confirm.html", include_str!("../../../templates/security/confirm.html"));

const TEMPLATES: &[Embedded] = &[
    PAGE,
    link::PAGE,
    (
        "security/email/confirmation_instructions.txt",
        include_str!("../../../templates/security/email/confirmation_instructions.txt"),
    ),
    (
        "security/email/confirmation_instructions.html",
        include_str!("../../../templates/security/email/confirmation_instructions.html"),
    ),
];

const LINK_IS_SENT: Notice = Notice::info(
    "If this address has an account that waits for confirmation, a new link is on its way to it.",
);

impl<D> Feature<D> for Confirm {
    const NAME: &'static str = "confirm";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;
    const SENDS_MAIL: bool = true;

    fn check(&self) -> Result<()> {
        if self.within > LONGEST {
            return Err(Error::config(
                "confirm.within",
                "is longer than a day",
                "Set it to \"24h\" or less",
            ));
        }
        Ok(())
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_confirm_view.as_ref().map_or("/login", Next::as_str);
        vec![
            ("confirm", "/confirm".to_owned()),
            ("confirm_link", "/confirm/link".to_owned()),
            ("after_confirm", next.to_owned()),
        ]
    }

    fn routes(&self) -> Vec<Route> {
        [routes![show, submit], link::routes()].concat()
    }

    fn manage(
        &self,
        _store: &Arc<D>,
        rocket: rocket::Rocket<rocket::Build>,
    ) -> rocket::Rocket<rocket::Build> {
        rocket.manage(self.clone())
    }

    fn hooks(&self, _store: &Arc<D>) -> Option<Box<dyn Hooks>> {
        Some(Box::new(self.clone()))
    }
}

/// What is submitted to `/confirm`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ResendForm {
    email: String,
}

impl Form for ResendForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/confirm")]
fn show(_visit: Visit<'_>) -> Reply {
    Reply::page(Page::new(PAGE.0))
}

#[post("/confirm", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    confirm: &State<Confirm>,
    submitted: Submission<ResendForm>,
) -> Answer {
    let page = Page::new(PAGE.0).typed(submitted.typed());
    match send_again(&visit, flow, confirm, submitted).await {
        Ok(()) => {
            let login = visit.url("login").unwrap_or_else(Next::home);
            Ok(Reply::redirect(login).notice(LINK_IS_SENT))
        }
        Err(rejection) => Err(page.refuse(rejection)),
    }
}

/// Puts mail with another link into the outbox, for any address alike: the worker finds out
/// whether there is somebody to get it.
async fn send_again(
    visit: &Visit<'_>,
    flow: &Flow,
    confirm: &Confirm,
    submitted: Submission<ResendForm>,
) -> Result<(), Rejection> {
    let form = submitted.read()?;
    flow.limits().admit(visit, "confirm").await?;
    let email = Email::parse(&form.email)
        .map_err(|fault| FieldErrors::one("email", "email_invalid", fault.to_string()))?;
    if flow.limits().may_mail(visit, "confirm", &email).await? {
        let mail = confirm.mail(None, &email, visit.clock().now())?;
        flow.store().push_mail(&mail).await?;
        flow.mail_is_waiting();
    }
    Ok(())
}

impl Confirm {
    fn mail(&self, user_id: Option<UserId>, email: &Email, at: Timestamp) -> Result<NewMail> {
        Ok(NewMail {
            id: random_uuid()?,
            template: "confirmation_instructions".to_owned(),
            subject: "Confirm your address".to_owned(),
            to: email.clone(),
            user_id,
            only_unconfirmed: true,
            link: Some(NewLink { purpose: PURPOSE.to_owned(), lifetime: self.within }),
            created_at: at,
        })
    }
}

#[async_trait]
impl Hooks for Confirm {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(match attempt.user.confirmed_at {
            Some(_) => Verdict::Allow,
            None => Verdict::Refuse(Rejection::InvalidCredentials),
        })
    }

    async fn after_register(&self, registration: &Registration<'_>) -> Result<Together> {
        let Registration { user_id, email, at, .. } = *registration;
        Ok(Together::mail(vec![self.mail(Some(user_id), email, at)?]))
    }
}

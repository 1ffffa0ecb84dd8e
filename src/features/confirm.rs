//! Proving that an address is one's own.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /confirm` | the form to ask for another link | 200 `csrf_token` |
//! | `POST /confirm` `email` | 303 to the login page | 200 `csrf_token` |
//! | `GET /confirm/<token>` | 303 to `/confirm/link`, the token in a cookie | 200, or 400 for a bad link; changes nothing |
//! | `GET /confirm/link` | a button, or why the link is not valid | as above |
//! | `POST /confirm/link` `token` | 303 to `post_confirm_view` | 200 `csrf_token` |
//! | `POST /confirm/<token>` | the same, for programs | the same |
//!
//! | setting `[default.security.confirm]` | default |
//! |---|---|
//! | `within` | `"24h"` |
//! | `post_confirm_view` | the login page |
//!
//! Templates: `security/confirm.html`, `security/confirm_link.html`. Mails:
//! `confirmation_instructions`. Events: `ConfirmInstructionsSent`, `UserConfirmed`. Refusals:
//! `invalid_input`, `invalid_link`, `csrf_failed`, `cross_site`, `throttled`, `unavailable`.
//!
//! While it is enabled, an account whose address was not proved opens for nobody, and looks to the
//! one who tries as if it did not exist. Looking at a link changes nothing, for mail scanners look
//! at every link: pressing the button does.

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
use crate::crypto::hasher::PasswordHash;
use crate::crypto::one_time::Token;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::outbox::NewLink;
use crate::datastore::outbox::NewMail;
use crate::datastore::user::UserChange;
use crate::error::Error;
use crate::error::Result;
use crate::event::Event;
use crate::feature::Feature;
use crate::feature::Hooks;
use crate::feature::LoginAttempt;
use crate::feature::Registration;
use crate::feature::Verdict;
use crate::flow::Flow;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::session::cookie;
use crate::template::Embedded;
use crate::user::Email;
use crate::user::UserId;
use crate::web::next::Next;
use crate::web::page::Notice;
use crate::web::page::Page;
use crate::web::reply::Answer;
use crate::web::reply::Refused;
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
    ("security/confirm.html", include_str!("../../templates/security/confirm.html"));

const LINK_PAGE: Embedded =
    ("security/confirm_link.html", include_str!("../../templates/security/confirm_link.html"));

const TEMPLATES: &[Embedded] = &[
    PAGE,
    LINK_PAGE,
    (
        "security/email/confirmation_instructions.txt",
        include_str!("../../templates/security/email/confirmation_instructions.txt"),
    ),
    (
        "security/email/confirmation_instructions.html",
        include_str!("../../templates/security/email/confirmation_instructions.html"),
    ),
];

const LINK_IS_SENT: Notice = Notice::info(
    "If this address has an account that waits for confirmation, a new link is on its way to it.",
);

const CONFIRMED: Notice = Notice::success("Your address is confirmed. You can log in now.");

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
        routes![show, submit, open_link, show_link, press, press_token]
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

/// What is submitted by the button, or to a link's own address.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LinkForm {
    token: Option<Secret<String>>,
}

impl Form for LinkForm {
    const SECRET: &'static [&'static str] = &["token"];
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

#[get("/confirm/<token>", rank = 2)]
async fn open_link(visit: Visit<'_>, flow: &State<Flow>, token: &str) -> Answer {
    if visit.wants_json() {
        find_link(&visit, flow, Some(token)).await?;
        return Ok(Reply::page(link_page(None)));
    }
    // The token leaves the address bar, the history and every `Referer` before the page is shown.
    let cookies = visit.sessions().cookies();
    let cookie = match Token::parse(token) {
        Some(token) => cookies.link(&token.reveal()).map_err(Rejection::from)?,
        None => cookies.without_link(),
    };
    cookie::set(visit.request(), cookie);
    let link = visit.url("confirm_link").unwrap_or_else(Next::home);
    Ok(Reply::redirect(link))
}

#[get("/confirm/link")]
async fn show_link(visit: Visit<'_>, flow: &State<Flow>) -> Answer {
    let token = kept_token(&visit);
    find_link(&visit, flow, token.as_deref()).await.map_err(|it| refuse(&visit, it))?;
    Ok(Reply::page(link_page(token)))
}

#[post("/confirm/link", data = "<submitted>")]
async fn press(visit: Visit<'_>, flow: &State<Flow>, submitted: Submission<LinkForm>) -> Answer {
    confirm(&visit, flow, submitted, None).await.map_err(|rejection| refuse(&visit, rejection))
}

#[post("/confirm/<token>", data = "<submitted>", rank = 2)]
async fn press_token(
    visit: Visit<'_>,
    flow: &State<Flow>,
    token: &str,
    submitted: Submission<LinkForm>,
) -> Answer {
    confirm(&visit, flow, submitted, Some(token))
        .await
        .map_err(|rejection| refuse(&visit, rejection))
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
        let mail = confirm.mail(None, &email, None, visit.clock().now())?;
        flow.store().push_mail(&mail).await?;
        flow.mail_is_waiting();
    }
    Ok(())
}

/// Tells whether a link may still be used.
async fn find_link(visit: &Visit<'_>, flow: &Flow, token: Option<&str>) -> Result<(), Rejection> {
    let token = token.and_then(Token::parse).ok_or(Rejection::InvalidLink)?;
    let now = visit.clock().now();
    let found = flow.store().find_token(&token.digest(), PURPOSE, now).await?;
    found.map(|_| ()).ok_or(Rejection::InvalidLink)
}

/// Uses a link up and confirms the address it was mailed to, with the password that was chosen in
/// the registration that had it mailed.
async fn confirm(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<LinkForm>,
    token: Option<&str>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    flow.limits().admit(visit, "confirm_link").await?;
    let given = form.token.as_ref().map(|token| token.expose().as_str());
    let token = token.or(given).and_then(Token::parse).ok_or(Rejection::InvalidLink)?;
    let (digest, now) = (token.digest(), visit.clock().now());
    let found = flow.store().find_token(&digest, PURPOSE, now).await?;
    let found = found.ok_or(Rejection::InvalidLink)?;
    let change = UserChange::confirmed(now, found.password_hash);
    let user = flow
        .store()
        .consume_token(&digest, PURPOSE, now, &change, &Together::nothing())
        .await?
        .ok_or(Rejection::InvalidLink)?;
    cookie::set(visit.request(), visit.sessions().cookies().without_link());
    let origin = visit.origin(visit.request());
    visit.signals().send(&Event::UserConfirmed { user: user.id, origin });
    let next = visit.url("after_confirm").unwrap_or_else(Next::home);
    Ok(Reply::redirect(next).notice(CONFIRMED))
}

/// Gives the token that a link left in the browser.
fn kept_token(visit: &Visit<'_>) -> Option<String> {
    visit.sessions().cookies().open_link(visit.request())
}

/// Shows the button again, unless the link is what is wrong.
fn refuse(visit: &Visit<'_>, rejection: Rejection) -> Refused {
    let token = kept_token(visit).filter(|_| rejection != Rejection::InvalidLink);
    link_page(token).refuse(rejection)
}

fn link_page(token: Option<String>) -> Page {
    Page::new(LINK_PAGE.0).with("token", token)
}

impl Confirm {
    fn mail(
        &self,
        user_id: Option<UserId>,
        email: &Email,
        password_hash: Option<PasswordHash>,
        at: Timestamp,
    ) -> Result<NewMail> {
        Ok(NewMail {
            id: random_uuid()?,
            template: "confirmation_instructions".to_owned(),
            subject: "Confirm your address".to_owned(),
            to: email.clone(),
            user_id,
            only_unconfirmed: true,
            link: Some(NewLink {
                purpose: PURPOSE.to_owned(),
                lifetime: self.within,
                password_hash,
            }),
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

    async fn after_register(&self, registration: &Registration<'_>) -> Result<Vec<NewMail>> {
        let password_hash = Some(registration.password_hash.clone());
        let Registration { user_id, email, at, .. } = *registration;
        Ok(vec![self.mail(Some(user_id), email, password_hash, at)?])
    }
}

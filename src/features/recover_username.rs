//! Being told one's username by mail.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /recover-username` | the form; logged in: 303 home | 200 `csrf_token`; logged in: 400 |
//! | `POST /recover-username` `email`, `next` | 303 to the login page | 200 `csrf_token` |
//!
//! It has no settings. Templates: `security/recover_username.html`. Mails: `username_recovery`.
//! Events: `UsernameRecoveryEmailSent`. Refusals: `invalid_input` (`email_invalid`),
//! `already_authenticated`, `csrf_failed`, `cross_site`, `throttled`, `unavailable`.
//!
//! ```json
//! {"email": "ann@example.org"}
//! ```
//!
//! is answered with
//!
//! ```json
//! {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//! ```
//!
//! for any address alike, and with the same work: whether there is somebody to get the mail, the worker
//! finds out. Whoever has an account and no username is told that by mail. It is not among the default
//! features, and has a point only where users go by usernames: with
//! `security.identity = ["email", "username"]`.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::error::{Faults, Result};
use crate::feature::Feature;
use crate::flow::Flow;
use crate::rejection::{FieldErrors, Rejection};
use crate::template::Embedded;
use crate::user::Email;
use crate::web::kept_next;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{Answer, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

/// The feature `recover_username`; its value is `[default.security.recover_username]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecoverUsername {}

const PAGE: Embedded = (
    "security/recover_username.html",
    include_str!("../../templates/security/recover_username.html"),
);

const TEMPLATES: &[Embedded] = &[
    PAGE,
    (
        "security/email/username_recovery.txt",
        include_str!("../../templates/security/email/username_recovery.txt"),
    ),
    (
        "security/email/username_recovery.html",
        include_str!("../../templates/security/email/username_recovery.html"),
    ),
];

const IS_SENT: Notice =
    Notice::info("If this address has an account, its username is on its way to it.");

impl<D> Feature<D> for RecoverUsername {
    const NAME: &'static str = "recover_username";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(config.require_usernames("recover_username"));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("recover_username", "/recover-username".to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }
}

/// What is submitted to `/recover-username`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RecoverUsernameForm {
    email: String,
    /// Read from the form as it was sent, to be kept in the browser.
    #[allow(dead_code, reason = "a field of the form")]
    next: Option<String>,
}

impl Form for RecoverUsernameForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/recover-username?<next>")]
fn show(visit: Visit<'_>, next: Option<&str>) -> Answer {
    let next = next.and_then(|next| visit.next(next));
    visit.anonymous_only(next.as_ref())?;
    Ok(Reply::page(Page::new(PAGE.0).with("next", next)))
}

#[post("/recover-username?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    next: Option<&str>,
    submitted: Submission<RecoverUsernameForm>,
) -> Answer {
    let next = submitted.next(&visit, next);
    visit.anonymous_only(next.as_ref())?;
    let page = Page::new(PAGE.0).with("next", &next).typed(submitted.typed());
    match send(&visit, flow, submitted).await {
        Ok(()) => {
            kept_next::keep(&visit, next.as_ref());
            let login = visit.url("login").unwrap_or_else(Next::home);
            Ok(Reply::redirect(login).notice(IS_SENT))
        }
        Err(rejection) => Err(page.refuse(rejection)),
    }
}

/// Puts the mail into the outbox, for any address alike: the worker finds out whose it is, and by what
/// name they go when it is sent.
async fn send(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<RecoverUsernameForm>,
) -> Result<(), Rejection> {
    let form = submitted.read()?;
    flow.limits().admit(visit, "recover_username").await?;
    let email = Email::parse(&form.email)
        .map_err(|fault| FieldErrors::one("email", "email_invalid", fault.to_string()))?;
    if flow.limits().may_mail(visit, "recover_username", &email).await? {
        let now = visit.clock().now();
        let mail = NewMail::new("username_recovery", "Your username", &email, now)?;
        flow.post(mail.concerns(Addressee::Holder), &visit.origin()).await?;
    }
    Ok(())
}

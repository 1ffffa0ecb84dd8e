//! Mails users the username that they forgot.
//!
//! It is off by default; `Security::default().enable(RecoverUsername::default())` switches it on. It requires
//! that users have usernames, which they have with `security.identity = ["email", "username"]`. The user
//! enters an email address at `/recover-username`, and gets the username by mail.
//!
//! ```
//! # use rocket_security::testing::TestApp;
//! # use serde_json::json;
//! use rocket_security::Security;
//! use rocket_security::features::recover_username::RecoverUsername;
//!
//! # rocket::async_test(async {
//! let security = Security::default().enable(RecoverUsername::default());
//! # let settings = json!({"identity": ["email", "username"]});
//! # TestApp::launch_with(rocket::build().attach(security), settings).await;
//! # });
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /recover-username` | the form; logged in: 303 to the home page | 200 `csrf_token`; logged in: 400 |
//! | `POST /recover-username` `email`, `next` | 303 to the login page | 200 `csrf_token` |
//!
//! - Settings: none.
//! - Templates: `security/recover_username.html`.
//! - Mails: `username_recovery`.
//! - Events: `UsernameRecoveryEmailSent`.
//! - Refusals: `invalid_input` (`email_invalid`), `already_authenticated`, `csrf_failed`, `cross_site`,
//!   `throttled`, `unavailable`.
//!
//! ```text
//! POST /recover-username {"email": "ann@example.org"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//! ```
//!
//! # Details
//!
//! - The answer is the same for every address, and so is the work: the worker that sends the mail finds out
//!   whether the address has an account. The reasoning is in SECURITY.md.
//! - The owner of an account without a username is told so by mail.

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::error::{Faults, Result};
use crate::feature::Feature;
use crate::flow::Flow;
use crate::link::{LinkRequest, LinkRequestForm};
use crate::template::{Embedded, page, templates};
use crate::text::Text;
use crate::user::Email;
use crate::web::page::Notice;
use crate::web::reply::HandlerResult;
use crate::web::submission::Submission;
use crate::web::visit::Visit;

/// The feature `recover_username`. It has no settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecoverUsername {}

const PAGE: Embedded = page!("recover_username");

const TEMPLATES: &[Embedded] = templates![PAGE; "username_recovery"];

const IS_SENT: Notice = Notice::info(Text::new(
    "recover_username.is_sent",
    "If this address has an account, we'll send its username there.",
));

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

const LINK_REQUEST: LinkRequest = LinkRequest::new("recover_username", PAGE.0, IS_SENT);

#[get("/recover-username?<next>")]
fn show(visit: Visit<'_>, next: Option<&str>) -> HandlerResult {
    let next = next.and_then(|next| visit.next(next));
    visit.anonymous_only(next.as_ref())?;
    Ok(LINK_REQUEST.show(next))
}

#[post("/recover-username?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    next: Option<&str>,
    submitted: Submission<LinkRequestForm>,
) -> HandlerResult {
    let next = submitted.next(&visit, next);
    visit.anonymous_only(next.as_ref())?;
    LINK_REQUEST.submit(&visit, flow, next, submitted, mail).await
}

/// Writes the mail. The worker finds out whose address it is, and their username when it is sent.
fn mail(to: &Email, at: Timestamp) -> Result<NewMail> {
    Ok(NewMail::new(&Text::new("username_recovery", "Your username"), to, at)?
        .concerns(Addressee::Holder))
}

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
//! for any address alike, and with the same work: the worker finds out whether the address has an account. The
//! owner of an account without a username is told so by mail. It is not among the default
//! features, and has a point only where users go by usernames: with
//! `security.identity = ["email", "username"]`.

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

/// The feature `recover_username`; its value is `[default.security.recover_username]`.
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

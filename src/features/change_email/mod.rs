//! Lets logged-in users change the email address of their account.
//!
//! It is on by default; `Security::default().disable::<ChangeEmail>()` switches it off. The user enters the
//! new address at `/change-email`, and confirms it with a link that is mailed to the new address. The old
//! address gets a mail with a link that undoes the change for 7 days.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::config::Span;
//! use rocket_security::features::change_email::ChangeEmail;
//!
//! let mut change_email = ChangeEmail::default();
//! change_email.undo_within = Span::hours(14 * 24);
//! let security = Security::default().enable(change_email);
//! # drop(security);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /change-email` | the form | 200 `current_email`, `user`, `csrf_token` |
//! | `POST /change-email` `email` | 303 to `post_change_email_view` | the same |
//! | `GET /change-email/<token>` | 303 to `/change-email/link`, the token in a cookie | 200 `current_email`, `new_email`, or 400 for an invalid link; changes nothing |
//! | `GET /change-email/link` | a button, or why the link is not valid | as above |
//! | `POST /change-email/link` `token` | 303 to `post_change_email_view` | 200 `user`, `csrf_token` |
//! | `POST /change-email/<token>` | the same, for programs | the same |
//! | `GET /change-email-undo/<token>`, `GET /change-email-undo/link` | as those above, to undo the change | 200, or 400 |
//! | `POST /change-email-undo/link` `token`, `POST /change-email-undo/<token>` | 303 to `/reset`, or to the login page if `reset` is not enabled | 200 `csrf_token` |
//!
//! | setting `[default.security.change_email]` | default |
//! |---|---|
//! | `within` | `"2h"` |
//! | `undo_within` | `"7days"` |
//! | `post_change_email_view` | the home page |
//! | `change_email_view`, `change_email_error_view` | where a link leads in [single-page mode](crate::guide::single_page), which requires `change_email_view` or `post_change_email_view` |
//! | `change_email_undo_view`, `change_email_undo_error_view` | where the link that undoes the change leads in that mode, which requires `change_email_undo_view` |
//!
//! - Templates: `security/change_email.html`, `security/change_email_link.html`,
//!   `security/change_email_undo_link.html`.
//! - Mails: `change_email_instructions` with the link, to the new address; `change_email_existing` to the
//!   owner of an address that already has an account; `change_email_notice` with the link that undoes the
//!   change, to the old address; `change_email_confirmed` to the new address; `change_email_undone` to both
//!   after an undo.
//! - Events: `ChangeEmailInstructionsSent`, `ChangeEmailConfirmed`, `ChangeEmailUndone`; `LinkRefused`;
//!   `UserDeleted` for an unconfirmed account that had the address.
//! - Refusals: `unauthenticated`, `reauth_required`, `invalid_input` (`email_invalid`, `email_unchanged`),
//!   `invalid_link`, `email_taken`, `csrf_failed`, `cross_site`, `throttled`, `unavailable`.
//!
//! ```text
//! POST /change-email {"email": "ann@example.net"}
//!   200 {"meta": {"code": 200}, "response": {"current_email": "ann@example.org", "user": {…}, "csrf_token": "…"}}
//!   401 {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["reauth_required"], "reauth_required": true}}
//! POST /change-email/0jyx… {}
//!   200 {"meta": {"code": 200}, "response": {"user": {"email": "ann@example.net", …}, "csrf_token": "…"}}
//! ```
//!
//! # Details
//!
//! **The link to the new address** works only in a browser in which the account is logged in. So the reader
//! of a mistyped address does not get the account.
//!
//! **The answer** is the same whether the new address has an account or not, and whether mail is sent or not.
//! An account can have five mails an hour sent to an address, and an address gets twenty an hour. The [limit
//! on mails of all kinds](crate::flow::limits) applies, too.
//!
//! **A change** ends every session and every link of the account. The browser in which the button was pressed
//! continues with a new session.
//!
//! **Undoing it.** Within `undo_within` the owner of the old address can take the account back, whatever was
//! changed since:
//!
//! | what | after an undo |
//! |---|---|
//! | the address | the old one |
//! | the password | removed, because the person who changed the address knew it. The feature `reset` mails a link to choose another. If it is not enabled, page and mail refer to the site's support, which needs its own way to set one, such as [`UserChange::password`] |
//! | sessions, links, later links that undo a change, second factors | ended |
//! | an account that was closed in the meantime | open again |
//! | the username | unchanged, because the earlier username may belong to another user by now. Page and mail name it, and where to change it |
//!
//! - The undo link logs no one in. It is valid for at least a day, which is too long for a link that logs in
//!   (NIST SP 800-63B-4, section 4.2.1.2).
//! - It cannot be invalidated before its time. If old mailboxes often get into other hands, and that matters
//!   more than a thief who is not noticed for days, set `undo_within` to `"24h"`, the minimum. The reasoning
//!   is in SECURITY.md.
//! - Its time starts when the notice is sent. A notice that could not be sent for as long as `undo_within`
//!   goes out without the link.
//!
//! [`UserChange::password`]: crate::datastore::user::UserChange::password

mod ask;
mod link;
mod settings;
mod taken;
mod undo;

use rocket::{Route, routes};

use crate::config::{Config, Span};
use crate::error::{Error, Faults, Result};
use crate::feature::{Feature, Installation};
use crate::features::change_email::undo::Undo;
use crate::link::{check_lifetime, page_path, routes as mailed, single_page};
use crate::template::{Embedded, templates};
use crate::web::view::View;

pub use crate::features::change_email::settings::ChangeEmail;

/// The shortest `undo_within`: mail may take hours to arrive, and its reader may be asleep.
const SHORTEST_UNDO: Span = Span::hours(24);

const TEMPLATES: &[Embedded] = templates![
    ask::PAGE, link::PAGE, undo::PAGE;
    "change_email_instructions",
    "change_email_existing",
    "change_email_notice",
    "change_email_confirmed",
    "change_email_undone"
];

impl<D> Feature<D> for ChangeEmail {
    const NAME: &'static str = "change_email";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        let has_view = self.change_email_view.is_some() || self.post_change_email_view.is_some();
        faults.note(config.require_view("change_email.change_email_view", has_view));
        let has_undo_view = self.change_email_undo_view.is_some();
        let key = "change_email.change_email_undo_view";
        faults.note(config.require_view(key, has_undo_view));
        faults.note(check_lifetime("change_email.within", self.within));
        if self.undo_within < SHORTEST_UNDO {
            faults.push(Error::config(
                "change_email.undo_within",
                "is shorter than a day, but mail may take longer",
                "Set it to \"24h\" or more",
            ));
        }
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_change_email_view.as_ref().map_or("/", View::as_str);
        let mut urls = vec![
            ("change_email", "/change-email".to_owned()),
            ("change_email_link", page_path::<Self>()),
            ("change_email_undo_link", page_path::<Undo>()),
            ("after_change_email", next.to_owned()),
        ];
        let view = self.change_email_view.as_ref().or(self.post_change_email_view.as_ref());
        urls.extend(single_page::urls::<Self>(view, self.change_email_error_view.as_ref()));
        let undo_view = self.change_email_undo_view.as_ref();
        let undo_error_view = self.change_email_undo_error_view.as_ref();
        urls.extend(single_page::urls::<Undo>(undo_view, undo_error_view));
        urls
    }

    fn routes(&self) -> Vec<Route> {
        [routes![ask::show, ask::submit], mailed::<Self>(), mailed::<Undo>()].concat()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.manage(self.clone());
        at.manage(Undo);
        Ok(())
    }
}

//! Pages that ask for an e-mail address and mail something to it. Every address gets the same answer and
//! takes the same work, so that no one learns which addresses have an account.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::datastore::outbox::NewMail;
use crate::error::Result;
use crate::flow::Flow;
use crate::rejection::{FieldErrors, Rejection};
use crate::user::Email;
use crate::web::kept_next;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

/// The submitted form: an e-mail address.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkRequestForm {
    email: String,
    /// Read from the request itself, and kept in the browser.
    #[allow(dead_code, reason = "a field of the form")]
    next: Option<String>,
}

impl Form for LinkRequestForm {
    const SECRET: &'static [&'static str] = &[];
}

/// A page that asks for an e-mail address.
#[non_exhaustive]
pub struct LinkRequest {
    /// The name under which requests and mails are limited.
    pub kind: &'static str,
    /// The template of the page.
    pub template: &'static str,
    /// The notice that the login page shows afterwards.
    pub notice: Notice,
}

impl LinkRequest {
    /// Creates a request for a kind of link, with the template of its page and the notice that follows it.
    pub const fn new(kind: &'static str, template: &'static str, notice: Notice) -> Self {
        Self { kind, template, notice }
    }

    /// Shows the form.
    pub fn show(self, next: Option<Next>) -> Reply {
        Reply::page(Page::new(self.template).with("next", next))
    }

    /// Adds the mail that `write` creates for the address to the outbox, keeps the page to return to in the
    /// browser, and redirects to the login page. The worker finds out later whether the address has an
    /// account.
    ///
    /// # Errors
    ///
    /// Shows the page again, with [`Rejection::InvalidInput`] if the input is not an e-mail address, with
    /// [`Rejection::Throttled`], or with [`Rejection::Unavailable`] if the store does not answer. If the
    /// address got too many mails already, there is no error, but no mail either.
    pub async fn submit(
        self,
        visit: &Visit<'_>,
        flow: &Flow,
        next: Option<Next>,
        submitted: Submission<LinkRequestForm>,
        write: impl FnOnce(&Email, Timestamp) -> Result<NewMail>,
    ) -> HandlerResult {
        let page = Page::new(self.template).with("next", &next).typed(submitted.typed());
        match self.post(visit, flow, submitted, write).await {
            Ok(()) => {
                kept_next::keep(visit, next.as_ref());
                let login = visit.site().url("login").unwrap_or_else(Next::home);
                Ok(Reply::redirect(login).notice(self.notice))
            }
            Err(rejection) => Err(page.refuse(rejection)),
        }
    }

    async fn post(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        submitted: Submission<LinkRequestForm>,
        write: impl FnOnce(&Email, Timestamp) -> Result<NewMail>,
    ) -> Result<(), Rejection> {
        let form = submitted.read()?;
        flow.limits().admit(visit, self.kind).await?;
        let email = Email::parse(&form.email).map_err(|fault| FieldErrors::one("email", fault))?;
        if flow.limits().may_mail(visit, self.kind, &email).await? {
            flow.post(write(&email, visit.now())?, &visit.origin()).await?;
        }
        Ok(())
    }
}

//! Handles requests to a link: opens it, shows it, or uses it.

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::config::RedirectBehavior;
use crate::crypto::one_time::{Digest, Token};
use crate::event::Event;
use crate::flow::Flow;
use crate::link::mailed::{MailedLink, OpenLink};
use crate::link::single_page;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::session::cookie;
use crate::user::{Email, User};
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::{HandlerResult, Refused, Reply};
use crate::web::visit::Visit;

/// How long a used link is told apart from one that never worked.
const JUST_NOW: TimeDelta = TimeDelta::minutes(10);

/// The token of the submitted form, even if the form is invalid, and the form.
pub(super) type Submitted<F> = (Option<Secret<String>>, Result<F, Rejection>);

/// A request to one of the routes of a link.
pub(super) struct Handled<'r, L> {
    pub(super) visit: Visit<'r>,
    pub(super) flow: &'r Flow,
    pub(super) link: &'r L,
}

impl<L: MailedLink> Handled<'_, L> {
    /// Takes the token out of the address bar, the history and every `Referer`, or lets a page of the
    /// application do so.
    pub(super) async fn open(&self, token: &str) -> HandlerResult {
        let token = Token::parse(token);
        if self.visit.wants_json() {
            return self.show(token).await;
        }
        if self.visit.site().config().redirect_behavior == RedirectBehavior::Spa {
            let found = self.find(token.clone()).await.map(drop);
            return Ok(single_page::lead::<L>(&self.visit, token, found)?);
        }
        let cookies = self.visit.site().sessions().cookies();
        let cookie = match token {
            Some(token) => cookies.link(&token.reveal()).map_err(Rejection::from)?,
            None => cookies.without_link(),
        };
        cookie::set(self.visit.request(), cookie);
        let page = Next::parse(&path::<L>("link")).unwrap_or_else(Next::home);
        Ok(Reply::redirect(page))
    }

    pub(super) async fn show(&self, token: Option<Token>) -> HandlerResult {
        match self.find(token.clone()).await {
            Ok(link) => Ok(self.link.describe(&link, Reply::page(self.page(Some(&link))))),
            Err(rejection) => Err(self.refuse(token, rejection).await),
        }
    }

    /// Uses the link whose token is in the path, the form, or the cookie. If this fails, shows the page of
    /// the same link again.
    pub(super) async fn press(
        &self,
        submitted: Submitted<L::Form>,
        in_path: Option<&str>,
    ) -> HandlerResult {
        let (in_form, form) = submitted;
        let in_form = in_form.as_ref().map(|token| token.expose().as_str());
        let token = in_path.or(in_form).map_or_else(|| self.kept_token(), Token::parse);
        let form = match form {
            Ok(form) => form,
            Err(rejection) => return Err(self.refuse(token, rejection).await),
        };
        match self.act(token.clone(), form).await {
            Ok(reply) => Ok(reply),
            Err(rejection) => {
                if matches!(rejection, Rejection::InvalidLink | Rejection::LinkUsed(_)) {
                    let (purpose, origin) = (L::PURPOSE, self.visit.origin());
                    self.visit.site().signals().send(&Event::LinkRefused { purpose, origin });
                }
                Err(self.refuse(token, rejection).await)
            }
        }
    }

    async fn act(&self, token: Option<Token>, form: L::Form) -> Result<Reply, Rejection> {
        self.flow.limits().admit(&self.visit, &format!("{}_link", L::PURPOSE)).await?;
        let found = self.find(token.clone()).await;
        if let (Err(Rejection::InvalidLink), Some(token)) = (&found, &token) {
            self.bury(token).await?;
        }
        let link = found?;
        // The cookie stays: by now it may hold a newer link, and a used link does nothing.
        match self.commit(&link, form).await {
            Ok(user) => {
                self.note_use(&link.token).await;
                self.link.reply(&self.visit, self.flow, user).await
            }
            Err(Rejection::InvalidLink) => Err(self.dead(&link.token).await?),
            Err(rejection) => Err(rejection),
        }
    }

    /// Applies the change and uses up the link, in one step.
    async fn commit(&self, link: &OpenLink, form: L::Form) -> Result<User, Rejection> {
        let (change, update) = self.link.press(&self.visit, self.flow, link, form).await?;
        let (store, now) = (self.flow.store(), self.visit.now());
        let digest = link.token.digest();
        let changed = change
            .commit(async |with| store.consume_token(&digest, L::PURPOSE, now, &update, with).await)
            .await?;
        if let Some(user) = changed {
            return Ok(user);
        }
        Err(match store.find_token(&digest, L::PURPOSE, now).await? {
            Some(_) => self.link.inapplicable(&self.visit),
            None => Rejection::InvalidLink,
        })
    }

    /// Deletes a link that was refused because it had expired: it must not work again if the clock is set
    /// back.
    async fn bury(&self, token: &Token) -> Result<(), Rejection> {
        let (store, digest, now) = (self.flow.store(), token.digest(), self.visit.now());
        if store.find_token(&digest, L::PURPOSE, now).await?.is_none() {
            // With the earliest possible time, the link has not expired and can be used up.
            store.spend_token(&digest, L::PURPOSE, Timestamp::default()).await?;
        }
        Ok(())
    }

    /// Records that a link was used. If the store does not answer, a second press only gets the general
    /// refusal.
    async fn note_use(&self, token: &Token) {
        let (key, now) = (self.use_digest(token), self.visit.now());
        if let Err(fault) = self.flow.store().count_event(&key, 1, JUST_NOW, now).await {
            log::warn!("the use of a link could not be noted: {fault}");
        }
    }

    /// Returns the refusal of a link that the store does not have.
    async fn dead(&self, token: &Token) -> Result<Rejection, Rejection> {
        let (key, now) = (self.use_digest(token), self.visit.now());
        let is_used = self.flow.store().has_counted(&key, 1, now).await?;
        Ok(if is_used { Rejection::LinkUsed(L::DONE) } else { Rejection::InvalidLink })
    }

    fn use_digest(&self, token: &Token) -> Digest {
        self.flow.limits().digest(&["used link", L::PURPOSE, &token.reveal()])
    }

    /// Finds a valid link that this request may see.
    async fn find(&self, token: Option<Token>) -> Result<OpenLink, Rejection> {
        let token = token.ok_or(Rejection::InvalidLink)?;
        let (store, now) = (self.flow.store(), self.visit.now());
        let kept = store.find_token(&token.digest(), L::PURPOSE, now).await?;
        let Some(kept) = kept else {
            return Err(self.dead(&token).await?);
        };
        let user = store.find_user(kept.user_id).await?.ok_or(Rejection::InvalidLink)?;
        let has_password = self.flow.has_password(&user).await?;
        let address = Email::parse(&kept.address).map_err(|_| Rejection::InvalidLink)?;
        let link = OpenLink { token, kept, address, user, has_password };
        self.link.check(&self.visit, self.flow, &link).await?;
        Ok(link)
    }

    /// Returns the token that a link left in the browser's cookie.
    pub(super) fn kept_token(&self) -> Option<Token> {
        let kept: Option<String> =
            self.visit.site().sessions().cookies().open_link(self.visit.request());
        kept.as_deref().and_then(Token::parse)
    }

    fn page(&self, link: Option<&OpenLink>) -> Page {
        let token = link.map(|link| link.token.reveal());
        self.link.page(self.flow, link).with("token", token)
    }

    /// Shows a refusal: on the page for invalid links, on the page of the link itself, or, if neither the
    /// link nor the input is the cause, on a page of its own.
    async fn refuse(&self, token: Option<Token>, rejection: Rejection) -> Refused {
        match &rejection {
            Rejection::InvalidLink | Rejection::LinkUsed(_) => self.page(None).refuse(rejection),
            Rejection::InvalidInput(_) | Rejection::CsrfFailed(_) if !self.visit.wants_json() => {
                match self.find(token).await {
                    Ok(link) => self.page(Some(&link)).refuse(rejection),
                    // The first press may have ended the session that the form belongs to.
                    Err(used @ Rejection::LinkUsed(_)) => self.page(None).refuse(used),
                    Err(_) => rejection.into(),
                }
            }
            _ => rejection.into(),
        }
    }
}

/// Returns a path of a link.
pub(super) fn path<L: MailedLink>(last: &str) -> String {
    format!("/{}/{last}", L::PURPOSE.replace('_', "-"))
}

//! Mailed links: out of the address bar, behind a button, used once.
//!
//! What a feature's link does is its [`MailedLink`]; how links are handled is the same for all:
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /<purpose>/<token>` | 303 to `/<purpose>/link`, the token in a cookie | 200, or 400 for a bad link; changes nothing |
//! | `GET /<purpose>/link` | a button, or why the link is not valid | as above |
//! | `POST /<purpose>/link` | what the link is for | the same |
//! | `POST /<purpose>/<token>` | the same, for programs | the same |
//!
//! In single-page mode the first leads into the application: [`single_page`].
//!
//! Looking at a link changes nothing, for mail scanners look at every link: pressing the button does. Pressing
//! it again within ten minutes, as a double click does, is told what it did.

use std::marker::PhantomData;

use chrono::TimeDelta;
use rocket::data::FromData;
use rocket::http::Method;
use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::route::Handler;
use rocket::{Data, Request, Route, async_trait, route};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::config::{RedirectBehavior, Span};
use crate::crypto::hasher::PasswordHash;
use crate::crypto::one_time::{Digest, Token};
use crate::datastore::one_time::OneTimeToken;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::flow::{Choice, Chooser, Flow, single_page};
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::session::cookie;
use crate::user;
use crate::user::{Email, Proof, User};
use crate::web::next::Next;
use crate::web::page::Page;
use crate::web::reply::{Answer, Refused, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

/// What a feature's link does: the settings of the feature, in managed state.
#[async_trait]
pub trait MailedLink: Send + Sync + Sized + 'static {
    /// What the link is for; with `-` for `_`, the first part of its path.
    const PURPOSE: &'static str;

    /// The setting that names the page of a single-page application to which the link leads.
    const VIEW: &'static str;

    /// The setting that names the page for links that are no good.
    const ERROR_VIEW: &'static str;

    /// The sentence that a second press of the button is answered with: what the first one did.
    const DONE: &'static str;

    /// What is submitted by the button.
    type Form: Form;

    /// Shows the link, or, when there is none, that it is not valid.
    fn page(&self, flow: &Flow, link: Option<&OpenLink>) -> Page;

    /// Tells of a valid link; in JSON, too.
    fn show(&self, flow: &Flow, link: &OpenLink) -> Reply {
        Reply::page(self.page(flow, Some(link)))
    }

    /// Refuses whoever may not see the link.
    async fn check(
        &self,
        _visit: &Visit<'_>,
        _flow: &Flow,
        _link: &OpenLink,
    ) -> Result<(), Rejection> {
        Ok(())
    }

    /// Uses the link up.
    async fn press(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
        form: Self::Form,
    ) -> Result<Reply, Rejection>;
}

/// How long a link that was used is told from one that never worked.
const JUST_NOW: TimeDelta = TimeDelta::minutes(10);

/// A link that may still be used.
pub struct OpenLink {
    /// What it carries.
    pub token: Token,
    /// What the store keeps of it.
    pub kept: OneTimeToken,
    /// The address that it was mailed to.
    pub address: Email,
    /// Whose account it is for.
    pub user: User,
    /// Whether that account has a password.
    pub has_password: bool,
}

/// A button and nothing else.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Button {
    /// Read from the form as it was sent, whether it can be carried out or not.
    #[allow(dead_code, reason = "a field of the form")]
    token: Option<Secret<String>>,
}

impl Form for Button {
    const SECRET: &'static [&'static str] = &["token"];
}

/// A button below a password that is chosen.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewPassword {
    /// Read from the form as it was sent, whether it can be carried out or not.
    #[allow(dead_code, reason = "a field of the form")]
    token: Option<Secret<String>>,
    /// The password.
    pub password: Option<Secret<String>>,
    /// The password once more, if the form asks for it.
    pub password_confirm: Option<Secret<String>>,
}

impl Form for NewPassword {
    const SECRET: &'static [&'static str] = &["token", "password", "password_confirm"];
}

impl NewPassword {
    /// Checks and hashes the password that was chosen for the account of a link.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidInput`] when it is not good enough; [`Rejection::Saturated`] when too many
    /// wait to be hashed.
    pub async fn hash(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
    ) -> Result<PasswordHash, Rejection> {
        let mut errors = FieldErrors::new();
        let password = self.password.clone().unwrap_or_default();
        let confirm = self.password_confirm.as_ref();
        let choice = Choice { field: "password", password: &password, confirm };
        let username = link.user.username.as_ref();
        let chooser = Chooser { email: link.address.as_str(), username };
        let chosen = flow.choose_password(visit, choice, chooser, &mut errors).await?;
        match chosen {
            Some(chosen) if errors.is_empty() => {
                Ok(flow.hasher().hash(&flow.reserve(visit)?, &chosen).await?)
            }
            _ => Err(errors.into()),
        }
    }
}

/// Gives the routes of a link.
pub fn routes<L: MailedLink>() -> Vec<Route> {
    let (path, link) = (path::<L>("<token>"), path::<L>("link"));
    vec![
        Route::ranked(2, Method::Get, &path, Handling::<L>::of(Step::Open)),
        Route::new(Method::Get, &link, Handling::<L>::of(Step::Show)),
        Route::new(Method::Post, &link, Handling::<L>::of(Step::Press)),
        Route::ranked(2, Method::Post, &path, Handling::<L>::of(Step::PressToken)),
    ]
}

/// Gives the path of the page that a link leads to.
pub fn page_path<L: MailedLink>() -> String {
    path::<L>("link")
}

/// The longest that a link opens an account (NIST SP 800-63B-4, section 4.2.1.2).
pub const LONGEST: Span = Span::hours(24);

/// Refuses a setting by which a link would open an account for longer.
///
/// # Errors
///
/// [`Error::Config`] naming `key`, which stands below `security`.
pub fn check_lifetime(key: &str, within: Span) -> Result<()> {
    if within > LONGEST {
        return Err(Error::config(key, "is longer than a day", "Set it to \"24h\" or less"));
    }
    Ok(())
}

/// Goes on after a link was used: to `next`, or, if the settings let a link log in, through the
/// door. The page that this browser asked for before the registration or the reset comes after that. Where
/// another user is logged in, nobody is logged in by the link.
///
/// # Errors
///
/// Those of a login.
pub async fn go_on(
    visit: &Visit<'_>,
    flow: &Flow,
    user: User,
    logs_in_by: Option<user::Method>,
    next: Next,
) -> Result<Reply, Rejection> {
    let is_anothers = visit.user().is_some_and(|other| other.id != user.id);
    // The link of one user does not move the browser of another into their account.
    let Some(method) = logs_in_by.filter(|_| !is_anothers) else {
        return Ok(Reply::redirect(next));
    };
    let proof = Proof::new(method, visit.clock().now());
    let entry = flow.enter(visit, user, proof).await?;
    flow.finish(visit, entry).await
}

fn path<L: MailedLink>(last: &str) -> String {
    format!("/{}/{last}", L::PURPOSE.replace('_', "-"))
}

/// One of the routes of a link.
enum Step {
    Open,
    Show,
    Press,
    PressToken,
}

struct Handling<L> {
    step: Step,
    link: PhantomData<fn() -> L>,
}

impl<L> Handling<L> {
    fn of(step: Step) -> Self {
        Self { step, link: PhantomData }
    }
}

impl<L> Clone for Handling<L> {
    fn clone(&self) -> Self {
        Self::of(match self.step {
            Step::Open => Step::Open,
            Step::Show => Step::Show,
            Step::Press => Step::Press,
            Step::PressToken => Step::PressToken,
        })
    }
}

#[async_trait]
impl<L: MailedLink> Handler for Handling<L> {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        let visit = match Visit::from_request(request).await {
            Outcome::Success(visit) => visit,
            Outcome::Error((status, _)) | Outcome::Forward(status) => {
                return Outcome::Error(status);
            }
        };
        let rocket = request.rocket();
        let Some((link, flow)) = rocket.state::<L>().zip(rocket.state::<Flow>()) else {
            return route::Outcome::from(request, Rejection::Unavailable);
        };
        let handling = Handled { visit, flow, link };
        let token = || request.param::<&str>(1).and_then(Result::ok).unwrap_or_default();
        let answer = match self.step {
            Step::Open => handling.open(token()).await,
            Step::Show => handling.show(handling.kept_token()).await,
            Step::Press => handling.press(submission(request, data).await, None).await,
            Step::PressToken => {
                handling.press(submission(request, data).await, Some(token())).await
            }
        };
        route::Outcome::from(request, answer)
    }
}

/// What was submitted to a link, and the token that the form carried, if it could be carried out or
/// not.
type Submitted<F> = (Option<Secret<String>>, Result<F, Rejection>);

async fn submission<'r, F: Form>(request: &'r Request<'_>, data: Data<'r>) -> Submitted<F> {
    match Submission::<F>::from_data(request, data).await {
        Outcome::Success(submission) => (submission.token().cloned(), submission.read()),
        _ => (None, Err(Rejection::Unavailable)),
    }
}

/// A request to one of the routes.
struct Handled<'r, L> {
    visit: Visit<'r>,
    flow: &'r Flow,
    link: &'r L,
}

impl<L: MailedLink> Handled<'_, L> {
    /// Takes the token out of the address bar, the history and every `Referer`, or has a page do so.
    async fn open(&self, token: &str) -> Answer {
        let token = Token::parse(token);
        if self.visit.wants_json() {
            return self.show(token).await;
        }
        if self.visit.config().redirect_behavior == RedirectBehavior::Spa {
            let found = self.find(token.clone()).await.map(drop);
            return Ok(single_page::lead::<L>(&self.visit, token, found)?);
        }
        let cookies = self.visit.sessions().cookies();
        let cookie = match token {
            Some(token) => cookies.link(&token.reveal()).map_err(Rejection::from)?,
            None => cookies.without_link(),
        };
        cookie::set(self.visit.request(), cookie);
        let page = Next::parse(&page_path::<L>()).unwrap_or_else(Next::home);
        Ok(Reply::redirect(page))
    }

    async fn show(&self, token: Option<Token>) -> Answer {
        match self.find(token.clone()).await {
            Ok(link) => Ok(self.link.show(self.flow, &link)),
            Err(rejection) => Err(self.refuse(token, rejection).await),
        }
    }

    /// Acts by the token of the path, the form, or the cookie, and shows the page of that very link
    /// again when that fails.
    async fn press(&self, submitted: Submitted<L::Form>, in_path: Option<&str>) -> Answer {
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
                    self.visit.signals().send(&Event::LinkRefused { purpose, origin });
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
        // The cookie stays: it may be that of a newer link by now, and a used link opens nothing.
        match self.link.press(&self.visit, self.flow, &link, form).await {
            Ok(reply) => {
                self.note_use(&link.token).await;
                Ok(reply)
            }
            Err(Rejection::InvalidLink) => Err(self.dead(&link.token).await?),
            Err(rejection) => Err(rejection),
        }
    }

    /// Deletes a link that was refused for its age: it must not work again when the clock steps back.
    async fn bury(&self, token: &Token) -> Result<(), Rejection> {
        let (store, digest, now) = (self.flow.store(), token.digest(), self.visit.clock().now());
        if store.find_token(&digest, L::PURPOSE, now).await?.is_none() {
            // At the beginning of time no link is too old to be used up.
            store.spend_token(&digest, L::PURPOSE, Timestamp::default()).await?;
        }
        Ok(())
    }

    /// Notes that a link was used. When the store does not answer, a second press is told less.
    async fn note_use(&self, token: &Token) {
        let (key, now) = (self.use_digest(token), self.visit.clock().now());
        if let Err(fault) = self.flow.store().count_event(&key, 1, JUST_NOW, now).await {
            log::warn!("the use of a link could not be noted: {fault}");
        }
    }

    /// Returns why a link that the store does not have is refused.
    async fn dead(&self, token: &Token) -> Result<Rejection, Rejection> {
        let (key, now) = (self.use_digest(token), self.visit.clock().now());
        let is_used = self.flow.store().has_counted(&key, 1, now).await?;
        Ok(if is_used { Rejection::LinkUsed(L::DONE) } else { Rejection::InvalidLink })
    }

    fn use_digest(&self, token: &Token) -> Digest {
        self.flow.limits().digest(&["used link", L::PURPOSE, &token.reveal()])
    }

    /// Finds a link that may still be used, by whoever may see it.
    async fn find(&self, token: Option<Token>) -> Result<OpenLink, Rejection> {
        let token = token.ok_or(Rejection::InvalidLink)?;
        let (store, now) = (self.flow.store(), self.visit.clock().now());
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

    /// Gives the token that a link left in the browser.
    fn kept_token(&self) -> Option<Token> {
        let kept: Option<String> = self.visit.sessions().cookies().open_link(self.visit.request());
        kept.as_deref().and_then(Token::parse)
    }

    /// Says why: on the page for links that are dead, on the page of the link itself, or, when
    /// neither link nor input is what is wrong, on a page of its own.
    async fn refuse(&self, token: Option<Token>, rejection: Rejection) -> Refused {
        match &rejection {
            Rejection::InvalidLink | Rejection::LinkUsed(_) => {
                self.link.page(self.flow, None).refuse(rejection)
            }
            Rejection::InvalidInput(_) | Rejection::CsrfFailed(_) if !self.visit.wants_json() => {
                match self.find(token).await {
                    Ok(link) => self.link.page(self.flow, Some(&link)).refuse(rejection),
                    // The first press may have ended the session that the form belongs to.
                    Err(used @ Rejection::LinkUsed(_)) => {
                        self.link.page(self.flow, None).refuse(used)
                    }
                    Err(_) => rejection.into(),
                }
            }
            _ => rejection.into(),
        }
    }
}

//! Making an account.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /register` | the form; logged in: 303 home | 200 `csrf_token`; logged in: 400 |
//! | `POST /register` `email`, `password`, `password_confirm`, `next` | 303 to `post_register_view` | 200 `csrf_token` |
//!
//! | setting `[default.security.register]` | default |
//! |---|---|
//! | `post_register_view` | the login page |
//!
//! Templates: `security/register.html`. Mails: `welcome_existing` to the owner of an address that
//! has an account, `welcome` where addresses are not confirmed. Events: `UserRegistered`,
//! `UserNotRegistered`. Refusals: `invalid_input` (`email_invalid`, `password_too_short`,
//! `password_blocklisted`, `password_mismatch`), `already_authenticated`, `csrf_failed`,
//! `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! The answer is "check your mail" whether the address has an account or not, and so is the work:
//! one lookup, one comparison, one hash. Where two registered one address that was never confirmed,
//! nobody's password stays: the confirmation link, whichever, asks its reader to choose one.

use rocket::Route;
use rocket::State;
use rocket::get;
use rocket::post;
use rocket::routes;
use serde::Deserialize;
use serde::Serialize;

use crate::crypto::hasher::PasswordHash;
use crate::crypto::hasher::Slot;
use crate::crypto::hasher::Verified;
use crate::crypto::password::Password;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::outbox::NewMail;
use crate::datastore::user::Credentials;
use crate::datastore::user::NewUser;
use crate::event::Event;
use crate::feature::Feature;
use crate::feature::Registration;
use crate::flow::Flow;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::template::Embedded;
use crate::user::Email;
use crate::user::Identity;
use crate::user::User;
use crate::user::UserId;
use crate::web::next::Next;
use crate::web::page::Notice;
use crate::web::page::Page;
use crate::web::reply::Answer;
use crate::web::reply::Reply;
use crate::web::submission::Form;
use crate::web::submission::Submission;
use crate::web::visit::Visit;

/// The feature `register`; its value is `[default.security.register]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Register {
    /// Where to go after registering. _Default:_ the login page.
    pub post_register_view: Option<Next>,
}

const PAGE: Embedded =
    ("security/register.html", include_str!("../../templates/security/register.html"));

const TEMPLATES: &[Embedded] = &[
    PAGE,
    ("security/email/welcome.txt", include_str!("../../templates/security/email/welcome.txt")),
    ("security/email/welcome.html", include_str!("../../templates/security/email/welcome.html")),
    (
        "security/email/welcome_existing.txt",
        include_str!("../../templates/security/email/welcome_existing.txt"),
    ),
    (
        "security/email/welcome_existing.html",
        include_str!("../../templates/security/email/welcome_existing.html"),
    ),
];

const CHECK_YOUR_MAIL: Notice = Notice::info(
    "Check your mail: we sent you a message with what to do next. It may take a minute.",
);

impl<D> Feature<D> for Register {
    const NAME: &'static str = "register";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;
    const SENDS_MAIL: bool = true;

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_register_view.as_ref().map_or("/login", Next::as_str);
        vec![("register", "/register".to_owned()), ("after_register", next.to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }
}

/// What is submitted to `/register`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RegisterForm {
    email: String,
    password: Secret<String>,
    /// The password once more, if the form asks for it.
    password_confirm: Option<Secret<String>>,
    next: Option<String>,
}

impl Form for RegisterForm {
    const SECRET: &'static [&'static str] = &["password", "password_confirm"];
}

#[get("/register?<next>")]
fn show(visit: Visit<'_>, flow: &State<Flow>, next: Option<&str>) -> Answer {
    visit.anonymous_only()?;
    Ok(Reply::page(page(flow, next)))
}

#[post("/register?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    next: Option<&str>,
    submitted: Submission<RegisterForm>,
) -> Answer {
    visit.anonymous_only()?;
    let typed = submitted.typed();
    let next = typed.get("next").map(String::as_str).or(next);
    let page = page(flow, next).typed(typed.clone());
    let next = next.and_then(Next::parse);
    match register(&visit, flow, submitted).await {
        Ok(()) => Ok(Reply::redirect(after(&visit, next)).notice(CHECK_YOUR_MAIL)),
        Err(rejection) => Err(page.refuse(rejection)),
    }
}

/// Makes an account, or has its owner told that somebody tried to.
async fn register(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<RegisterForm>,
) -> Result<(), Rejection> {
    let form = submitted.read()?;
    let slot = flow.hasher().reserve()?;
    flow.limits().admit(visit, "register").await?;
    let (email, password) = check(flow, &slot, form).await?;
    let hash = flow.hasher().hash(&slot, &password).await?;
    let may_mail = flow.limits().may_mail(visit, "register", &email).await?;

    let found = flow.store().find_credentials(&Identity::Email(email.clone())).await?;
    let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
    let verified = flow.hasher().verify(&slot, &password, stored).await?;
    let applicant = Applicant { visit, flow, email: &email, hash: &hash, may_mail };
    let existing = match found {
        Some(found) => (found.user, verified != Verified::No),
        None => match applicant.create().await? {
            Created::Now => return Ok(()),
            Created::Meanwhile(found) => {
                let stored = found.password_hash.as_ref();
                let verified = flow.hasher().verify(&slot, &password, stored).await?;
                (found.user, verified != Verified::No)
            }
        },
    };
    applicant.tell_owner(existing.0, existing.1).await
}

/// Reads the form, and says everything that is wrong with it at once.
async fn check(
    flow: &Flow,
    slot: &Slot,
    form: RegisterForm,
) -> Result<(Email, Password), Rejection> {
    let mut errors = FieldErrors::new();
    let email = errors.take("email", "email_invalid", Email::parse(&form.email));
    let confirm = form.password_confirm.as_ref();
    let password =
        flow.choose_password(slot, &form.password, confirm, &form.email, &mut errors).await?;
    match (email, password) {
        (Some(email), Some(password)) if errors.is_empty() => Ok((email, password)),
        _ => Err(errors.into()),
    }
}

/// Somebody who registers.
struct Applicant<'a> {
    visit: &'a Visit<'a>,
    flow: &'a Flow,
    email: &'a Email,
    hash: &'a PasswordHash,
    may_mail: bool,
}

/// What became of an attempt to make an account.
enum Created {
    Now,
    /// Another request made it between our look and our step.
    Meanwhile(Credentials),
}

impl Applicant<'_> {
    async fn create(&self) -> Result<Created, Rejection> {
        let at = self.visit.clock().now();
        let id = UserId::from_uuid(random_uuid()?);
        let mut together = self.goes_along(id).await?;
        if together.mail.is_empty() {
            together.mail.push(self.mail("welcome", "Welcome", id)?);
        }
        let user = NewUser {
            id,
            email: self.email.clone(),
            password_hash: Some(self.hash.clone()),
            confirmed_at: None,
            created_at: at,
        };
        if self.flow.store().create_user(&user, &together).await?.is_some() {
            let origin = self.visit.origin(self.visit.request());
            self.visit.signals().send(&Event::UserRegistered { user: id, origin });
            self.flow.mail_is_waiting();
            return Ok(Created::Now);
        }
        let identity = Identity::Email(self.email.clone());
        let found = self.flow.store().find_credentials(&identity).await?;
        found.map(Created::Meanwhile).ok_or(Rejection::Unavailable)
    }

    /// Mails the owner of the account: another link while it is unconfirmed, else a notice.
    ///
    /// `is_same` says that the password is the account's: the same person once more.
    async fn tell_owner(&self, user: User, is_same: bool) -> Result<(), Rejection> {
        let origin = self.visit.origin(self.visit.request());
        self.visit.signals().send(&Event::UserNotRegistered { existing: user.id, origin });
        if !self.may_mail {
            return Ok(());
        }
        let store = self.flow.store();
        if user.confirmed_at.is_none() {
            let links = self.goes_along(user.id).await?.mail;
            let is_done = if links.is_empty() {
                false
            } else if is_same {
                for link in &links {
                    store.push_mail(link).await?;
                }
                true
            } else {
                store.contest_user(user.id, &Together::mail(links)).await?
            };
            if is_done {
                self.flow.mail_is_waiting();
                return Ok(());
            }
        }
        let notice = self.mail("welcome_existing", "You already have an account", user.id)?;
        store.push_mail(&notice).await?;
        self.flow.mail_is_waiting();
        Ok(())
    }

    async fn goes_along(&self, id: UserId) -> Result<Together, Rejection> {
        let at = self.visit.clock().now();
        let registration = Registration::new(id, self.email, at);
        self.flow.with_registration(&registration).await
    }

    fn mail(&self, template: &str, subject: &str, id: UserId) -> Result<NewMail, Rejection> {
        Ok(NewMail {
            id: random_uuid()?,
            template: template.to_owned(),
            subject: subject.to_owned(),
            to: self.email.clone(),
            user_id: Some(id),
            only_unconfirmed: false,
            link: None,
            created_at: self.visit.clock().now(),
        })
    }
}

fn page(flow: &Flow, next: Option<&str>) -> Page {
    Page::new(PAGE.0)
        .with("next", next.and_then(Next::parse))
        .with("password_min", flow.password_policy().min_length)
}

/// Where to go: `next`, by way of the login page if that is where one goes.
fn after(visit: &Visit<'_>, next: Option<Next>) -> Next {
    let view = visit.url("after_register").unwrap_or_else(Next::home);
    match next {
        Some(next) if visit.url("login").as_ref() == Some(&view) => view.with_next(&next),
        Some(next) => next,
        None => view,
    }
}

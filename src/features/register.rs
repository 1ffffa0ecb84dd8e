//! Making an account.
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /register` | the form; logged in: 303 home | 200 `csrf_token`; logged in: 400 |
//! | `POST /register` `email`, `username`, `password`, `password_confirm`, `next`, fields of the application | 303 to `post_register_view` | 200 `csrf_token` |
//!
//! | setting `[default.security.register]` | default |
//! |---|---|
//! | `admission` | `"open"`; `"by-invitation"` and `"closed"` refuse everybody here |
//! | `post_register_view` | the login page |
//! | `username_required` | `true` |
//!
//! Templates: `security/register.html`. Mails: `welcome_existing` to the owner of an address that
//! has an account, which says so if that is closed or has no password; `welcome` where addresses are
//! not confirmed. Events: `UserRegistered`, `UserNotRegistered`. Refusals: `invalid_input` (`email_invalid`, `username_invalid`,
//! `username_reserved`, `username_taken`, `password_too_short`, `password_blocklisted`,
//! `password_mismatch`, `required`, `too_long`), `registration_closed`, `already_authenticated`, `csrf_failed`,
//! `cross_site`, `throttled`, `saturated`, `unavailable`.
//!
//! ```text
//! POST /register {"email": "ann@example.org", "password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"password": ["…"]}, "reasons": ["invalid_input", "password_too_short"]}}
//! ```
//!
//! The answer is "check your mail" whether the address has an account or not, and so is the work:
//! one lookup, one comparison, one hash. Where two registered one address that was never confirmed,
//! nobody's password stays: the newest confirmation link asks its reader to choose one. The account
//! then lives for two days more.
//!
//! There is a field `username` where users go by usernames: where `security.identity` says so. These
//! are public, so that whoever wants one that is taken is told, whatever address they gave. A name is
//! looked at before the address is, and held for three days whether the address has an account or not:
//! for longer than an account lives that nobody confirms. Whoever registers the same once more is told,
//! too, that it is taken, and to look for the mail.
//! Where two registered one address that was never confirmed, the account goes by the newest one's name;
//! fields of an application stay the first one's.
//!
//! # Fields of an application's own
//!
//! [`Register::asking`] adds the fields of a [`RegistrationFields`], on the page and in JSON; what
//! becomes of them is committed with the new user. The guide on [pages](crate::guide::pages) shows
//! how, and the example `together` does it.
//!
//! # Who may register
//!
//! Where `admission` is not `"open"`, both routes answer 403 with the reason `registration_closed`,
//! and say why; templates find no `register` among `features`, so that the links to it are gone.
//! Accounts that are there, and links that were mailed, go on.

use std::fmt;
use std::marker::PhantomData;

use rocket::{Route, State, get, post, routes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::{Config, IdentityAttribute};
use crate::crypto::hasher::{PasswordHash, Verified};
use crate::crypto::password::Password;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::lapse::Contest;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::{Credentials, NewUser, Taken};
use crate::error::{Faults, Result};
use crate::event::Event;
use crate::feature::{Feature, Installation, Registration};
use crate::flow::lapse::UNCONFIRMED_FOR;
use crate::flow::username::{HeldUsername, UsernamesRequired, username_taken};
use crate::flow::{Choice, Chooser, Flow};
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::template::Embedded;
use crate::user::{Email, Identity, User, UserId, Username};
use crate::web::fields::{NoFields, OwnFields, RegistrationFields, Save, check_names};
use crate::web::kept_next;
use crate::web::members::unknown_field;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{Answer, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::view::View;
use crate::web::visit::Visit;

/// The feature `register`; its value is `[default.security.register]`. `F` is what the application
/// asks beside the address and the password.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
#[non_exhaustive]
pub struct Register<F = NoFields> {
    /// Who may register. _Default:_ `"open"`.
    pub admission: Admission,
    /// Where to go after registering. _Default:_ the login page.
    pub post_register_view: Option<View>,
    /// Whether an account has to have a username, where users go by usernames. _Default:_ `true`.
    pub username_required: bool,
    #[serde(skip)]
    fields: PhantomData<fn() -> F>,
}

/// `security.register.admission`: who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Admission {
    /// Everybody.
    #[default]
    Open,
    /// Those who were invited, by a link of their own.
    ByInvitation,
    /// Nobody.
    Closed,
}

impl Admission {
    /// Refuses whoever comes by themselves, unless everybody may.
    fn admit(self) -> Result<(), Rejection> {
        match self {
            Self::Open => Ok(()),
            Self::ByInvitation => Err(Rejection::RegistrationClosed { by_invitation: true }),
            Self::Closed => Err(Rejection::RegistrationClosed { by_invitation: false }),
        }
    }
}

impl Register {
    /// Asks for the fields of `F`, too, in place of the registration as it comes.
    ///
    /// ```
    /// # use rocket_security::RegistrationFields;
    /// # use rocket_security::Security;
    /// # use rocket_security::features::register::Register;
    /// fn security<Profile: RegistrationFields>() -> Security {
    ///     Security::default().enable(Register::asking::<Profile>())
    /// }
    /// ```
    pub fn asking<F: RegistrationFields>() -> Register<F> {
        Register::new()
    }
}

impl<F> Register<F> {
    fn new() -> Self {
        Self {
            admission: Admission::default(),
            post_register_view: None,
            username_required: true,
            fields: PhantomData,
        }
    }
}

impl Default for Register {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> Clone for Register<F> {
    fn clone(&self) -> Self {
        Self { post_register_view: self.post_register_view.clone(), fields: PhantomData, ..*self }
    }
}

impl<F> fmt::Debug for Register<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register")
            .field("admission", &self.admission)
            .field("post_register_view", &self.post_register_view)
            .field("username_required", &self.username_required)
            .finish_non_exhaustive()
    }
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

impl<D, F: RegistrationFields> Feature<D> for Register<F> {
    const NAME: &'static str = "register";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(check_names::<F>(FIELDS));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_register_view.as_ref().map_or("/login", View::as_str);
        vec![("register", "/register".to_owned()), ("after_register", next.to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, submit]
    }

    fn is_offered(&self) -> bool {
        self.admission == Admission::Open
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let Self { admission, username_required, .. } = *self;
        if username_required {
            at.offer(UsernamesRequired);
        }
        at.manage(Terms { admission, username_required, own: OwnFields::of::<F>() });
        Ok(())
    }
}

/// The names that fields of an application cannot have: ours, and those of features to come.
const FIELDS: &[&str] =
    &["email", "username", "password", "password_confirm", "remember", "next", "csrf_token"];

/// What the handlers go by.
struct Terms {
    admission: Admission,
    username_required: bool,
    own: OwnFields,
}

/// What is submitted to `/register`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RegisterForm {
    email: String,
    username: Option<String>,
    password: Secret<String>,
    /// The password once more, if the form asks for it.
    password_confirm: Option<Secret<String>>,
    next: Option<String>,
    /// What the application asks.
    #[serde(flatten)]
    own: Map<String, Value>,
}

impl Form for RegisterForm {
    const SECRET: &'static [&'static str] = &["password", "password_confirm"];
}

#[get("/register?<next>")]
fn show(visit: Visit<'_>, flow: &State<Flow>, terms: &State<Terms>, next: Option<&str>) -> Answer {
    let next = next.and_then(|next| visit.next(next));
    visit.anonymous_only(next.as_ref())?;
    terms.admission.admit()?;
    Ok(Reply::page(page(&visit, flow, terms, next.as_ref())))
}

#[post("/register?<next>", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    terms: &State<Terms>,
    next: Option<&str>,
    submitted: Submission<RegisterForm>,
) -> Answer {
    let next = submitted.next(&visit, next);
    visit.anonymous_only(next.as_ref())?;
    terms.admission.admit()?;
    let page = page(&visit, flow, terms, next.as_ref()).typed(submitted.typed());
    match register(&visit, flow, terms, submitted).await {
        Ok(()) => {
            kept_next::keep(&visit, next.as_ref());
            Ok(Reply::redirect(after(&visit, next)).notice(CHECK_YOUR_MAIL))
        }
        Err(rejection) => Err(page.refuse(rejection)),
    }
}

/// Makes an account, or has its owner told that somebody tried to.
async fn register(
    visit: &Visit<'_>,
    flow: &Flow,
    terms: &Terms,
    submitted: Submission<RegisterForm>,
) -> Result<(), Rejection> {
    let is_form = submitted.is_form();
    let mut form = submitted.read()?;
    if is_form {
        form.own.retain(|name, _| terms.own.has(name));
        form.username = form.username.filter(|_| has_usernames(visit));
    }
    flow.limits().admit(visit, "register").await?;
    let mut held = None;
    let outcome = match check(visit, flow, terms, form, &mut held).await {
        Ok(checked) => apply(visit, flow, checked).await,
        Err(rejection) => Err(rejection),
    };
    if let (Err(_), Some(held)) = (&outcome, held) {
        flow.release_username(held).await;
    }
    outcome
}

/// Makes the account, or tells the owner of the address, with the same work.
async fn apply(visit: &Visit<'_>, flow: &Flow, checked: Checked) -> Result<(), Rejection> {
    let Checked { email, username, password, save } = checked;
    let slot = flow.reserve(visit)?;
    let hash = flow.hasher().hash(&slot, &password).await?;
    let may_mail = flow.limits().may_mail(visit, "register", &email).await?;

    // Asked for before anybody knows whether there is an account, so that a fault does not tell.
    let id = UserId::from_uuid(random_uuid()?);
    let own = save(&Registration::new(id, &email, visit.clock().now()))?;
    let identity = Identity::Email(email.clone());
    let found = flow.store().find_credentials(&identity).await?;
    let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
    let verified = flow.verify_password(&slot, &identity, &password, stored).await?;
    let username = username.as_ref();
    let applicant = Applicant { visit, flow, email: &email, username, hash: &hash, may_mail };
    let existing = match found {
        Some(found) => (found.user, verified != Verified::No),
        None => match applicant.create(id, own).await? {
            Created::Now => return Ok(()),
            Created::Meanwhile(found) => {
                let stored = found.password_hash.as_ref();
                let verified = flow.verify_password(&slot, &identity, &password, stored).await?;
                (found.user, verified != Verified::No)
            }
        },
    };
    applicant.tell_owner(existing.0, existing.1).await
}

/// Reads the form, and says everything that is wrong with it at once. Its username is `held` from then
/// on.
async fn check(
    visit: &Visit<'_>,
    flow: &Flow,
    terms: &Terms,
    form: RegisterForm,
    held: &mut Option<HeldUsername>,
) -> Result<Checked, Rejection> {
    let mut errors = FieldErrors::new();
    let email = errors.take("email", "email_invalid", Email::parse(&form.email));
    let username = match form.username.as_deref() {
        Some(_) if !has_usernames(visit) => return Err(unknown_field("username")),
        None | Some("") if !terms.username_required || !has_usernames(visit) => None,
        typed => {
            let typed = typed.unwrap_or_default();
            let chosen = flow.choose_username(visit, "username", typed, None, &mut errors).await?;
            chosen.map(|(username, holding)| {
                *held = holding;
                username
            })
        }
    };
    let confirm = form.password_confirm.as_ref();
    let choice = Choice { field: "password", password: &form.password, confirm };
    let chooser = Chooser { email: &form.email, username: username.as_ref() };
    let password = flow.choose_password(visit, choice, chooser, &mut errors).await?;
    let save = terms.own.read(form.own, visit.request(), &mut errors).await?;
    match (email, password, save) {
        (Some(email), Some(password), Some(save)) if errors.is_empty() => {
            Ok(Checked { email, username, password, save })
        }
        _ => Err(errors.into()),
    }
}

/// A form with nothing wrong.
struct Checked {
    email: Email,
    username: Option<Username>,
    password: Password,
    save: Save,
}

fn has_usernames(visit: &Visit<'_>) -> bool {
    visit.config().identifies_by(IdentityAttribute::Username)
}

/// Somebody who registers.
struct Applicant<'a> {
    visit: &'a Visit<'a>,
    flow: &'a Flow,
    email: &'a Email,
    username: Option<&'a Username>,
    hash: &'a PasswordHash,
    may_mail: bool,
}

/// What became of an attempt to make an account.
enum Created {
    Now,
    /// Another request made it between our look and our step.
    Meanwhile(Box<Credentials>),
}

impl Applicant<'_> {
    /// Makes the account, and what is the application's `own` with it.
    async fn create(&self, id: UserId, own: Together) -> Result<Created, Rejection> {
        let at = self.visit.clock().now();
        let event = Event::UserRegistered { user: id, origin: self.visit.origin() };
        let new = User::new(id, self.email.clone(), at);
        let mut together = self.goes_along(&new).await?;
        if !self.flow.awaits_confirmation() {
            together.mail.push(self.mail("welcome", "Welcome", id)?);
        }
        let user = NewUser {
            id,
            email: self.email.clone(),
            username: self.username.cloned(),
            password_hash: Some(self.hash.clone()),
            confirmed_at: None,
            expires_at: self.flow.awaits_confirmation().then_some(at + UNCONFIRMED_FOR),
            created_at: at,
        };
        let change = self.flow.change(event).with(own).with(together);
        let store = self.flow.store();
        match change.commit(async |with| store.create_user(&user, with).await).await? {
            Ok(_) => return Ok(Created::Now),
            Err(Taken::Username) => return Err(username_taken("username")),
            Err(Taken::Email) => {}
        }
        let identity = Identity::Email(self.email.clone());
        let found = self.flow.store().find_credentials(&identity).await?;
        found.map(|found| Created::Meanwhile(Box::new(found))).ok_or(Rejection::Unavailable)
    }

    /// Mails the owner of the account: another link while it is unconfirmed, else a notice.
    ///
    /// `is_same` says that the password is the account's: the same person once more.
    async fn tell_owner(&self, user: User, is_same: bool) -> Result<(), Rejection> {
        let (store, existing, origin) = (self.flow.store(), user.id, self.visit.origin());
        let event =
            |contested| Event::UserNotRegistered { existing, contested, origin: origin.clone() };
        // Where addresses are confirmed: whoever asked for too much mail keeps nobody's password in
        // place. The link that is out already asks for another one then.
        if user.confirmed_at.is_none()
            && self.flow.awaits_confirmation()
            && let Some(store) = store.lapse_store()
        {
            let mut links = self.goes_along(&user).await?.mail;
            if !self.may_mail {
                links.clear();
            }
            let contest = Contest {
                is_same,
                username: self.username.cloned(),
                expires_at: self.visit.clock().now() + UNCONFIRMED_FOR,
            };
            let change = self.flow.change(event(true)).mail(links);
            if change.commit(async |with| store.contest_user(user.id, &contest, with).await).await?
            {
                return Ok(());
            }
        }
        self.visit.signals().send(&event(false));
        if !self.may_mail {
            return Ok(());
        }
        let notice = self.mail("welcome_existing", "You already have an account", user.id)?;
        // Spelled as it is in the account: to some mail servers another spelling is another mailbox.
        self.flow.post(notice.concerns(Addressee::Holder), &self.visit.origin()).await
    }

    /// Gives what goes along with the registration of an account, at its address as that is spelled: to
    /// some mail servers another spelling is another mailbox.
    async fn goes_along(&self, user: &User) -> Result<Together, Rejection> {
        let at = self.visit.clock().now();
        let registration = Registration::new(user.id, &user.email, at);
        self.flow.with_registration(&registration).await
    }

    fn mail(&self, template: &str, subject: &str, id: UserId) -> Result<NewMail, Rejection> {
        let mail = NewMail::new(template, subject, self.email, self.visit.clock().now())?;
        Ok(mail.concerns(Addressee::User(id)))
    }
}

fn page(visit: &Visit<'_>, flow: &Flow, terms: &Terms, next: Option<&Next>) -> Page {
    let names = flow.username_policy();
    Page::new(PAGE.0)
        .with("next", next)
        .with("password_min", flow.password_policy().min_length)
        .with("own_fields", terms.own.fields)
        .with("has_usernames", has_usernames(visit))
        .with("username_required", terms.username_required)
        .with("username_min", names.min_length)
        .with("username_max", names.max_length)
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

//! The form of a registration.

use rocket::{State, get, post};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::IdentityAttribute;
use crate::features::register::account::{Checked, apply};
use crate::features::register::terms::Terms;
use crate::flow::username::HeldUsername;
use crate::flow::{Choice, Chooser, Flow};
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::template::{Embedded, page};
use crate::text::Text;
use crate::user::Email;
use crate::web::kept_next;
use crate::web::members::unknown_field;
use crate::web::next::Next;
use crate::web::page::{Notice, Page};
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

pub(super) const PAGE: Embedded = page!("register");

const CHECK_YOUR_MAIL: Notice = Notice::info(Text::new(
    "register.check_your_mail",
    "We sent you an email. Please open it to see what to do next. It may take a minute to arrive.",
));

/// What is submitted to `/register`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RegisterForm {
    email: String,
    username: Option<String>,
    password: Secret<String>,
    /// The password once more, if the form asks for it.
    password_confirm: Option<Secret<String>>,
    next: Option<String>,
    /// The application's own fields.
    #[serde(flatten)]
    own: Map<String, Value>,
}

impl Form for RegisterForm {
    const SECRET: &'static [&'static str] = &["password", "password_confirm"];
}

#[get("/register?<next>")]
pub(super) fn show(
    visit: Visit<'_>,
    flow: &State<Flow>,
    terms: &State<Terms>,
    next: Option<&str>,
) -> HandlerResult {
    let next = next.and_then(|next| visit.next(next));
    visit.anonymous_only(next.as_ref())?;
    terms.admission.admit()?;
    Ok(Reply::page(page(&visit, flow, terms, next.as_ref())))
}

#[post("/register?<next>", data = "<submitted>")]
pub(super) async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    terms: &State<Terms>,
    next: Option<&str>,
    submitted: Submission<RegisterForm>,
) -> HandlerResult {
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

/// Creates an account, or tells the owner of the address that someone tried to register it.
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

/// Checks the form, and returns all of its errors at once. Its username is `held` from then on.
async fn check(
    visit: &Visit<'_>,
    flow: &Flow,
    terms: &Terms,
    form: RegisterForm,
    held: &mut Option<HeldUsername>,
) -> Result<Checked, Rejection> {
    let mut errors = FieldErrors::new();
    let email = errors.take("email", Email::parse(&form.email));
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
    let choice = Choice::new("password", &form.password, confirm);
    let chooser = Chooser::new(&form.email, username.as_ref());
    let password = flow.choose_password(visit, choice, chooser, &mut errors).await?;
    let save = terms.own.read(form.own, visit.request(), &mut errors).await?;
    match (email, password, save) {
        (Some(email), Some(password), Some(save)) if errors.is_empty() => {
            Ok(Checked { email, username, password, save })
        }
        _ => Err(errors.into()),
    }
}

fn has_usernames(visit: &Visit<'_>) -> bool {
    visit.site().config().identifies_by(IdentityAttribute::Username)
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

/// Returns where to go: to `next`, by way of the login page if users are sent there after registering.
fn after(visit: &Visit<'_>, next: Option<Next>) -> Next {
    let view = visit.site().url("after_register").unwrap_or_else(Next::home);
    match next {
        Some(next) if visit.site().url("login").as_ref() == Some(&view) => view.with_next(&next),
        Some(next) => next,
        None => view,
    }
}

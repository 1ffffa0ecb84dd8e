//! The mailed link: out of the address bar, behind a button, used once.

use rocket::Route;
use rocket::State;
use rocket::get;
use rocket::post;
use rocket::routes;
use serde::Deserialize;

use crate::crypto::hasher::PasswordHash;
use crate::crypto::one_time::Token;
use crate::datastore::Together;
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::event::Event;
use crate::features::confirm::PURPOSE;
use crate::flow::Flow;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::session::cookie;
use crate::template::Embedded;
use crate::user::Email;
use crate::user::Identity;
use crate::web::next::Next;
use crate::web::page::Notice;
use crate::web::page::Page;
use crate::web::reply::Answer;
use crate::web::reply::Refused;
use crate::web::reply::Reply;
use crate::web::submission::Form;
use crate::web::submission::Submission;
use crate::web::visit::Visit;

/// The page that a link leads to.
pub(super) const PAGE: Embedded =
    ("security/confirm_link.html", include_str!("../../../templates/security/confirm_link.html"));

const CONFIRMED: Notice = Notice::success("Your address is confirmed. You can log in now.");

/// Gives the routes of a link.
pub(super) fn routes() -> Vec<Route> {
    routes![open_link, show_link, press, press_token]
}

/// What is submitted by the button, or to a link's own address.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LinkForm {
    token: Option<Secret<String>>,
    /// A first password, for an account that has none.
    password: Option<Secret<String>>,
    /// The password once more, if the form asks for it.
    password_confirm: Option<Secret<String>>,
}

impl Form for LinkForm {
    const SECRET: &'static [&'static str] = &["token", "password", "password_confirm"];
}

/// A link that may still be used.
struct Link {
    /// Where it was mailed to.
    address: Email,
    /// Whether its account has no password: none was given, or two people registered the address.
    /// It is confirmed with one that is chosen now.
    needs_password: bool,
}

#[get("/confirm/<token>", rank = 2)]
async fn open_link(visit: Visit<'_>, flow: &State<Flow>, token: &str) -> Answer {
    if visit.wants_json() {
        let link = find_link(&visit, flow, Token::parse(token).as_ref()).await?;
        let page = link_page(flow, None, false);
        return Ok(Reply::page(page).with("password_required", link.needs_password));
    }
    // The token leaves the address bar, the history and every `Referer` before the page is shown.
    let cookies = visit.sessions().cookies();
    let cookie = match Token::parse(token) {
        Some(token) => cookies.link(&token.reveal()).map_err(Rejection::from)?,
        None => cookies.without_link(),
    };
    cookie::set(visit.request(), cookie);
    let link = visit.url("confirm_link").unwrap_or_else(Next::home);
    Ok(Reply::redirect(link))
}

#[get("/confirm/link")]
async fn show_link(visit: Visit<'_>, flow: &State<Flow>) -> Answer {
    let token = kept_token(&visit);
    match find_link(&visit, flow, token.as_ref()).await {
        Ok(link) => Ok(Reply::page(link_page(flow, token, link.needs_password))
            .with("password_required", link.needs_password)),
        Err(rejection) => Err(refuse(&visit, flow, token, rejection).await),
    }
}

#[post("/confirm/link", data = "<submitted>")]
async fn press(visit: Visit<'_>, flow: &State<Flow>, submitted: Submission<LinkForm>) -> Answer {
    answer(&visit, flow, submitted, None).await
}

#[post("/confirm/<token>", data = "<submitted>", rank = 2)]
async fn press_token(
    visit: Visit<'_>,
    flow: &State<Flow>,
    token: &str,
    submitted: Submission<LinkForm>,
) -> Answer {
    answer(&visit, flow, submitted, Some(token)).await
}

/// Confirms by the token of the path, the form, or the cookie, and shows the page of that very
/// link again when that fails.
async fn answer(
    visit: &Visit<'_>,
    flow: &Flow,
    submitted: Submission<LinkForm>,
    in_path: Option<&str>,
) -> Answer {
    let form = match submitted.read() {
        Ok(form) => form,
        Err(rejection) => {
            let token = in_path.map_or_else(|| kept_token(visit), Token::parse);
            return Err(refuse(visit, flow, token, rejection).await);
        }
    };
    let in_form = form.token.as_ref().map(|token| token.expose().as_str());
    let token = in_path.or(in_form).map_or_else(|| kept_token(visit), Token::parse);
    match confirm(visit, flow, &form, token.as_ref()).await {
        Ok(reply) => Ok(reply),
        Err(rejection) => Err(refuse(visit, flow, token, rejection).await),
    }
}

/// Finds a link that may still be used.
async fn find_link(
    visit: &Visit<'_>,
    flow: &Flow,
    token: Option<&Token>,
) -> Result<Link, Rejection> {
    let digest = token.ok_or(Rejection::InvalidLink)?.digest();
    let found = flow.store().find_token(&digest, PURPOSE, visit.clock().now()).await?;
    let found = found.ok_or(Rejection::InvalidLink)?;
    let address = Email::parse(&found.address).map_err(|_| Rejection::InvalidLink)?;
    let account = flow.store().find_credentials(&Identity::Email(address.clone())).await?;
    let needs_password = account.is_none_or(|account| account.password_hash.is_none());
    Ok(Link { address, needs_password })
}

/// Uses a link up and confirms the address it was mailed to, with the password that was chosen
/// when registering, or with one that is chosen now.
async fn confirm(
    visit: &Visit<'_>,
    flow: &Flow,
    form: &LinkForm,
    token: Option<&Token>,
) -> Result<Reply, Rejection> {
    flow.limits().admit(visit, "confirm_link").await?;
    let link = find_link(visit, flow, token).await?;
    let password_hash = if link.needs_password || form.password.is_some() {
        Some(first_password(flow, form, &link.address).await?)
    } else {
        None
    };
    let digest = token.ok_or(Rejection::InvalidLink)?.digest();
    let now = visit.clock().now();
    let change = UserChange::confirmed(now, password_hash);
    let nothing = Together::nothing();
    let confirmed = flow.store().consume_token(&digest, PURPOSE, now, &change, &nothing).await?;
    let Some(user) = confirmed else {
        // Used by now; or somebody registered the address again since, and it is still good.
        find_link(visit, flow, token).await?;
        let text = "Choose a password.";
        return Err(FieldErrors::one("password", "password_invalid", text).into());
    };
    cookie::set(visit.request(), visit.sessions().cookies().without_link());
    let origin = visit.origin(visit.request());
    visit.signals().send(&Event::UserConfirmed { user: user.id, origin });
    let next = visit.url("after_confirm").unwrap_or_else(Next::home);
    Ok(Reply::redirect(next).notice(CONFIRMED))
}

/// Hashes the password that is chosen together with the confirmation.
async fn first_password(
    flow: &Flow,
    form: &LinkForm,
    address: &Email,
) -> Result<PasswordHash, Rejection> {
    let slot = flow.hasher().reserve()?;
    let mut errors = FieldErrors::new();
    let password = form.password.clone().unwrap_or_default();
    let confirm = form.password_confirm.as_ref();
    let chosen =
        flow.choose_password(&slot, &password, confirm, address.as_str(), &mut errors).await?;
    match chosen {
        Some(chosen) if errors.is_empty() => Ok(flow.hasher().hash(&slot, &chosen).await?),
        _ => Err(errors.into()),
    }
}

/// Gives the token that a link left in the browser.
fn kept_token(visit: &Visit<'_>) -> Option<Token> {
    let kept: Option<String> = visit.sessions().cookies().open_link(visit.request());
    kept.as_deref().and_then(Token::parse)
}

/// Says why: on the page for links that are dead, on the page of the link itself, or, when
/// neither link nor input is what is wrong, on a page of its own.
async fn refuse(
    visit: &Visit<'_>,
    flow: &Flow,
    token: Option<Token>,
    rejection: Rejection,
) -> Refused {
    match &rejection {
        Rejection::InvalidLink => link_page(flow, None, false).refuse(rejection),
        Rejection::InvalidInput(_) | Rejection::CsrfFailed if !visit.wants_json() => {
            match find_link(visit, flow, token.as_ref()).await {
                Ok(link) => link_page(flow, token, link.needs_password).refuse(rejection),
                Err(_) => rejection.into(),
            }
        }
        _ => rejection.into(),
    }
}

fn link_page(flow: &Flow, token: Option<Token>, needs_password: bool) -> Page {
    Page::new(PAGE.0)
        .with("token", token.map(|token| token.reveal()))
        .with("needs_password", needs_password)
        .with("password_min", flow.password_policy().min_length)
}

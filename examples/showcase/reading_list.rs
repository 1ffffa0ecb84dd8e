//! The titles that a visitor wants to borrow, kept with the session, before the login and after it.

use rocket::form::Form;
use rocket::response::Redirect;
use rocket::serde::json::{Json, Value, json};
use rocket::{FromForm, Responder, get, post};
use rocket_security::web::visit::Visit;
use rocket_security::{Page, Public, Rejection, Session, SessionError};

type Answered<T> = Result<T, Rejection>;

const TITLES: &str = "titles";
const MOST_TITLES: usize = 20;

#[derive(Responder)]
pub(crate) enum List {
    Json(Json<Value>),
    Page(Page),
}

#[get("/list")]
pub(crate) fn show(_everybody: Public, session: Session<'_>, visit: Visit<'_>) -> Answered<List> {
    let titles: Vec<String> = session.get(TITLES)?.unwrap_or_default();
    let flashes = session.take_flashes();
    if visit.wants_json() {
        return Ok(List::Json(Json(json!({ "titles": titles, "flashes": flashes }))));
    }
    let page = Page::new("list.html").with("titles", titles).with("flashes", flashes);
    Ok(List::Page(page))
}

/// The form that is submitted to `/list`.
#[derive(FromForm)]
pub(crate) struct Entry<'r> {
    #[field(validate = len(1..=80))]
    title: &'r str,
}

/// The list stays short enough for the cookie that keeps it.
#[allow(clippy::disallowed_methods, reason = "nothing of the request is in this path")]
#[post("/list", data = "<entry>")]
pub(crate) fn add(
    _everybody: Public,
    session: Session<'_>,
    entry: Form<Entry<'_>>,
) -> Answered<Redirect> {
    let mut titles: Vec<String> = session.get(TITLES)?.unwrap_or_default();
    titles.push(entry.title.to_owned());
    let is_kept = titles.len() <= MOST_TITLES
        && match session.insert(TITLES, &titles) {
            Err(SessionError::TooLarge { .. }) => false,
            kept => kept.map(|()| true)?,
        };
    if is_kept {
        session.flash("success", format!("{} is on your list.", entry.title))?;
    } else {
        session.flash("error", "There is no room for more on your list.")?;
    }
    Ok(Redirect::to("/list"))
}

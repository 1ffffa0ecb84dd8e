//! Answers for guards that fail, where the application has no catcher of its own.

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::response::Responder;
use rocket::{Build, Catcher, Request, Rocket, async_trait, catcher};

use crate::rejection::Rejection;
use crate::text::Text;
use crate::web::shown_user;
use crate::web::site::Site;

/// The statuses that the framework's guards fail with.
const CODES: [u16; 7] = [400, 401, 403, 413, 415, 429, 503];

/// Registers a catcher for each status for which the application has no catcher at `/`.
pub(crate) fn register(rocket: Rocket<Build>) -> Rocket<Build> {
    let is_taken = |code: u16| {
        rocket.catchers().any(|catcher| {
            catcher.base.path() == "/" && catcher.code.is_none_or(|taken| taken == code)
        })
    };
    let missing: Vec<Catcher> = CODES
        .into_iter()
        .filter(|code| !is_taken(*code))
        .map(|code| {
            let mut catcher = Catcher::new(code, RefusalCatcher);
            catcher.name = Some("rocket_security".into());
            catcher
        })
        .collect();
    rocket.register("/", missing)
}

/// Fails a guard, and stores the rejection for the catchers.
pub(crate) fn refuse<S, F>(
    request: &Request<'_>,
    rejection: Rejection,
) -> Outcome<S, (Status, Rejection), F> {
    let rejection = rejection.remember(request);
    Outcome::Error((rejection.status(), rejection))
}

/// Answers with the rejection that the guard stored.
#[derive(Clone)]
struct RefusalCatcher;

#[async_trait]
impl catcher::Handler for RefusalCatcher {
    async fn handle<'r>(&self, status: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        if let Some(site) = Site::of(request) {
            // The answer matters more than showing the user.
            let _ = shown_user::current(request, site).await;
        }
        // A guard that failed inside an `Option` also stored its rejection, which does not belong to this
        // status.
        let rejection = Rejection::of(request).filter(|it| it.status() == status).cloned();
        rejection.unwrap_or_else(|| default_for(status)).respond_to(request)
    }
}

/// Returns the rejection for a status that the framework did not cause.
fn default_for(status: Status) -> Rejection {
    match status.code {
        401 => Rejection::Unauthenticated,
        403 => Rejection::Forbidden,
        413 => Rejection::TooLarge,
        415 => Rejection::UnsupportedMediaType,
        429 => Rejection::Throttled { retry_after: std::time::Duration::from_secs(60) },
        503 => Rejection::Unavailable,
        _ => Rejection::Custom {
            status: Status::BadRequest,
            text: Text::new("bad_request", "We couldn't understand this request."),
        },
    }
}

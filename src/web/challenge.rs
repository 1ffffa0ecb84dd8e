//! The `WWW-Authenticate` header of an answer with 401 (RFC 9110, section 11.6.1).

use std::sync::{Mutex, PoisonError};

use rocket::http::Status;
use rocket::{Request, Response};

use crate::rejection::{Lacking, Rejection};
use crate::web::request::{is_of_script, wants_json};

/// The challenge for a login at the login page. No registered scheme has this meaning.
pub(crate) const SESSION: &str = "Session realm=\"login\"";

/// Returns the challenge for a token. `refused` is the reason why the token in the request is not accepted
/// (RFC 6750, section 3.1).
pub(crate) fn bearer(refused: Option<&Rejection>) -> String {
    let why = match refused {
        // A request without a token gets no error code.
        None | Some(Rejection::Unauthenticated | Rejection::RefreshTokenMissing) => String::new(),
        Some(Rejection::NotFresh | Rejection::NotAssured(_)) => {
            ", error=\"insufficient_user_authentication\"".to_owned()
        }
        Some(Rejection::ConflictingCredentials) => ", error=\"invalid_request\"".to_owned(),
        Some(Rejection::TokenRefused(fault) | Rejection::RefreshTokenRefused(fault)) => {
            format!(", error=\"invalid_token\", error_description=\"{fault}\"")
        }
        Some(_) => ", error=\"invalid_token\"".to_owned(),
    };
    format!("Bearer realm=\"login\"{why}")
}

/// Returns the challenge for a token of a login with a newer proof, or with more proofs (RFC 9470, section
/// 3).
pub(crate) fn better_bearer(lacking: Lacking) -> String {
    let asked = bearer(Some(&lacking.rejection()));
    match lacking {
        Lacking::Freshness { max_age: Some(age) } => format!("{asked}, max_age={}", age.as_secs()),
        Lacking::Freshness { max_age: None } => asked,
        Lacking::Level(level) => format!("{asked}, acr_values=\"{}\"", level),
    }
}

/// What a guard that refused would have accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acceptable {
    /// Whether a session would have been accepted. Programs are told so, and browsers are redirected to a
    /// page.
    pub(crate) takes_session: bool,
    /// Whether the browser itself asks the user for a password, so that it is not redirected.
    pub(crate) is_asked_by_browsers: bool,
    /// The challenges of the other mechanisms.
    pub(crate) challenges: Vec<String>,
}

impl Acceptable {
    /// Returns `true` if a browser is redirected to one of the framework's pages.
    pub(crate) fn leads_to_page(&self) -> bool {
        self.takes_session && !self.is_asked_by_browsers
    }

    /// Adds the challenge of a mechanism. Of two that differ only in the error, the one with the error stays.
    pub(crate) fn add(&mut self, challenge: String) {
        if self.challenges.iter().any(|other| other.starts_with(&challenge)) {
            return;
        }
        self.challenges.retain(|other| !challenge.starts_with(other.as_str()));
        self.challenges.push(challenge);
    }
}

/// Notes what the guard that refused a request last would have accepted.
pub(crate) fn note(request: &Request<'_>, asked: Acceptable) {
    *slot(request).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
}

/// Returns what was noted.
pub(crate) fn noted(request: &Request<'_>) -> Option<Acceptable> {
    slot(request).0.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Adds the challenges to the answer, whether the framework or the application wrote it. Without them,
/// browsers do not ask for a password.
pub(crate) fn finish(request: &Request<'_>, response: &mut Response<'_>) {
    let is_said = response.headers().contains("WWW-Authenticate");
    let is_asked_for = match response.status() {
        Status::Unauthorized => true,
        // RFC 6750, section 3.1: the token is valid but lacks a scope.
        Status::Forbidden => Rejection::of(request) == Some(&Rejection::InsufficientScope),
        // The same section: more than one token.
        Status::BadRequest => Rejection::of(request) == Some(&Rejection::ConflictingCredentials),
        _ => false,
    };
    if !is_asked_for || is_said {
        return;
    }
    let Some(asked) = noted(request) else {
        return;
    };
    if asked.takes_session && (wants_json(request) || is_of_script(request)) {
        response.adjoin_raw_header("WWW-Authenticate", SESSION);
    }
    for challenge in asked.challenges {
        response.adjoin_raw_header("WWW-Authenticate", challenge);
    }
}

struct Slot(Mutex<Option<Acceptable>>);

fn slot<'r>(request: &'r Request<'_>) -> &'r Slot {
    request.local_cache(|| Slot(Mutex::new(None)))
}

//! Refusals as programs are told them: the status and body of `security.error_style`.
//!
//! A style changes how a refusal is said, not what: whatever is one answer in one of them is one answer
//! in every other, and none of them tells more than `reasons` do.

use rocket::Request;
use rocket::http::{ContentType, Status};
use serde_json::{Map, Value, json};

use crate::config::ErrorStyle;
use crate::rejection::{FieldError, FieldErrors, Lacking, Rejection, TokenFault};
use crate::web::challenge;
use crate::web::presentation::Instead;

/// A refusal, worded.
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) kind: ContentType,
    pub(crate) body: Value,
}

impl Refusal {
    /// Words a refusal in a style. What the application says in its place counts more.
    pub(crate) fn of(
        rejection: &Rejection,
        instead: Instead,
        style: ErrorStyle,
        request: &Request<'_>,
    ) -> Self {
        let rejection = &in_words_of(style, rejection);
        let is_ended = is_ended_token(rejection, request);
        let status = instead.status.unwrap_or_else(|| status(rejection, style, is_ended));
        let mut body = match style {
            ErrorStyle::FlaskSecurity => errors(rejection),
            ErrorStyle::Fastapi => detail(rejection),
            ErrorStyle::Praetorian => class(rejection, status, is_ended),
            ErrorStyle::ProblemJson => problem(rejection, status),
        };
        body.extend(instead.response);
        let (kind, body) = match style {
            ErrorStyle::FlaskSecurity => (ContentType::JSON, enveloped(status, body)),
            ErrorStyle::Fastapi | ErrorStyle::Praetorian => {
                (ContentType::JSON, Value::Object(body))
            }
            ErrorStyle::ProblemJson => {
                (ContentType::new("application", "problem+json"), Value::Object(body))
            }
        };
        Self { status, kind, body }
    }
}

/// Returns a refusal as a style knows it: these two systems answer for a refresh token what they answer for
/// any other.
fn in_words_of(style: ErrorStyle, rejection: &Rejection) -> Rejection {
    match (style, rejection) {
        (ErrorStyle::Fastapi | ErrorStyle::Praetorian, Rejection::RefreshTokenRefused(fault)) => {
            Rejection::TokenRefused(*fault)
        }
        _ => rejection.clone(),
    }
}

/// Puts what is said into Flask-Security's envelope.
pub(crate) fn enveloped(status: Status, response: Map<String, Value>) -> Value {
    json!({"meta": {"code": status.code}, "response": response})
}

fn status(rejection: &Rejection, style: ErrorStyle, is_ended: bool) -> Status {
    match (style, rejection) {
        (ErrorStyle::Fastapi, Rejection::TokenRefused(fault)) if is_revoked(*fault) => {
            Status::Unauthorized
        }
        (ErrorStyle::Praetorian, Rejection::TokenRefused(fault)) if is_revoked(*fault) => {
            Status::Forbidden
        }
        (
            ErrorStyle::Fastapi,
            Rejection::InvalidInput(_)
            | Rejection::TokenRefused(_)
            | Rejection::ConflictingCredentials,
        ) => Status::UnprocessableEntity,
        (ErrorStyle::Fastapi, Rejection::InvalidCredentials | Rejection::RefreshTokenMissing) => {
            Status::Unauthorized
        }
        (ErrorStyle::Praetorian, Rejection::CredentialsRefused) if is_ended => Status::Forbidden,
        (
            ErrorStyle::Praetorian,
            Rejection::InvalidCredentials
            | Rejection::RefreshTokenMissing
            | Rejection::ConflictingCredentials
            | Rejection::InvalidLink
            | Rejection::LinkUsed(_),
        ) => Status::Unauthorized,
        _ => rejection.status(),
    }
}

/// Returns `true` if a fault is that of a genuine token that was taken back.
fn is_revoked(fault: TokenFault) -> bool {
    matches!(fault, TokenFault::Ended | TokenFault::Reused)
}

/// Returns `true` if it was a genuine token that opens no account any more. Only the challenge knows by
/// which mechanism the refused credentials came.
fn is_ended_token(rejection: &Rejection, request: &Request<'_>) -> bool {
    let is_refused = |it: &String| it.starts_with("Bearer ") && it.contains("invalid_token");
    let is_token =
        || challenge::noted(request).is_some_and(|it| it.challenges.iter().any(is_refused));
    *rejection == Rejection::CredentialsRefused && is_token()
}

/// Flask-Security's: `errors` flat, `field_errors` by field with those of the form as a whole under
/// `""`, and `reasons` for programs.
fn errors(rejection: &Rejection) -> Map<String, Value> {
    let mut response = reasons(rejection);
    let texts = match rejection {
        Rejection::InvalidInput(errors) => errors.iter().map(|it| it.text.to_string()).collect(),
        _ => vec![text(rejection)],
    };
    response.insert("errors".to_owned(), json!(texts));
    response
}

/// What is said in codes, and which fields it concerns.
fn reasons(rejection: &Rejection) -> Map<String, Value> {
    let mut said = Map::new();
    let mut reasons = vec![rejection.reason()];
    if let Rejection::InvalidInput(errors) = rejection {
        reasons.extend(errors.iter().map(FieldError::reason));
        said.insert("field_errors".to_owned(), by_field(errors));
    } else if rejection.status() == Status::BadRequest {
        said.insert("field_errors".to_owned(), json!({"": [text(rejection)]}));
    }
    if let Some(lacking) = rejection.lacking() {
        said.insert("reauth_required".to_owned(), json!(true));
        if let Lacking::Level(level) = lacking {
            said.insert("acr_values".to_owned(), json!(level));
        }
    }
    said.insert("reasons".to_owned(), json!(reasons));
    said
}

/// FastAPI's: a sentence, or for what is submitted a list of what is wrong with which member.
fn detail(rejection: &Rejection) -> Map<String, Value> {
    let detail = match rejection {
        Rejection::InvalidInput(errors) => errors
            .iter()
            .map(|error| {
                let place: Vec<&str> =
                    ["body", &error.field].into_iter().filter(|it| !it.is_empty()).collect();
                json!({"loc": place, "msg": error.text.to_string(), "type": error.reason()})
            })
            .collect(),
        _ => json!(sentence(rejection)),
    };
    Map::from_iter([("detail".to_owned(), detail)])
}

/// flask-praetorian's: the name of a class, a sentence, the status; and what is wrong with which field,
/// for which it has no word.
fn class(rejection: &Rejection, status: Status, is_ended: bool) -> Map<String, Value> {
    let name = match rejection {
        Rejection::Unauthenticated | Rejection::RefreshTokenMissing => "MissingToken",
        Rejection::TokenRefused(fault) if is_revoked(*fault) => "BlacklistedError",
        Rejection::TokenRefused(TokenFault::Expired) => "ExpiredAccessError",
        Rejection::TokenRefused(TokenFault::MissingClaim(_) | TokenFault::MalformedClaim(_)) => {
            "MissingClaimError"
        }
        Rejection::TokenRefused(_) | Rejection::ConflictingCredentials => "InvalidTokenHeader",
        Rejection::CredentialsRefused if is_ended => "BlacklistedError",
        Rejection::CredentialsRefused | Rejection::InvalidCredentials => "AuthenticationError",
        Rejection::MustChange => "InvalidUserError",
        Rejection::Forbidden => "MissingRoleError",
        _ => "PraetorianError",
    };
    let mut body = Map::from_iter([
        ("error".to_owned(), json!(name)),
        ("message".to_owned(), json!(sentence(rejection))),
        ("status_code".to_owned(), json!(status.code)),
    ]);
    if let Rejection::InvalidInput(errors) = rejection {
        body.insert("field_errors".to_owned(), by_field(errors));
    }
    body
}

/// RFC 9457's. Without a type of its own a problem is no more than its status, whose phrase is then its
/// title (section 4.2.1); `reasons` tell programs the rest.
fn problem(rejection: &Rejection, status: Status) -> Map<String, Value> {
    let mut body = reasons(rejection);
    body.insert("type".to_owned(), json!("about:blank"));
    body.insert("title".to_owned(), json!(status.reason_lossy()));
    body.insert("status".to_owned(), json!(status.code));
    body.insert("detail".to_owned(), json!(sentence(rejection)));
    body
}

/// Returns one sentence. Where there is no place for a code, it tells what the code would.
fn sentence(rejection: &Rejection) -> String {
    match rejection {
        Rejection::TokenRefused(fault) => fault.to_string(),
        Rejection::InvalidInput(errors) => errors.to_string(),
        _ => text(rejection),
    }
}

/// Returns the sentence for programs. A refresh token that is refused has no challenge beside it to say
/// what is wrong with it.
fn text(rejection: &Rejection) -> String {
    match rejection {
        Rejection::RefreshTokenRefused(fault) => fault.to_string(),
        _ => rejection.text_for_programs().to_string(),
    }
}

fn by_field(errors: &FieldErrors) -> Value {
    let mut by_field: Map<String, Value> = Map::new();
    for error in errors.iter() {
        let texts = by_field.entry(error.field.clone()).or_insert_with(|| json!([]));
        if let Value::Array(texts) = texts {
            texts.push(json!(error.text.to_string()));
        }
    }
    Value::Object(by_field)
}

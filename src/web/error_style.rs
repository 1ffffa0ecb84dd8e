//! The status and body of rejections in JSON, by `security.error_style`.
//!
//! A style changes how a rejection is written, not what it reveals: two rejections with the same answer in
//! one style have the same answer in all others, and no style reveals more than `reasons` do.

use rocket::Request;
use rocket::http::{ContentType, Status};
use serde_json::{Map, Value, json};

use crate::config::ErrorStyle;
use crate::rejection::{FieldError, FieldErrors, Lacking, Rejection, TokenFault};
use crate::web::challenge;
use crate::web::presentation::Instead;

/// A rejection, written in a style.
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) kind: ContentType,
    pub(crate) body: Value,
}

impl Refusal {
    /// Writes a rejection in a style. The application's own answer has precedence.
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

/// Returns a rejection as a style knows it. FastAPI and flask-praetorian answer for a refresh token as for
/// any other token.
fn in_words_of(style: ErrorStyle, rejection: &Rejection) -> Rejection {
    match (style, rejection) {
        (ErrorStyle::Fastapi | ErrorStyle::Praetorian, Rejection::RefreshTokenRefused(fault)) => {
            Rejection::TokenRefused(*fault)
        }
        _ => rejection.clone(),
    }
}

/// Wraps a response in Flask-Security's envelope.
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

/// Checks whether a fault is that of a genuine token that was revoked.
fn is_revoked(fault: TokenFault) -> bool {
    matches!(fault, TokenFault::Ended | TokenFault::Reused)
}

/// Checks whether the credentials were a genuine token whose account is no longer accepted. Only the
/// challenge knows the mechanism of the refused credentials.
fn is_ended_token(rejection: &Rejection, request: &Request<'_>) -> bool {
    let is_refused = |it: &String| it.starts_with("Bearer ") && it.contains("invalid_token");
    let is_token =
        || challenge::noted(request).is_some_and(|it| it.challenges.iter().any(is_refused));
    *rejection == Rejection::CredentialsRefused && is_token()
}

/// Writes the body of Flask-Security: `errors` as a flat list, `field_errors` by field with those of the
/// whole form under `""`, and `reasons` for programs.
fn errors(rejection: &Rejection) -> Map<String, Value> {
    let mut response = reasons(rejection);
    let texts = match rejection {
        Rejection::InvalidInput(errors) => errors.iter().map(|it| it.text.to_string()).collect(),
        _ => vec![text(rejection)],
    };
    response.insert("errors".to_owned(), json!(texts));
    response
}

/// Returns the codes, and the fields that they concern.
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

/// Writes the body of FastAPI: a sentence, or for invalid input a list of the errors with the member of each.
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

/// Writes the body of flask-praetorian: the name of a class, a sentence and the status. Adds the errors of
/// fields, for which flask-praetorian has no format.
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

/// Writes the body of RFC 9457. A problem without a type of its own has the phrase of its status as title
/// (section 4.2.1). `reasons` contain the details for programs.
fn problem(rejection: &Rejection, status: Status) -> Map<String, Value> {
    let mut body = reasons(rejection);
    body.insert("type".to_owned(), json!("about:blank"));
    body.insert("title".to_owned(), json!(status.reason_lossy()));
    body.insert("status".to_owned(), json!(status.code));
    body.insert("detail".to_owned(), json!(sentence(rejection)));
    body
}

/// Returns one sentence. Where the format has no place for a code, the sentence contains its information.
fn sentence(rejection: &Rejection) -> String {
    match rejection {
        Rejection::TokenRefused(fault) => fault.to_string(),
        Rejection::InvalidInput(errors) => errors.to_string(),
        _ => text(rejection),
    }
}

/// Returns the sentence for programs. A refused refresh token has no challenge that states the fault, so the
/// sentence does.
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

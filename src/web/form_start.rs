//! Inspects the beginning of a form before its handler reads it.

use percent_encoding::percent_decode;
use rocket::http::{Method, Status};
use rocket::{Data, Request, post, uri};

use crate::rejection::Rejection;
use crate::text::Text;
use crate::web::multipart;
use crate::web::request::sends_form;
use crate::web::urlencoded::parse_pairs;

/// How much of a body can be inspected before it is read. This is Rocket's own limit.
const PEEK_BYTES: usize = 512;

/// Inspects the beginning of a form before its handler reads it, and keeps the anti-forgery token if it is
/// the form's first field.
///
/// A form whose first field is `_method`, with which Rocket would change the method, is routed to a handler
/// that refuses it: the method of a request is the one it was sent with.
pub(super) async fn inspect(request: &mut Request<'_>, data: &mut Data<'_>, token_field: &str) {
    if let Some(kind) = request.content_type().filter(|kind| kind.is_form_data()) {
        let field = multipart::first_field(kind, data.peek(PEEK_BYTES).await, token_field);
        request.local_cache(|| Peeked(field));
        return;
    }
    if !sends_form(request) {
        return;
    }
    let beginning = data.peek(PEEK_BYTES).await;
    let is_cut = beginning.len() >= PEEK_BYTES;
    // The text after the first field may be cut within a character, or be no text at all.
    let mut fields = beginning.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    let first = fields.next().unwrap_or_default();
    let is_whole = !is_cut || !beginning.ends_with(first);
    if is_method_override(first) {
        request.set_method(Method::Post);
        request.set_uri(uri!("/security/method-override"));
        return;
    }
    if let Some(pairs) = parse_pairs(beginning).filter(|_| !is_cut) {
        request.local_cache(|| {
            Typed(pairs.into_iter().filter(|(name, _)| may_be_kept(name)).collect())
        });
    }
    match parse_pairs(first).and_then(|pairs| pairs.into_iter().next()) {
        Some((name, value)) if name == token_field && is_whole => {
            request.local_cache(|| Peeked(Some(value)));
        }
        _ => {}
    }
}

/// Refuses a form that would have changed the method.
#[post("/security/method-override")]
pub(crate) fn refuse_override() -> Rejection {
    Rejection::Custom {
        status: Status::BadRequest,
        text: Text::new("method_override", "A form can't override the request method."),
    }
}

/// Returns the contents of a form that no handler has read. Empty for a form longer than 512 bytes. Fields
/// whose names suggest a secret are left out.
pub(super) fn typed<'r>(request: &'r Request<'_>) -> &'r [(String, String)] {
    &request.local_cache(|| Typed(Vec::new())).0
}

/// Returns the anti-forgery token that was kept.
pub(super) fn token<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    request.local_cache(|| Peeked(None)).0.as_deref()
}

/// Checks whether Rocket takes a form's first field for a change of the method. Rocket compares the name up
/// to its first `.`, `[` or `:`, whatever the value.
fn is_method_override(field: &[u8]) -> bool {
    let name = field.split(|byte| *byte == b'=').next().unwrap_or_default();
    let name = percent_decode(name).decode_utf8_lossy();
    name.split(['.', '[', ':']).next() == Some("_method")
}

/// Checks whether a field can be shown again. An application cannot tell which of its fields are secret
/// before its handler runs, so this depends on the name.
fn may_be_kept(name: &str) -> bool {
    const SECRETS: [&str; 5] = ["password", "secret", "token", "code", "pin"];
    let name = name.to_ascii_lowercase();
    !name.starts_with('_') && SECRETS.iter().all(|secret| !name.contains(secret))
}

/// The fields to show again if the form's handler did not read it, without those that may be secret.
struct Typed(Vec<(String, String)>);

/// The value of a form's first field, if it is the anti-forgery token.
struct Peeked(Option<String>);

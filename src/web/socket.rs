//! Recognizes requests for a WebSocket.

use rocket::Request;
use rocket::http::Method;

/// Returns `true` if a request is a valid opening handshake of a WebSocket (RFC 6455, section 4.1). Use it to
/// allow something only for WebSockets.
pub(crate) fn is_handshake(request: &Request<'_>) -> bool {
    let has_key = request.headers().contains("Sec-WebSocket-Key");
    request.method() == Method::Get
        && has_key
        && lists(request, "Connection", "upgrade")
        && asks_for_socket(request)
}

/// Returns `true` if a request asks for a WebSocket, even if the handshake is invalid. Use it to forbid
/// something for WebSockets.
pub(crate) fn asks_for_socket(request: &Request<'_>) -> bool {
    lists(request, "Upgrade", "websocket")
}

/// Checks whether a header, which is a list of words, contains a word in any case.
fn lists(request: &Request<'_>, header: &str, word: &str) -> bool {
    let mut words = request.headers().get(header).flat_map(|header| header.split(','));
    words.any(|other| other.trim().eq_ignore_ascii_case(word))
}

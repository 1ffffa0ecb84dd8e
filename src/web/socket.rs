//! WebSockets: which requests ask for one.

use rocket::Request;
use rocket::http::Method;

/// Returns `true` if a request is the opening handshake of a WebSocket (RFC 6455, section 4.1), and nothing
/// else: what may be shown for a socket is shown by a request that does nothing but open one.
pub(crate) fn is_handshake(request: &Request<'_>) -> bool {
    let has_key = request.headers().contains("Sec-WebSocket-Key");
    request.method() == Method::Get
        && has_key
        && lists(request, "Connection", "upgrade")
        && asks_for_socket(request)
}

/// Returns `true` if a request speaks of becoming a WebSocket, whether or not it is a good handshake: what may
/// not be done with a socket may not be done with such a request.
pub(crate) fn asks_for_socket(request: &Request<'_>) -> bool {
    lists(request, "Upgrade", "websocket")
}

/// Returns `true` if a header, which is a list of words, has that word in any case.
fn lists(request: &Request<'_>, header: &str, word: &str) -> bool {
    let mut words = request.headers().get(header).flat_map(|header| header.split(','));
    words.any(|other| other.trim().eq_ignore_ascii_case(word))
}

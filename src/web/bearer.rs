//! Finds and verifies the token of a request.

use std::sync::Arc;

use rocket::Request;
use serde_json::{Map, Value};

use crate::config::TokenSource;
use crate::rejection::Rejection;
use crate::token::{TokenKind, VerifiedToken, Verifier};
use crate::web::site::Site;
use crate::web::socket::is_handshake;

/// The header that Flask-Security's clients send.
const HEADER: &str = "Authentication-Token";

/// The query parameter for a token (RFC 6750, section 2.3).
const PARAMETER: &str = "access_token";

/// A verified token with all of its claims.
pub(crate) type Genuine<K> = Arc<VerifiedToken<Map<String, Value>, K>>;

/// Returns `true` if a request has a token, valid or not.
pub(crate) fn is_brought(request: &Request<'_>) -> bool {
    brought(request).next().is_some()
}

/// Returns `true` if the token of a request is in a cookie, which browsers send by themselves.
pub(crate) fn is_in_cookie(request: &Request<'_>) -> bool {
    sources(request).contains(&TokenSource::Cookie)
        && !in_source(request, TokenSource::Cookie).is_empty()
}

/// Verifies the token of a request, once for each kind of token. Whether it has been revoked is known only to
/// the store.
///
/// # Errors
///
/// [`Rejection::Unauthenticated`] without a token, [`Rejection::ConflictingCredentials`] with several,
/// [`Rejection::TokenRefused`] if the token is not genuine.
pub(crate) fn verified<K: TokenKind>(request: &Request<'_>) -> Result<Genuine<K>, Rejection> {
    struct Kept<K>(Result<Genuine<K>, Rejection>);
    let verify = || {
        let verifier = request.rocket().state::<Verifier>().ok_or(Rejection::Unavailable)?;
        let token = verifier.verify(the_one_brought(request)?).map_err(Rejection::TokenRefused)?;
        Ok(Arc::new(token))
    };
    let Kept(kept) = request.local_cache(|| Kept(verify()));
    kept.as_ref().map(Arc::clone).map_err(Rejection::clone)
}

/// Returns the token of a request.
///
/// # Errors
///
/// [`Rejection::Unauthenticated`] without a token, [`Rejection::ConflictingCredentials`] with several.
pub(crate) fn the_one_brought<'r>(request: &'r Request<'_>) -> Result<&'r str, Rejection> {
    let mut tokens = brought(request);
    match (tokens.next(), tokens.next()) {
        (Some(token), None) if !is_doubled(request) => Ok(token),
        (None, _) => Err(Rejection::Unauthenticated),
        _ => Err(Rejection::ConflictingCredentials),
    }
}

/// Returns `true` if there are two `Authorization` headers. Beside a token in another place, this header can
/// contain anything a proxy needs, but only once.
fn is_doubled(request: &Request<'_>) -> bool {
    let is_read = sources(request).contains(&TokenSource::Authorization);
    is_read && request.headers().get("Authorization").nth(1).is_some()
}

/// Returns all tokens of a request, in the order of the configured sources.
pub(crate) fn brought<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    sources(request).iter().flat_map(|source| in_source(request, *source))
}

/// Returns all tokens in the headers of a request, which its sender added deliberately.
pub(crate) fn in_headers<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    let is_header =
        |source: &&TokenSource| !matches!(source, TokenSource::Cookie | TokenSource::Query);
    sources(request).iter().filter(is_header).flat_map(|source| in_source(request, *source))
}

fn in_source<'r>(request: &'r Request<'_>, source: TokenSource) -> Vec<&'r str> {
    let headers = request.headers();
    match source {
        TokenSource::Authorization => headers.get("Authorization").filter_map(bearer).collect(),
        TokenSource::AuthenticationToken => headers.get(HEADER).map(str::trim).collect(),
        TokenSource::Cookie => Site::of(request)
            .and_then(|site| site.sessions().cookies().find_token(request))
            .into_iter()
            .collect(),
        TokenSource::Query if is_handshake(request) => request
            .query_fields()
            .filter(|field| field.name.source() == PARAMETER)
            .map(|field| field.value)
            .collect(),
        TokenSource::Query => Vec::new(),
    }
}

fn sources<'r>(request: &'r Request<'_>) -> &'r [TokenSource] {
    Site::of(request).map(|site| site.config().tokens.sources.as_slice()).unwrap_or_default()
}

/// Returns the text after the scheme, which is compared without case (RFC 9110, section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let header = header.trim();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use crate::web::bearer::bearer;

    #[test]
    fn the_scheme_is_a_word_in_any_case() {
        for header in ["Bearer v4.local.A", "bearer v4.local.A", "BEARER  v4.local.A "] {
            assert_eq!(bearer(header), Some("v4.local.A"), "{header}");
        }
        assert_eq!(bearer("Bearer"), Some(""));
        for header in ["Basic YTpi", "Bearers A", "Bearer=A", "", "v4.local.A"] {
            assert_eq!(bearer(header), None, "{header}");
        }
    }
}

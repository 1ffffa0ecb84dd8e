//! The token that a request brings, and where it stands.

use rocket::Request;

use crate::rejection::Rejection;

/// The header that Flask-Security's clients send.
const HEADER: &str = "Authentication-Token";

/// Tells whether a request brings a token, good or bad.
pub(crate) fn is_brought(request: &Request<'_>) -> bool {
    brought(request).next().is_some()
}

/// Gives the token of a request that brings one.
///
/// # Errors
///
/// [`Rejection::Unauthenticated`] for none, [`Rejection::ConflictingCredentials`] for several.
pub(crate) fn the_one_brought<'r>(request: &'r Request<'_>) -> Result<&'r str, Rejection> {
    let mut tokens = brought(request);
    // Beside a token in its header, `Authorization` may have whatever a proxy wants, but only once.
    let is_doubled = request.headers().get("Authorization").nth(1).is_some();
    match (tokens.next(), tokens.next()) {
        (Some(token), None) if !is_doubled => Ok(token),
        (None, _) => Err(Rejection::Unauthenticated),
        _ => Err(Rejection::ConflictingCredentials),
    }
}

fn brought<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    let bearers = request.headers().get("Authorization").filter_map(bearer);
    bearers.chain(request.headers().get(HEADER).map(str::trim))
}

/// Gives what follows the scheme, whose case does not matter (RFC 9110, section 11.1).
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

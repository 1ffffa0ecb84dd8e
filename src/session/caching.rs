//! Which answers only their browser may keep.

use rocket::Response;

/// Keeps the answer out of caches between here and the browser, and from another person who uses the browser
/// later.
pub(super) fn keep_private(response: &mut Response<'_>) {
    vary_by_cookie(response);
    response.set_raw_header("Cache-Control", "no-store");
}

/// Says that the answer may be another one for another cookie.
pub(super) fn vary_by_cookie(response: &mut Response<'_>) {
    let varies = |value: &str| {
        value.split(',').map(str::trim).any(|it| it == "*" || it.eq_ignore_ascii_case("cookie"))
    };
    if !response.headers().get("Vary").any(varies) {
        response.adjoin_raw_header("Vary", "Cookie");
    }
}

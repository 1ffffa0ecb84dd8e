//! Which answers nobody but their browser may keep.

use rocket::Response;

/// Keeps the answer from whoever else may ask the same: caches between here and the browser, and the
/// browser once somebody else sits before it.
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

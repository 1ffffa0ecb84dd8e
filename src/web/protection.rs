//! The security headers of the framework's answers.

use rocket::{Request, Response};

use crate::web::principal;
use crate::web::request::request_id;
use crate::web::site::Site;

/// The kind of an answer, which determines its headers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// A page.
    Page,
    /// A page that runs scripts from this site.
    ScriptedPage,
    /// JSON, or a redirect.
    Data,
    /// A redirect from a secret address, such as that of a mailed link.
    Secret,
}

impl Protection {
    /// Returns the content security policy. A form can be answered with a redirect to one of
    /// `security.redirect_origins`, and browsers apply the policy of the form's page to that, too.
    fn csp(self, site: &Site) -> String {
        let script = match self {
            Self::Page => "",
            Self::ScriptedPage => " script-src 'self'; connect-src 'self';",
            Self::Data | Self::Secret => {
                return "default-src 'none'; frame-ancestors 'none'".to_owned();
            }
        };
        let elsewhere = site.config().redirect_origins.texts();
        let form_action: String = elsewhere.map(|origin| format!(" {origin}")).collect();
        format!(
            "default-src 'none';{script} style-src 'self'; img-src 'self'; form-action 'self'{form_action}; \
             base-uri 'none'; frame-ancestors 'none'"
        )
    }

    fn referrer_policy(self) -> &'static str {
        if self == Self::Secret { "no-referrer" } else { "same-origin" }
    }
}

/// Notes that the answer is the framework's, and its kind.
pub(crate) fn protect(request: &Request<'_>, protection: Protection) {
    request.local_cache(|| Protected(Some(protection)));
}

/// Sets the headers of the framework's answers (ASVS 5.0, chapters V3.4 and V14.3). They replace those that
/// Rocket's shield sets on all answers.
pub(crate) fn finish(request: &Request<'_>, site: &Site, response: &mut Response<'_>) {
    let Protected(Some(protection)) = *request.local_cache(|| Protected(None)) else {
        if principal::is_let_in(request) && !response.headers().contains("Cache-Control") {
            // The page of an authenticated user is only for that user, unless its handler sets a header.
            response.set_raw_header("Cache-Control", "no-store");
        }
        return;
    };
    response.set_raw_header("Content-Security-Policy", protection.csp(site));
    for (name, value) in [
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", protection.referrer_policy()),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ] {
        response.set_raw_header(name, value);
    }
    if let Some(id) = request_id(request) {
        response.set_raw_header("X-Request-Id", id.to_string());
    }
    if site.is_https() {
        response.set_raw_header("Strict-Transport-Security", "max-age=31536000");
    }
}

/// The kind of the framework's answer, or `None` for any other answer.
struct Protected(Option<Protection>);

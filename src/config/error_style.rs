//! The format of refusals.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::config::read::instead_of;

/// `security.error_style`: the format in which programs are told that a request is refused. See the table in
/// [`guide::migration`](crate::guide::migration).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorStyle {
    /// `"flask-security"`: `{"meta": {"code": 401}, "response": {"errors": […], "reasons": […]}}`.
    #[default]
    FlaskSecurity,
    /// `"fastapi"`, for clients of fastapi-paseto-auth and fastapi-paseto: `{"detail": "…"}`, and 422 for a
    /// token that is not accepted.
    Fastapi,
    /// `"praetorian"`, for clients of flask-praetorian: `{"error": "…", "message": "…", "status_code": 401}`,
    /// with the names of flask-praetorian's exception classes, and 403 for a revoked token.
    Praetorian,
    /// `"problem+json"`: `{"type": "about:blank", "title": "…", "status": 401, "detail": "…", "reasons":
    /// […]}` as `application/problem+json` (RFC 9457).
    ProblemJson,
}

impl ErrorStyle {
    /// All formats.
    pub const ALL: [Self; 4] =
        [Self::FlaskSecurity, Self::Fastapi, Self::Praetorian, Self::ProblemJson];

    /// Returns the word for it in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FlaskSecurity => "flask-security",
            Self::Fastapi => "fastapi",
            Self::Praetorian => "praetorian",
            Self::ProblemJson => "problem+json",
        }
    }
}

impl<'de> Deserialize<'de> for ErrorStyle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|style| style.as_str() == written);
        known.ok_or_else(|| {
            let cure = instead_of(&written, &Self::ALL.map(Self::as_str));
            D::Error::custom(format!("it is \"{written}\", which is not one of its values. {cure}"))
        })
    }
}

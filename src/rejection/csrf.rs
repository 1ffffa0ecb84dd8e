//! What is wrong with the anti-forgery (CSRF) token of a request.

use std::fmt;

use crate::text::Text;

/// The reason why a request may be forged.
///
/// All of these get the same answer. The text is for the application's developer: pages, JSON answers and the
/// log show it only in the debug profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrfFault {
    /// The request has no token.
    Missing,
    /// The request has a token, but no session cookie that the token could belong to.
    NoSession,
    /// The session in the browser's cookie has expired or ended.
    SessionOver,
    /// The token belongs to another session than the browser's.
    OtherSession,
}

impl CsrfFault {
    /// Returns what is wrong and how to mend it where there is no page: in JSON.
    pub fn text_for_programs(self) -> Text {
        let (id, words) = match self {
            Self::Missing => (
                "csrf_failed.advice.missing.program",
                "The anti-forgery token is missing. Send it in the header X-XSRF-Token: `GET /login` has it \
                 as `response.csrf_token`.",
            ),
            Self::SessionOver => (
                "csrf_failed.advice.session_over.program",
                "The session of the anti-forgery token has expired or was ended. Take a new token from \
                 `GET /login`.",
            ),
            Self::NoSession | Self::OtherSession => return self.text(),
        };
        Text::new(id, words)
    }

    /// Returns what is wrong and how to mend it, for the application's developer.
    pub fn text(self) -> Text {
        let (id, words) = match self {
            Self::Missing => (
                "csrf_failed.advice.missing",
                "The anti-forgery token is missing. Put {{ csrf_field(token=csrf_token) }} directly \
                 behind the <form> tag, or send the token in the header X-XSRF-Token.",
            ),
            Self::NoSession => (
                "csrf_failed.advice.no_session",
                "The request has an anti-forgery token, but no session cookie that it belongs to. The \
                 browser has to keep the cookie that came with the token, and send it along.",
            ),
            Self::SessionOver => (
                "csrf_failed.advice.session_over",
                "The session of the anti-forgery token has expired or was ended. Load the page again to \
                 get a new token.",
            ),
            Self::OtherSession => (
                "csrf_failed.advice.other_session",
                "The anti-forgery token is not that of this browser's session. A login and a logout \
                 change the session: load the page again, or take the token from the newest answer.",
            ),
        };
        Text::new(id, words)
    }
}

impl fmt::Display for CsrfFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

//! Refusals: what a client is told when it may not, cannot, or must wait.
//!
//! What went wrong on our own side is an [`Error`]; it reaches the client as
//! [`Rejection::Unavailable`].

mod csrf;
mod fields;
mod token;

pub use crate::rejection::csrf::CsrfFault;
pub use crate::rejection::fields::{FieldError, FieldErrors};
pub use crate::rejection::token::TokenFault;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use rocket::http::Status;
use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::error::Error;
use crate::text::Text;

/// Why a request is refused.
///
/// Each has a [`reason`](Rejection::reason) for programs, a [`status`](Rejection::status), and a
/// [`text`](Rejection::text) for people, worded [otherwise](Rejection::text_for_programs) where there is no
/// page.
///
/// An application's own catcher finds the refusal that caused it with [`Rejection::of`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Fields of the request are missing or wrong.
    InvalidInput(FieldErrors),
    /// The credentials open no account. Deliberately the same for an unknown identity, a wrong
    /// password, and an account that is unconfirmed or switched off.
    InvalidCredentials,
    /// The request has no credentials.
    Unauthenticated,
    /// A program asked for its next tokens and sent no refresh token.
    RefreshTokenMissing,
    /// The refresh token that a program sent is not accepted: RFC 6749, section 5.2, `invalid_grant`.
    RefreshTokenRefused(TokenFault),
    /// The request brought credentials of its own, such as a password by Basic, and they open no
    /// account. Deliberately the same for whatever is wrong with them.
    CredentialsRefused,
    /// The request brought a token that is not ours, or is no longer valid.
    TokenRefused(TokenFault),
    /// The request brought credentials of two users, or more than one token.
    ConflictingCredentials,
    /// The user is logged in, and the page is for guests.
    AlreadyAuthenticated,
    /// The user has to prove that it is still them.
    NotFresh,
    /// The user has to prove who they are by more factors: those of the level of that name, as in the `acr_values`
    /// of RFC 9470.
    NotAssured(&'static str),
    /// The user has to change the password before anything else.
    MustChange,
    /// The user lacks a role or a permission.
    Forbidden,
    /// The request brought a token that lacks a scope.
    InsufficientScope,
    /// The application has no row of its own for the user.
    OwnRowMissing,
    /// Registration is closed, or only by invitation.
    RegistrationClosed {
        /// Whether those can who are invited.
        by_invitation: bool,
    },
    /// The anti-forgery token is missing, old, or of another session.
    CsrfFailed(CsrfFault),
    /// A browser says that the request was started by another site.
    CrossSite,
    /// The mailed link was used, replaced, has expired, or never was.
    InvalidLink,
    /// The mailed link was used a moment ago: most likely its button was pressed twice. Says what it did.
    LinkUsed(Text),
    /// Too many attempts.
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// More passwords wait to be checked than the machine can take on.
    Saturated,
    /// Something that is needed did not answer.
    Unavailable,
    /// The body is larger than any form of ours.
    TooLarge,
    /// The body is neither a form nor JSON.
    UnsupportedMediaType,
    /// A refusal of the application's own, from one of its [`Hooks`](crate::feature::Hooks).
    Custom {
        /// The status of the answer, a 4xx.
        status: Status,
        /// The sentence for people, whose [reason](Text::reason) is the code for programs.
        text: Text,
    },
}

impl Rejection {
    /// Returns what the user has to prove at `/verify`, if that is what is missing.
    pub(crate) fn lacking(&self) -> Option<Lacking> {
        match self {
            Self::NotFresh => Some(Lacking::Freshness { max_age: None }),
            Self::NotAssured(level) => Some(Lacking::Level(level)),
            _ => None,
        }
    }

    /// Returns the stable code for programs, in snake case.
    pub fn reason(&self) -> &'static str {
        self.text().reason()
    }

    /// Returns the status of the answer.
    pub fn status(&self) -> Status {
        match self {
            Self::InvalidInput(_)
            | Self::InvalidCredentials
            | Self::RefreshTokenMissing
            | Self::RefreshTokenRefused(_)
            | Self::ConflictingCredentials
            | Self::AlreadyAuthenticated
            | Self::CsrfFailed(_)
            | Self::CrossSite
            | Self::InvalidLink
            | Self::LinkUsed(_) => Status::BadRequest,
            Self::Unauthenticated
            | Self::CredentialsRefused
            | Self::TokenRefused(_)
            | Self::NotFresh
            | Self::NotAssured(_) => Status::Unauthorized,
            Self::Forbidden
            | Self::InsufficientScope
            | Self::OwnRowMissing
            | Self::MustChange
            | Self::RegistrationClosed { .. } => Status::Forbidden,
            Self::Throttled { .. } => Status::TooManyRequests,
            Self::Saturated | Self::Unavailable => Status::ServiceUnavailable,
            Self::TooLarge => Status::PayloadTooLarge,
            Self::UnsupportedMediaType => Status::UnsupportedMediaType,
            Self::Custom { status, .. } => *status,
        }
    }

    /// Returns the sentence for people. The [reason](Text::reason) of the text is that of the refusal.
    pub fn text(&self) -> Text {
        let (id, words) = match self {
            Self::InvalidInput(_) => ("invalid_input", "Please correct the fields marked below."),
            Self::InvalidCredentials => (
                "invalid_credentials",
                "The login details are wrong, or the account can't be used yet. If you just registered, confirm your \
                 address first with the link we sent you.",
            ),
            Self::Unauthenticated => ("unauthenticated", "Please log in to see this page."),
            Self::RefreshTokenMissing => (
                "refresh_token_missing",
                "The refresh token is missing: send it as `refresh_token`, or in its cookie.",
            ),
            Self::RefreshTokenRefused(fault) => {
                let words = "The refresh token isn't valid.";
                return Text::new("refresh_token_refused", words).with_reason(fault.reason());
            }
            Self::CredentialsRefused => {
                ("credentials_refused", "The login details sent with this request aren't valid.")
            }
            Self::TokenRefused(fault) => {
                let words = "The token sent with this request isn't valid.";
                return Text::new("token_refused", words).with_reason(fault.reason());
            }
            Self::ConflictingCredentials => {
                ("conflicting_credentials", "This request was sent with conflicting login details.")
            }
            Self::AlreadyAuthenticated => ("already_authenticated", "You are already logged in."),
            Self::NotFresh => {
                ("reauth_required", "Please enter your password again to confirm it's you.")
            }
            Self::NotAssured(_) => (
                "second_factor_required",
                "Please confirm it's you with your second factor to continue.",
            ),
            Self::MustChange => ("password_change_required", "Please choose a new password first."),
            Self::Forbidden => ("forbidden", "You don't have permission to do this."),
            Self::InsufficientScope => {
                ("insufficient_scope", "The token sent with this request doesn't allow this.")
            }
            Self::OwnRowMissing => {
                ("own_row_missing", "Your account is missing something this page needs.")
            }
            Self::RegistrationClosed { by_invitation: true } => (
                "registration_closed.by_invitation",
                "You can only register with an invitation. If you were invited, open the link in the mail we sent \
                 you.",
            ),
            Self::RegistrationClosed { by_invitation: false } => {
                ("registration_closed", "Registration is closed at the moment.")
            }
            Self::CsrfFailed(_) => (
                "csrf_failed",
                "This page was open for too long, or your browser blocks our cookies. Please try again. If that \
                 doesn't help, delete the cookies of this site.",
            ),
            Self::CrossSite => {
                ("cross_site", "This request came from another site and was blocked.")
            }
            Self::InvalidLink => {
                ("invalid_link", "This link is no longer valid. Please request a new one.")
            }
            Self::Throttled { .. } => {
                ("throttled", "Too many attempts. Please wait a while, then try again.")
            }
            Self::Saturated => {
                ("saturated", "Too many people are logging in right now. Please try again.")
            }
            Self::Unavailable => {
                ("unavailable", "This isn't working right now. Please try again in a moment.")
            }
            Self::TooLarge => ("too_large", "What you sent is too large."),
            Self::UnsupportedMediaType => ("unsupported_media_type", "Send a form or JSON."),
            Self::LinkUsed(text) | Self::Custom { text, .. } => return text.clone(),
        };
        Text::new(id, words)
    }

    /// Returns the sentence of an answer in JSON, which has no page: often the same.
    pub fn text_for_programs(&self) -> Text {
        match self {
            Self::Unauthenticated => Text::new("unauthenticated.program", "Please log in first."),
            Self::CsrfFailed(_) => Text::new(
                "csrf_failed.program",
                "From a program, send JSON without cookies, `Origin` and `Sec-Fetch-Site`; from a page, send \
                 the anti-forgery token as `X-XSRF-Token`. It is missing or out of date.",
            ),
            Self::OwnRowMissing => Text::new(
                "own_row_missing.program",
                "Your account is missing something needed here.",
            ),
            _ => self.text(),
        }
    }

    /// Returns the `Retry-After` of the answer, if it has one.
    ///
    /// A full queue drains within a second; a dependency that is down gets two.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::Saturated => Some(Duration::from_secs(1)),
            Self::Unavailable => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    /// Finds the refusal that ended this request, for an application's own catchers.
    pub fn of<'r>(request: &'r Request<'_>) -> Option<&'r Rejection> {
        request.local_cache(|| Refused(None)).0.as_ref()
    }

    /// Remembers the refusal for the catchers, for a guard can hand them a status only.
    pub(crate) fn remember(self, request: &Request<'_>) -> Self {
        request.local_cache(|| Refused(Some(self.clone())));
        self
    }
}

/// What credentials lack that are good otherwise (RFC 9470, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lacking {
    /// A proof that is no older than that, if the route says how old.
    Freshness {
        /// How old it can be.
        max_age: Option<Duration>,
    },
    /// Proofs of the level of that name.
    Level(&'static str),
}

impl Lacking {
    /// Returns the refusal for it.
    pub fn rejection(self) -> Rejection {
        match self {
            Self::Freshness { .. } => Rejection::NotFresh,
            Self::Level(level) => Rejection::NotAssured(level),
        }
    }
}

/// The first refusal of a request.
struct Refused(Option<Rejection>);

/// A fault is logged for the operator; the client learns only that it may come back. One that a
/// refusal caused, such as an application's in its [work](crate::datastore::Together::and), is that
/// refusal.
impl From<Error> for Rejection {
    fn from(fault: Error) -> Self {
        if let Some(rejection) = cause(&fault) {
            return rejection;
        }
        log::error!("{fault}");
        Self::Unavailable
    }
}

/// Finds the refusal that caused a fault.
fn cause(fault: &(dyn StdError + 'static)) -> Option<Rejection> {
    std::iter::successors(Some(fault), |fault: &&(dyn StdError + 'static)| (*fault).source())
        .find_map(|cause| {
            let errors = cause.downcast_ref::<FieldErrors>();
            let rejection = cause.downcast_ref::<Rejection>();
            rejection.cloned().or_else(|| errors.cloned().map(Rejection::InvalidInput))
        })
}

impl StdError for Rejection {}

/// Never stops a launch by itself. Rocket looks into `Result<AuthUser, Rejection>` in a signature only if both
/// are sentinels, and the launch reports a guard that it finds there.
impl Sentinel for Rejection {
    fn abort(_rocket: &Rocket<Ignite>) -> bool {
        false
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl From<FieldErrors> for Rejection {
    fn from(errors: FieldErrors) -> Self {
        Self::InvalidInput(errors)
    }
}

//! Refusals: why a request is not carried out, and what the client is told.
//!
//! Failures of the framework or the application are an [`Error`]. An [`Error`] reaches the client as
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

/// The reason why a request is refused.
///
/// Each rejection has a [`reason`](Rejection::reason) for programs, a [`status`](Rejection::status), and a
/// [`text`](Rejection::text) for people. JSON answers use
/// [`text_for_programs`](Rejection::text_for_programs), because they have no page.
///
/// Handlers return it as the error of a `Result`. A catcher finds the rejection that caused it with
/// [`Rejection::of`]:
///
/// ```
/// use rocket::{Request, catch};
/// use rocket_security::Rejection;
///
/// #[catch(403)]
/// fn forbidden(request: &Request<'_>) -> String {
///     match Rejection::of(request) {
///         Some(rejection) => rejection.text().to_string(),
///         None => "You may not see this.".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Fields of the request are missing or invalid.
    InvalidInput(FieldErrors),
    /// The credentials are not accepted. Deliberately the same for an unknown identity, a wrong password, and
    /// an account that is unconfirmed or deactivated.
    InvalidCredentials,
    /// The user is not logged in.
    Unauthenticated,
    /// A program asked for new tokens without sending a refresh token.
    RefreshTokenMissing,
    /// The refresh token that a program sent is not accepted (`invalid_grant` in RFC 6749, section 5.2).
    RefreshTokenRefused(TokenFault),
    /// The credentials in the request itself, such as a password sent with Basic authentication, are not
    /// accepted. Deliberately the same whatever the fault is.
    CredentialsRefused,
    /// The token in the request is invalid, expired or revoked.
    TokenRefused(TokenFault),
    /// The request has credentials of two users, or more than one token.
    ConflictingCredentials,
    /// The user is logged in, but the route is only for guests.
    AlreadyAuthenticated,
    /// The user has to authenticate again, because the last proof is too old.
    NotFresh,
    /// The user has to prove more factors: those of the level with this name, as in `acr_values` of RFC 9470.
    NotAssured(&'static str),
    /// The user has to change the password before anything else.
    MustChange,
    /// The user lacks a role or a permission.
    Forbidden,
    /// The token in the request lacks a scope.
    InsufficientScope,
    /// The application has no row of its own for this user.
    OwnRowMissing,
    /// Visitors cannot register.
    RegistrationClosed {
        /// Whether invited people can register.
        by_invitation: bool,
    },
    /// The anti-forgery (CSRF) token is missing, outdated, or belongs to another session.
    CsrfFailed(CsrfFault),
    /// The browser reports that another site started the request.
    CrossSite,
    /// The mailed link was used or replaced, has expired, or never existed.
    InvalidLink,
    /// The mailed link was used a moment ago, most likely because its button was pressed twice. The text says
    /// what the link did.
    LinkUsed(Text),
    /// Too many attempts.
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Too many passwords are waiting to be checked.
    Saturated,
    /// Something that the request needs did not answer.
    Unavailable,
    /// The body is larger than any form that the framework accepts.
    TooLarge,
    /// The body is neither a form nor JSON.
    UnsupportedMediaType,
    /// A rejection that the application defines, for example in one of its [`Hooks`](crate::feature::Hooks).
    Custom {
        /// The status of the answer: a 4xx.
        status: Status,
        /// The sentence for people. Its [reason](Text::reason) is the code for programs.
        text: Text,
    },
}

impl Rejection {
    /// Returns what the user has to prove at `/verify`, if a proof is missing.
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

    /// Returns the sentence for people. The text has the same [reason](Text::reason) as the rejection.
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

    /// Returns the sentence for a JSON answer, which has no page. Often the same as [`text`](Self::text).
    pub fn text_for_programs(&self) -> Text {
        match self {
            Self::Unauthenticated => Text::new("unauthenticated.program", "Please log in first."),
            Self::CsrfFailed(_) => Text::new(
                "csrf_failed.program",
                "This page is out of date. Please reload it and try again. A script has to send the \
                 anti-forgery token as `X-XSRF-Token`. A program sends JSON without cookies, `Origin` \
                 and `Sec-Fetch-Site`.",
            ),
            Self::OwnRowMissing => Text::new(
                "own_row_missing.program",
                "Your account is missing something needed here.",
            ),
            _ => self.text(),
        }
    }

    /// Returns the time for the `Retry-After` header, if the answer has one.
    ///
    /// It is 1 second when the password queue is full, because the queue drains within a second, and 2
    /// seconds when a dependency does not answer.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::Saturated => Some(Duration::from_secs(1)),
            Self::Unavailable => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    /// Finds the rejection that ended this request. Call it in the application's own catchers.
    pub fn of<'r>(request: &'r Request<'_>) -> Option<&'r Rejection> {
        request.local_cache(|| Refused(None)).0.as_ref()
    }

    /// Remembers the rejection for the catchers, because a guard can pass them only a status.
    pub(crate) fn remember(self, request: &Request<'_>) -> Self {
        request.local_cache(|| Refused(Some(self.clone())));
        self
    }
}

/// The proof that otherwise valid credentials lack (RFC 9470, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lacking {
    /// A recent proof.
    Freshness {
        /// The maximum age of the proof, if the route sets one.
        max_age: Option<Duration>,
    },
    /// Proofs that reach the level with this name.
    Level(&'static str),
}

impl Lacking {
    /// Returns the rejection for the missing proof.
    pub fn rejection(self) -> Rejection {
        match self {
            Self::Freshness { .. } => Rejection::NotFresh,
            Self::Level(level) => Rejection::NotAssured(level),
        }
    }
}

/// The first rejection of a request.
struct Refused(Option<Rejection>);

/// Logs the error for the operator and returns [`Rejection::Unavailable`]: the client learns only that it can
/// try again. If the error was caused by a rejection, for example by one from the application's own
/// [work](crate::datastore::Together::and), returns that rejection.
impl From<Error> for Rejection {
    fn from(fault: Error) -> Self {
        if let Some(rejection) = cause(&fault) {
            return rejection;
        }
        log::error!("{fault}");
        Self::Unavailable
    }
}

/// Finds the rejection that caused an error.
fn cause(fault: &(dyn StdError + 'static)) -> Option<Rejection> {
    std::iter::successors(Some(fault), |fault: &&(dyn StdError + 'static)| (*fault).source())
        .find_map(|cause| {
            let errors = cause.downcast_ref::<FieldErrors>();
            let rejection = cause.downcast_ref::<Rejection>();
            rejection.cloned().or_else(|| errors.cloned().map(Rejection::InvalidInput))
        })
}

impl StdError for Rejection {}

/// Never aborts the launch. Rocket checks the guard inside `Result<AuthUser, Rejection>` only if both types
/// are sentinels, so `Rejection` has to be one.
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

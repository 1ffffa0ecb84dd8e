//! The session of a request, as its cookie told when it came.

use rocket::Request;
use rocket::tokio::sync::OnceCell;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::crypto::one_time::Token;
use crate::datastore::session::SessionRecord;
use crate::user::User;

/// The session of a request, as its cookie told when it came.
#[non_exhaustive]
pub enum Current {
    /// There is no cookie of ours.
    Unknown,
    /// A guest.
    Anonymous(Token),
    /// A logged-in user.
    Active(Box<Active>),
    /// The cookie is that of a session that has ended, beside the id of a guest if there is one.
    Ended(Option<Token>),
    /// The store did not answer.
    Unavailable,
}

/// A live session.
#[non_exhaustive]
pub struct Active {
    /// The id in the cookie.
    pub token: Token,
    /// The row.
    pub record: SessionRecord,
    /// Whose it is, with roles as they are now.
    pub user: User,
}

impl Active {
    /// Returns `true` if its user proved to be them no longer ago than `window`.
    pub fn is_fresh(&self, window: Span, now: Timestamp) -> bool {
        self.record.is_fresh(window.delta(), now)
    }
}

impl Current {
    /// Returns the live session, if there is one.
    pub fn active(&self) -> Option<&Active> {
        match self {
            Self::Active(active) => Some(active),
            _ => None,
        }
    }

    /// Returns the id to which anti-forgery tokens are tied.
    pub fn token(&self) -> Option<&Token> {
        match self {
            Self::Anonymous(token) => Some(token),
            Self::Active(active) => Some(&active.token),
            Self::Ended(guest) => guest.as_ref(),
            Self::Unknown | Self::Unavailable => None,
        }
    }
}

/// Returns the session of a request, if a guard has asked for it already.
pub fn loaded<'r>(request: &'r Request<'_>) -> Option<&'r Current> {
    cell(request).get()
}

pub(super) fn cell<'r>(request: &'r Request<'_>) -> &'r OnceCell<Current> {
    &request.local_cache(|| Cell(OnceCell::new())).0
}

/// The session of a request, once it was read.
struct Cell(OnceCell<Current>);

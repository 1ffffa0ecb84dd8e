//! What the feature that remembers browsers hands over: it restores sessions.

use std::sync::Arc;

use rocket::{Request, async_trait};

use crate::crypto::remember_token::{RememberToken, Successor};
use crate::error::Result;
use crate::session::current::Active;

/// Restores sessions: the feature that remembers browsers.
#[async_trait]
pub trait Restore: Send + Sync + 'static {
    /// Finds out what a remember token is good for. The session of the request is being read meanwhile:
    /// asking for it here would wait forever.
    async fn restore(&self, request: &Request<'_>, remember_token: &RememberToken) -> Restored;

    /// Ends the series that a remember token belongs to.
    ///
    /// # Errors
    ///
    /// What the store fails with.
    async fn end(&self, remember_token: &RememberToken) -> Result<()>;

    /// Returns `true` if the box of the login page is ticked in advance.
    fn is_preset(&self) -> bool;
}

/// What a remember token is good for.
#[non_exhaustive]
pub enum Restored {
    /// A session has begun; the browser keeps this from now on.
    Begun(RememberToken, Box<Active>),
    /// Another request of the same browser has just begun it.
    Again(Successor),
    /// The user has to prove more: the browser keeps a login that is not finished.
    Pending,
    /// A hook refuses the user.
    Declined,
    /// It opens nothing, any more or ever: it counts for nothing from now on.
    Forgotten,
    /// The visitor stays a guest, and nothing changes.
    Guest,
    /// The store did not answer.
    Unavailable,
}

/// What the feature hands over in `install`.
pub struct Restorer(pub Arc<dyn Restore>);

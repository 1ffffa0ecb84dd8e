//! What takes part in a registration.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::Together;
use crate::error::Result;
use crate::user::{Email, UserId};

/// Takes part in registrations.
#[async_trait]
pub trait Registering: Send + Sync + 'static {
    /// Returns what is committed with a registration that is valid: mails and, by [`Together::and`], rows of
    /// the application's own that need no field; those that do are
    /// [`RegistrationFields`](crate::RegistrationFields). If this fails there is no account and no mail, and
    /// the visitor is told to try again later, with 503. It is called for an address whose account was never
    /// confirmed, too; then there is no new account, and the mails alone are used.
    async fn after_register(&self, registration: &Registration<'_>) -> Result<Together>;

    /// Returns `true` if a new account opens only once its owner has confirmed it, by what
    /// [`after_register`](Self::after_register) mails. An account that is not confirmed is deleted two days
    /// after its registration.
    fn awaits_confirmation(&self) -> bool {
        false
    }
}

/// A registration that is valid and not committed yet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Registration<'r> {
    /// The id of the account.
    pub user_id: UserId,
    /// Its address.
    pub email: &'r Email,
    /// When.
    pub at: Timestamp,
}

impl<'r> Registration<'r> {
    /// Describes a registration.
    pub fn new(user_id: UserId, email: &'r Email, at: Timestamp) -> Self {
        Self { user_id, email, at }
    }
}

//! Takes part in registrations.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::Together;
use crate::error::Result;
use crate::user::{Email, UserId};

/// Takes part in registrations, for example to send a mail or store rows of the application's own.
#[async_trait]
pub trait Registering: Send + Sync + 'static {
    /// Returns what to commit with a valid registration: mails and, with [`Together::and`], rows of the
    /// application's own.
    ///
    /// Rows that need a field in the form belong in [`RegistrationFields`](crate::RegistrationFields). If
    /// this fails, no account and no mail is stored, and the visitor is asked to try again later, with status
    /// 503. It is also called for an address whose account was never confirmed. Then no account is created
    /// and only the mails are used.
    async fn after_register(&self, registration: &Registration<'_>) -> Result<Together>;

    /// Returns `true` if a new account opens only once its owner has confirmed it with what
    /// [`after_register`](Self::after_register) mails. An unconfirmed account is deleted two days after its
    /// registration.
    fn awaits_confirmation(&self) -> bool {
        false
    }
}

/// A valid registration that is not committed yet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Registration<'r> {
    /// The id of the account.
    pub user_id: UserId,
    /// The e-mail address of the account.
    pub email: &'r Email,
    /// When the registration takes place.
    pub at: Timestamp,
}

impl<'r> Registration<'r> {
    /// Creates the description of a registration.
    pub fn new(user_id: UserId, email: &'r Email, at: Timestamp) -> Self {
        Self { user_id, email, at }
    }
}

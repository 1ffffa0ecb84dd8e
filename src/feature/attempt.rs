//! A login, as hooks see it.

use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::user::{Proofs, User};

/// A login whose credentials were found right.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoginAttempt<'r> {
    /// The user.
    pub user: &'r User,
    /// What the user proved, now.
    pub proofs: &'r Proofs,
    /// What the user had proved when the browser began to be remembered, if that is how it comes back.
    /// It proves nothing now; a hook can rely on it nevertheless.
    pub remembered: Option<&'r Proofs>,
    /// When.
    pub at: Timestamp,
    /// The address of the client, if it is known.
    pub client: Option<IpAddr>,
}

impl<'r> LoginAttempt<'r> {
    /// Describes a login.
    pub fn new(user: &'r User, proofs: &'r Proofs, at: Timestamp, client: Option<IpAddr>) -> Self {
        Self { user, proofs, remembered: None, at, client }
    }

    /// Returns the name of the method that the login began with, for example `password`.
    pub fn authn_via(&self) -> &'r str {
        self.proofs.authn_via()
    }

    /// Returns the proofs that a browser is remembered with after this login.
    pub(crate) fn proofs_to_remember(&self) -> Proofs {
        self.remembered.map_or_else(|| self.proofs.clone(), |it| it.clone().and_all(self.proofs))
    }
}

//! A login, as hooks see it.

use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::user::{Proofs, User};

/// A login whose credentials were accepted, as passed to [`Hooks::before_login`](crate::Hooks::before_login)
/// and [`Hooks::after_login`](crate::Hooks::after_login).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoginAttempt<'r> {
    /// The user.
    pub user: &'r User,
    /// What the user proved in this login.
    pub proofs: &'r Proofs,
    /// What the user had proved when the browser was first remembered, if the login comes from a remembered
    /// browser. It proves nothing now, but a hook may rely on it.
    pub remembered: Option<&'r Proofs>,
    /// Until when the browser was remembered, if the login comes from a remembered browser.
    pub(crate) remembered_until: Option<Timestamp>,
    /// When the login takes place.
    pub at: Timestamp,
    /// The IP address of the client, if it is known.
    pub client: Option<IpAddr>,
}

impl<'r> LoginAttempt<'r> {
    /// Creates a login attempt that does not come from a remembered browser.
    pub fn new(user: &'r User, proofs: &'r Proofs, at: Timestamp, client: Option<IpAddr>) -> Self {
        Self { user, proofs, remembered: None, remembered_until: None, at, client }
    }

    /// Returns the name of the method that the login began with, for example `password`.
    pub fn authn_via(&self) -> &'r str {
        self.proofs.authn_via()
    }

    /// Returns the proofs to store when the browser is remembered after this login.
    pub(crate) fn proofs_to_remember(&self) -> Proofs {
        self.remembered.map_or_else(|| self.proofs.clone(), |it| it.clone().and_all(self.proofs))
    }
}

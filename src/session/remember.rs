//! How a browser that is remembered comes back to a session.
//!
//! The feature [`remember`](crate::features::remember) knows what a remember token is good for; [`SessionManager`]
//! asks it once a request, when no session is there that lives.

pub use crate::session::restore::{Restore, Restored, Restorer};

use rocket::Request;

use crate::crypto::remember_token::{RememberToken, Successor};
use crate::error::Result;
use crate::session::cookie;
use crate::session::current::{Active, Current};
use crate::session::names::Kind;
use crate::session::sessions::SessionManager;

impl SessionManager {
    /// Checks whether browsers are remembered, and whether the box for it is ticked by itself.
    pub fn offers_remembering(&self) -> Option<bool> {
        self.restorer.as_ref().map(|Restorer(it)| it.is_preset())
    }

    /// Sets the cookie of a remember token. Only `flow` calls it.
    pub(crate) fn remember(
        &self,
        request: &Request<'_>,
        remember_token: &RememberToken,
    ) -> Result<()> {
        cookie::set(request, self.cookies.remember(remember_token, self.clock.now())?);
        Ok(())
    }

    /// Takes from the browser by what it is remembered.
    pub(crate) fn forget_remember_token(&self, request: &Request<'_>) {
        if self.cookies.brought(Kind::Remember, request).is_some() {
            cookie::set(request, self.cookies.removal(Kind::Remember));
        }
    }

    /// Ends the series by which the browser is remembered, if it is.
    pub(crate) async fn end_remembered(&self, request: &Request<'_>) -> Result<()> {
        let remember_token = self.cookies.open_remember(request);
        match self.restorer.as_ref().zip(remember_token) {
            Some((Restorer(restorer), remember_token)) => restorer.end(&remember_token).await,
            None => Ok(()),
        }
    }

    /// Returns the session to which a browser comes back that has none, if it is remembered.
    pub(super) async fn come_back(&self, request: &Request<'_>, current: Current) -> Current {
        // One login at a time: the user proves what the one that is held lacks, or begins another.
        let is_heeded =
            self.cookies.find(Kind::Remember, request).is_some() && !self.holds_login(request);
        let Some(Restorer(restorer)) = self.restorer.as_ref().filter(|_| is_heeded) else {
            return current;
        };
        let Some(remember_token) = self.cookies.open_remember(request) else {
            return current;
        };
        match restorer.restore(request, &remember_token).await {
            Restored::Begun(next, active) => self.enter(request, current, &next, active),
            Restored::Again(successor) => self.follow(request, current, successor).await,
            Restored::Pending => self.go_on_as_guest(request),
            Restored::Declined => self.disregard(request),
            Restored::Forgotten if matches!(current, Current::Ended(_)) => {
                self.bury(request, &[Kind::Remember]);
                current
            }
            Restored::Forgotten => self.disregard(request),
            Restored::Guest => unchanged(current),
            Restored::Unavailable => Current::Unavailable,
        }
    }

    async fn follow(
        &self,
        request: &Request<'_>,
        current: Current,
        successor: Successor,
    ) -> Current {
        match self.find_active(successor.session, self.clock.now()).await {
            Ok(Some(active)) => {
                self.enter(request, current, &successor.remember_token, Box::new(active))
            }
            // It has ended since, or made way for another: the browser has been told, and this
            // answer may be the later one to reach it.
            Ok(None) => unchanged(current),
            Err(fault) => {
                log::error!("a session could not be read: {fault}");
                Current::Unavailable
            }
        }
    }

    fn enter(
        &self,
        request: &Request<'_>,
        before: Current,
        next: &RememberToken,
        active: Box<Active>,
    ) -> Current {
        let is_set =
            self.remember(request, next).and_then(|()| self.set_user(request, &active.token));
        if let Err(fault) = is_set {
            log::error!("the session cookie of a remembered browser could not be set: {fault}");
            return Current::Unavailable;
        }
        self.forget_token(request);
        if let Current::Anonymous(guest) = &before {
            self.adopt_data(request, guest);
        }
        Current::Active(active)
    }

    /// Has the browser go on as a guest's, and the cookie count for nothing: the hooks are not asked again
    /// with its every request.
    fn disregard(&self, request: &Request<'_>) -> Current {
        self.bury(request, &[Kind::Remember]);
        self.go_on_as_guest(request)
    }

    fn go_on_as_guest(&self, request: &Request<'_>) -> Current {
        self.become_guest(request).map(Current::Anonymous).unwrap_or_else(|fault| {
            log::error!("a guest cookie could not be set: {fault}");
            Current::Unavailable
        })
    }
}

/// Treats a session that has ended as if there were none: a newer one may be there by now.
fn unchanged(current: Current) -> Current {
    match current {
        Current::Ended(guest) => guest.map_or(Current::Unknown, Current::Anonymous),
        other => other,
    }
}

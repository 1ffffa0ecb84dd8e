//! The anti-forgery token for what a request is answered with.

use std::sync::atomic::Ordering;

use rocket::Request;

use crate::crypto::one_time::Token;
use crate::error::Result;
use crate::session::change::{Change, changes, tells_token};
use crate::session::current::{Current, loaded};
use crate::session::sessions::SessionManager;

/// An anti-forgery token, and the id it is tied to when that is a new one.
pub(crate) struct Offer {
    pub(crate) csrf_token: String,
    id: Option<Token>,
}

impl SessionManager {
    /// Returns the anti-forgery token for what this request is answered with: that of the session
    /// as it will be. A visitor without an id gets one, and the answer is for them alone.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when there is no randomness for an id.
    pub fn csrf_token(&self, request: &Request<'_>) -> Result<String> {
        let offer = self.offer_csrf_token(request)?;
        self.accept(request, &offer)?;
        tells_token(request).store(true, Ordering::Relaxed);
        Ok(offer.csrf_token)
    }

    /// Offers the same token, but leaves the browser alone until it is accepted: a page that has
    /// no form sets no cookie.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`](crate::Error::Crypto) when there is no randomness for an id.
    pub(crate) fn offer_csrf_token(&self, request: &Request<'_>) -> Result<Offer> {
        let known = match &*changes(request) {
            Some(Change::User(token) | Change::Guest(token)) => Some(token.csrf_token()),
            Some(Change::Forget) => None,
            None => self.known_token(request).as_ref().map(Token::csrf_token),
        };
        if let Some(csrf_token) = known {
            return Ok(Offer { csrf_token, id: None });
        }
        let id = Token::random()?;
        Ok(Offer { csrf_token: id.csrf_token(), id: Some(id) })
    }

    /// Makes the browser the one to which an offered token is tied.
    pub(crate) fn accept(&self, request: &Request<'_>, offer: &Offer) -> Result<()> {
        match &offer.id {
            Some(id) => self.set_guest(request, id),
            None => Ok(()),
        }
    }

    /// Returns the id that the browser has, as far as that is known without the store: a browser that has
    /// one must not get another only because the store was not asked yet.
    fn known_token(&self, request: &Request<'_>) -> Option<Token> {
        match loaded(request) {
            Some(Current::Unavailable) | None => self
                .open(request)
                .filter(|it| !it.is_over)
                .map(|it| it.token)
                .or_else(|| self.guest_id(request)),
            Some(current) => current.token().cloned(),
        }
    }
}

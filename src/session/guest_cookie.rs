//! The cookie of a guest: the id to which anti-forgery tokens are tied, and which cookies of this browser are
//! dead.
//!
//! An answer cannot remove a cookie only if it is still the one that the request brought: `Set-Cookie` has
//! no condition. An answer that comes late would remove the newer session of another tab. So no answer
//! removes a dead cookie. It marks it in this cookie instead, and requests that bring both treat the
//! marked one as absent. A newer cookie of the same name has another mark and counts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::Request;

use crate::crypto::one_time::{Token, mark};
use crate::error::Result;
use crate::session::change::{Change, changes};
use crate::session::cookie;
use crate::session::current::{Current, loaded};
use crate::session::guest::{ANONYMOUS_LIFETIME, Guest};
use crate::session::names::Kind;
use crate::session::sessions::SessionManager;

/// How many marks are kept: more than we have cookies that can be dead.
const MOST_MARKS: usize = 8;

impl SessionManager {
    /// Returns the id that the browser has as a guest, if it has one.
    pub(super) fn guest_id(&self, request: &Request<'_>) -> Option<Token> {
        let guest = self.cookies.guest(request)?;
        (!self.is_over(guest)).then(|| Token::parse(&guest.id)).flatten()
    }

    /// Returns the id that the browser has as a guest after this answer.
    pub(super) fn next_guest_id(&self, request: &Request<'_>) -> Option<Token> {
        match &*changes(request) {
            Some(Change::Guest(id)) => Some(id.clone()),
            _ => self.guest_id(request),
        }
    }

    fn is_over(&self, guest: &Guest) -> bool {
        let end = guest.made_at().saturating_add(ANONYMOUS_LIFETIME.num_seconds());
        self.clock.now().timestamp() >= end
    }

    /// Makes the browser a guest's from this answer on, with the id that it has as such, or a new one.
    pub(super) fn become_guest(&self, request: &Request<'_>) -> Result<Token> {
        if let Some(Change::Guest(id)) = &*changes(request) {
            return Ok(id.clone());
        }
        let id = match self.guest_id(request) {
            Some(id) => id,
            None => Token::random()?,
        };
        self.set_guest(request, &id)?;
        Ok(id)
    }

    /// Makes `id` the id of the browser from this answer on.
    pub(super) fn set_guest(&self, request: &Request<'_>, id: &Token) -> Result<()> {
        self.write_guest(request, id)?;
        *changes(request) = Some(Change::Guest(id.clone()));
        Ok(())
    }

    /// Treats a cookie that the request brought as absent from this answer on.
    pub(super) fn bury(&self, request: &Request<'_>, kinds: &[Kind]) {
        let values = kinds.iter().filter_map(|kind| self.cookies.find(*kind, request));
        buried(request).extend(values.map(mark));
    }

    /// Does the same for what was typed into a form, which a page has just shown.
    pub(crate) fn bury_form(&self, request: &Request<'_>) {
        self.bury(request, &[Kind::Form]);
    }

    /// Does the same for a token that was refused for good: as a dead session, it would keep its browser
    /// from being a guest's.
    pub(crate) fn bury_token(&self, request: &Request<'_>) {
        self.bury(request, &[Kind::Token]);
    }

    /// Takes the guest's cookie from the browser, and with its marks what is marked.
    pub(super) fn forget_guest(&self, request: &Request<'_>) {
        for kind in [Kind::Link, Kind::Form] {
            let Some(value) = self.cookies.brought(kind, request) else {
                continue;
            };
            let is_marked = self.cookies.guest(request).is_some_and(|it| it.has_marked(value));
            if is_marked || buried(request).contains(&mark(value)) {
                cookie::set(request, self.cookies.removal(kind));
            }
        }
        if self.cookies.brought(Kind::Guest, request).is_some() {
            cookie::set(request, self.cookies.removal(Kind::Guest));
        }
    }

    /// Writes the marks of what was buried; returns whether there were any.
    pub(super) fn finish_guest(&self, request: &Request<'_>) -> bool {
        let guest = match &*changes(request) {
            Some(Change::User(_) | Change::Forget) => return false,
            Some(Change::Guest(id)) => Some(id.clone()),
            None => None,
        };
        let is_ended = matches!(loaded(request), Some(Current::Ended(_))) && guest.is_none();
        let has_buried = !buried(request).is_empty();
        let written = match loaded(request) {
            Some(Current::Unavailable) => return false,
            _ if !is_ended && !has_buried => return false,
            // A live session, or one that was not asked for, stays the browser's.
            Some(Current::Active(_)) | None => {
                let id = self.guest_id(request).map_or_else(Token::random, Ok);
                id.and_then(|id| self.write_guest(request, &id))
            }
            _ => match guest {
                Some(id) => self.write_guest(request, &id),
                None => self.become_guest(request).map(drop),
            },
        };
        if let Err(fault) = written {
            log::error!("the cookies of a browser could not be removed: {fault}");
        }
        true
    }

    pub(super) fn write_guest(&self, request: &Request<'_>, id: &Token) -> Result<()> {
        let mut dead = buried(request).clone();
        // What is dead stays dead, however old the cookie that says so.
        if let Some(before) = self.cookies.guest(request) {
            // Marks of cookies that the browser no longer has are removed.
            let brought: Vec<String> =
                request.cookies().iter().map(|cookie| mark(cookie.value())).collect();
            dead.extend(before.dead.iter().filter(|dead| brought.contains(dead)).cloned());
        }
        dead.truncate(MOST_MARKS);
        let guest = Guest { id: id.reveal(), at: self.clock.now().timestamp(), dead };
        cookie::set(request, self.cookies.guest_cookie(&guest)?);
        Ok(())
    }
}

/// The marks of the cookies that died with this request.
struct Buried(Mutex<Vec<String>>);

fn buried<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Vec<String>> {
    let buried: &'r Buried = request.local_cache(|| Buried(Mutex::default()));
    buried.0.lock().unwrap_or_else(PoisonError::into_inner)
}

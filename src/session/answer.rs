//! What becomes of the browser with the answer: whose it is from then on.

use std::sync::atomic::Ordering;

use rocket::{Request, Response};

use crate::crypto::one_time::Token;
use crate::error::Result;
use crate::session::caching::{keep_private, vary_by_cookie};
use crate::session::change::{Change, changes, tells_token};
use crate::session::cookie;
use crate::session::current::loaded;
use crate::session::names::Kind;
use crate::session::reading::Payload;
use crate::session::sessions::SessionManager;
use crate::user::UserId;

impl SessionManager {
    /// Makes `token`, which leads to a row of `user`'s, the id of the browser from this answer on.
    /// Only `flow` calls this.
    pub(crate) fn become_user(
        &self,
        request: &Request<'_>,
        token: &Token,
        user: UserId,
    ) -> Result<()> {
        self.carry_data(request, user);
        self.drop_login(request);
        self.forget_token(request);
        self.set_user(request, token)
    }

    pub(super) fn set_user(&self, request: &Request<'_>, token: &Token) -> Result<()> {
        let payload = Payload { id: token.reveal(), at: self.clock.now().timestamp() };
        cookie::set(request, self.cookies.session(&payload)?);
        self.forget_guest(request);
        *changes(request) = Some(Change::User(token.clone()));
        Ok(())
    }

    /// Takes the id from the browser with this answer, and by what it is remembered.
    pub(crate) fn forget(&self, request: &Request<'_>) {
        self.drop_data(request);
        self.drop_login(request);
        self.forget_remember_token(request);
        self.forget_refresh_token(request);
        self.forget_token(request);
        cookie::set(request, self.cookies.removal(Kind::Session));
        // What one user left in this browser is not for the next.
        for cookie in self.cookies.without_leftovers(request) {
            cookie::set(request, cookie);
        }
        *changes(request) = Some(Change::Forget);
    }

    /// Writes what changed to the answer, whatever became of the handler.
    pub(crate) async fn finish(&self, request: &Request<'_>, response: &mut Response<'_>) {
        self.finish_data(request, response).await;
        let tells = tells_token(request).load(Ordering::Relaxed);
        self.finish_csrf_cookie(request, response, tells);
        let is_told = self.finish_guest(request);
        if tells || is_told || matches!(*changes(request), Some(Change::User(_) | Change::Guest(_)))
        {
            // A browser may come back with any page, even one that may be cached.
            keep_private(response);
        }
        if loaded(request).is_some() {
            // A guard has asked who it is, and the answer may go by that.
            vary_by_cookie(response);
        }
        self.finish_token_cookie(request, response);
        cookie::write(request, response);
    }
}

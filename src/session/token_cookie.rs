//! The cookie of a token that the application set, where `"cookie"` is among `security.tokens.sources`.

use rocket::{Request, Response};

use crate::session::{Sessions, cookie};

impl Sessions {
    /// Takes the token from the browser, whether it has one or not: it was for whoever had the browser before,
    /// and two users at once are nobody; or it opens nothing any more. Script could not do it.
    pub(crate) fn forget_token(&self, request: &Request<'_>) {
        if let Some(removal) = self.cookies.token_removal() {
            cookie::set(request, removal);
        }
    }

    /// Leaves the browser the token that a handler gives it with the same answer, as to whoever it has just
    /// logged in.
    pub(super) fn finish_token_cookie(&self, request: &Request<'_>, response: &Response<'_>) {
        let Some(removal) = self.cookies.token_removal() else {
            return;
        };
        if response.cookies().any(|given| given.name() == removal.name()) {
            cookie::leave(request, removal.name());
        }
    }
}

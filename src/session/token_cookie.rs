//! The cookie of a token that the application set, where `"cookie"` is among `security.tokens.sources`.

use rocket::http::Cookie;
use rocket::{Request, Response};

use crate::session::cookie::Cookies;
use crate::session::names::Kind;

use crate::session::cookie;
use crate::session::sessions::SessionManager;

impl Cookies {
    /// Makes the cookie that holds a token until the browser closes, for an application that wants a
    /// browser to come by it: `HttpOnly`, `SameSite=Lax`, `Path=/`, `Secure` over https. Browsers keep
    /// no more than 4096 bytes of name and value. A logout takes it away, and so does the beginning of any
    /// session, unless the same answer sets it. It is read where `"cookie"` is among
    /// [`tokens.sources`](crate::config::TokensConfig::sources).
    ///
    /// ```
    /// # use rocket::State;
    /// # use rocket::http::CookieJar;
    /// # use rocket::post;
    /// use rocket_security::AuthVia;
    /// use rocket_security::Rejection;
    /// use rocket_security::TokenIssuer;
    /// use rocket_security::via;
    /// use rocket_security::web::Site;
    ///
    /// #[post("/token-cookie")]
    /// fn keep(
    ///     user: AuthVia<via::SessionCookie>,
    ///     tokens: &TokenIssuer,
    ///     web: &State<Site>,
    ///     jar: &CookieJar<'_>,
    /// ) -> Result<(), Rejection> {
    ///     // It ends with the session.
    ///     let token = tokens.access(&user).issue()?;
    ///     jar.add(web.sessions().cookies().token(token));
    ///     Ok(())
    /// }
    /// ```
    pub fn token(&self, token: String) -> Cookie<'static> {
        self.names.cookie(Kind::Token, token)
    }

    /// Makes the cookie that takes the token away.
    pub fn without_token(&self) -> Cookie<'static> {
        self.names.removal(Kind::Token)
    }

    /// Makes the cookie that takes the token away, where one is looked for in a cookie.
    fn token_removal(&self) -> Option<Cookie<'static>> {
        self.names.reads_token().then(|| self.without_token())
    }

    /// Finds the token that a request carries in a cookie.
    pub(crate) fn find_token<'r>(&self, request: &'r Request<'_>) -> Option<&'r str> {
        self.find(Kind::Token, request)
    }
}

impl SessionManager {
    /// Takes the token from the browser, whether it has one or not: it was for the previous user of
    /// the browser, and a request of two users is refused; or it is no longer valid. Script could not do it.
    pub(crate) fn forget_token(&self, request: &Request<'_>) {
        if let Some(removal) = self.cookies.token_removal() {
            cookie::set(request, removal);
        }
    }

    /// Leaves the browser the token that a handler sets in the same answer, for the user whom it has just logged
    /// in.
    pub(super) fn finish_token_cookie(&self, request: &Request<'_>, response: &Response<'_>) {
        let Some(removal) = self.cookies.token_removal() else {
            return;
        };
        if response.cookies().any(|given| given.name() == removal.name()) {
            cookie::leave(request, removal.name());
        }
    }
}

//! The moments at which an application takes part in a login.

use rocket::async_trait;
use serde_json::{Map, Value};

use crate::crypto::password::Password;
use crate::error::Result;
use crate::feature::attempt::LoginAttempt;
use crate::feature::verdict::Verdict;
use crate::rejection::{FieldErrors, Rejection};
use crate::user::{Proofs, User};

/// The moments at which a feature, or an application, takes part in a login.
///
/// A hook can stop the flow; an [`Event`](crate::Event) cannot. What takes part in a registration, in
/// every change, in cleaning up or in remembering browsers is a trait of its own:
/// [`Registering`](crate::feature::Registering), [`Journaling`](crate::feature::Journaling),
/// [`Sweeping`](crate::feature::Sweeping), [`Remembering`](crate::feature::Remembering). A
/// [`Feature`](crate::Feature) hands them over in [`install`](crate::Feature::install).
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// Runs before a session begins, a program logs in at `/token`, or a request with a password of its own is
    /// let in by [Basic](crate::features::basic), after the credentials were found right.
    ///
    /// All hooks are asked, and the strongest answer counts, whatever their order: [`Verdict::Refuse`], then
    /// [`Verdict::Require`], then [`Verdict::Allow`]. A login that lacks a proof is held as a
    /// [`PendingLogin`](crate::flow::PendingLogin), and every hook is asked again once the user has proved
    /// more: so a hook must not act, such as send a code, but answer from [`LoginAttempt::proofs`].
    ///
    /// A program at `/token` and a request by Basic cannot go on elsewhere: [`Verdict::Require`] refuses
    /// them like a wrong password. With Basic it is asked with every request. It is not asked when a program
    /// refreshes its tokens: [`session_checked`](Self::session_checked) is.
    async fn before_login(&self, _attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(Verdict::Allow)
    }

    /// Runs after a login, a proof, or a password by [Basic](crate::features::basic) was refused. `user` is the
    /// account, if there is one.
    async fn login_failed(&self, _user: Option<&User>, _reason: &'static str) -> Result<()> {
        Ok(())
    }

    /// Runs after a session began, or a program logged in at `/token`. A fault is logged and changes nothing.
    async fn after_login(&self, _attempt: &LoginAttempt<'_>) -> Result<()> {
        Ok(())
    }

    /// Runs on every request that is authenticated, by a session or another
    /// [mechanism](crate::guard::mechanism), and returns why it is refused, if it is. Must be quick. What a route
    /// demands of the user's proofs is up to its guards, such as [`Assured`](crate::Assured).
    async fn session_checked(&self, _user: &User) -> Result<Option<Rejection>> {
        Ok(None)
    }

    /// Runs after a user has ended their session. A fault is logged and changes nothing.
    async fn after_logout(&self, _user: &User) -> Result<()> {
        Ok(())
    }

    /// Checks a password that a user chooses, for rules of an application's own.
    ///
    /// It runs on one of four threads for such checks, and may block it: logins do not wait. A request waits
    /// for at most three seconds, the queue included, and is answered with 503 then. A network can have a
    /// quarter of the queue.
    async fn check_password(
        &self,
        _field: &str,
        _password: &Password,
        _email: &str,
    ) -> Result<FieldErrors> {
        Ok(FieldErrors::new())
    }

    /// Returns claims for the access tokens that `/login`, `/verify`, `/token` and `/refresh-token` issue to a
    /// user, as the account is at that moment. None of them may have the name of one of the framework's; of
    /// two hooks that set one claim, the later counts.
    async fn token_claims(&self, _user: &User, _proofs: &Proofs) -> Result<Map<String, Value>> {
        Ok(Map::new())
    }
}

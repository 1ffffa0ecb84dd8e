//! Hooks: how an application takes part in logins.

use rocket::async_trait;
use serde_json::{Map, Value};

use crate::crypto::password::Password;
use crate::error::Result;
use crate::feature::attempt::LoginAttempt;
use crate::feature::verdict::Verdict;
use crate::rejection::{FieldErrors, Rejection};
use crate::user::{Proofs, User};

/// Hooks into logins, logouts, password checks and tokens.
///
/// Implement it to stop a login, to ask for another proof, or to add rules of your own. A hook can refuse a
/// request; a listener for an [`Event`](crate::Event) cannot. Every method has a default that changes
/// nothing.
///
/// ```
/// use rocket::async_trait;
/// use rocket_security::feature::{LoginAttempt, Verdict};
/// use rocket_security::{Hooks, Rejection, Result};
///
/// struct OnlyConfirmed;
///
/// #[async_trait]
/// impl Hooks for OnlyConfirmed {
///     async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
///         Ok(match attempt.user.confirmed_at {
///             Some(_) => Verdict::Allow,
///             None => Verdict::Refuse(Rejection::InvalidCredentials),
///         })
///     }
/// }
/// ```
///
/// An application adds its hooks with [`Security::hooks`](crate::Security::hooks), a
/// [`Feature`](crate::Feature) in [`install`](crate::Feature::install). Registrations, changes of accounts,
/// cleaning up and remembered browsers have traits of their own:
/// [`Registering`](crate::feature::Registering), [`Journaling`](crate::feature::Journaling),
/// [`Sweeping`](crate::feature::Sweeping) and [`Remembering`](crate::feature::Remembering).
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// Runs after the credentials were accepted, and before a session begins, a program logs in at `/token`,
    /// or a request with a password is admitted by [Basic](crate::features::basic) authentication.
    ///
    /// All hooks are asked, and the strongest answer counts, whatever their order: [`Verdict::Refuse`], then
    /// [`Verdict::Require`], then [`Verdict::Allow`]. A login that lacks a proof is held as a
    /// [`PendingLogin`](crate::flow::PendingLogin), and every hook is asked again once the user has proved
    /// more. So a hook must decide from [`LoginAttempt::proofs`] and have no side effects, such as sending a
    /// code.
    ///
    /// A program at `/token` and a request with Basic authentication cannot continue at another page, so
    /// [`Verdict::Require`] refuses them like a wrong password. With Basic, this hook runs on every request.
    /// It does not run when a program refreshes its tokens: [`session_checked`](Self::session_checked) does.
    async fn before_login(&self, _attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(Verdict::Allow)
    }

    /// Runs after a login, a proof, or a password sent with [Basic](crate::features::basic) authentication
    /// was refused. `user` is the account, if it exists.
    async fn login_failed(&self, _user: Option<&User>, _reason: &'static str) -> Result<()> {
        Ok(())
    }

    /// Runs after a session began, or a program logged in at `/token`. An error is logged and has no other
    /// effect.
    async fn after_login(&self, _attempt: &LoginAttempt<'_>) -> Result<()> {
        Ok(())
    }

    /// Runs on every authenticated request, whatever its [mechanism](crate::guard::mechanism), and returns a
    /// rejection to refuse it. It must be fast. What a route requires of the user's proofs is checked by its
    /// guards, such as [`Assured`](crate::Assured).
    async fn session_checked(&self, _user: &User) -> Result<Option<Rejection>> {
        Ok(None)
    }

    /// Runs after a user has ended their session. An error is logged and has no other effect.
    async fn after_logout(&self, _user: &User) -> Result<()> {
        Ok(())
    }

    /// Checks a password that a user chooses, for the application's own rules.
    ///
    /// It runs on one of four threads for such checks and may block it: logins do not wait for them. A
    /// request waits at most three seconds, including the time in the queue, and is then answered with 503.
    /// One network can hold a quarter of the queue.
    async fn check_password(
        &self,
        _field: &str,
        _password: &Password,
        _email: &str,
    ) -> Result<FieldErrors> {
        Ok(FieldErrors::new())
    }

    /// Returns claims to add to the access tokens that `/login`, `/verify`, `/token` and `/refresh-token`
    /// issue.
    ///
    /// `user` is the account as it is at that moment. No claim may have the name of one of the framework's
    /// own. If two hooks set the same claim, the later hook's counts.
    async fn token_claims(&self, _user: &User, _proofs: &Proofs) -> Result<Map<String, Value>> {
        Ok(Map::new())
    }
}

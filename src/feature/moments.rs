//! Calls everything that takes part in logins and registrations.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::crypto::one_time::Digest;
use crate::crypto::password::Password;
use crate::crypto::remember_token::RememberToken;
use crate::datastore::Together;
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::error::Result;
use crate::feature::attempt::LoginAttempt;
use crate::feature::hooks::Hooks;
use crate::feature::registering::{Registering, Registration};
use crate::feature::remembering::Remembering;
use crate::feature::verdict::Verdict;
use crate::rejection::{FieldErrors, Rejection};
use crate::user::{Proofs, User};

/// Everything that takes part in logins and registrations, in the order in which it was added.
#[derive(Clone)]
pub(crate) struct Moments {
    hooks: Arc<[Box<dyn Hooks>]>,
    remembering: Arc<[Box<dyn Remembering>]>,
    registering: Arc<[Box<dyn Registering>]>,
}

impl Moments {
    pub(crate) fn new(
        hooks: Vec<Box<dyn Hooks>>,
        remembering: Vec<Box<dyn Remembering>>,
        registering: Vec<Box<dyn Registering>>,
    ) -> Self {
        Self {
            hooks: hooks.into(),
            remembering: remembering.into(),
            registering: registering.into(),
        }
    }

    /// Asks all hooks and returns the strongest answer.
    pub(crate) async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        let mut verdict = Verdict::Allow;
        for hook in &*self.hooks {
            verdict = verdict.or_stronger(hook.before_login(attempt).await?);
        }
        Ok(verdict)
    }

    pub(crate) async fn login_failed(
        &self,
        user: Option<&User>,
        reason: &'static str,
    ) -> Result<()> {
        for hook in &*self.hooks {
            hook.login_failed(user, reason).await?;
        }
        Ok(())
    }

    /// Calls the hooks after a login. An error is only logged, because the login cannot be undone.
    pub(crate) async fn after_login(&self, attempt: &LoginAttempt<'_>) {
        for hook in &*self.hooks {
            if let Err(fault) = hook.after_login(attempt).await {
                log::error!("a hook failed after a login: {fault}");
            }
        }
    }

    /// Asks all hooks and returns the strongest refusal.
    pub(crate) async fn session_checked(&self, user: &User) -> Result<Option<Rejection>> {
        let mut verdict = Verdict::Allow;
        for hook in &*self.hooks {
            if let Some(rejection) = hook.session_checked(user).await? {
                verdict = verdict.or_stronger(Verdict::Refuse(rejection));
            }
        }
        Ok(match verdict {
            Verdict::Refuse(rejection) => Some(rejection),
            Verdict::Allow | Verdict::Require(_) => None,
        })
    }

    pub(crate) async fn after_logout(&self, user: &User) {
        for hook in &*self.hooks {
            if let Err(fault) = hook.after_logout(user).await {
                log::error!("a hook failed after a logout: {fault}");
            }
        }
    }

    pub(crate) async fn check_password(
        &self,
        field: &str,
        password: &Password,
        email: &str,
    ) -> Result<FieldErrors> {
        let mut errors = FieldErrors::new();
        for hook in &*self.hooks {
            errors.extend(hook.check_password(field, password, email).await?);
        }
        Ok(errors)
    }

    pub(crate) async fn token_claims(
        &self,
        user: &User,
        proofs: &Proofs,
    ) -> Result<Map<String, Value>> {
        let mut claims = Map::new();
        for hook in &*self.hooks {
            claims.extend(hook.token_claims(user, proofs).await?);
        }
        Ok(claims)
    }

    /// Returns the token that a browser stores to be remembered, from the first feature that remembers
    /// browsers.
    pub(crate) async fn remember(
        &self,
        attempt: &LoginAttempt<'_>,
        at_most: u32,
    ) -> Result<Option<RememberToken>> {
        for feature in &*self.remembering {
            let remember_token = feature.remember(attempt, at_most).await?;
            if remember_token.is_some() {
                return Ok(remember_token);
            }
        }
        Ok(None)
    }

    pub(crate) async fn is_remembered(&self, series: &Digest) -> Result<bool> {
        for feature in &*self.remembering {
            if feature.is_remembered(series).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) async fn end_others(&self, kept: &SessionRecord) -> Result<Vec<EndedSession>> {
        let mut ended = Vec::new();
        for feature in &*self.remembering {
            ended.extend(feature.end_others(kept).await?);
        }
        Ok(ended)
    }

    pub(crate) async fn after_register(&self, registration: &Registration<'_>) -> Result<Together> {
        let mut together = Together::nothing();
        for feature in &*self.registering {
            together = together.join(feature.after_register(registration).await?);
        }
        Ok(together)
    }

    pub(crate) fn awaits_confirmation(&self) -> bool {
        self.registering.iter().any(|feature| feature.awaits_confirmation())
    }
}

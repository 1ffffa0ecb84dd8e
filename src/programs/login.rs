//! Logs a program in with a password.

use crate::crypto::password::Password;
use crate::datastore::refresh::FamilyRecord;
use crate::flow::{Flow, authenticated_event, user_agent};
use crate::programs::conflict::only_of;
use crate::programs::kept::Programs;
use crate::rejection::Rejection;
use crate::token::TokenPair;
use crate::user::{Identity, User};
use crate::web::visit::Visit;

impl Programs {
    /// Logs a program in with a password. No session begins, and no cookie is set.
    ///
    /// Limits, work and hooks are those of any login. If a hook requires something else first, such as a
    /// second factor, the login is refused, because a program cannot continue a pending login here.
    ///
    /// # Errors
    ///
    /// - [`Rejection::InvalidCredentials`] for an unknown identity, a wrong password, an account that may not
    ///   log in, and an account with a second factor alike.
    /// - [`Rejection::ConflictingCredentials`] if the request also has the credentials of another user.
    /// - [`Rejection::MustChange`] if the password must be changed first.
    /// - The refusal of a hook.
    /// - [`Rejection::Throttled`], [`Rejection::Saturated`] and [`Rejection::Unavailable`], as for any login.
    pub async fn log_in(
        &self,
        flow: &Flow,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
    ) -> Result<(User, TokenPair), Rejection> {
        let kept = self.kept()?;
        let authenticated = flow.authenticate_program(visit, identity, password).await?;
        let (user, proofs) = (authenticated.user(), authenticated.proofs());
        only_of(visit, user.id)?;
        flow.check_session(user).await?;
        let origin = visit.origin();
        let family = FamilyRecord {
            client: origin.client,
            user_agent: user_agent(visit.request().headers()),
            ..kept.tokens.new_family(user, proofs.clone(), origin.at)?
        };
        let claims = flow.token_claims(user, proofs).await?;
        let pair = kept.tokens.pair(user, &family, origin.at, claims)?;
        let event = authenticated_event(visit, &authenticated);
        if !kept.begins.begin_with(&family, origin, Some(event)).await? {
            let authn_via = proofs.authn_via();
            return Err(flow.fail(visit, Some(user), authn_via, "account_changed").await?);
        }
        flow.logged_in(visit, &authenticated).await;
        Ok((authenticated.into_user(), pair))
    }
}

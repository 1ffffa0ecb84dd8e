//! Refreshes the tokens of a program. Each refresh token is valid once and is replaced by the next.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::random_uuid;
use crate::datastore::refresh::{
    EndedFamily, FamilyRecord, FamilyRotated, FamilyRotation, LivesBy,
};
use crate::event::{Event, SessionEnd};
use crate::flow::Flow;
use crate::programs::conflict::only_of;
use crate::programs::kept::Programs;
use crate::programs::presented::Presented;
use crate::programs::revoked::revoked;
use crate::rejection::{Rejection, TokenFault};
use crate::text::Text;
use crate::token::{Refresh, TokenKind, TokenPair};
use crate::user::User;
use crate::web::visit::Visit;

/// The mail that tells a user that a refresh token was used twice.
const REUSE: Text = Text::new("token_reuse", "One of your programs was logged out");

impl Programs {
    /// Issues a program its next access token, and a new refresh token that replaces the presented one.
    ///
    /// The user is not asked to log in again; the checks that each request of a session passes are made here,
    /// too. If a refresh token is used a second time, two programs hold it. The family then ends, and the
    /// access tokens end with it.
    ///
    /// # Errors
    ///
    /// - [`Rejection::RefreshTokenRefused`], with what is wrong with the token.
    /// - [`Rejection::ConflictingCredentials`] if the request also has the credentials of another user.
    /// - [`Rejection::MustChange`] if the password must be changed first.
    /// - The refusal of a hook.
    /// - [`Rejection::Unavailable`] if the store does not answer; then nothing has changed.
    pub async fn refresh(
        &self,
        flow: &Flow,
        visit: &Visit<'_>,
        token: &str,
    ) -> Result<(User, TokenPair), Rejection> {
        let refreshed = self.rotate(flow, visit, token).await;
        let of_age = [TokenFault::Expired, TokenFault::Ended].map(Rejection::RefreshTokenRefused);
        if refreshed.as_ref().is_err_and(|refused| of_age.contains(refused)) {
            self.end_lapsed(visit, token).await?;
        }
        refreshed
    }

    /// Ends the family of a refresh token if it has expired: a token that was refused for its age must not
    /// work again if the clock is set back.
    async fn end_lapsed(&self, visit: &Visit<'_>, token: &str) -> Result<(), Rejection> {
        let kept = self.kept()?;
        let Ok(examined) = kept.tokens.verifier().examine(token, Refresh::NAME) else {
            return Ok(());
        };
        let family = examined.token.family().and_then(|id| Uuid::parse_str(id).ok());
        let Some(id) = family.filter(|_| !examined.token.is_foreign()) else {
            return Ok(());
        };
        let now = visit.now();
        let found = kept.store.find_family(id).await?;
        let Some(family) = found.filter(|it| is_all_but_over(it.idle_expires_at, now)) else {
            return Ok(());
        };
        let event = revoked(
            EndedFamily { id, user_id: family.user_id },
            SessionEnd::Expired,
            visit.origin(),
        );
        let change = self.change(event);
        change.commit(async |with| kept.store.end_family(family.user_id, id, with).await).await?;
        Ok(())
    }

    async fn rotate(
        &self,
        flow: &Flow,
        visit: &Visit<'_>,
        token: &str,
    ) -> Result<(User, TokenPair), Rejection> {
        let kept = self.kept()?;
        let Presented { facts, family, id } = self.read_refresh_token(token)?;
        let ended = Rejection::RefreshTokenRefused(TokenFault::Ended);
        let whose = facts.about.ok_or_else(|| ended.clone())?;
        let found = kept.store.find_bearer(&whose.trace).await?;
        let Some((user, LivesBy::Family(found))) = found else {
            return Err(ended);
        };
        only_of(visit, user.id)?;
        let now = visit.now();
        let idle_expires_at = kept.tokens.idle_end(&found, now);
        let is_changed = !user.is_open() || user.epoch != whose.epoch;
        if is_changed || is_all_but_over(idle_expires_at, now) {
            return Err(ended);
        }
        flow.check_session(&user).await?;
        let grace = visit.site().config().tokens.refresh_grace;
        let rotation = FamilyRotation {
            family,
            user_id: user.id,
            epoch: whose.epoch,
            presented: id,
            next: random_uuid()?,
            now,
            idle_expires_at,
            since: (!grace.is_zero()).then(|| now - grace),
        };
        let next = FamilyRecord { token_id: rotation.next, idle_expires_at, ..found };
        let claims = flow.token_claims(&user, &next.proofs).await?;
        let pair = kept.tokens.pair(&user, &next, now, claims.clone())?;
        match kept.store.rotate_family(&rotation).await? {
            FamilyRotated::Next => Ok((user, pair)),
            FamilyRotated::SameAgain(found) if is_all_but_over(found.idle_expires_at, now) => {
                Err(ended)
            }
            FamilyRotated::SameAgain(found) => {
                let pair = kept.tokens.pair(&user, &found, now, claims)?;
                Ok((user, pair))
            }
            FamilyRotated::Over => Err(ended),
            FamilyRotated::Reused => {
                self.end_reused(flow, visit, &next, &user).await?;
                Err(Rejection::RefreshTokenRefused(TokenFault::Reused))
            }
        }
    }

    /// Ends a family whose token was used twice, and mails its user. Concurrent callers send one mail.
    async fn end_reused(
        &self,
        flow: &Flow,
        visit: &Visit<'_>,
        family: &FamilyRecord,
        user: &User,
    ) -> Result<(), Rejection> {
        let event = Event::TokenReuse { user: user.id, family: family.id, origin: visit.origin() };
        let mail = flow.notice(visit, &REUSE, user, &user.email)?;
        let (change, store) = (self.change(event).mail([mail]), &self.kept()?.store);
        change.commit(async |with| store.end_family(user.id, family.id, with).await).await?;
        self.checked.forget();
        Ok(())
    }
}

/// Returns `true` if no token can be issued that lasts until `end`, because tokens have times in whole
/// seconds.
pub(super) fn is_all_but_over(end: Timestamp, now: Timestamp) -> bool {
    end - now < TimeDelta::seconds(1)
}

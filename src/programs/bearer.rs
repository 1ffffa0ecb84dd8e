//! Checks whether a verified token is still valid, and finds its user.

use std::future::Future;

use uuid::Uuid;

use crate::config::TokenCheck;
use crate::datastore::refresh::{LivesBy, TokenTrace};
use crate::event::{Event, Origin};
use crate::flow::once::Bearer;
use crate::programs::facts::{Facts, Whose};
use crate::programs::kept::Programs;
use crate::rejection::{Rejection, TokenFault};
use crate::token::{TokenKind, VerifiedToken};
use crate::user::User;
use crate::web::Site;

/// The value of `authn_via` for requests authenticated with a token.
const AUTHN_VIA: &str = "token";

impl Programs {
    /// Checks whether a token that [`Verifier`](crate::token::Verifier) accepted is still valid: it must not
    /// be denied, the program's login or the session that it belongs to must not have ended, and its user
    /// must exist and not have changed since.
    ///
    /// A token that concerns no user, or comes from a trusted issuer, must only not be denied. A refresh
    /// token must be the current one of its program, because a replaced one is no longer valid. The check
    /// does not use it up.
    ///
    /// The setting [`tokens.check`](crate::config::TokensConfig) says how often the store is asked about
    /// tokens of this kind. _Default:_ with every request, in one query.
    ///
    /// # Errors
    ///
    /// - [`Rejection::CredentialsRefused`] if the token is no longer valid.
    /// - [`Rejection::TokenRefused`] if one of our own tokens names a user, a session or a family by a
    ///   malformed id.
    /// - [`Rejection::Unavailable`] if the store does not answer.
    pub fn check_token<'f, C, K: TokenKind>(
        &'f self,
        site: &'f Site,
        token: &VerifiedToken<C, K>,
    ) -> impl Future<Output = Result<(), Rejection>> + Send + use<'f, C, K> {
        let facts = Facts::of(token).map_err(Rejection::TokenRefused);
        async move {
            let facts = facts?;
            let now = site.clock().now();
            let check = site.config().tokens.check_of(K::NAME);
            let is_known = match check {
                TokenCheck::Always => false,
                TokenCheck::Cached(length) => self.checked.has(&facts, now, length),
                TokenCheck::Never => true,
            };
            if is_known {
                return Ok(());
            }
            self.ask(site, &facts).await?;
            if let TokenCheck::Cached(length) = check {
                self.checked.keep(&facts, now, length);
            }
            Ok(())
        }
    }

    /// Denies a token until it would have expired. From now on, every instance refuses it as an access token
    /// and as a refresh token, and so do guards that [check](Self::check_token) tokens of its kind. Returns
    /// `false` if it is already denied.
    ///
    /// # Errors
    ///
    /// - [`Rejection::TokenRefused`] if the token has no `jti`, which a trusted issuer may be allowed to
    ///   omit: such a token cannot be told from others.
    /// - [`Rejection::Unavailable`] if the feature [`tokens`](crate::features::tokens), which stores denials,
    ///   is not enabled, or if the store does not answer.
    pub fn deny_token<'f, C, K: TokenKind>(
        &'f self,
        origin: Origin,
        token: &VerifiedToken<C, K>,
    ) -> impl Future<Output = Result<bool, Rejection>> + Send + use<'f, C, K> {
        let denied_as = token.denied_as();
        let user = match token.epoch().filter(|_| !token.is_foreign()) {
            Some(_) => token.subject().and_then(|subject| subject.parse().ok()),
            None => None,
        };
        let until = token.denied_until(origin.at);
        async move {
            let kept = self.kept()?;
            let missing = Rejection::TokenRefused(TokenFault::MissingClaim("jti"));
            let denied_as = denied_as.ok_or(missing)?;
            let event = Event::TokenDenied { user, token: denied_as.clone(), origin };
            let change = self.change(event);
            let is_new =
                change.commit(async |with| kept.store.deny(&denied_as, until, with).await).await?;
            self.checked.forget();
            Ok(is_new)
        }
    }

    /// Finds the user of an access token, and the family or session that the token depends on, in one query.
    /// [`admit_bearer`](crate::flow::Flow::admit_bearer) makes the remaining checks.
    ///
    /// # Errors
    ///
    /// As [`check_token`](Self::check_token).
    pub fn find_bearer<'f, C, K: TokenKind>(
        &'f self,
        site: &'f Site,
        token: &VerifiedToken<C, K>,
    ) -> impl Future<Output = Result<(User, Bearer), Rejection>> + Send + use<'f, C, K> {
        let facts = Facts::of(token).map_err(Rejection::TokenRefused);
        let is_foreign = token.is_foreign();
        async move {
            let whose = match (facts?.about, is_foreign) {
                (Some(whose), _) => whose,
                (None, true) => return Err(Rejection::TokenRefused(TokenFault::WrongIssuer)),
                (None, false) => {
                    return Err(Rejection::TokenRefused(TokenFault::MissingClaim("epoch")));
                }
            };
            self.find(site, &whose).await
        }
    }

    async fn ask(&self, site: &Site, facts: &Facts) -> Result<(), Rejection> {
        let is_good = match &facts.about {
            Some(whose) => {
                let (user, lives_by) = self.find_alive(site, &whose.trace).await?;
                let is_current = !facts.is_refresh || is_current(&lives_by, &whose.trace.jti);
                is_current && user.is_open() && user.epoch == whose.epoch
            }
            None => match (self.kept.as_ref(), &facts.denied_as) {
                (Some(kept), Some(denied_as)) => !kept.store.is_denied(denied_as).await?,
                _ => true,
            },
        };
        if is_good { Ok(()) } else { Err(Rejection::CredentialsRefused) }
    }

    async fn find(&self, site: &Site, whose: &Whose) -> Result<(User, Bearer), Rejection> {
        let (user, lives_by) = self.find_alive(site, &whose.trace).await?;
        Ok((user, bearer_by(&lives_by, whose.epoch, AUTHN_VIA)))
    }

    /// Finds the user of a credential and what it depends on, if this has not ended.
    pub(super) async fn find_alive(
        &self,
        site: &Site,
        trace: &TokenTrace,
    ) -> Result<(User, LivesBy), Rejection> {
        let found = match self.kept.as_ref() {
            Some(kept) => kept.store.find_bearer(trace).await?,
            None => self.find_without_families(trace).await?,
        };
        let now = site.clock().now();
        let (_, begun_after) = site.sessions().limits(now);
        let is_alive = |lives_by: &LivesBy| match lives_by {
            LivesBy::User => true,
            LivesBy::Session(session) => session.created_at > begun_after,
            LivesBy::Family(family) => family.is_alive(now),
        };
        found.filter(|(_, lives_by)| is_alive(lives_by)).ok_or(Rejection::CredentialsRefused)
    }

    /// Finds the same without the feature `tokens`: then there are neither families nor denied tokens.
    async fn find_without_families(
        &self,
        token: &TokenTrace,
    ) -> Result<Option<(User, LivesBy)>, Rejection> {
        Ok(match (token.family, token.session) {
            (Some(_), _) => None,
            (None, Some(session)) => {
                let found = self.store.find_session_of(token.user, session).await?;
                found.map(|(session, user)| (user, LivesBy::Session(session)))
            }
            (None, None) => {
                self.store.find_user(token.user).await?.map(|user| (user, LivesBy::User))
            }
        })
    }
}

/// Returns `true` if a refresh token is the current one of its family.
fn is_current(lives_by: &LivesBy, jti: &str) -> bool {
    let id = Uuid::parse_str(jti).ok();
    matches!(lives_by, LivesBy::Family(family) if id == Some(family.token_id))
}

/// Describes a credential by what it depends on.
pub(super) fn bearer_by(lives_by: &LivesBy, epoch: i64, authn_via: &str) -> Bearer {
    let bearer = Bearer::new(epoch, authn_via);
    let (bearer, session, proofs) = match lives_by {
        LivesBy::User => return bearer,
        LivesBy::Session(session) => (bearer, Some(session.id), &session.proofs),
        LivesBy::Family(family) => (bearer.family(family.id), family.session_id, &family.proofs),
    };
    session.into_iter().fold(bearer, Bearer::session).proofs(proofs.clone())
}

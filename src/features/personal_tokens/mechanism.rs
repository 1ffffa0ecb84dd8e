//! Authenticates requests with a personal token.

use chrono::TimeDelta;
use rocket::{Request, async_trait};

use crate::clock::Timestamp;
use crate::crypto::personal_token;
use crate::datastore::personal_token::PersonalTokenRecord;
use crate::error::Result;
use crate::features::personal_tokens::desk::Desk;
use crate::flow::Flow;
use crate::flow::once::{Admitted, Bearer};
use crate::guard::mechanism::{Mechanism, PERSONAL_TOKEN};
use crate::rejection::{Rejection, TokenFault};
use crate::web::{Site, bearer, challenge};

/// The shortest time between two records of a token's use.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::minutes(1);

#[async_trait]
impl Mechanism for Desk {
    fn name(&self) -> &'static str {
        PERSONAL_TOKEN
    }

    fn is_present(&self, request: &Request<'_>) -> bool {
        let prefix = self.settings.prefix.as_str();
        bearer::in_headers(request).any(|text| personal_token::begins(prefix, text))
    }

    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
        let rocket = request.rocket();
        let (Some(flow), Some(site)) = (rocket.state::<Flow>(), rocket.state::<Site>()) else {
            return Err(Rejection::Unavailable);
        };
        let text = bearer::the_one_brought(request)?;
        let token = personal_token::parse(&self.settings.prefix, text)
            .ok_or(Rejection::TokenRefused(TokenFault::Malformed))?;
        let found = self.store.find_personal_token(&token.digest()).await?;
        let (token, user) = found.ok_or(Rejection::CredentialsRefused)?;
        let now = site.clock().now();
        if let Some(end) = self.end_of(&token).filter(|end| *end <= now.max(last_tried(&token))) {
            // Recorded, so that the token does not work again if the clock steps back.
            if last_tried(&token) < end {
                self.store.touch_personal_token(&token.digest, now, now).await?;
            }
            return Err(Rejection::TokenRefused(TokenFault::Expired));
        }
        let bearer = Bearer::new(token.epoch, PERSONAL_TOKEN).scopes(token.scopes.clone());
        let admitted = flow.admit_bearer(request, user, bearer).await?;
        self.note_use(&token, now).await;
        Ok(admitted)
    }

    fn needs_csrf(&self, _request: &Request<'_>) -> bool {
        // No browser sends it by itself.
        false
    }

    fn challenge(&self, refused: Option<&Rejection>) -> Option<String> {
        Some(challenge::bearer(refused))
    }
}

/// Returns when a token was last used, or refused because it had expired.
fn last_tried(token: &PersonalTokenRecord) -> Timestamp {
    token.last_used_at.unwrap_or(token.created_at)
}

impl Desk {
    /// Records the use of a token; a failure does not prevent the use.
    async fn note_use(&self, token: &PersonalTokenRecord, now: Timestamp) {
        let before = now - TOUCH_INTERVAL;
        if token.last_used_at.is_some_and(|at| at > before) {
            return;
        }
        if let Err(fault) = self.store.touch_personal_token(&token.digest, now, before).await {
            log::warn!("the use of a token could not be noted: {fault}");
        }
    }
}

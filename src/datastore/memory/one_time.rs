//! One-time tokens.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::memory::store::{Content, MemoryDatastore, duplicate, sweep};
use crate::datastore::one_time::{OneTimeStore, OneTimeToken, TicketStore};
use crate::datastore::together::Together;
use crate::datastore::user_change::UserChange;
use crate::error::Result;
use crate::user::User;

#[async_trait]
impl OneTimeStore for MemoryDatastore {
    async fn create_token(&self, token: &OneTimeToken, epoch: i64) -> Result<bool> {
        let mut content = self.lock();
        let user = content.users.get(&token.user_id);
        if user.is_none_or(|found| found.user.epoch != epoch) {
            return Ok(false);
        }
        if token.lasting && !content.outbox.contains_key(&token.mail_id) {
            return Ok(false);
        }
        let is_rival = |kept: &OneTimeToken| {
            let is_alike = kept.user_id == token.user_id && kept.purpose == token.purpose;
            is_alike && !kept.lasting && !token.lasting && kept.mail_id != token.mail_id
        };
        let is_newer = |kept: &OneTimeToken| is_rival(kept) && kept.asked_at > token.asked_at;
        if content.tokens.values().any(is_newer) {
            return Ok(false);
        }
        let is_taken = |kept: &OneTimeToken| kept.mail_id != token.mail_id && !is_rival(kept);
        if content.tokens.get(&token.digest).is_some_and(is_taken) {
            return Err(duplicate("a token"));
        }
        content.tokens.retain(|_, kept| kept.mail_id != token.mail_id && !is_rival(kept));
        content.tokens.insert(token.digest, token.clone());
        Ok(true)
    }

    async fn find_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>> {
        Ok(self.lock().usable_token(digest, purpose, now).cloned())
    }

    async fn consume_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        let mut content = self.lock();
        let Some(token) = content.usable_token(digest, purpose, now) else {
            return Ok(None);
        };
        let (id, digest) = (token.user_id, token.digest);
        let changed = content.change_user(id, change, together)?;
        if changed.is_some() {
            content.tokens.remove(&digest);
        }
        Ok(changed)
    }

    async fn spend_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>> {
        let mut content = self.lock();
        if content.usable_token(digest, purpose, now).is_none() {
            return Ok(None);
        }
        Ok(content.tokens.remove(digest))
    }

    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64> {
        Ok(sweep(&mut self.lock().tokens, |token| token.expires_at <= now))
    }
}

#[async_trait]
impl TicketStore for MemoryDatastore {
    async fn create_token_beside(
        &self,
        token: &OneTimeToken,
        at_most: u32,
        epoch: i64,
    ) -> Result<bool> {
        let mut content = self.lock();
        let user = content.users.get(&token.user_id);
        if user.is_none_or(|found| found.user.epoch != epoch) {
            return Ok(false);
        }
        let is_alike = |kept: &&OneTimeToken| {
            kept.user_id == token.user_id && kept.purpose == token.purpose && !kept.lasting
        };
        let mut others: Vec<(Timestamp, Digest)> = content
            .tokens
            .values()
            .filter(is_alike)
            .map(|kept| (kept.asked_at, kept.digest))
            .collect();
        others.sort_by_key(|(asked_at, _)| std::cmp::Reverse(*asked_at));
        let kept = usize::try_from(at_most.saturating_sub(1)).unwrap_or(usize::MAX);
        for (_, oldest) in others.into_iter().skip(kept) {
            content.tokens.remove(&oldest);
        }
        content.tokens.insert(token.digest, token.clone());
        Ok(true)
    }
}

impl Content {
    fn usable_token(
        &self,
        digest: &Digest,
        purpose: &str,
        now: Timestamp,
    ) -> Option<&OneTimeToken> {
        let token = self.tokens.get(digest)?;
        (token.purpose == purpose && token.expires_at > now).then_some(token)
    }
}

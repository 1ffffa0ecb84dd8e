//! Personal access tokens.

use std::cmp::Reverse;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::memory::store::{MemoryDatastore, duplicate, sweep};
use crate::datastore::personal_token::{Creation, PersonalTokenRecord, PersonalTokenStore};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

#[async_trait]
impl PersonalTokenStore for MemoryDatastore {
    async fn create_personal_token(
        &self,
        token: &PersonalTokenRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Creation> {
        let mut content = self.lock();
        let user = content.users.get(&token.user_id).map(|found| &found.user);
        if !user.is_some_and(|user| user.is_open() && user.epoch == token.epoch) {
            return Ok(Creation::AccountChanged);
        }
        let theirs = || content.personal_tokens.values().filter(|it| it.user_id == token.user_id);
        if theirs().any(|other| other.name == token.name) {
            return Ok(Creation::NameTaken);
        }
        if theirs().count() >= usize::try_from(max_per_user).unwrap_or(usize::MAX) {
            return Ok(Creation::TooMany);
        }
        let is_kept = |it: &PersonalTokenRecord| it.digest == token.digest || it.id == token.id;
        if content.personal_tokens.values().any(is_kept) {
            return Err(duplicate("a token"));
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        content.personal_tokens.insert(token.digest, token.clone());
        content.push_all(together);
        Ok(Creation::Created)
    }

    async fn list_personal_tokens(&self, user: UserId) -> Result<Vec<PersonalTokenRecord>> {
        let content = self.lock();
        let theirs = content.personal_tokens.values().filter(|token| token.user_id == user);
        let mut listed: Vec<_> = theirs.cloned().collect();
        listed.sort_by_key(|token| (Reverse(token.created_at), token.digest));
        Ok(listed)
    }

    async fn find_personal_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(PersonalTokenRecord, User)>> {
        let content = self.lock();
        let Some(token) = content.personal_tokens.get(digest) else {
            return Ok(None);
        };
        let user = content.users.get(&token.user_id).map(|found| &found.user);
        let user = user.filter(|user| user.epoch == token.epoch);
        Ok(user.map(|user| (token.clone(), content.seen(user))))
    }

    async fn touch_personal_token(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()> {
        if let Some(token) = self.lock().personal_tokens.get_mut(digest)
            && token.last_used_at.is_none_or(|at| at <= unless_since)
        {
            token.last_used_at = Some(now);
        }
        Ok(())
    }

    async fn revoke_personal_token(
        &self,
        user: UserId,
        id: Uuid,
        together: &Together,
    ) -> Result<bool> {
        let mut content = self.lock();
        let is_it = |token: &&PersonalTokenRecord| token.user_id == user && token.id == id;
        let Some(digest) = content.personal_tokens.values().find(is_it).map(|it| it.digest) else {
            return Ok(false);
        };
        content.check_together(together, |id| content.users.contains_key(&id))?;
        content.personal_tokens.remove(&digest);
        content.push_all(together);
        Ok(true)
    }

    async fn delete_expired_personal_tokens(&self, expired: Timestamp) -> Result<u64> {
        let is_over =
            |token: &PersonalTokenRecord| token.expires_at.is_some_and(|at| at <= expired);
        Ok(sweep(&mut self.lock().personal_tokens, is_over))
    }
}

//! One-time tokens.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::OneTimeStore;
use crate::datastore::Together;
use crate::datastore::memory::Content;
use crate::datastore::memory::MemoryDatastore;
use crate::datastore::memory::duplicate;
use crate::datastore::memory::sweep;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::user::User;

#[async_trait]
impl OneTimeStore for MemoryDatastore {
    async fn create_token(&self, token: &OneTimeToken) -> Result<bool> {
        let mut content = self.lock();
        let fits = content.fits_its_user(token);
        let is_taken = |kept: &OneTimeToken| kept.mail_id != token.mail_id;
        if fits && content.tokens.get(&token.digest).is_some_and(is_taken) {
            return Err(duplicate("a token"));
        }
        content.tokens.retain(|_, kept| kept.mail_id != token.mail_id);
        if fits {
            content.tokens.insert(token.digest, token.clone());
        }
        Ok(fits)
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
        // The change takes the token with it, as all the others of its user.
        let id = token.user_id;
        content.change_user(id, change, together)
    }

    async fn delete_expired_tokens(&self, now: Timestamp) -> Result<u64> {
        Ok(sweep(&mut self.lock().tokens, |token| token.expires_at <= now))
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
        let usable = token.purpose == purpose && token.expires_at > now;
        (usable && self.fits_its_user(token)).then_some(token)
    }

    /// Tells whether the user of a token still goes by the address it was mailed to.
    fn fits_its_user(&self, token: &OneTimeToken) -> bool {
        self.addresses.get(&token.address) == Some(&token.user_id)
    }
}

//! Denied tokens.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::denylist::Denylist;
use crate::datastore::memory::store::MemoryDatastore;
use crate::datastore::together::Together;
use crate::error::Result;

#[async_trait]
impl Denylist for MemoryDatastore {
    async fn deny(&self, jti: &str, until: Timestamp, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        if let Some(end) = content.denied.get_mut(jti) {
            *end = until.max(*end);
            return Ok(false);
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        content.denied.insert(jti.to_owned(), until);
        content.push_all(together);
        Ok(true)
    }

    async fn is_denied(&self, jti: &str) -> Result<bool> {
        Ok(self.lock().denied.contains_key(jti))
    }

    async fn delete_expired_denials(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let mut content = self.lock();
        let expired = content.denied.iter().filter(|(_, until)| **until <= now);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let expired: Vec<String> = expired.map(|(jti, _)| jti.clone()).take(limit).collect();
        for jti in &expired {
            content.denied.remove(jti);
        }
        Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
    }
}

//! Sessions.

use std::cmp::Reverse;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::SessionStore;
use crate::datastore::memory::Content;
use crate::datastore::memory::MemoryDatastore;
use crate::datastore::memory::duplicate;
use crate::datastore::memory::sweep;
use crate::datastore::session::SessionRecord;
use crate::error::Result;
use crate::user::User;

#[async_trait]
impl SessionStore for MemoryDatastore {
    async fn begin_session(&self, session: &SessionRecord, max_per_user: u32) -> Result<bool> {
        let mut content = self.lock();
        let may_begin = content
            .users
            .get(&session.user_id)
            .is_some_and(|found| found.user.active && found.user.epoch == session.epoch);
        if !may_begin {
            return Ok(false);
        }
        let is_taken =
            |kept: &SessionRecord| kept.digest == session.digest || kept.id == session.id;
        if content.sessions.values().any(is_taken) {
            return Err(duplicate("a session"));
        }
        content.sessions.insert(session.digest, session.clone());
        content.evict_sessions(session, max_per_user);
        Ok(true)
    }

    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>> {
        let content = self.lock();
        let Some(session) = content.sessions.get(digest) else {
            return Ok(None);
        };
        let user = content.users.get(&session.user_id).map(|found| &found.user);
        let user = user.filter(|user| user.epoch == session.epoch);
        Ok(user.map(|user| (session.clone(), user.clone())))
    }

    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()> {
        match self.lock().sessions.get_mut(digest) {
            Some(session) if session.last_seen_at <= unless_since => session.last_seen_at = now,
            _ => {}
        }
        Ok(())
    }

    async fn end_session(&self, digest: &Digest) -> Result<bool> {
        Ok(self.lock().sessions.remove(digest).is_some())
    }

    async fn delete_ended_sessions(&self, idle: Timestamp, begun: Timestamp) -> Result<u64> {
        Ok(sweep(&mut self.lock().sessions, |session| {
            session.last_seen_at <= idle || session.created_at <= begun
        }))
    }
}

impl Content {
    /// Ends all but `keep` sessions of a user: the one just begun, and the newest of the others.
    fn evict_sessions(&mut self, begun: &SessionRecord, keep: u32) {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let mut newest: Vec<_> = self
            .sessions
            .values()
            .filter(|other| other.user_id == begun.user_id)
            .map(|it| (it.digest != begun.digest, Reverse(it.created_at), it.digest))
            .collect();
        newest.sort();
        for (_, _, digest) in newest.into_iter().skip(keep) {
            self.sessions.remove(&digest);
        }
    }
}

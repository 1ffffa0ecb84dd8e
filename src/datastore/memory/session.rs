//! Sessions.

use std::cmp::Reverse;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::{NEVER, Timestamp};
use crate::crypto::one_time::Digest;
use crate::datastore::memory::store::{Content, MemoryDatastore, duplicate};
use crate::datastore::session::{EndedSession, Replaces, SessionRecord, SessionStore};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

#[async_trait]
impl SessionStore for MemoryDatastore {
    async fn begin_session(
        &self,
        session: &SessionRecord,
        replaces: Replaces,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedSession>>> {
        let mut content = self.lock();
        let named = replaces.digest().and_then(|digest| content.sessions.get(digest));
        let named = named.filter(|named| named.user_id == session.user_id).cloned();
        let is_live = named.is_some() || !replaces.must_be_live();
        if !is_live || !content.may_begin(session)? {
            return Ok(None);
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        for replaced in content.replaced_by(session) {
            content.end_families_of(replaced, session.series);
        }
        if let Some(named) = named {
            if let Some(series) = named.series.filter(|_| named.series != session.series) {
                content.series.remove(&series);
            }
            content.end_families_of(named.id, named.series);
            content.end_sessions(vec![named.digest]);
        }
        let evicted = content.begin_session(session, max_per_user);
        content.push_all(together);
        Ok(Some(evicted))
    }

    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>> {
        let content = self.lock();
        let theirs = content.sessions.values().filter(|session| session.user_id == user);
        let mut listed: Vec<_> = theirs.cloned().collect();
        listed.sort_by_key(|session| (Reverse(session.created_at), session.digest));
        Ok(listed)
    }

    async fn find_session(&self, digest: &Digest) -> Result<Option<(SessionRecord, User)>> {
        let content = self.lock();
        let Some(session) = content.sessions.get(digest) else {
            return Ok(None);
        };
        let user = content.users.get(&session.user_id).map(|found| &found.user);
        let user = user.filter(|user| user.epoch == session.epoch);
        Ok(user.map(|user| (session.clone(), content.seen(user))))
    }

    async fn touch_session(
        &self,
        digest: &Digest,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<()> {
        match self.lock().sessions.get_mut(digest) {
            Some(session)
                if session.last_seen_at <= unless_since && session.last_seen_at > NEVER =>
            {
                session.last_seen_at = now;
            }
            _ => {}
        }
        Ok(())
    }

    async fn expire_session(
        &self,
        digest: &Digest,
        idle: Timestamp,
        begun: Timestamp,
    ) -> Result<()> {
        match self.lock().sessions.get_mut(digest) {
            Some(session) if session.last_seen_at <= idle || session.created_at <= begun => {
                session.last_seen_at = NEVER;
            }
            _ => {}
        }
        Ok(())
    }

    async fn end_session(&self, digest: &Digest, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        if !content.sessions.contains_key(digest) {
            return Ok(false);
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        if let Some(session) = content.sessions.remove(digest) {
            if let Some(series) = session.series {
                content.series.remove(&series);
            }
            content.end_families_of(session.id, session.series);
        }
        content.push_all(together);
        Ok(true)
    }

    async fn delete_ended_sessions(
        &self,
        idle: Timestamp,
        begun: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndedSession>> {
        let mut content = self.lock();
        let is_over =
            |session: &&SessionRecord| session.last_seen_at <= idle || session.created_at <= begun;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let over = content.sessions.values().filter(is_over).take(limit);
        let digests: Vec<Digest> = over.map(|session| session.digest).collect();
        Ok(content.end_sessions(digests))
    }
}

impl Content {
    /// Checks whether a session may begin.
    pub(super) fn may_begin(&self, session: &SessionRecord) -> Result<bool> {
        let user = self.users.get(&session.user_id).map(|found| &found.user);
        let has_series = session.series.is_none_or(|series| {
            self.series.get(&series).is_some_and(|series| series.user_id == session.user_id)
        });
        if !user.is_some_and(|user| user.is_open() && user.epoch == session.epoch) || !has_series {
            return Ok(false);
        }
        let is_taken =
            |kept: &SessionRecord| kept.digest == session.digest || kept.id == session.id;
        if self.sessions.values().any(is_taken) {
            return Err(duplicate("a session"));
        }
        Ok(true)
    }

    /// Begins a session that may begin. Returns the sessions that ended because there were too many.
    pub(super) fn begin_session(
        &mut self,
        session: &SessionRecord,
        max_per_user: u32,
    ) -> Vec<EndedSession> {
        if session.series.is_some() {
            self.sessions.retain(|_, other| other.series != session.series);
        }
        self.sessions.insert(session.digest, session.clone());
        if let Some(found) = self.users.get_mut(&session.user_id) {
            found.user.expires_at = None;
        }
        self.evict_sessions(session, max_per_user)
    }

    /// Ends all but `keep` of a user's sessions. The new session and the newest of the others stay.
    fn evict_sessions(&mut self, begun: &SessionRecord, keep: u32) -> Vec<EndedSession> {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let mut newest: Vec<_> = self
            .sessions
            .values()
            .filter(|other| other.user_id == begun.user_id)
            .map(|it| (it.digest != begun.digest, Reverse(it.created_at), it.digest))
            .collect();
        newest.sort();
        let evicted: Vec<_> = newest.into_iter().skip(keep).map(|(_, _, digest)| digest).collect();
        for digest in &evicted {
            let named = self.sessions.get(digest).map(|session| (session.id, session.series));
            let Some((id, series)) = named else { continue };
            if let Some(series) = &series {
                self.series.remove(series);
            }
            self.end_families_of(id, series);
        }
        self.end_sessions(evicted)
    }

    /// Returns the ids of the sessions that a session replaces.
    fn replaced_by(&self, session: &SessionRecord) -> Vec<Uuid> {
        let is_same = |other: &&SessionRecord| other.series == session.series;
        let same = self.sessions.values().filter(|_| session.series.is_some()).filter(is_same);
        same.map(|other| other.id).collect()
    }

    fn end_sessions(&mut self, digests: impl IntoIterator<Item = Digest>) -> Vec<EndedSession> {
        let ended = digests.into_iter().filter_map(|digest| self.sessions.remove(&digest));
        ended.map(|session| EndedSession { id: session.id, user_id: session.user_id }).collect()
    }
}

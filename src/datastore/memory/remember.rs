//! Series, by which browsers are remembered.

use std::cmp::Reverse;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::memory::store::{Content, MemoryDatastore, duplicate};
use crate::datastore::remember::{
    EndedSeries, Presented, RememberStore, SeriesRecord, SeriesRotated, SeriesRotation,
};
use crate::datastore::session::SessionRecord;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

#[async_trait]
impl RememberStore for MemoryDatastore {
    async fn create_series(&self, series: &SeriesRecord, max_per_user: u32) -> Result<bool> {
        let mut content = self.lock();
        let user = content.users.get(&series.user_id).map(|found| &found.user);
        if !user.is_some_and(|user| user.is_open() && user.epoch == series.epoch) {
            return Ok(false);
        }
        if content.series.contains_key(&series.series) {
            return Err(duplicate("a series"));
        }
        content.series.insert(series.series, series.clone());
        content.forget_oldest(series, max_per_user);
        Ok(true)
    }

    async fn find_series(&self, series: &Digest) -> Result<Option<(SeriesRecord, User)>> {
        let content = self.lock();
        let Some(series) = content.series.get(series) else {
            return Ok(None);
        };
        let user = content.users.get(&series.user_id).map(|found| &found.user);
        let user = user.filter(|user| user.epoch == series.epoch);
        Ok(user.map(|user| (series.clone(), content.seen(user))))
    }

    async fn rotate_series(
        &self,
        rotation: &SeriesRotation,
        session: &SessionRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<SeriesRotated> {
        let mut content = self.lock();
        let is_theirs = |found: &&SeriesRecord| {
            let is_alive = found.expires_at > rotation.now && found.epoch == session.epoch;
            found.user_id == session.user_id && is_alive
        };
        let Some(found) = content.series.get(&rotation.series).filter(is_theirs) else {
            return Ok(SeriesRotated::Unknown);
        };
        match found.judge(&rotation.presented, rotation.since) {
            Presented::Previous => return Ok(SeriesRotated::SameAgain(found.validator)),
            Presented::Stale => return Ok(SeriesRotated::Stale),
            Presented::Current => {}
        }
        if !content.may_begin(session)? {
            return Ok(SeriesRotated::Unknown);
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        if let Some(found) = content.series.get_mut(&rotation.series) {
            found.previous = Some(rotation.presented);
            found.validator = rotation.next;
            found.rotated_at = rotation.now;
        }
        let evicted = content.begin_session(session, max_per_user);
        content.push_all(together);
        Ok(SeriesRotated::Rotated(evicted))
    }

    async fn end_series(
        &self,
        user: UserId,
        series: &Digest,
        together: &Together,
    ) -> Result<Option<EndedSeries>> {
        let mut content = self.lock();
        if content.series.get(series).is_none_or(|found| found.user_id != user) {
            return Ok(None);
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        let ended = content.end_series(series);
        if let Some(session) = ended.and_then(|ended| ended.session) {
            content.end_families_of(session, None);
        }
        content.end_families_of_series(series);
        content.push_all(together);
        Ok(ended)
    }

    async fn end_other_series(
        &self,
        user: UserId,
        kept: Option<&Digest>,
    ) -> Result<Vec<EndedSeries>> {
        let mut content = self.lock();
        let others = content.series.values().filter(|series| series.user_id == user);
        let others = others.map(|series| series.series).filter(|series| Some(series) != kept);
        let others: Vec<Digest> = others.collect();
        let ended: Vec<_> = others.iter().filter_map(|it| content.end_series(it)).collect();
        for session in ended.iter().filter_map(|ended| ended.session) {
            content.end_families_of(session, None);
        }
        for series in &others {
            content.end_families_of_series(series);
        }
        Ok(ended)
    }

    async fn delete_expired_series(&self, now: Timestamp, limit: u32) -> Result<Vec<EndedSeries>> {
        let mut content = self.lock();
        let expired = content.series.values().filter(|series| series.expires_at <= now);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let expired: Vec<Digest> = expired.map(|series| series.series).take(limit).collect();
        Ok(expired.iter().filter_map(|series| content.end_series(series)).collect())
    }
}

impl Content {
    /// Ends a series and the session that names it.
    fn end_series(&mut self, series: &Digest) -> Option<EndedSeries> {
        let ended = self.series.remove(series)?;
        let named = self.sessions.values().find(|session| session.series == Some(*series));
        let named = named.map(|session| (session.digest, session.id));
        if let Some((digest, _)) = named {
            self.sessions.remove(&digest);
        }
        Some(EndedSeries { user_id: ended.user_id, session: named.map(|(_, id)| id) })
    }

    /// Ends all but `keep` of a user's series. The new series and the newest of the others stay. The sessions
    /// of the ended series, and the programs that logged in with them, stay logged in.
    fn forget_oldest(&mut self, begun: &SeriesRecord, keep: u32) {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let theirs = self.series.values().filter(|other| other.user_id == begun.user_id);
        let mut newest: Vec<_> = theirs
            .map(|it| (it.series != begun.series, Reverse(it.created_at), it.series))
            .collect();
        newest.sort();
        for (_, _, series) in newest.into_iter().skip(keep) {
            self.series.remove(&series);
            for session in self.sessions.values_mut() {
                session.series = session.series.filter(|named| *named != series);
            }
            for family in self.families.values_mut() {
                family.series = family.series.filter(|named| *named != series);
            }
        }
    }
}

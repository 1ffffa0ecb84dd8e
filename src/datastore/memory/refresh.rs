//! Families of refresh tokens, and the bearers of tokens.

use std::cmp::Reverse;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::memory::store::{Content, MemoryDatastore, duplicate};
use crate::datastore::refresh::{
    EndedFamily, FamilyRecord, FamilyRotated, FamilyRotation, LivesBy, RefreshStore, TokenTrace,
};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

#[async_trait]
impl RefreshStore for MemoryDatastore {
    async fn begin_family(
        &self,
        family: &FamilyRecord,
        max_per_user: u32,
        together: &Together,
    ) -> Result<Option<Vec<EndedFamily>>> {
        let mut content = self.lock();
        let user = content.users.get(&family.user_id).map(|found| &found.user);
        let is_theirs = user.is_some_and(|user| user.is_open() && user.epoch == family.epoch);
        let session = family.session_id.map(|id| {
            content.sessions.values().find(|it| it.id == id && it.user_id == family.user_id)
        });
        let is_gone = matches!(session, Some(None));
        let series = session.flatten().and_then(|session| session.series);
        if !is_theirs || is_gone {
            return Ok(None);
        }
        if content.families.contains_key(&family.id) {
            return Err(duplicate("a family"));
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        content.families.insert(family.id, FamilyRecord { series, ..family.clone() });
        if let Some(found) = content.users.get_mut(&family.user_id) {
            found.user.expires_at = None;
        }
        let evicted = content.evict_families(family, max_per_user);
        content.push_all(together);
        Ok(Some(evicted))
    }

    async fn find_family(&self, family: Uuid) -> Result<Option<FamilyRecord>> {
        Ok(self.lock().families.get(&family).cloned())
    }

    async fn list_families(&self, user: UserId) -> Result<Vec<FamilyRecord>> {
        let content = self.lock();
        let theirs = content.families.values().filter(|family| family.user_id == user);
        let mut listed: Vec<_> = theirs.cloned().collect();
        listed.sort_by_key(|family| (Reverse(family.created_at), family.id));
        Ok(listed)
    }

    async fn find_bearer(&self, token: &TokenTrace) -> Result<Option<(User, LivesBy)>> {
        let content = self.lock();
        let Some(found) = content.users.get(&token.user) else {
            return Ok(None);
        };
        if content.denied.contains_key(&token.jti) {
            return Ok(None);
        }
        let (user, epoch) = (token.user, found.user.epoch);
        let lives_by = match (token.family, token.session) {
            (Some(id), _) => {
                let family = content.families.get(&id);
                let family = family.filter(|it| it.user_id == user && it.epoch == epoch);
                family.cloned().map(LivesBy::Family)
            }
            (None, Some(id)) => {
                let session = content.sessions.values().find(|session| session.id == id);
                let session = session.filter(|it| it.user_id == user && it.epoch == epoch);
                session.cloned().map(LivesBy::Session)
            }
            (None, None) => Some(LivesBy::User),
        };
        Ok(lives_by.map(|lives_by| (content.seen(&found.user), lives_by)))
    }

    async fn rotate_family(&self, rotation: &FamilyRotation) -> Result<FamilyRotated> {
        let mut content = self.lock();
        let is_denied = content.denied.contains_key(&rotation.presented.to_string());
        let family = content.families.get_mut(&rotation.family);
        let Some(family) = family.filter(|_| !is_denied) else {
            return Ok(FamilyRotated::Over);
        };
        let is_theirs = family.user_id == rotation.user_id && family.epoch == rotation.epoch;
        let is_newest = family.token_id == rotation.presented;
        if !(is_theirs && is_newest && family.is_alive(rotation.now)) {
            return Ok(family.clone().judge(rotation));
        }
        family.previous_id = Some(rotation.presented);
        family.token_id = rotation.next;
        family.rotated_at = rotation.now;
        family.idle_expires_at = rotation.idle_expires_at;
        Ok(FamilyRotated::Next)
    }

    async fn end_family(&self, user: UserId, family: Uuid, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        if content.families.get(&family).is_none_or(|found| found.user_id != user) {
            return Ok(false);
        }
        content.check_together(together, |id| content.users.contains_key(&id))?;
        content.families.remove(&family);
        content.push_all(together);
        Ok(true)
    }

    async fn delete_expired_families(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndedFamily>> {
        let mut content = self.lock();
        let expired = content.families.values().filter(|family| family.idle_expires_at <= now);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let expired: Vec<Uuid> = expired.map(|family| family.id).take(limit).collect();
        Ok(content.end_families(expired))
    }
}

impl Content {
    /// Ends the families that began in a session, or name its series.
    pub(super) fn end_families_of(&mut self, session: Uuid, series: Option<Digest>) {
        self.families.retain(|_, family| family.session_id != Some(session));
        if let Some(series) = series {
            self.end_families_of_series(&series);
        }
    }

    /// Ends the families that name a series.
    pub(super) fn end_families_of_series(&mut self, series: &Digest) {
        self.families.retain(|_, family| family.series.as_ref() != Some(series));
    }

    /// Ends all but `keep` of a user's families that have not expired. The new family and the newest of the
    /// others stay.
    fn evict_families(&mut self, begun: &FamilyRecord, keep: u32) -> Vec<EndedFamily> {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let is_counted = |other: &&FamilyRecord| {
            let is_alive = other.id == begun.id || other.idle_expires_at > begun.created_at;
            other.user_id == begun.user_id && is_alive
        };
        let theirs = self.families.values().filter(is_counted);
        let mut newest: Vec<_> =
            theirs.map(|it| (it.id != begun.id, Reverse(it.created_at), it.id)).collect();
        newest.sort();
        let evicted: Vec<_> = newest.into_iter().skip(keep).map(|(_, _, id)| id).collect();
        self.end_families(evicted)
    }

    fn end_families(&mut self, ids: Vec<Uuid>) -> Vec<EndedFamily> {
        let ended = ids.into_iter().filter_map(|id| self.families.remove(&id));
        ended.map(|family| EndedFamily { id: family.id, user_id: family.user_id }).collect()
    }
}

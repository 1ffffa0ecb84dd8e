//! The outbox.

use std::collections::HashSet;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::datastore::memory::rows::Queued;
use crate::datastore::memory::store::{Content, MemoryDatastore, duplicate, orphan};
use crate::datastore::outbox::{ListedMail, OutboxAdmin, OutboxMail, OutboxStore};
use crate::datastore::together::Together;
use crate::error::{Error, Result};
use crate::user::UserId;

#[async_trait]
impl OutboxStore for MemoryDatastore {
    async fn commit(&self, together: &Together) -> Result<()> {
        let mut content = self.lock();
        content.check_together(together, |id| content.users.contains_key(&id))?;
        content.push_all(together);
        Ok(())
    }

    async fn lease_mail(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMail>> {
        let mut content = self.lock();
        let mut due: Vec<&mut Queued> = content.outbox.values_mut().collect();
        due.retain(|queued| queued.next_attempt_at.is_some_and(|at| at <= now));
        due.sort_by_key(|queued| {
            (!queued.mail.is_urgent(), queued.next_attempt_at, queued.mail.id)
        });
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        due.sort_by_key(|queued| queued.mail.created_at);
        let leased = due.into_iter().map(|queued| {
            queued.attempts = queued.attempts.saturating_add(1);
            queued.next_attempt_at = Some(until);
            queued.leased = true;
            OutboxMail { mail: queued.mail.clone(), attempts: queued.attempts }
        });
        Ok(leased.collect())
    }

    async fn renew_lease(&self, id: Uuid, until: Timestamp) -> Result<()> {
        match self.lock().outbox.get_mut(&id) {
            Some(queued) if queued.leased => queued.next_attempt_at = Some(until),
            _ => {}
        }
        Ok(())
    }

    async fn delete_mail(&self, id: Uuid) -> Result<bool> {
        Ok(self.lock().outbox.remove(&id).is_some())
    }

    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        fault: &str,
    ) -> Result<()> {
        if let Some(queued) = self.lock().outbox.get_mut(&id) {
            queued.next_attempt_at = next_attempt_at;
            queued.leased = false;
            queued.fault = Some(fault.to_owned());
        }
        Ok(())
    }

    async fn delete_dead_mail(&self, written_until: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        self.lock().outbox.retain(|_, queued| {
            let stays = !(queued.is_given_up() && queued.mail.created_at <= written_until);
            deleted += u64::from(!stays);
            stays
        });
        Ok(deleted)
    }
}

#[async_trait]
impl OutboxAdmin for MemoryDatastore {
    async fn list_mail(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ListedMail>> {
        let content = self.lock();
        let behind = content.outbox.values().filter(|it| after.is_none_or(|id| it.mail.id > id));
        let mut listed: Vec<ListedMail> = behind.map(Queued::listed).collect();
        listed.sort_by_key(|listed| listed.mail.id);
        listed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(listed)
    }

    async fn retry_mail(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        match self.lock().outbox.get_mut(&id) {
            Some(queued) if !queued.leased => {
                queued.next_attempt_at = Some(now);
                queued.attempts = 0;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl Content {
    /// Checks that `together` can be committed, before anything is changed, because a commit must not fail
    /// half-way. `exists` returns `true` for the users that exist after the change.
    pub(super) fn check_together(
        &self,
        together: &Together,
        exists: impl Fn(UserId) -> bool,
    ) -> Result<()> {
        if together.has_work() {
            return Err(Error::store("a store in memory has no transaction to work in"));
        }
        let mut ids = HashSet::new();
        for mail in &together.mail {
            if self.outbox.contains_key(&mail.id) || !ids.insert(mail.id) {
                return Err(duplicate("a mail"));
            }
            if mail.addressee.user_id().is_some_and(|id| !exists(id)) {
                return Err(orphan("a mail"));
            }
        }
        Ok(())
    }

    /// Stores the mails of a change, after [`check_together`](Self::check_together).
    pub(super) fn push_all(&mut self, together: &Together) {
        for mail in &together.mail {
            if let Some(link) = mail.link.as_ref().filter(|link| !link.lasting) {
                self.outbox.retain(|_, queued| queued.leased || !queued.carries(link, mail));
            }
            let next_attempt_at = Some(mail.created_at);
            let mail = mail.clone();
            let queued = Queued { mail, attempts: 0, next_attempt_at, leased: false, fault: None };
            self.outbox.insert(queued.mail.id, queued);
        }
    }
}

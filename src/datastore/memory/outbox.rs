//! The outbox.

use std::collections::HashSet;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::datastore::OutboxStore;
use crate::datastore::Together;
use crate::datastore::memory::Content;
use crate::datastore::memory::MemoryDatastore;
use crate::datastore::memory::duplicate;
use crate::datastore::memory::orphan;
use crate::datastore::outbox::NewMail;
use crate::datastore::outbox::OutboxMail;
use crate::error::Error;
use crate::error::Result;
use crate::user::UserId;

/// A mail that is not delivered yet.
pub(super) struct Queued {
    pub(super) mail: NewMail,
    attempts: u32,
    /// When it is due, or due again; none if it was given up.
    next_attempt_at: Option<Timestamp>,
    /// Whether it was handed out and not settled since.
    leased: bool,
}

#[async_trait]
impl OutboxStore for MemoryDatastore {
    async fn push_mail(&self, mail: &NewMail) -> Result<()> {
        let mut content = self.lock();
        let together = Together::mail(vec![mail.clone()]);
        content.check_together(&together, |id| content.users.contains_key(&id))?;
        content.push_all(&together);
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
        due.sort_by_key(|queued| (queued.next_attempt_at, queued.mail.id));
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

    async fn delete_mail(&self, id: Uuid) -> Result<()> {
        self.lock().outbox.remove(&id);
        Ok(())
    }

    async fn postpone_mail(
        &self,
        id: Uuid,
        next_attempt_at: Option<Timestamp>,
        _fault: &str,
    ) -> Result<()> {
        if let Some(queued) = self.lock().outbox.get_mut(&id) {
            queued.next_attempt_at = next_attempt_at;
            queued.leased = false;
        }
        Ok(())
    }
}

impl Content {
    /// Refuses what cannot be committed, before anything is changed: what is committed together
    /// must not fail half-way. `exists` tells who is a user once the change is made.
    pub(super) fn check_together(
        &self,
        together: &Together,
        exists: impl Fn(UserId) -> bool,
    ) -> Result<()> {
        if !together.work.is_empty() {
            return Err(Error::store("a store in memory has no transaction to work in"));
        }
        let mut ids = HashSet::new();
        for mail in &together.mail {
            if self.outbox.contains_key(&mail.id) || !ids.insert(mail.id) {
                return Err(duplicate("a mail"));
            }
            if mail.user_id.is_some_and(|id| !exists(id)) {
                return Err(orphan("a mail"));
            }
        }
        Ok(())
    }

    /// Takes in what is committed with a change, after [`check_together`](Self::check_together).
    pub(super) fn push_all(&mut self, together: &Together) {
        for mail in &together.mail {
            let next_attempt_at = Some(mail.created_at);
            let queued = Queued { mail: mail.clone(), attempts: 0, next_attempt_at, leased: false };
            self.outbox.insert(mail.id, queued);
        }
    }
}

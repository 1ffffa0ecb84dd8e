//! The outbox.

use std::collections::HashSet;

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::datastore::memory::{Content, MemoryDatastore, duplicate, orphan};
use crate::datastore::outbox::{ListedMail, MailState, NewLink, NewMail, OutboxMail};
use crate::datastore::{OutboxAdmin, OutboxStore, Together};
use crate::error::{Error, Result};
use crate::user::UserId;

/// A mail that is not delivered yet.
pub(super) struct Queued {
    pub(super) mail: NewMail,
    attempts: u32,
    /// When it is due, or due again; none if it was given up.
    next_attempt_at: Option<Timestamp>,
    /// Whether it was handed out and not settled since.
    leased: bool,
    /// Why it was not delivered the last time.
    fault: Option<String>,
}

impl Queued {
    fn listed(&self) -> ListedMail {
        ListedMail {
            mail: self.mail.clone(),
            state: MailState::new(self.next_attempt_at, self.leased),
            attempts: self.attempts,
            fault: self.fault.clone(),
        }
    }

    /// Tells whether nobody will send it, unless an operator wants it.
    pub(super) fn is_given_up(&self) -> bool {
        self.next_attempt_at.is_none()
    }

    /// Tells whether it goes to the same address and concerns nobody else, with a link of the same
    /// purpose that does not last.
    fn carries(&self, link: &NewLink, mail: &NewMail) -> bool {
        let is_alike = |other: &NewLink| other.purpose == link.purpose && !other.lasting;
        self.mail.to.as_str() == mail.to.as_str()
            && is_of(self.mail.addressee.user_id(), mail.addressee.user_id())
            && self.mail.link.as_ref().is_some_and(is_alike)
    }
}

/// Tells whether two mails can be about one user.
fn is_of(one: Option<UserId>, other: Option<UserId>) -> bool {
    one.is_none() || other.is_none() || one == other
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
    /// Refuses what cannot be committed, before anything is changed: what is committed together
    /// must not fail half-way. `exists` tells who is a user once the change is made.
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

    /// Takes in what is committed with a change, after [`check_together`](Self::check_together).
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

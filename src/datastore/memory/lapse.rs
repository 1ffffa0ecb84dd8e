//! Accounts that end without an operator.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::lapse::{Contest, Lapse, LapseStore};
use crate::datastore::memory::rows::Queued;
use crate::datastore::memory::store::{Content, MemoryDatastore};
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::Addressee;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{User, UserId};

#[async_trait]
impl LapseStore for MemoryDatastore {
    async fn contest_user(
        &self,
        id: UserId,
        contest: &Contest,
        together: &Together,
    ) -> Result<bool> {
        let mut content = self.lock();
        let Some(found) = content.users.get(&id).cloned() else {
            return Ok(false);
        };
        let username = contest.username.as_ref().filter(|_| found.user.expires_at.is_some());
        let is_taken = username.is_some_and(|name| content.holders(name).any(|it| it != id));
        if found.user.confirmed_at.is_some() || is_taken {
            return Ok(false);
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if found.user.expires_at.is_some() {
            content.unname(id);
            content.name(id, contest.username.as_ref());
        }
        if let Some(found) = content.users.get_mut(&id) {
            if !contest.is_same {
                found.password_hash = None;
            }
            if found.user.expires_at.is_some() {
                found.user.username = contest.username.clone();
                found.user.expires_at = Some(contest.expires_at);
            }
        }
        content.push_all(together);
        Ok(true)
    }

    async fn find_lapsed_users(
        &self,
        lapse: Lapse,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<User>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let content = self.lock();
        let users = content.users.values();
        let lapsed = users.filter(|found| content.has_lapsed(&found.user, lapse, now));
        Ok(lapsed.take(limit).map(|found| content.seen(&found.user)).collect())
    }

    async fn delete_lapsed_user(
        &self,
        id: UserId,
        lapse: Lapse,
        now: Timestamp,
        together: &Together,
    ) -> Result<bool> {
        let mut content = self.lock();
        if content.users.get(&id).is_none_or(|it| !content.has_lapsed(&it.user, lapse, now)) {
            return Ok(false);
        }
        content.delete_user(id, together)
    }
}

impl Content {
    /// Checks whether an account can be deleted at `now`. A closed account cannot while its user can still
    /// take it back.
    fn has_lapsed(&self, user: &User, lapse: Lapse, now: Timestamp) -> bool {
        if lapse == Lapse::Unconfirmed {
            return user.expires_at.is_some_and(|at| at <= now);
        }
        let leads_back = |token: &OneTimeToken| {
            token.user_id == user.id && token.lasting && token.expires_at > now
        };
        let will_lead_back = |queued: &Queued| {
            queued.mail.addressee == Addressee::User(user.id)
                && queued.mail.link.as_ref().is_some_and(|link| link.lasting)
                && !queued.is_given_up()
        };
        user.closes_at.is_some_and(|at| at <= now)
            && !self.tokens.values().any(leads_back)
            && !self.outbox.values().any(will_lead_back)
    }
}

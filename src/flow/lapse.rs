//! Deletes accounts whose time is up: those that their owners closed, and those that were never confirmed.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::datastore::LapseStore;
use crate::datastore::lapse::Lapse;
use crate::datastore::outbox::NewMail;
use crate::error::Result;
use crate::event::{Event, Origin};
use crate::feature::Announcer;
use crate::flow::door::Flow;
use crate::rejection::Rejection;
use crate::user::{Email, Identity, User, UserId};

/// How long after its registration an unconfirmed account is deleted. It is a day longer than the longest
/// link is valid, so that a user who comes back late can ask for another link.
pub const UNCONFIRMED_FOR: TimeDelta = TimeDelta::hours(48);

/// How many accounts are read at a time.
const BATCH: u32 = 100;

impl Flow {
    /// Deletes the unconfirmed account of an address, if there is one.
    ///
    /// Call it when a user has proved to read the mail of the address, or was invited at it. The unconfirmed
    /// account has no proved owner, so it makes way. A confirmed account stays.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer, or a hook fails.
    pub async fn make_way(&self, email: &Email, origin: &Origin) -> Result<(), Rejection> {
        let Some(store) = self.store.lapse_store() else {
            return Ok(());
        };
        let found = self.store.find_credentials(&Identity::Email(email.clone())).await?;
        let Some((id, end)) = found.and_then(|found| Some((found.user.id, found.user.expires_at?)))
        else {
            return Ok(());
        };
        let event = Event::UserDeleted { user: id, origin: origin.clone() };
        let change = self.change(event);
        change
            .commit(async |with| store.delete_lapsed_user(id, Lapse::Unconfirmed, end, with).await)
            .await?;
        Ok(())
    }
}

/// Deletes the accounts that have lapsed and returns their number. Each deletion comes with a mail if
/// `farewell` returns one.
///
/// # Errors
///
/// [`Error::Store`](crate::Error::Store) if the store does not answer, and the error of a hook that fails.
pub async fn delete_lapsed(
    store: &Arc<dyn LapseStore>,
    announcer: &Announcer,
    lapse: Lapse,
    now: Timestamp,
    farewell: impl Fn(&User) -> Result<Option<NewMail>>,
) -> Result<u64> {
    let (mut deleted, mut stuck) = (0, BTreeSet::<UserId>::new());
    loop {
        let beyond = u32::try_from(stuck.len()).unwrap_or(u32::MAX);
        let mut lapsed = store.find_lapsed_users(lapse, now, BATCH.saturating_add(beyond)).await?;
        lapsed.retain(|user| !stuck.contains(&user.id));
        if lapsed.is_empty() {
            return Ok(deleted);
        }
        for user in lapsed {
            let event = Event::UserDeleted { user: user.id, origin: Origin::new(now, None) };
            let change = announcer.change(event).mail(farewell(&user)?).asked().await?;
            let deletion = change
                .commit(async |with| store.delete_lapsed_user(user.id, lapse, now, with).await);
            // An account that was opened or confirmed in this moment stays. Another instance may have been
            // first.
            match deletion.await {
                Ok(true) => {
                    deleted += 1;
                    continue;
                }
                Ok(false) => {}
                // A row of the application that prevents this deletion must not prevent others.
                Err(fault) => log::error!("the account {} was not deleted: {fault}", user.id),
            }
            stuck.insert(user.id);
        }
    }
}

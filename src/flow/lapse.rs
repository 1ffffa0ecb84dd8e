//! Deletes accounts that are due: closed by their owners, or never confirmed.

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

/// How long after its registration an unconfirmed account is deleted: a day longer than the longest link lasts,
/// so that its owner can still ask for another link.
pub const UNCONFIRMED_FOR: TimeDelta = TimeDelta::hours(48);

/// How many accounts are read at a time.
const BATCH: u32 = 100;

impl Flow {
    /// Deletes the unconfirmed account of an address, for a user who proved that they read its mail, or who is
    /// invited: it is unknown who registered it. Any other account stays.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer, or a hook fails.
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

/// Deletes the accounts that lapsed, each with a mail if `farewell` gives one; says how many.
///
/// # Errors
///
/// [`Error::Store`](crate::Error::Store) when the store does not answer, and what a hook fails with.
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
            // An account that is opened or confirmed at this moment stays; another instance may be first.
            match deletion.await {
                Ok(true) => {
                    deleted += 1;
                    continue;
                }
                Ok(false) => {}
                // A row of the application that prevents one deletion does not prevent the others.
                Err(fault) => log::error!("the account {} was not deleted: {fault}", user.id),
            }
            stuck.insert(user.id);
        }
    }
}

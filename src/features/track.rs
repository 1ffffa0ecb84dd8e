//! When and from where users logged in, this time and the time before, and how often.
//!
//! It has no route, page, mail or setting: it is made of one hook, [`Hooks::after_login`], and of
//! the store's capability [`TrackStore`], where an application reads what was noted with
//! [`find_track`](TrackStore::find_track).

use std::sync::Arc;

use rocket::async_trait;
use serde::{Deserialize, Serialize};

use crate::datastore::TrackStore;
use crate::error::Result;
use crate::feature::{Feature, Hooks, Installation, LoginAttempt};

/// The feature `track`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Track {}

impl<D: TrackStore> Feature<D> for Track {
    const NAME: &'static str = "track";

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.hooks(Tracker(at.store()));
        Ok(())
    }
}

struct Tracker(Arc<dyn TrackStore>);

#[async_trait]
impl Hooks for Tracker {
    async fn after_login(&self, attempt: &LoginAttempt<'_>) -> Result<()> {
        self.0.record_login(attempt.user.id, attempt.at, attempt.client).await
    }
}

//! Records when and from where a user logged in, this time and the time before, and how often.
//!
//! It is on by default; `Security::default().disable::<Track>()` switches it off. The user sees nothing of it
//! until the application shows it. A handler reads it from the store with
//! [`find_track`](TrackStore::find_track):
//!
//! ```
//! use rocket::{State, get};
//! use rocket_security::datastore::TrackStore;
//! use rocket_security::{AuthUser, Rejection, SqlxDatastore};
//!
//! #[get("/logins")]
//! async fn logins(user: AuthUser, store: &State<SqlxDatastore>) -> Result<String, Rejection> {
//!     let track = store.find_track(user.id).await?;
//!     Ok(match track.and_then(|track| track.last_login_at) {
//!         Some(at) => format!("You logged in before at {at}."),
//!         None => "Welcome! This is your first login.".to_owned(),
//!     })
//! }
//! ```
//!
//! The handler takes the store from Rocket's managed state, so the application opens the store itself, and
//! passes a clone of it to `manage`:
//!
//! ```no_run
//! use rocket::{Build, Rocket};
//! use rocket_security::{Result, Security, SqlxDatastore};
//!
//! async fn build() -> Result<Rocket<Build>> {
//!     let rocket = rocket::build();
//!     let store = SqlxDatastore::connect(rocket.figment()).await?;
//!     store.migrate().await?;
//!     let security = Security::with_default_features(store.clone());
//!     Ok(rocket.attach(security).manage(store))
//! }
//! ```
//!
//! It has no routes, settings, templates, mails or events of its own.
//!
//! # Details
//!
//! The feature consists of one hook, [`Hooks::after_login`], and of the capability [`TrackStore`] of the
//! store.

use std::sync::Arc;

use rocket::async_trait;
use serde::{Deserialize, Serialize};

use crate::datastore::TrackStore;
use crate::error::Result;
use crate::feature::{Feature, Hooks, Installation, LoginAttempt};

/// The feature `track`. It has no settings.
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

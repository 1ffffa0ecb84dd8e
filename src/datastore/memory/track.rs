//! The logins of a user.

use std::net::IpAddr;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::memory::store::{MemoryDatastore, orphan};
use crate::datastore::track::{TrackStore, TrackedLogins};
use crate::error::Result;
use crate::user::UserId;

#[async_trait]
impl TrackStore for MemoryDatastore {
    async fn record_login(&self, id: UserId, at: Timestamp, client: Option<IpAddr>) -> Result<()> {
        let mut content = self.lock();
        if !content.users.contains_key(&id) {
            return Err(orphan("a login"));
        }
        let before = content.tracks.remove(&id);
        let track = TrackedLogins {
            current_login_at: at,
            current_login_ip: client,
            last_login_at: before.as_ref().map(|before| before.current_login_at),
            last_login_ip: before.as_ref().and_then(|before| before.current_login_ip),
            login_count: before.map_or(0, |before| before.login_count) + 1,
        };
        content.tracks.insert(id, track);
        Ok(())
    }

    async fn find_track(&self, id: UserId) -> Result<Option<TrackedLogins>> {
        Ok(self.lock().tracks.get(&id).cloned())
    }
}

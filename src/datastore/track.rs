//! When and from where users logged in, for the feature `track`.

use std::net::IpAddr;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::user::UserId;

/// Keeps the last two logins of each user.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `track` needs a store that keeps logins",
    label = "`{Self}` does not implement `TrackStore`",
    note = "implement `rocket_security::datastore::TrackStore` for it, or do not enable `Track`"
)]
pub trait TrackStore: Send + Sync + 'static {
    /// Notes a login: what was current becomes last, and the count rises by one, in one step.
    async fn record_login(&self, id: UserId, at: Timestamp, client: Option<IpAddr>) -> Result<()>;

    /// Finds what is known of a user's logins.
    async fn find_track(&self, id: UserId) -> Result<Option<TrackedLogins>>;
}

/// The logins of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackedLogins {
    /// When they logged in this time.
    pub current_login_at: Timestamp,
    /// From where, this time.
    pub current_login_ip: Option<IpAddr>,
    /// When they logged in the time before.
    pub last_login_at: Option<Timestamp>,
    /// From where, the time before.
    pub last_login_ip: Option<IpAddr>,
    /// How often they logged in.
    pub login_count: i64,
}

impl TrackedLogins {
    /// Returns what is known after a user's first login.
    pub fn new(at: Timestamp, client: Option<IpAddr>) -> Self {
        Self {
            current_login_at: at,
            current_login_ip: client,
            last_login_at: None,
            last_login_ip: None,
            login_count: 1,
        }
    }
}

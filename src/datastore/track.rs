//! When and from where users logged in, for the feature `track`.

use std::net::IpAddr;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::user::UserId;

/// Stores the last two logins of each user, and how often they logged in.
///
/// The feature `track` needs this capability.
///
/// # Errors
///
/// Both methods fail with [`Error::Store`](crate::Error::Store) if the store does not answer.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "the feature `track` needs a store that keeps logins",
    label = "`{Self}` does not implement `TrackStore`",
    note = "implement `rocket_security::datastore::TrackStore` for it, or do not enable `Track`"
)]
pub trait TrackStore: Send + Sync + 'static {
    /// Records a login of a user at a time and from an IP address. In one step, the current login becomes the
    /// last one, the new login becomes the current one, and the count rises by one.
    async fn record_login(&self, id: UserId, at: Timestamp, client: Option<IpAddr>) -> Result<()>;

    /// Finds the recorded logins of a user. Returns `None` if none was recorded.
    async fn find_track(&self, id: UserId) -> Result<Option<TrackedLogins>>;
}

/// The recorded logins of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackedLogins {
    /// When the user logged in this time.
    pub current_login_at: Timestamp,
    /// The IP address of this login.
    pub current_login_ip: Option<IpAddr>,
    /// When the user logged in the time before.
    pub last_login_at: Option<Timestamp>,
    /// The IP address of the login before.
    pub last_login_ip: Option<IpAddr>,
    /// How often the user has logged in.
    pub login_count: i64,
}

impl TrackedLogins {
    /// Creates the record of a user's first login.
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

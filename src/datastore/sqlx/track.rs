//! The logins of a user.

use std::net::IpAddr;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::sqlx::fault::is_unique_violation;
use crate::datastore::sqlx::rows::{read_address, row};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::track::{TrackStore, TrackedLogins};
use crate::error::Result;
use crate::user::UserId;

pub(super) const RECORD_NEXT_LOGIN: &str = "
    UPDATE security_track SET
        last_login_at = current_login_at,
        last_login_ip = current_login_ip,
        current_login_at = ?,
        current_login_ip = ?,
        login_count = login_count + 1
    WHERE user_id = ?";

const RECORD_FIRST_LOGIN: &str = "
    INSERT INTO security_track (current_login_at, current_login_ip, user_id, login_count)
    VALUES (?, ?, ?, 1)";

const FIND_TRACK: &str = "
    SELECT current_login_at, current_login_ip, last_login_at, last_login_ip, login_count
    FROM security_track WHERE user_id = ?";

#[async_trait]
impl TrackStore for SqlxDatastore {
    async fn record_login(&self, id: UserId, at: Timestamp, client: Option<IpAddr>) -> Result<()> {
        let client = client.map(|client| client.to_string());
        on_database!(self, |database| {
            let bind = |sql| database.query(sql).bind(at).bind(client.clone()).bind(id.as_uuid());
            if database.execute(bind(RECORD_NEXT_LOGIN)).await? > 0 {
                return Ok(());
            }
            match database.execute(bind(RECORD_FIRST_LOGIN)).await {
                // Another first login was recorded meanwhile.
                Err(fault) if is_unique_violation(&fault) => {
                    database.execute(bind(RECORD_NEXT_LOGIN)).await.map(drop)
                }
                recorded => recorded.map(drop),
            }
        })
    }

    async fn find_track(&self, id: UserId) -> Result<Option<TrackedLogins>> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_TRACK).bind(id.as_uuid());
            let row: Option<TrackRow> = database.fetch_optional(find).await?;
            row.map(TrackRow::read).transpose()
        })
    }
}

row! {
    /// The logins of a user.
    TrackRow {
        current_login_at: Timestamp,
        current_login_ip: Option<String>,
        last_login_at: Option<Timestamp>,
        last_login_ip: Option<String>,
        login_count: i64,
    }
}

impl TrackRow {
    fn read(self) -> Result<TrackedLogins> {
        Ok(TrackedLogins {
            current_login_at: self.current_login_at,
            current_login_ip: read_address(self.current_login_ip.as_deref())?,
            last_login_at: self.last_login_at,
            last_login_ip: read_address(self.last_login_ip.as_deref())?,
            login_count: self.login_count,
        })
    }
}

//! The logins of a user.

use std::net::IpAddr;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::TrackStore;
use crate::datastore::sqlx::SqlxDatastore;
use crate::datastore::sqlx::dialect::query;
use crate::datastore::sqlx::dialect::query_as;
use crate::datastore::sqlx::failed;
use crate::datastore::sqlx::rows::read_address;
use crate::datastore::sqlx::rows::row;
use crate::datastore::track::Track;
use crate::error::Result;
use crate::user::UserId;

const RECORD_LOGIN: &str = "
    INSERT INTO security_track (user_id, current_login_at, current_login_ip, login_count)
    VALUES (?, ?, ?, 1)
    ON CONFLICT (user_id) DO UPDATE SET
        last_login_at = security_track.current_login_at,
        last_login_ip = security_track.current_login_ip,
        current_login_at = excluded.current_login_at,
        current_login_ip = excluded.current_login_ip,
        login_count = security_track.login_count + 1";

#[async_trait]
impl TrackStore for SqlxDatastore {
    async fn record_login(&self, id: UserId, at: Timestamp, client: Option<IpAddr>) -> Result<()> {
        on_pool!(self, |pool| {
            query(RECORD_LOGIN)
                .bind(id.as_uuid())
                .bind(at)
                .bind(client.map(|client| client.to_string()))
                .execute(&**pool)
                .await
                .map_err(failed)?;
            Ok(())
        })
    }

    async fn find_track(&self, id: UserId) -> Result<Option<Track>> {
        on_pool!(self, |pool| {
            let row: Option<TrackRow> = query_as(
                "SELECT current_login_at, current_login_ip, last_login_at, last_login_ip, login_count
                 FROM security_track WHERE user_id = ?",
            )
            .bind(id.as_uuid())
            .fetch_optional(&**pool)
            .await
            .map_err(failed)?;
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
    fn read(self) -> Result<Track> {
        Ok(Track {
            current_login_at: self.current_login_at,
            current_login_ip: read_address(self.current_login_ip.as_deref())?,
            last_login_at: self.last_login_at,
            last_login_ip: read_address(self.last_login_ip.as_deref())?,
            login_count: self.login_count,
        })
    }
}

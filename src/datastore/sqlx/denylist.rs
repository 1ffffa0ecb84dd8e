//! Denied tokens.

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::datastore::denylist::Denylist;
use crate::datastore::sqlx::far::Far;
use crate::datastore::sqlx::fault::is_unique_violation;
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::row;
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::together::Together;
use crate::error::{Error, Result};

const DENY: &str = "INSERT INTO security_denylist (jti, expires_at) VALUES (?, ?)";

pub(super) const EXTEND_DENIAL: &str = "
    UPDATE security_denylist SET expires_at = CASE WHEN expires_at < ? THEN ? ELSE expires_at END
    WHERE jti = ?";

pub(super) const FIND_DENIED: &str = "SELECT jti FROM security_denylist WHERE jti = ?";

const FIND_EXPIRED_DENIALS: &str = "
    SELECT jti FROM security_denylist WHERE expires_at <= ? LIMIT ? FOR UPDATE SKIP LOCKED";

const FORGET_DENIAL: &str = "DELETE FROM security_denylist WHERE jti = ?";

/// How often a caller may find that another one created or deleted the row a moment before.
const ROUNDS: u32 = 10;

#[async_trait]
impl Denylist for SqlxDatastore {
    async fn deny(&self, jti: &str, until: Timestamp, together: &Together) -> Result<bool> {
        for _ in 0..ROUNDS {
            if self.deny_first(jti, until, together).await? {
                return Ok(true);
            }
            let extended: Result<u64> = on_database!(self, |database| {
                let extend = database.query(EXTEND_DENIAL).bind(Far(until)).bind(Far(until));
                database.execute(extend.bind(jti.to_owned())).await
            });
            if extended? > 0 {
                return Ok(false);
            }
        }
        Err(Error::store("a row of what is denied came and went"))
    }

    async fn is_denied(&self, jti: &str) -> Result<bool> {
        on_database!(self, |database| {
            let find = database.query_as(FIND_DENIED).bind(jti.to_owned());
            let found: Option<DeniedRow> = database.fetch_optional(find).await?;
            Ok(found.is_some_and(|found| found.jti == jti))
        })
    }

    async fn delete_expired_denials(&self, now: Timestamp, limit: u32) -> Result<u64> {
        in_transaction!(self, |transaction| {
            let find = transaction.query_as(FIND_EXPIRED_DENIALS).bind(now).bind(i64::from(limit));
            let found: Vec<DeniedRow> = transaction.fetch_all(find).await?;
            let mut forgotten = 0;
            for denied in found {
                let forget = transaction.query(FORGET_DENIAL).bind(denied.jti);
                forgotten += transaction.execute(forget).await?;
            }
            transaction.keep();
            Ok(forgotten)
        })
    }
}

impl SqlxDatastore {
    /// Denies a token that is not denied yet. Returns `false` if it is.
    async fn deny_first(&self, jti: &str, until: Timestamp, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let deny = transaction.query(DENY).bind(jti.to_owned()).bind(Far(until));
            match transaction.execute(deny).await {
                Err(fault) if is_unique_violation(&fault) => return Ok(false),
                denied => denied?,
            };
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }
}

row! {
    /// The id of a token.
    DeniedRow { jti: String }
}

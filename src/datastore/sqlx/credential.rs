//! Credentials besides the password.

use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::credential::{
    CredentialChange, CredentialRecord, CredentialStore, CredentialUse, CredentialsUnchanged, Ended,
};
use crate::datastore::sqlx::fault::is_unique_violation_of;
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{UserRow, corrupt, read_digest, row, select_user, users_from};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::user::LOCK_USER;
use crate::datastore::sqlx::user_change::{DELETE_CREDENTIALS_OF_USER, end_older, settle_change};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{CredentialKind, User, UserId};

/// Locks the user. Of several changes of one user's credentials, this statement decides which one applies.
pub(super) const RAISE_EPOCH: &str = "
    UPDATE security_users SET epoch = epoch + 1
    WHERE id = ? AND epoch = ? AND active = ? AND closes_at IS NULL";

pub(super) const DELETE_CREDENTIAL: &str =
    "DELETE FROM security_credentials WHERE id = ? AND user_id = ?";

pub(super) const DELETE_CREDENTIALS_OF_KIND: &str =
    "DELETE FROM security_credentials WHERE user_id = ? AND kind = ?";

pub(super) const CREATE_CREDENTIAL: &str = "
    INSERT INTO security_credentials
        (id, user_id, kind, name, lookup, data, counter, created_at, last_used_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// How the name of the unique key of lookups ends.
const LOOKUP_KEY: [&str; 1] = ["lookup"];

pub(super) const LIST_CREDENTIALS: &str = "
    SELECT id AS credential_id, user_id AS credential_user_id, kind, name AS credential_name, lookup,
           data, counter, created_at AS credential_created_at, last_used_at
    FROM security_credentials
    WHERE user_id = ? ORDER BY created_at, id";

/// Finds a credential by the unique index of lookups.
pub(super) const FIND_CREDENTIAL: &str = select_user!(
    "c.id AS credential_id, c.user_id AS credential_user_id, c.kind, c.name AS credential_name,
           c.lookup, c.data, c.counter, c.created_at AS credential_created_at, c.last_used_at,",
    "security_credentials c
    JOIN security_users u ON u.id = c.user_id",
    "WHERE c.kind = ? AND c.lookup = ?"
);

pub(super) const USE_CREDENTIAL: &str = "
    UPDATE security_credentials SET data = COALESCE(?, data), last_used_at = ?, counter = ?
    WHERE id = ? AND user_id = ? AND counter = ?";

pub(super) const RENAME_CREDENTIAL: &str =
    "UPDATE security_credentials SET name = ? WHERE id = ? AND user_id = ?";

#[async_trait]
impl CredentialStore for SqlxDatastore {
    async fn change_credentials(
        &self,
        user: UserId,
        change: &CredentialChange,
        together: &Together,
    ) -> Result<Result<User, CredentialsUnchanged>> {
        change.check_owner(user)?;
        in_transaction!(self, |transaction| {
            let id = user.as_uuid();
            let raise = transaction.query(RAISE_EPOCH).bind(id).bind(change.epoch).bind(true);
            if transaction.execute(raise).await? == 0 {
                return Ok(Err(CredentialsUnchanged::AccountChanged));
            }
            let end = match &change.ends {
                Ended::Nothing => None,
                Ended::One(one) => Some(transaction.query(DELETE_CREDENTIAL).bind(*one).bind(id)),
                Ended::Kind(kind) => {
                    let end = transaction.query(DELETE_CREDENTIALS_OF_KIND).bind(id);
                    Some(end.bind(kind.as_str().to_owned()))
                }
                Ended::All => Some(transaction.query(DELETE_CREDENTIALS_OF_USER).bind(id)),
            };
            let ended = match end {
                Some(end) => transaction.execute(end).await?,
                None => 0,
            };
            if ended == 0 && matches!(change.ends, Ended::One(_)) {
                return Ok(Err(CredentialsUnchanged::AccountChanged));
            }
            for added in &change.adds {
                let create = transaction
                    .query(CREATE_CREDENTIAL)
                    .bind(added.id)
                    .bind(id)
                    .bind(added.kind.as_str().to_owned())
                    .bind(added.name.clone())
                    .bind(added.lookup.map(|lookup| lookup.as_bytes().to_vec()))
                    .bind(added.data.clone())
                    .bind(added.counter)
                    .bind(added.created_at)
                    .bind(added.last_used_at);
                match transaction.execute(create).await {
                    Err(fault) if is_unique_violation_of(&fault, &LOOKUP_KEY) => {
                        return Ok(Err(CredentialsUnchanged::Taken));
                    }
                    created => created?,
                };
            }
            end_older!(transaction, user);
            let Some(changed) = settle_change!(transaction, user, together) else {
                return Ok(Err(CredentialsUnchanged::AccountChanged));
            };
            transaction.keep();
            Ok(Ok(changed))
        })
    }

    async fn list_credentials(&self, user: UserId) -> Result<Vec<CredentialRecord>> {
        on_database!(self, |database| {
            let list = database.query_as(LIST_CREDENTIALS).bind(user.as_uuid());
            let rows: Vec<CredentialRow> = database.fetch_all(list).await?;
            rows.into_iter().map(CredentialRow::read).collect()
        })
    }

    async fn find_credential(
        &self,
        kind: &CredentialKind,
        lookup: &Digest,
    ) -> Result<Option<(CredentialRecord, User)>> {
        on_database!(self, |database| {
            let find = database
                .query_as(FIND_CREDENTIAL)
                .bind(kind.as_str().to_owned())
                .bind(lookup.as_bytes().to_vec());
            read_joined(database.fetch_all(find).await?)
        })
    }

    async fn use_credential(&self, used: &CredentialUse) -> Result<bool> {
        on_database!(self, |database| {
            let note = database
                .query(USE_CREDENTIAL)
                .bind(used.data.clone())
                .bind(used.at)
                .bind(used.counter)
                .bind(used.id)
                .bind(used.user.as_uuid())
                .bind(used.counter_read);
            Ok(database.execute(note).await? == 1)
        })
    }

    async fn spend_credential(&self, user: UserId, id: Uuid, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let lock = transaction.query(LOCK_USER).bind(user.as_uuid());
            transaction.execute(lock).await?;
            let spend = transaction.query(DELETE_CREDENTIAL).bind(id).bind(user.as_uuid());
            if transaction.execute(spend).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn rename_credential(&self, user: UserId, id: Uuid, name: &str) -> Result<bool> {
        on_database!(self, |database| {
            let rename = database
                .query(RENAME_CREDENTIAL)
                .bind(name.to_owned())
                .bind(id)
                .bind(user.as_uuid());
            // Also counts a name that it already has: the drivers report the rows that were found.
            Ok(database.execute(rename).await? == 1)
        })
    }
}

row! {
    /// A credential.
    CredentialRow {
        credential_id: Uuid,
        credential_user_id: Uuid,
        kind: String,
        credential_name: String,
        lookup: Option<Vec<u8>>,
        data: String,
        counter: i64,
        credential_created_at: Timestamp,
        last_used_at: Option<Timestamp>,
    }
}

impl CredentialRow {
    fn read(self) -> Result<CredentialRecord> {
        let user = UserId::from_uuid(self.credential_user_id);
        let kind = CredentialKind::parse(&self.kind).map_err(|_| corrupt("a credential's kind"))?;
        let mut credential =
            CredentialRecord::new(self.credential_id, user, kind, self.credential_created_at);
        credential.name = self.credential_name;
        credential.lookup = self.lookup.map(read_digest).transpose()?;
        credential.data = self.data;
        credential.counter = self.counter;
        credential.last_used_at = self.last_used_at;
        Ok(credential)
    }
}

/// A credential with its user, one of their roles, and one of its permissions.
struct JoinedRow {
    credential: CredentialRow,
    user: UserRow,
}

impl<'r, R: ::sqlx::Row> ::sqlx::FromRow<'r, R> for JoinedRow
where
    CredentialRow: ::sqlx::FromRow<'r, R>,
    UserRow: ::sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> ::sqlx::Result<Self> {
        Ok(Self { credential: CredentialRow::from_row(row)?, user: UserRow::from_row(row)? })
    }
}

fn read_joined(rows: Vec<JoinedRow>) -> Result<Option<(CredentialRecord, User)>> {
    let (mut credentials, users): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (row.credential, row.user)).unzip();
    let (Some(credential), Some(found)) = (credentials.pop(), users_from(users)?.pop()) else {
        return Ok(None);
    };
    Ok(Some((credential.read()?, found.user)))
}

//! A change of a user, and everything that ends with it.

pub(super) const UPDATE_USER: &str = "
    UPDATE security_users
    SET active = COALESCE(?, active),
        confirmed_at = COALESCE(?, confirmed_at),
        email = COALESCE(?, email),
        email_canonical = COALESCE(?, email_canonical),
        username = CASE WHEN ? THEN ? ELSE username END,
        username_canonical = CASE WHEN ? THEN ? ELSE username_canonical END,
        username_skeleton = CASE WHEN ? THEN ? ELSE username_skeleton END,
        must_change = COALESCE(?, must_change),
        closes_at = CASE WHEN ? THEN ? ELSE closes_at END,
        expires_at = CASE WHEN ? THEN NULL ELSE expires_at END,
        password_hash = CASE WHEN ? THEN ? ELSE password_hash END,
        epoch = epoch + 1
    WHERE id = ? AND (confirmed_at IS NULL OR NOT ?) AND (password_hash IS NOT NULL OR NOT ?)
        AND (epoch = ? OR NOT ?)";

const DELETE_LATER_LASTING_TOKENS: &str = "
    DELETE FROM security_one_time_tokens WHERE user_id = ? AND lasting = TRUE AND asked_at > ?";

const DELETE_LATER_LASTING_MAIL: &str = "
    DELETE FROM security_outbox WHERE user_id = ? AND link_lasting = TRUE AND created_at > ?";

pub(super) const DELETE_CREDENTIALS_OF_USER: &str =
    "DELETE FROM security_credentials WHERE user_id = ?";

/// Deletes the rows that end when an account is taken back.
pub(super) const DELETE_LATER_LASTING: [&str; 2] =
    [DELETE_LATER_LASTING_TOKENS, DELETE_LATER_LASTING_MAIL];

/// Applies a change within a transaction: updates the user, deletes what ends with the change, and stores
/// what is committed with it.
///
/// Returns the changed user, or `None` if the change did not apply; the transaction is then no longer usable.
/// A macro, because a generic function would need a trait bound for each bound value.
macro_rules! apply_change {
    ($transaction:ident, $id:expr, $change:expr, $together:expr) => {{
        let (id, change, together) = ($id, $change, $together);
        let hash = change.password_hash.iter().flatten().next();
        let username = change.username.iter().flatten().next();
        let update = $transaction
            .query(crate::datastore::sqlx::user_change::UPDATE_USER)
            .bind(change.active)
            .bind(change.confirmed_at)
            .bind(change.email.as_ref().map(|email| email.as_str().to_owned()))
            .bind(change.email.as_ref().map(crate::user::Email::canonical))
            .bind(change.username.is_some())
            .bind(username.map(|name| name.as_str().to_owned()))
            .bind(change.username.is_some())
            .bind(username.map(crate::user::Username::canonical))
            .bind(change.username.is_some())
            .bind(username.map(crate::user::Username::skeleton))
            .bind(change.must_change)
            .bind(change.closes_at.is_some())
            .bind(change.closes_at.flatten())
            .bind(change.confirmed_at.is_some())
            .bind(change.password_hash.is_some())
            .bind(hash.map(|hash| hash.as_str().to_owned()))
            .bind(id.as_uuid())
            .bind(change.only_unconfirmed)
            .bind(change.only_with_password)
            .bind(change.epoch.unwrap_or_default())
            .bind(change.epoch.is_some());
        let updated = match $transaction.execute(update).await {
            // The address or the username belongs to another user.
            Err(fault) if crate::datastore::sqlx::fault::is_unique_violation(&fault) => 0,
            updated => updated?,
        };
        if updated == 0 {
            None
        } else {
            crate::datastore::sqlx::user_change::end_older!($transaction, id);
            if let Some(after) = change.ends_lasting_after {
                for sql in crate::datastore::sqlx::user_change::DELETE_LATER_LASTING {
                    let delete = $transaction.query(sql).bind(id.as_uuid()).bind(after);
                    $transaction.execute(delete).await?;
                }
            }
            if change.ends_credentials {
                let sql = crate::datastore::sqlx::user_change::DELETE_CREDENTIALS_OF_USER;
                $transaction.execute($transaction.query(sql).bind(id.as_uuid())).await?;
            }
            crate::datastore::sqlx::user_change::settle_change!($transaction, id, together)
        }
    }};
}

/// Deletes, within a transaction that has raised a user's epoch, everything of the user that is older.
macro_rules! end_older {
    ($transaction:ident, $id:expr) => {
        for sql in crate::datastore::sqlx::schema::END_OLDER {
            let delete = $transaction.query(sql).bind($id.as_uuid());
            $transaction.execute(delete).await?;
        }
    };
}

/// Stores, within a transaction that has changed a user, what is committed with the change. Returns the
/// changed user.
macro_rules! settle_change {
    ($transaction:ident, $id:expr, $together:expr) => {{
        crate::datastore::sqlx::outbox::push_all!($transaction, $together);
        let find =
            $transaction.query_as(crate::datastore::sqlx::rows::FIND_USER).bind($id.as_uuid());
        let rows: Vec<crate::datastore::sqlx::rows::UserRow> = $transaction.fetch_all(find).await?;
        crate::datastore::sqlx::rows::users_from(rows)?.pop().map(|found| found.user)
    }};
}

pub(super) use apply_change;
pub(super) use end_older;
pub(super) use settle_change;

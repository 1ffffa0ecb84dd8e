//! Counts of attempts, which slow down guessing.
//!
//! Each count has a key, which is a keyed digest, for example of an account and a network, or of a network
//! and a route. The table therefore does not reveal who tried what.

use chrono::TimeDelta;
use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::error::Result;

/// Stores counts of attempts.
///
/// Every application needs this capability: it slows down repeated wrong passwords and limits how often a
/// client may register or request mail.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to count attempts, too",
    label = "`{Self}` does not implement `AttemptStore`",
    note = "the features `login`, `register` and `confirm` limit them: implement \
            `rocket_security::datastore::AttemptStore` for the store"
)]
pub trait AttemptStore: Send + Sync + 'static {
    /// Counts an attempt before it is made and returns [`Charge::Allowed`], or returns until when the key is
    /// blocked. An attempt while the key is blocked is neither allowed nor counted.
    ///
    /// Attempt number [`from`](BackOff::from) is still allowed and then blocks the key for
    /// [`first_delay`](BackOff::first_delay). Each further attempt blocks it for twice as long as the one
    /// before, up to [`longest_delay`](BackOff::longest_delay). Earlier attempts do not block.
    ///
    /// The check and the count are one step: concurrent callers never make more attempts than the delays
    /// allow.
    ///
    /// ```
    /// use chrono::TimeDelta;
    /// use rocket_security::MemoryDatastore;
    /// use rocket_security::clock::Timestamp;
    /// use rocket_security::crypto::one_time::Digest;
    /// use rocket_security::datastore::AttemptStore;
    /// use rocket_security::datastore::attempt::{BackOff, Charge};
    ///
    /// # rocket::async_test(async {
    /// let (store, key) = (MemoryDatastore::new(), Digest::from_bytes([1; 32]));
    /// let back_off = BackOff::new(2, TimeDelta::seconds(10), TimeDelta::seconds(60));
    /// let now = Timestamp::UNIX_EPOCH + TimeDelta::days(1);
    ///
    /// // The second attempt blocks the key for ten seconds.
    /// assert_eq!(store.charge_attempt(&key, &back_off, now).await?, Charge::Allowed);
    /// assert_eq!(store.charge_attempt(&key, &back_off, now).await?, Charge::Allowed);
    /// let until = Charge::BlockedUntil(now + TimeDelta::seconds(10));
    /// assert_eq!(store.charge_attempt(&key, &back_off, now).await?, until);
    /// # Ok::<_, rocket_security::Error>(())
    /// # }).unwrap();
    /// ```
    async fn charge_attempt(
        &self,
        key: &Digest,
        back_off: &BackOff,
        now: Timestamp,
    ) -> Result<Charge>;

    /// Deletes the count of a key, because an attempt succeeded.
    async fn clear_attempts(&self, key: &Digest) -> Result<()>;

    /// Counts an event within a window of the length `window` and returns [`Charge::Allowed`], or returns
    /// when the window ends if it already holds `limit` events. The window begins with its first event.
    ///
    /// The check and the count are one step: of any number of concurrent callers, at most `limit` are
    /// allowed.
    async fn count_event(
        &self,
        key: &Digest,
        limit: u32,
        window: TimeDelta,
        now: Timestamp,
    ) -> Result<Charge>;

    /// Returns `true` if the key's window has not ended and holds at least `count` events. Counts nothing.
    async fn has_counted(&self, key: &Digest, count: u32, now: Timestamp) -> Result<bool>;

    /// Deletes counts that were last raised at or before `before`, unless they block beyond that time, and
    /// returns how many.
    async fn delete_old_attempts(&self, before: Timestamp) -> Result<u64>;
}

/// How the delays between attempts grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackOff {
    /// The number of the first attempt that is followed by a delay.
    pub from: u32,
    /// The delay after that attempt.
    pub first_delay: TimeDelta,
    /// The longest delay.
    pub longest_delay: TimeDelta,
}

impl BackOff {
    /// Creates delays that begin after attempt number `from` and double from `first_delay` up to
    /// `longest_delay`.
    pub const fn new(from: u32, first_delay: TimeDelta, longest_delay: TimeDelta) -> Self {
        Self { from, first_delay, longest_delay }
    }
}

/// Whether an attempt is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charge {
    /// It is allowed, and was counted.
    Allowed,
    /// It is not allowed before this time.
    BlockedUntil(Timestamp),
}

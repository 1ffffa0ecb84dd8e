//! Attempts, counted so that guessing takes too long.
//!
//! What is counted by is a keyed digest (an account and a network, a network and a route): the
//! table does not reveal who tried what.

use chrono::TimeDelta;
use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::error::Result;

/// Counts attempts.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a `UserDatastore` has to count attempts, too",
    label = "`{Self}` does not implement `AttemptStore`",
    note = "the features `login`, `register` and `confirm` limit them: implement \
            `rocket_security::datastore::AttemptStore` for the store"
)]
pub trait AttemptStore: Send + Sync + 'static {
    /// Charges an attempt before it is made, or says until when none may be.
    ///
    /// The attempt of number `from` blocks the key, after it was made, for `first_delay`, the next
    /// for twice that, and so on up to `longest_delay`; earlier ones do not. An attempt while
    /// the key is blocked is not made and not counted. Of any number of callers at once, no more
    /// than may be made are let through.
    async fn charge_attempt(
        &self,
        key: &Digest,
        back_off: &BackOff,
        now: Timestamp,
    ) -> Result<Charge>;

    /// Forgets the attempts charged to a key: one succeeded.
    async fn clear_attempts(&self, key: &Digest) -> Result<()>;

    /// Counts an event within a window that begins with its first event, or says until when the
    /// window lasts, once it holds `limit` of them. Of any number of callers at once, `limit` are
    /// let through.
    async fn count_event(
        &self,
        key: &Digest,
        limit: u32,
        window: TimeDelta,
        now: Timestamp,
    ) -> Result<Charge>;

    /// Returns whether a window that lasts has at least `count` events, without counting one.
    async fn has_counted(&self, key: &Digest, count: u32, now: Timestamp) -> Result<bool>;

    /// Deletes what was last counted at or before `before`, unless it blocks beyond; says how many.
    async fn delete_old_attempts(&self, before: Timestamp) -> Result<u64>;
}

/// How delays grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackOff {
    /// The number of the first attempt that is followed by a delay.
    pub from: u32,
    /// The delay after that attempt.
    pub first_delay: TimeDelta,
    /// The delay beyond which it does not grow.
    pub longest_delay: TimeDelta,
}

impl BackOff {
    /// Returns delays that begin after the attempt of that number and double up to the longest.
    pub const fn new(from: u32, first_delay: TimeDelta, longest_delay: TimeDelta) -> Self {
        Self { from, first_delay, longest_delay }
    }
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// It may, and is counted.
    Allowed,
    /// It may not before this time.
    BlockedUntil(Timestamp),
}

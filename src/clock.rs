//! The time, read in one place.
//!
//! Every moment that the framework stores or compares comes from a [`Clock`], so that a test can let a day
//! pass without waiting for it. Times are UTC, truncated to microseconds, which is the precision of the
//! databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// A moment in UTC.
pub type Timestamp = DateTime<Utc>;

/// The moment before all others, 1970. It stands for a time at which nothing was ever proved or used.
pub const NEVER: Timestamp = Timestamp::UNIX_EPOCH;

/// The clock of an application.
///
/// Clones share their offset: advancing one advances all.
///
/// ```
/// use chrono::TimeDelta;
/// use rocket_security::clock::Clock;
///
/// let clock = Clock::default();
/// let before = clock.now();
/// clock.advance(TimeDelta::days(1));
/// assert!(clock.now() - before >= TimeDelta::days(1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// Returns the current time, truncated to microseconds.
    #[allow(clippy::disallowed_methods, reason = "the sole reader of the system's time")]
    pub fn now(&self) -> Timestamp {
        let offset = TimeDelta::microseconds(self.offset_micros.load(Ordering::Relaxed));
        (Utc::now() + offset).trunc_subsecs(6)
    }

    /// Moves this clock and all its clones by `delta`, forward or back. For tests.
    pub fn advance(&self, delta: TimeDelta) {
        let micros = delta.num_microseconds().unwrap_or(0);
        self.offset_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Formats a moment as mails show it: to the minute.
pub(crate) fn in_words(at: Timestamp) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::clock::Clock;

    #[test]
    fn a_moved_clock_moves_its_clones() {
        let clock = Clock::default();
        let twin = clock.clone();
        let before = twin.now();
        clock.advance(TimeDelta::hours(5));
        assert!(twin.now() - before >= TimeDelta::hours(5));
    }

    #[test]
    fn times_carry_no_more_than_microseconds() {
        assert_eq!(Clock::default().now().timestamp_subsec_nanos() % 1_000, 0);
    }
}

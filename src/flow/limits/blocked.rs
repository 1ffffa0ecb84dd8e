//! Remembers the networks that have reached a limit, so that their further requests cost the store nothing.
//!
//! The store decides whether a network is blocked and until when. Until then, this process refuses the
//! network's requests without asking the store again. So a flood of requests beyond a limit does not use up
//! the database connections.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;

/// How many networks are remembered at most. For all others, the store is asked.
const MOST: usize = 10_000;

/// The blocked networks, by a keyed digest of each.
#[derive(Default)]
pub(super) struct Blocked(Mutex<HashMap<Digest, Timestamp>>);

impl Blocked {
    /// Returns the time until which a network is blocked, if it is.
    pub(super) fn until(&self, key: &Digest, now: Timestamp) -> Option<Timestamp> {
        let blocked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocked.get(key).copied().filter(|until| *until > now)
    }

    /// Remembers that a network is blocked.
    pub(super) fn note(&self, key: Digest, until: Timestamp, now: Timestamp) {
        let mut blocked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blocked.len() >= MOST {
            blocked.retain(|_, until| *until > now);
        }
        if blocked.len() < MOST {
            blocked.insert(key, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::clock::Clock;
    use crate::crypto::one_time::Digest;
    use crate::flow::limits::blocked::{Blocked, MOST};

    fn key(number: usize) -> Digest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Digest::from_bytes(bytes)
    }

    #[test]
    fn as_many_as_fit_are_remembered_until_their_time_is_over() {
        let (blocked, now) = (Blocked::default(), Clock::default().now());
        let until = now + TimeDelta::minutes(10);
        for number in 0..=MOST {
            blocked.note(key(number), until, now);
        }
        assert_eq!(blocked.until(&key(1), now), Some(until));
        assert_eq!(blocked.until(&key(MOST), now), None, "the store is asked for one more");
        assert_eq!(blocked.until(&key(1), until), None);
        blocked.note(key(MOST), until + TimeDelta::minutes(1), until);
        assert_eq!(blocked.until(&key(MOST), until), Some(until + TimeDelta::minutes(1)));
    }
}

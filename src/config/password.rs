//! Which passwords may be chosen, and how they are hashed.

use serde::Deserialize;

use crate::error::{Error, Faults, Result};

/// `[default.security.password]`: which passwords may be chosen, and how they are hashed with Argon2id.
///
/// An invalid value stops the launch. Outside the debug profile so do parameters that make a hash cheaper
/// than the weakest that OWASP's Password Storage Cheat Sheet recommends.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PasswordConfig {
    /// Sets the minimal length of a new password, in code points: 8 to 64. _Default:_ 15 (NIST SP 800-63B-4,
    /// section 3.1.1.2, for a password as the only factor).
    pub min_length: usize,
    /// Sets the memory of one hash, in KiB: from 8 for each lane to 262144. _Default:_ 19456 (the first
    /// choice of OWASP's Password Storage Cheat Sheet).
    pub memory: u32,
    /// Sets the number of passes over the memory: 1 to 16. _Default:_ 2.
    pub iterations: u32,
    /// Sets the number of lanes of one hash: 1 to 16. _Default:_ 1.
    pub parallelism: u32,
    /// Sets the number of threads that hash: 1 to 1024. _Default:_ one for each core.
    pub threads: Option<usize>,
    /// Sets how many passwords may wait for a thread before a login is answered with 503: at most 100000. One
    /// network can hold a quarter of all places (threads and queue together), and a larger network around it
    /// half of them, at least two each. _Default:_ 32 for each thread.
    pub queue: Option<usize>,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self {
            min_length: 15,
            memory: 19_456,
            iterations: 2,
            parallelism: 1,
            threads: None,
            queue: None,
        }
    }
}

/// The limits for one hash. They hold for new hashes and for stored ones alike: a stored hash must not be
/// able to make a login take 4 GiB, and a new hash beyond the limits would never be accepted again. Passlib's
/// defaults (64 MiB, t=3, p=4) lie within them.
const MAX_MEMORY_KIB: u32 = 262_144;
const MAX_ITERATIONS: u32 = 16;
const MAX_PARALLELISM: u32 = 16;

/// The minimal memory of a lane (RFC 9106, section 3.1).
const LANE_KIB: u32 = 8;

const MAX_THREADS: usize = 1_024;
const MAX_QUEUE: usize = 100_000;

/// The highest minimal length that may be set: NIST SP 800-63B-4, section 3.1.1.2, asks every site to accept
/// at least 64 characters.
const MAX_MIN_LENGTH: usize = 64;

impl PasswordConfig {
    pub(super) fn check(&self, debug: bool, faults: &mut Faults) {
        if self.min_length < 8 {
            faults.push(Error::config(
                "password.min_length",
                "is below 8",
                "Set it to 15, or to at least 8 if a second factor is enforced",
            ));
        }
        if self.min_length > MAX_MIN_LENGTH {
            faults.push(Error::config(
                "password.min_length",
                "is above 64, so that long passwords would be refused",
                "Set it to 15, or to at most 64",
            ));
        }
        faults.note(self.check_bounds());
        if !debug && !self.is_strong() {
            faults.push(Error::config(
                "password.memory",
                "and password.iterations make the hash too weak",
                "Remove both to use memory = 19456 and iterations = 2, or set higher values",
            ));
        }
    }

    /// Checks that hashes with these parameters can be computed, and verified later.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming the parameter and its limits.
    pub fn check_bounds(&self) -> Result<()> {
        let mut faults = Faults::default();
        let mut refuse = |key: &str, fault: String, cure: &str| {
            faults.push(Error::config(format!("password.{key}"), fault, cure));
        };
        let Self { memory, iterations, parallelism, .. } = *self;
        if !(1..=MAX_PARALLELISM).contains(&parallelism) {
            let fault = format!(
                "is {parallelism}, and hashes with more than 16 lanes or none are not verified"
            );
            refuse("parallelism", fault, "Remove it for 1, or choose 1 to 16");
        }
        if !(1..=MAX_ITERATIONS).contains(&iterations) {
            let fault = format!(
                "is {iterations}, and hashes of more than 16 passes or none are not verified"
            );
            refuse("iterations", fault, "Remove it for 2, or choose 1 to 16");
        }
        if !Self::may_cost(memory, 1, parallelism.clamp(1, MAX_PARALLELISM)) {
            let fault = format!(
                "is {memory} KiB, and hashes of more than 262144 KiB, or less than 8 for each lane, are not verified"
            );
            refuse("memory", fault, "Remove it to use 19456, or choose at most 262144");
        }
        if self.threads.is_some_and(|threads| !(1..=MAX_THREADS).contains(&threads)) {
            let fault = "is not between 1 and 1024".to_owned();
            refuse("threads", fault, "Remove it for one thread a core");
        }
        if self.queue.is_some_and(|queue| queue > MAX_QUEUE) {
            let fault = "is above 100000".to_owned();
            refuse("queue", fault, "Remove it for 32 a thread");
        }
        faults.finish()
    }

    /// Returns `true` if a hash with these parameters is verified.
    pub(crate) fn may_cost(memory: u32, iterations: u32, parallelism: u32) -> bool {
        (1..=MAX_PARALLELISM).contains(&parallelism)
            && (1..=MAX_ITERATIONS).contains(&iterations)
            && (LANE_KIB * parallelism..=MAX_MEMORY_KIB).contains(&memory)
    }

    /// Returns `true` if a hash costs at least as much as OWASP's cheapest recommendation (Password Storage
    /// Cheat Sheet: m=7168, t=5 up to m=47104, t=1; the products lie above 35840).
    fn is_strong(&self) -> bool {
        let cost = u64::from(self.memory) * u64::from(self.iterations);
        self.memory >= 7_168 && cost >= 35_840
    }
}

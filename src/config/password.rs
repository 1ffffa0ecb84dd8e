//! How passwords are chosen and hashed.

use serde::Deserialize;

use crate::error::{Error, Faults, Result};

/// `[default.security.password]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PasswordConfig {
    /// The fewest characters a new password may have, counted in code points; 8 to 64.
    /// _Default:_ 15 (NIST SP 800-63B-4, section 3.1.1.2, for a password as the only factor).
    pub min_length: usize,
    /// The memory that one hash takes, in KiB; 8 for each lane to 262144.
    /// _Default:_ 19456 (OWASP's first choice).
    pub memory: u32,
    /// The number of passes over the memory; 1 to 16. _Default:_ 2.
    pub iterations: u32,
    /// The lanes of one hash; 1 to 16. _Default:_ 1.
    pub parallelism: u32,
    /// The threads that hash; 1 to 1024. _Default:_ one for each core.
    pub threads: Option<usize>,
    /// How many passwords may wait for a thread before a login is answered with 503; at most 100000.
    /// One network can hold a quarter of the places, of the threads and the queue together, and a larger
    /// network around it half of them, at least two each.
    /// _Default:_ 32 for each thread.
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

/// The bounds of what one hash may cost. They hold for new hashes and for stored ones alike: a row of
/// the table must not be able to make a login take 4 GiB, and a hash beyond the bounds would never be
/// accepted again. Passlib's defaults (64 MiB, t=3, p=4) lie within.
const MAX_MEMORY_KIB: u32 = 262_144;
const MAX_ITERATIONS: u32 = 16;
const MAX_PARALLELISM: u32 = 16;

/// The memory of a lane (RFC 9106, section 3.1).
const LANE_KIB: u32 = 8;

const MAX_THREADS: usize = 1_024;
const MAX_QUEUE: usize = 100_000;

/// The longest password that may be asked for: NIST SP 800-63B-4, section 3.1.1.2, has 64 characters
/// as the least that any site accepts.
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
                "together with password.iterations makes a hash that is too cheap",
                "Remove both for memory = 19456 and iterations = 2, or choose no less",
            ));
        }
    }

    /// Checks that hashes of these parameters can be computed and will be accepted when they are read.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming the parameter and its bounds.
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

    /// Returns `true` for parameters that a hash may have: those that are verified.
    pub(crate) fn may_cost(memory: u32, iterations: u32, parallelism: u32) -> bool {
        (1..=MAX_PARALLELISM).contains(&parallelism)
            && (1..=MAX_ITERATIONS).contains(&iterations)
            && (LANE_KIB * parallelism..=MAX_MEMORY_KIB).contains(&memory)
    }

    /// Tells whether a hash costs no less than OWASP's cheapest recommendation (Password Storage
    /// Cheat Sheet: m=7168, t=5 up to m=47104, t=1; the products lie above 35840).
    fn is_strong(&self) -> bool {
        let cost = u64::from(self.memory) * u64::from(self.iterations);
        self.memory >= 7_168 && cost >= 35_840
    }
}

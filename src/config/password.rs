//! How passwords are chosen and hashed.

use serde::Deserialize;

use crate::error::Error;
use crate::error::Result;

/// `[default.security.password]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PasswordConfig {
    /// The fewest characters a new password may have, counted in code points; at least 8.
    /// _Default:_ 15 (NIST SP 800-63B-4, section 3.1.1.2, for a password as the only factor).
    pub min_length: usize,
    /// The memory that one hash takes, in KiB. _Default:_ 19456 (OWASP's first choice).
    pub memory: u32,
    /// How often the memory is passed over. _Default:_ 2.
    pub iterations: u32,
    /// The lanes of one hash. _Default:_ 1.
    pub parallelism: u32,
    /// The threads that hash. _Default:_ one for each core.
    pub threads: Option<usize>,
    /// How many passwords may wait for a thread before a login is answered with 503.
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

impl PasswordConfig {
    pub(super) fn check(&self, debug: bool) -> Result<()> {
        if self.min_length < 8 {
            return Err(Error::config(
                "password.min_length",
                "is below 8",
                "Set it to 15, or to no less than 8 where a second factor is enforced",
            ));
        }
        if !debug && !self.is_strong() {
            return Err(Error::config(
                "password.memory",
                "together with password.iterations makes a hash that is too cheap",
                "Remove both for memory = 19456 and iterations = 2, or choose no less",
            ));
        }
        Ok(())
    }

    /// Tells whether a hash costs no less than OWASP's cheapest recommendation (Password Storage
    /// Cheat Sheet: m=7168, t=5 up to m=47104, t=1; the products lie above 35840).
    fn is_strong(&self) -> bool {
        let cost = u64::from(self.memory) * u64::from(self.iterations);
        self.memory >= 7_168 && cost >= 35_840
    }
}

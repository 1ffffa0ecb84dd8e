//! How many attempts are allowed.

use serde::Deserialize;

use crate::error::{Error, Result};

/// `[default.security.throttle]`: how many attempts are allowed.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ThrottleConfig {
    /// Sets whether attempts are limited at all. Outside the debug profile, `false` must be listed in
    /// `security.allow_insecure`. _Default:_ `true`.
    pub enabled: bool,
    /// Multiplies every limit, for load tests, except for the number of wrong passwords that disables a
    /// password. At least 1; an invalid value stops the launch. Outside the debug profile, a value above 10 must
    /// be listed in `security.allow_insecure`. _Default:_ 1.
    pub scale: u32,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { enabled: true, scale: 1 }
    }
}

impl ThrottleConfig {
    pub(super) fn check(&self) -> Result<()> {
        if self.scale == 0 {
            return Err(Error::config("throttle.scale", "is 0", "Set it to 1 or more"));
        }
        Ok(())
    }
}

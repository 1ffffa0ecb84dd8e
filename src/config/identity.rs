//! What users go by.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a user can go by: an entry of `security.identity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentityAttribute {
    /// The e-mail address.
    Email,
    /// The username.
    Username,
}

/// `[default.security.username]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct UsernameConfig {
    /// The fewest characters a new username may have. _Default:_ 4.
    pub min_length: usize,
    /// The most characters a new username may have; at most 64. _Default:_ 32.
    pub max_length: usize,
    /// Names that nobody may choose, nor what looks like them, besides those that nobody may choose
    /// anywhere, such as `admin` and `postmaster`. _Default:_ none.
    pub reserved: Vec<String>,
}

impl Default for UsernameConfig {
    fn default() -> Self {
        Self { min_length: 4, max_length: 32, reserved: Vec::new() }
    }
}

impl UsernameConfig {
    pub(super) fn check(&self) -> Result<()> {
        let Self { min_length, max_length, .. } = *self;
        if min_length == 0 || min_length > max_length || max_length > 64 {
            return Err(Error::config(
                "username",
                "has impossible lengths",
                "Set min_length to 1 or more, and max_length to no less and at most 64",
            ));
        }
        Ok(())
    }
}

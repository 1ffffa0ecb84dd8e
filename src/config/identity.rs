//! What identifies users, and which usernames may be chosen.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An attribute that identifies a user: an entry of `security.identity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentityAttribute {
    /// The e-mail address.
    Email,
    /// The username.
    Username,
}

/// `[default.security.username]`: which usernames may be chosen.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct UsernameConfig {
    /// Sets the minimal length of a new username, in characters. At least 1; an invalid value stops the
    /// launch. _Default:_ 4.
    pub min_length: usize,
    /// Sets the maximal length of a new username, in characters: from `min_length` to 64. An invalid value
    /// stops the launch. _Default:_ 32.
    pub max_length: usize,
    /// Lists names that cannot be chosen, and neither can names that look like them. Names such as `admin`
    /// and `postmaster` are always reserved. _Default:_ none.
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

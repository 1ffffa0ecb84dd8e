//! Errors in the text of a key.

use std::fmt;

/// An error in the text of a key, and its cure. It never quotes the text.
#[derive(Debug)]
pub struct KeyFault {
    fault: String,
    cure: &'static str,
}

impl KeyFault {
    /// Returns what is wrong, in words that follow the name of a setting or a file.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Returns how to correct it.
    pub fn cure(&self) -> &'static str {
        self.cure
    }

    pub(super) fn new(fault: impl Into<String>) -> Self {
        Self { fault: fault.into(), cure: MAKE_ONE }
    }

    pub(super) fn with_cure(fault: impl Into<String>, cure: &'static str) -> Self {
        Self { fault: fault.into(), cure }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}. {}", self.fault, self.cure)
    }
}

const MAKE_ONE: &str = "Make one with `rocket-security keys generate` and set it";

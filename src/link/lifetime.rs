//! How long a link may grant access to an account.

use crate::config::Span;
use crate::error::{Error, Result};

/// The longest time for which a link grants access to an account (NIST SP 800-63B-4, section 4.2.1.2).
pub const LONGEST: Span = Span::hours(24);

/// Checks that a setting does not let a link grant access to an account for longer than [`LONGEST`].
///
/// # Errors
///
/// [`Error::Config`] for the setting `key`, below `security`, if `within` is longer.
pub fn check_lifetime(key: &str, within: Span) -> Result<()> {
    if within > LONGEST {
        return Err(Error::config(key, "is longer than a day", "Set it to \"24h\" or less"));
    }
    Ok(())
}

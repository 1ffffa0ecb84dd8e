//! How long a link may open an account.

use crate::config::Span;
use crate::error::{Error, Result};

/// The longest that a link opens an account (NIST SP 800-63B-4, section 4.2.1.2).
pub const LONGEST: Span = Span::hours(24);

/// Refuses a setting by which a link would open an account for longer.
///
/// # Errors
///
/// [`Error::Config`] naming `key`, which stands below `security`.
pub fn check_lifetime(key: &str, within: Span) -> Result<()> {
    if within > LONGEST {
        return Err(Error::config(key, "is longer than a day", "Set it to \"24h\" or less"));
    }
    Ok(())
}

//! How long sessions last.

use serde::Deserialize;

use crate::config::span::Span;
use crate::error::{Error, Faults};

/// `[default.security.session]`: how long a session lasts.
///
/// The defaults are those of NIST SP 800-63B-4 for its authentication assurance level 2. Another
/// level sets others, and `idle` and `absolute` go before it:
///
/// | `aal` | `idle` | `absolute` | section |
/// |---|---|---|---|
/// | 1 | none of its own: `"30days"` | `"30days"` | 2.1.3 |
/// | 2 | `"1h"` | `"24h"` | 2.2.3 |
/// | 3 | `"15m"` | `"12h"` | 2.3.3 |
///
/// The level speaks of the times alone: it asks nobody for a second factor. With 2 or 3 written down, the
/// launch stops while the feature [`remember`](crate::features::remember) is enabled: a browser that is
/// remembered comes back without a proof after these times (section 5.1). With any level written down, a
/// program that refreshes its [tokens](crate::config::TokensConfig) is logged in no longer than these times.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "SessionSettings")]
#[non_exhaustive]
pub struct SessionConfig {
    /// How long a session lasts without a request. _Default:_ `"1h"`.
    pub idle: Span,
    /// How long a session lasts at most. _Default:_ `"24h"`.
    pub absolute: Span,
    /// How many sessions a user may have; the oldest gives way. _Default:_ 20.
    pub max_per_user: u32,
    /// Whether a level was written down that wants everybody to prove again who they are.
    pub(crate) ends_for_good: bool,
    /// Whether any level was written down: a program is logged in no longer than a session then.
    pub(crate) bounds_families: bool,
}

/// [`SessionConfig`] as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SessionSettings {
    aal: Option<AssuranceLevel>,
    idle: Option<Span>,
    absolute: Option<Span>,
    max_per_user: Option<u32>,
}

/// An authentication assurance level (NIST SP 800-63B-4, section 2).
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u8")]
enum AssuranceLevel {
    One,
    #[default]
    Two,
    Three,
}

impl TryFrom<u8> for AssuranceLevel {
    type Error = &'static str;

    fn try_from(level: u8) -> Result<Self, Self::Error> {
        match level {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            _ => Err("it is not one of the assurance levels 1, 2 and 3"),
        }
    }
}

impl From<SessionSettings> for SessionConfig {
    fn from(settings: SessionSettings) -> Self {
        let (idle, absolute) = match settings.aal.unwrap_or_default() {
            AssuranceLevel::One => (Span::hours(30 * 24), Span::hours(30 * 24)),
            AssuranceLevel::Two => (Span::hours(1), Span::hours(24)),
            AssuranceLevel::Three => (Span::minutes(15), Span::hours(12)),
        };
        Self {
            idle: settings.idle.unwrap_or(idle),
            absolute: settings.absolute.unwrap_or(absolute),
            max_per_user: settings.max_per_user.unwrap_or(20),
            ends_for_good: matches!(
                settings.aal,
                Some(AssuranceLevel::Two | AssuranceLevel::Three)
            ),
            bounds_families: settings.aal.is_some(),
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionSettings::default().into()
    }
}

impl SessionConfig {
    pub(super) fn check(&self, faults: &mut Faults) {
        if self.max_per_user == 0 {
            let cure = "Set it to 1 or more";
            faults.push(Error::config("session.max_per_user", "is 0", cure));
        }
        if self.idle > self.absolute {
            faults.push(Error::config(
                "session.idle",
                "is longer than session.absolute",
                "Make it shorter, or the other longer",
            ));
        }
    }
}

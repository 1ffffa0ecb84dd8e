//! How long sessions last.

use serde::Deserialize;

use crate::config::span::Span;
use crate::error::{Error, Faults};

/// `[default.security.session]`: how long a session lasts.
///
/// The defaults are those of NIST SP 800-63B-4 for authentication assurance level 2. Set `aal` to choose the
/// times of another level; `idle` and `absolute` take precedence over it:
///
/// | `aal` | `idle` | `absolute` | section |
/// |---|---|---|---|
/// | 1 | no separate limit: `"30days"` | `"30days"` | 2.1.3 |
/// | 2 | `"1h"` | `"24h"` | 2.2.3 |
/// | 3 | `"15m"` | `"12h"` | 2.3.3 |
///
/// The level sets only times; it does not require a second factor. If `aal` is set to 2 or 3, the launch
/// stops while the feature [`remember`](crate::features::remember) is enabled: a remembered browser would be
/// logged in again without a proof after these times (section 5.1). If `aal` is set at all, a program that
/// refreshes its [tokens](crate::config::TokensConfig) stays logged in no longer than these times.
///
/// An invalid value stops the launch.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "SessionSettings")]
#[non_exhaustive]
pub struct SessionConfig {
    /// Sets the authentication assurance level that gives `idle` and `absolute` their defaults: 1, 2 or 3. Level
    /// 2 or 3 stops the launch while the feature [`remember`](crate::features::remember) is enabled.
    /// _Default:_ none, with the times of level 2.
    pub aal: Option<AssuranceLevel>,
    /// Sets how long a session lasts without a request: from 1 second, and at most `absolute`. _Default:_
    /// `"1h"`.
    pub idle: Span,
    /// Sets how long a session lasts in all. _Default:_ `"24h"`.
    pub absolute: Span,
    /// Sets how many sessions a user may have, at least 1. A login beyond this number ends the oldest
    /// session. _Default:_ 20.
    pub max_per_user: u32,
}

/// [`SessionConfig`] as it is written in the configuration.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SessionSettings {
    aal: Option<AssuranceLevel>,
    idle: Option<Span>,
    absolute: Option<Span>,
    max_per_user: Option<u32>,
}

/// An authentication assurance level (NIST SP 800-63B-4, section 2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub enum AssuranceLevel {
    /// Level 1.
    One,
    /// Level 2.
    #[default]
    Two,
    /// Level 3.
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
            aal: settings.aal,
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionSettings::default().into()
    }
}

impl SessionConfig {
    /// Returns `true` if users must prove again who they are when a session ends.
    pub(crate) fn ends_for_good(&self) -> bool {
        matches!(self.aal, Some(AssuranceLevel::Two | AssuranceLevel::Three))
    }

    /// Returns `true` if a program stays logged in no longer than a session.
    pub(crate) fn bounds_families(&self) -> bool {
        self.aal.is_some()
    }

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

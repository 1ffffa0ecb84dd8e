//! Lengths of time.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;

/// A length of time, written in the configuration as `"90s"`, `"1h 30m"` or `"2 days"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// A span of that length.
    pub const fn new(length: Duration) -> Self {
        Self(length)
    }

    /// A span of that many hours.
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3_600))
    }

    /// A span of that many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// Gives the span in the standard library's type.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// Gives the span in chrono's type.
    pub fn delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::from_std(self.0).unwrap_or(chrono::TimeDelta::MAX)
    }
}

/// In words, for people: `2 days`, `1 hour 30 minutes`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [
            (seconds / 86_400, "day"),
            (seconds % 86_400 / 3_600, "hour"),
            (seconds % 3_600 / 60, "minute"),
            (seconds % 60, "second"),
        ];
        let words: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        f.write_str(&words.join(" "))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span = humantime::parse_duration(&text).map_err(|fault| {
            D::Error::custom(format!("not a length of time such as \"90s\" or \"2h\" ({fault})"))
        })?;
        let longest = Duration::from_secs(10 * 366 * 86_400);
        if span.is_zero() || span > longest {
            return Err(D::Error::custom("a length of time between 1 second and 10 years"));
        }
        Ok(Self(span))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        humantime::format_duration(self.0).to_string().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Span;

    #[test]
    fn spans_read_as_words() {
        assert_eq!(Span::hours(48).to_string(), "2 days");
        assert_eq!(Span::minutes(90).to_string(), "1 hour 30 minutes");
    }
}

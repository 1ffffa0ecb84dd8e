//! Durations in the configuration.

use std::fmt;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration, written in the configuration as `"90s"`, `"1h 30m"` or `"2 days"`: from 1 second to 10 years.
/// A number without a unit and any other invalid value stop the launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// Creates a span of this length.
    pub const fn new(length: Duration) -> Self {
        Self(length)
    }

    /// Creates a span of this many hours.
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3_600))
    }

    /// Creates a span of this many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// Returns the span as a duration of the standard library.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// Returns the span as a duration of `chrono`.
    pub fn delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::from_std(self.0).unwrap_or(chrono::TimeDelta::MAX)
    }
}

/// Formats the span in words: `2 days`, `1 hour 30 minutes`.
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
        let most = Duration::from_secs(10 * 366 * 86_400);
        let bounds = Bounds::new(Duration::from_secs(1), most, "between 1 second and 10 years");
        deserializer.deserialize_any(bounds).map(Self)
    }
}

/// Reads a duration in the configuration and checks its limits.
pub(super) struct Bounds {
    least: Duration,
    most: Duration,
    /// Both limits in words, to follow "a length of time" in an error.
    words: &'static str,
}

impl Bounds {
    pub(super) const fn new(least: Duration, most: Duration, words: &'static str) -> Self {
        Self { least, most, words }
    }
}

impl<'de> Visitor<'de> for Bounds {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as \"90s\" or \"2h\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        let length = humantime::parse_duration(text).map_err(|fault| {
            E::custom(format!("it is not a length of time such as \"90s\" or \"2h\" ({fault})"))
        })?;
        if length < self.least || length > self.most {
            return Err(E::custom(format!("it is not a length of time {}", self.words)));
        }
        Ok(length)
    }

    fn visit_i64<E: serde::de::Error>(self, _number: i64) -> Result<Duration, E> {
        Err(E::custom(WITHOUT_UNIT))
    }

    fn visit_u64<E: serde::de::Error>(self, _number: u64) -> Result<Duration, E> {
        Err(E::custom(WITHOUT_UNIT))
    }

    fn visit_f64<E: serde::de::Error>(self, _number: f64) -> Result<Duration, E> {
        Err(E::custom(WITHOUT_UNIT))
    }
}

const WITHOUT_UNIT: &str =
    "it is a number without a unit. Write it with a unit, in quotes: \"15m\"";

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        humantime::format_duration(self.0).to_string().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::span::Span;

    #[test]
    fn a_span_is_a_second_at_least_and_has_a_unit() {
        for text in ["1s", "1000ms", "90s", "1h 30m", "3650days"] {
            assert!(serde_json::from_value::<Span>(json!(text)).is_ok(), "{text}");
        }
        for (value, fault) in [
            (json!("0s"), "it is not a length of time between 1 second and 10 years"),
            (json!("999ms"), "it is not a length of time between 1 second and 10 years"),
            (json!("11years"), "it is not a length of time between 1 second and 10 years"),
            (json!("soon"), "it is not a length of time such as \"90s\" or \"2h\" ("),
            (json!(900), "it is a number without a unit. Write it with a unit, in quotes: \"15m\""),
            (json!(-1), "it is a number without a unit"),
            (json!(1.5), "it is a number without a unit"),
            (json!(["1s"]), "invalid type: sequence, expected a length of time such as"),
        ] {
            let told = serde_json::from_value::<Span>(value).unwrap_err().to_string();
            assert!(told.starts_with(fault), "{told}");
        }
    }

    #[test]
    fn spans_read_as_words() {
        assert_eq!(Span::hours(48).to_string(), "2 days");
        assert_eq!(Span::minutes(90).to_string(), "1 hour 30 minutes");
    }
}

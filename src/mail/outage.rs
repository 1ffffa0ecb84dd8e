//! Decides when a lasting failure is logged: when it begins, every ten minutes, and when it is over.

use std::fmt;

use chrono::TimeDelta;

use crate::clock::Timestamp;

/// How often a lasting failure is logged.
const REMINDER: TimeDelta = TimeDelta::minutes(10);

/// A failure that may last.
#[derive(Default)]
pub(super) struct Outage(Option<Lasting>);

struct Lasting {
    since: Timestamp,
    told_at: Timestamp,
}

/// What to log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The failure begins.
    Begins,
    /// The failure has lasted this long.
    Lasts(Minutes),
    /// The failure is over, after this long.
    IsOver(Minutes),
}

impl Outage {
    /// Notes a failure or a success, and returns what to log.
    pub(super) fn note(&mut self, failed: bool, now: Timestamp) -> Option<News> {
        match &mut self.0 {
            None if failed => {
                self.0 = Some(Lasting { since: now, told_at: now });
                Some(News::Begins)
            }
            None => None,
            Some(lasting) if failed => {
                if now - lasting.told_at < REMINDER {
                    return None;
                }
                lasting.told_at = now;
                Some(News::Lasts(Minutes(now - lasting.since)))
            }
            Some(lasting) => {
                let news = News::IsOver(Minutes(now - lasting.since));
                self.0 = None;
                Some(news)
            }
        }
    }
}

/// A duration in words, to the minute.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Minutes(TimeDelta);

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.num_minutes() {
            ..1 => f.write_str("less than a minute"),
            1 => f.write_str("a minute"),
            minutes => write!(f, "{minutes} minutes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::clock::Clock;
    use crate::mail::outage::{News, Outage};

    #[test]
    fn a_failure_is_told_of_when_it_begins_every_ten_minutes_and_when_it_is_over() {
        let start = Clock::default().now();
        let mut outage = Outage::default();
        let mut told = Vec::new();
        for second in 0..1_500 {
            let failed = (100..1_400).contains(&second);
            if let Some(news) = outage.note(failed, start + TimeDelta::seconds(second)) {
                let news = match news {
                    News::Begins => "begins".to_owned(),
                    News::Lasts(length) => format!("lasts {length}"),
                    News::IsOver(length) => format!("over after {length}"),
                };
                told.push((second, news));
            }
        }
        let told: Vec<_> = told.iter().map(|(second, news)| (*second, news.as_str())).collect();
        assert_eq!(
            told,
            [
                (100, "begins"),
                (700, "lasts 10 minutes"),
                (1_300, "lasts 20 minutes"),
                (1_400, "over after 21 minutes"),
            ]
        );
    }

    #[test]
    fn a_failure_that_comes_again_is_told_of_again() {
        let now = Clock::default().now();
        let mut outage = Outage::default();
        assert_eq!(outage.note(false, now), None);
        assert_eq!(outage.note(true, now), Some(News::Begins));
        assert_eq!(outage.note(true, now), None);
        assert!(matches!(outage.note(false, now), Some(News::IsOver(_))));
        assert_eq!(outage.note(false, now), None);
        assert_eq!(outage.note(true, now), Some(News::Begins));
    }
}

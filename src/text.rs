//! Texts that people read: refusals, notices, subjects of mails, labels.

use std::fmt;
use std::fmt::Display;

use serde::{Serialize, Serializer};

/// A text that people read: an id, its arguments, and the words in English.
///
/// The id identifies the text in every language. The part before its first dot is the code that programs
/// read, returned by [`reason`](Self::reason). In the words, `{name}` is replaced by the argument with that
/// name.
///
/// ```
/// use rocket_security::Text;
///
/// let text = Text::new("too_young.member", "You have to be {age} to join.").with("age", 16);
/// assert_eq!(text.to_string(), "You have to be 16 to join.");
/// assert_eq!(text.reason(), "too_young");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    id: &'static str,
    /// The reason code, if it is not the first part of the id.
    reason: Option<&'static str>,
    words: &'static str,
    arguments: Vec<(&'static str, String)>,
}

impl Text {
    /// Creates a text without arguments. `id` is in snake case, with dots between its parts.
    pub const fn new(id: &'static str, words: &'static str) -> Self {
        Self { id, reason: None, words, arguments: Vec::new() }
    }

    /// Sets an argument.
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.arguments.push((name, value.to_string()));
        self
    }

    /// Sets a reason code that is not the first part of the id, for a text that tells people less than
    /// programs.
    pub(crate) fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Returns the id.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Returns the reason code: the part of the id before its first dot.
    pub fn reason(&self) -> &'static str {
        let first = self.id.split_once('.').map_or(self.id, |(first, _)| first);
        self.reason.unwrap_or(first)
    }

    /// Returns the arguments with their names.
    pub fn arguments(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.arguments.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// As its words, for templates and JSON.
impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes the words in English. Arguments are inserted unchanged: braces in them are not replaced.
impl Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.words.split('{');
        f.write_str(parts.next().unwrap_or_default())?;
        for part in parts {
            let argument = part.split_once('}').and_then(|(name, rest)| {
                let (_, value) = self.arguments.iter().find(|(known, _)| *known == name)?;
                Some((value, rest))
            });
            match argument {
                Some((value, rest)) => write!(f, "{value}{rest}")?,
                None => write!(f, "{{{part}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::text::Text;

    #[test]
    fn an_argument_stands_where_its_name_is_and_is_not_looked_into() {
        let text =
            Text::new("a.b.c", "{one}, {two} and {one}.").with("one", "{two}").with("two", 2);
        assert_eq!(text.to_string(), "{two}, 2 and {two}.");
        assert_eq!((text.id(), text.reason()), ("a.b.c", "a"));
        assert_eq!(text.arguments().collect::<Vec<_>>(), [("one", "{two}"), ("two", "2")]);
    }

    #[test]
    fn braces_without_an_argument_stay() {
        for words in ["", "{", "}", "a {b", "a {b} c", "{{ site_name }}"] {
            assert_eq!(Text::new("id", words).to_string(), words);
        }
        assert_eq!(Text::new("id", "a {b} {c}").with("c", 1).to_string(), "a {b} 1");
    }
}

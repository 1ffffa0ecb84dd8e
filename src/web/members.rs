//! Parses submitted members into a type, with the framework's own error messages.

use std::collections::BTreeMap;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde_json::{Map, Value};

use crate::rejection::{FieldErrors, Rejection};
use crate::text::Text;

/// Parses an object into a type, with the framework's own error messages. Values are not quoted, because they
/// may be secret.
///
/// # Errors
///
/// [`Rejection::InvalidInput`], which names the member.
pub(crate) fn read_members<T: DeserializeOwned>(
    members: Map<String, Value>,
    secret: &[&'static str],
    has: impl Fn(&str) -> bool,
) -> Result<T, Rejection> {
    let kinds = kinds(&members);
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|fault| {
        let path = fault.path().to_string();
        let field = if path == "." { "" } else { &path };
        let words = fault.inner().to_string();
        if words.starts_with("unknown field `") {
            return no_such_member(field, names_of::<T>().unwrap_or_default(), has);
        }
        if let Some(name) = quoted(&words, "missing field `") {
            return invalid(name, MISSING);
        }
        // Where a type is parsed member by member, the location of the fault is unknown. It may be in a
        // secret.
        let is_wrong_secret = |name: &&&'static str| {
            kinds.get(**name).is_some_and(|kind| !["a text", "null"].contains(kind))
        };
        let of_secret = || secret.iter().find(is_wrong_secret).copied();
        let field = if field.is_empty() { of_secret().unwrap_or_default() } else { field };
        invalid(field, untaken(kinds.get(field).copied()))
    })
}

/// What is said of a member that is not there.
pub(crate) const MISSING: Text = Text::new("required", "This field is required.");

/// Returns the message for a value that was not accepted, and whose kind is known or not.
pub(crate) fn untaken(kind: Option<&str>) -> Text {
    match kind {
        None | Some("a text") => {
            Text::new("unexpected_value.other", "This isn't a valid value for this field.")
        }
        Some(kind) => Text::new(
            "unexpected_value.kind",
            "This isn't a valid value for this \
        field: {kind} was sent.",
        )
        .with("kind", kind),
    }
}

/// Returns the text between backticks after the beginning of one of serde's messages.
pub(crate) fn quoted<'w>(words: &'w str, beginning: &str) -> Option<&'w str> {
    words.strip_prefix(beginning)?.split('`').next()
}

/// Returns the kind of each member, for messages that do not quote the value.
pub(crate) fn kinds(members: &Map<String, Value>) -> BTreeMap<String, &'static str> {
    members.iter().map(|(name, value)| (name.clone(), kind_of(value))).collect()
}

/// Refuses a field that only other configurations have, with the same answer as for an unknown field.
pub(crate) fn unknown_field(name: &str) -> Rejection {
    no_such_member(name, &[], |_| true)
}

/// Refuses the value of a field, or the whole input if the name is empty.
pub(super) fn invalid(field: &str, text: Text) -> Rejection {
    Rejection::InvalidInput(FieldErrors::one(field, text))
}

/// Returns the names of a type's members in order, or `None` for a type that is parsed member by member.
pub(super) fn names_of<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut names = None;
    // The deserializer notes the names and reads nothing.
    let _ = T::deserialize(Names(&mut names));
    names
}

/// Refuses an unknown member, and lists the known ones. Members that this configuration does not have are not
/// listed.
fn no_such_member(name: &str, names: &[&str], has: impl Fn(&str) -> bool) -> Rejection {
    let known: Vec<&str> = names.iter().copied().filter(|name| has(name)).collect();
    let (id, words) = match known.as_slice() {
        [] => (
            "unexpected_value.unexpected",
            "There is no member \u{201c}{name}\u{201d}. It is not expected here.",
        ),
        _ => (
            "unexpected_value.unknown",
            "There is no member \u{201c}{name}\u{201d}. Expected: {known}.",
        ),
    };
    invalid(name, Text::new(id, words).with("name", name).with("known", known.join(", ")))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

struct Names<'n>(&'n mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("nothing is read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Some(fields);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

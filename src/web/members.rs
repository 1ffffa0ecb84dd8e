//! The members of what was submitted, read into a type, with our own words for what is wrong.

use std::collections::BTreeMap;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde_json::{Map, Value};

use crate::rejection::{FieldErrors, Rejection};
use crate::text::Text;

/// Reads an object into a type that has these members, and says in our own words what is wrong. No value
/// is quoted, because it may be a secret.
///
/// # Errors
///
/// [`Rejection::InvalidInput`], naming the member.
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
        // Nothing tells where the fault is in what is read member by member: it may be in a secret.
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

/// Words that a value was not taken, of which the kind is known or not.
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

/// Returns what stands between backticks behind the beginning of one of serde's sentences.
pub(crate) fn quoted<'w>(words: &'w str, beginning: &str) -> Option<&'w str> {
    words.strip_prefix(beginning)?.split('`').next()
}

/// Returns of what kind each member is, to tell without quoting it.
pub(crate) fn kinds(members: &Map<String, Value>) -> BTreeMap<String, &'static str> {
    members.iter().map(|(name, value)| (name.clone(), kind_of(value))).collect()
}

/// Refuses a field that is not one, as the form does where it does not know the field at all: for one
/// that only some configurations have.
pub(crate) fn unknown_field(name: &str) -> Rejection {
    no_such_member(name, &[], |_| true)
}

/// Refuses the value of a field, or with no name the whole.
pub(super) fn invalid(field: &str, text: Text) -> Rejection {
    Rejection::InvalidInput(FieldErrors::one(field, text))
}

/// Returns the names of the members that a type has, in their order; none for a type that is read member by
/// member.
pub(super) fn names_of<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut names = None;
    // It notes the names and reads nothing.
    let _ = T::deserialize(Names(&mut names));
    names
}

/// Refuses a member that is unknown, and names those that there are. A user who mistakes a name is not told
/// of members that this configuration does not have.
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

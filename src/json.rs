//! JSON objects without duplicate names.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};

/// Reads a JSON object in which no object contains a name twice. serde_json limits its depth.
///
/// # Errors
///
/// Why the text is not such an object. The error quotes no part of the text.
pub(crate) fn parse_object(text: &[u8]) -> Result<Map<String, Value>, NoObject> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(NoObject(None));
    }
    match serde_json::from_slice(text) {
        Ok(Strict(Value::Object(object))) => Ok(object),
        Ok(Strict(_)) => Err(NoObject(None)),
        Err(fault) => Err(NoObject(Some(fault))),
    }
}

/// Why a text is not a JSON object. `None` if it begins like another type.
#[derive(Debug)]
pub(crate) struct NoObject(Option<serde_json::Error>);

/// Describes what is wrong, and where, without quoting the text: it may be a secret.
impl fmt::Display for NoObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(fault) = &self.0 else {
            return f.write_str("This is no JSON object.");
        };
        let what = match fault.classify() {
            Category::Eof => "it ends too early",
            Category::Data => "a name stands twice",
            Category::Syntax | Category::Io => "something is wrong",
        };
        let (line, column) = (fault.line(), fault.column());
        write!(f, "This is no JSON object: {what} at line {line}, column {column}.")
    }
}

/// A value in which no object contains a name twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use crate::json::parse_object;

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#]
        {
            assert!(parse_object(text.as_bytes()).is_err(), "{text}");
        }
        let text = r#"{"a":[1,-1,0.5,true,null,"x",{}],"b":{"a":18446744073709551615}}"#;
        let object = parse_object(text.as_bytes()).unwrap();
        assert_eq!(Some(object), serde_json::from_str(text).ok());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = "[".repeat(100_000);
        let texts = ["", "[]", r#"["a", "b"]"#, "1", "null", "\"a\"", "{", "{} {}", &deep];
        for text in texts.map(str::as_bytes).into_iter().chain([&b"\xff"[..], b"{\"a\":\"\xff\"}"])
        {
            assert!(parse_object(text).is_err());
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_a_quotation() {
        for (text, words) in [
            (r#""hunter2""#, "This is no JSON object."),
            (r#"{"hunter2":"#, "This is no JSON object: it ends too early at line 1, column 11."),
            (
                "{\"a\":1,\n\"a\":2}",
                "This is no JSON object: a name stands twice at line 2, column 6.",
            ),
        ] {
            assert_eq!(parse_object(text.as_bytes()).unwrap_err().to_string(), words);
        }
    }
}

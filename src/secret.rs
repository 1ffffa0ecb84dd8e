//! Values that must not be shown.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value that is never printed, is compared in constant time, and is wiped when it is dropped.
///
/// There is deliberately no `Display`, no `Serialize` and no `Deref`: the value is read with
/// [`expose`](Secret::expose), which a reviewer can search for.
///
/// ```
/// use rocket_security::Secret;
///
/// let secret = Secret::new("correct horse battery staple".to_owned());
/// assert_eq!(format!("{secret:?}"), "[secret]");
/// assert_eq!(secret.expose().len(), 28);
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns a reference to the value.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: Zeroize + Default> Default for Secret<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

impl<'de> Deserialize<'de> for Secret<String> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Some formats, when asked for a string, refuse other types themselves and quote them.
        deserializer.deserialize_any(TextVisitor)
    }
}

/// Adds methods to a visitor that refuse numbers and booleans with a fixed sentence. Serde's own messages
/// quote them.
macro_rules! refuse_scalars {
    ($sentence:expr) => {
        refuse_scalars!($sentence, visit_bool: bool, visit_i64: i64, visit_u64: u64);
        refuse_scalars!($sentence, visit_i128: i128, visit_u128: u128, visit_f64: f64);
    };
    ($sentence:expr, $($visit:ident: $scalar:ty),+) => {
        $(fn $visit<E: serde::de::Error>(self, _: $scalar) -> Result<Self::Value, E> {
            Err(E::custom($sentence))
        })+
    };
}

pub(crate) use refuse_scalars;

/// The fault of a value that must be text and is not.
const NO_TEXT: &str = "it is not text. Write it in quotes";

/// Reads text, without quoting any other value.
struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Secret<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret<String>, E> {
        Ok(Secret::new(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Secret<String>, E> {
        Ok(Secret::new(text))
    }

    refuse_scalars!(NO_TEXT);

    fn visit_unit<E: serde::de::Error>(self) -> Result<Secret<String>, E> {
        Err(E::custom(NO_TEXT))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Secret<String>, A::Error> {
        Err(A::Error::custom(NO_TEXT))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Secret<String>, A::Error> {
        Err(A::Error::custom(NO_TEXT))
    }
}

#[cfg(test)]
mod tests {
    use crate::secret::Secret;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[secret]");
    }

    #[test]
    fn secrets_compare_by_value() {
        assert_eq!(Secret::new("a".to_owned()), Secret::new("a".to_owned()));
        assert_ne!(Secret::new("a".to_owned()), Secret::new("b".to_owned()));
    }

    #[test]
    fn what_is_no_text_is_refused_and_not_quoted() {
        let read = |json: &str| serde_json::from_str::<Secret<String>>(json);
        assert_eq!(read("\"12345\"").unwrap().expose(), "12345");
        for json in ["12345", "-12345", "12345.5", "true", "null", "[\"12345\"]", "{\"12345\": 1}"]
        {
            let fault = read(json).unwrap_err().to_string();
            assert!(fault.starts_with("it is not text. Write it in quotes"), "{json}: {fault}");
            assert!(!fault.contains("12345") && !fault.contains("true"), "{fault}");
        }
    }
}

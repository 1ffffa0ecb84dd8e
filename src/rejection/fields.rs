//! What is wrong with the fields of a form.

use std::error::Error as StdError;
use std::fmt;

use crate::text::Text;

/// What is wrong with one field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name; empty for what concerns the form as a whole.
    pub field: String,
    /// What is wrong with it.
    pub text: Text,
}

impl FieldError {
    /// Returns the code for programs, in snake case.
    pub fn reason(&self) -> &'static str {
        self.text.reason()
    }
}

/// What is wrong with a form, in the order of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Begins with nothing wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with one field that is wrong.
    pub fn one(field: &str, text: impl Into<Text>) -> Self {
        let mut errors = Self::default();
        errors.push(field, text);
        errors
    }

    /// Notes that `field` is wrong.
    pub fn push(&mut self, field: &str, text: impl Into<Text>) {
        self.0.push(FieldError { field: field.to_owned(), text: text.into() });
    }

    /// Returns the value, or notes what is wrong with `field` and gives none.
    pub fn take<T, E: Into<Text>>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.push(field, fault);
                None
            }
        }
    }

    /// Notes everything that `more` holds.
    pub fn extend(&mut self, more: FieldErrors) {
        self.0.extend(more.0);
    }

    /// Forgets what does not count.
    pub fn retain(&mut self, counts: impl FnMut(&FieldError) -> bool) {
        self.0.retain(counts);
    }

    /// Returns `true` if nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is wrong, in order.
    pub fn iter(&self) -> impl Iterator<Item = &FieldError> {
        self.0.iter()
    }
}

impl StdError for FieldErrors {}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.iter().map(|error| error.text.to_string()).collect();
        f.write_str(&texts.join(" "))
    }
}

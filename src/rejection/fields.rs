//! Errors in the fields of a form.

use std::error::Error as StdError;
use std::fmt;

use crate::text::Text;

/// An error in one field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// The name of the field. Empty for an error of the form as a whole.
    pub field: String,
    /// The message for people.
    pub text: Text,
}

impl FieldError {
    /// Returns the code for programs, in snake case.
    pub fn reason(&self) -> &'static str {
        self.text.reason()
    }
}

/// The errors of a form, in the order of its fields.
///
/// ```
/// use rocket_security::Text;
/// use rocket_security::rejection::FieldErrors;
///
/// let mut errors = FieldErrors::new();
/// let age = errors.take("age", "x".parse::<u8>().map_err(|_| Text::new("age_invalid", "Enter a number.")));
/// assert_eq!(age, None);
/// assert_eq!(errors.iter().next().unwrap().reason(), "age_invalid");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a list with one error.
    pub fn one(field: &str, text: impl Into<Text>) -> Self {
        let mut errors = Self::default();
        errors.push(field, text);
        errors
    }

    /// Adds an error for `field`.
    pub fn push(&mut self, field: &str, text: impl Into<Text>) {
        self.0.push(FieldError { field: field.to_owned(), text: text.into() });
    }

    /// Returns the parsed value. If parsing failed, adds the error for `field` and returns `None`.
    pub fn take<T, E: Into<Text>>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.push(field, fault);
                None
            }
        }
    }

    /// Adds all errors of `more`.
    pub fn extend(&mut self, more: FieldErrors) {
        self.0.extend(more.0);
    }

    /// Keeps only the errors for which `counts` returns `true`.
    pub fn retain(&mut self, counts: impl FnMut(&FieldError) -> bool) {
        self.0.retain(counts);
    }

    /// Returns `true` if there are no errors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the errors in order.
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

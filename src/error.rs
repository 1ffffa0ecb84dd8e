//! Errors on the server's side, for the operator.
//!
//! A mistake of the client is a [`Rejection`](crate::rejection::Rejection).

use std::error::Error as StdError;
use std::fmt;

/// An error on the server's side.
///
/// The client never sees its text. A request that fails with it is answered with 503, and the client may try
/// again.
///
/// Stores and mail transports of an application wrap their own errors:
///
/// ```
/// use rocket_security::Error;
/// use rocket_security::Result;
///
/// fn read_users(path: &str) -> Result<String> {
///     std::fs::read_to_string(path).map_err(Error::store)
/// }
///
/// let fault = read_users("no/such/file").unwrap_err();
/// assert!(fault.to_string().starts_with("the datastore failed: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration value is missing or invalid. The launch stops.
    #[error("{key}: {fault}. {cure}")]
    Config {
        /// The key, for example `security.base_url`.
        key: String,
        /// What is wrong with the value.
        fault: String,
        /// How to correct it.
        cure: String,
    },

    /// The configuration has several errors. The launch stops and reports all of them.
    #[error("{}", one_a_line(.0))]
    Several(Vec<Error>),

    /// The datastore did not answer, or answered with an error.
    #[error("the datastore failed: {0}")]
    Store(#[source] Box<dyn StdError + Send + Sync>),

    /// The schema of the datastore is not the one that this version needs. The launch stops.
    #[error("the schema of the datastore {fault}. {cure}")]
    Schema {
        /// What is wrong with the schema.
        fault: String,
        /// How to correct it.
        cure: String,
    },

    /// A row contains a value that cannot be read, so this version did not write it.
    #[error("the datastore holds a value that cannot be read: {0}")]
    Corrupt(String),

    /// The operating system returned no randomness, or a cryptographic operation failed.
    #[error("a cryptographic operation failed: {0}")]
    Crypto(String),

    /// Another service could not be reached, or its answer was too large or too late.
    #[error("another service did not answer: {0}")]
    Http(#[source] Box<dyn StdError + Send + Sync>),

    /// A token cannot be issued in the way that the application asks for.
    #[error("a token cannot be issued: {0}")]
    Token(String),

    /// A token cannot be issued to the user who asks for it. The source is the refusal that the client is
    /// told.
    #[error("a token cannot be issued: {0}")]
    TokenRefused(#[source] Box<dyn StdError + Send + Sync>),

    /// A template is missing or wrong.
    #[error("{fault}")]
    Template {
        /// The template, what is wrong with it, and the line if it is known.
        fault: String,
        /// The error of the template engine.
        source: Box<tera::Error>,
    },

    /// A message could not be written or delivered.
    #[error("mail could not be sent: {0}")]
    Mail(#[source] Box<dyn StdError + Send + Sync>),

    /// A mail server refuses this message, or its recipient, permanently.
    #[error("mail was refused for good: {0}")]
    MailRefused(#[source] Box<dyn StdError + Send + Sync>),

    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The path of the file.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

impl Error {
    /// Creates an [`Error::Config`] for a key below `security`, with what is wrong with its value, and the
    /// cure.
    pub fn config(
        key: impl fmt::Display,
        fault: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::Config { key: format!("security.{key}"), fault: fault.into(), cure: cure.into() }
    }

    /// Creates an [`Error::Config`] for a key of Rocket itself, which is written in full.
    pub(crate) fn rocket_config(
        key: impl Into<String>,
        fault: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::Config { key: key.into(), fault: fault.into(), cure: cure.into() }
    }

    /// Creates an [`Error::Schema`].
    pub fn schema(fault: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Schema { fault: fault.into(), cure: cure.into() }
    }

    /// Wraps an error of the template engine, with its causes: it names the file first and the line last.
    pub(crate) fn template(source: tera::Error) -> Self {
        let fault = format!("a template failed: {}", with_causes(&source));
        Self::Template { fault, source: Box::new(source) }
    }

    /// Wraps an error of a datastore, for your own stores.
    pub fn store(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Store(source.into())
    }

    /// Wraps the refusal of a token. Clients are told this refusal.
    pub(crate) fn token_refused(refusal: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::TokenRefused(refusal.into())
    }

    /// Wraps an error in sending mail. Sending is tried again later.
    pub fn mail(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Mail(source.into())
    }

    /// Wraps a refusal that concerns this message or its recipient, and that another attempt will not change.
    pub fn mail_refused(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::MailRefused(source.into())
    }
}

/// Collects errors, so that one launch reports all of them and not only the first.
///
/// Only the first error of a setting, or of anything below it, is kept: further ones are most likely its
/// consequences.
#[derive(Debug, Default)]
pub struct Faults {
    noted: Vec<Error>,
    /// How many of them were found while reading.
    of_reading: usize,
}

impl Faults {
    /// Returns the value of a result, or notes its error and returns `None`.
    pub fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                self.push(fault);
                None
            }
        }
    }

    /// Notes an error, or several.
    pub fn push(&mut self, fault: Error) {
        match fault {
            Error::Several(faults) => faults.into_iter().for_each(|fault| self.push(fault)),
            Error::Config { key, .. } if self.concern(&key) => {}
            fault => self.noted.push(fault),
        }
    }

    /// Ends the phase of reading. An invalid entry was left out of its list, which moves the entries after
    /// it. So later errors in that list are not noted.
    pub(crate) fn end_reading(&mut self) {
        self.of_reading = self.noted.len();
    }

    /// Returns `Ok` if no error was noted.
    ///
    /// # Errors
    ///
    /// The error that was noted, or [`Error::Several`] with all of them.
    pub fn finish(mut self) -> Result<()> {
        match (self.noted.pop(), self.noted.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                self.noted.push(last);
                Err(Error::Several(self.noted))
            }
        }
    }

    /// Returns the value if no error was noted.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub fn settle<T>(self, value: Option<T>) -> Result<T> {
        self.finish()?;
        // If the value is missing, an error was noted.
        value.ok_or_else(|| Error::Corrupt("a configuration without a fault".to_owned()))
    }

    /// Returns `true` if an error of this key, or of a key above it, was noted.
    fn concern(&self, key: &str) -> bool {
        self.noted.iter().enumerate().any(|(at, fault)| {
            let Error::Config { key: noted, .. } = fault else {
                return false;
            };
            let list = noted.split('[').next().unwrap_or_default();
            let is_whole_list = at < self.of_reading || !key.contains('[');
            key.strip_prefix(if is_whole_list { list } else { noted })
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

fn one_a_line(faults: &[Error]) -> String {
    faults.iter().map(Error::to_string).collect::<Vec<_>>().join("\n")
}

/// Formats an error and its causes in one line.
pub(crate) fn with_causes(fault: &dyn StdError) -> String {
    let causes = std::iter::successors(Some(fault), |fault: &&dyn StdError| (*fault).source());
    let texts: Vec<String> = causes.map(|fault| fault.to_string().replace('\n', " ")).collect();
    texts.join(": ")
}

/// The result of an operation that can fail only on the server's side.
pub type Result<T, E = Error> = std::result::Result<T, E>;

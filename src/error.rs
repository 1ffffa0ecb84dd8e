//! Faults: what went wrong on our side, for the operator.
//!
//! What a client did wrong is a [`Rejection`](crate::rejection::Rejection).

use std::error::Error as StdError;
use std::fmt;

/// What can go wrong on the server's side.
///
/// A client never sees its text: it is answered with 503 and told to try again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration value is missing or wrong; the launch stops.
    #[error("{key}: {fault}. {cure}")]
    Config {
        /// The key, for example `security.base_url`.
        key: String,
        /// What is wrong with its value.
        fault: String,
        /// What to do about it.
        cure: String,
    },

    /// The configuration has several faults; the launch stops and tells all of them.
    #[error("{}", one_a_line(.0))]
    Several(Vec<Error>),

    /// The datastore did not answer, or answered with a failure.
    #[error("the datastore failed: {0}")]
    Store(#[source] Box<dyn StdError + Send + Sync>),

    /// The schema of the datastore is not the one that this version works on; the launch stops.
    #[error("the schema of the datastore {fault}. {cure}")]
    Schema {
        /// What is wrong with it.
        fault: String,
        /// What to do about it.
        cure: String,
    },

    /// A row holds something that cannot be read, so it was not written by this version.
    #[error("the datastore holds a value that cannot be read: {0}")]
    Corrupt(String),

    /// The operating system gave no randomness, or a cryptographic operation failed.
    #[error("a cryptographic operation failed: {0}")]
    Crypto(String),

    /// Another service could not be reached, or its answer was too large or too late.
    #[error("another service did not answer: {0}")]
    Http(#[source] Box<dyn StdError + Send + Sync>),

    /// A token cannot be issued as the program asks for it.
    #[error("a token cannot be issued: {0}")]
    Token(String),

    /// A token cannot be issued to whoever asks for it: the refusal that they are told is the source.
    #[error("a token cannot be issued: {0}")]
    TokenRefused(#[source] Box<dyn StdError + Send + Sync>),

    /// A template is missing or wrong.
    #[error("{fault}")]
    Template {
        /// The template, what is wrong with it, and the line if it is known.
        fault: String,
        /// What the template engine said.
        source: Box<tera::Error>,
    },

    /// A message could not be written or delivered.
    #[error("mail could not be sent: {0}")]
    Mail(#[source] Box<dyn StdError + Send + Sync>),

    /// A mail server will never take this message for this recipient.
    #[error("mail was refused for good: {0}")]
    MailRefused(#[source] Box<dyn StdError + Send + Sync>),

    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file in question.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Names the configuration key below `security`, what is wrong with its value, and the cure.
    pub fn config(
        key: impl fmt::Display,
        fault: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::Config { key: format!("security.{key}"), fault: fault.into(), cure: cure.into() }
    }

    /// Does the same for a key of Rocket's own, spelled in full.
    pub(crate) fn rocket_config(
        key: impl Into<String>,
        fault: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::Config { key: key.into(), fault: fault.into(), cure: cure.into() }
    }

    /// Says what is wrong with a schema, and the cure.
    pub fn schema(fault: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Schema { fault: fault.into(), cure: cure.into() }
    }

    /// Wraps what a template engine says, with its causes: it names the file first and the line last.
    pub(crate) fn template(source: tera::Error) -> Self {
        let fault = format!("a template failed: {}", with_causes(&source));
        Self::Template { fault, source: Box::new(source) }
    }

    /// Wraps a failure of a datastore, for stores of an application's own.
    pub fn store(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Store(source.into())
    }

    /// Wraps the refusal of a token to whoever asks for it: clients are told that.
    pub(crate) fn token_refused(refusal: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::TokenRefused(refusal.into())
    }

    /// Wraps a failure to send mail.
    pub fn mail(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Mail(source.into())
    }

    /// Wraps a refusal that concerns this message or its recipient, and that asking again will not
    /// change.
    pub fn mail_refused(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::MailRefused(source.into())
    }
}

/// Collects faults, so that one launch tells all of them and not only the first.
///
/// Of one setting, and of what is below it, the first fault is kept: the next are most likely its
/// consequences.
#[derive(Debug, Default)]
pub struct Faults {
    noted: Vec<Error>,
    /// How many of them were found while reading.
    of_reading: usize,
}

impl Faults {
    /// Returns the value of a result, or notes its fault.
    pub fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                self.push(fault);
                None
            }
        }
    }

    /// Notes a fault, or several.
    pub fn push(&mut self, fault: Error) {
        match fault {
            Error::Several(faults) => faults.into_iter().for_each(|fault| self.push(fault)),
            Error::Config { key, .. } if self.concern(&key) => {}
            fault => self.noted.push(fault),
        }
    }

    /// Notes that everything is read. A wrong entry was left out of its list: from now on, what is found of
    /// that list is not noted, for its entries have other places.
    pub(crate) fn end_reading(&mut self) {
        self.of_reading = self.noted.len();
    }

    /// Returns success if no fault was noted.
    ///
    /// # Errors
    ///
    /// The fault that was noted, or [`Error::Several`] with all of them.
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

    /// Returns the value if no fault was noted.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub fn settle<T>(self, value: Option<T>) -> Result<T> {
        self.finish()?;
        // Where a value is missing, a fault was noted.
        value.ok_or_else(|| Error::Corrupt("a configuration without a fault".to_owned()))
    }

    /// Returns whether a key is noted, or what it is below.
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

/// Returns a fault with what caused it, in one line.
pub(crate) fn with_causes(fault: &dyn StdError) -> String {
    let causes = std::iter::successors(Some(fault), |fault: &&dyn StdError| (*fault).source());
    let texts: Vec<String> = causes.map(|fault| fault.to_string().replace('\n', " ")).collect();
    texts.join(": ")
}

/// The result of an operation that can only fail by our own fault.
pub type Result<T, E = Error> = std::result::Result<T, E>;

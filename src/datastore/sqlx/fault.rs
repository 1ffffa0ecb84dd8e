//! Failures of a database, and what they mean.

use ::sqlx::error::ErrorKind;

use crate::datastore::sqlx::dialect::{Diagnosis, Dialect};
use crate::error::Error;

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
#[error("{source}{}", self.hint())]
pub(super) struct Fault {
    pub(super) source: ::sqlx::Error,
    /// Whether it had no effect and may not happen again.
    pub(super) is_harmless: bool,
}

impl Fault {
    fn new<DB: Dialect>(source: ::sqlx::Error, may_have_happened: bool) -> Self {
        let is_harmless = match diagnose::<DB>(&source) {
            Diagnosis::Undone => true,
            Diagnosis::Disconnected => !may_have_happened,
            Diagnosis::ReadOnly | Diagnosis::MissingTable | Diagnosis::Other => false,
        };
        Self { source, is_harmless }
    }

    fn in_error(fault: &Error) -> Option<&Self> {
        match fault {
            Error::Store(source) => source.downcast_ref::<Self>(),
            _ => None,
        }
    }

    fn is_of(&self, kind: ErrorKind) -> bool {
        self.source.as_database_error().is_some_and(|fault| fault.kind() == kind)
    }

    /// Returns the remedy if a pooler broke prepared statements (invalid_sql_statement_name,
    /// duplicate_prepared_statement).
    fn hint(&self) -> &'static str {
        let code = self.source.as_database_error().and_then(|fault| fault.code());
        match code.as_deref() {
            Some("26000" | "42P05") => {
                ". When a pooler such as PgBouncer stands before the database, set \
                 databases.security.transaction_pooling = true, and have statements of your own \
                 said with `.persistent(false)`"
            }
            _ => "",
        }
    }
}

/// Returns `true` if the operation had no effect and may succeed next time.
pub(super) fn is_harmless(fault: &Error) -> bool {
    Fault::in_error(fault).is_some_and(|fault| fault.is_harmless)
}

/// Returns `true` if a row was refused because its key is taken.
pub(super) fn is_unique_violation(fault: &Error) -> bool {
    Fault::in_error(fault).is_some_and(|fault| fault.is_of(ErrorKind::UniqueViolation))
}

/// Returns `true` if a row was refused because its key is taken, and the name of this key ends with one of
/// `keys`.
///
/// PostgreSQL reports the name of the key separately. MySQL and SQLite report it at the end of the message,
/// MySQL after the value, which a client can choose.
pub(super) fn is_unique_violation_of(fault: &Error, keys: &[&str]) -> bool {
    let source = Fault::in_error(fault).and_then(|fault| fault.source.as_database_error());
    let Some(source) = source.filter(|source| source.is_unique_violation()) else {
        return false;
    };
    let name = source.constraint().unwrap_or(source.message());
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    keys.iter().any(|key| name.ends_with(key))
}

/// Returns `true` if a row was refused because the row that it belongs to does not exist.
pub(super) fn is_foreign_key_violation(fault: &Error) -> bool {
    Fault::in_error(fault).is_some_and(|fault| fault.is_of(ErrorKind::ForeignKeyViolation))
}

/// Returns `true` if a table does not exist.
pub(super) fn is_missing_table<DB: Dialect>(fault: &Error) -> bool {
    Fault::in_error(fault)
        .is_some_and(|fault| diagnose::<DB>(&fault.source) == Diagnosis::MissingTable)
}

fn diagnose<DB: Dialect>(fault: &::sqlx::Error) -> Diagnosis {
    match fault {
        ::sqlx::Error::Database(fault) => DB::diagnose(fault.as_ref()),
        ::sqlx::Error::Io(_) | ::sqlx::Error::Protocol(_) => Diagnosis::Disconnected,
        _ => Diagnosis::Other,
    }
}

/// Wraps a failure before the commit: the operation had no effect.
pub(super) fn failed<DB: Dialect>(fault: ::sqlx::Error) -> Error {
    Error::store(Fault::new::<DB>(fault, false))
}

/// Wraps a failure of a commit: if the connection was lost, it is unknown whether the operation had an
/// effect.
pub(super) fn uncertain<DB: Dialect>(fault: ::sqlx::Error) -> Error {
    Error::store(Fault::new::<DB>(fault, true))
}

/// Records whether a connection is no longer usable after a fault.
pub(super) fn judge<DB: Dialect, T>(
    outcome: ::sqlx::Result<T>,
    is_spent: &mut bool,
) -> ::sqlx::Result<T> {
    if let Err(fault) = &outcome {
        let diagnosis = diagnose::<DB>(fault);
        *is_spent |= matches!(diagnosis, Diagnosis::Disconnected | Diagnosis::ReadOnly);
    }
    outcome
}

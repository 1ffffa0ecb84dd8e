//! What a request lacked, and why a session ended.

use serde::Serialize;

/// What the user or the token of a request lacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// Roles, by name: those that the guard requires and the user lacks, or all that the guard accepts.
    Roles(Vec<&'static str>),
    /// Permissions, by name, likewise.
    Permissions(Vec<&'static str>),
    /// Scopes that the token lacks, by name.
    Scopes(Vec<&'static str>),
    /// The consent of this [policy](crate::Policy), by the name of its type.
    Policy(&'static str),
}

/// Why a session, or a program's login, ended without a request to log out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionEnd {
    /// It was unused for too long, or too old.
    Expired,
    /// It was the oldest, and the user had more than allowed.
    Evicted,
    /// Its user ended it from another session.
    ByUser,
    /// An operator ended it.
    ByOperator,
    /// Its remember token was used a second time, so there is a copy of it.
    Theft,
}

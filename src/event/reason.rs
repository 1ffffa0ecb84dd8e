//! What somebody lacked, and why something ended.

use serde::Serialize;

/// What a user, or the token of a request, lacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// Roles, by name: all that the guard requires and the user lacks, or all of which it accepts any.
    Roles(Vec<&'static str>),
    /// Permissions, by name, likewise.
    Permissions(Vec<&'static str>),
    /// Scopes that the token does not have, by name.
    Scopes(Vec<&'static str>),
    /// The consent of this [policy](crate::Policy), by the name of its type.
    Policy(&'static str),
}

/// Why a session ended without its browser asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionEnd {
    /// It was not used for too long, or was too old.
    Expired,
    /// It was the oldest of more than a user may have.
    Evicted,
    /// Its user ended it, in another session.
    ByUser,
    /// An operator ended it.
    ByOperator,
    /// What its browser is remembered by was in other hands, too.
    Theft,
}

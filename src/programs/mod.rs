//! Logins of programs: how they begin, continue and end, and whether their tokens are still valid.
//!
//! A program logs in with a password or together with a session. From then on it has a family of refresh
//! tokens. [`Programs`] is in Rocket's managed state. [`Flow`](crate::flow::Flow) decides what a login
//! proves, as for any other login.

mod answer;
mod bearer;
mod begin;
mod checked;
mod conflict;
mod end;
mod facts;
mod kept;
mod login;
mod presented;
mod refresh;
mod revoked;
pub(crate) mod sweep;
pub mod ticket;

pub(crate) use crate::programs::kept::ProgramsIn;

pub use crate::programs::answer::with_pair;
pub use crate::programs::kept::Programs;

//! Logins of programs: how they begin, go on and end, and by what their tokens are good still.
//!
//! A program logs in with a password, or together with a session, and has a family of refresh tokens from then
//! on. [`Programs`] is in Rocket's managed state; what a login proves is up to [`Flow`](crate::flow::Flow), as for
//! any other.

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

//! Logins: how they are proved, held while they lack a proof, begun, stepped up and ended.
//!
//! Every login ends in [`Flow::log_in`] with an [`Authenticated`], which only this module can create, and
//! only this module issues session ids. So code that skips the check of the account, a second factor or the
//! limits on attempts does not compile. An unfinished login is a [`PendingLogin`] and nothing else.

pub mod access;
mod choice;
mod disabled;
mod door;
mod entry;
mod judges;
pub mod lapse;
pub mod limits;
pub mod once;
mod own;
mod password;
pub mod pending;
mod programs;
mod remember;
mod session;
mod set_up;
pub mod username;

pub(crate) use crate::flow::judges::Judges;
pub(crate) use crate::flow::programs::ProgramLogins;
pub(crate) use crate::flow::session::{authenticated_event, session_ended, user_agent};

pub use crate::flow::choice::{Choice, Chooser};
pub use crate::flow::door::Flow;
pub use crate::flow::entry::{Authenticated, Entry, PendingLogin};
pub use crate::flow::remember::Return;

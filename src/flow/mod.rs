//! The one way a login is proved, held while it lacks a proof, begun, stepped up and ended.
//!
//! Every way in ends in [`Flow::log_in`] with an [`Authenticated`], which this module alone can make; it
//! alone issues session ids. So a path that skips the active check, a second factor or the limits on
//! attempts does not type-check. What is half in is a [`PendingLogin`] and nothing
//! else.

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
pub(crate) use crate::flow::session::{authenticated_event, user_agent};

pub use crate::flow::choice::{Choice, Chooser};
pub use crate::flow::door::Flow;
pub use crate::flow::entry::{Authenticated, Entry, PendingLogin};
pub use crate::flow::remember::Return;

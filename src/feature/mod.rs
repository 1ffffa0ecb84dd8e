//! The trait of all features, and the hooks by which features and applications take part in logins,
//! registrations and changes.

mod announcer;
mod attempt;
mod change;
mod factor;
mod hooks;
mod installation;
mod journaling;
mod manifest;
mod moments;
mod registering;
mod remembering;
mod sweeping;
mod verdict;

pub(crate) use crate::feature::announcer::{asker, write_down};
pub(crate) use crate::feature::factor::Factors;
pub(crate) use crate::feature::installation::Added;
pub(crate) use crate::feature::moments::Moments;

pub use crate::feature::announcer::Announcer;
pub use crate::feature::attempt::LoginAttempt;
pub use crate::feature::change::{Change, Committed};
pub use crate::feature::factor::Factor;
pub use crate::feature::hooks::Hooks;
pub use crate::feature::installation::Installation;
pub use crate::feature::journaling::Journaling;
pub use crate::feature::manifest::{Feature, configured};
pub use crate::feature::registering::{Registering, Registration};
pub use crate::feature::remembering::Remembering;
pub use crate::feature::sweeping::Sweeping;
pub use crate::feature::verdict::{Required, Verdict};

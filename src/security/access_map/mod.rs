//! The access map: every route of an application with what it demands of a request.

mod map;
mod mounted;
mod probe;
mod require;
mod table;

pub use crate::security::access_map::map::{AccessMap, CsrfCheck, Declared, RouteAccess};
pub use crate::security::access_map::require::{ROUTES_MARK, ROUTES_VARIABLE};

pub(super) use crate::security::access_map::map::Drawn;
pub(super) use crate::security::access_map::mounted::Mounted;
pub(super) use crate::security::access_map::require::GuardCheck;

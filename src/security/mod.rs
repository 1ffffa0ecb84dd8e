//! [`Security`]: the fairing that puts everything together.

mod access_map;
mod assembly;
mod builder;
mod concessions;
mod fairing;
pub(crate) mod housekeeping;
mod hurried;
pub(crate) mod master_keys;
mod own_pages;
mod registry;
mod settled;
mod setup;
mod stylesheet;
mod survey;
mod transport;

pub use crate::security::access_map::{
    AccessMap, CsrfCheck, Declared, ROUTES_MARK, ROUTES_VARIABLE, RouteAccess,
};
pub use crate::security::builder::Security;
pub use crate::security::master_keys::keyring;

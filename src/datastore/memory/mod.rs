//! The store in memory, for tests and for trying things out.
//!
//! One file a capability. Everything stands behind one lock, and each method takes it once: that
//! alone makes every operation one step.

mod attempt;
mod credential;
mod denylist;
mod lapse;
mod one_time;
mod outbox;
mod personal_token;
mod refresh;
mod remember;
mod role;
mod rows;
mod session;
mod store;
mod track;
mod user;

pub use crate::datastore::memory::store::MemoryDatastore;

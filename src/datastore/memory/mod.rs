//! The store in memory, for tests and for trying things out.
//!
//! Each capability has one file. One lock protects everything, and each method takes it once. This alone
//! makes every operation atomic.

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

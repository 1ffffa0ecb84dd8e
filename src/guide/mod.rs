//! The manual: what no single item of the reference tells.
//!
//! - [`databases`]: choosing a database, its schema, and what happens when it fails
//! - [`own_datastore`]: a store of one's own, and sharing a transaction with ours

#[doc = include_str!("databases.md")]
pub mod databases {}

#[doc = include_str!("own_datastore.md")]
pub mod own_datastore {}

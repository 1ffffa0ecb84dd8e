//! The store in memory.

/// A store in memory.
pub struct MemoryDatastore;

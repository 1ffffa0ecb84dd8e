//! How the test kit fails.

use std::fmt::Debug;

/// Takes out what the kit needs, or ends the test with a sentence.
pub(super) fn orderly<T, E: Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(fault) => panic!("the test kit failed: {fault:?}"),
    }
}

//! The examples as programs.

use std::path::{Path, PathBuf};

/// Returns where an example is built.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(Path::parent).unwrap().join("examples").join(name)
}

//! Templates of an application's own.

use std::fs;

use rocket::{Build, Rocket};
use tempfile::TempDir;

/// Gives an application templates, which are there for as long as the folder is.
pub(crate) fn with_templates(
    rocket: Rocket<Build>,
    templates: &[(&str, &str)],
) -> (Rocket<Build>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in templates {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let figment = rocket.figment().clone().merge(("template_dir", folder.path()));
    (rocket.configure(figment), folder)
}

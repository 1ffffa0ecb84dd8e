//! The ladder of CONTRIBUTING.md, read off the source: a module uses only what stands below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::files::files_below;

/// The rungs from the top. Modules on one rung do not know each other.
const LADDER: &[&[&str]] = &[
    &["cli", "guide", "security", "testing"],
    &["features"],
    &["guard"],
    &["flow"],
    &["web"],
    &["feature", "session", "mail", "token"],
    &["datastore", "event"],
    &["crypto"],
    &["config", "rejection", "template", "user"],
    &["clock", "deadline", "error", "nearest", "secret"],
];

/// Modules of the top rung that know each other: the test kit stands beside what it tests, and the
/// command line beside what it looks after.
const TOP: usize = 0;

fn rung(module: &str) -> Option<usize> {
    LADDER.iter().position(|rung| rung.contains(&module))
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
}

fn library_files() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    source_files(&root)
        .into_iter()
        .filter_map(|path| {
            let below = path.strip_prefix(&root).unwrap();
            let first = below.iter().next().unwrap().to_str().unwrap();
            let module = first.strip_suffix(".rs").unwrap_or(first).to_owned();
            (!["lib", "bin", "guide"].contains(&module.as_str())).then_some((module, path))
        })
        .collect()
}

/// Gives each `crate::…` path of a line, outside comments and macros for applications.
fn crate_paths(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with('$'))
        .map(|(at, _)| {
            let rest = &code[at + "crate::".len()..];
            rest.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect()
        })
        .collect()
}

#[test]
fn a_module_uses_only_lower_rungs() {
    let mut faults = Vec::new();
    for (module, path) in library_files() {
        let own = rung(&module).unwrap_or_else(|| panic!("{module} stands on no rung"));
        let text = fs::read_to_string(&path).unwrap();
        // A file of tests may use the test kit, as any test may.
        let is_test = text.contains("#![cfg(all(test, feature = \"testing\"))]");
        for (number, line) in text.lines().enumerate() {
            for used in crate_paths(line) {
                let name = used.split("::").next().unwrap_or_default().to_owned();
                if is_test && name == "testing" {
                    continue;
                }
                let place = format!("{}:{}: crate::{used}", path.display(), number + 1);
                match rung(&name) {
                    None => faults.push(format!("{place} is a re-export; import what defines it")),
                    Some(other) if name != module && other <= own && own != TOP => {
                        faults.push(format!("{place} is not below {module}"));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A path that climbs would lead past the other tests here. One beside a `$crate::` is a macro's,
/// and climbs in an application.
#[test]
fn no_path_climbs() {
    let mut faults = Vec::new();
    for (_, path) in library_files() {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("super::") && !code.contains("$crate::") {
                faults.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Files that import each other can only be read as one.
#[test]
fn the_files_of_the_store_in_a_database_import_each_other_in_one_direction() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/datastore/sqlx");
    let mut uses = BTreeMap::new();
    for path in source_files(&folder) {
        let own = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\n").next().unwrap_or_default();
        let used = code.lines().flat_map(crate_paths).filter_map(|path| {
            let file = path.strip_prefix("datastore::sqlx::")?.split("::").next()?;
            Some(file.to_owned())
        });
        let used: BTreeSet<String> = used.filter(|file| *file != own).collect();
        if own != "mod" {
            uses.insert(own, used);
        }
    }
    // Takes away, again and again, what imports nothing that is left.
    loop {
        let is_free = |used: &BTreeSet<String>| !used.iter().any(|file| uses.contains_key(file));
        let free: Vec<String> =
            uses.iter().filter(|(_, used)| is_free(used)).map(|(file, _)| file.clone()).collect();
        if free.is_empty() {
            break;
        }
        uses.retain(|file, _| !free.contains(file));
    }
    assert!(uses.is_empty(), "{uses:#?}");
}

#[test]
fn features_do_not_name_each_other() {
    let mut faults = Vec::new();
    let features = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/features");
    for (module, path) in library_files() {
        if module != "features" || path == features.join("mod.rs") {
            continue;
        }
        let below = path.strip_prefix(&features).unwrap().iter().next().unwrap();
        let stem = below.to_str().unwrap().trim_end_matches(".rs").to_owned();
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            for used in crate_paths(line) {
                let mut parts = used.split("::");
                if parts.next() == Some("features") && parts.next() != Some(&stem) {
                    faults.push(format!("{}:{}: crate::{used}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Law 1: nobody but `flow` gives a browser the id of a session that somebody is logged in with.
/// The contract suite has no browser: it asks stores.
#[test]
fn only_the_flow_begins_sessions() {
    let mut faults = Vec::new();
    for (module, path) in library_files() {
        let is_contract = path.iter().any(|part| part == "contract");
        if ["flow", "datastore", "session"].contains(&module.as_str()) || is_contract {
            continue;
        }
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let means = [".begin_session(", ".rotate_series(", ".become_user(", "SessionRecord {"];
            if means.iter().any(|it| line.contains(it)) {
                faults.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Law 1 again: a request is from whom a guard found it to be, by way of `flow`.
#[test]
fn only_guards_say_who_a_request_is_from() {
    let mut faults = Vec::new();
    for (module, path) in library_files() {
        if ["flow", "guard", "web"].contains(&module.as_str()) {
            continue;
        }
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if line.contains("sender::") || line.contains("Sender {") {
                faults.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Only `crypto` names a cryptography crate; only `mail` and the config name a mail crate.
#[test]
fn cryptography_stays_in_its_folder() {
    let mut faults = Vec::new();
    for (module, path) in library_files() {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let uses = |name: &str| code.contains(&format!("{name}::"));
            let crates = [
                "argon2",
                "ed25519_dalek",
                "getrandom",
                "hkdf",
                "hmac",
                "p384",
                "paserk",
                "pasetors",
                "rusty_paseto",
                "sha2",
            ];
            let is_crypto = crates.iter().any(|name| uses(name));
            if (is_crypto && module != "crypto") || (uses("lettre") && module != "mail") {
                faults.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

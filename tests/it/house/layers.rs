//! The ladder of CONTRIBUTING.md, read off the source: a module uses only what stands below it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::house::source::{circles, crate_paths, library_files, name_of, uses_by_file};

/// The rungs from the top. Modules on one rung do not know each other.
const LADDER: &[&[&str]] = &[
    &["cli", "guide", "security", "testing"],
    &["features"],
    &["guard", "link"],
    &["programs"],
    &["flow"],
    &["web"],
    &["feature", "session", "mail", "token"],
    &["datastore", "event"],
    &["crypto"],
    &["config", "http", "rejection", "template", "user"],
    &["clock", "deadline", "error", "json", "nearest", "secret", "text"],
];

/// Modules of the top rung that know each other: the test kit stands beside what it tests, and the
/// command line beside what it looks after.
const TOP: usize = 0;

/// How many lines a file has at most.
const LONGEST: usize = 400;

fn rung(module: &str) -> Option<usize> {
    LADDER.iter().position(|rung| rung.contains(&module))
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
fn no_files_import_each_other_in_a_circle() {
    let files: Vec<PathBuf> = library_files().into_iter().map(|(_, path)| path).collect();
    let uses = uses_by_file(&files);
    let mut faults = Vec::new();
    for circle in circles(&uses) {
        faults.push(format!("{} files import each other:", circle.len()));
        for file in &circle {
            for (used, paths) in uses[file].iter().filter(|(used, _)| circle.contains(*used)) {
                let paths: Vec<String> =
                    paths.iter().map(|path| format!("crate::{path}")).collect();
                faults.push(format!("  {file} imports {used}: {}", paths.join(", ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is longer has a second idea.
#[test]
fn no_file_is_longer_than_a_reader_can_follow() {
    let mut faults = Vec::new();
    for (_, path) in library_files() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > LONGEST {
            faults.push(format!("{}: {lines} lines", name_of(&path)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
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
            let means = [
                ".begin_session(",
                ".rotate_series(",
                ".become_user(",
                "SessionRecord {",
                "SessionRecord::new(",
            ];
            if means.iter().any(|it| line.contains(it)) {
                faults.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A file that no `mod` names is not compiled, and nothing says so.
#[test]
fn each_file_belongs_to_a_module() {
    let mut faults = Vec::new();
    for (_, path) in library_files() {
        let (folder, stem) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
        let (folder, name) = match stem {
            "mod" => (folder.parent().unwrap(), folder.file_name().unwrap().to_str().unwrap()),
            stem => (folder, stem),
        };
        let parents = [folder.join("mod.rs"), folder.join("lib.rs"), folder.with_extension("rs")];
        let parents = parents.iter().filter_map(|parent| fs::read_to_string(parent).ok());
        let line = format!("mod {name};");
        if !parents.into_iter().any(|parent| parent.contains(&line)) {
            faults.push(path.display().to_string());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The list of all features is what the configuration and the command line know of them.
#[test]
fn each_feature_is_in_the_list_of_all() {
    let text = fs::read_to_string("src/features/mod.rs").unwrap();
    let list = text.split("all_features! {").nth(1).unwrap().split('}').next().unwrap();
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules {
        assert!(list.contains(&format!(" {module}::")), "{module}");
    }
}

/// Law 1, too: the hooks are asked in the door alone, so that no way in forgets one.
#[test]
fn only_the_flow_asks_the_hooks() {
    let mut faults = Vec::new();
    for (module, path) in library_files() {
        if ["flow", "feature"].contains(&module.as_str()) {
            continue;
        }
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if line.contains("moments.") {
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
            if line.contains("principal::") || line.contains("Principal {") {
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

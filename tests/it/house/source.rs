//! The source of the library: its files, and which of them use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::files::files_below;

/// Which paths of which other files a file uses.
pub(super) type Uses = BTreeMap<String, BTreeSet<String>>;

/// Returns the files of a folder and of the folders in it.
pub(super) fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
}

/// Returns the files of the library, each with the module of the first rank that it belongs to.
pub(super) fn library_files() -> Vec<(String, PathBuf)> {
    let root = root();
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

/// Returns each `crate::…` path of a line up to its braces, outside comments and macros for
/// applications.
pub(super) fn crate_paths(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    starts_of_paths(code).map(|text| split_path(text).0).collect()
}

/// Reads off which files use which, outside tests: a path leads to the file that the longest part of
/// it names. A file that declares another uses it only if it says more of it than `mod`.
pub(super) fn uses_by_file(files: &[PathBuf]) -> BTreeMap<String, Uses> {
    let by_module: BTreeMap<String, String> =
        files.iter().map(|path| (module_of(path), name_of(path))).collect();
    let uses_of = |path: &PathBuf| {
        let (own, module) = (name_of(path), module_of(path));
        let code = code_outside_tests(&fs::read_to_string(path).unwrap());
        let paths = starts_of_paths(&code).flat_map(written_out);
        let mut uses = Uses::new();
        for path in paths.chain(paths_of_children(&code, &module)) {
            let used = prefixes(&path).find_map(|prefix| by_module.get(prefix));
            if let Some(used) = used.filter(|used| **used != own) {
                uses.entry(used.clone()).or_default().insert(path);
            }
        }
        (own, uses)
    };
    files.iter().map(uses_of).collect()
}

/// Returns the groups of files that use each other, however many others it takes.
pub(super) fn circles(uses: &BTreeMap<String, Uses>) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        uses.keys().map(|file| (file, reached_from(file, uses))).collect();
    let circle_of = |file: &String| -> BTreeSet<String> {
        let others = reached[file].iter();
        others
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(file)))
            .cloned()
            .collect()
    };
    let circles: BTreeSet<BTreeSet<String>> = uses.keys().map(circle_of).collect();
    circles.into_iter().filter(|circle| !circle.is_empty()).collect()
}

/// Returns the name of a file, from the folder of the source.
pub(super) fn name_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the module that a file has the text of, as `a::b`.
fn module_of(path: &Path) -> String {
    let name = name_of(path);
    let stem = name.strip_suffix(".rs").unwrap();
    stem.strip_suffix("/mod").unwrap_or(stem).replace('/', "::")
}

/// Returns what follows each `crate::`, but in macros for applications and in what says how far
/// something is seen.
fn starts_of_paths(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("crate::").filter_map(|(at, found)| {
        let before = &code[..at];
        let is_other = before.ends_with('$') || before.ends_with("(in ");
        (!is_other).then_some(&code[at + found.len()..])
    })
}

/// Writes out the path at the start of a text, one for each that it has in its braces.
fn written_out(text: &str) -> Vec<String> {
    let (path, rest) = split_path(text);
    let Some(group) = rest.strip_prefix('{').filter(|_| path.ends_with("::")) else {
        return vec![path.to_owned()];
    };
    let parts = parts_of(group).into_iter().filter(|part| !part.is_empty());
    parts.flat_map(written_out).map(|part| format!("{path}{part}")).collect()
}

/// Splits a text behind the path that it begins with.
fn split_path(text: &str) -> (&str, &str) {
    let is_of_path = |c: char| c.is_alphanumeric() || "_:".contains(c);
    text.split_at(text.find(|c| !is_of_path(c)).unwrap_or(text.len()))
}

/// Splits the text behind an opening brace at its own commas, up to the brace that closes it.
fn parts_of(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(group[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        if c == '}' && start == at + 1 {
            break;
        }
    }
    parts
}

/// Returns a text without comments and without what is compiled for tests only. An item ends where a
/// line that is indented like it ends with a brace or a semicolon.
fn code_outside_tests(text: &str) -> String {
    if text.contains("#![cfg(test)]") || text.contains("#![cfg(all(test,") {
        return String::new();
    }
    let mut code = String::new();
    let mut lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let attribute = line.trim_start();
        if attribute.starts_with("#[cfg(test)]") || attribute.starts_with("#[cfg(all(test,") {
            let is_end = |line: &str| {
                let is_level = line.len() - line.trim_start().len() == indent;
                is_level && line.trim_end().ends_with(['}', ';', ','])
            };
            lines.find(|line| is_end(line));
        } else {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Returns paths that a module names from its own children on, as `child::…`.
fn paths_of_children(code: &str, module: &str) -> Vec<String> {
    let words = code.lines().map(|line| line.trim().split(' ').rev());
    let children = words.filter_map(|mut words| {
        let child = words.next()?.strip_suffix(';')?;
        (words.next() == Some("mod")).then_some(child)
    });
    let is_named = |child: &&str| {
        code.match_indices(&format!("{child}::")).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            before.is_none_or(|c| !(c.is_alphanumeric() || "_:$.".contains(c)))
        })
    };
    children.filter(is_named).map(|child| format!("{module}::{child}")).collect()
}

/// Returns a path, and then ever less of it.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends: Vec<usize> = path.match_indices("::").map(|(at, _)| at).collect();
    std::iter::once(path).chain(ends.into_iter().rev().map(|end| &path[..end]))
}

/// Returns the files that a file uses, that these use, and so on.
fn reached_from(file: &str, uses: &BTreeMap<String, Uses>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![file];
    while let Some(file) = next.pop() {
        for used in uses.get(file).into_iter().flat_map(Uses::keys) {
            if reached.insert(used.clone()) {
                next.push(used);
            }
        }
    }
    reached
}

#[test]
fn a_group_of_imports_is_read_as_each_of_its_paths() {
    let code = "use crate::a::{\n    B, c::{D, E},\n    f,\n};\npub(in crate::g) use $crate::h;";
    let paths: Vec<String> = starts_of_paths(code).flat_map(written_out).collect();
    assert_eq!(paths, ["a::B", "a::c::D", "a::c::E", "a::f"]);
}

#[test]
fn what_is_compiled_for_tests_alone_and_what_is_said_in_comments_is_left_out() {
    let text =
        "use crate::a; // crate::b\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\nfn d() {}\n";
    assert_eq!(code_outside_tests(text), "use crate::a; \nfn d() {}\n");
}

#[test]
fn a_list_uses_those_of_its_files_alone_of_which_it_says_more_than_mod() {
    let code = "mod a;\npub mod b;\nmod c;\npub use crate::x::c::C;\nfn d() { b::run() }";
    assert_eq!(paths_of_children(code, "x"), ["x::b"]);
}

#[test]
fn files_that_use_each_other_by_way_of_others_are_one_circle() {
    let uses = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")];
    let uses = uses
        .map(|(file, used)| (file.to_owned(), Uses::from([(used.to_owned(), BTreeSet::new())])));
    let circle = ["a", "b", "c"].map(str::to_owned);
    assert_eq!(circles(&BTreeMap::from(uses)), [BTreeSet::from(circle)]);
}

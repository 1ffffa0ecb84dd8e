//! The chapter of the guide that lists every key of the configuration is written from the documentation of the
//! structs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::house::source::library_files;

const CHAPTER: &str = "src/guide/configuration.md";

/// What stands in the chapter before the first key, and after the last one.
const MARK: &str = "<!-- keys -->\n";

/// A key, what it sets, and its default.
struct Key {
    name: String,
    sets: String,
    default: String,
}

/// Returns the keys of each table: the public fields whose documentation names a default, of each struct whose
/// documentation names a table.
fn tables() -> BTreeMap<String, Vec<Key>> {
    let mut tables = BTreeMap::<String, Vec<Key>>::new();
    for (_, path) in library_files() {
        let source = fs::read_to_string(&path).unwrap();
        let (mut docs, mut table) = (String::new(), None);
        for line in source.lines() {
            let code = line.trim();
            if let Some(doc) = code.strip_prefix("///") {
                docs = format!("{docs} {}", doc.trim());
                continue;
            }
            if line.starts_with("pub struct ") {
                table = table_in(&docs);
            } else if line.starts_with('}') {
                table = None;
            } else if let (Some(table), Some(field)) = (&table, field_in(line)) {
                tables.entry(table.clone()).or_default().extend(key(field, &docs));
            }
            if !code.starts_with("#[") && !code.ends_with(")]") {
                docs.clear();
            }
        }
    }
    tables.retain(|_, keys| !keys.is_empty());
    tables
}

/// Returns the table that a documentation names first: `security`, or `security.mail`.
fn table_in(docs: &str) -> Option<String> {
    let name = docs.split_once("[default.")?.1.split_once(']')?.0;
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
    (name.starts_with("security") && is_plain).then(|| name.to_owned())
}

fn field_in(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("    pub ")?.split_once(": ")?;
    name.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(name)
}

fn key(name: &str, docs: &str) -> Option<Key> {
    let (sets, default) = docs.split_once("_Default:_")?;
    let sets = without_links(sets);
    let first = sets.split_inclusive(". ").next().unwrap_or_default();
    Some(Key {
        name: name.to_owned(),
        sets: first.trim().to_owned(),
        default: without_links(default).trim().trim_end_matches('.').to_owned(),
    })
}

/// Returns a documentation with the text of its links alone, on one line of a table.
fn without_links(docs: &str) -> String {
    let mut text = String::new();
    let mut rest = docs;
    while let Some((before, link)) = rest.split_once("[`") {
        let (label, after) = link.split_once("`]").unwrap_or((link, ""));
        text.push_str(&format!("{before}`{label}`"));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    text.push_str(rest);
    text.replace('|', "\\|")
}

fn reference() -> String {
    let mut text = String::new();
    for (table, keys) in tables() {
        text.push_str(&format!(
            "\n# `[default.{table}]`\n\n| key | what it does | default |\n|---|---|---|\n"
        ));
        for Key { name, sets, default } in keys {
            text.push_str(&format!("| `{name}` | {sets} | {default} |\n"));
        }
    }
    text
}

/// To write the keys anew, run it with `WRITE_CONFIGURATION_REFERENCE=1`.
#[test]
fn the_chapter_has_every_key_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHAPTER);
    let chapter = fs::read_to_string(&path).unwrap();
    let mut parts = chapter.split(MARK);
    let (before, keys, after) = (parts.next(), parts.next(), parts.next());
    let (Some(before), Some(keys), Some(after)) = (before, keys, after) else {
        panic!("{CHAPTER} has no keys between two lines {MARK:?}");
    };
    let written = reference();
    assert!(written.matches("\n| `").count() > 90, "{written}");
    if std::env::var_os("WRITE_CONFIGURATION_REFERENCE").is_some() {
        fs::write(&path, format!("{before}{MARK}{written}{MARK}{after}")).unwrap();
        return;
    }
    assert_eq!(keys, written, "run this test with WRITE_CONFIGURATION_REFERENCE=1");
}

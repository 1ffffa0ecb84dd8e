//! Texts that people read: each id stands for one of them.

use std::collections::BTreeMap;
use std::fs;

use crate::house::source::library_files;

/// Returns the ids and words of `Text::new("…", "…")` in a source, outside of its tests.
fn texts_in(source: &str) -> Vec<(String, String)> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim().starts_with("//")).collect();
    let literal = |text: &str| Some(text.trim().strip_prefix('"')?.split_once('"')?.0.to_owned());
    let after = |text: &str| Some(text.split_once("\",")?.1.to_owned());
    let calls = code.join("\n");
    let calls = calls.split("Text::new(").skip(1);
    calls.filter_map(|call| Some((literal(call)?, literal(&after(call)?)?))).collect()
}

#[test]
fn an_id_stands_for_one_text() {
    let mut words = BTreeMap::<String, String>::new();
    for (_, path) in library_files() {
        for (id, said) in texts_in(&fs::read_to_string(&path).unwrap()) {
            let is_plain =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
            assert!(id.chars().all(is_plain), "{id}");
            let first = words.entry(id.clone()).or_insert_with(|| said.clone());
            assert_eq!(*first, said, "{id} in {}", path.display());
        }
    }
    assert!(words.len() > 70, "{}", words.len());
}

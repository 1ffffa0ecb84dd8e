//! The English of the documentation: words that readers stumble over, counted.

use std::fs;
use std::path::Path;

use crate::support::files::files_below;

/// Words and phrases that have a plainer one, and how often they may stand in `src` nevertheless.
const COUNTED: &[(&str, usize)] = &[
    ("whoever", 0),
    ("whomever", 0),
    ("somebody", 0),
    ("anybody", 0),
    ("nobody", 18),
    ("no more", 0),
    ("is to be", 0),
    ("are to be", 0),
    ("tells whether", 0),
];

/// Returns each place of a phrase, in any case, as a word of its own.
fn places(phrase: &str, files: &[(String, String)]) -> Vec<String> {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut places = Vec::new();
    for (name, text) in files {
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            for (at, _) in line.match_indices(phrase) {
                let (before, after) = (&line[..at], &line[at + phrase.len()..]);
                let is_whole =
                    !is_word(before.chars().next_back()) && !is_word(after.chars().next());
                // "No more than" is a bound.
                if is_whole && !(phrase == "no more" && after.starts_with(" than")) {
                    places.push(format!("{name}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    places
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    for path in files_below(&root) {
        if path.extension().is_some_and(|ending| ending == "rs" || ending == "md") {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            sources.push((name, fs::read_to_string(path).unwrap()));
        }
    }
    assert!(sources.len() > 300, "{}", sources.len());
    sources
}

#[test]
fn the_documentation_is_in_plain_english() {
    let files = sources();
    for (phrase, allowed) in COUNTED {
        let places = places(phrase, &files);
        assert!(
            places.len() <= *allowed,
            "\"{phrase}\" stands {} times, and {allowed} are allowed:\n{}",
            places.len(),
            places.join("\n")
        );
    }
}

/// `Returns` is what readers search for.
#[test]
fn no_documentation_begins_with_gives() {
    let files = sources();
    let gives: Vec<String> =
        ["/// gives", "//! gives"].into_iter().flat_map(|phrase| places(phrase, &files)).collect();
    assert!(gives.is_empty(), "{}", gives.join("\n"));
}

#[test]
fn a_phrase_is_found_as_a_word_of_its_own() {
    let files = [("a.rs".to_owned(), "Nobody, nobody_else\nno more than 2, no more".to_owned())];
    assert_eq!(places("nobody", &files), ["a.rs:1: nobody, nobody_else"]);
    assert_eq!(places("no more", &files).len(), 1);
}

//! Checks whether a password is among the first that guessing programs try, with bounded work for any
//! password.
//!
//! The time of `zxcvbn` grows with the cube of the length, and again with each way to read the characters
//! that look like letters (`4`, `@`, `(`, …): a password of 100 such characters costs more than a second. So
//! it sees only 24 characters at a time, from the beginning and from the end, with at most a dozen readings.
//! A part with more readings is judged twice without them: once with every such character read as its letter,
//! and once with none of them.
//!
//! A password is as hard to guess as its hardest part, so one good part suffices.

use zxcvbn::{Score, zxcvbn};

/// The length of a part, in characters. Three random words are longer than needed, and so are nine random
/// characters.
const PART: usize = 24;

/// The most readings that are tried: as many as the ten digits have.
const MAX_READINGS: usize = 12;

/// The characters that `zxcvbn` reads as letters.
const LOOKALIKES: &[(char, &str)] = &[
    ('a', "4@"),
    ('b', "8"),
    ('c', "({[<"),
    ('e', "3"),
    ('g', "69"),
    ('i', "1!|"),
    ('l', "1|7"),
    ('o', "0"),
    ('s', "$5"),
    ('t', "+7"),
    ('x', "%"),
    ('z', "2"),
];

/// Returns `true` for a password below score 3, "safely unguessable", which is also Flask-Security's
/// `ZXCVBN_MINIMUM_SCORE`. `words` are words that an attacker knows about the user and the site.
pub(super) fn is_guessable(password: &str, words: &[&str]) -> bool {
    if password.chars().count() <= PART {
        return is_part_guessable(password, words);
    }
    // A word across the end of a part would be taken for random characters.
    let rest = two_of_many(&without(password, words));
    let count = rest.chars().count();
    let start: String = rest.chars().take(PART).collect();
    if !is_part_guessable(&start, words) {
        return false;
    }
    let end: String = rest.chars().skip(count.saturating_sub(PART)).collect();
    count <= PART || is_part_guessable(&end, words)
}

/// Shortens a text that repeats its beginning until the end to two repetitions: a part that ended within a
/// repetition would look less regular than it is.
fn two_of_many(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let is_period = |period: &usize| {
        characters.iter().zip(characters.iter().skip(*period)).all(|(one, other)| one == other)
    };
    let period = (1..=characters.len() / 2).find(is_period);
    characters.into_iter().take(period.map_or(usize::MAX, |period| 2 * period)).collect()
}

/// Removes the words from a password, in any case.
fn without(password: &str, words: &[&str]) -> String {
    let mut words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    words.retain(|word| word.chars().count() > 3);
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let lower = password.to_lowercase();
    if words.iter().any(|word| lower.contains(word.as_str())) {
        words.iter().fold(lower, |rest, word| rest.replace(word.as_str(), ""))
    } else {
        password.to_owned()
    }
}

fn is_part_guessable(part: &str, words: &[&str]) -> bool {
    let is_weak = |text: &str| zxcvbn(text, words).score() < Score::Three;
    if readings(part) <= MAX_READINGS {
        return is_weak(part);
    }
    is_weak(&with(part, as_letter)) || is_weak(&with(part, as_nothing))
}

/// Returns the number of ways to read the characters of a text as letters.
fn readings(part: &str) -> usize {
    let mut seen = String::new();
    let mut all: usize = 1;
    for (_, lookalikes) in LOOKALIKES {
        let mut ways = 0;
        for character in lookalikes.chars().filter(|it| part.contains(*it)) {
            // A character that may already be another letter can be read as either.
            ways += if seen.contains(character) { 2 } else { 1 };
            seen.push(character);
        }
        all = all.saturating_mul(ways.max(1));
    }
    all
}

fn with(part: &str, change: fn(char) -> char) -> String {
    part.chars().map(change).collect()
}

fn as_letter(character: char) -> char {
    let row = LOOKALIKES.iter().find(|(_, lookalikes)| lookalikes.contains(character));
    row.map_or(character, |(letter, _)| *letter)
}

/// Keeps digits, which make dates and sequences, and removes the other readings.
fn as_nothing(character: char) -> char {
    let is_sign = !character.is_ascii_digit() && as_letter(character) != character;
    if is_sign { '-' } else { character }
}

#[cfg(test)]
mod tests {
    use crate::crypto::guessable::{MAX_READINGS, is_guessable, readings};

    #[test]
    fn digits_alone_are_read_in_every_way() {
        assert_eq!(readings("0123456789"), MAX_READINGS);
        assert_eq!(readings("correct horse"), 1);
        assert_eq!(readings("p@$$w0rd!"), 1);
        assert!(readings("4@8({[<369!1|0$5+7%2") > 1_000);
    }

    #[test]
    fn one_good_part_suffices_wherever_it_is() {
        let good = "ferry seven marble onion";
        assert!(!is_guessable(good, &[]));
        assert!(!is_guessable(&format!("{good}{}", "a".repeat(100)), &[]));
        assert!(!is_guessable(&format!("{}{good}", "a".repeat(100)), &[]));
    }

    #[test]
    fn a_long_password_of_weak_parts_is_guessable() {
        for text in [
            "a".repeat(1_000),
            "password".repeat(20),
            "1234567890".repeat(20),
            "abcdefgh".repeat(100),
            "qwertyuiop".repeat(10),
            "correcthorse".repeat(10) + "corr",
        ] {
            assert!(is_guessable(&text, &[]), "{text}");
        }
    }

    #[test]
    fn a_word_that_others_know_makes_a_password_no_better_by_its_length() {
        let words = ["bartholomew.featherstonehaugh@library.example.org"];
        let weak = format!("{}12345678", words[0]);
        assert!(is_guessable(&weak, &words));
        let good = format!("{} correct horse battery", words[0]);
        assert!(!is_guessable(&good, &words));
    }

    #[test]
    fn lookalikes_hide_no_weak_password() {
        for text in ["p@ssw0rd", "p4$$w0rd", "pa55word1|!", "(<[{(<[{(<[{1|!$5"] {
            assert!(is_guessable(text, &[]), "{text}");
        }
        let hidden = "p@$$w0rd {[(< 1|! 69";
        assert!(readings(hidden) > MAX_READINGS);
    }

    #[test]
    fn a_good_password_with_all_lookalikes_is_accepted() {
        for text in ["4@8({[<369!1|0$5+7%2", "k7$Qw{2|x9(Lm4@v!8z", "(9x[4m!2|w$7q<6z@8v"] {
            assert!(readings(text) > MAX_READINGS, "{text}");
            assert!(!is_guessable(text, &[]), "{text}");
        }
    }
}

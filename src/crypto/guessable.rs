//! Which passwords guessing programs try first, found with an effort that no password can raise.
//!
//! `zxcvbn` takes time that grows with the cube of the length, and anew for each way in which the
//! characters that look like letters (`4`, `@`, `(`, …) can be read: one password of 100 characters
//! with all of them costs more than a second. So it is asked about 24 characters at a time, at the
//! beginning and at the end, and about no more than a dozen readings. A part with more readings is
//! judged twice without them: with every such character read as its letter, and with none of them.
//!
//! A password is as hard to guess as its hardest part, so that one good part suffices.

use zxcvbn::{Score, zxcvbn};

/// The characters of a part. Three random words are more than is asked for; so are nine random
/// characters.
const PART: usize = 24;

/// The most readings that are tried: those of the ten digits.
const MAX_READINGS: usize = 12;

/// The characters that are read as letters, as `zxcvbn` has them.
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

/// Returns `true` for a password below score 3, "safely unguessable", which is Flask-Security's
/// `ZXCVBN_MINIMUM_SCORE` too. `words` are those that others know of the user and the site.
pub(super) fn is_guessable(password: &str, words: &[&str]) -> bool {
    if password.chars().count() <= PART {
        return is_part_guessable(password, words);
    }
    // A word that lies across the end of a part would be taken for random characters.
    let rest = two_of_many(&without(password, words));
    let count = rest.chars().count();
    let start: String = rest.chars().take(PART).collect();
    if !is_part_guessable(&start, words) {
        return false;
    }
    let end: String = rest.chars().skip(count.saturating_sub(PART)).collect();
    count <= PART || is_part_guessable(&end, words)
}

/// Cuts a text that repeats its beginning to the end down to two of the repetitions: a part that ended
/// within one would look less regular than it is.
fn two_of_many(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let is_period = |period: &usize| {
        characters.iter().zip(characters.iter().skip(*period)).all(|(one, other)| one == other)
    };
    let period = (1..=characters.len() / 2).find(is_period);
    characters.into_iter().take(period.map_or(usize::MAX, |period| 2 * period)).collect()
}

/// Takes the words out of a password, whatever their case.
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

/// Returns in how many ways the characters of a text can be read as letters, one for each.
fn readings(part: &str) -> usize {
    let mut seen = String::new();
    let mut all: usize = 1;
    for (_, lookalikes) in LOOKALIKES {
        let mut ways = 0;
        for character in lookalikes.chars().filter(|it| part.contains(*it)) {
            // One that may be another letter already is read as that or as this one.
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

/// Keeps digits, which make dates and sequences, and takes away the other readings.
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

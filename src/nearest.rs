//! Finds the name that a misspelt one most likely means.

/// Returns the candidate with the fewest differences from `name`, if they are no more than a third of its
/// characters. Two swapped neighbours count as one difference; case does not count.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let name = &name.to_lowercase();
    let most = (name.chars().count() / 3).max(1);
    let measured = candidates
        .into_iter()
        .map(|candidate| (difference(name, &candidate.to_lowercase()), candidate));
    let (least, candidate) = measured.min()?;
    (least <= most).then_some(candidate)
}

/// Counts the characters that are missing, superfluous, wrong, or swapped with their neighbour (the optimal
/// string alignment distance).
fn difference(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, char) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, column).saturating_add(usize::from(char != wanted));
            let removed = at(&last, column + 1).saturating_add(1);
            let added = at(&current, column).saturating_add(1);
            let mut best = replaced.min(removed).min(added);
            let is_swapped = row > 0
                && column > 0
                && one.get(row - 1) == Some(wanted)
                && other.get(column - 1) == Some(char);
            if is_swapped {
                best = best.min(at(&before_last, column - 1).saturating_add(1));
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::nearest::{difference, nearest};

    #[test]
    fn a_slip_is_one_difference_and_a_name_that_is_far_from_all_has_no_nearest() {
        for (one, other, expected) in [
            ("login", "login", 0),
            ("logn", "login", 1),
            ("confrim", "confirm", 1),
            ("", "keys", 4),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(difference(one, other), expected, "{one} {other}");
        }
        let known = ["base_url", "keys", "site_name", "mail"];
        assert_eq!(nearest("secret_keys", known), None);
        assert_eq!(nearest("base_ulr", known), Some("base_url"));
        assert_eq!(nearest("sitename", known), Some("site_name"));
        assert_eq!(nearest("KEYS", known), Some("keys"));
    }
}

//! How much work is done for a password if there is no hash to compare it with.
//!
//! A login with an unknown account must take as long as one with a known account. If the store holds hashes
//! of several [schemes](Scheme), known accounts take different times. An unknown identity therefore takes the
//! time of one of these schemes. A keyed digest of the identity chooses it, in proportion to the number of
//! accounts that have it. The same identity always takes the same time, and unknown identities take each time
//! as often as known ones.

use std::collections::BTreeMap;

use crate::crypto::one_time::Digest;
use crate::crypto::scheme::Scheme;

/// The number of stored hashes of each scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schemes(BTreeMap<Scheme, u64>);

impl Schemes {
    /// Counts a stored hash. A hash that cannot be verified is compared like a missing one, and does not
    /// count.
    pub fn count(&mut self, stored: &str) {
        if let Some(scheme) = Scheme::of(stored) {
            *self.0.entry(scheme).or_default() += 1;
        }
    }

    /// Chooses the scheme of an identity without a hash. Returns `None` if the store has no hashes.
    pub(crate) fn choose(&self, identity: &Digest) -> Option<Scheme> {
        let total: u128 = self.0.values().copied().map(u128::from).sum();
        let first = identity.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
        let mut position = (u128::from(u64::from_be_bytes(first)) * total) >> 64;
        self.0.iter().find_map(|(scheme, count)| {
            let count = u128::from(*count);
            if position < count {
                return Some(*scheme);
            }
            position -= count;
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::crypto::decoys::Schemes;
    use crate::crypto::one_time::keyed_digest;
    use crate::crypto::scheme::Scheme;

    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg";
    const DEAR: &str = "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg";
    const FOREIGN: &str = "$2b$12$abcdefghijklmnopqrstuuwK1fQ6p3g3";

    fn schemes(cheap: usize, dear: usize) -> Schemes {
        let mut schemes = Schemes::default();
        (0..cheap).for_each(|_| schemes.count(CHEAP));
        (0..dear).for_each(|_| schemes.count(DEAR));
        schemes
    }

    fn dear_of_a_thousand(schemes: &Schemes) -> usize {
        let identity = |number: usize| keyed_digest(&[7; 32], &[&number.to_be_bytes()]);
        let chosen = (0..1_000).map(|number| schemes.choose(&identity(number)));
        chosen.filter(|it| *it == Scheme::of(DEAR)).count()
    }

    #[test]
    fn an_unknown_identity_takes_a_scheme_in_proportion_to_the_stored_ones() {
        assert_eq!(dear_of_a_thousand(&schemes(5, 0)), 0);
        assert_eq!(dear_of_a_thousand(&schemes(0, 5)), 1_000);
        let quarter = dear_of_a_thousand(&schemes(30, 10));
        assert!((200..300).contains(&quarter), "{quarter}");
    }

    #[test]
    fn an_identity_keeps_its_scheme_while_the_proportions_stay() {
        let identity = keyed_digest(&[7; 32], &[b"ann@example.org"]);
        assert_eq!(schemes(1, 1).choose(&identity), schemes(50, 50).choose(&identity));
    }

    #[test]
    fn a_hash_that_cannot_be_verified_does_not_count() {
        let mut schemes = Schemes::default();
        schemes.count(FOREIGN);
        assert_eq!(schemes.choose(&keyed_digest(&[7; 32], &[b"ann@example.org"])), None);
    }
}

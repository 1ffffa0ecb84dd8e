//! The chain of an audit journal: each row's hash covers the row before it, and a seal that only
//! the holders of the keys can make vouches for the hash.
//!
//! The hash needs no key (SHA-256), so that a row whose key is gone is still vouched for by every
//! later row whose key is there. The seal is HMAC-SHA-256 over the hash.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::one_time::{Digest, keyed_digest};
use crate::error::Result;
use crate::secret::Secret;

/// What a seal is on. It goes into the seal, so that one cannot stand for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// A row.
    Row,
    /// What the last row is.
    Head,
}

impl Sealed {
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Row => b"row",
            Self::Head => b"head",
        }
    }
}

/// What came of looking at a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// It was made with one of the keys.
    Yes,
    /// It says that it was made with a key that is here, and was not.
    No,
    /// It says that it was made with a key that is not here.
    KeyIsGone,
}

/// Seals with the active key, and knows the seals of all.
#[derive(Clone)]
pub struct ChainSealer {
    keys: Vec<(i64, Secret<[u8; 32]>)>,
}

impl ChainSealer {
    /// Derives the keys.
    ///
    /// # Errors
    ///
    /// Never in practice, as for [`Keyring::derive`].
    pub fn new(keyring: &Keyring) -> Result<Self> {
        let keys = keyring.derive(Purpose::Audit)?;
        Ok(Self { keys: keys.into_iter().map(|key| (key_id(&key), key)).collect() })
    }

    /// Seals a hash; gives the seal, and the id of the key it was made with.
    pub fn seal(&self, what: Sealed, hash: &Digest) -> (i64, Digest) {
        match self.keys.first() {
            Some((id, key)) => (*id, seal_with(key, what, hash)),
            // A keyring is never empty.
            None => (0, Digest::from_bytes([0; 32])),
        }
    }

    /// Looks at a seal.
    pub fn look_at(&self, what: Sealed, hash: &Digest, key_id: i64, seal: &Digest) -> Vouched {
        match self.keys.iter().find(|(id, _)| *id == key_id) {
            None => Vouched::KeyIsGone,
            Some((_, key)) => {
                let right = seal_with(key, what, hash);
                match right.as_bytes().ct_eq(seal.as_bytes()).into() {
                    true => Vouched::Yes,
                    false => Vouched::No,
                }
            }
        }
    }
}

impl fmt::Debug for ChainSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainSealer")
    }
}

/// Hashes what a row of the chain says behind the hash of the row before it (SHA-256). Each part is
/// preceded by its length: no two lists collide.
pub fn link(previous: &Digest, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    Digest::from_bytes(hash.finalize().into())
}

fn seal_with(key: &Secret<[u8; 32]>, what: Sealed, hash: &Digest) -> Digest {
    keyed_digest(key.expose(), &[what.as_bytes(), hash.as_bytes()])
}

/// Names a key without telling anything of it: 32 bits of a keyed digest, as a number.
fn key_id(key: &Secret<[u8; 32]>) -> i64 {
    let digest = keyed_digest(key.expose(), &[b"key id"]);
    digest.as_bytes().iter().take(4).fold(0, |id, byte| id << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use crate::crypto::chain::{ChainSealer, Sealed, Vouched, link};
    use crate::crypto::keys::{Keyring, generate_paserk};
    use crate::crypto::one_time::Digest;

    #[test]
    fn a_seal_is_for_one_hash_of_one_kind_under_keys_old_and_new() {
        let (old, new) = (generate_paserk().unwrap(), generate_paserk().unwrap());
        let sealer = |keys: &[_]| ChainSealer::new(&Keyring::from_paserk(keys).unwrap()).unwrap();
        let before = sealer(std::slice::from_ref(&old));
        let hash = link(&Digest::from_bytes([0; 32]), &[b"a"]);
        let (id, seal) = before.seal(Sealed::Row, &hash);
        let after = sealer(&[new.clone(), old]);
        assert_eq!(after.look_at(Sealed::Row, &hash, id, &seal), Vouched::Yes);
        assert_eq!(after.look_at(Sealed::Head, &hash, id, &seal), Vouched::No);
        let other = link(&hash, &[b"a"]);
        assert_eq!(after.look_at(Sealed::Row, &other, id, &seal), Vouched::No);
        assert_eq!(sealer(&[new]).look_at(Sealed::Row, &hash, id, &seal), Vouched::KeyIsGone);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let zero = Digest::from_bytes([0; 32]);
        assert_ne!(link(&zero, &[b"ab", b"c"]), link(&zero, &[b"a", b"bc"]));
        assert_ne!(link(&zero, &[b"ab"]), link(&zero, &[b"ab", b""]));
    }
}

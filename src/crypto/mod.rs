//! The only module that uses cryptography crates.
//!
//! | module | purpose | with |
//! |---|---|---|
//! | [`keys`] | one key for each purpose, derived from the configured ones | HKDF-SHA-256 (RFC 5869) |
//! | [`paseto`] | sealed cookies | PASETO `v4.local` |
//! | [`vault`] | secrets in the store that must be read again | PASETO `v4.local` |
//! | [`token_key`] | the keys of tokens for programs | PASETO, PASERK |
//! | [`one_time`] | random tokens, and their digests for the store | SHA-256, HMAC-SHA-256 |
//! | [`personal_token`] | the text of personal access tokens | CRC-32 |
//! | [`remember_token`] | the token of a remembered browser, and its successor | HMAC-SHA-256 |
//! | [`chain`] | the hash chain of the audit journal, and its seals | SHA-256, HMAC-SHA-256 |
//! | [`password`] | passwords, and which of them may be chosen | NFC |
//! | `guessable` | which passwords are guessed first | zxcvbn |
//! | [`hasher`] | hashing passwords on separate threads | Argon2id (RFC 9106) |
//! | [`scheme`] | the parameters of a hash, and its computation | Argon2id (RFC 9106) |
//! | [`decoys`] | the work for accounts that do not exist | |
//! | `random` | randomness from the operating system | |
//! | `pool` | threads behind a bounded queue | |

pub mod chain;
pub mod decoys;
mod guessable;
pub mod hasher;
pub mod keys;
pub mod one_time;
pub mod paseto;
pub mod password;
pub mod personal_token;
pub(crate) mod pool;
mod random;
pub mod remember_token;
pub mod scheme;
pub mod token_key;
pub mod vault;

pub use crate::crypto::random::{random_bytes, random_uuid};

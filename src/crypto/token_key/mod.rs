//! The keys of PASETO tokens.
//!
//! A key belongs to one version and one purpose: nothing is decrypted or verified with a key unless
//! the head of the token says just these. It is named by its PASERK id: `k4.lid.…` for a symmetric
//! key, `k4.pid.…` for a key pair, whether its secret half is here or not.
//!
//! | file | what for |
//! |---|---|
//! | `key` | a key: what it is made of, its names, and its tokens |
//! | `text` | reading keys: PASERK, PEM, bare bytes, and what is refused |
//! | `published` | keys that are no keys, for everybody has them |
//! | `wrapped` | keys under a password |
//! | `v4` | version 4 |
//! | `legacy` | versions 2 and 3, with the cargo feature `legacy-paseto` |

mod fault;
mod key;
#[cfg(feature = "legacy-paseto")]
mod legacy;
mod material;
mod published;
mod text;
mod v4;
mod version;
mod wrapped;

pub use crate::crypto::token_key::fault::KeyFault;
pub use crate::crypto::token_key::key::TokenKey;
pub use crate::crypto::token_key::version::TokenVersion;

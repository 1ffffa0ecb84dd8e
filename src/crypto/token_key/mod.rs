//! The keys of PASETO tokens.
//!
//! A key belongs to one version and one purpose: it decrypts and verifies only tokens whose header names
//! both. Its name is its PASERK id: `k4.lid.…` for a symmetric key, and `k4.pid.…` for a key pair, with or
//! without its secret half.
//!
//! | module | purpose |
//! |---|---|
//! | `key` | a key with its id, and the tokens that it seals and opens |
//! | `text` | reading keys: PASERK, PEM, plain bytes, and what is refused |
//! | `published` | keys in public documents, which are refused |
//! | `wrapped` | keys that are wrapped with a password |
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

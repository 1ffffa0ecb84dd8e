//! PASETO tokens for programs: issues and verifies them.
//!
//! [`TokenIssuer`] issues tokens, and is also a guard. [`Verifier`] verifies them. Both are in Rocket's
//! managed state. A token has a [`TokenKind`], which is in its claim `typ` and in its implicit assertion, so
//! that a token of one kind is never accepted as another. The settings are those of
//! [`TokensConfig`](crate::config::TokensConfig). [`guide::tokens`](crate::guide::tokens) is the
//! introduction, and [`guide::token_reference`](crate::guide::token_reference) has every detail.
//!
//! | claim | meaning | set |
//! |---|---|---|
//! | `iss` | the issuer | always |
//! | `sub` | the subject: the id of a user, or what else the token is about | always |
//! | `aud` | the audience | always |
//! | `exp` | when it expires | always, unless tokens of the kind never expire |
//! | `nbf` | the time from which it is valid | always |
//! | `iat` | when it was issued | always |
//! | `jti` | the id of the token | always |
//! | `typ` | its kind | always |
//! | `sid` | the public id of the session that it was issued in | from an `AuthUser`, or by [`session`] |
//! | `fam` | the public id of its family of refresh tokens | from an `AuthUser`, or by [`family`] |
//! | `epoch` | the [epoch](crate::User::epoch) of the user | for a user |
//!
//! `sid` and `fam` are taken from an [`AuthUser`](crate::AuthUser) whose request belongs to a session, or to
//! a family.
//!
//! [`session`]: TokenBuilder::session
//! [`family`]: TokenBuilder::family

mod claims;
pub(crate) mod denied;
mod document;
mod families;
mod issue;
pub(crate) mod key_source;
mod kind;
mod limits;
mod refresh;
mod ring;
mod subject;
mod tokens;
mod verified;
pub(crate) mod verify;

pub use crate::token::claims::NoClaims;
pub use crate::token::denied::denied_as;
pub use crate::token::document::{PublicKey, PublicKeys};
pub use crate::token::issue::TokenBuilder;
pub use crate::token::kind::{Access, Lifetime, Refresh, TokenKind};
pub use crate::token::limits::{MAX_FOOTER_BYTES, MAX_TOKEN_BYTES};
pub use crate::token::refresh::{RefreshBuilder, TokenPair};
pub use crate::token::ring::TokenKeyInfo;
pub use crate::token::subject::{Holder, Subject};
pub use crate::token::tokens::TokenIssuer;
pub use crate::token::verified::VerifiedToken;
pub use crate::token::verify::Verifier;

pub(crate) use crate::token::families::BeginsFamilies;

//! PASETO tokens for programs: what is issued, and what is accepted.
//!
//! [`TokenIssuer`] issues, and is a guard; [`Verifier`] accepts; both stand in Rocket's managed state. A token is of a
//! [`TokenKind`], which stands in its claim `typ` and in its implicit assertion, so that one kind
//! never serves as another. Settings are those of [`TokensConfig`](crate::config::TokensConfig); the
//! whole story is told in [`guide::token_reference`](crate::guide::token_reference).
//!
//! | claim | what it says | set |
//! |---|---|---|
//! | `iss` | who issued it | always |
//! | `sub` | whom or what it is about: the id of a user | always |
//! | `aud` | whom it is for | always |
//! | `exp` | when it expires | always, unless the kind never does |
//! | `nbf` | from when on it is valid | always |
//! | `iat` | when it was issued | always |
//! | `jti` | its own id | always |
//! | `typ` | its kind | always |
//! | `sid` | the session that it was made in, by its public id | for an [`AuthUser`](crate::AuthUser) whose request belongs to one, and with [`session`](TokenBuilder::session) |
//! | `fam` | the family of refresh tokens that it belongs to, by its public id | for an `AuthUser` whose access token belongs to one, and with [`family`](TokenBuilder::family) |
//! | `epoch` | the epoch of the user, [`User::epoch`](crate::User::epoch) | for a user |

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

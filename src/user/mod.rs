//! Users: who they are, how they prove it, and what they are allowed to do.

mod account;
mod credential_kind;
mod email;
mod identity;
mod method;
mod permission;
mod proof;
mod role;
mod scope;
mod username;
mod username_policy;

pub use crate::user::account::{User, UserId, UserPayload};
pub use crate::user::credential_kind::{CredentialKind, CredentialKindError};
pub use crate::user::email::{EMAIL_MAX_BYTES, Email, EmailError};
pub use crate::user::identity::Identity;
pub use crate::user::method::{Channel, Method};
pub use crate::user::permission::{Permission, PermissionName, PermissionNameError, PermissionSet};
pub use crate::user::proof::{Level, Proof, Proofs};
pub use crate::user::role::{Role, RoleName, RoleNameError, RoleSet};
pub use crate::user::scope::{KnownScope, Scope, ScopeName, ScopeNameError, ScopeSet};
pub use crate::user::username::{USERNAME_MAX_CHARS, Username, UsernameError};
pub use crate::user::username_policy::{UsernamePolicy, UsernameRefused};

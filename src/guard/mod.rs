//! Guards: what a handler's signature demands of a request.
//!
//! | guard | lets in | else |
//! |---|---|---|
//! | [`AuthUser`] | users with a session or a token | 401; page: 303 to the login page |
//! | [`Fresh<MINUTES>`](Fresh) | users who proved recently who they are | 401; page: 303 to `/verify` |
//! | [`Assured<Two>`](Assured) | users who proved who they are by two factors | 401; page: 303 to `/verify` |
//! | [`RolesRequired<R>`] | users with every role in `R` | 401, 403 |
//! | [`RolesAccepted<R>`] | users with at least one role in `R` | 401, 403 |
//! | [`PermissionsRequired<P>`] | users whose roles have every permission in `P` | 401, 403 |
//! | [`PermissionsAccepted<P>`] | users whose roles have at least one permission in `P` | 401, 403 |
//! | [`Scoped<S>`] | users themselves, and personal tokens with every scope in `S` | 401, 403 |
//! | [`AuthVia<M>`](AuthVia) | users whose request was authenticated by a mechanism in `M` | 401 |
//! | [`TokenUser<C>`](TokenUser) | users who show an access token, with its claims | 401 |
//! | [`Paseto<C, K>`](Paseto) | requests with a token of the kind `K` | 401 |
//! | [`FreshPaseto<MINUTES, C>`](FreshPaseto) | users with an access token who proved lately who they are | 401 |
//! | [`PasetoJson<T, C, K>`](PasetoJson) | the same for a token in a JSON body | 401 |
//! | [`BasicUser`] | users who send their password with the request | 401 |
//! | [`Own<P>`](Own) | users of whom the application has a row of its own | 401, 403 |
//! | [`Maybe<G>`] | guests too | what `G` fails with for bad credentials |
//! | [`AnonymousOnly`] | guests only | 400; page: 303 home |
//! | [`Public`] | everyone, on purpose | |
//! | [`Session`] | everybody, with what the application keeps for them | |
//! | [`Csrf`] | everybody, with the anti-forgery token of their own: for forms of guests, too | 400 |
//! | [`&TokenIssuer`](crate::TokenIssuer) | everybody: the handler issues tokens | |
//!
//! [`guide::guards`](crate::guide::guards) says how they go together, and what they answer when.
//!
//! What depends on an object, such as whose it is, is decided by a [`Policy`] and asked by
//! [`AuthUser::authorize`]: 403, or 404 where the object must not be known of.
//!
//! A guard fails, it never forwards: a route of lower rank does not answer in its place. On an
//! unsafe request that a cookie authenticates, or a password that browsers send by themselves, it also
//! demands the anti-forgery token, in the header `X-XSRF-Token` or as the first field of a form, also of
//! one with files; [`Session`] and [`Csrf`] demand it of guests, too.
//!
//! A guard whose fairing is not attached stops the launch and says so.
//!
//! Which routes have which of them is told by an [access map](crate::guide::access_map), and
//! [`security.require_guard`](crate::config::Config::require_guard) stops the launch when one has none.
//!
//! # Roles that include others
//!
//! A role may include others: `rocket-security roles include admin editor` makes every admin an editor,
//! and what an editor includes comes with it. It stands in the store, as permissions do, and guards need
//! no change: a user who has a role also has the roles that it includes and the permissions of all of them,
//! in every guard, [`User::has_role`](crate::User::has_role) and
//! [`User::has_permission`](crate::User::has_permission). It is read with the session in the same query,
//! so that it counts from the next request on, and `roles exclude` takes it back as soon. A role includes
//! neither itself nor one that includes it. Only a role that was granted directly can be revoked:
//! [`User::granted_roles`](crate::User::granted_roles) has those.
//!
//! # Roles and permissions at the launch
//!
//! Every role that a guard names is looked up when the application launches. What becomes of one
//! that the store does not have is
//! [`security.roles`](crate::config::Config::roles): in the debug profile it is made; in any other the
//! launch stops, with the name and the command that makes it. A permission that no role has is logged,
//! and stops nothing.
//!
//! Rocket tells which guards there are by the signatures of the handlers that are mounted, also
//! within `Maybe`, `Option` and `Result`. A guard that a handler or another guard asks for by hand
//! (`request.guard()`), one behind an alias of a generic type, and a name handed to
//! [`User::has_role`](crate::User::has_role) are not seen; a guard of an application's own hands on what
//! it uses by `impl Sentinel`. What is looked up is what the store had when
//! [`Security`](crate::Security) was attached: a fairing that makes roles by itself is attached
//! before it.

mod accepted_mechanisms;
mod anonymous_only;
mod any_mechanism;
mod assured;
mod auth_user;
mod auth_via;
mod csrf;
mod fresh;
mod maybe;
pub mod mechanism;
pub(crate) mod named;
mod own;
mod paseto;
mod paseto_json;
mod permissions;
mod policy;
mod public;
mod roles;
pub(crate) mod scoped;
mod session;
mod state;
mod tell;
mod token_user;
mod tokens;
mod user_guard;
pub mod via;
mod who;

pub use crate::guard::anonymous_only::AnonymousOnly;
pub use crate::guard::assured::{AssuranceLevel, Assured, One, Two};
pub use crate::guard::auth_user::AuthUser;
pub use crate::guard::auth_via::{AuthVia, BasicUser};
pub use crate::guard::csrf::Csrf;
pub use crate::guard::fresh::Fresh;
pub use crate::guard::maybe::{Maybe, OptionalGuard};
pub use crate::guard::own::{Own, OwnRow};
pub use crate::guard::paseto::{FreshPaseto, Paseto};
pub use crate::guard::paseto_json::PasetoJson;
pub use crate::guard::permissions::{PermissionsAccepted, PermissionsRequired};
pub use crate::guard::policy::{Decision, Denied, Policy};
pub use crate::guard::public::Public;
pub use crate::guard::roles::{RolesAccepted, RolesRequired};
pub use crate::guard::scoped::Scoped;
pub use crate::guard::session::Session;
pub use crate::guard::token_user::TokenUser;
pub use crate::web::demand::{Demand, Names, Who, demands, optionally};

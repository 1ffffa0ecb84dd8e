//! Guards: what a handler's signature requires of a request.
//!
//! A guard is a type in the signature of a handler. Rocket runs it before the handler. If it fails, the
//! handler does not run, and the client gets a page, or JSON with a reason code. The page of each guard lists
//! what it refuses, with which status and reason code.
//!
//! | guard | lets in | refuses with |
//! |---|---|---|
//! | [`AuthUser`] | users with a session or a token | 401; page: 303 to `/login` |
//! | [`Fresh<MINUTES>`](Fresh) | users who proved their identity recently | 401; page: 303 to `/verify` |
//! | [`Assured<Two>`](Assured) | users who proved two factors | 401; page: 303 to `/verify` |
//! | [`RolesRequired<R>`] | users with every role in `R` | 401, 403 |
//! | [`RolesAccepted<R>`] | users with at least one role in `R` | 401, 403 |
//! | [`PermissionsRequired<P>`] | users whose roles have every permission in `P` | 401, 403 |
//! | [`PermissionsAccepted<P>`] | users whose roles have at least one permission in `P` | 401, 403 |
//! | [`Scoped<S>`] | users themselves, and their personal tokens with every scope in `S` | 401, 403 |
//! | [`AuthVia<M>`](AuthVia) | users authenticated by a mechanism in `M` | 401 |
//! | [`TokenUser<C>`](TokenUser) | users with an access token; provides its claims | 401 |
//! | [`Paseto<C, K>`](Paseto) | requests with a token of the kind `K`; loads no user | 401 |
//! | [`FreshPaseto<MINUTES, C>`](FreshPaseto) | users with an access token and a recent proof | 401 |
//! | [`PasetoJson<T, C, K>`](PasetoJson) | requests with a token in a JSON body | 401 |
//! | [`BasicUser`] | users who send their password with the request | 401 |
//! | [`Own<P>`](Own) | users for whom the application has a row of its own | 401, 403 |
//! | [`Maybe<G>`] | guests, and those whom `G` lets in | as `G`, for invalid credentials |
//! | [`AnonymousOnly`] | guests only | 400; page: 303 to the home page |
//! | [`Public`] | everyone, on purpose | |
//! | [`Session`] | everyone; provides session data | 400 |
//! | [`Csrf`] | everyone whose unsafe request has the anti-forgery token | 400 |
//! | [`&TokenIssuer`](crate::TokenIssuer) | everyone; lets the handler issue tokens | |
//!
//! [`guide::guards`](crate::guide::guards) helps to choose one, and
//! [`guide::authentication`](crate::guide::authentication) describes several guards in one signature.
//!
//! Rules about one object, such as who owns it, are decided by a [`Policy`], which a handler asks with
//! [`AuthUser::authorize`]: 403, or 404 where the user must not learn of the object.
//!
//! A guard fails and never forwards, so no route of a lower rank answers in its place. If a request may
//! change something and is authenticated by a cookie, or by a password that browsers send by themselves, the
//! guard also requires the anti-forgery token: in the header `X-XSRF-Token`, or as the first field of a form,
//! also of a form with files. [`Session`] and [`Csrf`] require it of guests, too.
//!
//! If the fairing or the feature of a guard is missing, the launch stops with a message.
//!
//! An [access map](crate::guide::access_map) lists the guards of each route, and
//! [`security.require_guard`](crate::config::Config::require_guard) stops the launch if a route has none.
//!
//! # Roles that include others
//!
//! A role may include others: `rocket-security roles include admin editor` makes every admin an editor, with
//! everything that the role `editor` includes. `roles exclude` removes it again.
//!
//! Guards need no change. A user with a role also has the roles that it includes, and the permissions of all
//! of them: in every guard, in [`User::has_role`](crate::User::has_role), and in
//! [`User::has_permission`](crate::User::has_permission). Inclusions are kept in the store and are read in
//! the same query as the session, so a change counts from the next request on. A role can include neither
//! itself nor a role that includes it. Only a role that was granted directly can be revoked:
//! [`User::granted_roles`](crate::User::granted_roles) lists those.
//!
//! # Roles and permissions at the launch
//!
//! Every role that a guard names is looked up when the application launches. For a role that the store does
//! not have, [`security.roles`](crate::config::Config::roles) decides: in the debug profile it is created; in
//! any other profile the launch stops, with the name of the role and the command that creates it. A
//! permission that no role has is logged and stops nothing.
//!
//! Rocket finds the guards in the signatures of the mounted handlers, also within `Maybe`, `Option` and
//! `Result`. It does not see these:
//!
//! - a guard that a handler or another guard calls by hand, with `request.guard()`
//! - a guard behind an alias of a generic type
//! - a name passed to [`User::has_role`](crate::User::has_role)
//!
//! A custom guard passes on which guards it uses with `impl Sentinel`. The lookup uses the roles that the
//! store had when [`Security`](crate::Security) was attached. So attach a fairing that creates roles before
//! it.

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

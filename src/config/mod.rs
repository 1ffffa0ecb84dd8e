//! The settings of `[default.security]` that belong to no single feature: [`Config`] and its tables.
//!
//! A feature's own settings live in the table of its name, for example `[default.security.login]`, and are
//! documented with the feature.

mod check;
mod cookies;
mod csrf;
mod error_style;
mod identity;
mod keys;
mod launch;
mod mail;
mod password;
mod paths;
mod proxies;
mod read;
mod redirects;
mod session;
mod span;
mod table;
mod throttle;
mod token_check;
mod token_keys;
mod tokens;
mod trusted;

pub(crate) use crate::config::paths::is_at_or_below;
pub(crate) use crate::config::read::{explain, is_debug};

pub use crate::config::cookies::{CookiesConfig, SameSiteConfig};
pub use crate::config::csrf::{CookieName, CsrfConfig, ScriptOrigins};
pub use crate::config::error_style::ErrorStyle;
pub use crate::config::identity::{IdentityAttribute, UsernameConfig};
pub use crate::config::keys::Keys;
pub use crate::config::launch::{MigrateConfig, RolesConfig};
pub use crate::config::mail::MailConfig;
pub use crate::config::password::PasswordConfig;
pub use crate::config::paths::{Paths, RequireGuard};
pub use crate::config::proxies::{ProxyHeader, ProxyNetwork};
pub use crate::config::read::{check_keys, from_figment_error, instead_of, read_table};
pub use crate::config::redirects::{Origins, RedirectBehavior, read_url};
pub use crate::config::session::SessionConfig;
pub use crate::config::span::Span;
pub use crate::config::table::Config;
pub use crate::config::throttle::ThrottleConfig;
pub use crate::config::token_check::TokenCheck;
pub use crate::config::token_keys::{KeySource, TokenKeyConfig, TokenKeysConfig};
pub use crate::config::tokens::{OneOrMany, RefreshIn, TokenPurpose, TokenSource, TokensConfig};
pub use crate::config::trusted::{Allowance, TrustedConfig};

//! The features: what users can do with their accounts, each with its pages, JSON, mails and settings.
//!
//! Each feature is one type and one module. [`Security::fairing`](crate::Security::fairing) and
//! `Security::default()` start with the features that are on by default; [`enable`](crate::Security::enable)
//! adds one, and [`disable`](crate::Security::disable) removes one. Users see the pages of the enabled
//! features only, and templates link to no others.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::features::close_account::CloseAccount;
//! use rocket_security::features::invite::Invite;
//!
//! let security = Security::default().enable(CloseAccount::default()).disable::<Invite>();
//! # drop(security);
//! ```
//!
//! The settings of a feature are the fields of its type. They are also a table in `Rocket.toml`, which takes
//! precedence over the value passed to `enable`. An unknown key, or the table of a feature that is not
//! enabled, stops the launch.
//!
//! ```toml
//! [default.security.reset]
//! within = "30m"
//! ```
//!
//! | feature | what it does | on by default |
//! |---|---|---|
//! | [`login`] | Logs users in with an email address or a username, and a password. | yes |
//! | [`logout`] | Logs users out, and the programs that logged in with their browser. | yes |
//! | [`register`] | Lets visitors create an account. | yes |
//! | [`confirm`] | Makes users confirm their email address before they can log in. | yes |
//! | [`reset`] | Lets users who forgot their password choose a new one with a mailed link. | yes |
//! | [`change_password`] | Lets users change their password. | yes |
//! | [`verify`] | Asks users to prove again that it is still them, before something sensitive. | yes |
//! | [`change_email`] | Lets users change their email address, and undo the change from the old one. | yes |
//! | [`invite`] | Invites people, who choose their own password with a mailed link. | yes |
//! | [`sessions`] | Shows users where they are logged in, and lets them end their sessions. | yes |
//! | [`remember`] | Remembers a browser, so that its user does not have to log in again for 30 days. | yes |
//! | [`tokens`] | Issues access and refresh tokens to programs, which act as their user with them. | yes |
//! | [`token_keys`] | Publishes the public keys with which other services verify signed tokens. | yes |
//! | [`track`] | Records the last two logins of each user, and how often they logged in. | yes |
//! | [`close_account`] | Lets users close their account, and reopen it until it is deleted. | no |
//! | [`change_username`] | Lets users change their username. | no |
//! | [`recover_username`] | Mails users the username that they forgot. | no |
//! | [`personal_tokens`] | Lets users create personal access tokens, limited to scopes, for their own programs. | no |
//! | [`tickets`] | Issues tickets with which a browser opens a WebSocket. | no |
//! | [`basic`] | Accepts a name and a password with each request (HTTP Basic authentication). | no |
//! | [`audit`] | Keeps a tamper-evident journal of every event. | no |
//!
//! # Details
//!
//! - The page of each feature lists its routes, settings, templates, mails, events and refusals. What all
//!   features have in common, such as the format of JSON and the refusals of every route, is in the guide on
//!   [features](crate::guide::features).
//! - The pages list the events of a feature. Besides those, a refusal sends the same event on every route:
//!   `throttled` sends `Throttled`, `csrf_failed` and `cross_site` send `CsrfFailed`, and `unauthenticated`
//!   sends `UserUnauthenticated`. Every route that compares a password can disable it after 100 wrong ones,
//!   which sends `PasswordDisabled` and the mail `password_disabled`.
//! - To write your own feature, implement [`Feature`].
//! - In the source, the file of a feature reads from top to bottom: what it does, its settings, its manifest,
//!   its forms, its handlers, its flow, its hooks. To add a feature to this crate, write its file and its
//!   templates, and name it in the three lists of this module.

pub mod audit;
pub mod basic;
pub mod change_email;
pub mod change_password;
pub mod change_username;
pub mod close_account;
pub mod confirm;
pub mod invite;
pub mod login;
pub mod logout;
pub mod personal_tokens;
pub mod recover_username;
pub mod register;
pub mod remember;
pub mod reset;
pub mod sessions;
pub mod tickets;
pub mod token_keys;
pub mod tokens;
pub mod track;
pub mod verify;

use crate::datastore::SqlxDatastore;
use crate::feature::Feature;
use crate::template::Embedded;
use crate::user::Scope;

/// Lists the features that [`Security::fairing`](crate::Security::fairing) enables, in one place.
macro_rules! default_features {
    ($dollar:tt $($module:ident::$feature:ident),+ $(,)?) => {
        /// The names of the features that are on by default, as in
        /// [`Security::fairing`](crate::Security::fairing).
        pub const DEFAULT_FEATURES: &[&str] = &[$(stringify!($module)),+];

        macro_rules! enable_default_features {
            ($dollar security:expr) => {
                $dollar security
                    $(.enable($crate::features::$module::$feature::default()))+
            };
        }
    };
}

default_features! { $
    login::Login,
    logout::Logout,
    register::Register,
    confirm::Confirm,
    reset::Reset,
    change_password::ChangePassword,
    verify::Verify,
    change_email::ChangeEmail,
    invite::Invite,
    sessions::Sessions,
    tokens::Tokens,
    token_keys::TokenKeys,
    remember::Remember,
    track::Track,
}

pub(crate) use enable_default_features;

/// Lists all features, each with its type.
macro_rules! all_features {
    ($($module:ident::$feature:ident $(<$scopes:ty>)?),+ $(,)?) => {
        /// The names of all features, each with the path of its type.
        pub(crate) const FEATURES: &[(&str, &str)] = &[$((
            stringify!($module),
            concat!("rocket_security::features::", stringify!($module), "::", stringify!($feature)),
        )),+];

        /// Returns the templates of all features.
        pub(crate) fn all_templates() -> impl Iterator<Item = Embedded> {
            [$(templates_of::<$module::$feature $(<$scopes>)?>()),+].into_iter().flatten().copied()
        }
    };
}

all_features! {
    audit::Audit,
    basic::Basic,
    change_email::ChangeEmail,
    change_password::ChangePassword,
    change_username::ChangeUsername,
    close_account::CloseAccount,
    confirm::Confirm,
    invite::Invite,
    login::Login,
    logout::Logout,
    personal_tokens::PersonalTokens<AnyScope>,
    recover_username::RecoverUsername,
    register::Register,
    remember::Remember,
    reset::Reset,
    sessions::Sessions,
    tickets::Tickets,
    token_keys::TokenKeys,
    tokens::Tokens,
    track::Track,
    verify::Verify,
}

/// A scope in place of those that an application names.
struct AnyScope;

impl Scope for AnyScope {
    const NAME: &'static str = "any";
}

fn templates_of<F: Feature<SqlxDatastore>>() -> &'static [Embedded] {
    F::TEMPLATES
}

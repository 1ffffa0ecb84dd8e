//! The features, one file each.
//!
//! A feature's file reads top to bottom: what it does, its settings, its manifest, its forms, its
//! handlers, its flow, its hooks. To add one, write its file and its templates, and name it below.

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

/// Names the features that [`Security::fairing`](crate::Security::fairing) comes with, once for all.
macro_rules! default_features {
    ($dollar:tt $($module:ident::$feature:ident),+ $(,)?) => {
        /// The names of the features that [`Security::fairing`](crate::Security::fairing) comes
        /// with.
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

/// Names all features, each with the type that enables it.
macro_rules! all_features {
    ($($module:ident::$feature:ident $(<$scopes:ty>)?),+ $(,)?) => {
        /// The names of all features, each with the type that enables it.
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

/// Stands for the scopes that an application names.
struct AnyScope;

impl Scope for AnyScope {
    const NAME: &'static str = "any";
}

fn templates_of<F: Feature<SqlxDatastore>>() -> &'static [Embedded] {
    F::TEMPLATES
}

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

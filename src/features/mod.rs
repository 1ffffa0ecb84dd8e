//! The features, one file each.
//!
//! A feature's file reads top to bottom: what it does, its settings, its manifest, its forms, its
//! handlers, its flow, its hooks. To add one, write its file and its templates, and name it below.

pub mod confirm;
pub mod login;
pub mod logout;
pub mod register;
pub mod track;

/// Enables the features that [`Security::fairing`](crate::Security::fairing) comes with.
macro_rules! enable_default_features {
    ($security:expr) => {
        $security
            .enable($crate::features::login::Login::default())
            .enable($crate::features::logout::Logout::default())
            .enable($crate::features::register::Register::default())
            .enable($crate::features::confirm::Confirm::default())
            .enable($crate::features::track::Track::default())
    };
}

pub(crate) use enable_default_features;

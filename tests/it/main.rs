//! The integration suite: real applications, real databases, real mail.
//!
//! One module a feature; `support` has the applications that they test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

#[cfg(feature = "cli")]
mod cli;
mod configuration;
mod confirm;
mod csrf;
mod database;
mod datastore_contract;
mod events;
mod guards;
mod hooks;
mod layers;
mod login;
mod logout;
mod mail;
mod migrations;
mod outage;
mod pages;
mod register;
mod sessions;
mod submissions;
mod throttle;
mod together;
mod track;

//! The integration suite: real applications, real databases, real mail.
//!
//! A folder a matter, a module a feature; `support` has the applications that they test and what they share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// `login/login.rs` tests the feature `login`, as each module is named for what it tests.
#![allow(clippy::module_inception)]

mod support;

mod account;
#[cfg(feature = "cli")]
mod cli;
mod conformance;
mod datastore;
mod guard;
mod house;
mod http;
mod journal;
mod launch;
mod login;
mod mail;
mod session;
mod token;
mod web;

//! The integration suite: real applications, real databases, real mail.
//!
//! One module a feature; `support` has the applications that they test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

mod access_map;
mod audit;
mod basic;
mod bearer;
mod change_email;
mod change_password;
mod change_username;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod cli_keys;
#[cfg(feature = "cli")]
mod cli_tokens;
#[cfg(feature = "cli")]
mod cli_verify;
mod close_account;
mod configuration;
mod confirm;
mod conformance;
mod cookies;
mod csrf;
mod csrf_applications;
mod csrf_cookie;
mod database;
mod datastore_contract;
mod enumeration;
mod error_style;
mod events;
mod every_route;
mod every_template;
mod guard_table;
mod guards;
mod holders;
mod hooks;
mod invite;
mod issuing;
mod kept_next;
mod launch;
mod layers;
mod login;
mod logout;
mod long_headers;
mod mail;
mod mail_templates;
mod mechanisms;
mod migrations;
mod must_change;
mod official_vectors;
mod outage;
mod outbox;
mod own_row;
mod page_faults;
mod pages;
mod paseto_guards;
mod password_disabled;
mod password_queue;
mod password_work;
mod pending;
mod personal_tokens;
mod policies;
mod presentation;
mod proxies;
mod recover_username;
mod redirects;
mod refresh_tokens;
mod register;
mod registration_fields;
mod remember;
mod reset;
mod roles_at_launch;
#[cfg(feature = "cli")]
mod routes_command;
mod session_data;
mod sessions;
mod single_page;
mod statements;
mod submissions;
mod throttle;
mod together;
mod token_configuration;
mod token_cookie;
mod token_keys;
mod token_properties;
mod token_vectors;
mod track;
mod used_links;
mod usernames;
mod verify;
mod websocket;

//! What is done to an account: making one, proving its address, changing what it has, closing it.

mod change_email;
mod change_password;
mod change_username;
mod close_account;
mod confirm;
pub(crate) mod invite;
mod must_change;
mod recover_username;
mod register;
mod registration_fields;
mod reset;
pub(crate) mod usernames;

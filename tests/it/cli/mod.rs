//! The command line.

mod cli;
mod cli_keys;
mod cli_tokens;
mod cli_verify;
mod routes_command;

//! The command line: creates the first administrator, manages accounts, roles, mail, keys, tokens and the
//! schema from a shell, and prints the access map.
//!
//! | to find | look at |
//! |---|---|
//! | how the application's configuration is read and its store opened | `application.rs` |
//! | what is printed, asked and refused | `terminal.rs` |
//! | a group of commands | the file with its name |
//! | suggestions for unknown commands | `suggest.rs` |
//!
//! Results are printed to standard output, everything else to standard error. The exit status is 0 if the
//! command succeeded, 1 if it was refused or failed, and 2 if its arguments were invalid.

mod application;
mod audit;
mod keys;
mod migrate;
mod outbox;
mod personal_tokens;
mod roles;
mod routes;
mod sessions;
mod suggest;
mod terminal;
mod tokens;
mod users;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use rocket::tokio::runtime::Builder;

use crate::cli::audit::AuditCommand;
use crate::cli::keys::KeysCommand;
use crate::cli::outbox::OutboxCommand;
use crate::cli::personal_tokens::PersonalTokensCommand;
use crate::cli::roles::RolesCommand;
use crate::cli::routes::RoutesCommand;
use crate::cli::sessions::SessionsCommand;
use crate::cli::terminal::Failure;
use crate::cli::tokens::TokensCommand;
use crate::cli::users::UsersCommand;

/// Manages the accounts, roles, mail, keys and schema of an application.
///
/// It reads the same configuration as the application: Rocket.toml in this folder or one above it, the
/// variables ROCKET_*, and the profile in ROCKET_PROFILE. Run it as the user that the application runs as, so
/// that both can write to the database.
#[derive(Parser)]
#[command(name = "rocket-security", version, after_help = FIRST_STEPS, verbatim_doc_comment)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
The first administrator is made here, for no account exists by default. Outside the debug profile,
`rocket-security migrate` makes the schema first:

  rocket-security roles create admin
  rocket-security users create you@example.org --role admin --confirmed";

#[derive(Subcommand)]
enum Command {
    /// Creates, lists, confirms, locks and unlocks accounts
    #[command(subcommand)]
    Users(UsersCommand),
    /// Creates and lists roles, grants and revokes them
    #[command(subcommand)]
    Roles(RolesCommand),
    /// Prints every route of a built application with what it demands of a request
    ///
    /// The program runs until all its routes are mounted, and stops before it binds a port. It reads its
    /// configuration and applies migrations as at any launch. If there is no database yet, it gets one that
    /// is deleted afterwards:
    ///
    ///   rocket-security routes -- target/debug/my-application
    #[command(verbatim_doc_comment)]
    Routes(RoutesCommand),
    /// Lists and ends the sessions of an account
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Lists and revokes the personal access tokens of an account
    #[command(subcommand)]
    PersonalTokens(PersonalTokensCommand),
    /// Lists undelivered mail, sends it again, or drops it
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Generates, shows, rotates and wraps keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Issues, verifies and revokes tokens for programs
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Verifies and prints the journal of the feature `audit`
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Applies the missing migrations to the database
    ///
    /// The application does so itself when it starts. In the debug profile, commands that write create a
    /// missing database. In any other profile, only this command creates or changes a schema.
    #[command(verbatim_doc_comment)]
    Migrate,
}

/// Runs the command that the arguments of this process name, and returns the exit status.
#[doc(hidden)]
pub fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(mut error) => {
            let group = std::env::args_os().nth(1);
            let group = group.as_deref().and_then(OsStr::to_str);
            suggest::command(&CommandLine::command(), group, &mut error);
            return terminal::answer(&error);
        }
    };
    match run(line.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => terminal::report(&failure),
    }
}

/// Runs a command on a single-threaded runtime: Rocket's own runtime panics at an invalid configuration.
fn run(command: Command) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        match command {
            Command::Users(command) => users::run(command).await,
            Command::Roles(command) => roles::run(command).await,
            Command::Routes(command) => routes::run(&command),
            Command::Sessions(command) => sessions::run(command).await,
            Command::PersonalTokens(command) => personal_tokens::run(command).await,
            Command::Outbox(command) => outbox::run(command).await,
            Command::Keys(command) => keys::run(command),
            Command::Tokens(command) => tokens::run(command).await,
            Command::Audit(command) => audit::run(command).await,
            Command::Migrate => migrate::run().await,
        }
    })
}

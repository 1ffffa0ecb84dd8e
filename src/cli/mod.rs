//! The command line: makes the first administrator, looks after accounts, roles, mail, keys, tokens
//! and the schema from a shell, and tells who can reach what.
//!
//! | to find | look at |
//! |---|---|
//! | how the application's configuration is read and its store opened | `application.rs` |
//! | what is printed, asked and refused | `terminal.rs` |
//! | a group of commands | the file of its name |
//! | which command is meant by a name that none has | `suggest.rs` |
//!
//! What a command found goes to standard output, everything else to standard error. It ends with
//! 0 when what was asked for is so, 1 when it was refused or failed, 2 when it was misspelt.

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

/// Looks after the accounts, roles, mail, keys and schema of an application.
///
/// It reads the configuration that the application reads: Rocket.toml in this folder or one above
/// it, the variables ROCKET_*, and the profile in ROCKET_PROFILE. Run it as the user that the
/// application runs as, so that both may write to the database.
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
    /// Makes, lists, confirms and switches accounts
    #[command(subcommand)]
    Users(UsersCommand),
    /// Makes and lists roles, gives them and takes them
    #[command(subcommand)]
    Roles(RolesCommand),
    /// Prints every route of a built application with what it demands of a request
    ///
    /// The program is run until all routes are mounted, and ends before it binds a port. It is
    /// configured as for any launch, and brings its schema up to date as at any launch. Where there is no
    /// database yet, it gets one that is deleted afterwards:
    ///
    ///   rocket-security routes -- target/debug/my-application
    #[command(verbatim_doc_comment)]
    Routes(RoutesCommand),
    /// Lists where somebody is logged in, and ends it
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Lists the tokens that somebody made for their programs, and revokes them
    #[command(subcommand)]
    PersonalTokens(PersonalTokensCommand),
    /// Lists mail that is not delivered, has it sent again, drops it
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Makes, shows, rotates and wraps keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Issues and verifies tokens for programs
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Verifies the journal of the feature `audit`, and prints it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Brings the schema of the database up to date
    ///
    /// The application does so itself when it starts. In the debug profile, commands that write make a
    /// database that is not there. In any other profile this one alone makes or changes a schema.
    #[command(verbatim_doc_comment)]
    Migrate,
}

/// Runs the command that the arguments of this process name, and returns the status to end with.
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

/// Runs a command on a runtime of one thread: Rocket's own panics at a wrong configuration.
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

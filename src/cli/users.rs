//! `rocket-security users …`.

mod change;
mod create;
mod list;

use clap::Subcommand;

use crate::cli::application::Application;
use crate::cli::terminal::Failure;
use crate::cli::users::create::Create;
use crate::user::{Email, RoleName};

/// The commands for accounts.
#[derive(Subcommand)]
pub(crate) enum UsersCommand {
    /// Creates an account, such as the first administrator's
    ///
    /// There are no accounts by default. Create the first administrator like this:
    ///
    ///   rocket-security roles create admin
    ///   rocket-security users create you@example.org --role admin --confirmed
    ///
    /// The password is asked for twice on a terminal, and otherwise read from the first line of standard
    /// input:
    ///
    ///   printf '%s\n' "$PASSWORD" | rocket-security users create you@example.org
    ///
    /// It must follow the rules of a registration. The account's id is printed. An account that was
    /// registered with the address and never confirmed is deleted first.
    #[command(verbatim_doc_comment)]
    Create(Create),
    /// Lists the accounts
    List {
        /// Prints one JSON object for each line
        #[arg(long)]
        json: bool,
    },
    /// Confirms that an address belongs to the user who created its account
    ///
    /// From then on, the password that was chosen with the account grants access to it. If it is not known
    /// who chose it, let the owner of the address follow the mailed link instead.
    #[command(verbatim_doc_comment)]
    Confirm {
        /// The address of the account
        email: Email,
    },
    /// Creates an account and mails its owner a link for choosing a password
    ///
    /// No password is ever mailed. The application delivers the mail, with its feature `invite`. If the user
    /// was invited before and has not accepted, the link is mailed again, and the roles are added to those
    /// that the account has.
    #[command(verbatim_doc_comment)]
    Invite {
        /// The address
        email: Email,
        /// A role to grant; may be repeated
        #[arg(long = "role", value_name = "NAME")]
        roles: Vec<RoleName>,
    },
    /// Mails the owner of an account a link for choosing a new password
    ///
    /// Only the owner learns the password. The application delivers the mail, with its feature `reset`.
    #[command(verbatim_doc_comment)]
    Reset {
        /// The address of the account
        email: Email,
    },
    /// Requires the owner of an account to change the password before doing anything else
    ///
    /// All sessions of the account end at once. After the next login only /change and /logout can be reached,
    /// with the application's feature `change_password`.
    #[command(verbatim_doc_comment)]
    RequireChange {
        /// The address of the account
        email: Email,
    },
    /// Locks an account and ends all its sessions at once
    Deactivate {
        /// The address of the account
        email: Email,
    },
    /// Unlocks an account, so that it may log in again
    Activate {
        /// The address of the account
        email: Email,
    },
}

/// Runs one of these commands.
pub(crate) async fn run(command: UsersCommand) -> Result<(), Failure> {
    let application = match &command {
        UsersCommand::Create(_) | UsersCommand::Invite { .. } => {
            Application::open_or_make().await?
        }
        _ => Application::open().await?,
    };
    match command {
        UsersCommand::Create(account) => create::create(&application, &account).await,
        UsersCommand::List { json: true } => list::list_json(&application).await,
        UsersCommand::List { json: false } => list::list(&application).await,
        UsersCommand::Confirm { email } => change::confirm(&application, &email).await,
        UsersCommand::Invite { email, roles } => create::invite(&application, &email, &roles).await,
        UsersCommand::Reset { email } => change::reset(&application, &email).await,
        UsersCommand::RequireChange { email } => change::require_change(&application, &email).await,
        UsersCommand::Deactivate { email } => change::set_active(&application, &email, false).await,
        UsersCommand::Activate { email } => change::set_active(&application, &email, true).await,
    }
}

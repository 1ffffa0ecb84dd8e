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
    /// Makes an account, such as the first administrator's
    ///
    /// No account exists by default; the first administrator is made like this:
    ///
    ///   rocket-security roles create admin
    ///   rocket-security users create you@example.org --role admin --confirmed
    ///
    /// The password is asked for twice on a terminal, and read from the first line of standard
    /// input where there is none:
    ///
    ///   printf '%s\n' "$PASSWORD" | rocket-security users create you@example.org
    ///
    /// It must be as good as one that is chosen in a registration. The account's id is printed.
    /// One that somebody registered with the address and nobody confirmed gives way to it.
    #[command(verbatim_doc_comment)]
    Create(Create),
    /// Lists the accounts
    List {
        /// Prints one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Vouches that an address belongs to whoever made its account
    ///
    /// The password that was chosen with the account opens it from then on. When it is not known
    /// who chose it, let the owner of the address follow the link that is mailed instead.
    #[command(verbatim_doc_comment)]
    Confirm {
        /// The address of the account
        email: Email,
    },
    /// Makes an account and mails its owner a link by which they choose a password
    ///
    /// No password is ever mailed. The application delivers the mail, with its feature `invite`; for
    /// somebody who was invited before and has not accepted, the link is mailed again, and the roles
    /// are given beside those they have.
    #[command(verbatim_doc_comment)]
    Invite {
        /// The address
        email: Email,
        /// A role to give; may be repeated
        #[arg(long = "role", value_name = "NAME")]
        roles: Vec<RoleName>,
    },
    /// Mails the owner of an account a link by which they choose a new password
    ///
    /// Nobody but they learns it. The application delivers the mail, with its feature `reset`.
    #[command(verbatim_doc_comment)]
    Reset {
        /// The address of the account
        email: Email,
    },
    /// Has the owner of an account change the password before anything else
    ///
    /// Their sessions end at once. After the next login nothing but /change and /logout can be
    /// reached, with the application's feature `change_password`.
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
    /// Lets a deactivated account log in again
    Activate {
        /// The address of the account
        email: Email,
    },
}

/// Runs one of them.
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

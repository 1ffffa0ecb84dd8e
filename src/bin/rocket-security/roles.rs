//! `rocket-security roles …`.

use clap::Subcommand;
use rocket_security::Email;
use rocket_security::RoleName;
use rocket_security::UserDatastore;

use crate::application::Application;
use crate::application::unknown_role;
use crate::terminal::Failure;
use crate::terminal::note;
use crate::terminal::print;
use crate::terminal::print_table;

/// The commands for roles.
#[derive(Subcommand)]
pub(crate) enum RolesCommand {
    /// Makes a role
    ///
    /// The name is the one in the application's `roles!`. A role that exists already stays as it
    /// is.
    #[command(verbatim_doc_comment)]
    Create {
        /// The name: printable ASCII without blanks
        name: RoleName,
        /// What the role is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
    },
    /// Lists the roles
    List,
    /// Gives an account a role; its next request has it
    Grant {
        /// The address of the account
        email: Email,
        /// The name of the role
        role: RoleName,
    },
    /// Takes a role from an account; its next request lacks it
    Revoke {
        /// The address of the account
        email: Email,
        /// The name of the role
        role: RoleName,
    },
}

/// Runs one of them.
pub(crate) async fn run(command: RolesCommand) -> Result<(), Failure> {
    let application = Application::open().await?;
    match command {
        RolesCommand::Create { name, description } => {
            create(&application, &name, &description).await
        }
        RolesCommand::List => list(&application).await,
        RolesCommand::Grant { email, role } => grant(&application, &email, &role).await,
        RolesCommand::Revoke { email, role } => revoke(&application, &email, &role).await,
    }
}

async fn create(
    application: &Application,
    name: &RoleName,
    description: &str,
) -> Result<(), Failure> {
    if application.store.create_role(name, description).await? {
        print(format_args!("The role \"{name}\" is made."))
    } else {
        print(format_args!("The role \"{name}\" exists already and stays as it is."))
    }
}

async fn list(application: &Application) -> Result<(), Failure> {
    let roles = application.store.list_roles().await?;
    if roles.is_empty() {
        note("There are no roles yet. Make one with `rocket-security roles create NAME`.");
        return Ok(());
    }
    let rows = roles.into_iter().map(|role| [role.name.to_string(), role.description]);
    print_table(["ROLE", "DESCRIPTION"], rows.collect())
}

async fn grant(application: &Application, email: &Email, role: &RoleName) -> Result<(), Failure> {
    let user = application.find(email).await?;
    if !application.store.grant_role(user.id, role).await? {
        return Err(unknown_role(role));
    }
    let already = if user.has_role(role.as_str()) { " already" } else { "" };
    print(format_args!("{} has the role \"{role}\"{already}.", user.email))
}

/// A role that nobody knows is refused: whoever misspells it must not believe that it was taken.
async fn revoke(application: &Application, email: &Email, role: &RoleName) -> Result<(), Failure> {
    let user = application.find(email).await?;
    application.check_roles(std::slice::from_ref(role)).await?;
    if application.store.revoke_role(user.id, role).await? {
        print(format_args!("{} has the role \"{role}\" no more.", user.email))
    } else {
        print(format_args!("{} did not have the role \"{role}\".", user.email))
    }
}

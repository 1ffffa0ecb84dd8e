//! `rocket-security roles …`.

use clap::Subcommand;

use crate::cli::application::{Application, origin, unknown_role};
use crate::cli::terminal::{Failure, note, print, print_table};
use crate::datastore::RoleStore;
use crate::datastore::role::NotIncluded;
use crate::event::Event;
use crate::user::{Email, PermissionName, RoleName};

/// The commands for roles.
#[derive(Subcommand)]
pub(crate) enum RolesCommand {
    /// Creates a role
    ///
    /// The name is the one in the application's `roles!`. A role that already exists is not changed.
    #[command(verbatim_doc_comment)]
    Create {
        /// The name: printable ASCII without spaces
        name: RoleName,
        /// What the role is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
    },
    /// Lists the roles, the roles they include, and their permissions
    List,
    /// Deletes a role; accounts lose it with their next request
    ///
    /// A role that includes it loses what the role brought. A role that is created later with the same name
    /// starts without accounts.
    #[command(verbatim_doc_comment)]
    Delete {
        /// The name of the role
        name: RoleName,
    },
    /// Grants an account a role, from its next request on
    Grant {
        /// The address of the account
        email: Email,
        /// The name of the role
        role: RoleName,
    },
    /// Revokes a role from an account, from its next request on
    Revoke {
        /// The address of the account
        email: Email,
        /// The name of the role
        role: RoleName,
    },
    /// Grants a role a permission, from the next request of its users on
    #[command(alias = "add_permissions")]
    AddPermission {
        /// The name of the role
        role: RoleName,
        /// The name of the permission: the one in the application's `permissions!`
        permission: PermissionName,
    },
    /// Revokes a permission from a role; users who have it by another role keep it
    #[command(alias = "remove_permissions")]
    RemovePermission {
        /// The name of the role
        role: RoleName,
        /// The name of the permission
        permission: PermissionName,
    },
    /// Makes a role include another: users with the first also have the second
    ///
    /// A user with a role has every role that it includes, directly or through others, and the permissions of
    /// all of them. It takes effect with the next request.
    #[command(verbatim_doc_comment)]
    Include {
        /// The name of the role that includes the other, for example admin
        role: RoleName,
        /// The name of the included role, for example editor
        included: RoleName,
    },
    /// Makes a role stop including another; users who have that one by other means keep it
    Exclude {
        /// The name of the role that includes the other
        role: RoleName,
        /// The name of the included role
        included: RoleName,
    },
}

/// Runs one of these commands.
pub(crate) async fn run(command: RolesCommand) -> Result<(), Failure> {
    let application = match &command {
        RolesCommand::Create { .. } => Application::open_or_make().await?,
        _ => Application::open().await?,
    };
    match command {
        RolesCommand::Create { name, description } => {
            create(&application, &name, &description).await
        }
        RolesCommand::List => list(&application).await,
        RolesCommand::Delete { name } => delete(&application, &name).await,
        RolesCommand::Grant { email, role } => grant(&application, &email, &role).await,
        RolesCommand::Revoke { email, role } => revoke(&application, &email, &role).await,
        RolesCommand::AddPermission { role, permission } => {
            add_permission(&application, role, permission).await
        }
        RolesCommand::RemovePermission { role, permission } => {
            remove_permission(&application, role, permission).await
        }
        RolesCommand::Include { role, included } => include(&application, role, included).await,
        RolesCommand::Exclude { role, included } => exclude(&application, role, included).await,
    }
}

async fn create(
    application: &Application,
    name: &RoleName,
    description: &str,
) -> Result<(), Failure> {
    if application.store.create_role(name, description).await? {
        print(format_args!("The role \"{name}\" is created."))
    } else {
        print(format_args!("The role \"{name}\" exists already and stays as it is."))
    }
}

async fn list(application: &Application) -> Result<(), Failure> {
    let roles = application.store.list_roles().await?;
    if roles.is_empty() {
        note("There are no roles yet. Create one with `rocket-security roles create NAME`.");
        return Ok(());
    }
    let rows = roles.into_iter().map(|role| {
        let permissions: Vec<&str> = role.permissions.iter().map(PermissionName::as_str).collect();
        let includes: Vec<&str> = role.includes.iter().map(RoleName::as_str).collect();
        [role.name.to_string(), includes.join(" "), permissions.join(" "), role.description]
    });
    print_table(["ROLE", "INCLUDES", "PERMISSIONS", "DESCRIPTION"], rows.collect())
}

async fn delete(application: &Application, name: &RoleName) -> Result<(), Failure> {
    let event = Event::RoleDeleted { role: name.clone(), origin: origin() };
    let is_deleted =
        application.commit(event, async |store, with| store.delete_role(name, with).await).await?;
    if !is_deleted {
        return Err(unknown_role(name));
    }
    print(format_args!("The role \"{name}\" is deleted."))
}

async fn grant(application: &Application, email: &Email, role: &RoleName) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let event = Event::RoleGranted { user: user.id, role: role.clone(), origin: origin() };
    let is_granted = application
        .commit(event, async |store, with| store.grant_role(user.id, role, with).await)
        .await?;
    if !is_granted {
        return Err(unknown_role(role));
    }
    let already = if user.granted_roles.contains(role) { " already" } else { "" };
    print(format_args!("{} has the role \"{role}\"{already}.", user.email))
}

/// An unknown role is refused, so that an operator who misspells it does not believe that it was revoked. A
/// role that the account has is revoked even if the role itself was deleted by hand.
async fn revoke(application: &Application, email: &Email, role: &RoleName) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let event = Event::RoleRevoked { user: user.id, role: role.clone(), origin: origin() };
    let revoked = application
        .commit(event, async |store, with| store.revoke_role(user.id, role, with).await)
        .await?;
    if !revoked {
        application.check_roles(std::slice::from_ref(role)).await?;
    }
    let email = &user.email;
    // The operator must learn that the account still has the role through another one.
    let has_still = application.find(email).await?.has_role(role.as_str());
    let why = "another of their roles includes it. See `rocket-security roles list`";
    print(match (revoked, has_still) {
        (true, false) => format!("{email} no longer has the role \"{role}\"."),
        (false, false) => format!("{email} did not have the role \"{role}\"."),
        (true, true) => {
            format!("{email} no longer has the role \"{role}\" directly, but still has it: {why}")
        }
        (false, true) => format!("{email} did not have the role \"{role}\" directly: {why}"),
    })
}

async fn add_permission(
    application: &Application,
    role: RoleName,
    permission: PermissionName,
) -> Result<(), Failure> {
    let (name, right) = (role.clone(), permission.clone());
    let event = Event::PermissionGranted { role: name, permission: right, origin: origin() };
    let is_granted = application
        .commit(event, async |store, with| store.grant_permission(&role, &permission, with).await)
        .await?;
    if !is_granted {
        return Err(unknown_role(&role));
    }
    print(format_args!("The role \"{role}\" has the permission \"{permission}\"."))
}

/// An unknown role is refused, so that an operator who misspells it does not believe that the permission was
/// revoked. For a misspelt permission, the answer says that the role did not have it.
async fn remove_permission(
    application: &Application,
    role: RoleName,
    permission: PermissionName,
) -> Result<(), Failure> {
    application.check_roles(std::slice::from_ref(&role)).await?;
    let (name, right) = (role.clone(), permission.clone());
    let event = Event::PermissionRevoked { role: name, permission: right, origin: origin() };
    let is_revoked = application
        .commit(event, async |store, with| store.revoke_permission(&role, &permission, with).await)
        .await?;
    if is_revoked {
        print(format_args!("The role \"{role}\" no longer has the permission \"{permission}\"."))
    } else {
        print(format_args!("The role \"{role}\" did not have the permission \"{permission}\"."))
    }
}

async fn include(
    application: &Application,
    role: RoleName,
    included: RoleName,
) -> Result<(), Failure> {
    application.check_roles(&[role.clone(), included.clone()]).await?;
    let (name, its) = (role.clone(), included.clone());
    let event = Event::RoleIncluded { role: name, included: its, origin: origin() };
    let outcome = application
        .commit(event, async |store, with| store.include_role(&role, &included, with).await)
        .await?;
    match outcome {
        Ok(()) => print(format_args!("The role \"{role}\" includes the role \"{included}\".")),
        Err(NotIncluded::Circle) if role == included => {
            Err(Failure::refused(format!("the role \"{role}\" cannot include itself")))
        }
        Err(NotIncluded::Circle) => Err(Failure::refused(format!(
            "the role \"{role}\" cannot include the role \"{included}\", which includes it: see \
             `rocket-security roles list`"
        ))),
        // It was deleted a moment ago.
        Err(NotIncluded::Unknown) => Err(unknown_role(&included)),
    }
}

/// An unknown role is refused, so that an operator who misspells it does not believe that it was excluded.
async fn exclude(
    application: &Application,
    role: RoleName,
    included: RoleName,
) -> Result<(), Failure> {
    application.check_roles(&[role.clone(), included.clone()]).await?;
    let (name, its) = (role.clone(), included.clone());
    let event = Event::RoleExcluded { role: name, included: its, origin: origin() };
    let is_excluded = application
        .commit(event, async |store, with| store.exclude_role(&role, &included, with).await)
        .await?;
    if is_excluded {
        print(format_args!("The role \"{role}\" no longer includes the role \"{included}\"."))
    } else {
        print(format_args!("The role \"{role}\" did not include the role \"{included}\"."))
    }
}

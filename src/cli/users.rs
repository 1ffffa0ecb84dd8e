//! `rocket-security users …`.

mod create;
mod list;

use clap::Subcommand;

use crate::cli::application::{Application, no_account, origin};
use crate::cli::terminal::{Failure, print};
use crate::cli::users::create::Create;
use crate::clock::Clock;
use crate::datastore::UserDatastore;
use crate::datastore::user::UserChange;
use crate::event::Event;
use crate::features::reset::Reset;
use crate::user::{Email, RoleName, User};

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
        UsersCommand::Confirm { email } => confirm(&application, &email).await,
        UsersCommand::Invite { email, roles } => create::invite(&application, &email, &roles).await,
        UsersCommand::Reset { email } => reset(&application, &email).await,
        UsersCommand::RequireChange { email } => require_change(&application, &email).await,
        UsersCommand::Deactivate { email } => set_active(&application, &email, false).await,
        UsersCommand::Activate { email } => set_active(&application, &email, true).await,
    }
}

async fn confirm(application: &Application, email: &Email) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let update = UserChange::confirmed(Clock::default().now(), None);
    let event = Event::UserConfirmed { user: user.id, origin: origin() };
    let changed = application
        .commit(event, async |store, with| store.update_user(user.id, &update, with).await)
        .await?;
    if changed.is_some() {
        return print(format_args!("{} is confirmed.", user.email));
    }
    if application.find(email).await?.confirmed_at.is_some() {
        return print(format_args!("{} is confirmed already.", user.email));
    }
    Err(Failure::refused(format!(
        "{} has no password: its owner chooses one by the link that /confirm mails",
        user.email
    )))
}

async fn reset(application: &Application, email: &Email) -> Result<(), Failure> {
    let user = in_use(application.find(email).await?)?;
    let settings = application.feature(Reset::default())?;
    let mail = settings.instructions(&user.email, Clock::default().now())?;
    application.post(mail).await?;
    print(format_args!(
        "The application mails {} a link to choose a new password, good for {}.",
        user.email, settings.within
    ))
}

/// Refuses an account that is in no state to be mailed a link: the mail would be dropped.
fn in_use(user: User) -> Result<User, Failure> {
    let email = &user.email;
    if !user.active {
        return Err(Failure::refused(format!(
            "{email} is deactivated and gets no link. Let it log in again with `rocket-security \
             users activate {email}`"
        )));
    }
    if user.closes_at.is_some() {
        return Err(Failure::refused(format!(
            "{email} was closed by its owner and gets no link: they open it again by the one that \
             was mailed then"
        )));
    }
    Ok(user)
}

async fn require_change(application: &Application, email: &Email) -> Result<(), Failure> {
    let user = application.find(email).await?;
    if user.must_change {
        return print(format_args!("{} has to change the password already.", user.email));
    }
    let event = Event::PasswordChangeRequired { user: user.id, origin: origin() };
    let update = UserChange::must_change();
    let changed = application
        .commit(event, async |store, with| store.update_user(user.id, &update, with).await)
        .await?;
    changed.ok_or_else(|| no_account(email))?;
    print(format_args!(
        "{} has to change the password before anything else, and its sessions have ended.",
        user.email
    ))
}

/// Switches an account. One that is as wanted is left alone, for every change ends its sessions.
async fn set_active(application: &Application, email: &Email, active: bool) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let state = if active { "active" } else { "deactivated" };
    if user.active == active {
        return print(format_args!("{} is {state} already.", user.email));
    }
    let update = UserChange::active(active);
    let event = match active {
        true => Event::UserActivated { user: user.id, origin: origin() },
        false => Event::UserDeactivated { user: user.id, origin: origin() },
    };
    let changed = application
        .commit(event, async |store, with| store.update_user(user.id, &update, with).await)
        .await?;
    changed.ok_or_else(|| no_account(email))?;
    let sessions = if active { "" } else { ", and its sessions have ended" };
    print(format_args!("{} is {state}{sessions}.", user.email))
}

//! `rocket-security users …`.

use clap::Args;
use clap::Subcommand;
use rocket_security::Email;
use rocket_security::RoleName;
use rocket_security::User;
use rocket_security::UserDatastore;
use rocket_security::UserId;
use rocket_security::clock::Clock;
use rocket_security::crypto::hasher::Hasher;
use rocket_security::crypto::hasher::PasswordHash;
use rocket_security::crypto::password::Password;
use rocket_security::crypto::password::PasswordPolicy;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::NewUser;
use rocket_security::datastore::user::UserChange;
use rocket_security::user::Identity;
use serde::Serialize;

use crate::application::Application;
use crate::application::no_account;
use crate::application::unknown_role;
use crate::terminal::Failure;
use crate::terminal::ask_password;
use crate::terminal::is_interactive;
use crate::terminal::note;
use crate::terminal::print;
use crate::terminal::print_table;
use crate::terminal::read_password;

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

/// What `users create` is given.
#[derive(Args)]
pub(crate) struct Create {
    /// The address
    email: Email,
    /// A role to give; may be repeated
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<RoleName>,
    /// Vouches that the address is its owner's, so that they can log in at once
    #[arg(long)]
    confirmed: bool,
    /// Makes the account without a password; it cannot log in until it has one
    #[arg(long)]
    no_password: bool,
}

/// Runs one of them.
pub(crate) async fn run(command: UsersCommand) -> Result<(), Failure> {
    let application = Application::open().await?;
    match command {
        UsersCommand::Create(account) => create(&application, &account).await,
        UsersCommand::List { json: true } => list_json(&application).await,
        UsersCommand::List { json: false } => list(&application).await,
        UsersCommand::Confirm { email } => confirm(&application, &email).await,
        UsersCommand::Deactivate { email } => set_active(&application, &email, false).await,
        UsersCommand::Activate { email } => set_active(&application, &email, true).await,
    }
}

/// Everything that can be wrong is checked before the account is made, and what needs no typing
/// before the password is asked for.
async fn create(application: &Application, account: &Create) -> Result<(), Failure> {
    let email = &account.email;
    application.check_roles(&account.roles).await?;
    let identity = Identity::Email(email.clone());
    if application.store.find_credentials(&identity).await?.is_some() {
        return Err(taken(email));
    }
    let password_hash =
        if account.no_password { None } else { Some(new_password(application, email).await?) };
    let now = Clock::default().now();
    let user = NewUser {
        id: UserId::from_uuid(random_uuid()?),
        email: email.clone(),
        password_hash,
        confirmed_at: account.confirmed.then_some(now),
        created_at: now,
    };
    let made = application.store.create_user(&user, &Together::nothing()).await?;
    let made = made.ok_or_else(|| taken(email))?;
    grant_all(application, &made, &account.roles).await?;
    if !account.confirmed && account.no_password {
        note(format_args!(
            "{email} is not confirmed yet: its owner chooses a password by the link that /confirm \
             mails."
        ));
    } else if !account.confirmed {
        note(format_args!(
            "{email} is not confirmed yet: its owner follows the link that /confirm mails, or you \
             vouch for it with `rocket-security users confirm {email}`."
        ));
    }
    print(made.id)
}

fn taken(email: &Email) -> Failure {
    Failure::refused(format!(
        "{email} has an account already. Give it a role with `rocket-security roles grant {email} \
         ROLE`"
    ))
}

/// Gives a new account its roles, or unmakes it: one was deleted in this very moment, or the store
/// went away.
async fn grant_all(
    application: &Application,
    user: &User,
    roles: &[RoleName],
) -> Result<(), Failure> {
    for role in roles {
        let failure = match application.store.grant_role(user.id, role).await {
            Ok(true) => continue,
            Ok(false) => unknown_role(role),
            Err(fault) => Failure::Fault(fault),
        };
        let unmade = application.store.delete_user(user.id, &Together::nothing()).await;
        return Err(if unmade.is_ok() { failure } else { without_roles(user, &failure) });
    }
    Ok(())
}

fn without_roles(user: &User, failure: &Failure) -> Failure {
    let email = &user.email;
    Failure::refused(format!(
        "{failure}. {email} has an account now, and lacks roles: give them with `rocket-security \
         roles grant {email} ROLE`"
    ))
}

/// Has a password chosen under the rules of a registration, and hashes it.
async fn new_password(application: &Application, email: &Email) -> Result<PasswordHash, Failure> {
    let Application { config, base_url, .. } = application;
    let policy = PasswordPolicy::new(config, base_url);
    // Wrong parameters are refused before anybody types. One password needs one thread.
    let mut parameters = config.password.clone();
    parameters.threads = Some(1);
    let hasher = Hasher::start(&parameters)?;
    let password = choose_password(&policy, email)?;
    let slot = hasher.reserve().map_err(|full| Failure::refused(full.text()))?;
    Ok(hasher.hash(&slot, &password).await?)
}

fn choose_password(policy: &PasswordPolicy, email: &Email) -> Result<Password, Failure> {
    let (asks, least) = (is_interactive(), policy.min_length);
    let typed = if asks {
        ask_password(format_args!("Password for {email} (at least {least} characters): "))?
    } else {
        read_password()?
    };
    if typed.expose().is_empty() {
        return Err(Failure::refused(
            "there is no password. Give it as the first line of standard input, type it on a \
             terminal, or make the account with --no-password",
        ));
    }
    let password = Password::parse(&typed).map_err(|fault| Failure::refused(fault.to_string()))?;
    let errors = policy.check("password", &password, &[email.as_str()]);
    if !errors.is_empty() {
        return Err(errors.into());
    }
    if asks && ask_password("The same once more: ")? != typed {
        return Err(Failure::refused("the two passwords differ. Nothing was changed; try again"));
    }
    Ok(password)
}

async fn list(application: &Application) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut pages = Pages::new(application);
    while let Some(page) = pages.next().await? {
        rows.extend(page.iter().map(|user| {
            let roles: Vec<&str> = user.roles.iter().map(RoleName::as_str).collect();
            [
                user.email.to_string(),
                user.id.to_string(),
                yes_or_no(user.active),
                yes_or_no(user.confirmed_at.is_some()),
                roles.join(", "),
            ]
        }));
    }
    if rows.is_empty() {
        note("There are no accounts yet. Make one with `rocket-security users create EMAIL`.");
        return Ok(());
    }
    print_table(["EMAIL", "ID", "ACTIVE", "CONFIRMED", "ROLES"], rows)
}

fn yes_or_no(answer: bool) -> String {
    if answer { "yes".to_owned() } else { "no".to_owned() }
}

async fn list_json(application: &Application) -> Result<(), Failure> {
    let mut pages = Pages::new(application);
    while let Some(page) = pages.next().await? {
        for user in &page {
            let line = UserLine {
                email: &user.email,
                id: user.id,
                active: user.active,
                confirmed: user.confirmed_at.is_some(),
                roles: &user.roles,
            };
            let line =
                serde_json::to_string(&line).map_err(|fault| Failure::Output(fault.into()))?;
            print(line)?;
        }
    }
    Ok(())
}

/// A line of `users list --json`.
#[derive(Serialize)]
struct UserLine<'a> {
    email: &'a Email,
    id: UserId,
    active: bool,
    confirmed: bool,
    roles: &'a [RoleName],
}

/// All accounts, in pages.
struct Pages<'a> {
    application: &'a Application,
    last: Option<UserId>,
}

const PAGE: u32 = 200;

impl<'a> Pages<'a> {
    fn new(application: &'a Application) -> Self {
        Self { application, last: None }
    }

    /// Gives the next page; none behind the last one.
    async fn next(&mut self) -> Result<Option<Vec<User>>, Failure> {
        let page = self.application.store.list_users(self.last, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.last = Some(last.id);
        Ok(Some(page))
    }
}

async fn confirm(application: &Application, email: &Email) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let change = UserChange::confirmed(Clock::default().now(), None);
    let changed = application.store.update_user(user.id, &change, &Together::nothing()).await?;
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

/// Switches an account. One that is as wanted is left alone, for every change ends its sessions.
async fn set_active(application: &Application, email: &Email, active: bool) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let state = if active { "active" } else { "deactivated" };
    if user.active == active {
        return print(format_args!("{} is {state} already.", user.email));
    }
    let change = UserChange::active(active);
    let changed = application.store.update_user(user.id, &change, &Together::nothing()).await?;
    changed.ok_or_else(|| no_account(email))?;
    let sessions = if active { "" } else { ", and its sessions have ended" };
    print(format_args!("{} is {state}{sessions}.", user.email))
}

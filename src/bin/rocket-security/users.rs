//! `rocket-security users …`.

use clap::Args;
use clap::Subcommand;
use rocket_security::Email;
use rocket_security::Event;
use rocket_security::RoleName;
use rocket_security::User;
use rocket_security::UserDatastore;
use rocket_security::UserId;
use rocket_security::Username;
use rocket_security::clock::Clock;
use rocket_security::crypto::hasher::Hasher;
use rocket_security::crypto::hasher::PasswordHash;
use rocket_security::crypto::password::Password;
use rocket_security::crypto::password::PasswordPolicy;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::Lapse;
use rocket_security::datastore::user::NewUser;
use rocket_security::datastore::user::Taken;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::invite::Invite;
use rocket_security::features::reset::Reset;
use rocket_security::flow::Chooser;
use rocket_security::flow::username::UsernamePolicy;
use rocket_security::rejection::FieldErrors;
use rocket_security::user::Identity;
use serde::Serialize;

use crate::application::Application;
use crate::application::no_account;
use crate::application::origin;
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

/// What `users create` is given.
#[derive(Args)]
pub(crate) struct Create {
    /// The address
    email: Email,
    /// The username, under the rules of a registration
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
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
        UsersCommand::Invite { email, roles } => invite(&application, &email, &roles).await,
        UsersCommand::Reset { email } => reset(&application, &email).await,
        UsersCommand::RequireChange { email } => require_change(&application, &email).await,
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
    let found = application.store.find_credentials(&identity).await?;
    let gives_way = found.as_ref().map(|it| &it.user).filter(|it| it.expires_at.is_some());
    let gives_way = gives_way.map(|user| user.id);
    if found.is_some() && gives_way.is_none() {
        return Err(taken(email));
    }
    let username = match &account.username {
        Some(typed) => Some(choose_username(application, typed, gives_way).await?),
        None => None,
    };
    let chooser = Chooser { email: email.as_str(), username: username.as_ref() };
    let password_hash =
        if account.no_password { None } else { Some(new_password(application, chooser).await?) };
    let now = Clock::default().now();
    let user = NewUser {
        id: UserId::from_uuid(random_uuid()?),
        email: email.clone(),
        username,
        password_hash,
        confirmed_at: account.confirmed.then_some(now),
        expires_at: None,
        created_at: now,
    };
    let registered = Event::UserRegistered { user: user.id, origin: origin() };
    let confirmed = Event::UserConfirmed { user: user.id, origin: origin() };
    let events = if account.confirmed { vec![registered, confirmed] } else { vec![registered] };
    make_room(application, email).await?;
    let together = application.along(&events).await?;
    let made = application.store.create_user(&user, &together).await?;
    let made = made.map_err(|what| match what {
        Taken::Email => taken(email),
        Taken::Username => username_taken(),
    })?;
    grant_or_unmake(application, &made, &account.roles).await?;
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

/// Deletes an account that somebody registered with that address and nobody confirmed: nobody knows
/// whose it is.
async fn make_room(application: &Application, email: &Email) -> Result<(), Failure> {
    let found = application.store.find_credentials(&Identity::Email(email.clone())).await?;
    let unproved = found.and_then(|it| Some((it.user.id, it.user.expires_at?)));
    if let Some((unproved, expires_at)) = unproved {
        let deleted = Event::UserDeleted { user: unproved, origin: origin() };
        let together = application.along(&[deleted]).await?;
        let (store, lapse) = (&application.store, Lapse::Unconfirmed);
        store.delete_lapsed_user(unproved, lapse, expires_at, &together).await?;
    }
    Ok(())
}

/// Reads a username under the rules of a registration; one that is held by nobody but the account
/// that gives way is free.
async fn choose_username(
    application: &Application,
    typed: &str,
    gives_way: Option<UserId>,
) -> Result<Username, Failure> {
    let mut errors = FieldErrors::new();
    let policy = UsernamePolicy::new(&application.config);
    let Some(username) = policy.check("username", typed, &mut errors) else {
        return Err(errors.into());
    };
    let holders = application.store.find_username_holders(&username).await?;
    if holders.iter().all(|holder| Some(*holder) == gives_way) {
        Ok(username)
    } else {
        Err(username_taken())
    }
}

fn username_taken() -> Failure {
    Failure::refused("the username, or one that looks like it, is taken. Choose another one")
}

/// Gives a new account its roles, or unmakes it: one was deleted in this very moment, or the store
/// went away.
async fn grant_or_unmake(
    application: &Application,
    user: &User,
    roles: &[RoleName],
) -> Result<(), Failure> {
    let Err(failure) = grant_all(application, user, roles).await else {
        return Ok(());
    };
    let event = Event::UserDeleted { user: user.id, origin: origin() };
    let unmade = match application.along(&[event]).await {
        Ok(together) => application.store.delete_user(user.id, &together).await.is_ok(),
        Err(_) => false,
    };
    Err(if unmade { failure } else { without_roles(user, &failure) })
}

async fn grant_all(
    application: &Application,
    user: &User,
    roles: &[RoleName],
) -> Result<(), Failure> {
    for role in roles {
        let event = Event::RoleGranted { user: user.id, role: role.clone(), origin: origin() };
        let together = application.along(&[event]).await?;
        if !application.store.grant_role(user.id, role, &together).await? {
            return Err(unknown_role(role));
        }
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
async fn new_password(
    application: &Application,
    chooser: Chooser<'_>,
) -> Result<PasswordHash, Failure> {
    let Application { config, base_url, .. } = application;
    let policy = PasswordPolicy::new(config, base_url);
    // Wrong parameters are refused before anybody types. One password needs one thread.
    let mut parameters = config.password.clone();
    parameters.threads = Some(1);
    let hasher = Hasher::start(&parameters)?;
    let password = choose_password(&policy, chooser)?;
    let slot = hasher.reserve().map_err(|full| Failure::refused(full.text()))?;
    Ok(hasher.hash(&slot, &password).await?)
}

fn choose_password(policy: &PasswordPolicy, chooser: Chooser<'_>) -> Result<Password, Failure> {
    let (asks, least, email) = (is_interactive(), policy.min_length, chooser.email);
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
    let own = chooser.words();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let errors = policy.check("password", &password, &own);
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
            [
                user.email.to_string(),
                user.username.as_ref().map_or("-".to_owned(), Username::to_string),
                user.id.to_string(),
                yes_or_no(user.active),
                yes_or_no(user.confirmed_at.is_some()),
                roles_of(user),
            ]
        }));
    }
    if rows.is_empty() {
        note("There are no accounts yet. Make one with `rocket-security users create EMAIL`.");
        return Ok(());
    }
    print_table(["EMAIL", "USERNAME", "ID", "ACTIVE", "CONFIRMED", "ROLES"], rows)
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
                username: user.username.as_ref(),
                id: user.id,
                active: user.active,
                confirmed: user.confirmed_at.is_some(),
                roles: &user.granted_roles,
                included_roles: included_roles(user).collect(),
            };
            let line =
                serde_json::to_string(&line).map_err(|fault| Failure::Output(fault.into()))?;
            print(line)?;
        }
    }
    Ok(())
}

/// Names the roles that a user was given, and behind them those that these include.
fn roles_of(user: &User) -> String {
    let given: Vec<&str> = user.granted_roles.iter().map(RoleName::as_str).collect();
    let included: Vec<&str> = included_roles(user).map(RoleName::as_str).collect();
    let included =
        if included.is_empty() { String::new() } else { format!(" ({})", included.join(", ")) };
    given.join(", ") + &included
}

fn included_roles(user: &User) -> impl Iterator<Item = &RoleName> {
    user.roles.iter().filter(|role| !user.granted_roles.contains(role))
}

/// A line of `users list --json`.
#[derive(Serialize)]
struct UserLine<'a> {
    email: &'a Email,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a Username>,
    id: UserId,
    active: bool,
    confirmed: bool,
    /// Those that the user was given.
    roles: &'a [RoleName],
    /// Those that come with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    included_roles: Vec<&'a RoleName>,
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
    let event = Event::UserConfirmed { user: user.id, origin: origin() };
    let together = application.along(&[event]).await?;
    let changed = application.store.update_user(user.id, &change, &together).await?;
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

async fn invite(
    application: &Application,
    email: &Email,
    roles: &[RoleName],
) -> Result<(), Failure> {
    application.check_roles(roles).await?;
    let settings = application.feature(Invite::default())?;
    make_room(application, email).await?;
    let (id, now) = (UserId::from_uuid(random_uuid()?), Clock::default().now());
    let invited = Event::UserInvited { user: id, origin: origin() };
    let along = application.along(&[invited]).await?;
    let together = Together::mail(vec![settings.invitation(id, email, now)?]).join(along);
    let guest = Invite::guest(id, email, now);
    let user = match application.store.create_user(&guest, &together).await? {
        Ok(user) => {
            grant_or_unmake(application, &user, roles).await?;
            user
        }
        Err(_) => {
            let identity = Identity::Email(email.clone());
            let found = application.store.find_credentials(&identity).await?;
            let user = found.filter(Invite::is_waiting).ok_or_else(|| taken(email))?.user;
            let user = in_use(user)?;
            let granted = grant_all(application, &user, roles).await;
            granted.map_err(|failure| without_roles(&user, &failure))?;
            let again = settings.invitation(user.id, &user.email, now)?;
            application.post(again).await?;
            user
        }
    };
    note(format_args!("The application mails {email} a link, good for {}.", settings.within));
    print(user.id)
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
    let together = application.along(&[event]).await?;
    let change = UserChange::must_change();
    let changed = application.store.update_user(user.id, &change, &together).await?;
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
    let change = UserChange::active(active);
    let event = match active {
        true => Event::UserActivated { user: user.id, origin: origin() },
        false => Event::UserDeactivated { user: user.id, origin: origin() },
    };
    let together = application.along(&[event]).await?;
    let changed = application.store.update_user(user.id, &change, &together).await?;
    changed.ok_or_else(|| no_account(email))?;
    let sessions = if active { "" } else { ", and its sessions have ended" };
    print(format_args!("{} is {state}{sessions}.", user.email))
}

//! `rocket-security users create` and `users invite`.

use clap::Args;

use crate::cli::application::{Application, origin, unknown_role};
use crate::cli::terminal::{Failure, ask_password, is_interactive, note, print, read_password};
use crate::cli::users::change::in_use;
use crate::clock::Clock;
use crate::crypto::hasher::{Hasher, PasswordHash};
use crate::crypto::password::{Password, PasswordPolicy};
use crate::crypto::random_uuid;
use crate::datastore::lapse::Lapse;
use crate::datastore::user::{NewUser, Taken};
use crate::datastore::{LapseStore, RoleStore, UserDatastore};
use crate::event::Event;
use crate::features::invite::Invite;
use crate::flow::Chooser;
use crate::text::Text;
use crate::user::{Email, Identity, RoleName, User, UserId, Username, UsernamePolicy};

/// The arguments of `users create`.
#[derive(Args)]
pub(crate) struct Create {
    /// The address
    email: Email,
    /// The username, under the rules of a registration
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// A role to grant; may be repeated
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<RoleName>,
    /// Marks the address as confirmed, so that the user can log in at once
    #[arg(long)]
    confirmed: bool,
    /// Creates the account without a password; it cannot log in until it has one
    #[arg(long)]
    no_password: bool,
}

/// Everything that can be wrong is checked before the account is created, and as much as possible before the
/// password is asked for.
pub(super) async fn create(application: &Application, account: &Create) -> Result<(), Failure> {
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
    let chooser = Chooser::new(email.as_str(), username.as_ref());
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
    make_room(application, email).await?;
    let mut change = application.change(registered).await?;
    if account.confirmed {
        change = change.and(confirmed);
    }
    let store = &application.store;
    let made = change.commit(async |with| store.create_user(&user, with).await).await?;
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

pub(super) async fn invite(
    application: &Application,
    email: &Email,
    roles: &[RoleName],
) -> Result<(), Failure> {
    application.check_roles(roles).await?;
    let settings = application.feature(Invite::default())?;
    make_room(application, email).await?;
    let (id, now) = (UserId::from_uuid(random_uuid()?), Clock::default().now());
    let invited = Event::UserInvited { user: id, origin: origin() };
    let invitation = settings.invitation(id, email, now)?;
    let (store, guest) = (&application.store, Invite::guest(id, email, now));
    let change = application.change(invited).await?.mail([invitation]);
    let user = match change.commit(async |with| store.create_user(&guest, with).await).await? {
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

fn taken(email: &Email) -> Failure {
    Failure::refused(format!(
        "{email} has an account already. Give it a role with `rocket-security roles grant {email} \
         ROLE`"
    ))
}

/// Deletes an account that was registered with this address and never confirmed: its owner is unknown.
async fn make_room(application: &Application, email: &Email) -> Result<(), Failure> {
    let found = application.store.find_credentials(&Identity::Email(email.clone())).await?;
    let unproved = found.and_then(|it| Some((it.user.id, it.user.expires_at?)));
    if let Some((unproved, expires_at)) = unproved {
        let deleted = Event::UserDeleted { user: unproved, origin: origin() };
        let change = application.change(deleted).await?;
        let (store, lapse) = (&application.store, Lapse::Unconfirmed);
        change
            .commit(async |with| store.delete_lapsed_user(unproved, lapse, expires_at, with).await)
            .await?;
    }
    Ok(())
}

/// Reads a username under the rules of a registration. A username that only the account to be deleted has is
/// free.
async fn choose_username(
    application: &Application,
    typed: &str,
    gives_way: Option<UserId>,
) -> Result<Username, Failure> {
    let names = &application.config.username;
    let policy = UsernamePolicy::new(names.min_length, names.max_length, &names.reserved);
    let username =
        policy.parse(typed).map_err(|why| Failure::refused(Text::from(why).to_string()))?;
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

/// Grants a new account its roles. Deletes the account again if that fails, because a role was deleted at
/// this moment or the store failed.
async fn grant_or_unmake(
    application: &Application,
    user: &User,
    roles: &[RoleName],
) -> Result<(), Failure> {
    let Err(failure) = grant_all(application, user, roles).await else {
        return Ok(());
    };
    let event = Event::UserDeleted { user: user.id, origin: origin() };
    let store = &application.store;
    let unmade = match application.change(event).await {
        Ok(change) => {
            change.commit(async |with| store.delete_user(user.id, with).await).await.is_ok()
        }
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
        let is_granted = application
            .commit(event, async |store, with| store.grant_role(user.id, role, with).await)
            .await?;
        if !is_granted {
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

/// Lets the operator choose a password under the rules of a registration, and hashes it.
async fn new_password(
    application: &Application,
    chooser: Chooser<'_>,
) -> Result<PasswordHash, Failure> {
    let Application { config, base_url, .. } = application;
    let policy = PasswordPolicy::new(config, base_url);
    // Invalid parameters are refused before anything is typed. One password needs one thread.
    let mut parameters = config.password.clone();
    parameters.threads = Some(1);
    let hasher = Hasher::start(&parameters)?;
    let password = choose_password(&policy, chooser)?;
    let slot = hasher.reserve().map_err(|full| Failure::refused(full.to_string()))?;
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
    if asks && ask_password("Repeat it:  ")? != typed {
        return Err(Failure::refused("the passwords don't match. Nothing was changed; try again"));
    }
    Ok(password)
}

//! `rocket-security users confirm`, `reset`, `require-change`, `deactivate` and `activate`.

use crate::cli::application::{Application, no_account, origin};
use crate::cli::terminal::{Failure, print};
use crate::clock::Clock;
use crate::datastore::UserDatastore;
use crate::datastore::user::UserChange;
use crate::event::Event;
use crate::features::reset::Reset;
use crate::user::{Email, User};

pub(super) async fn confirm(application: &Application, email: &Email) -> Result<(), Failure> {
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

pub(super) async fn reset(application: &Application, email: &Email) -> Result<(), Failure> {
    let user = in_use(application.find(email).await?)?;
    let settings = application.feature(Reset::default())?;
    let mail = settings.instructions(&user.email, Clock::default().now())?;
    application.post(mail).await?;
    print(format_args!(
        "The application mails {} a link to choose a new password, good for {}.",
        user.email, settings.within
    ))
}

/// Refuses an account to which no link can be mailed: the mail would be dropped.
pub(super) fn in_use(user: User) -> Result<User, Failure> {
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

pub(super) async fn require_change(
    application: &Application,
    email: &Email,
) -> Result<(), Failure> {
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

/// Locks or unlocks an account. An account that is already in this state is not changed, because every change
/// ends its sessions.
pub(super) async fn set_active(
    application: &Application,
    email: &Email,
    active: bool,
) -> Result<(), Failure> {
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

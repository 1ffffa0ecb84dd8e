//! `rocket-security users list`.

use serde::Serialize;

use crate::cli::application::Application;
use crate::cli::terminal::{Failure, note, print, print_table};
use crate::datastore::UserDatastore;
use crate::user::{Email, RoleName, User, UserId, Username};

pub(super) async fn list(application: &Application) -> Result<(), Failure> {
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
        note("There are no accounts yet. Create one with `rocket-security users create EMAIL`.");
        return Ok(());
    }
    print_table(["EMAIL", "USERNAME", "ID", "ACTIVE", "CONFIRMED", "ROLES"], rows)
}

fn yes_or_no(answer: bool) -> String {
    if answer { "yes".to_owned() } else { "no".to_owned() }
}

pub(super) async fn list_json(application: &Application) -> Result<(), Failure> {
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

/// Formats the roles that a user was granted, followed by the roles that these include.
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
    /// The roles that the user was granted.
    roles: &'a [RoleName],
    /// The roles that come with them.
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

    /// Returns the next page, or `None` after the last one.
    async fn next(&mut self) -> Result<Option<Vec<User>>, Failure> {
        let page = self.application.store.list_users(self.last, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.last = Some(last.id);
        Ok(Some(page))
    }
}

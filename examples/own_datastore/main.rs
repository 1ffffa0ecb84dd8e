//! Shows your own store: the users are in the application's table `members`, with the application's column
//! names, and with columns that the framework does not know.
//!
//! `cargo run --example own_datastore`, then open <http://127.0.0.1:8000>. Register; the link of the mail is
//! in the log; confirm, log in, and `/me` shows your number. The example leaves a database, keys and mails
//! (`members.sqlite`, `security.keys`, `security-mail/`) in the working directory.
//!
//! `cargo test --example own_datastore` tests the store with
//! [`datastore_contract!`](rocket_security::datastore_contract), the contract of every store.
//!
//! | file | capability | tables |
//! |---|---|---|
//! | `schema.sql` | | all of them |
//! | `store.rs` | | how the database is opened, and its transactions |
//! | `members.rs` | `UserDatastore`, `LapseStore` | `members`, and the view `leaving` |
//! | `sessions.rs` | `SessionStore` | `member_sessions` |
//! | `tokens.rs` | `OneTimeStore` | `member_tokens` |
//! | `outbox.rs` | `OutboxStore` | `outgoing_mail` |
//! | `attempts.rs` | `AttemptStore` | `attempts` |
//!
//! # Why it implements all five
//!
//! An application may want to keep only its members, and leave sessions, tokens and mail to
//! [`SqlxDatastore`](rocket_security::SqlxDatastore). That would not be safe, because those rows must change
//! together with their user. A session begins only if its user is active and of the same epoch *in that
//! statement*; a token is used up *in the transaction* that changes its user; a change of password ends every
//! session *in the transaction* of the change; a mail waits exactly if the change that it reports is
//! committed; a deletion takes all of them along. With the users in one store and the rest in another, each
//! of these becomes two steps, and between them an attacker could log in with a password that was just
//! replaced. Only attempts are independent.
//!
//! # What it leaves out
//!
//! It does not implement [`RoleStore`](rocket_security::datastore::RoleStore): its members have no roles, and
//! guards that require one refuse all of them. A store whose users have roles returns them in
//! [`User::roles`](rocket_security::User::roles). It does not implement
//! [`OutboxAdmin`](rocket_security::datastore::OutboxAdmin): its operators read the table itself. It does not
//! implement [`TrackStore`](rocket_security::datastore::TrackStore), so the feature `track` is not enabled,
//! and could not be. It does not implement [`TicketStore`](rocket_security::datastore::TicketStore). It does
//! not implement [`RememberStore`](rocket_security::datastore::RememberStore): its login page has no box
//! "Remember me", and no session belongs to a series. And it does not implement
//! [`RefreshStore`](rocket_security::datastore::RefreshStore): programs do not log in. Add
//! `.enable(Track::default())` below to see the compiler's message.
//!
//! It uses the default implementations of `list_password_hashes`, `find_username_holders`, `find_session_of`
//! and `expire_session`, which take several queries each where its own could take one.
//!
//! Its schema is one script that can be run repeatedly. A long-lived application has migrations, which the
//! example `together` shows.

mod attempts;
mod members;
mod outbox;
mod sessions;
mod store;
mod tokens;

use rocket::response::content::RawHtml;
use rocket::{Build, Rocket, State, get, routes};
use rocket_security::features::confirm::Confirm;
use rocket_security::features::login::Login;
use rocket_security::features::logout::Logout;
use rocket_security::features::register::Register;
use rocket_security::{AuthUser, Maybe, Rejection, Security};

use crate::store::MemberStore;

#[get("/")]
fn index(user: Maybe<AuthUser>) -> RawHtml<&'static str> {
    RawHtml(match user.0 {
        Some(_) => "<p>You are logged in. <a href=/me>Your page</a>, <a href=/logout>log out</a>.",
        None => "<p>Hello! <a href=/register>Register</a> or <a href=/login>log in</a>.",
    })
}

#[get("/me")]
async fn me(user: AuthUser, store: &State<MemberStore>) -> Result<String, Rejection> {
    let member = store.find_member(user.id).await?.ok_or(Rejection::Unavailable)?;
    Ok(format!("Hello, {}! You are member number {}.", member.display_name, member.number))
}

/// Returns the application for an open store.
fn application(store: MemberStore) -> Rocket<Build> {
    let security = Security::new(store.clone())
        .enable(Login::default())
        .enable(Logout::default())
        .enable(Register::default())
        .enable(Confirm::default());
    rocket::build().attach(security).manage(store).mount("/", routes![index, me])
}

#[rocket::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemberStore::open("sqlite:members.sqlite").await?;
    application(store).launch().await?;
    Ok(())
}

#[cfg(test)]
mod tests;

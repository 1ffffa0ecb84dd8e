//! A store of one's own: the users live in the application's table `members`, under the
//! application's names, with columns of which the framework knows nothing.
//!
//! `cargo run --example own_datastore`, then open <http://127.0.0.1:8000>. Register; the mail's link
//! is in the log; confirm, log in, and `/me` knows your number. It leaves a database, keys and mails
//! (`members.sqlite`, `security.keys`, `security-mail/`) in the working directory.
//!
//! `cargo test --example own_datastore` holds the store to everything that
//! [`datastore_contract!`](rocket_security::datastore_contract) demands of one.
//!
//! | file | capability | tables |
//! |---|---|---|
//! | `schema.sql` | | all of them |
//! | `store.rs` | | how the database is opened, and what a transaction is |
//! | `members.rs` | `UserDatastore`, `LapseStore` | `members`, and the view `leaving` |
//! | `sessions.rs` | `SessionStore` | `member_sessions` |
//! | `tokens.rs` | `OneTimeStore` | `member_tokens` |
//! | `outbox.rs` | `OutboxStore` | `outgoing_mail` |
//! | `attempts.rs` | `AttemptStore` | `attempts` |
//!
//! # Why it implements all five
//!
//! An application may care for its members only, and like to leave sessions, tokens and mail to
//! [`SqlxDatastore`](rocket_security::SqlxDatastore). That would not be sound: those rows are right
//! only as long as their user is. A session begins if its user is active and of the same epoch *in
//! that statement*; a token is used up *in the transaction* that changes its user; a change of
//! password ends every session *in the transaction* of the change; a mail waits if and only if what
//! it tells of is committed; a deletion takes all of them along. With the users in one store and the
//! rest in another, each of these becomes two steps, and between two steps somebody logs in with the
//! password that was just taken away. Attempts alone stand for themselves.
//!
//! # What it leaves out
//!
//! It is no [`RoleStore`](rocket_security::datastore::RoleStore): its members have no roles, and guards that
//! name one refuse all of them. A store whose users have roles puts them into
//! [`User::roles`](rocket_security::User::roles). It is no
//! [`OutboxAdmin`](rocket_security::datastore::OutboxAdmin): its operators look into the table itself. It is no
//! [`TrackStore`](rocket_security::datastore::TrackStore): the feature `track` is not enabled, and could not
//! be. Nor is it a [`TicketStore`](rocket_security::datastore::TicketStore), nor a
//! [`RememberStore`](rocket_security::datastore::RememberStore): its login page has no box "Remember me", and
//! no session names a series; nor a [`RefreshStore`](rocket_security::datastore::RefreshStore): programs do not
//! log in. Add `.enable(Track::default())` below to see what the compiler says.
//!
//! It leaves to their defaults what it could answer with one query where the default takes several:
//! `list_password_hashes`, `find_username_holders`, `find_session_of` and `expire_session`.
//!
//! Its schema is one script that does nothing the second time. An application that lives for long
//! has migrations: the example `together` shows them.

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

/// The application on a store that is open.
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

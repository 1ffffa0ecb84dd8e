//! Shows every feature that can be enabled, and a page for each guard.
//!
//! `cargo run --example showcase`, then open <http://127.0.0.1:8000>. Create the first admin on the command
//! line:
//!
//! ```text
//! cargo run --features cli --bin rocket-security -- roles create admin
//! cargo run --features cli --bin rocket-security -- users create ann@example.org --confirmed --role admin
//! ```
//!
//! | file | shows |
//! |---|---|
//! | `main.rs` | what is enabled, usernames, and a page for each guard |
//! | `profile.rs` | more fields in the registration, kept in a table of the application |
//! | `reading_list.rs` | data kept with a visitor's session, and flash messages |
//! | `presentation.rs` | more on every page, another user in JSON, another answer to 403 |
//! | `routes.txt`, `tests.rs` | who can reach what, as `rocket-security routes` prints it, and the test that compares it |
//! | `templates/` | pages of the application, and a mail in place of one of ours |
//!
//! It is built for SQLite; with `--no-default-features --features postgres,smtp` for PostgreSQL, at
//! `databases.security.url`.

mod presentation;
mod profile;
mod reading_list;

use std::path::PathBuf;

use rocket::figment::providers::Serialized;
use rocket::form::Form;
use rocket::serde::json::{Json, Value, json};
use rocket::{FromForm, Responder, State, delete, get, launch, post, routes};
use rocket_db_pools::Database;
use rocket_security::features::audit::Audit;
use rocket_security::features::basic::Basic;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::features::invite::Invite;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::features::register::Register;
use rocket_security::features::tickets::Tickets;
use rocket_security::flow::Flow;
use rocket_security::web::visit::Visit;
use rocket_security::{
    AnonymousOnly, AuthUser, BasicUser, Email, Fresh, Maybe, Own, Page, Public, Rejection,
    RolesAccepted, RolesRequired, Scoped, Security,
};

use crate::presentation::Library;
use crate::profile::{Db, Profile};

rocket_security::roles! {
    /// May do everything.
    pub Admin = "admin";
    /// May see drafts.
    pub Editor = "editor";
}

rocket_security::scopes! {
    /// For a program that shows the books on a user's shelf.
    pub ReadBooks = "books:read", "See the books on your shelf";
    /// For a program that lends books.
    pub LendBooks = "books:lend", "Lend books in your name";
}

/// Enables every feature, including those that are off by default.
fn security() -> Security {
    Security::default()
        .enable(Audit::default())
        .enable(Basic::default())
        .enable(ChangeUsername::default())
        .enable(CloseAccount::default())
        .enable(PersonalTokens::default().scopes::<(ReadBooks, LendBooks)>())
        .enable(RecoverUsername::default())
        .enable(Register::asking::<Profile>())
        .enable(Tickets::default())
        .presentation(Library)
}

#[derive(Responder)]
enum Me {
    Json(Json<Value>),
    Page(Page),
}

#[get("/")]
fn index(user: Maybe<AuthUser>) -> Page {
    Page::new("index.html").with("is_guest", user.0.is_none())
}

#[get("/me")]
fn me(user: AuthUser, visit: Visit<'_>) -> Me {
    if visit.wants_json() {
        Me::Json(Json(user.payload()))
    } else {
        Me::Page(Page::new("text.html").with("text", format!("Hello, {}!", user.email)))
    }
}

/// Shows a user's profile, and links to everything that they can do with their account.
#[get("/account")]
fn account(profile: Own<Option<Profile>>) -> Page {
    Page::new("account.html").with("profile", &*profile)
}

#[get("/payout")]
fn payout(user: Fresh<5>) -> Page {
    Page::new("text.html").with("text", format!("Where to, {}?", user.email))
}

#[get("/admin")]
fn admin(_admin: RolesRequired<Admin>) -> Page {
    Page::new("admin.html")
}

/// The form that is submitted to `/admin`.
#[derive(FromForm)]
struct Invitation<'r> {
    email: &'r str,
}

#[post("/admin", data = "<invitation>")]
async fn invite(
    _admin: RolesRequired<Admin>,
    visit: Visit<'_>,
    flow: &State<Flow>,
    invite: &State<Invite>,
    invitation: Form<Invitation<'_>>,
) -> Result<Page, Rejection> {
    let text = match Email::parse(invitation.email) {
        Ok(email) => match invite.send(flow, &email, visit.origin()).await? {
            Some(_) => format!("An invitation is on its way to {email}."),
            None => format!("{email} has an account already."),
        },
        Err(fault) => fault.to_string(),
    };
    Ok(Page::new("admin.html").with("text", text))
}

#[get("/drafts")]
fn drafts(user: RolesAccepted<(Admin, Editor)>) -> Page {
    Page::new("text.html").with("text", format!("Three drafts wait for you, {}.", user.email))
}

#[get("/welcome")]
fn welcome(_guest: AnonymousOnly) -> Page {
    Page::new("text.html").with("text", "This page is for people who are not logged in.")
}

/// For a program that knows a password: `curl -u ann@example.org http://127.0.0.1:8000/feed`.
#[get("/feed")]
fn feed(user: BasicUser) -> String {
    format!("There is no news for {}.", user.email)
}

/// For a program with a token from `/personal-tokens`, and for logged-in users.
#[get("/api/books")]
fn books(user: Scoped<ReadBooks>) -> Json<Value> {
    Json(json!({ "shelf_of": user.id, "books": [] }))
}

#[delete("/api/thing/<id>")]
fn delete_thing(_user: AuthUser, id: u32) -> Json<Value> {
    Json(json!({ "deleted": id }))
}

/// A guard that fails does not forward to this route.
#[get("/<_path..>", rank = 100)]
fn anything_else(_everybody: Public, _path: PathBuf) -> &'static str {
    "public"
}

#[launch]
fn rocket() -> _ {
    // Only defaults: Rocket.toml and ROCKET_* variables take precedence.
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/showcase/templates");
    let figment = rocket::Config::figment()
        .join(Serialized::default("template_dir", templates))
        .join(Serialized::default("security.identity", ["email", "username"]))
        .join(Serialized::default("security.register.username_required", false))
        .join(Serialized::default("security.require_guard", true));
    let pages = routes![index, me, account, payout, admin, invite, drafts, welcome];
    let list = routes![reading_list::show, reading_list::add];
    let others = routes![feed, books, delete_thing, anything_else];
    rocket::custom(figment)
        .attach(security())
        .attach(Db::init())
        .attach(Profile::table())
        .mount("/", pages)
        .mount("/", list)
        .mount("/", others)
}

#[cfg(test)]
mod tests;

//! Shows the smallest application: a page for everyone, one for members, and one for admins.
//!
//! `cargo run --example quickstart`, then open <http://127.0.0.1:8000>. Register; the link of the mail is in
//! the log; confirm, log in, look around, log out. The example leaves a database, keys and mails
//! (`security.sqlite`, `security.keys`, `security-mail/`) in the working directory.

use rocket::response::content::RawHtml;
use rocket::{get, launch, routes};
use rocket_security::{AuthUser, Maybe, RolesRequired, Security};

rocket_security::roles! { pub Admin = "admin"; }

#[get("/")]
fn index(user: Maybe<AuthUser>) -> RawHtml<&'static str> {
    RawHtml(match user.0 {
        Some(_) => "<p>You are logged in. <a href=/me>Your page</a>, <a href=/logout>log out</a>.",
        None => "<p>Hello! <a href=/register>Register</a> or <a href=/login>log in</a>.",
    })
}

#[get("/me")]
fn me(user: AuthUser) -> String {
    format!("Hello, {}!", user.email)
}

#[get("/admin")]
fn admin(user: RolesRequired<Admin>) -> String {
    format!("At your service, {}.", user.email)
}

#[launch]
fn rocket() -> _ {
    rocket::build().attach(Security::fairing()).mount("/", routes![index, me, admin])
}

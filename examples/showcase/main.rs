//! Everything on, one page a guard.
//!
//! `cargo run --example showcase`, then open <http://127.0.0.1:8000>. It is configured by
//! `Rocket.toml` and `ROCKET_*` variables alone. The first admin is made on the command line:
//!
//! ```text
//! cargo run --features cli --bin rocket-security -- roles create admin
//! cargo run --features cli --bin rocket-security -- users create ann@example.org --confirmed --role admin
//! ```

use std::path::PathBuf;

use rocket::Responder;
use rocket::delete;
use rocket::get;
use rocket::launch;
use rocket::routes;
use rocket::serde::json::Json;
use rocket::serde::json::Value;
use rocket::serde::json::json;
use rocket_security::AnonymousOnly;
use rocket_security::AuthUser;
use rocket_security::Maybe;
use rocket_security::Page;
use rocket_security::RolesAccepted;
use rocket_security::RolesRequired;
use rocket_security::Security;
use rocket_security::user::UserPayload;
use rocket_security::web::visit::Visit;

rocket_security::roles! {
    /// May do everything.
    pub Admin = "admin";
    /// May see drafts.
    pub Editor = "editor";
}

#[derive(Responder)]
enum Me {
    Json(Json<UserPayload>),
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

#[get("/admin")]
fn admin(user: RolesRequired<Admin>) -> Page {
    Page::new("text.html").with("text", format!("At your service, {}.", user.email))
}

#[get("/drafts")]
fn drafts(user: RolesAccepted<(Admin, Editor)>) -> Page {
    Page::new("text.html").with("text", format!("Three drafts wait for you, {}.", user.email))
}

#[get("/welcome")]
fn welcome(_guest: AnonymousOnly) -> Page {
    Page::new("text.html").with("text", "This page is for people who are not logged in.")
}

#[delete("/api/thing/<id>")]
fn delete_thing(_user: AuthUser, id: u32) -> Json<Value> {
    Json(json!({ "deleted": id }))
}

/// A guard that fails does not fall through to this route.
#[get("/<_path..>", rank = 100)]
fn anything_else(_path: PathBuf) -> &'static str {
    "public"
}

#[launch]
fn rocket() -> _ {
    // A default only: Rocket.toml and ROCKET_TEMPLATE_DIR still decide.
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/showcase/templates");
    let figment = rocket::Config::figment().join(("template_dir", templates));
    let routes = routes![index, me, admin, drafts, welcome, delete_thing, anything_else];
    rocket::custom(figment).attach(Security::fairing()).mount("/", routes)
}

//! The applications that the suite tests.

pub(crate) mod bearer;
pub(crate) mod examples;
pub(crate) mod files;
pub(crate) mod launching;
pub(crate) mod links;
pub(crate) mod mailers;
#[cfg(feature = "cli")]
pub(crate) mod operator;
pub(crate) mod program;
pub(crate) mod remembered;
pub(crate) mod seen;
pub(crate) mod sink;
pub(crate) mod socket;
pub(crate) mod sql;
pub(crate) mod store;
pub(crate) mod templates;
pub(crate) mod tokens;
pub(crate) mod usernames;
pub(crate) mod users;
pub(crate) mod waiting;

use rocket::{Build, Rocket, delete, get, post, routes};
use rocket_security::testing::TestApp;
use rocket_security::{
    AnonymousOnly, AuthUser, Fresh, Maybe, PermissionsAccepted, PermissionsRequired, RolesAccepted,
    RolesRequired, Security,
};
use serde_json::Value;

/// The user of most tests.
pub(crate) const ANN: &str = "ann@example.org";

/// The other one.
pub(crate) const BOB: &str = "bob@example.org";

/// A password that a user chooses in place of the test kit's.
pub(crate) const CHOSEN: &str = "a ferry leaves at seven";

/// The cookie of a session, as it is called where the site is no https.
pub(crate) const SESSION: &str = "security_session";

/// The cookie of a remembered browser.
pub(crate) const REMEMBER: &str = "security_remember";

rocket_security::roles! {
    pub(crate) Admin = "admin";
    pub(crate) Editor = "editor";
}

rocket_security::permissions! {
    pub(crate) EditPosts = "posts.edit";
    pub(crate) DeletePosts = "posts.delete";
}

rocket_security::scopes! {
    pub(crate) ReadReports = "reports:read", "See your reports";
    pub(crate) WriteReports = "reports:write", "Write reports in your name";
}

#[get("/")]
fn index(user: Maybe<AuthUser>) -> String {
    user.0.map_or("a guest".to_owned(), |user| user.email.to_string())
}

#[get("/me")]
pub(crate) fn me(user: AuthUser) -> String {
    user.email.to_string()
}

#[get("/admin")]
pub(crate) fn admin(_user: RolesRequired<Admin>) -> &'static str {
    "the administration"
}

#[get("/both")]
fn both(_user: RolesRequired<(Admin, Editor)>) -> &'static str {
    "for who is both"
}

#[get("/drafts")]
fn drafts(_user: RolesAccepted<(Admin, Editor)>) -> &'static str {
    "the drafts"
}

#[get("/edit")]
fn edit(_user: PermissionsRequired<EditPosts>) -> &'static str {
    "the editor"
}

#[get("/edit-and-delete")]
fn edit_and_delete(_user: PermissionsRequired<(EditPosts, DeletePosts)>) -> &'static str {
    "for who may do both"
}

#[get("/edit-or-delete")]
fn edit_or_delete(user: Maybe<PermissionsAccepted<(EditPosts, DeletePosts)>>) -> &'static str {
    if user.0.is_some() { "for who may do either" } else { "a guest" }
}

#[get("/welcome")]
pub(crate) fn welcome(_guest: AnonymousOnly) -> &'static str {
    "welcome"
}

#[post("/thing", data = "<body>")]
fn make_thing(_user: AuthUser, body: String) -> String {
    format!("made {body}")
}

#[get("/payout")]
pub(crate) fn payout(_user: Fresh<5>) -> &'static str {
    "the payout"
}

#[post("/payout")]
fn pay_out(_user: Fresh<5>) -> &'static str {
    "paid out"
}

#[get("/statement")]
fn statement(_user: Fresh<60>) -> &'static str {
    "the statement"
}

#[get("/maybe-fresh")]
fn maybe_fresh(user: Maybe<Fresh<5>>) -> &'static str {
    if user.0.is_some() { "fresh" } else { "a guest" }
}

#[delete("/thing/<id>")]
fn delete_thing(_user: AuthUser, id: u32) -> String {
    format!("deleted {id}")
}

#[get("/<_path..>", rank = 100)]
fn catch_all(_path: std::path::PathBuf) -> &'static str {
    "public"
}

/// Says of a guard behind `Maybe` whether it let the request in.
pub(crate) fn let_in<G>(guard: &Maybe<G>) -> &'static str {
    if guard.0.is_some() { "let in" } else { "a guest" }
}

/// An application with a route for each guard, and whatever security.
pub(crate) fn rocket_with(security: Security) -> Rocket<Build> {
    let routes = routes![
        index,
        me,
        admin,
        both,
        drafts,
        edit,
        edit_and_delete,
        edit_or_delete,
        welcome,
        make_thing,
        payout,
        pay_out,
        statement,
        maybe_fresh,
        delete_thing,
        catch_all
    ];
    rocket::build().attach(security).mount("/", routes)
}

/// The same with the default features.
pub(crate) fn rocket() -> Rocket<Build> {
    rocket_with(Security::default())
}

/// The same, launched.
pub(crate) async fn app() -> TestApp {
    TestApp::launch(rocket()).await
}

/// The same, launched with settings.
pub(crate) async fn app_with(security: Value) -> TestApp {
    TestApp::launch_with(rocket(), security).await
}

/// An application where Ann has an account.
pub(crate) async fn with_ann(launched: impl Future<Output = TestApp>) -> TestApp {
    let app = launched.await;
    app.user(ANN).await;
    app
}

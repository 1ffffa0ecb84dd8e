//! Users who go by a username, too.

use rocket_security::datastore::user::UserChange;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::testing::TestApp;
use rocket_security::{Security, User, Username};
use serde_json::{Value, json};

use crate::support::rocket_with;
use crate::support::users::change_user;

/// An application whose users go by address and username, with the features that have to do with it.
pub(crate) async fn app_with_usernames(mut security: Value) -> TestApp {
    if security.get("identity").is_none() {
        security["identity"] = json!(["email", "username"]);
    }
    let enabled =
        Security::default().enable(ChangeUsername::default()).enable(RecoverUsername::default());
    TestApp::launch_with(rocket_with(enabled), security).await
}

/// Makes a confirmed user with a username, or gives one to them.
pub(crate) async fn named_user(app: &TestApp, email: &str, name: &str) -> User {
    let user = app.user(email).await;
    change_user(app, &user, &UserChange::username(Username::parse(name).unwrap())).await
}

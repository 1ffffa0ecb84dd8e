//! Launches that may be refused, and further instances beside one that runs.

use rocket::local::asynchronous::Client;
use rocket::{Build, Rocket};
use rocket_security::testing::{TestApp, TestDatabase};
use serde_json::Value;

/// Tells whether an application launches with settings.
pub(crate) async fn launches(rocket: Rocket<Build>, settings: Value) -> bool {
    try_launch(rocket, settings).await.is_ok()
}

/// Launches an application with settings, or returns in Rocket's words what stopped it.
pub(crate) async fn try_launch(rocket: Rocket<Build>, settings: Value) -> Result<(), String> {
    let database = TestDatabase::create_migrated().await;
    try_launch_on(&database, rocket, settings).await.map(drop)
}

/// Does so on a database that others may be running on.
pub(crate) async fn try_launch_on(
    database: &TestDatabase,
    rocket: Rocket<Build>,
    settings: Value,
) -> Result<Client, String> {
    let figment = TestApp::figment(rocket.figment(), database, settings);
    let figment = figment.merge(("log_level", "off"));
    let launched = Client::untracked(rocket.configure(figment)).await;
    launched.map_err(|fault| format!("{:?}", fault.kind()))
}

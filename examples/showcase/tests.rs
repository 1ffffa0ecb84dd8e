//! Compares who can reach what with `routes.txt`: a change there is visible to a reviewer.

use rocket_security::AccessMap;
use rocket_security::testing::TestApp;

use crate::rocket;

#[rocket::async_test]
async fn who_can_reach_what_is_what_was_reviewed() {
    let app = TestApp::launch(rocket()).await;
    let map = AccessMap::of(app.client().rocket()).to_string();
    // If the change is intended, write the file again: rocket-security routes --
    // target/debug/examples/showcase > examples/showcase/routes.txt
    assert_eq!(map, include_str!("routes.txt"), "\n{map}");
}

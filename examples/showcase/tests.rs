//! Who can reach what: a change of it is a change of `routes.txt`, for a reviewer to see.

use rocket_security::AccessMap;
use rocket_security::testing::TestApp;

use crate::rocket;

#[rocket::async_test]
async fn who_can_reach_what_is_what_was_reviewed() {
    let app = TestApp::launch(rocket()).await;
    let map = AccessMap::of(app.client().rocket()).to_string();
    // Where the change is meant, write the file anew:
    // rocket-security routes -- target/debug/examples/showcase > examples/showcase/routes.txt
    assert_eq!(map, include_str!("routes.txt"), "\n{map}");
}

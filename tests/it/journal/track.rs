//! The last two logins.

use chrono::TimeDelta;
use rocket_security::Security;
use rocket_security::datastore::TrackStore;
use rocket_security::features::track::Track;
use rocket_security::testing::{PASSWORD, TestApp};

use crate::support::store::store_on;
use crate::support::{ANN, app, rocket_with};

#[rocket::async_test]
async fn a_login_moves_the_current_one_to_the_last_and_counts() {
    let app = app().await;
    let user = app.user(ANN).await;
    let from = |last: u8| std::net::IpAddr::from([203, 0, 113, last]);
    let first_at = app.clock().now();
    app.browser().at(from(1)).log_in(ANN, PASSWORD).await;
    app.clock().advance(TimeDelta::hours(3));
    app.browser().at(from(2)).log_in(ANN, PASSWORD).await;

    let track = store_on(app.database()).await.find_track(user.id).await.unwrap().unwrap();
    assert_eq!(track.login_count, 2);
    assert_eq!(track.current_login_ip, Some(from(2)));
    assert_eq!(track.last_login_ip, Some(from(1)));
    assert!(track.last_login_at.unwrap() - first_at < TimeDelta::minutes(1));
    assert!(track.current_login_at - track.last_login_at.unwrap() >= TimeDelta::hours(3));
}

#[rocket::async_test]
async fn a_refused_login_is_not_noted() {
    let app = app().await;
    let user = app.user(ANN).await;
    app.browser().log_in(ANN, "a wrong password").await;
    assert_eq!(store_on(app.database()).await.find_track(user.id).await.unwrap(), None);
}

#[rocket::async_test]
async fn without_the_feature_nothing_is_noted() {
    let app = TestApp::launch(rocket_with(Security::default().disable::<Track>())).await;
    let user = app.user(ANN).await;
    app.log_in_as(ANN).await;
    assert_eq!(store_on(app.database()).await.find_track(user.id).await.unwrap(), None);
}

//! The client that features get.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use rocket::{State, get, routes};
use rocket_security::http::HttpClient;
#[cfg(not(feature = "http-client"))]
use rocket_security::testing::TestDatabase;
use rocket_security::testing::{CaptureHttpClient, TestApp};
use rocket_security::{Rejection, Security};
#[cfg(not(feature = "http-client"))]
use serde_json::json;

type Client = Arc<dyn HttpClient>;

#[get("/weather")]
async fn weather(http: &State<Client>) -> Result<String, Rejection> {
    let request = Request::get("https://weather.example.org/today").body(Vec::new()).unwrap();
    let response = http.send(request).await?;
    assert_eq!(response.status(), StatusCode::OK);
    Ok(String::from_utf8(response.into_body()).unwrap())
}

/// Hands the client that features get to the application's handlers.
fn with_client(security: Security) -> Security {
    security.install(|at| {
        let http = at.http()?;
        at.manage(http);
        Ok(())
    })
}

fn offline() -> CaptureHttpClient {
    CaptureHttpClient::answering(|_| Response::new(b"rain".to_vec()))
}

#[rocket::async_test]
async fn a_feature_asks_by_the_client_of_the_application() {
    let http = offline();
    let security = with_client(Security::default().http_client(http.clone()));
    let rocket = rocket::build().attach(security).mount("/", routes![weather]);
    let app = TestApp::launch(rocket).await;
    assert_eq!(app.browser().get("/weather").await.body, "rain");
    let requests = http.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].uri(), "https://weather.example.org/today");
}

#[cfg(not(feature = "http-client"))]
#[rocket::async_test]
async fn without_a_client_the_launch_stops() {
    let database = TestDatabase::create().await;
    for (security, launches) in [
        (Security::default(), true),
        (with_client(Security::default()), false),
        (with_client(Security::default().http_client(offline())), true),
    ] {
        let rocket = rocket::build().attach(security);
        let figment = TestApp::figment(rocket.figment(), &database, json!({}));
        assert_eq!(rocket.configure(figment).ignite().await.is_ok(), launches);
    }
}

//! Headers that name media types at great length.

use rocket::http::Header;
use rocket::http::Status;
use rocket_security::testing::PASSWORD;
use serde_json::json;

use crate::support::app;

const ANN: &str = "ann@example.org";

#[rocket::async_test]
async fn an_accept_that_is_too_long_is_refused() {
    let app = app().await;
    let browser = app.browser();
    for (length, status) in
        [(1, Status::Ok), (60, Status::Ok), (61, TOO_LARGE), (20_000, TOO_LARGE)]
    {
        let types = vec!["application/json"; length].join(",");
        for path in ["/login", "/", "/nowhere"] {
            let request = app.client().get(path).header(Header::new("Accept", types.clone()));
            let answer = browser.send(request).await;
            assert_eq!(answer.status, status, "{length} {path}: {}", answer.body);
        }
    }
}

const TOO_LARGE: Status = Status::RequestHeaderFieldsTooLarge;

#[rocket::async_test]
async fn so_is_a_content_type() {
    let app = app().await;
    app.user(ANN).await;
    let body = json!({"email": ANN, "password": PASSWORD}).to_string();
    for (length, status) in [(100, Status::Ok), (1_000, TOO_LARGE)] {
        let kind = format!("application/json{}", "; a=b".repeat(length));
        let request = app.client().post("/login").header(Header::new("Content-Type", kind));
        let request = request.body(&body);
        let answer = app.browser().send(request).await;
        assert_eq!(answer.status, status, "{length}: {}", answer.body);
    }
}

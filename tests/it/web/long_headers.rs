//! Headers of great length.

use rocket::http::{Header, Status};
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket_security::testing::PASSWORD;
use serde_json::json;

use crate::support::socket::serve;
use crate::support::{ANN, app, rocket, with_ann};

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

#[rocket::async_test]
async fn so_are_headers_that_are_too_long_together() {
    let app = app().await;
    for (count, status) in [(300, Status::Ok), (5_000, TOO_LARGE)] {
        let cookies = vec!["a=b"; count].join("; ");
        let request = app.client().get("/login").header(Header::new("Cookie", cookies.clone()));
        let request = request.header(Header::new("X-Forwarded-For", "192.0.2.1,".repeat(count)));
        assert_eq!(app.browser().send(request).await.status, status, "{count}");
    }
}

const TOO_LARGE: Status = Status::RequestHeaderFieldsTooLarge;

#[rocket::async_test]
async fn so_is_a_content_type() {
    let app = with_ann(app()).await;
    let body = json!({"email": ANN, "password": PASSWORD}).to_string();
    for (length, status) in [(100, Status::Ok), (1_000, TOO_LARGE)] {
        let kind = format!("application/json{}", "; a=b".repeat(length));
        let request = app.client().post("/login").header(Header::new("Content-Type", kind));
        let request = request.body(&body);
        let answer = app.browser().send(request).await;
        assert_eq!(answer.status, status, "{length}: {}", answer.body);
    }
}

#[rocket::async_test]
async fn a_catcher_reads_no_long_accept_of_a_request_that_no_fairing_sees() {
    let app = app().await;
    let port = serve(rocket(), &app, json!({})).await;
    for (length, is_json) in [(1, true), (1_000, false)] {
        let types = vec!["application/json"; length].join(",");
        // A method that Rocket does not know.
        let request = format!(
            "BREW / HTTP/1.1\r\nHost: localhost\r\nAccept: {types}\r\nConnection: close\r\n\r\n"
        );
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert_eq!(answer.contains("application/json"), is_json, "{length}: {answer}");
    }
}

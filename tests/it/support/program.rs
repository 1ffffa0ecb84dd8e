//! Requests as programs send them, without cookies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::http::{Accept, Header, Status};
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::support::ANN;
use crate::support::bearer::bearer;

/// The login of whoever wants tokens.
pub(crate) const LOGIN: &str = "/login?include_auth_token";

/// What Ann logs in by.
pub(crate) fn credentials() -> Value {
    json!({"email": ANN, "password": PASSWORD})
}

/// The header of a name with that password.
pub(crate) fn basic_with(name: &str, password: &str) -> Header<'static> {
    Header::new("Authorization", format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
}

/// The header of a name with the password of everybody that the kit makes.
pub(crate) fn basic(name: &str) -> Header<'static> {
    basic_with(name, PASSWORD)
}

/// Asks for a page as a program that has that header and nothing else.
pub(crate) async fn get_with(app: &TestApp, path: &str, header: Header<'static>) -> Answer {
    get_with_all(app, path, &[header]).await
}

/// The same with several headers.
pub(crate) async fn get_with_all(app: &TestApp, path: &str, headers: &[Header<'static>]) -> Answer {
    let mut request = app.client().get(path.to_owned()).header(Accept::JSON);
    for header in headers {
        request.add_header(header.clone());
    }
    app.browser().send(request).await
}

/// The same with a token.
pub(crate) async fn get(app: &TestApp, path: &str, token: &str) -> Answer {
    get_with(app, path, bearer(token)).await
}

/// Sends JSON.
pub(crate) async fn post(app: &TestApp, path: &str, body: Value) -> Answer {
    app.browser().post_raw(path, "application/json", body.to_string().as_bytes()).await
}

/// An access and a refresh token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// Returns the tokens of an answer.
pub(crate) fn pair_in(answer: &Answer) -> Pair {
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let user = answer.response("user");
    let text = |name: &str| user[name].as_str().unwrap_or_else(|| panic!("{user}")).to_owned();
    Pair { access: text("authentication_token"), refresh: text("refresh_token") }
}

/// Logs a program of Ann's in.
pub(crate) async fn log_in_program(app: &TestApp) -> Pair {
    pair_in(&post(app, "/token", credentials()).await)
}

/// Asks for the next two tokens.
pub(crate) async fn refresh(app: &TestApp, token: &str) -> Answer {
    post(app, "/refresh-token", json!({"refresh_token": token})).await
}

/// Logs Ann in with that browser, and returns the access token.
pub(crate) async fn token_of(browser: &Browser<'_>) -> String {
    let answer = browser.post_json(LOGIN, credentials()).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    answer.response("user")["authentication_token"].as_str().unwrap().to_owned()
}

/// Asserts that a token was refused with the reason, and with a challenge that says so.
pub(crate) fn assert_token_refused(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert_eq!(answer.reasons(), [reason]);
    let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
    let bearer = "Bearer realm=\"login\", error=\"invalid_token\"";
    assert!(challenges.iter().any(|it| it.starts_with(bearer)), "{challenges:?}");
    assert_eq!(answer.headers("Set-Cookie").count(), 0);
}

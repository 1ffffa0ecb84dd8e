//! A browser for tests: it keeps cookies and sends requests.

#![allow(clippy::panic, reason = "a test ends by a panic")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use rocket::http::{ContentType, Cookie, Header, Method, Status};
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use serde_json::{Value, json};

use crate::testing::orderly::orderly;

/// A browser with its own cookies and its own network address.
///
/// [`TestApp::browser`](crate::testing::TestApp::browser) creates one. Each request sends the cookies of the
/// browser, and keeps those of the answer. The browser follows no redirect: read [`Answer::location`].
///
/// ```
/// use rocket::http::Status;
/// use rocket_security::Security;
/// use rocket_security::testing::{PASSWORD, TestApp};
///
/// # rocket::async_test(async {
/// let app = TestApp::launch(rocket::build().attach(Security::fairing())).await;
/// app.user("ann@example.org").await;
/// let browser = app.browser();
/// let answer = browser.log_in("ann@example.org", PASSWORD).await;
/// assert_eq!(answer.status, Status::Ok);
/// assert!(browser.cookie("security_session").is_some());
/// # });
/// ```
pub struct Browser<'a> {
    client: &'a Client,
    /// The value of each cookie, and whether it stays when the browser is closed.
    cookies: Mutex<BTreeMap<String, (String, bool)>>,
    remote: SocketAddr,
    headers: Vec<Header<'static>>,
}

impl<'a> Browser<'a> {
    /// Creates a browser without cookies, with the address 127.0.0.1.
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            client,
            cookies: Mutex::new(BTreeMap::new()),
            remote: SocketAddr::from(([127, 0, 0, 1], 50_000)),
            headers: Vec::new(),
        }
    }

    /// Sets the network address that the browser sends its requests from.
    pub fn at(mut self, address: IpAddr) -> Self {
        self.remote.set_ip(address);
        self
    }

    /// Adds a header to every request of the browser.
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push(Header::new(name, value));
        self
    }

    /// Returns another browser with the same address, the same headers, and a copy of all cookies, as a thief
    /// would have.
    pub fn copy(&self) -> Self {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (client, remote, headers) = (self.client, self.remote, self.headers.clone());
        Self { client, cookies: Mutex::new(cookies), remote, headers }
    }

    /// Sends a GET request for a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(path.to_owned())).await
    }

    /// Sends a GET request for JSON.
    pub async fn get_json(&self, path: &str) -> Answer {
        let accept = Header::new("Accept", "application/json");
        self.send(self.client.get(path.to_owned()).header(accept)).await
    }

    /// Sends a form, with the anti-forgery token of this browser as its first field.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.csrf_token().await;
        let with_token: Vec<(&str, &str)> =
            [("csrf_token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post_form_as_is(path, &with_token).await
    }

    /// Sends a form with these fields only, without an anti-forgery token.
    pub async fn post_form_as_is(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(path.to_owned()).header(ContentType::Form).body(body);
        self.send(request).await
    }

    /// Sends JSON, with the anti-forgery token of this browser in the header `X-XSRF-Token`.
    pub async fn post_json(&self, path: &str, body: Value) -> Answer {
        self.json(Method::Post, path, body).await
    }

    /// Sends JSON with another method, and with the anti-forgery token as in [`post_json`](Self::post_json).
    pub async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        let token = Header::new("X-XSRF-Token", self.csrf_token().await);
        let request = self.client.req(method, path.to_owned()).header(ContentType::JSON);
        self.send(request.header(token).body(body.to_string())).await
    }

    /// Sends a body without changes, with `kind` as its `Content-Type`. For requests that no browser would
    /// send.
    pub async fn post_raw(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        let kind = Header::new("Content-Type", kind.to_owned());
        self.send(self.client.post(path.to_owned()).header(kind).body(body)).await
    }

    /// Logs in with JSON at `/login`. Returns the answer, also if the login is refused.
    pub async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.post_json("/login", json!({"email": email, "password": password})).await
    }

    /// Logs out with JSON at `/logout`.
    pub async fn log_out(&self) -> Answer {
        self.post_json("/logout", json!({})).await
    }

    /// Returns the anti-forgery token of this browser, from `GET /login`.
    ///
    /// # Panics
    ///
    /// If the answer has no token.
    pub async fn csrf_token(&self) -> String {
        let answer = self.get_json("/login").await;
        match answer.response("csrf_token").as_str() {
            Some(token) => token.to_owned(),
            None => panic!("GET /login gave no csrf_token: {} {}", answer.status, answer.body),
        }
    }

    /// Returns the value of a cookie, or `None` if the browser has no such cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar().get(name).map(|(value, _)| value.clone())
    }

    /// Sets a cookie, as a thief would. It stays when the browser is closed.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar().insert(name.to_owned(), (value.to_owned(), true));
    }

    /// Closes the browser and opens it again. Cookies without an expiry are gone.
    pub fn restart(&self) {
        self.jar().retain(|_, (_, stays)| *stays);
    }

    /// Sends a request with the cookies of this browser, and keeps those of the answer.
    /// [`TestApp::client`](crate::testing::TestApp::client) creates requests.
    pub async fn send<'c>(&self, mut request: LocalRequest<'c>) -> Answer {
        request = request.remote(self.remote);
        for header in &self.headers {
            request.add_header(header.clone());
        }
        for (name, (value, _)) in &*self.jar() {
            request = request.cookie((name.clone(), value.clone()));
        }
        let answer = Answer::read(request.dispatch().await).await;
        for line in answer.headers("Set-Cookie") {
            self.keep(line);
        }
        answer
    }

    fn keep(&self, line: &str) {
        let cookie = orderly(Cookie::parse(line.to_owned()));
        let is_removal = cookie.max_age().is_some_and(|age| age.is_zero());
        if is_removal {
            self.jar().remove(cookie.name());
        } else {
            let stays = cookie.max_age().is_some() || cookie.expires().is_some();
            self.jar().insert(cookie.name().to_owned(), (cookie.value().to_owned(), stays));
        }
    }

    fn jar(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (String, bool)>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: Status,
    /// The body. Bytes that are not UTF-8 are replaced.
    pub body: String,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// Returns the first header with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// Returns all headers with this name, in any case.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_it = move |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_it).map(|(_, value)| value.as_str())
    }

    /// Returns all headers, sorted, in a form in which two answers can be compared. The encrypted value of a
    /// `Set-Cookie` and the random `X-Request-Id` are replaced by their lengths, and `Expires` is left out.
    pub fn comparable_headers(&self) -> Vec<(String, String)> {
        let hide = |(name, value): &(String, String)| {
            let value = match name.to_ascii_lowercase().as_str() {
                "set-cookie" => cookie_shape(value),
                "x-request-id" => format!("<{} bytes>", value.len()),
                _ => value.clone(),
            };
            (name.clone(), value)
        };
        let mut headers: Vec<_> = self.headers.iter().map(hide).collect();
        headers.sort();
        headers
    }

    /// Returns where the answer redirects to, or an empty text if it does not.
    pub fn location(&self) -> &str {
        self.header("Location").unwrap_or_default()
    }

    /// Returns the body as JSON, or null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Returns the member with this name in the `response` of the JSON, or null if there is none.
    pub fn response(&self, name: &str) -> Value {
        let json = self.json();
        json.get("response").and_then(|response| response.get(name)).cloned().unwrap_or_default()
    }

    /// Returns the reason codes of a refusal in JSON. It is empty if the answer has none.
    pub fn reasons(&self) -> Vec<String> {
        serde_json::from_value(self.response("reasons")).unwrap_or_default()
    }

    async fn read(response: LocalResponse<'_>) -> Self {
        let status = response.status();
        let headers = response
            .headers()
            .iter()
            .map(|header| (header.name().to_string(), header.value().to_owned()))
            .collect();
        let body = response.into_bytes().await.unwrap_or_default();
        Self { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// Returns the line of a cookie, with the length of its value in place of the value, and without `Expires`.
fn cookie_shape(line: &str) -> String {
    let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let attributes: Vec<&str> =
        attributes.split(';').filter(|it| !it.trim_start().starts_with("Expires=")).collect();
    format!("{name}=<{} bytes>;{}", value.len(), attributes.join(";"))
}

//! Where a request comes from, behind reverse proxies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rocket_security::testing::{PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::support::examples::example;
use crate::support::{ANN, app_with, with_ann};

async fn app(settings: Value) -> TestApp {
    let mut settings = settings;
    settings["throttle"] = json!({"scale": 1});
    with_ann(app_with(settings)).await
}

/// Has five wrong passwords sent with that header, and tells how the right one is answered with another.
async fn right_password_after(
    app: &TestApp,
    name: &'static str,
    bad: &'static str,
    good: &'static str,
) -> u16 {
    for _ in 0..5 {
        let guesser = app.browser().header(name, bad);
        assert_eq!(guesser.log_in(ANN, "a wrong password").await.status.code, 400);
    }
    app.browser().header(name, good).log_in(ANN, PASSWORD).await.status.code
}

#[rocket::async_test]
async fn each_client_of_a_trusted_proxy_is_a_network_of_its_own_in_every_form_of_a_hop() {
    for (bad, good) in [
        ("198.51.100.7", "198.51.100.8"),
        ("198.51.100.7:50123", "198.51.100.8:50123"),
        ("[2001:db8:7::7]:50123", "[2001:db8:8::7]:50123"),
        ("\"[2001:db8:7::7]\"", "\"[2001:db8:8::7]\""),
        ("198.51.100.8, 198.51.100.7", "198.51.100.7, 198.51.100.8"),
    ] {
        let app = app(json!({"trusted_proxies": ["127.0.0.1", "::1"]})).await;
        let answer = right_password_after(&app, "X-Forwarded-For", bad, good).await;
        assert_eq!(answer, 200, "{bad} {good}");
    }
}

#[rocket::async_test]
async fn a_hop_with_another_port_is_the_same_client() {
    let app = app(json!({"trusted_proxies": ["127.0.0.1"]})).await;
    let (one, other) = ("198.51.100.7:50123", "198.51.100.7:50124");
    assert_eq!(right_password_after(&app, "X-Forwarded-For", one, other).await, 429);
}

#[rocket::async_test]
async fn another_header_names_the_client_where_it_is_configured() {
    for (header, bad, good) in [
        ("X-Real-IP", "198.51.100.7", "198.51.100.8"),
        ("Forwarded", "for=198.51.100.7;proto=https", "for=198.51.100.8;proto=https"),
        ("Forwarded", "for=\"[2001:db8:7::7]:1\"", "for=\"[2001:db8:8::7]:1\""),
    ] {
        let settings = json!({"trusted_proxies": ["127.0.0.1"], "proxy_header": header});
        let app = app(settings).await;
        assert_eq!(right_password_after(&app, header, bad, good).await, 200, "{header}");
    }
}

#[rocket::async_test]
async fn a_header_that_is_not_configured_is_not_read() {
    for header in ["Forwarded", "X-Real-IP"] {
        let app = app(json!({"trusted_proxies": ["127.0.0.1"]})).await;
        let (bad, good) = ("for=198.51.100.7", "for=198.51.100.8");
        assert_eq!(right_password_after(&app, header, bad, good).await, 429, "{header}");
    }
}

/// A program that was started as an operator would.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends requests with these headers to the quickstart, one after the other, and gives what it logs.
fn logged(settings: &str, headers: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(example("quickstart"))
        .current_dir(folder.path())
        .env("ROCKET_PROFILE", "debug")
        .env("ROCKET_CLI_COLORS", "false")
        .env("ROCKET_PORT", "0")
        .env("ROCKET_SECURITY", settings)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`cargo test` builds an example that has no tests of its own");
    let mut started = Started(child);
    let mut lines = BufReader::new(started.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let launched = lines.find(|line| line.contains("http://127.0.0.1:")).unwrap();
    let address = launched.rsplit("http://").next().unwrap().trim().to_owned();
    for header in headers {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /login HTTP/1.0\r\n{header}\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    let mut stderr = started.0.stderr.take().unwrap();
    drop(started);
    let mut told = String::new();
    stderr.read_to_string(&mut told).unwrap();
    lines.for_each(|line| told.push_str(&format!("{line}\n")));
    told
}

#[test]
fn a_proxy_that_is_not_trusted_is_told_once_with_the_cure() {
    for header in
        ["X-Forwarded-For: 203.0.113.1", "Forwarded: for=203.0.113.1", "X-Real-IP: 203.0.113.1"]
    {
        let told = logged("{}", &[header; 3]);
        let cure = "Set trusted_proxies = [\"127.0.0.1\"] if that is your reverse proxy";
        assert_eq!(told.matches(cure).count(), 1, "{told}");
    }
    assert!(!logged("{}", &["Accept: */*"]).contains("trusted_proxies"));
    let trusted = logged("{trusted_proxies=[\"127.0.0.1\"]}", &["X-Forwarded-For: 203.0.113.1"]);
    assert!(!trusted.contains("trusted_proxies ="), "{trusted}");
}

#[test]
fn a_hop_that_is_no_address_is_told_once() {
    let settings = "{trusted_proxies=[\"127.0.0.1\"]}";
    let told = logged(settings, &["X-Forwarded-For: a-secret-name"; 3]);
    let fault = "brings X-Forwarded-For with a hop that is not an IP address";
    assert_eq!(told.matches(fault).count(), 1, "{told}");
    assert!(!told.contains("a-secret-name"), "{told}");
    let told = logged(settings, &["X-Real-IP: 203.0.113.1"; 2]);
    assert_eq!(told.matches("brings X-Real-IP and no X-Forwarded-For").count(), 1, "{told}");
}

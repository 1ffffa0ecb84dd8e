//! Measures the most expensive inputs, wherever the client chooses the amount of work.
//!
//! `cargo bench --bench worst_inputs` prints the median of each and fails above 5 ms. Hashing is not
//! included, because its cost is the operator's choice. The requests pass through a whole application, on
//! SQLite, and are refused before a password is hashed.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rocket::http::Header;
use rocket_security::config::Config;
use rocket_security::crypto::password::{Password, PasswordPolicy};
use rocket_security::testing::TestApp;
use rocket_security::web::next::Next;
use rocket_security::{Email, Secret, Security, Username};
use serde_json::json;

const LIMIT: Duration = Duration::from_millis(5);
const ROUNDS: usize = 21;
const LOOKALIKES: &str = "4@8({[<369!1|0$5+7%2";

#[rocket::main]
async fn main() -> ExitCode {
    let mut worst = Duration::ZERO;
    let mut note = |name: &str, took: Duration| {
        println!("{:>9.3} ms  {name}", took.as_secs_f64() * 1_000.0);
        worst = worst.max(took);
    };
    for (name, password) in passwords() {
        note(&format!("judging {name}"), measure(|| judge(&password, "ann.lee@example.org")));
    }
    let words = "abc.".repeat(16_384);
    note("judging beside a long address", measure(|| judge(&"x1".repeat(512), &words)));
    let marks = format!("a{}", "\u{0316}\u{0301}".repeat(255));
    note(
        "normalising 1024 bytes of marks",
        measure(|| Password::parse(&Secret::new(marks.clone()))),
    );
    for (name, text) in texts() {
        note(&format!("an address of {name}"), measure(|| Email::parse(&text)));
        note(&format!("a username of {name}"), measure(|| Username::parse(&text)));
        note(&format!("a destination of {name}"), measure(|| Next::parse(&format!("/{text}"))));
    }
    let app = TestApp::launch(rocket::build().attach(Security::fairing())).await;
    for (name, kind, body) in bodies() {
        note(&format!("POST /login with {name}"), measure_post(&app, kind, &body).await);
    }
    for (name, header, value) in headers() {
        note(&format!("GET /login with {name}"), measure_get(&app, header, &value).await);
    }
    println!("{:>9.3} ms  at most, of {LIMIT:?}", worst.as_secs_f64() * 1_000.0);
    if worst <= LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Passwords with as much as possible of what `zxcvbn` looks for: characters that can be read as letters,
/// words, repetitions, sequences, dates and rows of keys, at each length.
fn passwords() -> Vec<(&'static str, String)> {
    vec![
        ("all lookalikes and 80 birds", format!("{LOOKALIKES}{}", "\u{1f426}".repeat(80))),
        ("1024 lookalikes", LOOKALIKES.repeat(51)),
        ("lookalikes within the bound", "0123456789@01234567890123".repeat(2)),
        ("two weak parts of digits", format!("{0}x{0}", "123456789012345678901234")),
        ("digits", "483691057248369105724836".repeat(8)),
        ("counting", "0123456789".repeat(102)),
        ("one letter", "a".repeat(1_024)),
        ("common words", "password".repeat(128)),
        ("short words", "theandbutforyouhernothis".repeat(42)),
        ("dates", "1/1/2011.11.11.1991 2001".repeat(42)),
        ("rows of keys", "qwertyuiopasdfghjklzxcvb".repeat(42)),
        ("repetitions of repetitions", "aabaabcaabaabcaabaabcaab".repeat(42)),
    ]
}

fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("4096 letters", "a".repeat(4_096)),
        ("254 bytes", format!("{}@{}example.org", "a".repeat(60), "\u{e4}.".repeat(60))),
        ("256 marks", "\u{0301}".repeat(256)),
        ("256 ligatures", "\u{fdfa}".repeat(256)),
        ("2047 dots and slashes", "../".repeat(682)),
        ("2047 escapes", "%2e%2F".repeat(341)),
    ]
}

fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let names: Vec<String> = (0..3_000).map(|number| format!("\"n{number}\":1")).collect();
    let fields: Vec<String> = (0..4_000).map(|number| format!("f{number}=1")).collect();
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    vec![
        ("JSON of 3000 names", json, format!("{{{}}}", names.join(",")).into_bytes()),
        ("JSON nested 3500 deep", json, "{\"email\":".repeat(3_500).into_bytes()),
        ("JSON of 5000 escapes", json, escapes().into_bytes()),
        ("a form of 4000 fields", form, fields.join("&").into_bytes()),
        ("a form of 10000 escapes", form, format!("email={}", "%41".repeat(10_000)).into_bytes()),
        (
            "an address of 32000 bytes",
            json,
            json!({"email": "a".repeat(32_000)}).to_string().into_bytes(),
        ),
    ]
}

fn escapes() -> String {
    format!("{{\"email\":\"{}\",\"password\":\"x\"}}", "\\u0041".repeat(5_000))
}

fn headers() -> Vec<(&'static str, &'static str, String)> {
    let cookies: Vec<String> = (0..150).map(|number| format!("c{number}=v")).collect();
    vec![
        (
            "a session of 8 KiB",
            "Cookie",
            format!("security_session=v4.local.{}", "A".repeat(8_000)),
        ),
        ("150 cookies", "Cookie", cookies.join("; ")),
        ("30 KiB of cookies", "Cookie", vec!["a=b"; 6_000].join("; ")),
        ("350 KiB of cookies", "Cookie", vec!["a=b"; 70_000].join("; ")),
        ("a token of 8 KiB", "Authorization", format!("Bearer v4.local.{}", "A".repeat(8_100))),
        ("200 KiB of types", "Accept", vec!["a/b"; 51_200].join(",")),
        ("16 KiB of parameters", "Accept", format!("a/b{}", ";c=d".repeat(4_096))),
        ("1000 hops", "X-Forwarded-For", vec!["192.0.2.1"; 1_000].join(",")),
    ]
}

fn judge(password: &str, own_word: &str) -> bool {
    let base_url = url::Url::parse("https://library.example.org").expect("a URL");
    let policy = PasswordPolicy::new(&Config::default(), &base_url);
    let password = Password::parse(&Secret::new(password.to_owned())).expect("a password");
    policy.check("password", &password, &[own_word]).is_empty()
}

fn measure<T>(mut work: impl FnMut() -> T) -> Duration {
    median((0..ROUNDS).map(|_| {
        let begun = Instant::now();
        black_box(work());
        begun.elapsed()
    }))
}

async fn measure_post(app: &TestApp, kind: &str, body: &[u8]) -> Duration {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let browser = app.browser();
        let begun = Instant::now();
        let answer = browser.post_raw("/login", kind, body).await;
        times.push(begun.elapsed());
        assert!(answer.status.code >= 400, "{}", answer.status);
    }
    median(times.into_iter())
}

async fn measure_get(app: &TestApp, header: &'static str, value: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let request = app.client().get("/login").header(Header::new(header, value.to_owned()));
        let begun = Instant::now();
        black_box(app.browser().send(request).await);
        times.push(begun.elapsed());
    }
    median(times.into_iter())
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}

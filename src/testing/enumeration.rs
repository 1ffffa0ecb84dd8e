//! Whether an application tells strangers who has an account.
//!
//! Each form that takes an address, by page and by JSON, is sent with an address of each kind, more often
//! than an address gets mail, and must be answered alike each time, whatever it finds: same status, headers, body, cookies (but for what is random
//! in them) and number of hashes; and so must the page be that it leads to.
//!
//! | form | with an address that is known, unknown, unconfirmed, switched off, closed, invited, without a password, or whose password has to be changed |
//! |---|---|
//! | `/login` | and a password that opens nothing: a wrong one, or the right one of an account that is in no state to log in |
//! | `/register` | and a password |
//! | `/reset`, `/confirm`, `/recover-username` | |
//! | `/change-email` | as the new one, by a logged-in user |
//!
//! Forms that the application has not got are passed over. An application that overrides pages, adds
//! hooks or fields runs it over its own:
//!
//! ```
//! # use rocket_security::Security;
//! # use rocket_security::testing::TestApp;
//! use rocket_security::testing::enumeration::assert_that_nobody_learns_who_has_an_account;
//! use serde_json::json;
//!
//! # rocket::async_test(async {
//! let app = TestApp::launch(rocket::build().attach(Security::fairing())).await;
//! assert_that_nobody_learns_who_has_an_account(&app, json!({})).await;
//! # });
//! ```
//!
//! Time is not compared: what takes time is, the hashes. Mail is not looked at; run it with a mailer
//! that refuses or hangs, too.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rocket::http::Status;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::config::IdentityAttribute;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::user::{NewUser, UserChange};
use crate::flow::lapse::UNCONFIRMED_FOR;
use crate::testing::app::{PASSWORD, TestApp};
use crate::testing::browser::{Answer, Browser};
use crate::testing::orderly::orderly;
use crate::user::{Email, UserId};
use crate::web::Site;

/// How often each form is sent for an address: once more than it gets mails an hour.
const TIMES: usize = 6;

/// The kinds of addresses. All are as long as each other.
const KINDS: [Kind; 10] = [
    Kind { opens_nothing: WRONG, ..Kind::account("known") },
    Kind { has_account: false, ..Kind::account("unknown") },
    Kind { is_confirmed: false, ..Kind::account("unconfirmed") },
    Kind { is_confirmed: false, expires: true, ..Kind::account("registered") },
    Kind { change: Some(|_| UserChange::active(false)), ..Kind::account("switched off") },
    Kind { change: Some(UserChange::closing), ..Kind::account("closed") },
    Kind { has_password: false, ..Kind::account("without a password") },
    Kind { has_password: false, is_confirmed: false, ..Kind::account("invited") },
    Kind {
        opens_nothing: WRONG,
        change: Some(|_| UserChange::must_change()),
        ..Kind::account("to change the password")
    },
    Kind {
        has_password: false,
        change: Some(UserChange::closing),
        ..Kind::account("closed without a password")
    },
];

const WRONG: &str = "incorrect donkey battery staple";

/// A kind of address.
struct Kind {
    name: &'static str,
    has_account: bool,
    is_confirmed: bool,
    has_password: bool,
    /// Whether it is deleted unless it is confirmed, as after a registration.
    expires: bool,
    change: Option<fn(Timestamp) -> UserChange>,
    /// A password that does not open the account of that address.
    opens_nothing: &'static str,
}

impl Kind {
    const fn account(name: &'static str) -> Self {
        Self {
            name,
            has_account: true,
            is_confirmed: true,
            has_password: true,
            expires: false,
            change: None,
            opens_nothing: PASSWORD,
        }
    }
}

/// Asserts that every form that takes an address is answered alike for each kind of address.
///
/// `extra` are further fields of the registration, as a JSON object: those that the application has
/// added and demands. Usernames are made up.
pub async fn assert_that_nobody_learns_who_has_an_account(app: &TestApp, extra: Value) {
    for form in
        ["login", "issue_token", "register", "reset", "confirm", "recover_username", "change_email"]
    {
        let path = match app.path_of(form) {
            Some(path) => path,
            None => continue,
        };
        for dialect in ["page", "JSON"] {
            // So that the limit of this network, which all addresses share, is not reached.
            app.clock().advance(TimeDelta::hours(1));
            let mut told: Option<(&str, Vec<Told>)> = None;
            for (number, kind) in KINDS.iter().enumerate() {
                let email = format!("{form}-{dialect}-{number}@example.org").to_lowercase();
                make(app, &email, kind).await;
                let extra = with_username(app, &extra, form, &format!("{dialect}{number}"));
                let mut next = Vec::new();
                for _ in 0..TIMES {
                    next.push(ask(app, form, &path, dialect, &email, kind, &extra).await);
                }
                if form == "register" {
                    let another = format!("another-{email}");
                    // What is wrong otherwise must not tell a name that is taken from one that is held.
                    for wrong in [json!("short"), json!(PASSWORD)] {
                        let extra = with(&extra, "password", wrong);
                        let told = ask(app, form, &path, dialect, &another, kind, &extra).await;
                        next.push(told);
                    }
                }
                let Some((first, before)) = &told else {
                    if let Some(first) = next.first() {
                        first.assert_success(&format!("{form} by {dialect}"), form);
                    }
                    told = Some((kind.name, next));
                    continue;
                };
                for (time, (before, next)) in before.iter().zip(&next).enumerate() {
                    let form = format!("{form} by {dialect} (request {})", time + 1);
                    before.assert_alike(next, &form, first, kind.name);
                }
            }
        }
    }
}

/// Adds a username of its own for each address, where users go by usernames and the application gives
/// none.
fn with_username(app: &TestApp, extra: &Value, form: &str, suffix: &str) -> Value {
    let has_usernames = app.state::<Site>().config().identifies_by(IdentityAttribute::Username);
    if has_usernames && form == "register" && extra.get("username").is_none() {
        return with(extra, "username", json!(format!("probe-{suffix}").to_lowercase()));
    }
    extra.clone()
}

fn with(fields: &Value, name: &str, value: Value) -> Value {
    let mut fields = fields.as_object().cloned().unwrap_or_default();
    fields.insert(name.to_owned(), value);
    fields.into()
}

/// Makes the account that an address of that kind has.
async fn make(app: &TestApp, email: &str, kind: &Kind) {
    if !kind.has_account {
        return;
    }
    let now = app.clock().now();
    let user = NewUser {
        id: UserId::from_uuid(orderly(random_uuid())),
        email: orderly(Email::parse(email)),
        username: None,
        password_hash: if kind.has_password { Some(app.hash(PASSWORD).await) } else { None },
        confirmed_at: kind.is_confirmed.then_some(now),
        expires_at: kind.expires.then_some(now + UNCONFIRMED_FOR),
        created_at: now,
    };
    let nothing = Together::nothing();
    let Ok(user) = orderly(app.store().create_user(&user, &nothing).await) else {
        panic!("{email} has an account already");
    };
    if let Some(change) = kind.change {
        let change = change(now + TimeDelta::days(14));
        orderly(app.store().update_user(user.id, &change, &nothing).await);
    }
}

/// Sends a form, and gives all that it told.
async fn ask(
    app: &TestApp,
    form: &str,
    path: &str,
    dialect: &str,
    email: &str,
    kind: &Kind,
    extra: &Value,
) -> Told {
    let browser = match form {
        "change_email" => app.log_in_as("asker@example.org").await,
        _ => app.browser(),
    };
    let mut fields = BTreeMap::from([("email".to_owned(), json!(email))]);
    match form {
        "login" | "issue_token" => {
            drop(fields.insert("password".to_owned(), json!(kind.opens_nothing)))
        }
        "register" => {
            fields.insert("password".to_owned(), json!(PASSWORD));
            fields.insert("password_confirm".to_owned(), json!(PASSWORD));
            let extra = extra.as_object().cloned().unwrap_or_default();
            fields.extend(extra);
        }
        _ => {}
    }
    // A token of its own, so that both requests find the same cookies.
    browser.csrf_token().await;
    let before = app.hashes();
    let answer = send(&browser, path, dialect, &fields).await;
    let hashes = app.hashes() - before;
    let page = match answer.status {
        Status::SeeOther => Some(browser.get(answer.location()).await),
        _ => None,
    };
    let username = extra.get("username").and_then(Value::as_str);
    Told::new(hashes, &answer, page.as_ref(), email, username)
}

async fn send(
    browser: &Browser<'_>,
    path: &str,
    dialect: &str,
    fields: &BTreeMap<String, Value>,
) -> Answer {
    if dialect == "JSON" {
        return browser.post_json(path, json!(fields)).await;
    }
    let texts: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name.as_str(), text.clone()),
            other => (name.as_str(), other.to_string()),
        })
        .collect();
    let texts: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    browser.post_form(path, &texts).await
}

/// What a form told: number of hashes; status, headers, body; those of the page it leads to.
#[derive(Debug, PartialEq)]
struct Told {
    hashes: u64,
    answers: Vec<Seen>,
}

/// An answer as far as it can be compared.
#[derive(Debug, PartialEq)]
struct Seen {
    status: Status,
    headers: Vec<(String, String)>,
    body: String,
}

impl Told {
    fn new(
        hashes: u64,
        answer: &Answer,
        page: Option<&Answer>,
        email: &str,
        username: Option<&str>,
    ) -> Self {
        let answers = [Some(answer), page].into_iter().flatten();
        let answers = answers.map(|answer| Seen {
            status: answer.status,
            headers: answer.comparable_headers(),
            body: without_randomness(&answer.body, email, username),
        });
        Self { hashes, answers: answers.collect() }
    }

    /// A form that is refused for every address alike compares nothing.
    fn assert_success(&self, name: &str, form: &str) {
        let status = self.answers.first().map(|answer| answer.status);
        let is_success = status.is_some_and(|it| it == Status::Ok || it == Status::SeeOther);
        assert!(
            is_success || ["login", "issue_token"].contains(&form),
            "{name} is refused, so that nothing is compared: give the fields that it wants as \
             `extra`: {self:#?}"
        );
    }

    fn assert_alike(&self, other: &Self, form: &str, one: &str, another: &str) {
        if self != other {
            let (before, after) = (format!("{self:#?}"), format!("{other:#?}"));
            let differing: Vec<String> = before
                .lines()
                .zip(after.lines())
                .filter(|(one, other)| one != other)
                .map(|(one, other)| format!("{}\n{}", one.trim(), other.trim()))
                .collect();
            panic!(
                "{form} tells an address that is {one} from one that is {another}:\n{}",
                differing.join("\n")
            );
        }
    }
}

/// Takes out of a body what differs by chance: the anti-forgery token, and what was sent.
fn without_randomness(body: &str, email: &str, username: Option<&str>) -> String {
    let mut body = body.replace(email, "<the address>");
    if let Some(username) = username {
        body = body.replace(username, "<the username>");
    }
    let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut clean = String::new();
    let mut word = String::new();
    for c in body.chars().chain(['\n']) {
        if is_token(c) {
            word.push(c);
            continue;
        }
        clean.push_str(if word.len() == 43 { "<a token>" } else { &word });
        word.clear();
        clean.push(c);
    }
    clean
}

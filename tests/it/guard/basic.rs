//! A name and a password with each request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::http::{Header, Status};
use rocket::{get, routes};
use rocket_security::datastore::user::UserChange;
use rocket_security::feature::{LoginAttempt, Required, Verdict};
use rocket_security::features::basic::Basic;
use rocket_security::testing::{Answer, PASSWORD, TestApp};
use rocket_security::{
    AuthUser, BasicUser, Event, Hooks, Maybe, Rejection, Result, Security, Text, User,
};
use serde_json::{Value, json};

use crate::support::links::register;
use crate::support::program::{basic, basic_with, get_with};
use crate::support::usernames::named_user;
use crate::support::users::change_user;
use crate::support::{ANN, me, with_ann};

const CHALLENGE: &str = "Basic realm=\"login\", charset=\"UTF-8\"";

#[get("/feed")]
fn feed(user: BasicUser) -> String {
    user.email.to_string()
}

#[get("/maybe-feed")]
fn maybe_feed(user: Maybe<BasicUser>) -> String {
    user.0.map_or("a guest".to_owned(), |user| user.email.to_string())
}

#[get("/thrice")]
fn thrice(_one: Maybe<BasicUser>, _two: BasicUser, three: AuthUser) -> &'static str {
    three.mechanism()
}

async fn launch(security: Security, settings: Value) -> TestApp {
    let routes = routes![feed, maybe_feed, thrice, me];
    let rocket = rocket::build().attach(security.enable(Basic::default())).mount("/", routes);
    TestApp::launch_with(rocket, settings).await
}

async fn app() -> TestApp {
    with_ann(launch(Security::default(), json!({}))).await
}

fn assert_refused(answer: &Answer, what: &str) {
    let shown = (answer.status, answer.reasons(), answer.header("WWW-Authenticate"));
    let refused = vec!["credentials_refused".to_owned()];
    assert_eq!(shown, (Status::Unauthorized, refused, Some(CHALLENGE)), "{what}");
}

#[rocket::async_test]
async fn whoever_sends_name_and_password_is_let_in_for_that_request_alone() {
    let app = app().await;
    let browser = app.browser();
    let answer = browser.send(app.client().get("/feed").header(basic(ANN))).await;
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, ANN));
    assert_eq!(answer.headers("Set-Cookie").count(), 0);
    let ann = app.user(ANN).await;
    assert!(app.store().list_sessions(ann.id).await.unwrap().is_empty());
    assert_eq!(browser.get("/feed").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn page_and_program_are_challenged_and_led_nowhere() {
    let app = app().await;
    for answer in [app.browser().get("/feed").await, app.browser().get_json("/feed").await] {
        assert_eq!(answer.status, Status::Unauthorized);
        assert_eq!(answer.headers("WWW-Authenticate").collect::<Vec<_>>(), [CHALLENGE]);
    }
    assert_eq!(app.browser().get("/me").await.location(), "/login?next=%2Fme");
    assert_eq!(get_with(&app, "/me", basic(ANN)).await.status, Status::Unauthorized);

    let settings = json!({"mechanisms": ["session", "basic"], "basic": {"realm": "The library"}});
    let app = with_ann(launch(Security::default(), settings)).await;
    let page = app.browser().get("/me").await;
    let challenge = "Basic realm=\"The library\", charset=\"UTF-8\"";
    assert_eq!(
        (page.status, page.header("WWW-Authenticate")),
        (Status::Unauthorized, Some(challenge))
    );
    let challenges = app.browser().get_json("/me").await;
    let challenges: Vec<&str> = challenges.headers("WWW-Authenticate").collect();
    assert_eq!(challenges, ["Session realm=\"login\"", challenge]);
    assert_eq!(get_with(&app, "/me", basic(ANN)).await.body, ANN);
    // Our own pages are for whoever is logged in.
    let answer = get_with(&app, "/sessions", basic(ANN)).await;
    assert_eq!(answer.header("WWW-Authenticate"), Some("Session realm=\"login\""));
}

#[rocket::async_test]
async fn a_guest_is_a_guest_but_bad_credentials_are_not() {
    let app = app().await;
    assert_eq!(app.browser().get("/maybe-feed").await.body, "a guest");
    assert_eq!(get_with(&app, "/maybe-feed", basic(ANN)).await.body, ANN);
    assert_refused(
        &get_with(&app, "/maybe-feed", basic_with(ANN, "wrong")).await,
        "a wrong password",
    );
    let session = app.log_in_as(ANN).await;
    assert_eq!(session.get("/maybe-feed").await.body, "a guest", "a session is of another kind");
    assert_eq!(session.get("/feed").await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn nobody_learns_what_was_wrong() {
    let app = app().await;
    for (name, change) in [
        ("inactive@example.org", UserChange::active(false)),
        ("closed@example.org", UserChange::closing(app.clock().now())),
    ] {
        let user = app.user(name).await;
        change_user(&app, &user, &change).await;
    }
    register(&app, "unconfirmed@example.org").await;
    let wrong = get_with(&app, "/feed", basic_with(ANN, "wrong")).await;
    assert_refused(&wrong, "a wrong password");
    for name in ["inactive", "closed", "unconfirmed", "nobody"] {
        let hashes = app.hashes();
        let answer = get_with(&app, "/feed", basic(&format!("{name}@example.org"))).await;
        assert_eq!(answer.comparable_headers(), wrong.comparable_headers(), "{name}");
        assert_eq!((answer.status, &answer.body), (wrong.status, &wrong.body), "{name}");
        assert_eq!(app.hashes() - hashes, 1, "{name}");
    }
}

#[rocket::async_test]
async fn what_is_no_credentials_is_refused_and_not_hashed() {
    let app = app().await;
    let hashes = app.hashes();
    let encoded = |bytes: &[u8]| format!("Basic {}", STANDARD.encode(bytes));
    for header in [
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !".to_owned(),
        format!("Basic {ANN}:{PASSWORD}"),
        format!("{}AA", encoded(b"ann@example.org:x")),
        encoded(ANN.as_bytes()),
        encoded(b"ann@example.org:"),
        encoded(b":correct horse battery staple"),
        encoded(b"ann@example.org:correct horse\0"),
        encoded(b"ann@example.org:\xff"),
        encoded(b"ann:correct horse battery staple"),
        encoded(format!("{ANN}:{}", "x".repeat(1_025)).as_bytes()),
        encoded(format!("{}@example.org:x", "x".repeat(300)).as_bytes()),
        encoded(&[b'x'; 20_000]),
    ] {
        let shown = header.chars().take(60).collect::<String>();
        let answer = get_with(&app, "/feed", Header::new("Authorization", header)).await;
        assert_refused(&answer, &shown);
    }
    let request = app.client().get("/feed").header(basic(ANN)).header(basic(ANN));
    assert_eq!(app.browser().send(request).await.status, Status::Unauthorized, "two of them");
    for other in ["Bearer x", "Digest x", "Basics YTpi", ""] {
        let answer = get_with(&app, "/feed", Header::new("Authorization", other)).await;
        assert_eq!(answer.reasons(), ["unauthenticated"], "{other:?} is of another kind");
    }
    assert_eq!(app.hashes(), hashes);
}

#[rocket::async_test]
async fn several_guards_hash_once() {
    let app = app().await;
    let hashes = app.hashes();
    assert_eq!(get_with(&app, "/thrice", basic(ANN)).await.body, "basic");
    assert_eq!(app.hashes() - hashes, 1);
}

#[rocket::async_test]
async fn a_user_goes_by_what_is_configured_and_a_password_by_its_letters() {
    let app = launch(Security::default(), json!({"identity": ["email", "username"]})).await;
    let ann = named_user(&app, ANN, "Ann_Lee").await;
    assert_eq!(get_with(&app, "/feed", basic("ann_lee")).await.body, ANN);
    assert_eq!(get_with(&app, "/feed", basic("ANN@example.org")).await.body, ANN);
    let hash = app.hash("un caf\u{e9} pour la route").await;
    change_user(&app, &ann, &UserChange::password(hash)).await;
    let decomposed = basic_with("ann_lee", "un cafe\u{301} pour la route");
    assert_eq!(get_with(&app, "/feed", decomposed).await.body, ANN);
}

#[rocket::async_test]
async fn guessing_is_slowed_down_as_at_the_login() {
    let app = with_ann(launch(Security::default(), json!({"throttle": {"scale": 1}}))).await;
    for _ in 0..5 {
        assert_refused(&get_with(&app, "/feed", basic_with(ANN, "wrong")).await, "a guess");
    }
    let answer = get_with(&app, "/feed", basic(ANN)).await;
    assert_eq!(answer.reasons(), ["throttled"]);
    assert!(answer.header("Retry-After").is_some() && answer.header("WWW-Authenticate").is_none());
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::TooManyRequests);
    app.clock().advance(chrono::TimeDelta::seconds(31));
    for _ in 0..20 {
        assert_eq!(
            get_with(&app, "/feed", basic(ANN)).await.body,
            ANN,
            "whoever knows it is not slowed"
        );
    }
}

#[rocket::async_test]
async fn a_password_that_must_be_changed_opens_nothing() {
    let app = app().await;
    let ann = app.user(ANN).await;
    change_user(&app, &ann, &UserChange::must_change()).await;
    let answer = get_with(&app, "/feed", basic(ANN)).await;
    assert_eq!(answer.reasons(), ["password_change_required"]);
    let answer = get_with(&app, "/feed", basic_with(ANN, "wrong")).await;
    assert_refused(&answer, "nobody else is told");
}

/// Wants a second factor of Ann, is closed to Bob, and has done with Carol.
struct Doorkeeper;

#[rocket::async_trait]
impl Hooks for Doorkeeper {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        assert_eq!(attempt.authn_via(), "password");
        Ok(match attempt.user.email.as_str() {
            ANN => Verdict::Require(Required::proof("logout", "totp")),
            "bob@example.org" => Verdict::Refuse(Rejection::Custom {
                status: Status::Forbidden,
                text: Text::new("closed", "We are closed on Sundays."),
            }),
            _ => Verdict::Allow,
        })
    }

    async fn session_checked(&self, user: &User) -> Result<Option<Rejection>> {
        Ok(match user.email.as_str() {
            "carol@example.org" => Some(Rejection::Forbidden),
            _ => None,
        })
    }
}

#[rocket::async_test]
async fn a_second_factor_is_refused_and_never_passed_over() {
    let security = Security::default().hooks(Doorkeeper);
    let mut events = security.events();
    let app = launch(security, json!({})).await;
    let ann = app.user(ANN).await;
    let wrong = get_with(&app, "/feed", basic_with(ANN, "wrong")).await;
    let answer = get_with(&app, "/feed", basic(ANN)).await;
    assert_refused(&answer, "a second factor");
    assert_eq!(answer.body, wrong.body, "nobody learns that the password is right");
    app.told().await;
    let mut reasons = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::UserFailedAuthn { user, authn_via, reason, .. } = &*event {
            assert_eq!(authn_via, "password");
            reasons.push((*user == Some(ann.id), *reason));
        }
    }
    assert_eq!(reasons, [(true, "wrong_password"), (true, "second_factor_required")]);

    app.user("bob@example.org").await;
    assert_eq!(get_with(&app, "/feed", basic("bob@example.org")).await.reasons(), ["closed"]);
    app.user("carol@example.org").await;
    assert_eq!(get_with(&app, "/feed", basic("carol@example.org")).await.reasons(), ["forbidden"]);
    app.user("dora@example.org").await;
    assert_eq!(get_with(&app, "/feed", basic("dora@example.org")).await.status, Status::Ok);
}

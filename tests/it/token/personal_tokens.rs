//! Tokens that people make for programs of theirs, and what they open.

use chrono::TimeDelta;
use rocket::futures::future::join_all;
use rocket::http::{ContentType, Header, Status};
use rocket::{Build, Rocket, get, post, routes};
use rocket_security::clock::Timestamp;
use rocket_security::config::TokenPurpose;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::testing::{Browser, PASSWORD, TestApp};
use rocket_security::{AuthVia, Event, Fresh, RolesRequired, Scoped, Security, via};
use serde_json::{Value, json};

use crate::support::bearer::{as_handshake, bearer, issuer};
use crate::support::launching::{try_launch, try_launch_on};
use crate::support::program::{assert_token_refused, get};
use crate::support::sink::app_that_tells;
use crate::support::tokens::key;
use crate::support::users::change_user;
use crate::support::{ANN, Admin, BOB, CHOSEN, ReadReports, WriteReports, me, sql};

const PATH: &str = "/personal-tokens";
const REVOKE: &str = "/personal-tokens/revoke";

#[get("/reports")]
fn reports(user: Scoped<ReadReports>) -> String {
    format!("{} by {} as {}", user.email, user.mechanism(), user.authn_via())
}

#[post("/reports")]
fn write(user: Scoped<(ReadReports, WriteReports)>) -> String {
    user.email.to_string()
}

#[get("/desk")]
fn desk(_user: Scoped<ReadReports>, _admin: RolesRequired<Admin>) -> &'static str {
    "the desk"
}

#[get("/fresh")]
fn fresh(_user: Scoped<ReadReports>, _lately: Fresh<60>) -> &'static str {
    "fresh"
}

#[get("/any")]
fn any(user: AuthVia<via::PersonalToken>) -> String {
    let scopes = user.scopes().unwrap_or_default().iter().map(ToString::to_string);
    scopes.collect::<Vec<_>>().join(" ")
}

fn tokens() -> PersonalTokens<(ReadReports, WriteReports)> {
    PersonalTokens::default().scopes()
}

fn rocket_with(security: Security) -> Rocket<Build> {
    let routes = routes![me, reports, write, desk, fresh, any];
    rocket::build().attach(security.enable(tokens())).mount("/", routes)
}

fn rocket() -> Rocket<Build> {
    rocket_with(Security::default())
}

async fn app_with(settings: Value) -> TestApp {
    TestApp::launch_with(rocket(), json!({"personal_tokens": settings})).await
}

async fn app() -> TestApp {
    app_with(json!({})).await
}

fn body(name: &str) -> Value {
    json!({"name": name, "scopes": ["reports:read"]})
}

/// Makes a token, and gives its text and its id.
async fn make(browser: &Browser<'_>, body: Value) -> (String, String) {
    let made = browser.post_json(PATH, body).await;
    assert_eq!(made.status, Status::Ok, "{}", made.body);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made.response("token")), text(&made.response("personal_token")["id"]))
}

async fn assert_accepted(app: &TestApp, token: &str) {
    let answer = get(app, "/reports", token).await;
    let expected = "ann@example.org by personal_token as personal_token";
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, expected));
    assert_eq!(answer.headers("Set-Cookie").count(), 0);
}

async fn assert_refused(app: &TestApp, token: &str, reason: &str) {
    assert_token_refused(&get(app, "/reports", token).await, reason);
}

async fn listed(browser: &Browser<'_>) -> Vec<Value> {
    let answer = browser.get_json(PATH).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    answer.response("personal_tokens").as_array().unwrap().clone()
}

fn moment(value: &Value) -> Timestamp {
    serde_json::from_value(value.clone()).unwrap()
}

#[rocket::async_test]
async fn a_token_is_made_shown_once_and_listed() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let body = json!({"name": " Nightly download ", "scopes": "reports:write reports:read",
        "expires_in_days": 30});
    let made = ann.post_json(PATH, body).await;
    assert_eq!(made.status, Status::Ok, "{}", made.body);
    assert_eq!(made.header("Cache-Control"), Some("no-store"));
    let token = made.response("token").as_str().unwrap().to_owned();
    let (head, digits) = token.split_once('_').unwrap();
    assert_eq!((head, digits.len()), ("rspat", 49));
    assert!(digits.bytes().all(|digit| digit.is_ascii_alphanumeric()), "{token}");
    let shown = made.response("personal_token");
    assert_eq!(shown["name"], "Nightly download");
    assert_eq!(shown["scopes"], json!(["reports:read", "reports:write"]));
    assert_eq!((&shown["is_expired"], &shown["last_used_at"]), (&json!(false), &Value::Null));
    let end = app.clock().now() + TimeDelta::days(30);
    assert!((moment(&shown["expires_at"]) - end).abs() < TimeDelta::minutes(1), "{shown}");
    assert_eq!(listed(&ann).await, [shown]);
    let scopes = ann.get_json(PATH).await.response("scopes");
    assert_eq!(scopes[0], json!({"name": "reports:read", "description": "See your reports"}));
    for path in [PATH, "/sessions"] {
        for answer in [ann.get(path).await, ann.get_json(path).await] {
            assert!(!answer.body.contains(digits), "{}", answer.body);
        }
    }
    assert_accepted(&app, &token).await;
}

#[rocket::async_test]
async fn the_page_does_the_same_with_boxes() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let page = ann.get(PATH).await;
    assert_eq!(page.status, Status::Ok, "{}", page.body);
    for text in [
        "You don't have any tokens yet.",
        "See your reports",
        "name=\"scope.reports:read\"",
        "90 days",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let name = "<b>\"Nightly\" & 'more'</b>";
    let fields = [("name", name), ("scope.reports:read", "true"), ("expires_in_days", "never")];
    let made = ann.post_form(PATH, &fields).await;
    assert_eq!(made.status, Status::Ok, "{}", made.body);
    assert_eq!(made.header("Cache-Control"), Some("no-store"));
    assert!(!made.body.contains(name), "{}", made.body);
    assert!(made.body.contains("&lt;b&gt;&quot;Nightly&quot;"), "{}", made.body);
    assert!(made.body.contains("Doesn't expire."), "{}", made.body);
    let token = made.body.split("<code class=\"security-token\">").nth(1).unwrap();
    let token = token.split('<').next().unwrap();
    assert_accepted(&app, token).await;
    let page = ann.get(PATH).await.body;
    assert!(!page.contains("rspat_") && page.contains("last used on"), "{page}");
    let id = listed(&ann).await[0]["id"].as_str().unwrap().to_owned();
    let again = ann.post_form(PATH, &fields).await;
    assert_eq!(again.status, Status::BadRequest, "a page that is loaded again makes no second one");
    for text in [
        "You already have a token with this name.",
        "checked",
        "value=\"never\" \
    selected",
    ] {
        assert!(again.body.contains(text), "{text}: {}", again.body);
    }
    let revoked = ann.post_form(REVOKE, &[("personal_token", &id)]).await;
    assert_eq!((revoked.status, revoked.location()), (Status::SeeOther, PATH));
    assert!(ann.get(PATH).await.body.contains("The token has been revoked."));
    assert_refused(&app, token, "credentials_refused").await;
}

#[rocket::async_test]
async fn whoever_does_not_say_gets_90_days_or_the_most_there_is() {
    for (settings, days) in [
        (json!({}), 90),
        (json!({"max_lifetime": "30days"}), 30),
        (json!({"max_lifetime": "365days"}), 90),
        (json!({"default_lifetime": "7days", "max_lifetime": "30days"}), 7),
    ] {
        let app = app_with(settings.clone()).await;
        let ann = app.log_in_as(ANN).await;
        let end = app.clock().now() + TimeDelta::days(days);
        make(&ann, body("nightly")).await;
        let told = moment(&listed(&ann).await[0]["expires_at"]);
        assert!((told - end).abs() < TimeDelta::minutes(1), "{settings}: {told}");
        assert!(ann.get(PATH).await.body.contains(&format!("{days} days (default)")));
    }
}

#[rocket::async_test]
async fn what_cannot_be_made_is_said_by_field() {
    let app = app_with(json!({"max_lifetime": "365days", "max_per_user": 1})).await;
    let ann = app.log_in_as(ANN).await;
    let some = json!(["reports:read"]);
    for (body, field, reason) in [
        (json!({"scopes": some}), "name", "name_invalid"),
        (json!({"name": "a\nb", "scopes": some}), "name", "name_invalid"),
        (json!({"name": "x".repeat(101), "scopes": some}), "name", "name_invalid"),
        (json!({"name": "a"}), "scopes", "scope_required"),
        (json!({"name": "a", "scopes": []}), "scopes", "scope_required"),
        (json!({"name": "a", "scopes": ["reports:read", "x"]}), "scopes", "scope_unknown"),
        (json!({"name": "a", "scopes": "Reports:Read"}), "scopes", "scope_unknown"),
        (json!({"name": "a", "scope.x": true}), "scopes", "scope_unknown"),
        (json!({"name": "a", "scopes": 1}), "scopes", "unexpected_value"),
        (json!({"name": "a", "scopes": {"a": 1}}), "scopes", "unexpected_value"),
        (json!({"name": "a", "scopes": [1]}), "scopes", "unexpected_value"),
        (json!({"name": "a", "scopes": some, "user": "bob"}), "user", "unexpected_value"),
        (
            json!({"name": "a", "scopes": some, "expires_in_days": 0}),
            "expires_in_days",
            "lifetime_invalid",
        ),
        (
            json!({"name": "a", "scopes": some, "expires_in_days": "soon"}),
            "expires_in_days",
            "lifetime_invalid",
        ),
        (
            json!({"name": "a", "scopes": some, "expires_in_days": 366}),
            "expires_in_days",
            "lifetime_too_long",
        ),
        (
            json!({"name": "a", "scopes": some, "expires_in_days": "never"}),
            "expires_in_days",
            "lifetime_too_long",
        ),
    ] {
        let answer = ann.post_json(PATH, body.clone()).await;
        assert_eq!(answer.status, Status::BadRequest, "{body}: {}", answer.body);
        assert_eq!(answer.reasons(), ["invalid_input", reason], "{body}: {}", answer.body);
        assert!(answer.response("field_errors")[field].is_array(), "{body}: {}", answer.body);
    }
    make(&ann, body("a")).await;
    let same = ann.post_json(PATH, body("a")).await;
    assert_eq!(same.reasons(), ["invalid_input", "name_taken"]);
    let more = ann.post_json(PATH, body("b")).await;
    assert_eq!(more.reasons(), ["invalid_input", "too_many_personal_tokens"]);
    assert_eq!(sql::count(app.database(), "security_personal_tokens").await, 1);
}

#[rocket::async_test]
async fn the_store_has_nothing_that_opens_anything() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (token, _) = make(&ann, body("nightly")).await;
    let secret = &token["rspat_".len()..token.len() - 6];
    for table in ["security_personal_tokens", "security_outbox"] {
        let dump = sql::dump(app.database(), table).await;
        assert!(!dump.contains(secret), "{dump}");
    }
    assert!(sql::dump(app.database(), "security_personal_tokens").await.contains("nightly"));
}

#[rocket::async_test]
async fn its_owner_is_told_by_mail_and_events_tell_of_it() {
    let (app, sink) = app_that_tells(rocket_with).await;
    let ann = app.log_in_as(ANN).await;
    let (token, id) = make(&ann, body("nightly")).await;
    let mail = app.newest_mail_to(ANN).await;
    assert_eq!(mail.subject, "A personal access token was created");
    for text in ["nightly", "reports:read", "127.0.0.1", PATH] {
        assert!(mail.text.contains(text), "{text}: {}", mail.text);
    }
    assert!(!format!("{mail:?}{}", mail.text).contains(&token[6..]), "{}", mail.text);
    ann.post_json(REVOKE, json!({"personal_token": id})).await;
    app.told().await;
    let (user, id) = (app.user(ANN).await.id, id.parse().unwrap());
    let mut events = sink.events();
    events.retain(|event| event.name().starts_with("personal_token"));
    let told: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(told, ["personal_token_created", "personal_token_revoked"]);
    for event in &events {
        let (Event::PersonalTokenCreated { user: of, token, .. }
        | Event::PersonalTokenRevoked { user: of, token, .. }) = event
        else {
            panic!("{event:?}");
        };
        assert_eq!((*of, *token), (user, id));
    }
}

#[rocket::async_test]
async fn it_opens_what_asks_for_its_scopes_and_says_what_it_lacks() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (read, _) = make(&ann, body("read")).await;
    let scopes = json!(["reports:read", "reports:write"]);
    let (both, _) = make(&ann, json!({"name": "both", "scopes": scopes})).await;
    let post = |token: &str| app.client().post("/reports").header(bearer(token));
    assert_accepted(&app, &read).await;
    // No anti-forgery token is asked for, and no cookie is set.
    let answer = app.browser().send(post(&both).header(ContentType::Form)).await;
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, ANN));
    assert_eq!(answer.headers("Set-Cookie").count(), 0);
    assert_eq!(get(&app, "/any", &both).await.body, "reports:read reports:write");

    let refused = app.browser().send(post(&read).header(ContentType::JSON)).await;
    assert_eq!(
        (refused.status, refused.reasons()),
        (Status::Forbidden, vec!["insufficient_scope".to_owned()])
    );
    let challenge = "Bearer realm=\"login\", error=\"insufficient_scope\", \
                     scope=\"reports:read reports:write\"";
    assert_eq!(refused.headers("WWW-Authenticate").collect::<Vec<_>>(), [challenge]);
}

#[rocket::async_test]
async fn whatever_names_no_scope_refuses_it_and_says_so() {
    let app = app().await;
    let (token, _) = make(&app.log_in_as(ANN).await, body("nightly")).await;
    let answer = get(&app, "/me", &token).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["token_scoped".to_owned()])
    );
    let challenge = "Bearer realm=\"login\", error=\"invalid_token\", \
                     error_description=\"The token only works for routes that require its scopes.\"";
    let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
    assert!(challenges.contains(&challenge), "{challenges:?}");
    let bearers = challenges.iter().filter(|it| it.starts_with("Bearer")).count();
    assert_eq!(bearers, 1, "{challenges:?}");
    assert_eq!(
        get(&app, "/fresh", &token).await.reasons(),
        ["reauth_required"],
        "it is never fresh"
    );
    for path in [PATH, "/sessions", "/change"] {
        let answer = get(&app, path, &token).await;
        assert_eq!(answer.reasons(), ["unauthenticated"], "{path}: {}", answer.body);
    }
}

#[rocket::async_test]
async fn it_gives_no_more_than_its_owner_may_do_at_this_moment() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (token, _) = make(&ann, body("nightly")).await;
    assert_eq!(get(&app, "/desk", &token).await.reasons(), ["forbidden"]);
    let user = app.grant(ANN, "admin").await;
    assert_eq!(get(&app, "/desk", &token).await.body, "the desk");
    let admin = "admin".parse().unwrap();
    app.roles().revoke_role(user.id, &admin, &Together::nothing()).await.unwrap();
    assert_eq!(get(&app, "/desk", &token).await.reasons(), ["forbidden"]);
}

#[rocket::async_test]
async fn whoever_comes_by_themselves_needs_no_scope() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/reports").await.body, "ann@example.org by session as password");
    assert_eq!(ann.post_form("/reports", &[]).await.body, ANN);
    let unprotected = ann.post_form_as_is("/reports", &[]).await;
    assert_eq!(
        unprotected.status,
        Status::BadRequest,
        "a cookie alone needs the anti-forgery token"
    );
    let access = issuer(&app).access(&app.user(ANN).await).issue().unwrap();
    assert_eq!(get(&app, "/reports", &access).await.body, "ann@example.org by token as token");
    let stranger = app.browser().get("/reports").await;
    assert_eq!(stranger.status, Status::SeeOther);
    let (token, _) = make(&ann, body("nightly")).await;
    let request = |path: &'static str| app.client().get(path).header(bearer(&token));
    let bob = app.log_in_as(BOB).await;
    let answer = bob.send(request("/reports").header(ContentType::JSON)).await;
    assert_eq!(answer.reasons(), ["conflicting_credentials"]);
    let answer = ann.send(request("/reports")).await;
    assert_eq!(answer.body, "ann@example.org by session as password");
    let answer = ann.send(request("/me").header(ContentType::JSON)).await;
    assert_eq!(answer.reasons(), ["token_scoped"], "beside the best of sessions");
}

#[rocket::async_test]
async fn it_comes_in_either_header_and_beside_no_other_token() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (token, _) = make(&ann, body("nightly")).await;
    let access = issuer(&app).access(&app.user(ANN).await).issue().unwrap();
    let own = |token: &str| Header::new("Authentication-Token", token.to_owned());
    let scheme = |scheme: &str| Header::new("Authorization", format!("{scheme} {token}"));
    for header in [scheme("bearer"), scheme("BEARER "), own(&token)] {
        let answer = app.browser().send(app.client().get("/reports").header(header)).await;
        assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    }
    let basic = app.client().get("/reports").header(scheme("Basic"));
    assert_ne!(app.browser().send(basic).await.status, Status::Ok);
    for path in [format!("/reports?access_token={token}"), format!("/reports?token={token}")] {
        assert_eq!(app.browser().get_json(&path).await.reasons(), ["unauthenticated"]);
    }
    for (first, second) in [
        (bearer(&token), own(&access)),
        (bearer(&access), own(&token)),
        (bearer(&token), own(&token)),
        (bearer(&token), bearer(&token)),
    ] {
        let mut request = app.client().get("/reports").header(ContentType::JSON);
        request.add_header(first);
        request.add_header(second);
        let answer = app.browser().send(request).await;
        assert_eq!(answer.status, Status::BadRequest, "{}", answer.body);
        assert_eq!(answer.reasons(), ["conflicting_credentials"]);
    }
}

#[rocket::async_test]
async fn beside_the_cookie_of_a_token_it_is_one_too_many_for_every_guard() {
    let settings = json!({"tokens": {"sources": ["authorization", "cookie"]}});
    let app = TestApp::launch_with(rocket(), settings).await;
    let (token, _) = make(&app.log_in_as(ANN).await, body("nightly")).await;
    let access = issuer(&app).access(&app.user(ANN).await).issue().unwrap();
    for cookie in [access.as_str(), "v4.local.AAAA", &token] {
        for path in ["/reports", "/any", "/me"] {
            let browser = app.browser();
            browser.set_cookie("security_token", cookie);
            let request = app.client().get(path).header(ContentType::JSON).header(bearer(&token));
            let answer = browser.send(request).await;
            assert_eq!(answer.reasons(), ["conflicting_credentials"], "{path}: {}", answer.body);
        }
    }
}

#[rocket::async_test]
async fn a_text_that_is_none_is_refused() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (token, _) = make(&ann, body("nightly")).await;
    let swapped = format!("{}{}", &token[..token.len() - 2], "0z");
    for text in [swapped, token[..30].to_owned(), format!("{token}0"), "rspat_".to_owned()] {
        assert_refused(&app, &text, "token_malformed").await;
    }
    for text in [token.replace("rspat", "other"), token[6..].to_owned(), token.to_uppercase()] {
        let answer = get(&app, "/reports", &text).await;
        assert_eq!(answer.status, Status::Unauthorized, "{text}: {}", answer.body);
    }
    for text in ["rspat_".repeat(5_000), "rspat_\u{e9}\u{1f980}".to_owned()] {
        assert_eq!(get(&app, "/reports", &text).await.status, Status::Unauthorized);
    }
    assert_accepted(&app, &token).await;
}

#[rocket::async_test]
async fn one_that_was_refused_for_its_age_stays_dead_when_the_clock_steps_back() {
    let app = app().await;
    let token = make(&app.log_in_as(ANN).await, body("a")).await.0;
    app.clock().advance(TimeDelta::days(90));
    assert_refused(&app, &token, "token_expired").await;
    app.clock().advance(-TimeDelta::days(1));
    assert_refused(&app, &token, "token_expired").await;
}

#[rocket::async_test]
async fn it_lasts_as_long_as_was_said_and_is_listed_a_while_longer() {
    let app = app().await;
    let (usual, forever) = {
        let ann = app.log_in_as(ANN).await;
        let never = json!({"name": "b", "scopes": ["reports:read"], "expires_in_days": "never"});
        (make(&ann, body("a")).await.0, make(&ann, never).await.0)
    };
    app.clock().advance(TimeDelta::days(90) - TimeDelta::seconds(1));
    assert_accepted(&app, &usual).await;
    app.clock().advance(TimeDelta::seconds(1));
    assert_refused(&app, &usual, "token_expired").await;
    assert_accepted(&app, &forever).await;
    app.clock().advance(TimeDelta::days(29));
    app.sweep().await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(listed(&ann).await.len(), 2);
    assert!(ann.get(PATH).await.body.contains("Expired"));
    app.clock().advance(TimeDelta::days(2));
    app.sweep().await;
    let ann = app.log_in_as(ANN).await;
    let names: Vec<Value> = listed(&ann).await.iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["b"]);
    assert_refused(&app, &usual, "credentials_refused").await;
    assert_accepted(&app, &forever).await;
}

#[rocket::async_test]
async fn a_longest_life_counts_for_tokens_that_are_there() {
    let app = app().await;
    let never = json!({"name": "a", "scopes": ["reports:read"], "expires_in_days": "never"});
    let (token, _) = make(&app.log_in_as(ANN).await, never).await;
    let figment = rocket().figment().clone();
    let figment = figment.merge(("security.personal_tokens.max_lifetime", "100days"));
    let app = app.restart(rocket().configure(figment)).await;
    assert_accepted(&app, &token).await;
    app.clock().advance(TimeDelta::days(100));
    assert_refused(&app, &token, "token_expired").await;
}

#[rocket::async_test]
async fn use_is_noted_once_a_minute() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (token, _) = make(&ann, body("nightly")).await;
    let last_used = async || listed(&ann).await[0]["last_used_at"].clone();
    assert_eq!(last_used().await, Value::Null);
    assert_accepted(&app, &token).await;
    let first = last_used().await;
    assert!(first.is_string());
    app.clock().advance(TimeDelta::seconds(45));
    assert_accepted(&app, &token).await;
    assert_eq!(last_used().await, first);
    app.clock().advance(TimeDelta::seconds(15));
    assert_accepted(&app, &token).await;
    assert!(moment(&last_used().await) - moment(&first) >= TimeDelta::minutes(1));
}

#[rocket::async_test]
async fn it_is_made_by_whoever_proved_lately_who_they_are_and_by_no_token() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let (token, id) = make(&ann, body("first")).await;
    let access = issuer(&app).access(&app.user(ANN).await).issue().unwrap();
    for token in [&token, &access] {
        for (path, body) in [(PATH, body("more")), (REVOKE, json!({"personal_token": id}))] {
            let request = app.client().post(path).header(ContentType::JSON).body(body.to_string());
            let answer = app.browser().send(request.header(bearer(token))).await;
            assert!([400, 401].contains(&answer.status.code), "{path}: {}", answer.body);
            // Nor with the anti-forgery token of a guest.
            let guest = app.browser();
            let csrf = Header::new("X-XSRF-Token", guest.csrf_token().await);
            let request = app.client().post(path).header(ContentType::JSON).body(body.to_string());
            let answer = guest.send(request.header(csrf).header(bearer(token))).await;
            assert_eq!(answer.reasons(), ["unauthenticated"], "{path}: {}", answer.body);
        }
    }
    let forged = [("name", "forged"), ("scopes", "reports:read")];
    let forged = ann.post_form_as_is(PATH, &forged).await;
    assert_eq!(forged.status, Status::BadRequest);
    app.clock().advance(TimeDelta::minutes(11));
    let stale = ann.post_json(PATH, body("stale")).await;
    assert_eq!(
        (stale.status, stale.reasons()),
        (Status::Unauthorized, vec!["reauth_required".to_owned()])
    );
    let fields = [("name", "stale"), ("scope.reports:write", "true")];
    let page = ann.post_form(PATH, &fields).await;
    assert_eq!(page.status, Status::SeeOther);
    assert!(page.location().starts_with("/verify?next="), "{}", page.location());
    assert_eq!(listed(&ann).await.len(), 1, "looking asks for nothing");
    ann.post_form("/verify", &[("password", PASSWORD), ("next", PATH)]).await;
    let page = ann.get(PATH).await.body;
    assert!(page.contains("value=\"stale\"") && page.contains("checked"), "{page}");
    make(&ann, body("stale")).await;
}

#[rocket::async_test]
async fn one_sees_and_revokes_one_s_own_only() {
    let app = app().await;
    let (ann, bob) = (app.log_in_as(ANN).await, app.log_in_as(BOB).await);
    let (token, id) = make(&ann, body("nightly")).await;
    assert_eq!(listed(&bob).await, Vec::<Value>::new());
    for id in [id.as_str(), "0f0c0000-0000-4000-8000-000000000000", "", "1"] {
        let answer = bob.post_json(REVOKE, json!({"personal_token": id})).await;
        assert_eq!(answer.status, Status::BadRequest, "{}", answer.body);
        assert_eq!(answer.reasons(), ["invalid_input", "personal_token_unknown"]);
    }
    let forged = ann.post_form_as_is(REVOKE, &[("personal_token", &id)]).await;
    assert_eq!(forged.status, Status::BadRequest);
    assert_accepted(&app, &token).await;
    // Whoever finds a stranger's need not look for their password first.
    app.clock().advance(TimeDelta::minutes(11));
    let revoked = ann.post_json(REVOKE, json!({"personal_token": id})).await;
    assert_eq!(revoked.status, Status::Ok, "{}", revoked.body);
    assert_refused(&app, &token, "credentials_refused").await;
    for path in [PATH, REVOKE] {
        let stranger = app.browser().post_json(path, json!({})).await;
        assert_eq!(stranger.reasons(), ["unauthenticated"], "{}", stranger.body);
    }
    assert_eq!(app.browser().get_json(PATH).await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn another_instance_refuses_it_with_the_very_next_request() {
    let settings = json!({"keys": key(TokenPurpose::Local)});
    let app = TestApp::launch_with(rocket(), settings.clone()).await;
    let second = try_launch_on(app.database(), rocket(), settings).await.unwrap();
    let status_of =
        async |token: &str| second.get("/reports").header(bearer(token)).dispatch().await.status();
    let ann = app.log_in_as(ANN).await;
    let (token, id) = make(&ann, body("nightly")).await;
    assert_eq!(status_of(&token).await, Status::Ok);
    ann.post_json(REVOKE, json!({"personal_token": id})).await;
    assert_eq!(status_of(&token).await, Status::Unauthorized);
    let (token, _) = make(&ann, body("nightly")).await;
    assert_eq!(status_of(&token).await, Status::Ok);
    ann.post_json("/change", json!({"password": PASSWORD, "new_password": CHOSEN})).await;
    assert_eq!(status_of(&token).await, Status::Unauthorized);
}

#[rocket::async_test]
async fn every_change_of_the_account_ends_it_and_a_logout_does_not() {
    let app = app().await;
    let user = app.user(ANN).await;
    for change in [
        UserChange::password(app.hash(PASSWORD).await),
        UserChange::active(false),
        UserChange::closing(app.clock().now()),
    ] {
        let ann = app.log_in_as(ANN).await;
        let (token, _) = make(&ann, body("nightly")).await;
        ann.log_out().await;
        assert_accepted(&app, &token).await;
        change_user(&app, &user, &change).await;
        assert_refused(&app, &token, "credentials_refused").await;
        assert_eq!(sql::count(app.database(), "security_personal_tokens").await, 0);
        for back in [UserChange::active(true), UserChange::reopened()] {
            app.store().update_user(user.id, &back, &Together::nothing()).await.unwrap();
        }
        assert_refused(&app, &token, "credentials_refused").await;
    }
    let (token, _) = make(&app.log_in_as(ANN).await, body("nightly")).await;
    app.store().delete_user(user.id, &Together::nothing()).await.unwrap();
    assert_refused(&app, &token, "credentials_refused").await;
}

#[rocket::async_test]
async fn of_32_made_at_once_no_more_are_kept_than_one_may_have() {
    let app = app_with(json!({"max_per_user": 5})).await;
    let ann = app.log_in_as(ANN).await;
    let csrf = ann.csrf_token().await;
    let ask = |number: usize| {
        let request = app.client().post(PATH).header(ContentType::JSON);
        let csrf = Header::new("X-XSRF-Token", csrf.clone());
        ann.send(request.header(csrf).body(body(&number.to_string()).to_string()))
    };
    let answers = join_all((0..32).map(ask)).await;
    let made = answers.iter().filter(|answer| answer.status == Status::Ok).count();
    assert_eq!(made, 5);
    for refused in answers.iter().filter(|answer| answer.status != Status::Ok) {
        assert_eq!(refused.reasons(), ["invalid_input", "too_many_personal_tokens"]);
    }
    assert_eq!(listed(&ann).await.len(), 5);
    assert_eq!(app.mail().await.len(), 5, "who was refused is told nothing by mail");
}

#[rocket::async_test]
async fn another_prefix_is_another_kind_of_token() {
    let app = app_with(json!({"prefix": "harbour"})).await;
    let (token, _) = make(&app.log_in_as(ANN).await, body("nightly")).await;
    assert!(token.starts_with("harbour_"), "{token}");
    assert_accepted(&app, &token).await;
    assert_ne!(get(&app, "/reports", &token.replace("harbour", "rspat")).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_store_that_does_not_answer_is_503() {
    let app = app().await;
    let (token, _) = make(&app.log_in_as(ANN).await, body("nightly")).await;
    let rename = |from, to| format!("ALTER TABLE security_{from} RENAME TO security_{to}");
    sql::execute(app.database(), &rename("personal_tokens", "elsewhere")).await;
    let answer = get(&app, "/reports", &token).await;
    assert_eq!(answer.status, Status::ServiceUnavailable, "{}", answer.body);
    assert!(answer.header("Retry-After").is_some());
    sql::execute(app.database(), &rename("elsewhere", "personal_tokens")).await;
    assert_accepted(&app, &token).await;
}

#[rocket::async_test]
async fn what_makes_no_sense_stops_the_launch() {
    let prefix = |prefix: &str| json!({"personal_tokens": {"prefix": prefix}});
    for (settings, launches) in [
        (json!({}), true),
        (json!({"personal_tokens": {"max_lifetime": "90days"}}), true),
        (prefix("x1"), true),
        (prefix("x"), false),
        (prefix("RSPAT"), false),
        (prefix("rs_pat"), false),
        (prefix("1rspat"), false),
        (prefix(&"x".repeat(21)), false),
        (json!({"personal_tokens": {"max_per_user": 0}}), false),
        (json!({"personal_tokens": {"max_lifetime": "30days"}}), true),
        (
            json!({"personal_tokens": {"default_lifetime": "31days", "max_lifetime": "30days"}}),
            false,
        ),
        (json!({"personal_tokens": {"default_lifetime": "1h", "max_lifetime": "2h"}}), false),
        (json!({"personal_tokens": {"lifetime": "1h"}}), false),
        (json!({"mechanisms": ["session", "personal_token"]}), false),
    ] {
        let launched = try_launch(rocket(), settings.clone()).await;
        assert_eq!(launched.is_ok(), launches, "{settings}: {launched:?}");
    }
    let without = || rocket::build().attach(Security::default());
    for routes in [routes![reports], routes![any]] {
        let fault = try_launch(without().mount("/", routes), json!({})).await.unwrap_err();
        assert!(fault.contains("SentinelAborts"), "{fault}");
    }
    let read_only = PersonalTokens::default().scopes::<ReadReports>();
    let read_only = rocket::build().attach(Security::default().enable(read_only));
    let read_only = read_only.mount("/", routes![reports, write]);
    let fault = try_launch(read_only, json!({})).await.unwrap_err();
    assert!(fault.contains("SentinelAborts"), "{fault}");
}

#[cfg(feature = "cli")]
#[rocket::async_test]
async fn an_operator_lists_and_revokes_them() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let place = crate::support::operator::Place::beside(app.database());
    place.run(&format!("personal-tokens list {ANN}")).succeeded();
    let mut all = Vec::new();
    for name in ["one", "two", "three"] {
        all.push(make(&ann, body(name)).await);
    }
    let (token, id) = all.first().unwrap();
    let table = place.run(&format!("personal-tokens list {ANN}")).succeeded();
    assert!(table.contains(id) && table.contains("reports:read"), "{table}");
    assert!(!table.contains(token), "{table}");
    let lines = place.run(&format!("personal-tokens list {ANN} --json")).succeeded();
    let first: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((&first["name"], &first["is_expired"]), (&json!("one"), &json!(false)));
    place.run(&format!("personal-tokens revoke {BOB} {id}")).refused(&["has no account"]);
    let answer = place.run(&format!("personal-tokens revoke {ANN} {id}")).succeeded();
    assert_eq!(answer.trim(), "1 token is revoked.");
    assert_refused(&app, token, "credentials_refused").await;
    place.run(&format!("personal-tokens revoke {ANN} {id}")).refused(&["has no token"]);
    let answer = place.run(&format!("personal-tokens revoke {ANN} --all")).succeeded();
    assert_eq!(answer.trim(), "2 tokens are revoked.");
    assert_eq!(listed(&ann).await, Vec::<Value>::new());
}

#[rocket::async_test]
async fn a_token_counts_in_a_header_alone_whatever_browsers_send_by_themselves() {
    let sources = json!(["authorization", "authentication-token", "cookie", "query"]);
    let settings = json!({"tokens": {"sources": sources}});
    let app = TestApp::launch_with(rocket_with(Security::default()), settings).await;
    let ann = app.log_in_as(ANN).await;
    let body = json!({"name": "Nightly", "scopes": ["reports:read", "reports:write"]});
    let token = ann.post_json(PATH, body).await.response("token").as_str().unwrap().to_owned();
    let shown = app.client().post("/reports").header(bearer(&token));
    assert_eq!(app.browser().send(shown).await.body, ANN);

    let cookie = || rocket::http::Cookie::new("security_token", token.clone());
    for request in [
        app.client().post("/reports").cookie(cookie()),
        app.client().get("/reports").cookie(cookie()),
        app.client().get("/any").cookie(cookie()),
        as_handshake(app.client().get(format!("/reports?access_token={token}"))),
    ] {
        let answer = app.browser().send(request.header(rocket::http::Accept::JSON)).await;
        assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    }
}

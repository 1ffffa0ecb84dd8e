//! Tokens as handlers take them: `Paseto`, `FreshPaseto`, `TokenUser`, `PasetoJson`, and where they look.

use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rocket::http::{ContentType, Cookie, Header, Status};
use rocket::local::asynchronous::LocalRequest;
use rocket::{Build, Rocket, get, post, routes};
use rocket_security::config::TokenPurpose;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::tokens::Tokens;
use rocket_security::testing::{Answer, TestApp};
use rocket_security::token::{Lifetime, NoClaims, Refresh};
use rocket_security::web::Site;
use rocket_security::{
    AuthUser, FreshPaseto, Maybe, Paseto, PasetoJson, Security, TokenUser, User,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::bearer::{as_handshake, bearer, begin_session, forged, issuer, token};
use crate::support::launching::launches;
use crate::support::program::{get, get_with, get_with_all};
use crate::support::tokens::{
    ASSERTION, Download, ISSUER, PARTNER, forge, good_claims_at, key, public_half,
};
use crate::support::users::change_user;
use crate::support::{ANN, BOB, let_in, sql};

#[derive(Deserialize)]
struct Plan {
    plan: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    celsius: f64,
}

#[get("/shown")]
fn bare(token: Paseto) -> String {
    format!("{} {}", token.subject().unwrap_or("nobody"), token.is_foreign())
}

#[post("/shown")]
fn post_bare(_token: Paseto) {}

#[get("/plan")]
fn plan(token: Paseto<Plan>) -> String {
    token.claims.plan.clone()
}

#[get("/download")]
fn download(token: Paseto<NoClaims, Download>) -> String {
    token.into_token().subject().unwrap_or_default().to_owned()
}

#[get("/renewal")]
fn renewal(token: Paseto<NoClaims, Refresh>) -> String {
    token.subject().unwrap_or_default().to_owned()
}

#[get("/fresh")]
fn fresh(token: FreshPaseto<5>) -> String {
    token.subject().unwrap_or_default().to_owned()
}

#[get("/user")]
fn user(user: TokenUser) -> String {
    format!("{} {} {}", user.email, user.mechanism(), user.token().is_foreign())
}

#[get("/user/plan")]
fn user_plan(user: TokenUser<Plan>) -> String {
    format!("{} {}", user.email, user.claims().plan)
}

#[get("/twice")]
fn twice(token: Paseto<Plan>, also: Paseto, user: TokenUser) -> String {
    let is_same = token.id() == also.id() && also.id() == user.token().id();
    format!("{is_same} {}", user.email)
}

#[get("/both")]
fn both(user: AuthUser, _token: Paseto) -> String {
    user.email.to_string()
}

#[get("/both-ways")]
fn both_ways(_token: Paseto, user: AuthUser) -> String {
    user.email.to_string()
}

#[get("/maybe/token")]
fn maybe_token(token: Maybe<Paseto>) -> &'static str {
    let_in(&token)
}

#[get("/maybe/fresh")]
fn maybe_fresh(token: Maybe<FreshPaseto<5>>) -> &'static str {
    let_in(&token)
}

#[get("/maybe/user")]
fn maybe_user(user: Maybe<TokenUser>) -> &'static str {
    let_in(&user)
}

#[post("/body", data = "<body>")]
fn body(body: PasetoJson<Reading>) -> String {
    format!("{} {}", body.token.subject().unwrap_or("nobody"), body.value.celsius)
}

#[post("/body/renewal", data = "<body>")]
fn body_renewal(body: PasetoJson<Reading, NoClaims, Refresh>) -> String {
    body.token.subject().unwrap_or_default().to_owned()
}

#[post("/body/download", data = "<body>")]
fn body_download(body: PasetoJson<Reading, NoClaims, Download>) -> String {
    body.value.celsius.to_string()
}

fn rocket(security: Security) -> Rocket<Build> {
    let plain = routes![bare, post_bare, plan, download, renewal, fresh, user, user_plan, twice];
    let more = routes![
        both,
        both_ways,
        maybe_token,
        maybe_fresh,
        maybe_user,
        body,
        body_download,
        body_renewal
    ];
    rocket::build().attach(security).mount("/", plain).mount("/", more)
}

async fn app_with(settings: Value) -> TestApp {
    TestApp::launch_with(rocket(Security::default()), settings).await
}

async fn app() -> TestApp {
    app_with(json!({})).await
}

async fn post_body(app: &TestApp, path: &str, body: &str) -> Answer {
    let post = app.client().post(path.to_owned()).header(ContentType::JSON).body(body);
    app.browser().send(post).await
}

/// A token of that user, with the claims of [`Plan`] and a session of now.
async fn plan_token(app: &TestApp, user: &User) -> String {
    let session = begin_session(app, user, 0).await;
    let token = issuer(app).access(user).session(session.id);
    token.claims(json!({"plan": "free"})).issue().unwrap()
}

fn assert_refused(answer: &Answer, reason: &str, at: &str) {
    assert_eq!(answer.status, Status::Unauthorized, "{at}: {}", answer.body);
    assert_eq!(answer.reasons(), [reason], "{at}");
    let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
    let expected = match reason {
        "unauthenticated" => "Bearer realm=\"login\"",
        _ => "Bearer realm=\"login\", error=\"invalid_token\"",
    };
    assert!(challenges.iter().all(|it| it.starts_with(expected)), "{at}: {challenges:?}");
    assert_eq!(challenges.len(), 1, "{at}: {challenges:?}");
}

/// A token of a partner whom the settings trust, about `sub`.
fn foreign() -> (Value, impl Fn(&TestApp, &str) -> String) {
    let foreign = key(TokenPurpose::Public);
    let trusted = json!([{"iss": PARTNER, "key": public_half(&foreign)}]);
    let settings = json!({"tokens": {"trusted": trusted, "audience": ISSUER}});
    let issue = move |app: &TestApp, sub: &str| {
        let mut claims = good_claims_at(app.clock().now(), PARTNER);
        claims["sub"] = json!(sub);
        claims["epoch"] = json!(0);
        claims["plan"] = json!("partner");
        forge(&foreign, &claims, "", ASSERTION)
    };
    (settings, issue)
}

#[rocket::async_test]
async fn a_handler_gets_the_claims_in_its_own_type_and_the_user_too() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = plan_token(&app, &ann).await;
    for (path, expected) in [
        ("/shown", format!("{} false", ann.id)),
        ("/plan", "free".to_owned()),
        ("/fresh", ann.id.to_string()),
        ("/user", format!("{ANN} token false")),
        ("/user/plan", format!("{ANN} free")),
        ("/twice", format!("true {ANN}")),
    ] {
        let answer = get(&app, path, &token).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (Status::Ok, expected.as_str()),
            "{path}"
        );
        assert_eq!(answer.headers("Set-Cookie").count(), 0, "{path}");
    }
    let without = issuer(&app).access(&ann).issue().unwrap();
    for path in ["/plan", "/user/plan"] {
        assert_refused(&get(&app, path, &without).await, "token_claims_unreadable", path);
    }
    let file = issuer(&app).of::<Download>("report.pdf").issue().unwrap();
    assert_eq!(get(&app, "/download", &file).await.body, "report.pdf");
}

#[rocket::async_test]
async fn no_token_is_401_whoever_is_logged_in_and_a_page_leads_nowhere() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for path in ["/shown", "/plan", "/download", "/fresh", "/user", "/user/plan"] {
        for browser in [&ann, &app.browser()] {
            assert_refused(&browser.get_json(path).await, "unauthenticated", path);
            let page = browser.get(path).await;
            assert_eq!(page.status, Status::Unauthorized, "{path}");
            assert!(page.header("WWW-Authenticate").is_some(), "{path}");
        }
    }
    for path in ["/maybe/token", "/maybe/fresh", "/maybe/user"] {
        assert_eq!(ann.get_json(path).await.body, "a guest", "{path}");
    }
}

#[rocket::async_test]
async fn a_bad_token_is_401_with_its_reason_and_makes_no_guest() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let access = || issuer(&app).access(&ann);
    let second = Lifetime::After(Duration::from_secs(1));
    let bad = [
        (access().lifetime(second).issue().unwrap(), "token_expired"),
        (access().audience("https://elsewhere.example").issue().unwrap(), "token_audience_wrong"),
        (issuer(&app).of::<Download>(&ann).issue().unwrap(), "token_forged"),
        ("forged".to_owned(), "token_malformed"),
        (String::new(), "token_malformed"),
        ("v4.local.".repeat(3_000), "token_too_long"),
    ];
    app.clock().advance(TimeDelta::seconds(40));
    let paths =
        ["/shown", "/plan", "/fresh", "/user", "/maybe/token", "/maybe/fresh", "/maybe/user"];
    for (token, reason) in &bad {
        for path in paths {
            assert_refused(&get(&app, path, token).await, reason, path);
        }
    }
    let access = access().issue().unwrap();
    assert_refused(&get(&app, "/download", &access).await, "token_forged", "an access token");
    for path in paths {
        let answer = get_with(&app, path, forged()).await;
        assert_refused(&answer, "token_malformed", path);
    }
}

#[rocket::async_test]
async fn a_token_that_is_good_no_more_is_refused_by_the_very_next_request() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let paths = ["/shown", "/fresh", "/user", "/maybe/token", "/maybe/user"];
    let session = begin_session(&app, &ann, 0).await;
    let tied = issuer(&app).access(&ann).session(session.id).issue().unwrap();
    let loose = issuer(&app).access(&ann).issue().unwrap();
    assert_eq!(get(&app, "/shown", &tied).await.status, Status::Ok);
    app.store().end_session(&session.digest, &Together::nothing()).await.unwrap();
    for path in paths {
        assert_refused(&get(&app, path, &tied).await, "credentials_refused", path);
    }
    assert_eq!(get(&app, "/shown", &loose).await.status, Status::Ok);
    change_user(&app, &ann, &UserChange::active(false)).await;
    for path in paths {
        assert_refused(&get(&app, path, &loose).await, "credentials_refused", path);
    }
    app.store().delete_user(ann.id, &Together::nothing()).await.unwrap();
    for path in paths {
        assert_refused(&get(&app, path, &loose).await, "credentials_refused", path);
    }
}

#[rocket::async_test]
async fn a_store_that_does_not_answer_is_503_and_no_fault_of_the_token() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = plan_token(&app, &ann).await;
    let rename = |from, to| format!("ALTER TABLE security_{from} RENAME TO security_{to}");
    sql::execute(app.database(), &rename("sessions", "elsewhere")).await;
    for path in ["/shown", "/fresh", "/user", "/maybe/token"] {
        let answer = get(&app, path, &token).await;
        assert_eq!(answer.status, Status::ServiceUnavailable, "{path}: {}", answer.body);
        assert!(answer.header("Retry-After").is_some(), "{path}");
    }
    sql::execute(app.database(), &rename("elsewhere", "sessions")).await;
    assert_eq!(get(&app, "/shown", &token).await.status, Status::Ok);
}

#[rocket::async_test]
async fn whoever_logged_in_too_long_ago_is_told_how_long_ago_it_may_be() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let mut stale = vec![token(&app, &ann, 5).await, token(&app, &ann, 60).await];
    stale.push(bearer(&issuer(&app).access(&ann).issue().unwrap()));
    for header in stale {
        for path in ["/fresh", "/maybe/fresh"] {
            let answer = get_with(&app, path, header.clone()).await;
            assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
            assert_eq!(answer.reasons(), ["reauth_required"]);
            assert_eq!(answer.response("reauth_required"), true);
            let expected = "Bearer realm=\"login\", error=\"insufficient_user_authentication\", \
                            max_age=300";
            assert_eq!(answer.headers("WWW-Authenticate").collect::<Vec<_>>(), [expected]);
        }
        assert_eq!(get_with(&app, "/shown", header).await.status, Status::Ok);
    }
    let fresh = token(&app, &ann, 4).await;
    assert_eq!(get_with(&app, "/fresh", fresh).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_trusted_issuer_s_token_is_taken_where_no_user_is_wanted() {
    let (settings, foreign) = foreign();
    let app = app_with(settings).await;
    let ann = app.user(ANN).await;
    for sub in ["somebody", &ann.id.to_string()] {
        let token = foreign(&app, sub);
        assert_eq!(get(&app, "/shown", &token).await.body, format!("{sub} true"));
        assert_eq!(get(&app, "/plan", &token).await.body, "partner");
        for path in ["/user", "/user/plan", "/maybe/user", "/both"] {
            let answer = get(&app, path, &token).await;
            assert_eq!(answer.reasons(), ["token_issuer_wrong"], "{path}");
        }
        assert_eq!(get(&app, "/fresh", &token).await.reasons(), ["reauth_required"]);
    }
    let bob = app.log_in_as(BOB).await;
    // Whom it names is nobody here, so it is nobody else than whoever is logged in.
    let both = app.client().get("/both").header(bearer(&foreign(&app, &ann.id.to_string())));
    assert_eq!(bob.send(both).await.body, BOB);
}

#[rocket::async_test]
async fn a_request_is_from_one_user_whichever_guard_finds_out_first() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let (of_ann, of_bob) = (app.log_in_as(ANN).await, app.log_in_as(BOB).await);
    let header = token(&app, &ann, 0).await;
    for path in ["/both", "/both-ways"] {
        let request = || app.client().get(path).header(header.clone());
        let answer = of_bob.send(request().header(Header::new("Accept", "application/json"))).await;
        assert_eq!(answer.status, Status::BadRequest, "{path}: {}", answer.body);
        assert_eq!(answer.reasons(), ["conflicting_credentials"], "{path}");
        assert_eq!(of_ann.send(request()).await.body, ANN, "{path}");
        assert_eq!(app.browser().send(request()).await.body, ANN, "{path}");
    }
    // A token of another kind is no good one beside a session.
    let download = issuer(&app).of::<Download>(&ann).issue().unwrap();
    let request = app.client().get("/both").header(bearer(&download));
    let answer = of_ann.send(request.header(Header::new("Accept", "application/json"))).await;
    assert_eq!(answer.reasons(), ["token_forged"]);
    // What looks at tokens alone takes the token, whoever is logged in.
    let alone = app.client().get("/user").header(header);
    assert_eq!(of_bob.send(alone).await.body, format!("{ANN} token false"));
}

#[rocket::async_test]
async fn a_token_is_read_from_the_places_that_are_configured_and_two_are_refused() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = plan_token(&app, &ann).await;
    let own = || Header::new("Authentication-Token", token.clone());
    let header = |value: &str| Header::new("Authorization", value.to_owned());
    for headers in [vec![header(&format!("bEARER {token}"))], vec![own()], vec![own(), header("x")]]
    {
        assert_eq!(get_with_all(&app, "/plan", &headers).await.body, "free", "{headers:?}");
    }
    for headers in [
        vec![bearer(&token), own()],
        vec![bearer(&token), bearer(&token)],
        vec![own(), own()],
        vec![forged(), own()],
        vec![bearer(&token), header("Basic YTpi")],
    ] {
        for path in ["/plan", "/maybe/token", "/fresh", "/user"] {
            let answer = get_with_all(&app, path, &headers).await;
            assert_eq!(answer.status, Status::BadRequest, "{path}: {}", answer.body);
            assert_eq!(answer.reasons(), ["conflicting_credentials"], "{path}");
            let challenge = "Bearer realm=\"login\", error=\"invalid_request\"";
            assert_eq!(answer.header("WWW-Authenticate"), Some(challenge), "{path}");
        }
    }
    for path in [format!("/plan?access_token={token}"), format!("/plan?token={token}")] {
        let answer = app.browser().send(as_handshake(app.client().get(path.clone()))).await;
        assert_eq!(answer.reasons(), ["unauthenticated"], "{path}");
    }
    let cookie = Cookie::new("security_token", token.clone());
    let answer = app.browser().send(app.client().get("/plan").cookie(cookie)).await;
    assert_eq!(answer.status, Status::Unauthorized);

    let app = app_with(json!({"tokens": {"sources": ["authentication-token"]}})).await;
    let ann = app.user(ANN).await;
    let token = plan_token(&app, &ann).await;
    let own = Header::new("Authentication-Token", token.clone());
    assert_eq!(get(&app, "/plan", &token).await.reasons(), ["unauthenticated"]);
    assert_eq!(get_with_all(&app, "/plan", &[own.clone(), bearer("forged")]).await.body, "free");
    assert_eq!(
        get_with_all(&app, "/plan", &[own, bearer(&token), bearer(&token)]).await.body,
        "free"
    );
}

#[rocket::async_test]
async fn a_token_in_a_cookie_needs_the_anti_forgery_token_for_what_changes_something() {
    let sources = json!({"tokens": {"sources": ["authorization", "cookie"]}});
    let app = app_with(sources).await;
    let ann = app.user(ANN).await;
    let token = plan_token(&app, &ann).await;
    let site: &Site = app.client().rocket().state().unwrap();
    let cookie = site.sessions().cookies().token(token.clone());
    assert_eq!((cookie.name(), cookie.value()), ("security_token", token.as_str()));
    assert_eq!(cookie.http_only(), Some(true));
    let browser = app.browser();
    browser.set_cookie(cookie.name(), cookie.value());
    assert_eq!(browser.get("/plan").await.body, "free");
    assert_eq!(browser.get("/user").await.body, format!("{ANN} token false"));
    let path = "/shown";
    let answer = browser.post_form_as_is(path, &[("a", "b")]).await;
    assert_eq!(answer.status, Status::BadRequest, "{}", answer.body);
    // What is plainly a program's is not, with a cookie of ours.
    let answer = browser.post_raw(path, "application/json", b"{}").await;
    assert_eq!(answer.reasons(), ["csrf_failed"], "{}", answer.body);
    assert_eq!(browser.post_form(path, &[("a", "b")]).await.status, Status::Ok);
    let foreign = Header::new("Origin", "https://elsewhere.example");
    let csrf = Header::new("X-XSRF-Token", browser.csrf_token().await);
    let request = app.client().post(path).header(ContentType::JSON).header(csrf);
    let answer = browser.send(request.header(foreign).body("{}")).await;
    assert_eq!(answer.reasons(), ["cross_site"]);
    let twice = app.client().get("/plan").header(bearer(&token));
    assert_eq!(browser.send(twice).await.status, Status::BadRequest);
    let by_header = app.client().post("/shown").header(bearer(&token));
    assert_eq!(app.browser().send(by_header).await.status, Status::Ok);
    // Whoever logs out in this browser leaves no token behind.
    let leaving = app.log_in_as(ANN).await;
    leaving.set_cookie("security_token", &token);
    leaving.log_out().await;
    assert_eq!(leaving.cookie("security_token"), None);
    browser.set_cookie("security_token", "forged");
    assert_eq!(browser.get("/maybe/token").await.status, Status::Unauthorized);

    let named = json!({"tokens": {"sources": ["cookie"], "cookie": "api"}});
    let app = app_with(named).await;
    let ann = app.user(ANN).await;
    let browser = app.browser();
    browser.set_cookie("api", &plan_token(&app, &ann).await);
    assert_eq!(browser.get("/plan").await.body, "free");
    let secure = json!({"base_url": "https://example.org", "tokens": {"sources": ["cookie"]}});
    let app = app_with(secure).await;
    let site: &Site = app.client().rocket().state().unwrap();
    let cookie = site.sessions().cookies().token("token".to_owned());
    assert_eq!((cookie.name(), cookie.secure()), ("__Host-security_token", Some(true)));
}

#[rocket::async_test]
async fn a_body_carries_its_token_in_a_member_and_the_rest_is_the_handler_s() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = plan_token(&app, &ann).await;
    let file = issuer(&app).of::<Download>("report.pdf").issue().unwrap();
    let good = json!({"access_token": token, "celsius": 21.5}).to_string();
    let answer = post_body(&app, "/body", &good).await;
    assert_eq!((answer.status, answer.body), (Status::Ok, format!("{} 21.5", ann.id)));
    let download = json!({"celsius": 1.5, "download_token": file}).to_string();
    assert_eq!(post_body(&app, "/body/download", &download).await.body, "1.5");
    for (body, reason) in [
        (json!({"celsius": 1}), "unauthenticated"),
        (json!({"access_token": 123, "celsius": 1}), "token_malformed"),
        (json!({"access_token": null, "celsius": 1}), "token_malformed"),
        (json!({"access_token": [token], "celsius": 1}), "token_malformed"),
        (json!({"access_token": "", "celsius": 1}), "token_malformed"),
        (json!({"access_token": format!(" {token}"), "celsius": 1}), "token_malformed"),
        (json!({"access_token": "x".repeat(10_000), "celsius": 1}), "token_too_long"),
        (json!({"access_token": file, "celsius": 1}), "token_forged"),
        (json!({"download_token": token, "celsius": 1}), "unauthenticated"),
        // Nobody learns what a body may hold without a token.
        (json!({"unknown": 1}), "unauthenticated"),
    ] {
        let answer = post_body(&app, "/body", &body.to_string()).await;
        assert_refused(&answer, reason, &body.to_string().chars().take(60).collect::<String>());
    }
    assert_refused(&post_body(&app, "/body", "").await, "unauthenticated", "nothing");
    for body in [
        format!("{{\"access_token\":\"{token}\",\"access_token\":\"{token}\",\"celsius\":1}}"),
        format!("{{\"access_token\":\"x\",\"celsius\":1,\"access_token\":\"{token}\"}}"),
        format!("[\"{token}\", 1]"),
        format!("\"{token}\""),
        json!({"access_token": token}).to_string(),
        json!({"access_token": token, "celsius": "warm"}).to_string(),
        json!({"access_token": token, "celsius": 1, "more": 1}).to_string(),
        "{".to_owned(),
    ] {
        let answer = post_body(&app, "/body", &body).await;
        assert_eq!(answer.status, Status::BadRequest, "{body}: {}", answer.body);
        assert_eq!(answer.reasons()[0], "invalid_input", "{body}");
    }
    let long = format!("{{\"access_token\":\"{token}\",\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let answer = post_body(&app, "/body", &long).await;
    assert_eq!(answer.status, Status::PayloadTooLarge);
    assert_eq!(answer.reasons(), ["too_large"]);
    let browser = app.browser();
    let plain = browser.post_raw("/body", "text/plain", good.as_bytes()).await;
    assert_eq!(plain.status, Status::UnsupportedMediaType);
    let post = |header| app.client().post("/body").header(ContentType::JSON).header(header);
    let answer = browser.send(post(bearer(&token)).body(&good)).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert_eq!(answer.reasons(), ["conflicting_credentials"]);
    let foreign = Header::new("Origin", "https://elsewhere.example");
    assert_eq!(browser.send(post(foreign).body(&good)).await.status, Status::Ok);
}

/// What nobody sends who means well.
fn garbage(runner: &mut TestRunner) -> String {
    let token = "v4.(local|public)\\.[A-Za-z0-9_-]{0,80}(\\.[A-Za-z0-9_-]{0,40})?";
    let strategy = proptest::prop_oneof![token, "\\PC{0,60}", "[ -~]{0,200}", "[.]{0,9}"];
    strategy.new_tree(runner).unwrap().current()
}

async fn assert_harmless(request: LocalRequest<'_>, said: &str) {
    let status = request.dispatch().await.status();
    assert!(status.class().is_client_error() || status == Status::SeeOther, "{status}: {said:?}");
}

#[rocket::async_test]
async fn no_rubbish_in_header_cookie_address_or_body_is_our_fault() {
    let sources = ["authorization", "authentication-token", "cookie", "query"];
    let app = app_with(json!({"tokens": {"sources": sources}})).await;
    let ann = app.user(ANN).await;
    let good = plan_token(&app, &ann).await;
    let client = app.client();
    let mut runner = TestRunner::deterministic();
    for round in 0..200 {
        let mut said = garbage(&mut runner);
        if round % 4 == 0 {
            let at = round * good.len() / 200;
            said = format!("{}{}", &good[..at], said);
        }
        let paths = ["/plan", "/fresh", "/user/plan", "/download"];
        let path = paths[round % paths.len()];
        let headers = [Header::new("Authorization", format!("Bearer {said}")), bearer(&said)];
        for header in headers {
            assert_harmless(client.get(path).header(header), &said).await;
        }
        let header = Header::new("Authentication-Token", said.clone());
        assert_harmless(client.get(path).header(header), &said).await;
        let cookie = Cookie::new("security_token", said.clone());
        assert_harmless(client.get(path).cookie(cookie), &said).await;
        let query: String = url::form_urlencoded::byte_serialize(said.as_bytes()).collect();
        let query = client.get(format!("{path}?access_token={query}"));
        assert_harmless(as_handshake(query), &said).await;
        let bodies = [said.clone(), json!({"access_token": said, "celsius": 1}).to_string()];
        for body in bodies {
            let post = client.post("/body").header(ContentType::JSON);
            assert_harmless(post.body(body), &said).await;
        }
    }
}

#[rocket::async_test]
async fn without_the_feature_a_guard_of_tokens_stops_the_launch() {
    let without = || rocket::build().attach(Security::default().disable::<Tokens>());
    assert!(launches(without(), json!({})).await);
    for routes in
        [routes![bare], routes![fresh], routes![user], routes![maybe_token], routes![body]]
    {
        let name = format!("{:?}", routes[0].name);
        assert!(!launches(without().mount("/", routes), json!({})).await, "{name}");
    }
}

#[rocket::async_test]
async fn a_refresh_token_is_what_its_own_guard_takes_and_only_the_one_that_was_not_replaced() {
    let app = app().await;
    let ann = app.user("ann@example.org").await;
    let pair = issuer(&app).refresh(&ann).issue().await.unwrap();
    let (access, first) = (pair.access.expose(), pair.refresh.expose());
    let body = |token: &str| json!({"refresh_token": token, "celsius": 1}).to_string();
    for _ in 0..2 {
        // It is looked at, and not used up.
        assert_eq!(get(&app, "/renewal", first).await.body, ann.id.to_string());
        assert_eq!(post_body(&app, "/body/renewal", &body(first)).await.body, ann.id.to_string());
    }
    assert_refused(&get(&app, "/renewal", access).await, "token_forged", "an access token");
    assert_refused(&get(&app, "/shown", first).await, "token_forged", "a refresh token");

    let sent = json!({"refresh_token": first}).to_string();
    let next = post_body(&app, "/refresh-token", &sent).await.response("user");
    let next = next["refresh_token"].as_str().unwrap();
    assert_refused(&get(&app, "/renewal", first).await, "credentials_refused", "replaced");
    let answer = post_body(&app, "/body/renewal", &body(first)).await;
    assert_refused(&answer, "credentials_refused", "replaced, in a body");
    assert_eq!(get(&app, "/renewal", next).await.body, ann.id.to_string());

    assert_eq!(post_body(&app, "/refresh-token", &sent).await.reasons(), ["refresh_token_reused"]);
    assert_refused(&get(&app, "/renewal", next).await, "credentials_refused", "of a dead family");
}

//! Tokens that a handler makes for whoever its request is from: how long they go on.

use chrono::TimeDelta;
use rocket::http::{ContentType, Header, Status};
use rocket::{Build, Rocket, get, post, routes};
use rocket_security::features::basic::Basic;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::token::{Access, NoClaims};
use rocket_security::{
    AuthUser, AuthVia, Paseto, Rejection, RolesRequired, Scoped, Security, TokenIssuer, TokenUser,
    via,
};
use serde_json::json;

use crate::support::bearer::{bearer, issuer, personal_token, read};
use crate::support::program::{Pair, basic, get, log_in_program, token_of};
use crate::support::tokens::Download;
use crate::support::{ANN, Admin, ReadReports, me, program, with_ann};

#[get("/file")]
fn file(_token: Paseto<NoClaims, Download>) -> &'static str {
    "a file"
}

/// As the guide has it.
#[post("/report-token")]
fn report_token(
    user: AuthVia<via::SessionCookie>,
    tokens: &TokenIssuer,
) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[post("/any-token")]
fn any_token(user: AuthUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[post("/admin-token")]
fn admin_token(user: RolesRequired<Admin>, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[post("/program-token")]
fn program_token(user: TokenUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[post("/loose-token")]
fn loose_token(user: AuthUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).beyond_login().issue()?)
}

#[post("/download")]
fn download(user: AuthUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.of::<Download>(&user).issue()?)
}

#[post("/other/<session>")]
fn other(user: AuthUser, session: &str, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).session(session.parse().unwrap()).issue()?)
}

#[post("/pair")]
async fn pair(
    user: AuthVia<via::SessionCookie>,
    tokens: &TokenIssuer,
) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).issue().await?.access.expose().clone())
}

#[post("/pair-device")]
async fn pair_device(
    user: AuthVia<via::SessionCookie>,
    tokens: &TokenIssuer,
) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).beyond_login().issue().await?.access.expose().clone())
}

#[post("/pair-any")]
async fn pair_any(user: AuthUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).issue().await?.access.expose().clone())
}

#[post("/pair-any-device")]
async fn pair_any_device(user: AuthUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).beyond_login().issue().await?.access.expose().clone())
}

#[post("/scoped-loose-token")]
fn scoped_loose_token(
    user: Scoped<ReadReports>,
    tokens: &TokenIssuer,
) -> Result<String, Rejection> {
    Ok(tokens.access(&user).beyond_login().issue()?)
}

#[post("/scoped-token")]
fn scoped_token(user: Scoped<ReadReports>, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[post("/scoped-pair")]
async fn scoped_pair(user: Scoped<ReadReports>, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).issue().await?.access.expose().clone())
}

fn rocket() -> Rocket<Build> {
    let tokens = PersonalTokens::default().scopes::<ReadReports>();
    let security = Security::default().enable(Basic::default()).enable(tokens);
    let mut routes = routes![me, file, report_token, any_token, admin_token, program_token];
    routes.extend(routes![loose_token, download, other, pair, pair_device]);
    routes.extend(routes![pair_any, pair_any_device]);
    routes.extend(routes![scoped_token, scoped_loose_token, scoped_pair]);
    rocket::build().attach(security).mount("/", routes)
}

async fn app() -> TestApp {
    let settings = json!({"mechanisms": ["session", "token", "basic"]});
    with_ann(TestApp::launch_with(rocket(), settings)).await
}

async fn post(browser: &Browser<'_>, path: &str) -> String {
    let answer = browser.post_json(path, json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{path}: {}", answer.body);
    answer.body
}

/// Asks as a program that has that header and nothing else.
async fn post_with(app: &TestApp, path: &'static str, header: Header<'static>) -> Answer {
    let request = app.client().post(path).header(ContentType::JSON).header(header).body("{}");
    app.browser().send(request).await
}

async fn opens(app: &TestApp, path: &'static str, token: &str) -> bool {
    get(app, path, token).await.status == Status::Ok
}

#[rocket::async_test]
async fn a_token_for_whoever_is_logged_in_ends_with_their_logout() {
    let app = app().await;
    app.grant(ANN, "admin").await;
    let (ann, phone) = (app.browser(), app.browser());
    for browser in [&ann, &phone] {
        browser.log_in(ANN, PASSWORD).await;
    }
    let mut of_ann = Vec::new();
    for path in ["/report-token", "/any-token", "/admin-token", "/pair"] {
        of_ann.push(post(&ann, path).await);
    }
    let of_phone = post(&phone, "/report-token").await;
    let file = post(&ann, "/download").await;
    for token in of_ann.iter().chain([&of_phone]) {
        let claims = read::<Access>(&app, token);
        assert!(claims.session().is_some() && claims.epoch().is_some());
        assert!(opens(&app, "/me", token).await);
    }
    let of_pair = read::<Access>(&app, &of_ann[3]);
    assert!(of_pair.family().is_some());
    assert_eq!(of_pair.session(), read::<Access>(&app, &of_ann[0]).session());
    assert!(read::<Download>(&app, &file).session().is_some());
    assert!(opens(&app, "/file", &file).await);
    ann.log_out().await;
    for token in &of_ann {
        assert!(!opens(&app, "/me", token).await);
    }
    assert!(!opens(&app, "/file", &file).await);
    assert!(opens(&app, "/me", &of_phone).await, "another session goes on");
}

#[rocket::async_test]
async fn a_token_that_a_program_has_made_ends_with_its_login() {
    let app = app().await;
    let Pair { access, refresh } = log_in_program(&app).await;
    let other = log_in_program(&app).await.access;
    let mut made = Vec::new();
    for path in ["/any-token", "/program-token"] {
        made.push(post_with(&app, path, bearer(&access)).await.body);
    }
    // By the last the next one is made, and ends with it, too.
    made.push(post_with(&app, "/any-token", bearer(&made[0])).await.body);
    let family = read::<Access>(&app, &access).family().map(str::to_owned);
    assert!(family.is_some());
    for token in &made {
        assert_eq!(read::<Access>(&app, token).family(), family.as_deref());
        assert!(opens(&app, "/me", token).await);
    }
    program::post(&app, "/refresh-token/end", json!({"refresh_token": refresh})).await;
    for token in &made {
        assert!(!opens(&app, "/me", token).await);
    }
    assert!(opens(&app, "/me", &other).await, "another program goes on");
}

#[rocket::async_test]
async fn a_program_that_logged_in_with_a_session_hands_on_both() {
    let app = app().await;
    let ann = app.browser();
    let access = token_of(&ann).await;
    let made = post_with(&app, "/any-token", bearer(&access)).await.body;
    let (access, token) = (read::<Access>(&app, &access), read::<Access>(&app, &made));
    assert!(access.session().is_some() && access.family().is_some());
    assert_eq!((token.session(), token.family()), (access.session(), access.family()));
    ann.log_out().await;
    assert!(!opens(&app, "/me", &made).await);
}

#[rocket::async_test]
async fn a_program_logs_in_no_other_unless_the_handler_says_so_whatever_became_of_its_session() {
    let settings = json!({"session": {"idle": "10m"}, "tokens": {"lifetime": "2h"}});
    let app = with_ann(TestApp::launch_with(rocket(), settings)).await;
    let loose = bearer(&issuer(&app).access(&app.user(ANN).await).issue().unwrap());
    assert_eq!(post_with(&app, "/pair-any", loose).await.status, Status::Forbidden);
    let body = json!({"email": ANN, "password": PASSWORD});
    let answer = app.browser().post_json("/login?include_auth_token", body).await;
    let access = answer.response("user")["authentication_token"].as_str().unwrap().to_owned();
    for is_swept in [false, true] {
        if is_swept {
            app.clock().advance(TimeDelta::hours(1));
            app.sweep().await;
        }
        let answer = post_with(&app, "/pair-any", bearer(&access)).await;
        assert_eq!(answer.status, Status::Forbidden, "{}", answer.body);
        assert_eq!(answer.reasons(), ["forbidden"]);
        let device = post_with(&app, "/pair-any-device", bearer(&access)).await;
        assert_eq!(device.status, Status::Ok, "{}", device.body);
        assert_eq!(read::<Access>(&app, &device.body).session(), None);
    }
}

#[rocket::async_test]
async fn a_token_for_a_user_goes_on_after_the_logout_until_the_account_changes() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let loose = post(&ann, "/loose-token").await;
    let by_password = post_with(&app, "/any-token", basic(ANN)).await.body;
    let plain = issuer(&app).access(&app.user(ANN).await).issue().unwrap();
    for token in [&loose, &by_password, &plain] {
        let claims = read::<Access>(&app, token);
        assert_eq!((claims.session(), claims.family()), (None, None));
        assert!(claims.epoch().is_some());
    }
    let device = post(&ann, "/pair-device").await;
    assert_eq!(read::<Access>(&app, &device).session(), None);
    ann.log_out().await;
    for token in [&loose, &by_password, &plain, &device] {
        assert!(opens(&app, "/me", token).await);
    }
    let ann = app.log_in_as(ANN).await;
    let body = json!({
        "password": PASSWORD, "new_password": "a ferry leaves at seven",
        "new_password_confirm": "a ferry leaves at seven",
    });
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    for token in [&loose, &by_password, &plain, &device] {
        assert!(!opens(&app, "/me", token).await);
    }
}

#[rocket::async_test]
async fn whoever_names_a_session_ties_the_token_to_that_alone() {
    let app = app().await;
    let (ann, phone) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    let of_phone = post(&phone, "/report-token").await;
    let session = read::<Access>(&app, &of_phone).session().unwrap().to_owned();
    let pair = post(&ann, "/pair").await;
    let request = app.client().post(format!("/other/{session}")).header(bearer(&pair));
    let token = app.browser().send(request).await.body;
    let claims = read::<Access>(&app, &token);
    assert_eq!((claims.session(), claims.family()), (Some(session.as_str()), None));
    ann.log_out().await;
    assert!(opens(&app, "/me", &token).await);
    phone.log_out().await;
    assert!(!opens(&app, "/me", &token).await);
}

#[rocket::async_test]
async fn a_personal_token_gets_none_that_can_do_more() {
    let app = app().await;
    let token = personal_token(&app, ANN, &["reports:read"]).await;
    for path in ["/scoped-token", "/scoped-loose-token", "/scoped-pair"] {
        let answer = post_with(&app, path, bearer(&token)).await;
        assert_eq!(answer.status, Status::Forbidden, "{path}: {}", answer.body);
        assert_eq!(answer.reasons(), ["forbidden"], "{path}");
    }
    let ann = app.log_in_as(ANN).await;
    assert!(opens(&app, "/me", &post(&ann, "/scoped-token").await).await);
}

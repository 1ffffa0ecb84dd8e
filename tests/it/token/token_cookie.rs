//! The cookie of a token, and whoever has the browser after its user.

use chrono::TimeDelta;
use rocket::http::{CookieJar, Method, Status};
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_security::crypto::password::Password;
use rocket_security::features::remember::Remember;
use rocket_security::flow::{Entry, Flow};
use rocket_security::testing::{Browser, PASSWORD, TestApp};
use rocket_security::user::Identity;
use rocket_security::web::Site;
use rocket_security::web::visit::Visit;
use rocket_security::{AuthUser, Rejection, Secret, Security, TokenIssuer, User};
use serde_json::json;

use crate::support::bearer::issuer;
use crate::support::remembered::remembered;
use crate::support::{ANN, BOB};

const COOKIE: &str = "security_token";

#[get("/any")]
fn any(user: AuthUser) -> String {
    format!("{} by {}", user.email, user.mechanism())
}

/// Logs Bob in, and gives him a token in the same answer.
#[post("/both")]
#[allow(clippy::disallowed_methods, reason = "an application sets cookies as Rocket has it")]
async fn both(
    visit: Visit<'_>,
    flow: &State<Flow>,
    tokens: &TokenIssuer,
    site: &State<Site>,
    jar: &CookieJar<'_>,
) -> Result<(), Rejection> {
    let identity = Identity::Email(BOB.parse().unwrap());
    let password = Password::parse(&Secret::new(PASSWORD.to_owned())).unwrap();
    let Entry::Open(found) = flow.authenticate_password(&visit, &identity, &password).await? else {
        return Err(Rejection::InvalidCredentials);
    };
    let user = flow.log_in(&visit, found).await?;
    jar.add(site.sessions().cookies().token(tokens.access(&user).issue()?));
    Ok(())
}

fn rocket() -> Rocket<Build> {
    let security = Security::default().enable(Remember::default());
    rocket::build().attach(security).mount("/", routes![any, both])
}

async fn app() -> TestApp {
    let tokens = json!({"sources": ["authorization", "cookie"]});
    TestApp::launch_with(rocket(), json!({"tokens": tokens})).await
}

fn token_of(app: &TestApp, user: &User) -> String {
    issuer(app).access(user).issue().unwrap()
}

async fn assert_is_bobs(browser: &Browser<'_>) {
    assert_eq!(browser.cookie(COOKIE), None);
    assert_eq!(browser.get_json("/any").await.body, "bob@example.org by session");
}

#[rocket::async_test]
async fn whoever_logs_in_is_not_kept_out_by_the_token_of_whoever_was_there_before() {
    let app = app().await;
    let (ann, _) = (app.user(ANN).await, app.user(BOB).await);
    let browser = app.browser();
    browser.set_cookie(COOKIE, &token_of(&app, &ann));
    assert_eq!(browser.get_json("/any").await.body, "ann@example.org by token");
    let answer = browser.log_in(BOB, PASSWORD).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_is_bobs(&browser).await;
    browser.set_cookie(COOKIE, &token_of(&app, &ann));
    browser.log_out().await;
    assert_eq!(browser.cookie(COOKIE), None, "a logout takes it away, too");
    browser.set_cookie(COOKIE, &token_of(&app, &ann));
    let answer = browser.post_json("/login", json!({"email": BOB, "password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_is_bobs(&browser).await;
}

#[rocket::async_test]
async fn a_browser_that_comes_back_is_not_kept_out_by_the_token_of_somebody_else() {
    let app = app().await;
    let (ann, bob) = (app.user(ANN).await, remembered(&app, BOB).await);
    bob.restart();
    bob.set_cookie(COOKIE, &token_of(&app, &ann));
    let answer = bob.get_json("/any").await;
    assert_eq!(answer.reasons(), ["conflicting_credentials"], "this request brought both");
    assert_is_bobs(&bob).await;
}

#[rocket::async_test]
async fn a_token_that_opens_nothing_any_more_keeps_nobody_from_being_a_guest() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let browser = app.browser();
    browser.set_cookie(COOKIE, &token_of(&app, &ann));
    app.clock().advance(TimeDelta::minutes(16));
    let answer = browser.get_json("/any").await;
    assert_eq!(answer.reasons(), ["token_expired"]);
    assert_eq!(
        browser.get_json("/any").await.reasons(),
        ["unauthenticated"],
        "it counts no longer"
    );
    assert_eq!(browser.get("/any").await.status, Status::SeeOther, "to the login");
    assert!(browser.cookie(COOKIE).is_some(), "a newer one may be there by now");

    // One that may be good at another instance, or later, stays.
    let early = token_of(&app, &ann);
    app.clock().advance(TimeDelta::minutes(-5));
    browser.set_cookie(COOKIE, &early);
    assert_eq!(browser.get_json("/any").await.reasons(), ["token_not_yet_valid"]);
    assert!(browser.cookie(COOKIE).is_some());
}

#[rocket::async_test]
async fn a_token_that_comes_with_the_login_stays() {
    let app = app().await;
    let (ann, bob) = (app.user(ANN).await, app.user(BOB).await);
    let browser = app.browser();
    browser.set_cookie(COOKIE, &token_of(&app, &ann));
    let answer = browser.json(Method::Post, "/both", json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let lines = answer.headers("Set-Cookie").filter(|line| line.starts_with(COOKIE));
    assert_eq!(lines.count(), 1);
    assert!(browser.cookie(COOKIE).is_some());
    assert_eq!(browser.get_json("/any").await.body, "bob@example.org by session");
    // One that is set later stays as well, for nothing begins any more.
    browser.set_cookie(COOKIE, &token_of(&app, &bob));
    app.clock().advance(TimeDelta::minutes(2));
    browser.get_json("/any").await;
    assert!(browser.cookie(COOKIE).is_some());
}

#[rocket::async_test]
async fn nothing_is_taken_away_where_no_token_is_looked_for_in_a_cookie() {
    let app = TestApp::launch(rocket()).await;
    app.user(BOB).await;
    let browser = app.browser();
    browser.set_cookie(COOKIE, "of something else");
    let answer = browser.log_in(BOB, PASSWORD).await;
    assert!(answer.headers("Set-Cookie").all(|line| !line.starts_with(COOKIE)));
}

//! By what a request says who it is from, and what becomes of one that says it twice.

use rocket::http::{ContentType, Header, Method, Status};
use rocket::{Build, Request, Rocket, get, post, routes};
use rocket_security::datastore::user::UserChange;
use rocket_security::feature::Installation;
use rocket_security::features::basic::Basic;
use rocket_security::features::tokens::Tokens;
use rocket_security::flow::Flow;
use rocket_security::flow::once::{Admitted, Bearer};
use rocket_security::guard::mechanism::{InstallMechanism, Mechanism};
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::web::visit::Visit;
use rocket_security::{
    AuthUser, AuthVia, BasicUser, Event, Feature, Fresh, Maybe, PageContext, Rejection,
    RolesRequired, Security, UserId, via,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::bearer::{forged, issuer, token};
use crate::support::launching::launches;
use crate::support::program::{basic, basic_with};
use crate::support::users::change_user;
use crate::support::{ANN, Admin, BOB, SESSION, welcome};

fn told(user: &AuthUser) -> String {
    format!("{} by {}", user.email, user.mechanism())
}

#[get("/any")]
fn any(user: AuthUser) -> String {
    told(&user)
}

#[post("/any")]
fn change_any(user: AuthUser) -> String {
    told(&user)
}

#[post("/any-twice")]
fn change_any_twice(_admin: RolesRequired<Admin>, user: AuthUser, _fresh: Fresh<5>) -> String {
    told(&user)
}

#[get("/maybe")]
fn maybe(user: Maybe<AuthUser>) -> String {
    user.0.map_or("a guest".to_owned(), |user| told(&user))
}

#[get("/session")]
fn session(user: AuthVia<via::SessionCookie>) -> String {
    told(&user)
}

#[get("/by-token")]
fn by_token(user: AuthVia<via::BearerToken>) -> String {
    told(&user)
}

#[post("/by-token")]
fn change_by_token(user: AuthVia<via::BearerToken>) -> String {
    told(&user)
}

#[get("/maybe-token")]
fn maybe_token(user: Maybe<AuthVia<via::BearerToken>>) -> String {
    user.0.map_or("a guest".to_owned(), |user| told(&user))
}

#[get("/either")]
fn either(user: AuthVia<(via::BearerToken, via::SessionCookie)>) -> String {
    told(&user)
}

#[get("/token-then-admin")]
fn token_then_admin(by: AuthVia<via::BearerToken>, admin: RolesRequired<Admin>) -> String {
    assert_eq!(by.id, admin.id);
    told(&admin)
}

#[get("/admin-then-token")]
fn admin_then_token(admin: RolesRequired<Admin>, by: AuthVia<via::BearerToken>) -> String {
    assert_eq!(by.id, admin.id);
    told(&by)
}

#[get("/basic-then-admin")]
fn basic_then_admin(by: BasicUser, admin: RolesRequired<Admin>) -> String {
    assert_eq!(by.id, admin.id);
    told(&admin)
}

#[get("/admin-then-basic")]
fn admin_then_basic(admin: RolesRequired<Admin>, by: BasicUser) -> String {
    assert_eq!(by.id, admin.id);
    told(&by)
}

#[get("/token-then-basic")]
fn token_then_basic(_token: AuthVia<via::BearerToken>, _basic: BasicUser) -> &'static str {
    "both"
}

/// A route that hands a request on to the next one.
#[get("/handed-on/<_number>", rank = 1)]
fn handed_on(_user: BasicUser, _number: u8) -> &'static str {
    "a number"
}

#[get("/handed-on/<_text>", rank = 2)]
fn handed_on_to(user: AuthUser, _text: &str) -> String {
    told(&user)
}

#[get("/fresh")]
fn fresh(user: Fresh<5>) -> String {
    told(&user)
}

#[get("/context")]
fn context(_user: AuthUser, context: PageContext) -> String {
    context.current_user.unwrap_or_default()["email"].to_string()
}

#[get("/visit")]
fn visit(user: AuthUser, visit: Visit<'_>) -> String {
    let visitor = visit.user().map(|user| user.email.to_string());
    format!("{} visited by {visitor:?}", user.email)
}

#[get("/facts")]
fn facts(user: AuthUser) -> String {
    let (at, session) = (user.authenticated_at().is_some(), user.session_id().is_some());
    format!("{} {} {at} {session}", user.mechanism(), user.authn_via())
}

fn rocket(security: Security) -> Rocket<Build> {
    let routes = routes![
        any,
        change_any,
        change_any_twice,
        maybe,
        session,
        by_token,
        change_by_token,
        maybe_token,
        either,
        token_then_admin,
        admin_then_token,
        basic_then_admin,
        admin_then_basic,
        token_then_basic,
        handed_on,
        handed_on_to,
        fresh,
        welcome,
        context,
        visit,
        facts
    ];
    rocket::build().attach(security).mount("/", routes)
}

fn security() -> Security {
    Security::default().enable(Basic::default())
}

async fn app_with(settings: Value) -> TestApp {
    TestApp::launch_with(rocket(security()), settings).await
}

async fn app() -> TestApp {
    app_with(json!({})).await
}

/// An application that takes these mechanisms, in this order.
async fn app_by(mechanisms: &[&str]) -> TestApp {
    app_with(json!({ "mechanisms": mechanisms })).await
}

async fn get(browser: &Browser<'_>, app: &TestApp, path: &str, with: &Header<'static>) -> Answer {
    let accept = Header::new("Accept", "application/json");
    let request = app.client().get(path.to_owned()).header(accept).header(with.clone());
    browser.send(request).await
}

fn is_refused(answer: &Answer, status: u16, reason: &str) -> bool {
    (answer.status.code, answer.reasons()) == (status, vec![reason.to_owned()])
}

#[rocket::async_test]
async fn a_session_and_a_token_are_one_user_or_nobody() {
    let bearer = "Bearer realm=\"login\"";
    for (mechanisms, by) in [(["session", "token"], "session"), (["token", "session"], "token")] {
        let app = app_by(&mechanisms).await;
        let (bob, ann) = (app.user(BOB).await, app.log_in_as(ANN).await);
        let (of_ann, of_bob) =
            (token(&app, &app.user(ANN).await, 0).await, token(&app, &bob, 0).await);
        for path in ["/any", "/maybe"] {
            let answer = get(&ann, &app, path, &of_bob).await;
            assert!(is_refused(&answer, 400, "conflicting_credentials"), "{}", answer.body);
            let challenge = format!("{bearer}, error=\"invalid_request\"");
            assert_eq!(answer.header("WWW-Authenticate"), Some(challenge.as_str()));
            let answer = get(&ann, &app, path, &forged()).await;
            assert!(is_refused(&answer, 401, "token_malformed"), "{}", answer.body);
            let why = "error=\"invalid_token\", error_description=\"This is not a token.\"";
            let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
            assert_eq!(challenges, ["Session realm=\"login\"", &format!("{bearer}, {why}")]);
            let answer = get(&ann, &app, path, &of_ann).await;
            assert_eq!(answer.body, format!("{ANN} by {by}"), "the first says how they came");
        }
        assert_eq!(ann.get_json("/any").await.body, "ann@example.org by session");
        let stranger = app.browser();
        let answer = get(&stranger, &app, "/any", &of_bob).await;
        assert_eq!(answer.body, "bob@example.org by token");
        let visitor = app.browser();
        visitor.csrf_token().await;
        let answer = get(&visitor, &app, "/any", &of_bob).await;
        assert_eq!(answer.body, "bob@example.org by token");
    }
}

#[rocket::async_test]
async fn a_session_that_is_over_is_nothing_beside_a_token_and_401_alone() {
    for mechanisms in [["session", "token"], ["token", "session"]] {
        let app = app_by(&mechanisms).await;
        let bob = app.user(BOB).await;
        let of_bob = token(&app, &bob, 0).await;
        let (ended, forged_one) = (app.log_in_as(ANN).await, app.browser());
        let cookie = ended.cookie(SESSION).unwrap();
        ended.log_out().await;
        for (browser, cookie) in [(&ended, cookie.as_str()), (&forged_one, "v4.local.AAAA")] {
            for post in [false, true] {
                browser.set_cookie(SESSION, cookie);
                let request =
                    if post { app.client().post("/any") } else { app.client().get("/any") };
                let answer = browser.send(request.header(of_bob.clone())).await;
                assert_eq!(answer.body, "bob@example.org by token");
            }
            browser.set_cookie(SESSION, cookie);
            let answer = get(browser, &app, "/any", &forged()).await;
            assert!(is_refused(&answer, 401, "token_malformed"), "{}", answer.body);
            browser.set_cookie(SESSION, cookie);
            let answer = browser.get_json("/any").await;
            assert!(is_refused(&answer, 401, "unauthenticated"), "{}", answer.body);
            assert_eq!(browser.get_json("/maybe").await.status, Status::Ok, "a guest by now");
            assert_eq!(browser.cookie(SESSION).as_deref(), Some(cookie));
        }
        let ann = app.log_in_as(ANN).await;
        app.clock().advance(chrono::TimeDelta::hours(25));
        let answer = get(&ann, &app, "/any", &token(&app, &bob, 0).await).await;
        assert_eq!(answer.body, "bob@example.org by token", "a session that is old is none");
    }
}

#[rocket::async_test]
async fn a_bad_token_in_a_cookie_locks_nobody_out_who_is_logged_in() {
    let settings = json!({"tokens": {"sources": ["authorization", "cookie"]}});
    let app = app_with(settings).await;
    let ann = app.log_in_as(ANN).await;
    let bob = app.user(BOB).await;
    let text = |header: &Header<'_>| header.value().trim_start_matches("Bearer ").to_owned();
    ann.set_cookie("security_token", &text(&token(&app, &bob, 0).await));
    let answer = ann.get_json("/any").await;
    assert!(is_refused(&answer, 400, "conflicting_credentials"), "{}", answer.body);
    let of_ann = text(&token(&app, &app.user(ANN).await, 0).await);
    for cookie in [of_ann.as_str(), "v4.local.AAAA"] {
        ann.set_cookie("security_token", cookie);
        assert_eq!(ann.get_json("/any").await.body, "ann@example.org by session");
        assert_eq!(ann.json(Method::Post, "/any", json!({})).await.status, Status::Ok);
        let forged_form = ann.send(app.client().post("/any").header(ContentType::Form)).await;
        assert_eq!(forged_form.status, Status::BadRequest);
    }
    ann.set_cookie("security_token", &of_ann);
    let answer = get(&ann, &app, "/any", &token(&app, &app.user(ANN).await, 0).await).await;
    assert!(is_refused(&answer, 400, "conflicting_credentials"), "two tokens: {}", answer.body);
    for cookie in [of_ann.as_str(), "v4.local.AAAA"] {
        let stranger = app.browser();
        stranger.set_cookie("security_token", cookie);
        let answer = get(&stranger, &app, "/any", &token(&app, &bob, 0).await).await;
        assert!(
            is_refused(&answer, 400, "conflicting_credentials"),
            "bad or good: {}",
            answer.body
        );
    }
    let stranger = app.browser();
    for (path, cookie) in [("/any", "v4.local.AAAA"), ("/maybe", "v4.local.BBBB")] {
        stranger.set_cookie("security_token", cookie);
        assert_eq!(stranger.get_json(path).await.status, Status::Unauthorized, "{path}: no guest");
        assert_eq!(stranger.get_json("/maybe").await.status, Status::Ok, "but once");
        assert_eq!(stranger.cookie("security_token").as_deref(), Some(cookie));
    }
}

#[rocket::async_test]
async fn a_password_beside_a_token_or_a_session_has_to_be_the_same_users() {
    let app = app_by(&["session", "basic", "token"]).await;
    let (ann, bob) = (app.log_in_as(ANN).await, app.user(BOB).await);
    let of_bob = token(&app, &bob, 0).await;
    let own = Header::new("Authentication-Token", of_bob.value()["Bearer ".len()..].to_owned());
    let stranger = app.browser();
    let both = |with| app.client().get("/any").header(own.clone()).header(with);
    let answer = stranger.send(both(basic(ANN)).header(rocket::http::Accept::JSON)).await;
    assert!(is_refused(&answer, 400, "conflicting_credentials"), "{}", answer.body);
    let challenge = "Bearer realm=\"login\", error=\"invalid_request\"";
    assert_eq!(answer.header("WWW-Authenticate"), Some(challenge));
    let hashes = app.hashes();
    assert_eq!(stranger.send(both(basic(BOB))).await.body, "bob@example.org by basic");
    let answer = get(&ann, &app, "/any", &basic(BOB)).await;
    assert!(is_refused(&answer, 400, "conflicting_credentials"), "{}", answer.body);
    assert_eq!(answer.header("WWW-Authenticate"), None, "no token is among them");
    // More often than a network may guess.
    for password in [PASSWORD, "no such password"].iter().cycle().take(102) {
        let answer = get(&ann, &app, "/any", &basic_with("Ann@Example.org", password)).await;
        assert_eq!(answer.body, "ann@example.org by session");
    }
    let two = basic_with(ANN, "no such password");
    let two = app.client().get("/any").header(basic(ANN)).header(two);
    assert_eq!(ann.send(two).await.status, Status::Unauthorized, "whose are two?");
    assert_eq!(app.hashes() - hashes, 2, "the name of the same user beside others costs none");
    // A name that is theirs no more is asked for again.
    let answer = get(&ann, &app, "/any", &basic("ann-before@example.org")).await;
    assert!(is_refused(&answer, 401, "credentials_refused"), "{}", answer.body);
    assert!(answer.headers("WWW-Authenticate").any(|asked| asked.starts_with("Basic ")));
    // Our own pages go by the session alone.
    let answer = get(&ann, &app, "/sessions", &of_bob).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
}

#[rocket::async_test]
async fn a_password_that_comes_first_or_is_asked_for_is_verified_beside_a_session() {
    let app = app_by(&["basic", "session"]).await;
    let ann = app.log_in_as(ANN).await;
    let hashes = app.hashes();
    assert_eq!(get(&ann, &app, "/any", &basic(ANN)).await.body, "ann@example.org by basic");
    let wrong = basic_with(ANN, "no such password");
    let answer = get(&ann, &app, "/any", &wrong).await;
    assert!(is_refused(&answer, 401, "credentials_refused"), "{}", answer.body);
    let app_by_session = app_by(&["session", "basic"]).await;
    let admin = app_by_session.grant(ANN, "admin").await;
    let browser = app_by_session.log_in_as(&admin.email.to_string()).await;
    for path in ["/basic-then-admin", "/admin-then-basic"] {
        let answer = get(&browser, &app_by_session, path, &wrong).await;
        assert!(is_refused(&answer, 401, "credentials_refused"), "{path}: {}", answer.body);
        let answer = get(&browser, &app_by_session, path, &basic(ANN)).await;
        assert_eq!(answer.body, "ann@example.org by basic", "{path}");
    }
    assert_eq!(app.hashes() - hashes, 2);
}

/// What a company's gate leaves with a browser.
struct Badge;

#[rocket::async_trait]
impl Mechanism for Badge {
    fn name(&self) -> &'static str {
        "badge"
    }

    fn is_present(&self, request: &Request<'_>) -> bool {
        badge(request).is_some()
    }

    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
        let flow = request.rocket().state::<Flow>().unwrap();
        let id: Option<UserId> = badge(request).and_then(|badge| badge.parse().ok());
        let id = id.ok_or(Rejection::CredentialsRefused)?;
        let user = flow.store().find_user(id).await?.ok_or(Rejection::CredentialsRefused)?;
        let bearer = Bearer::new(user.epoch, self.name());
        flow.admit_bearer(request, user, bearer).await
    }

    fn is_sent_unasked(&self, request: &Request<'_>) -> bool {
        request.cookies().get("badge").is_some()
    }
}

fn badge<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let cookie = request.cookies().get("badge").map(|cookie| cookie.value());
    cookie.or(request.headers().get_one("X-Badge"))
}

#[derive(Clone, Serialize, Deserialize)]
struct Badges {}

impl<D> Feature<D> for Badges {
    const NAME: &'static str = "badges";

    fn install(&self, at: &mut Installation<'_, D>) -> rocket_security::Result<()> {
        at.mechanism(Badge);
        Ok(())
    }
}

#[rocket::async_test]
async fn what_browsers_send_unasked_counts_when_it_is_good_or_alone() {
    for mechanisms in [["session", "badge"], ["badge", "session"]] {
        let security = security().enable(Badges {});
        let settings = json!({"mechanisms": mechanisms});
        let app = TestApp::launch_with(rocket(security), settings).await;
        let (ann, bob) = (app.log_in_as(ANN).await, app.user(BOB).await);
        ann.set_cookie("badge", "of-long-ago");
        assert_eq!(ann.get_json("/any").await.body, "ann@example.org by session");
        ann.set_cookie("badge", &bob.id.to_string());
        let answer = ann.get_json("/any").await;
        assert!(is_refused(&answer, 400, "conflicting_credentials"), "{}", answer.body);
        let stranger = app.browser();
        stranger.set_cookie("badge", "of-long-ago");
        for path in ["/any", "/maybe"] {
            let answer = stranger.get_json(path).await;
            assert!(is_refused(&answer, 401, "credentials_refused"), "{}", answer.body);
        }
        let ann = app.log_in_as(ANN).await;
        let answer = get(&ann, &app, "/any", &Header::new("X-Badge", "of-long-ago")).await;
        assert!(is_refused(&answer, 401, "credentials_refused"), "a header: {}", answer.body);
    }
}

#[rocket::async_test]
async fn what_is_not_configured_is_not_looked_at() {
    let app = app_by(&["token"]).await;
    let (bob, ann) = (app.user(BOB).await, app.log_in_as(ANN).await);
    let answer = ann.get_json("/any").await;
    assert!(is_refused(&answer, 401, "unauthenticated"), "{}", answer.body);
    assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer realm=\"login\""));
    let page = ann.get("/any").await;
    assert_eq!(page.status, Status::Unauthorized, "the login page would be of no use");
    assert_eq!(
        get(&ann, &app, "/any", &token(&app, &bob, 0).await).await.body,
        "bob@example.org by token"
    );
    assert_eq!(get(&ann, &app, "/any", &basic(BOB)).await.status, Status::Unauthorized);
    assert_eq!(get(&ann, &app, "/maybe", &basic(BOB)).await.body, "a guest");
}

#[rocket::async_test]
async fn a_token_needs_no_anti_forgery_token_and_a_session_does() {
    let app = app().await;
    let bob = app.user(BOB).await;
    let post = |path: &'static str| app.client().post(path).header(ContentType::Form);
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.send(post("/any")).await.status, Status::BadRequest);
    let of_ann = token(&app, &app.user(ANN).await, 0).await;
    let answer = ann.send(post("/any").header(of_ann.clone())).await;
    assert_eq!(answer.status, Status::BadRequest, "they came by the session first of all");
    assert_eq!(answer.reasons(), ["csrf_failed"]);
    let csrf = Header::new("X-XSRF-Token", ann.csrf_token().await);
    let answer = ann.send(post("/any").header(of_ann).header(csrf)).await;
    assert_eq!(answer.body, "ann@example.org by session");
    let stranger = app.browser();
    assert_eq!(
        stranger.send(post("/any").header(token(&app, &bob, 0).await)).await.status,
        Status::Ok
    );
    let foreign = app.browser().header("Origin", "https://client.example");
    assert_eq!(
        foreign.send(post("/any").header(token(&app, &bob, 0).await)).await.status,
        Status::Ok
    );
    // Where a token is asked for, the cookie beside it counts for nothing.
    let answer = ann.send(post("/by-token").header(token(&app, &bob, 0).await)).await;
    assert_eq!(answer.body, "bob@example.org by token");
    assert_eq!(ann.send(post("/by-token")).await.status, Status::Unauthorized);

    let app = app_by(&["token", "session"]).await;
    let ann = app.log_in_as(ANN).await;
    let of_ann = token(&app, &app.user(ANN).await, 0).await;
    let post = || app.client().post("/any").header(ContentType::Form);
    assert_eq!(ann.send(post().header(of_ann)).await.body, "ann@example.org by token");
    assert_eq!(ann.send(post()).await.status, Status::BadRequest);
    let of_bob = token(&app, &app.user(BOB).await, 0).await;
    assert_eq!(ann.send(post().header(of_bob)).await.status, Status::BadRequest, "two users");
}

#[rocket::async_test]
async fn basic_needs_one_unless_it_is_plainly_a_program() {
    let app = app_by(&["session", "basic"]).await;
    app.grant(ANN, "admin").await;
    let post = || app.client().post("/any-twice").header(basic(ANN));
    let hashes = app.hashes();
    let answer = app.browser().send(post().header(ContentType::Form)).await;
    assert_eq!(answer.status, Status::BadRequest, "a browser sends Basic with a forged form, too");
    assert_eq!(app.browser().send(post()).await.status, Status::BadRequest);
    let program = app.browser().send(post().header(ContentType::JSON)).await;
    assert_eq!(program.body, "ann@example.org by basic");
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "http://127.0.0.1:8000"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Dest", "empty"),
    ] {
        let browser = app.browser().header(name, value);
        let answer = browser.send(post().header(ContentType::JSON)).await;
        assert_eq!(answer.status, Status::BadRequest, "{name}: {value}");
    }
    let visitor = app.browser();
    let csrf = Header::new("X-XSRF-Token", visitor.csrf_token().await);
    let answer = visitor.send(post().header(ContentType::Form).header(csrf)).await;
    assert_eq!(answer.body, "ann@example.org by basic", "with the token of its own browser");
    let answer = visitor.send(post().header(ContentType::JSON)).await;
    assert_eq!(answer.status, Status::BadRequest, "whoever has a cookie of ours is a browser");
    assert_eq!(app.hashes() - hashes, 9, "one a request, whatever came of it");
}

#[rocket::async_test]
async fn a_route_takes_the_ways_in_that_it_names_and_no_other() {
    let app = app_by(&["session", "token", "basic"]).await;
    let (bob, ann) = (app.user(BOB).await, app.log_in_as(ANN).await);
    let stranger = app.browser();
    let token = token(&app, &bob, 0).await;
    assert_eq!(ann.get("/session").await.body, "ann@example.org by session");
    assert_eq!(get(&stranger, &app, "/session", &token).await.status, Status::Unauthorized);
    assert_eq!(get(&stranger, &app, "/session", &basic(BOB)).await.status, Status::Unauthorized);
    assert_eq!(stranger.get("/session").await.location(), "/login?next=%2Fsession");
    assert_eq!(
        stranger.get_json("/session").await.header("WWW-Authenticate"),
        Some("Session realm=\"login\"")
    );

    assert_eq!(get(&stranger, &app, "/by-token", &token).await.body, "bob@example.org by token");
    let answer = ann.get_json("/by-token").await;
    assert!(is_refused(&answer, 401, "unauthenticated"), "{}", answer.body);
    assert_eq!(ann.get("/by-token").await.status, Status::Unauthorized, "no way to the login page");
    assert!(is_refused(&get(&ann, &app, "/by-token", &forged()).await, 401, "token_malformed"));

    let answer = get(&ann, &app, "/either", &token).await;
    assert!(is_refused(&answer, 400, "conflicting_credentials"), "{}", answer.body);
    assert_eq!(get(&stranger, &app, "/either", &token).await.body, "bob@example.org by token");
    assert_eq!(ann.get("/either").await.body, "ann@example.org by session");
    assert_eq!(get(&ann, &app, "/either", &forged()).await.status, Status::Unauthorized);
    assert_eq!(stranger.get("/either").await.location(), "/login?next=%2Feither");

    assert_eq!(ann.get("/maybe-token").await.body, "a guest");
    assert_eq!(get(&ann, &app, "/maybe-token", &token).await.body, "bob@example.org by token");
    assert_eq!(get(&ann, &app, "/maybe-token", &forged()).await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn a_session_and_a_token_of_two_people_are_no_admin_with_a_token() {
    let app = app().await;
    let (bob, root) = (app.user(BOB).await, app.grant("root@example.org", "admin").await);
    let admin = app.log_in_as("root@example.org").await;
    let stranger = app.browser();
    let of_bob = token(&app, &bob, 0).await;
    let answer = get(&admin, &app, "/token-then-admin", &of_bob).await;
    assert!(is_refused(&answer, 403, "forbidden"), "{}", answer.body);
    let answer = get(&admin, &app, "/admin-then-token", &of_bob).await;
    assert!(is_refused(&answer, 400, "conflicting_credentials"), "{}", answer.body);
    let answer = get(&admin, &app, "/basic-then-admin", &basic(BOB)).await;
    assert!(is_refused(&answer, 403, "forbidden"), "{}", answer.body);
    for browser in [&admin, &stranger] {
        let answer = get(browser, &app, "/token-then-admin", &token(&app, &root, 0).await).await;
        assert_eq!(answer.body, "root@example.org by token");
        let answer = get(browser, &app, "/admin-then-token", &token(&app, &root, 0).await).await;
        assert_eq!(answer.body, "root@example.org by token");
        let answer = get(browser, &app, "/basic-then-admin", &basic("root@example.org")).await;
        assert_eq!(answer.body, "root@example.org by basic");
    }
    for path in ["/token-then-admin", "/admin-then-token"] {
        assert_eq!(admin.get_json(path).await.status, Status::Unauthorized, "{path}");
    }
    let both = app.client().get("/token-then-basic").header(of_bob).header(basic(ANN));
    assert_eq!(stranger.send(both).await.status, Status::BadRequest, "one header too many");
}

#[rocket::async_test]
async fn what_another_route_took_is_not_taken_by_the_next() {
    let app = app().await;
    app.user(BOB).await;
    let stranger = app.browser();
    assert_eq!(get(&stranger, &app, "/handed-on/1", &basic(BOB)).await.body, "a number");
    let answer = get(&stranger, &app, "/handed-on/one", &basic(BOB)).await;
    assert!(is_refused(&answer, 401, "unauthenticated"), "{}", answer.body);
}

#[rocket::async_test]
async fn a_password_is_fresh_and_a_token_as_fresh_as_its_login() {
    let app = app_by(&["session", "token", "basic"]).await;
    let bob = app.user(BOB).await;
    let stranger = app.browser();
    assert_eq!(get(&stranger, &app, "/fresh", &basic(BOB)).await.body, "bob@example.org by basic");
    assert_eq!(
        get(&stranger, &app, "/fresh", &token(&app, &bob, 4).await).await.body,
        "bob@example.org by token"
    );
    let answer = get(&stranger, &app, "/fresh", &token(&app, &bob, 6).await).await;
    assert!(is_refused(&answer, 401, "reauth_required"), "{}", answer.body);
    assert_eq!(answer.response("reauth_required"), true);
    let error = "error=\"insufficient_user_authentication\"";
    let bearer = format!("Bearer realm=\"login\", {error}, max_age=300");
    assert_eq!(answer.headers("WWW-Authenticate").collect::<Vec<_>>(), [bearer]);
    let page = stranger.send(app.client().get("/fresh").header(token(&app, &bob, 6).await)).await;
    assert_eq!(page.status, Status::Unauthorized, "/verify is of no use to a token");
    let ann = app.log_in_as(ANN).await;
    app.clock().advance(chrono::TimeDelta::minutes(6));
    assert_eq!(ann.get("/fresh").await.location(), "/verify?next=%2Ffresh");
}

#[rocket::async_test]
async fn what_ends_a_session_ends_a_token() {
    let app = app().await;
    let bob = app.user(BOB).await;
    let (stranger, old) = (app.browser(), token(&app, &bob, 0).await);
    assert_eq!(get(&stranger, &app, "/any", &old).await.status, Status::Ok);
    for (change, must) in [
        (UserChange::active(false), 401),
        (UserChange::active(true), 401),
        (UserChange::closing(app.clock().now()), 401),
        (UserChange::reopened(), 401),
        (UserChange::must_change(), 401),
    ] {
        let now = change_user(&app, &bob, &change).await;
        assert_eq!(get(&stranger, &app, "/any", &old).await.status.code, must, "{change:?}");
        if !now.is_open() {
            assert!(issuer(&app).access(&now).issue().is_err(), "nor is there another");
            continue;
        }
        let answer = get(&stranger, &app, "/any", &token(&app, &now, 0).await).await;
        if now.must_change {
            assert!(is_refused(&answer, 403, "password_change_required"), "{}", answer.body);
        } else {
            assert_eq!(answer.status, Status::Ok);
        }
    }
}

#[rocket::async_test]
async fn a_bearer_of_anything_is_no_guest() {
    let app = app_by(&["session", "token", "basic"]).await;
    let (bob, stranger) = (app.user(BOB).await, app.browser());
    for good in [token(&app, &bob, 0).await, basic(BOB)] {
        let answer = get(&stranger, &app, "/welcome", &good).await;
        assert!(is_refused(&answer, 400, "already_authenticated"), "{}", answer.body);
    }
    let basic = basic("nobody@example.org");
    for (bad, reason) in [(forged(), "token_malformed"), (basic, "credentials_refused")] {
        for path in ["/welcome", "/maybe"] {
            let answer = get(&stranger, &app, path, &bad).await;
            assert!(is_refused(&answer, 401, reason), "{}", answer.body);
        }
    }
    assert_eq!(
        get(&stranger, &app, "/maybe", &token(&app, &bob, 0).await).await.body,
        "bob@example.org by token"
    );
    assert_eq!(stranger.get("/welcome").await.body, "welcome");
    assert_eq!(stranger.get("/maybe").await.body, "a guest");
}

#[rocket::async_test]
async fn a_page_knows_whom_a_guard_let_in_and_a_visit_whose_session_it_is() {
    let app = app_by(&["session"]).await;
    assert_eq!(app.log_in_as(ANN).await.get("/context").await.body, "\"ann@example.org\"");
    let app = app_by(&["token"]).await;
    let (bob, ann) = (app.user(BOB).await, app.log_in_as(ANN).await);
    assert_eq!(
        get(&ann, &app, "/context", &token(&app, &bob, 0).await).await.body,
        "\"bob@example.org\""
    );
    let answer = get(&ann, &app, "/visit", &token(&app, &bob, 0).await).await;
    assert_eq!(answer.body, "bob@example.org visited by Some(\"ann@example.org\")");
    let answer = get(&app.browser(), &app, "/visit", &token(&app, &bob, 0).await).await;
    assert_eq!(answer.body, "bob@example.org visited by None");
    for path in ["/change", "/sessions", "/verify"] {
        let answer = get(&app.browser(), &app, path, &token(&app, &bob, 0).await).await;
        assert!(is_refused(&answer, 401, "unauthenticated"), "our pages are for sessions: {path}");
    }
}

#[rocket::async_test]
async fn a_user_says_by_what_they_came_and_so_do_events() {
    let security = security();
    let mut events = security.events();
    let settings = json!({"mechanisms": ["session", "token", "basic"]});
    let app = TestApp::launch_with(rocket(security), settings).await;
    let (bob, ann) = (app.user(BOB).await, app.log_in_as(ANN).await);
    let stranger = app.browser();
    assert_eq!(ann.get("/facts").await.body, "session password true true");
    assert_eq!(
        get(&stranger, &app, "/facts", &token(&app, &bob, 0).await).await.body,
        "token token true true"
    );
    assert_eq!(get(&stranger, &app, "/facts", &basic(BOB)).await.body, "basic basic true false");

    get(&ann, &app, "/token-then-admin", &token(&app, &bob, 0).await).await;
    get(&ann, &app, "/basic-then-admin", &basic(BOB)).await;
    ann.json(Method::Get, "/admin-then-token", json!({})).await;
    app.told().await;
    let mut lacking = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::UserUnauthorized { user, origin, .. } = &*event {
            lacking.push((*user == bob.id, origin.authn_via.clone().unwrap()));
        }
    }
    let expected = [(true, "token"), (true, "basic"), (false, "password")];
    assert_eq!(lacking, expected.map(|(is_bob, via)| (is_bob, via.to_owned())));
}

#[rocket::async_test]
async fn a_mechanism_that_nothing_provides_stops_the_launch() {
    let bare = || rocket::build().attach(Security::default());
    let with_basic = || rocket::build().attach(Security::default().enable(Basic::default()));
    assert!(launches(bare(), json!({"mechanisms": ["token", "session"]})).await);
    assert!(launches(with_basic(), json!({"mechanisms": ["basic"]})).await);
    assert!(!launches(bare(), json!({"mechanisms": ["session", "basic"]})).await);
    for settings in [
        json!({"mechanisms": []}),
        json!({"mechanisms": ["session", "session"]}),
        json!({"mechanisms": ["cookie"]}),
        json!({"mechanisms": ["Session"]}),
        json!({"basic": {"realm": "a \"quoted\" one"}}),
        json!({"basic": {"realm": "caf\u{e9}"}}),
    ] {
        assert!(!launches(with_basic(), settings.clone()).await, "{settings}");
    }
}

#[get("/")]
fn for_basic(_user: BasicUser) {}
#[get("/")]
fn for_maybe_basic(_user: Maybe<BasicUser>) {}
#[get("/")]
fn via_basic(_user: AuthVia<via::BasicAuth>) {}
#[get("/")]
fn via_token(_user: AuthVia<(via::SessionCookie, via::BearerToken)>) {}
#[get("/")]
fn via_session(_user: AuthVia<via::SessionCookie>) {}

#[rocket::async_test]
async fn a_guard_whose_feature_is_missing_stops_the_launch() {
    let without = || Security::default().disable::<Tokens>();
    for (routes, is_fine) in [
        (routes![for_basic], false),
        (routes![for_maybe_basic], false),
        (routes![via_basic], false),
        (routes![via_token], false),
        (routes![via_session], true),
    ] {
        let name = format!("{:?}", routes[0].name);
        let with = |security| rocket::build().attach(security).mount("/", routes.clone());
        assert_eq!(launches(with(without()), json!({})).await, is_fine, "{name}");
        assert!(launches(with(security()), json!({})).await, "{name}");
    }
}

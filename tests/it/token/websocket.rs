//! WebSockets: who may open one, by a token, a session or a ticket, over a real socket.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rocket::futures::future::join_all;
use rocket::http::{Header, Status};
use rocket::local::asynchronous::LocalRequest;
use rocket::{Build, Rocket, get, post, routes};
use rocket_security::config::TokenPurpose;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::tickets::Tickets;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::{AuthUser, AuthVia, Fresh, Maybe, Paseto, Security, via};
use rocket_ws::{Channel, WebSocket};
use serde_json::{Value, json};

use crate::support::bearer::{HANDSHAKE, as_handshake, bearer, begin_session, issuer, token};
use crate::support::launching::try_launch_on;
use crate::support::socket::{greeting, open, serve};
use crate::support::tokens::key;
use crate::support::users::change_user;
use crate::support::{ANN, sql, with_ann};

const HERE: &str = "http://127.0.0.1:8000";
const ELSEWHERE: &str = "https://elsewhere.example";

#[get("/socket")]
fn socket(socket: WebSocket, user: AuthUser) -> Channel<'static> {
    greeting(socket, format!("Hello, {}, by {}!", user.email, user.mechanism()))
}

#[get("/who")]
fn who(user: AuthUser) -> String {
    format!("{} {}", user.email, user.mechanism())
}

#[post("/who")]
fn post_who(user: AuthUser) -> String {
    user.email.to_string()
}

#[get("/ticket")]
fn by_ticket(user: AuthVia<via::Ticket>) -> String {
    format!("{} {}", user.email, user.session_id().is_some())
}

#[get("/maybe")]
fn maybe(user: Maybe<AuthVia<via::Ticket>>) -> &'static str {
    if user.0.is_some() { "let in" } else { "a guest" }
}

#[get("/fresh")]
fn fresh(user: Fresh<5>) -> String {
    user.email.to_string()
}

#[get("/paseto")]
fn paseto(token: Paseto) -> String {
    token.subject().unwrap_or_default().to_owned()
}

fn rocket() -> Rocket<Build> {
    let security = Security::default().enable(Tickets::default());
    let routes = routes![socket, who, post_who, by_ticket, maybe, fresh, paseto];
    rocket::build().attach(security).mount("/", routes)
}

fn settings() -> Value {
    json!({"base_url": HERE, "keys": key(TokenPurpose::Local)})
}

async fn app() -> TestApp {
    TestApp::launch_with(rocket(), settings()).await
}

async fn ticket_of(browser: &Browser<'_>) -> String {
    let answer = browser.post_json("/ws-ticket", json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(answer.response("expires_in"), 30);
    answer.response("ticket").as_str().unwrap().to_owned()
}

/// Asks for a path with a ticket, as a handshake does.
async fn shake(app: &TestApp, path: &str, ticket: &str) -> Answer {
    let request = app.client().get(format!("{path}?ticket={ticket}"));
    app.browser().send(as_handshake(request)).await
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert_eq!(answer.reasons(), ["credentials_refused"]);
    assert!(answer.header("WWW-Authenticate").is_some());
}

#[rocket::async_test]
async fn a_real_socket_opens_for_a_token_a_session_and_a_ticket_once_and_for_nobody_else() {
    let settings = settings();
    let app = TestApp::launch_with(rocket(), settings.clone()).await;
    let port = serve(rocket(), &app, settings).await;
    let ann = app.log_in_as(ANN).await;
    let user = app.user(ANN).await;
    let by = |way: &str| Ok(format!("Hello, {ANN}, by {way}!"));

    let session = begin_session(&app, &user, 0).await;
    let token = issuer(&app).access(&user).session(session.id).issue().unwrap();
    let header = format!("Bearer {token}");
    assert_eq!(open(port, "/socket", &[("Authorization", &header)]).await, by("token"));
    let foreign = [("Authorization", header.as_str()), ("Origin", ELSEWHERE)];
    assert_eq!(open(port, "/socket", &foreign).await, by("token"));
    assert_eq!(open(port, "/socket", &[("Authorization", "Bearer forged")]).await, Err(401));
    assert_eq!(open(port, "/socket", &[]).await, Err(401));
    assert_eq!(open(port, &format!("/socket?access_token={token}"), &[]).await, Err(401));

    let path = format!("/socket?ticket={}", ticket_of(&ann).await);
    assert_eq!(open(port, &path, &[("Origin", ELSEWHERE)]).await, by("ticket"));
    assert_eq!(open(port, &path, &[("Origin", ELSEWHERE)]).await, Err(401));
    assert_eq!(open(port, "/socket?ticket=forged", &[]).await, Err(401));

    let cookie = format!("security_session={}", ann.cookie("security_session").unwrap());
    let with = |origin| [("Cookie", cookie.as_str()), ("Origin", origin)];
    assert_eq!(open(port, "/socket", &with(HERE)).await, by("session"));
    assert_eq!(open(port, "/socket", &[("Cookie", &cookie)]).await, by("session"));
    for origin in [ELSEWHERE, "null", "http://127.0.0.1:9000", "http://127.0.0.1.evil.example"] {
        assert_eq!(open(port, "/socket", &with(origin)).await, Err(400), "{origin}");
    }
    ann.log_out().await;
    assert_eq!(open(port, "/socket", &with(HERE)).await, Err(401));
}

#[rocket::async_test]
async fn a_session_opens_no_socket_for_a_page_of_another_site() {
    let origins = json!({"origins": ["https://app.example.org"]});
    let settings = json!({"base_url": HERE, "csrf": origins, "redirect_origins": [ELSEWHERE]});
    let app = TestApp::launch_with(rocket(), settings).await;
    let ann = app.log_in_as(ANN).await;
    let get = |headers: &[(&'static str, &'static str)]| {
        let mut request = app.client().get("/who");
        for (name, value) in headers {
            request.add_header(Header::new(*name, *value));
        }
        ann.send(request)
    };
    let upgrade = ("Upgrade", "websocket");
    for headers in [
        vec![upgrade, ("Origin", HERE)],
        vec![upgrade, ("Origin", "https://app.example.org")],
        vec![upgrade, ("Sec-Fetch-Site", "same-origin")],
        vec![upgrade],
        // What is no handshake is read, and changes nothing.
        vec![("Origin", ELSEWHERE)],
        vec![("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(get(&headers).await.body, format!("{ANN} session"), "{headers:?}");
    }
    for headers in [
        // That people may be led there gives its pages no say.
        vec![upgrade, ("Origin", ELSEWHERE)],
        vec![upgrade, ("Origin", "null")],
        vec![upgrade, ("Origin", "")],
        vec![upgrade, ("Sec-Fetch-Site", "cross-site")],
        vec![("Upgrade", "WebSocket"), ("Origin", ELSEWHERE)],
        vec![("Upgrade", "h2c, websocket"), ("Origin", ELSEWHERE)],
        vec![upgrade, ("Origin", HERE), ("Origin", ELSEWHERE)],
    ] {
        let answer = get(&headers).await;
        assert_eq!(answer.status, Status::BadRequest, "{headers:?}: {}", answer.body);
        assert_eq!(answer.reasons(), ["cross_site"], "{headers:?}");
    }
}

#[rocket::async_test]
async fn whoever_is_logged_in_gets_a_ticket_and_nobody_else() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let user = app.user(ANN).await;
    assert_ne!(ticket_of(&ann).await, ticket_of(&ann).await);
    let without = ann.post_form_as_is("/ws-ticket", &[]).await;
    assert_eq!(without.status, Status::BadRequest);
    let program = app.client().post("/ws-ticket").header(token(&app, &user, 0).await);
    let answer = app.browser().send(program).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(answer.headers("Set-Cookie").count(), 0);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(answer.response("csrf_token"), Value::Null);
    let ticket = answer.response("ticket").as_str().unwrap().to_owned();
    assert_eq!(shake(&app, "/ticket", &ticket).await.body, format!("{ANN} true"));
    let nobody = app.browser().post_json("/ws-ticket", json!({})).await;
    assert_eq!(nobody.status, Status::Unauthorized);
    let forged = app.client().post("/ws-ticket").header(bearer("forged"));
    assert_eq!(app.browser().send(forged).await.status, Status::Unauthorized);
    assert_eq!(ann.get_json("/ws-ticket").await.status, Status::NotFound, "a GET");
    // A ticket opens a socket, and is nothing with what only looks like a handshake: it gives no other
    // ticket, and changes nothing.
    let ticket = ticket_of(&ann).await;
    for path in ["/ws-ticket", "/who"] {
        let post = app.client().post(format!("{path}?ticket={ticket}"));
        let answer = app.browser().send(as_handshake(post)).await;
        assert_eq!(answer.status, Status::Unauthorized, "{path}: {}", answer.body);
    }
    for (left_out, _) in HANDSHAKE {
        let request = app.client().get(format!("/who?ticket={ticket}"));
        let rest = HANDSHAKE.into_iter().filter(|(name, _)| *name != left_out);
        let rest = rest.map(|(name, value)| Header::new(name, value));
        let answer = app.browser().send(rest.fold(request, LocalRequest::header)).await;
        assert_ne!(answer.status, Status::Ok, "without {left_out}");
    }
    assert_eq!(shake(&app, "/who", &ticket).await.body, format!("{ANN} ticket"));
}

#[rocket::async_test]
async fn a_ticket_is_good_once_for_half_a_minute_and_for_handshakes_alone() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let ticket = ticket_of(&ann).await;
    let plain = app.browser().get_json(&format!("/ticket?ticket={ticket}")).await;
    assert_eq!(plain.reasons(), ["unauthenticated"], "no handshake");
    let plain = app.browser().get(&format!("/maybe?ticket={ticket}")).await;
    assert_eq!(plain.body, "a guest");
    let twice = app.client().get(format!("/ticket?ticket={ticket}&ticket={ticket}"));
    let answer = app.browser().send(as_handshake(twice)).await;
    assert_eq!(answer.reasons(), ["conflicting_credentials"]);
    assert_eq!(shake(&app, "/ticket", &ticket).await.body, format!("{ANN} true"));
    for path in ["/ticket", "/who", "/maybe"] {
        assert_refused(&shake(&app, path, &ticket).await);
    }
    assert_eq!(ann.get("/who").await.status, Status::Ok, "the session goes on");
    let (late, early) = (ticket_of(&ann).await, ticket_of(&ann).await);
    app.clock().advance(TimeDelta::seconds(29));
    assert_eq!(shake(&app, "/who", &early).await.body, format!("{ANN} ticket"));
    app.clock().advance(TimeDelta::seconds(1));
    assert_refused(&shake(&app, "/who", &late).await);
    // Refused once, it stays dead when the clock steps back.
    app.clock().advance(-TimeDelta::seconds(10));
    assert_refused(&shake(&app, "/who", &late).await);
}

#[rocket::async_test]
async fn a_ticket_beside_a_session_is_of_the_same_user_and_used_up() {
    for (mechanisms, by) in [(["session", "ticket"], "session"), (["ticket", "session"], "ticket")]
    {
        let settings = merged(settings(), json!({"mechanisms": mechanisms}));
        let app = TestApp::launch_with(rocket(), settings).await;
        let (ann, bob) = (app.log_in_as(ANN).await, app.log_in_as("bob@example.org").await);
        let with = |ticket: &str| as_handshake(app.client().get(format!("/who?ticket={ticket}")));
        let ticket = ticket_of(&ann).await;
        assert_eq!(ann.send(with(&ticket)).await.body, format!("{ANN} {by}"));
        assert_refused(&ann.send(with(&ticket)).await);
        assert_refused(&shake(&app, "/ticket", &ticket).await);
        let of_bob = ticket_of(&bob).await;
        let answer = ann.send(with(&of_bob)).await;
        assert_eq!(answer.status, Status::BadRequest, "{}", answer.body);
        assert_eq!(answer.reasons(), ["conflicting_credentials"]);
        // The guard that names tickets takes the ticket alone.
        let of_bob = ticket_of(&bob).await;
        let request = as_handshake(app.client().get(format!("/ticket?ticket={of_bob}")));
        assert_eq!(ann.send(request).await.body, "bob@example.org true");
    }
}

#[rocket::async_test]
async fn of_thirty_two_handshakes_at_once_with_one_ticket_one_is_let_in() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let ticket = ticket_of(&ann).await;
    let answers = join_all((0..32).map(|_| shake(&app, "/ticket", &ticket))).await;
    let let_in = answers.iter().filter(|answer| answer.status == Status::Ok).count();
    let refused = answers.iter().filter(|it| it.status == Status::Unauthorized).count();
    assert_eq!((let_in, refused), (1, 31));
    // Several sockets, several tickets.
    let mut tickets = BTreeSet::new();
    for _ in 0..8 {
        tickets.insert(ticket_of(&ann).await);
    }
    let answers = join_all(tickets.iter().map(|ticket| shake(&app, "/ticket", ticket))).await;
    assert!(answers.iter().all(|answer| answer.status == Status::Ok));
    assert_eq!(answers.len(), 8);
}

#[rocket::async_test]
async fn a_ticket_dies_with_its_session_and_with_a_change_of_the_account() {
    let app = app().await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    let (dead, good) = (ticket_of(&ann).await, ticket_of(&elsewhere).await);
    ann.log_out().await;
    assert_refused(&shake(&app, "/ticket", &dead).await);
    assert_eq!(shake(&app, "/ticket", &good).await.status, Status::Ok);
    // Nor does it live by the session of somebody else's.
    let (one, two) = (ticket_of(&elsewhere).await, ticket_of(&app.log_in_as(ANN).await).await);
    let mixed = format!("{}.{}", one.split('.').next().unwrap(), two.split('.').nth(1).unwrap());
    for ticket in [mixed.as_str(), &two[33..], &format!("{one}a"), "", ".", "a.b"] {
        assert_refused(&shake(&app, "/ticket", ticket).await);
    }
    let user = app.user(ANN).await;
    let loose = app.client().post("/ws-ticket");
    let loose = loose.header(bearer(&issuer(&app).access(&user).issue().unwrap()));
    let loose = app.browser().send(loose).await.response("ticket").as_str().unwrap().to_owned();
    change_user(&app, &user, &UserChange::password(app.hash("a ferry leaves at seven").await))
        .await;
    for ticket in [one, two, loose] {
        assert_refused(&shake(&app, "/ticket", &ticket).await);
    }
}

#[rocket::async_test]
async fn a_ticket_lives_by_the_programs_login_that_asked_for_it_and_dies_with_that() {
    let app = with_ann(app()).await;
    let program = app.browser();
    let post = async |path: &str, body: Value| {
        program.post_raw(path, "application/json", body.to_string().as_bytes()).await
    };
    let pair = post("/token", json!({"email": ANN, "password": PASSWORD})).await.response("user");
    let access = pair["authentication_token"].as_str().unwrap().to_owned();
    let ask = async || {
        let request = app.client().post("/ws-ticket").header(bearer(&access));
        let answer = app.browser().send(request).await;
        assert_eq!(answer.status, Status::Ok, "{}", answer.body);
        answer.response("ticket").as_str().unwrap().to_owned()
    };
    assert_eq!(shake(&app, "/ticket", &ask().await).await.body, format!("{ANN} false"));
    assert_eq!(shake(&app, "/fresh", &ask().await).await.body, ANN);

    let waiting = ask().await;
    let body = json!({"refresh_token": pair["refresh_token"]});
    assert_eq!(post("/logout", body).await.status, Status::Ok);
    assert_refused(&shake(&app, "/ticket", &waiting).await);
}

#[rocket::async_test]
async fn a_program_gets_tickets_when_the_session_it_began_in_is_over() {
    let settings = json!({"session": {"idle": "10m"}, "tokens": {"lifetime": "2h"}});
    let settings = merged(self::settings(), settings);
    let app = with_ann(TestApp::launch_with(rocket(), settings)).await;
    let body = json!({"email": ANN, "password": PASSWORD});
    let user = app.browser().post_json("/login?include_auth_token", body).await.response("user");
    let access = user["authentication_token"].as_str().unwrap().to_owned();
    app.clock().advance(TimeDelta::hours(1));
    let request = app.client().post("/ws-ticket").header(bearer(&access));
    let answer = app.browser().send(request).await;
    let ticket = answer.response("ticket").as_str().unwrap().to_owned();
    assert_eq!(shake(&app, "/ticket", &ticket).await.status, Status::Ok);
}

fn merged(mut all: Value, more: Value) -> Value {
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

#[rocket::async_test]
async fn a_ticket_is_as_old_as_the_login_behind_it() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let ticket = ticket_of(&ann).await;
    assert_eq!(shake(&app, "/fresh", &ticket).await.body, ANN);
    app.clock().advance(TimeDelta::minutes(6));
    let ticket = ticket_of(&ann).await;
    assert_eq!(shake(&app, "/fresh", &ticket).await.reasons(), ["reauth_required"]);
}

#[rocket::async_test]
async fn a_token_stands_in_an_address_only_where_that_is_configured_and_for_a_handshake() {
    let sources = json!({"sources": ["authorization", "query"]});
    let app = TestApp::launch_with(rocket(), json!({"tokens": sources})).await;
    let user = app.user(ANN).await;
    let token = issuer(&app).access(&user).issue().unwrap();
    let path = format!("/paseto?access_token={token}");
    let ask = |path: &str| app.client().get(path.to_owned());
    let answer = app.browser().send(as_handshake(ask(&path))).await;
    assert_eq!(answer.body, user.id.to_string());
    assert_eq!(app.browser().get_json(&path).await.reasons(), ["unauthenticated"]);
    let twice = ask(&format!("{path}&access_token={token}"));
    for request in [as_handshake(twice), as_handshake(ask(&path)).header(bearer(&token))] {
        let answer = app.browser().send(request).await;
        assert_eq!(answer.reasons(), ["conflicting_credentials"], "{}", answer.body);
    }
    let who = format!("/who?access_token={token}");
    let answer = app.browser().send(as_handshake(ask(&who))).await;
    assert_eq!(answer.body, format!("{ANN} token"));
}

#[rocket::async_test]
async fn without_the_feature_a_ticket_is_nothing_and_a_guard_of_tickets_stops_the_launch() {
    let app = app().await;
    let ticket = ticket_of(&app.log_in_as(ANN).await).await;
    let launch = async |routes| {
        let rocket = rocket::build().attach(Security::fairing()).mount("/", routes);
        try_launch_on(app.database(), rocket, json!({})).await
    };
    let client = launch(routes![who]).await.unwrap();
    let request = client.get(format!("/who?ticket={ticket}"));
    let answer = as_handshake(request).dispatch().await;
    assert_eq!(answer.status(), Status::Unauthorized);
    assert_eq!(client.post("/ws-ticket").dispatch().await.status(), Status::NotFound);
    assert!(launch(routes![by_ticket]).await.is_err());
    assert!(launch(routes![maybe]).await.is_err());
}

#[rocket::async_test]
async fn a_login_has_twenty_tickets_and_the_oldest_give_way() {
    let app = with_ann(app()).await;
    let (ann, elsewhere) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    let untouched = ticket_of(&elsewhere).await;
    let mut tickets = Vec::new();
    for _ in 0..30 {
        app.clock().advance(TimeDelta::milliseconds(1));
        tickets.push(ticket_of(&ann).await);
    }
    assert_eq!(sql::count(app.database(), "security_one_time_tokens").await, 21);
    assert_refused(&shake(&app, "/who", &tickets[9]).await);
    for ticket in [&tickets[10], &tickets[29], &untouched] {
        assert_eq!(shake(&app, "/who", ticket).await.body, format!("{ANN} ticket"));
    }
}

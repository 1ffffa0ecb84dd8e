//! Where a token of fastapi-paseto-auth may stand beside the header: in a JSON body, in the program's own
//! hands, and, in its successor, in the handshake of a WebSocket.
//!
//! | case | mark | what |
//! |---|---|---|
//! | B-J1 | same | a bad token in a body |
//! | B-J2 | same | a token in the header where the body is to have one |
//! | B-J3 | different on purpose | the member's name is the kind's |
//! | B-J4 | same | a good token in a body |
//! | B-J5 | same | a member that is no token |
//! | B-O2 | same | the token that a handler names, whatever the header has |
//! | B-W1 | different on purpose | a handshake: with a token, and without |
//! | B-W2 | same | a guest; nothing of one handshake is left in the next |
//! | B-W3 | same | an access token, a refresh token, where the other is wanted |
//! | B-W4 | stricter | a fresh token, and a stale one |
//! | B-W5 | same | a kind of one's own |
//! | B-W6 | different on purpose | a token in Base64 once more |
//! | B-W7 | same | a footer |
//! | B-W8 | same | an implicit assertion, and a token that the handler names |
//! | B-W9 | stricter | a token in the address, where that is configured |
//! | B-W10 | same | a token in the body of a handshake |
//! | B-W11 | stricter | another issuer, another audience |
//! | B-W12 | same | a denied token |
//! | B-W13 | same | by kind it is chosen whether denied tokens are looked for |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::http::{ContentType, Header, Status};
use rocket::local::asynchronous::LocalRequest;
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_security::config::TokenPurpose;
use rocket_security::rejection::Rejection;
use rocket_security::testing::{Answer, TestApp};
use rocket_security::token::{Access, NoClaims, Refresh};
use rocket_security::{
    FreshPaseto, Maybe, Paseto, PasetoJson, Security, TokenKind, TokenUser, User, Verifier,
};
use rocket_ws::{Channel, WebSocket};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::conformance::fastapi_paseto_auth::THEM;
use crate::support::bearer::{as_handshake, bearer, begin_session, deny, issuer};
use crate::support::program::{log_in_program, post};
use crate::support::socket::{greeting, open, serve};
use crate::support::tokens::{ASSERTION, ISSUER, forge, good_claims_at, key, refusal};
use crate::support::{ANN, with_ann};

/// Lets its bearer into one room.
struct Pass;

impl TokenKind for Pass {
    const NAME: &'static str = "pass";
}

/// What a body has beside its token.
#[derive(Deserialize)]
struct Nothing {}

#[post("/body", data = "<body>")]
fn body(body: PasetoJson<Nothing>) -> String {
    body.token.subject().unwrap_or_default().to_owned()
}

#[post("/body/renewal", data = "<body>")]
fn body_renewal(body: PasetoJson<Nothing, NoClaims, Refresh>) -> String {
    body.token.subject().unwrap_or_default().to_owned()
}

#[get("/named?<token>")]
fn named(token: &str, verifier: &State<Verifier>) -> Result<String, Rejection> {
    let token = verifier.verify::<NoClaims, Access>(token).map_err(Rejection::TokenRefused)?;
    Ok(token.subject().unwrap_or_default().to_owned())
}

#[get("/socket")]
fn socket(socket: WebSocket, user: TokenUser) -> Channel<'static> {
    greeting(socket, user.email.to_string())
}

#[get("/socket/token")]
fn bare_socket(socket: WebSocket, token: Paseto) -> Channel<'static> {
    let zone = token.footer().get("zone").and_then(Value::as_str);
    greeting(socket, zone.unwrap_or("nowhere").to_owned())
}

#[get("/socket/guest")]
fn guest_socket(socket: WebSocket, user: Maybe<TokenUser>) -> Channel<'static> {
    greeting(socket, user.0.map_or("a guest".to_owned(), |user| user.email.to_string()))
}

#[get("/socket/renewal")]
fn refresh_socket(socket: WebSocket, _token: Paseto<NoClaims, Refresh>) -> Channel<'static> {
    greeting(socket, "renewed".to_owned())
}

#[get("/socket/fresh")]
fn fresh_socket(socket: WebSocket, _token: FreshPaseto<5>) -> Channel<'static> {
    greeting(socket, "fresh".to_owned())
}

#[get("/socket/pass")]
fn pass_socket(socket: WebSocket, token: Paseto<NoClaims, Pass>) -> Channel<'static> {
    greeting(socket, token.subject().unwrap_or_default().to_owned())
}

#[get("/socket/room/<room>?<pass>")]
fn room_socket(
    socket: WebSocket,
    room: &str,
    pass: &str,
    verifier: &State<Verifier>,
) -> Result<Channel<'static>, Rejection> {
    let pass = verifier.verify_asserted::<NoClaims, Pass>(pass, room);
    let pass = pass.map_err(Rejection::TokenRefused)?;
    Ok(greeting(socket, pass.subject().unwrap_or_default().to_owned()))
}

fn rocket() -> Rocket<Build> {
    let sockets = routes![
        socket,
        bare_socket,
        guest_socket,
        refresh_socket,
        fresh_socket,
        pass_socket,
        room_socket
    ];
    let routes = routes![body, body_renewal, named];
    rocket::build().attach(Security::default()).mount("/", routes).mount("/", sockets)
}

/// An application, Ann in it, and where sockets to it are opened.
struct Served {
    app: TestApp,
    ann: User,
    port: u16,
}

impl Served {
    /// With settings in `[default.security.tokens]`.
    async fn with(tokens: Value) -> Self {
        let keys = key(TokenPurpose::Local);
        let settings = json!({"base_url": ISSUER, "keys": keys, "tokens": tokens});
        let app = TestApp::launch_with(rocket(), settings.clone()).await;
        let ann = app.user(ANN).await;
        let port = serve(rocket(), &app, settings).await;
        Self { app, ann, port }
    }

    async fn new() -> Self {
        Self::with(json!({})).await
    }

    fn access(&self) -> String {
        issuer(&self.app).access(&self.ann).issue().unwrap()
    }

    /// What a socket says first whose handshake has that token in its header, or the status.
    async fn open(&self, path: &str, token: &str) -> Result<String, u16> {
        let header = format!("Bearer {token}");
        open(self.port, path, &[("Authorization", &header)]).await
    }

    async fn open_without(&self, path: &str) -> Result<String, u16> {
        open(self.port, path, &[]).await
    }
}

async fn app() -> TestApp {
    with_ann(TestApp::launch(rocket())).await
}

fn assert_subject(answer: &Answer, user: &User) {
    assert_eq!((answer.status, &answer.body), (Status::Ok, &user.id.to_string()));
}

/// Sends a request as a handshake, and reads the refusal as what it is.
async fn shake(app: &TestApp, request: LocalRequest<'_>) -> Answer {
    let version = Header::new("Sec-WebSocket-Version", "13");
    app.browser().send(as_handshake(request).header(version)).await
}

/// B-J1, same.
#[rocket::async_test]
async fn a_bad_token_in_a_body_is_refused() {
    let app = app().await;
    let token = log_in_program(&app).await.access;
    for bad in ["test", "v4.local.garbage", &format!("{token}A")] {
        let answer = post(&app, "/body", json!({"access_token": bad})).await;
        assert_eq!(answer.status, Status::Unauthorized, "{bad}: {}", answer.body);
    }
}

/// B-J2, same.
#[rocket::async_test]
async fn a_header_is_not_looked_at_where_the_body_is_to_have_the_token() {
    let app = app().await;
    let token = log_in_program(&app).await.access;
    let request = app.client().post("/body").header(ContentType::JSON).header(bearer(&token));
    let answer = app.browser().send(request.body("{}")).await;
    assert_eq!(answer.status, Status::Unauthorized);
    assert_eq!(answer.reasons(), ["unauthenticated"]);
}

/// B-J3, different on purpose: the name is no setting that a route and its callers can disagree on; RFC 6749
/// has `access_token` and `refresh_token`.
#[rocket::async_test]
async fn a_refresh_token_in_a_body_has_a_name_of_its_own() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let pair = log_in_program(&app).await;
    let good = json!({"refresh_token": pair.refresh});
    assert_subject(&post(&app, "/body/renewal", good).await, &ann);
    for bad in [
        json!({"access_token": pair.refresh}),
        json!({"access_token": pair.access}),
        json!({"refresh_token": pair.access}),
    ] {
        let answer = post(&app, "/body/renewal", bad).await;
        assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    }
}

/// B-J4, same.
#[rocket::async_test]
async fn a_good_token_in_a_body_is_taken() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = log_in_program(&app).await.access;
    assert_subject(&post(&app, "/body", json!({"access_token": token})).await, &ann);
}

/// B-J5, same; theirs failed at some of them with a 500.
#[rocket::async_test]
async fn a_member_that_is_no_token_is_refused() {
    let app = app().await;
    let token = log_in_program(&app).await.access;
    for bad in [
        json!(123),
        json!(""),
        json!("Bearer"),
        json!(format!("Bearer {token} more")),
        json!(null),
        json!([token]),
    ] {
        let answer = post(&app, "/body", json!({"access_token": bad})).await;
        assert_eq!(answer.status, Status::Unauthorized, "{bad}: {}", answer.body);
    }
    for bad in [json!([token]), json!(7), json!(token)] {
        assert_eq!(post(&app, "/body", bad).await.status, Status::BadRequest);
    }
}

/// B-O2, same.
#[rocket::async_test]
async fn the_token_that_a_handler_names_is_the_one_that_counts() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = log_in_program(&app).await.access;
    let good = format!("/named?token={token}");
    assert_subject(&app.browser().get_json(&good).await, &ann);
    assert_subject(&app.browser().send(app.client().get(good).header(bearer("test"))).await, &ann);
    let bad = app.client().get("/named?token=test").header(bearer(&token));
    assert_eq!(app.browser().send(bad).await.status, Status::Unauthorized);
}

/// B-W1, different on purpose: the handshake is answered with 401, its reason and a challenge; theirs closes
/// a socket with 1008, which browsers tell apart from other ends only by a number.
#[rocket::async_test]
async fn a_socket_opens_with_a_token_in_the_header_and_not_without() {
    let served = Served::new().await;
    assert_eq!(served.open("/socket", &served.access()).await, Ok(ANN.to_owned()));
    assert_eq!(served.open_without("/socket").await, Err(401));
    let answer = shake(&served.app, served.app.client().get("/socket")).await;
    assert_eq!(answer.reasons(), ["unauthenticated"]);
    assert!(answer.header("WWW-Authenticate").unwrap().starts_with("Bearer "));
}

/// B-W2, same; a bad token is no guest's there, either.
#[rocket::async_test]
async fn nothing_of_one_handshake_is_left_in_the_next() {
    let served = Served::new().await;
    for _ in 0..2 {
        let path = "/socket/guest";
        assert_eq!(served.open_without(path).await, Ok("a guest".to_owned()));
        assert_eq!(served.open(path, &served.access()).await, Ok(ANN.to_owned()));
        assert_eq!(served.open_without(path).await, Ok("a guest".to_owned()));
        assert_eq!(served.open(path, "test").await, Err(401));
        assert_eq!(served.open_without("/socket").await, Err(401));
    }
}

/// B-W3, same.
#[rocket::async_test]
async fn a_socket_for_one_kind_does_not_open_with_the_other() {
    let served = Served::new().await;
    let pair = log_in_program(&served.app).await;
    assert_eq!(served.open("/socket", &pair.refresh).await, Err(401));
    assert_eq!(served.open("/socket/renewal", &pair.access).await, Err(401));
    assert_eq!(served.open("/socket/renewal", &pair.refresh).await, Ok("renewed".to_owned()));
}

/// B-W4, stricter: fresh is a time since the proof, not a word for the token's whole life.
#[rocket::async_test]
async fn a_socket_for_fresh_logins_opens_for_those() {
    let served = Served::new().await;
    for (minutes, expected) in [(4, Ok("fresh".to_owned())), (6, Err(401))] {
        let session = begin_session(&served.app, &served.ann, minutes).await;
        let token = issuer(&served.app).access(&served.ann).session(session.id).issue().unwrap();
        assert_eq!(served.open("/socket/fresh", &token).await, expected, "{minutes}");
    }
}

/// B-W5, same.
#[rocket::async_test]
async fn a_socket_for_a_kind_of_one_s_own_opens_with_that() {
    let served = Served::new().await;
    let pass = issuer(&served.app).of::<Pass>("room 7").issue().unwrap();
    assert_eq!(served.open("/socket/pass", &pass).await, Ok("room 7".to_owned()));
    assert_eq!(served.open("/socket/pass", &served.access()).await, Err(401));
    assert_eq!(served.open("/socket", &pass).await, Err(401));
}

/// B-W6, different on purpose: one form is enough, as in B-D5.
#[rocket::async_test]
async fn no_socket_opens_with_a_token_in_base64_once_more() {
    let served = Served::new().await;
    let token = served.access();
    assert_eq!(served.open("/socket", &STANDARD.encode(&token)).await, Err(401));
}

/// B-W7, same.
#[rocket::async_test]
async fn a_footer_is_there_behind_a_handshake() {
    let served = Served::new().await;
    let token = issuer(&served.app).access(&served.ann).footer(json!({"zone": "eu"}));
    let token = token.issue().unwrap();
    assert_eq!(served.open("/socket/token", &token).await, Ok("eu".to_owned()));
}

/// B-W8, same.
#[rocket::async_test]
async fn a_socket_opens_with_the_token_and_the_assertion_that_its_handler_names() {
    let served = Served::new().await;
    let pass = issuer(&served.app).of::<Pass>("room 7").assertion("7").issue().unwrap();
    let path = |room| format!("/socket/room/{room}?pass={pass}");
    assert_eq!(served.open_without(&path(7)).await, Ok("room 7".to_owned()));
    assert_eq!(served.open(&path(7), "test").await, Ok("room 7".to_owned()));
    assert_eq!(served.open_without(&path(8)).await, Err(401));
    assert_eq!(served.open("/socket/room/7?pass=test", &pass).await, Err(401));
    assert_eq!(served.open("/socket/pass", &pass).await, Err(401), "without its assertion");
}

/// B-W9, stricter: off by default as theirs, for addresses are written into logs, and for handshakes alone.
/// The name is that of RFC 6750, section 2.3, and no route has another.
#[rocket::async_test]
async fn a_token_in_the_address_opens_a_socket_where_that_is_configured() {
    let served = Served::new().await;
    let path = |token: &str| format!("/socket?access_token={token}");
    assert_eq!(served.open_without(&path(&served.access())).await, Err(401));
    let served = Served::with(json!({"sources": ["authorization", "query"]})).await;
    let token = served.access();
    assert_eq!(served.open_without(&path(&token)).await, Ok(ANN.to_owned()));
    for bad in [path("test"), path("Bearer"), path(""), format!("/socket?token={token}")] {
        assert_eq!(served.open_without(&bad).await, Err(401), "{bad}");
    }
    assert_eq!(served.open(&path(&token), &token).await, Err(400), "two at once");
    assert!(refusal("sources = [\"json\"]").starts_with("security.tokens.sources"));
}

/// B-W10, same.
#[rocket::async_test]
async fn a_token_in_the_body_of_a_handshake_opens_no_socket() {
    let served = Served::new().await;
    let body = json!({"access_token": served.access()}).to_string();
    let request = served.app.client().get("/socket").header(ContentType::JSON).body(body);
    let answer = shake(&served.app, request).await;
    assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    assert_eq!(answer.reasons(), ["unauthenticated"]);
}

/// B-W11, stricter: the issuer is always compared, and a token for several is for each of them.
#[rocket::async_test]
async fn a_socket_opens_for_one_issuer_and_one_audience() {
    let key = key(TokenPurpose::Local);
    let served = Served::with(json!({"keys": key})).await;
    let (ann, now) = (&served.ann, served.app.clock().now());
    let made = |change: Value| {
        let mut claims = good_claims_at(now, ISSUER);
        claims["sub"] = json!(ann.id);
        claims["epoch"] = json!(ann.epoch);
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        forge(&key, &claims, "", ASSERTION)
    };
    for (change, expected) in [
        (json!({}), Ok(ANN.to_owned())),
        (json!({"aud": [THEM, ISSUER]}), Ok(ANN.to_owned())),
        (json!({"aud": THEM}), Err(401)),
        (json!({"aud": null}), Err(401)),
        (json!({"iss": THEM}), Err(401)),
        (json!({"iss": null}), Err(401)),
    ] {
        assert_eq!(served.open("/socket", &made(change.clone())).await, expected, "{change}");
    }
}

/// B-W12, same.
#[rocket::async_test]
async fn no_socket_opens_with_a_denied_token() {
    let served = Served::new().await;
    let (pair, other) = (log_in_program(&served.app).await, log_in_program(&served.app).await);
    assert_eq!(served.open("/socket", &pair.access).await, Ok(ANN.to_owned()));
    deny::<Access>(&served.app, &pair.access).await;
    for path in ["/socket", "/socket/token", "/socket/guest", "/socket/fresh"] {
        assert_eq!(served.open(path, &pair.access).await, Err(401), "{path}");
    }
    assert_eq!(served.open("/socket", &other.access).await, Ok(ANN.to_owned()));
}

/// B-W13, same, for guards of the token alone; one that loads its user asks in any case.
#[rocket::async_test]
async fn a_socket_looks_for_denied_tokens_of_the_kinds_that_are_chosen() {
    let served = Served::with(json!({"check": {"access": "never"}})).await;
    let pair = log_in_program(&served.app).await;
    deny::<Access>(&served.app, &pair.access).await;
    assert_eq!(served.open("/socket/token", &pair.access).await, Ok("nowhere".to_owned()));
    assert_eq!(served.open("/socket", &pair.access).await, Err(401));
    let body = json!({"refresh_token": pair.refresh});
    assert_eq!(served.open("/socket/renewal", &pair.refresh).await, Ok("renewed".to_owned()));
    assert_eq!(post(&served.app, "/logout", body).await.status, Status::Ok);
    assert_eq!(served.open("/socket/renewal", &pair.refresh).await, Err(401));
}

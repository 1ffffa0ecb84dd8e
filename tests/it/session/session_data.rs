//! What an application keeps with a session.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rocket::form::{Form, FromForm};
use rocket::http::{ContentType, Cookie, Status};
use rocket::response::Debug;
use rocket::serde::json::Json;
use rocket::{Build, Rocket, State, get, head, post, routes};
use rocket_security::crypto::keys::generate_paserk;
use rocket_security::crypto::password::Password;
use rocket_security::flow::{Entry, Flow};
use rocket_security::session::data::{Flash, MAX_COOKIE};
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::user::Identity;
use rocket_security::web::next::Next;
use rocket_security::web::visit::Visit;
use rocket_security::{AuthUser, Email, Page, Rejection, Secret, Security, Session, SessionError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::launching::try_launch;
use crate::support::links::change_email;
use crate::support::{ANN, BOB, SESSION, with_ann};

const DATA: &str = "security_data";
const GUEST: &str = "security_guest";
const GUEST_DATA: &str = "security_guest_data";

type Answered<T> = Result<T, Debug<SessionError>>;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Basket {
    articles: BTreeMap<String, Article>,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Article {
    count: u32,
    price: f64,
    sizes: Vec<(u8, char)>,
}

fn full_basket() -> Basket {
    let article = Article { count: 2, price: 4.5, sizes: vec![(38, 'ß'), (255, '"')] };
    Basket { articles: [("téa".to_owned(), article)].into(), note: None }
}

#[derive(FromForm, Deserialize)]
struct Word {
    name: String,
    value: String,
}

#[post("/keep", data = "<entry>", format = "form", rank = 1)]
fn keep_form(session: Session<'_>, entry: Form<Word>) -> Answered<Next> {
    session.insert(&entry.name, &entry.value)?;
    session.flash("success", format!("Kept {}.", entry.name))?;
    Ok(Next::parse("/shown").unwrap())
}

#[post("/keep", data = "<entry>", format = "json", rank = 2)]
fn keep_json(session: Session<'_>, entry: Json<Word>) -> Answered<Json<Value>> {
    session.insert(&entry.name, &entry.value)?;
    session.flash("success", format!("Kept {}.", entry.name))?;
    Ok(Json(json!({"kept": entry.name})))
}

#[get("/kept/<name>")]
fn kept(session: Session<'_>, name: &str) -> Answered<String> {
    Ok(session.get::<String>(name)?.unwrap_or_else(|| "nothing".to_owned()))
}

#[get("/shown")]
fn shown(session: Session<'_>) -> String {
    let told = |it: Flash| format!("{}: {}", it.level, it.text);
    session.take_flashes().into_iter().map(told).collect::<Vec<_>>().join(" ")
}

#[head("/shown")]
fn shown_to_head(session: Session<'_>) -> String {
    shown(session)
}

#[get("/taken-in-vain/<status>")]
fn taken_in_vain(session: Session<'_>, status: u16) -> Status {
    session.take_flashes();
    Status::new(status)
}

#[post("/drop/<name>")]
fn drop_one(session: Session<'_>, name: &str) -> String {
    session.remove(name).to_string()
}

#[post("/clear")]
fn clear(session: Session<'_>) {
    session.clear();
}

#[post("/basket")]
fn fill(session: Session<'_>) -> Answered<()> {
    Ok(session.insert("basket", full_basket())?)
}

#[get("/basket")]
fn basket(session: Session<'_>) -> String {
    format!("{:?}", session.get::<Basket>("basket"))
}

#[get("/mistyped")]
fn mistyped(session: Session<'_>) -> String {
    match session.get::<Vec<u8>>("basket") {
        Err(fault @ SessionError::WrongType { .. }) => fault.to_string(),
        other => format!("{other:?}"),
    }
}

#[post("/stuff/<bytes>")]
fn stuff(session: Session<'_>, bytes: usize) -> String {
    match session.insert("stuff", "x".repeat(bytes)) {
        Ok(()) => "kept".to_owned(),
        Err(fault) => fault.to_string(),
    }
}

#[post("/chatter/<bytes>")]
fn chatter(session: Session<'_>, bytes: usize) -> String {
    format!("{:?}", session.flash("info", "x".repeat(bytes)))
}

#[post("/fail/<status>")]
fn fail(session: Session<'_>, status: u16) -> Answered<Status> {
    session.insert("tried", "yes")?;
    Ok(Status::new(status))
}

#[post("/panic")]
fn fall_over(session: Session<'_>) -> Answered<()> {
    session.insert("tried", "yes")?;
    panic!("a fault of the application");
}

#[post("/refused")]
fn refused(session: Session<'_>, _guard: First<'_>, _user: AuthUser) {
    session.clear();
}

/// A guard that keeps something before another one refuses.
struct First<'r>(Session<'r>);

#[rocket::async_trait]
impl<'r> rocket::request::FromRequest<'r> for First<'r> {
    type Error = Rejection;

    async fn from_request(
        request: &'r rocket::Request<'_>,
    ) -> rocket::request::Outcome<Self, Self::Error> {
        Session::from_request(request).await.map(|session| {
            session.insert("seen", "by the first").unwrap();
            Self(session)
        })
    }
}

#[get("/twice")]
fn twice(first: First<'_>, second: Session<'_>) -> Answered<String> {
    let seen: Option<String> = second.get("seen")?;
    second.insert("seen", "by the second")?;
    Ok(format!("{:?} {:?}", seen, first.0.get::<String>("seen")?))
}

#[get("/same")]
fn same(session: Session<'_>) -> Answered<()> {
    let basket: Option<Basket> = session.get("basket")?;
    session.insert("passing", 1)?;
    session.remove("passing");
    Ok(session.insert("basket", basket.unwrap_or_default())?)
}

#[get("/cached")]
fn cached(_session: Session<'_>) -> (ContentType, Cached) {
    (ContentType::Plain, Cached("for all".to_owned(), rocket::http::Header::new("Vary", "Accept")))
}

#[derive(rocket::Responder)]
struct Cached(String, rocket::http::Header<'static>);

#[get("/debug")]
fn debug(session: Session<'_>) -> String {
    format!("{session:?}")
}

#[get("/plain")]
fn plain() -> &'static str {
    "plain"
}

#[get("/page")]
fn page(session: Session<'_>) -> Page {
    Page::new("security/login.html")
        .with("flashes", session.take_flashes())
        .with("identity_field", "email")
}

/// A way in of the application's own, which asks nobody to log out first.
#[post("/switch/<email>")]
async fn switch(visit: Visit<'_>, flow: &State<Flow>, email: &str) -> Result<(), Rejection> {
    let identity = Identity::Email(Email::parse(email).unwrap());
    let password = Password::parse(&Secret::new(PASSWORD.to_owned())).unwrap();
    match flow.authenticate_password(&visit, &identity, &password).await? {
        Entry::Open(authenticated) => flow.log_in(&visit, authenticated).await.map(drop),
        Entry::Pending(pending) => panic!("{:?} is missing", pending.required()),
    }
}

fn rocket() -> Rocket<Build> {
    let routes = routes![
        switch,
        keep_form,
        keep_json,
        kept,
        shown,
        shown_to_head,
        taken_in_vain,
        drop_one,
        clear,
        fill,
        basket,
        mistyped,
        stuff,
        chatter,
        fail,
        fall_over,
        refused,
        twice,
        same,
        cached,
        debug,
        plain,
        page
    ];
    rocket::build().attach(Security::default()).mount("/", routes)
}

async fn app() -> TestApp {
    app_with(json!({})).await
}

async fn app_with(security: Value) -> TestApp {
    TestApp::launch_with(rocket(), security).await
}

/// Gives a guest who has kept a word.
async fn guest<'a>(app: &'a TestApp, word: &str) -> Browser<'a> {
    let guest = app.browser();
    keep(&guest, word).await;
    guest
}

async fn keep(browser: &Browser<'_>, word: &str) {
    let answer = browser.post_json("/keep", json!({"name": "word", "value": word})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    browser.get("/shown").await;
}

async fn word(browser: &Browser<'_>) -> String {
    let answer = browser.get("/kept/word").await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    answer.body
}

fn line_of<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers("Set-Cookie").find(|line| line.starts_with(&format!("{name}=")))
}

fn removes(answer: &Answer, name: &str) -> bool {
    line_of(answer, name).is_some_and(|line| line.contains("Max-Age=0"))
}

#[rocket::async_test]
async fn a_value_comes_back_as_it_was_whatever_its_type() {
    let app = app().await;
    for browser in [app.browser(), app.log_in_as(ANN).await] {
        assert_eq!(browser.get("/basket").await.body, "Ok(None)");
        assert_eq!(browser.post_form("/basket", &[]).await.status, Status::Ok);
        let expected = format!("{:?}", Ok::<_, SessionError>(Some(full_basket())));
        assert_eq!(browser.get("/basket").await.body, expected);
    }
}

#[rocket::async_test]
async fn a_value_of_another_type_is_an_error_that_names_it_and_does_not_quote_it() {
    let app = app().await;
    let browser = app.browser();
    browser.post_form("/basket", &[]).await;
    let body = browser.get("/mistyped").await.body;
    assert!(body.contains("\"basket\"") && body.contains("Vec<u8>"), "{body}");
    assert!(!body.contains("téa") && !body.contains("articles"), "{body}");
    assert_eq!(browser.get("/kept/basket").await.status, Status::InternalServerError);
    assert!(browser.get("/basket").await.body.contains("téa"), "and it is still there");
}

#[rocket::async_test]
async fn what_is_removed_is_gone_and_with_the_last_value_the_cookie() {
    let app = app().await;
    let browser = guest(&app, "tea").await;
    browser.post_form("/basket", &[]).await;
    assert_eq!(browser.post_form("/drop/word", &[]).await.body, "true");
    assert_eq!(browser.post_form("/drop/word", &[]).await.body, "false");
    assert_eq!(word(&browser).await, "nothing");
    assert!(browser.get("/basket").await.body.contains("téa"));
    let answer = browser.post_form("/drop/basket", &[]).await;
    assert!(removes(&answer, GUEST_DATA));
    assert_eq!(browser.cookie(GUEST_DATA), None);

    let ann = app.log_in_as(ANN).await;
    ann.post_form("/keep", &[("name", "word"), ("value", "tea")]).await;
    assert!(removes(&ann.post_form("/clear", &[]).await, DATA));
    assert_eq!((word(&ann).await.as_str(), ann.get("/shown").await.body.as_str()), ("nothing", ""));
    assert_eq!(ann.get_json("/sessions").await.status, Status::Ok, "she is still logged in");
}

#[rocket::async_test]
async fn a_flash_is_shown_once_over_a_redirect_and_over_json() {
    let app = app().await;
    for browser in [app.browser(), app.log_in_as(ANN).await] {
        let answer = browser.post_form("/keep", &[("name", "word"), ("value", "tea")]).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/shown"));
        assert_eq!(browser.get("/shown").await.body, "success: Kept word.");
        assert_eq!(browser.get("/shown").await.body, "");
        browser.post_json("/keep", json!({"name": "a", "value": "1"})).await;
        browser.post_json("/keep", json!({"name": "b", "value": "2"})).await;
        assert_eq!(browser.get("/shown").await.body, "success: Kept a. success: Kept b.");
        assert_eq!(browser.get("/shown").await.body, "");
        assert_eq!(browser.get("/kept/b").await.body, "2");
    }
}

#[rocket::async_test]
async fn a_flash_that_was_taken_and_not_shown_comes_again() {
    let app = app().await;
    let browser = app.browser();
    browser.post_json("/keep", json!({"name": "a", "value": "1"})).await;
    for status in [303, 500, 503] {
        browser.get(&format!("/taken-in-vain/{status}")).await;
    }
    browser.send(app.client().head("/shown")).await;
    assert_eq!(browser.get("/shown").await.body, "success: Kept a.");
    browser.post_json("/keep", json!({"name": "b", "value": "1"})).await;
    browser.get("/taken-in-vain/400").await;
    assert_eq!(browser.get("/shown").await.body, "", "a page that says what is wrong shows it");
}

#[rocket::async_test]
async fn a_basket_is_kept_through_the_login_and_gone_after_the_logout() {
    let app = with_ann(app()).await;
    let browser = guest(&app, "tea").await;
    let (before, id) = (browser.cookie(GUEST_DATA).unwrap(), browser.cookie(GUEST).unwrap());
    let answer = browser.log_in(ANN, PASSWORD).await;
    assert!(line_of(&answer, DATA).is_some(), "sealed anew, to the new id");
    assert!(removes(&answer, GUEST_DATA) && removes(&answer, GUEST));
    assert_eq!(word(&browser).await, "tea");

    let (after, anns) = (browser.cookie(DATA).unwrap(), browser.cookie(SESSION).unwrap());
    assert!(removes(&browser.log_out().await, DATA));
    assert_eq!(word(&browser).await, "nothing");
    // Neither cookie opens any more, alone or with the ids of before.
    for (id, data) in [(&anns, &after), (&anns, &before), (&id, &after)] {
        let thief = app.browser();
        for (name, value) in [(SESSION, id), (GUEST, id), (DATA, data), (GUEST_DATA, data)] {
            thief.set_cookie(name, value);
        }
        assert_eq!(word(&thief).await, "nothing");
    }
}

#[rocket::async_test]
async fn nothing_of_a_user_reaches_another_one_in_the_same_browser() {
    let app = app().await;
    app.user(BOB).await;
    let browser = app.log_in_as(ANN).await;
    keep(&browser, "anns secret").await;
    let anns = browser.cookie(DATA).unwrap();
    browser.log_out().await;
    browser.log_in(BOB, PASSWORD).await;
    assert_eq!(word(&browser).await, "nothing");
    // A browser that did not remove it, or an answer that was under way.
    browser.set_cookie(DATA, &anns);
    let answer = browser.get("/kept/word").await;
    assert_eq!(answer.body, "nothing");

    // Nor does it when nobody logged out, and the session was over.
    let browser = app.log_in_as(ANN).await;
    keep(&browser, "anns secret").await;
    app.clock().advance(TimeDelta::hours(2));
    browser.log_in(BOB, PASSWORD).await;
    assert_eq!(word(&browser).await, "nothing");
}

#[rocket::async_test]
async fn a_login_over_another_users_session_takes_nothing_along() {
    let app = app().await;
    app.user(BOB).await;
    let browser = app.log_in_as(ANN).await;
    keep(&browser, "anns secret").await;
    let before = browser.cookie(SESSION);
    assert_eq!(browser.post_form("/switch/ann@example.org", &[]).await.status, Status::Ok);
    assert_ne!(browser.cookie(SESSION), before);
    assert_eq!(word(&browser).await, "anns secret", "she is who she was");
    let answer = browser.post_form("/switch/bob@example.org", &[]).await;
    assert!(removes(&answer, DATA));
    assert_eq!(word(&browser).await, "nothing");
}

#[rocket::async_test]
async fn a_cookie_of_another_browser_counts_for_nothing() {
    let app = app().await;
    app.user(BOB).await;
    let (attacker, victim) = (guest(&app, "planted").await, guest(&app, "own").await);
    let anns = app.log_in_as(ANN).await;
    keep(&anns, "planted").await;
    for planted in [attacker.cookie(GUEST_DATA).unwrap(), anns.cookie(DATA).unwrap()] {
        // Into a browser that never was here, too, and one that logs in with it.
        let newcomer = app.browser();
        for browser in [&victim, &newcomer] {
            browser.set_cookie(DATA, &planted);
            browser.set_cookie(GUEST_DATA, &planted);
            assert_eq!(word(browser).await, "nothing");
        }
        let answer = newcomer.log_in(BOB, PASSWORD).await;
        for name in [DATA, GUEST_DATA] {
            assert!(removes(&answer, name), "{:?}", answer.comparable_headers());
        }
        assert_eq!(word(&newcomer).await, "nothing");
    }
}

#[rocket::async_test]
async fn a_new_id_of_the_same_user_keeps_it() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    keep(&ann, "tea").await;
    let mut ids = vec![ann.cookie(SESSION).unwrap()];
    ann.post_json("/verify", json!({"password": PASSWORD})).await;
    ids.push(ann.cookie(SESSION).unwrap());
    assert_eq!(word(&ann).await, "tea");
    let new = "another horse and another staple";
    let body = json!({"password": PASSWORD, "new_password": new, "new_password_confirm": new});
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    ids.push(ann.cookie(SESSION).unwrap());
    assert_eq!(word(&ann).await, "tea");
    change_email(&app, &ann, "ann@example.net").await;
    ids.push(ann.cookie(SESSION).unwrap());
    assert_eq!(word(&ann).await, "tea");
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[rocket::async_test]
async fn it_ends_with_the_session() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    keep(&ann, "tea").await;
    app.clock().advance(TimeDelta::minutes(59));
    assert_eq!(word(&ann).await, "tea");
    app.clock().advance(TimeDelta::minutes(60));
    assert_eq!(word(&ann).await, "nothing", "idle for an hour");

    let ann = app.log_in_as(ANN).await;
    keep(&ann, "tea").await;
    for _ in 0..47 {
        app.clock().advance(TimeDelta::minutes(30));
        assert_eq!(word(&ann).await, "tea");
    }
    app.clock().advance(TimeDelta::minutes(30));
    assert_eq!(word(&ann).await, "nothing", "a day after the login");

    let other = app.log_in_as(ANN).await;
    let ann = app.log_in_as(ANN).await;
    keep(&ann, "tea").await;
    other.post_json("/sessions/end-others", json!({})).await;
    assert_eq!(word(&ann).await, "nothing", "ended from elsewhere");
}

#[rocket::async_test]
async fn a_guests_lasts_a_day() {
    let app = app().await;
    let browser = guest(&app, "tea").await;
    app.clock().advance(TimeDelta::hours(24) - TimeDelta::minutes(1));
    assert_eq!(word(&browser).await, "tea");
    app.clock().advance(TimeDelta::minutes(1));
    assert_eq!(word(&browser).await, "nothing");
    // What comes next is another session's.
    keep(&browser, "coffee").await;
    assert_eq!(word(&browser).await, "coffee");
}

#[rocket::async_test]
async fn a_new_key_loses_nothing_and_seals_what_comes_next() {
    let (old, new) = (generate_paserk().unwrap(), generate_paserk().unwrap());
    let app = app_with(json!({"keys": [old.expose()]})).await;
    let before = guest(&app, "tea").await;
    let jar = |browser: &Browser<'_>, names: [&str; 2]| names.map(|it| browser.cookie(it).unwrap());
    let [id, data] = jar(&before, [GUEST, GUEST_DATA]);
    drop(before);

    let app = app.restart_with(rocket(), json!({"keys": [new.expose(), old.expose()]})).await;
    let browser = app.browser();
    browser.set_cookie(GUEST, &id);
    browser.set_cookie(GUEST_DATA, &data);
    assert_eq!(word(&browser).await, "tea");
    app.user(ANN).await;
    browser.log_in(ANN, PASSWORD).await;
    let [id, data] = jar(&browser, [SESSION, DATA]);
    drop(browser);

    let app = app.restart_with(rocket(), json!({"keys": [new.expose()]})).await;
    let browser = app.browser();
    browser.set_cookie(SESSION, &id);
    browser.set_cookie(DATA, &data);
    assert_eq!(word(&browser).await, "tea");
}

#[post("/hoard", data = "<text>")]
fn hoard(session: Session<'_>, text: String) -> Result<&'static str, Rejection> {
    let mut texts: Vec<String> = session.get("texts")?.unwrap_or_default();
    texts.push(text);
    session.insert("texts", &texts)?;
    Ok("kept")
}

#[rocket::async_test]
async fn a_visitor_who_fills_it_up_is_refused_and_causes_no_fault() {
    let app = TestApp::launch(rocket().mount("/", routes![hoard])).await;
    let guest = app.browser();
    let mut refused = 0;
    for _ in 0..25 {
        let answer = guest.post_form("/hoard", &[("text", &"\"".repeat(80))]).await;
        if answer.status != Status::Ok {
            assert_eq!(answer.status, Status::BadRequest);
            assert!(
                answer.body.contains("There is no space left to save this."),
                "{}",
                answer.body
            );
            refused += 1;
        }
    }
    assert!(refused > 0);
    let answer = guest.post_json("/hoard", json!({"text": "\"".repeat(3_000)})).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::BadRequest, vec!["session_full".into()])
    );
}

#[rocket::async_test]
async fn what_no_browser_would_keep_is_refused_where_it_is_inserted() {
    for base_url in ["http://127.0.0.1:8000", "https://example.org"] {
        let app = app_with(json!({"base_url": base_url})).await;
        for (browser, name, shorter) in [
            (app.browser(), GUEST_DATA, 0),
            // The size is that of a guest's cookie, whose name is longer.
            (app.log_in_as(ANN).await, DATA, GUEST_DATA.len() - DATA.len()),
        ] {
            let (mut fits, mut bursts) = (0, MAX_COOKIE);
            while bursts - fits > 1 {
                let middle = (fits + bursts) / 2;
                match browser.post_form(&format!("/stuff/{middle}"), &[]).await.body.as_str() {
                    "kept" => fits = middle,
                    _ => bursts = middle,
                }
            }
            browser.post_form("/stuff/1", &[]).await;
            let answer = browser.post_form(&format!("/stuff/{fits}"), &[]).await;
            let line = answer.headers("Set-Cookie").find(|it| it.contains(name)).unwrap();
            let length = line.len() + shorter;
            assert!((MAX_COOKIE - 2..=MAX_COOKIE).contains(&length), "{length}");

            let answer = browser.post_form(&format!("/stuff/{bursts}"), &[]).await;
            assert!(
                !answer.headers("Set-Cookie").any(|it| it.contains(name)),
                "what was there stays"
            );
            for part in ["\"stuff\"", "4096", "in the database"] {
                assert!(answer.body.contains(part), "{}", answer.body);
            }
            let size = answer.body.split(' ').filter_map(|it| it.parse::<usize>().ok()).next();
            assert!(size.is_some_and(|it| (4_097..4_100).contains(&it)), "{}", answer.body);
            let chatter = browser.post_form("/chatter/100", &[]).await.body;
            assert!(chatter.contains("TooLarge"), "{chatter}");
            assert_eq!(browser.get("/shown").await.body, "");
            assert_eq!(browser.get("/kept/stuff").await.body.len(), fits);
        }
    }
}

#[rocket::async_test]
async fn sentences_that_come_again_still_fit() {
    let app = app().await;
    let browser = app.browser();
    browser.post_form("/chatter/1500", &[]).await;
    browser.post_form("/stuff/1200", &[]).await;
    browser.get("/taken-in-vain/303").await;
    assert_eq!(browser.get("/shown").await.body.len(), 1_506);
    assert_eq!(browser.get("/kept/stuff").await.body.len(), 1_200);
}

#[rocket::async_test]
async fn what_was_changed_is_kept_when_the_handler_fails() {
    let app = app().await;
    for status in ["/fail/400", "/fail/404", "/fail/500", "/panic"] {
        for browser in [app.browser(), app.log_in_as(ANN).await] {
            browser.post_form(status, &[]).await;
            assert_eq!(browser.get("/kept/tried").await.body, "yes", "{status}");
        }
    }
    // Or another guard does, and the handler is never called.
    let browser = app.browser();
    assert_eq!(browser.post_form("/refused", &[]).await.location(), "/login");
    assert_eq!(browser.get("/kept/seen").await.body, "by the first");
}

#[rocket::async_test]
async fn whoever_uses_none_of_it_gets_no_cookie() {
    let app = app().await;
    let browser = app.browser();
    for path in ["/plain", "/kept/word", "/shown", "/basket", "/debug"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.header("Set-Cookie"), None, "{path}");
    }
    assert_eq!(app.browser().get("/plain").await.header("Cache-Control"), None);
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.cookie(DATA), None);
    for path in ["/kept/word", "/shown"] {
        assert_eq!(ann.get(path).await.header("Set-Cookie"), None, "{path}");
    }
    // Nor does it write what it did not change.
    for browser in [guest(&app, "tea").await, ann] {
        browser.post_form("/basket", &[]).await;
        for path in ["/kept/word", "/shown", "/basket", "/same"] {
            assert_eq!(browser.get(path).await.header("Set-Cookie"), None, "{path}");
        }
    }
}

#[rocket::async_test]
async fn answers_to_it_are_not_cached() {
    let app = app().await;
    for browser in [app.browser(), guest(&app, "tea").await] {
        for path in ["/kept/word", "/cached", "/kept/basket", "/page"] {
            let answer = browser.get(path).await;
            let varies: Vec<&str> = answer.headers("Vary").collect();
            assert_eq!(varies.join(", ").matches("Cookie").count(), 1, "{path}: {varies:?}");
            assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{path}");
        }
    }
    assert!(app.browser().get("/cached").await.headers("Vary").any(|it| it == "Accept"));
}

#[rocket::async_test]
async fn the_cookie_has_the_attributes_of_the_sessions_and_shows_nothing() {
    let app = app().await;
    let answer = app.browser().post_form("/basket", &[]).await;
    let line = line_of(&answer, GUEST_DATA).expect("a cookie").to_owned();
    let cookie = Cookie::parse(line.clone()).unwrap();
    assert_eq!((cookie.http_only(), cookie.secure()), (Some(true), None), "{line}");
    assert!(line.contains("SameSite=Lax") && line.contains("Path=/"), "{line}");
    assert!(!line.contains("Domain") && !line.contains("Expires"), "{line}");
    let token = cookie.value().strip_prefix("v4.local.").expect("sealed");
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for word in ["basket", "articles", "count", "until"] {
        assert!(!text.contains(word) && !line.contains(word), "{line}");
    }
    let body = guest(&app, "tea").await.get("/debug").await.body;
    assert!(!body.contains("tea"), "{body}");

    let app = app_with(json!({"base_url": "https://example.org"})).await;
    let browser = app.browser();
    let answer = browser.post_form("/basket", &[]).await;
    let line = line_of(&answer, "__Host-security_guest_data").expect("a cookie");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(line.contains(attribute), "{line}");
    }
    assert!(!line.contains("Domain"), "{line}");
    assert!(browser.get("/basket").await.body.contains("téa"));
}

#[rocket::async_test]
async fn a_cookie_that_was_tampered_with_is_as_none() {
    let app = app().await;
    for (browser, id, data) in
        [(guest(&app, "tea").await, GUEST, GUEST_DATA), (app.log_in_as(ANN).await, SESSION, DATA)]
    {
        keep(&browser, "tea").await;
        let good = browser.cookie(data).unwrap();
        let id = browser.cookie(id).unwrap();
        let (head, tail) = good.split_at(40);
        let flipped = if tail.starts_with('A') { "B" } else { "A" };
        let other = format!("{head}{flipped}{}", &tail[1..]);
        for bad in ["", "x", "v4.local.", &good[..60], &other, &id, &"v4.local.A".repeat(500)] {
            browser.set_cookie(data, bad);
            let answer = browser.get("/kept/word").await;
            assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, "nothing"), "{bad}");
        }
        browser.set_cookie(data, "x");
        keep(&browser, "coffee").await;
        assert_eq!(word(&browser).await, "coffee");
        // The cookie of the data is no session.
        let thief = app.browser();
        thief.set_cookie(SESSION, &good);
        assert_eq!(thief.get_json("/sessions").await.status, Status::Unauthorized);
    }
}

#[rocket::async_test]
async fn all_guards_of_a_request_see_the_same() {
    let app = app().await;
    let browser = app.browser();
    let body = browser.get("/twice").await.body;
    assert_eq!(body, "Some(\"by the first\") Some(\"by the second\")");
    assert_eq!(browser.get("/kept/seen").await.body, "by the second");
}

#[rocket::async_test]
async fn a_forged_request_changes_nothing() {
    let app = app().await;
    for browser in [guest(&app, "tea").await, app.log_in_as(ANN).await] {
        keep(&browser, "tea").await;
        let fields = [("name", "word"), ("value", "poison")];
        let answer = browser.post_form_as_is("/keep", &fields).await;
        assert_eq!(answer.status, Status::BadRequest);
        assert_eq!(word(&browser).await, "tea");
    }
    // The cookie alone makes a browser of whoever sends it.
    let program = app.browser();
    program.set_cookie(DATA, "x");
    let body = br#"{"name": "word", "value": "poison"}"#;
    let answer = program.post_raw("/keep", "application/json", body).await;
    assert_eq!(answer.status, Status::BadRequest);
}

#[rocket::async_test]
async fn without_the_fairing_the_launch_stops() {
    let rocket = rocket::build().mount("/", routes![basket]);
    let fault = try_launch(rocket, json!({})).await.unwrap_err();
    assert!(fault.contains("SentinelAborts"), "{fault}");
}

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::http::{Header, Status};
use rocket::{Build, Rocket, get, routes};
use rocket_security::features::basic::Basic;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp, link_in};
use rocket_security::{Assured, AuthUser, Security, Two};
use serde_json::{Value, json};

use crate::PrintedCodes;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

#[get("/me")]
fn me(user: AuthUser) -> String {
    user.email.to_string()
}

#[get("/payroll")]
fn payroll(_user: Assured<Two>) -> &'static str {
    "the payroll"
}

fn rocket() -> Rocket<Build> {
    let security = Security::default().enable(PrintedCodes::default()).enable(Basic::default());
    rocket::build().attach(security).mount("/", routes![me, payroll])
}

/// An application in which Ann has a printed list, and its codes.
async fn app() -> (TestApp, Vec<String>) {
    let settings = json!({
        "reset": {"log_in": true}, "confirm": {"log_in": true}, "mechanisms": ["session", "token", "basic"],
    });
    let app = TestApp::launch_with(rocket(), settings).await;
    let ann = app.log_in_as(ANN).await;
    let codes = print(&ann).await;
    (app, codes)
}

async fn print(browser: &Browser<'_>) -> Vec<String> {
    let answer = browser.post_json("/codes", json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let codes = answer.response("codes");
    codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

async fn is_in(browser: &Browser<'_>) -> bool {
    browser.get_json("/me").await.status == Status::Ok
}

async fn send(browser: &Browser<'_>, code: &str) -> Answer {
    browser.post_json("/code", json!({"code": code})).await
}

#[rocket::async_test]
async fn a_form_leads_from_the_password_to_the_code_and_in() {
    let (app, codes) = app().await;
    let ann = app.browser();
    let page = ann.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/code"));
    assert!(ann.get("/code").await.body.contains("A code from your list"));
    let page = ann.post_form("/code", &[("code", "0000")]).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("This code"), "{}", page.body);
    assert!(!is_in(&ann).await);
    let page = ann.post_form("/code", &[("code", &codes[0])]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/"));
    assert_eq!(ann.get("/payroll").await.body, "the payroll");
}

#[rocket::async_test]
async fn a_code_is_good_once() {
    let (app, codes) = app().await;
    for (code, status) in [(&codes[0], Status::Ok), (&codes[0], Status::BadRequest)] {
        let ann = app.browser();
        let answer = ann.log_in(ANN, PASSWORD).await;
        assert_eq!(answer.response("tf_required"), true);
        assert_eq!(answer.response("tf_method"), "printed_code");
        assert_eq!(send(&ann, code).await.status, status);
        assert_eq!(is_in(&ann).await, status == Status::Ok);
    }
}

#[rocket::async_test]
async fn programs_cannot_pass_it_by() {
    let (app, _) = app().await;
    let program = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD});
    let answer = program.post_json("/token", body).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::BadRequest, vec!["invalid_credentials".into()])
    );
    let basic = format!("Basic {}", STANDARD.encode(format!("{ANN}:{PASSWORD}")));
    let request = app.client().get("/me").header(Header::new("Authorization", basic));
    assert_eq!(program.send(request).await.status, Status::Unauthorized);
}

#[rocket::async_test]
async fn links_cannot_pass_it_by() {
    let (app, codes) = app().await;
    let ann = app.browser();
    ann.post_json("/reset", json!({"email": ANN})).await;
    let link = link_in(&app.newest_mail_to(ANN).await);
    let answer = ann.post_json(&link, json!({"password": "a ferry leaves at seven"})).await;
    assert_eq!((answer.status, answer.response("tf_required")), (Status::Ok, Value::Bool(true)));
    assert!(!is_in(&ann).await);
    assert_eq!(send(&ann, &codes[0]).await.status, Status::Ok);
    assert!(is_in(&ann).await);

    let bob = app.browser();
    bob.post_json("/register", json!({"email": BOB, "password": PASSWORD})).await;
    let lists = app.client().rocket().state::<PrintedCodes>().unwrap();
    let id = app.user(BOB).await.id;
    lists.codes.lock().await.insert(id, ["a code".to_owned()].into());
    let link = link_in(&app.newest_mail_to(BOB).await);
    let answer = bob.post_json(&link, json!({})).await;
    assert_eq!((answer.status, answer.response("tf_required")), (Status::Ok, Value::Bool(true)));
    assert!(!is_in(&bob).await);
    assert_eq!(send(&bob, "a code").await.status, Status::Ok);
    assert!(is_in(&bob).await);
}

#[rocket::async_test]
async fn a_remembered_browser_cannot_pass_it_by() {
    let (app, codes) = app().await;
    let ann = app.browser();
    ann.post_json("/login", json!({"email": ANN, "password": PASSWORD, "remember": true})).await;
    send(&ann, &codes[0]).await;
    ann.restart();
    assert!(!is_in(&ann).await);
    assert_eq!(ann.get("/login").await.location(), "/code");
    assert_eq!(send(&ann, &codes[1]).await.status, Status::Ok);
    assert!(is_in(&ann).await);
}

#[rocket::async_test]
async fn verify_leads_to_the_code_where_two_factors_are_asked_for() {
    let app = TestApp::launch(rocket()).await;
    let ann = app.log_in_as(ANN).await;
    let codes = print(&ann).await;
    let page = ann.get("/payroll").await;
    assert_eq!(page.location(), "/verify?next=%2Fpayroll&acr_values=aal2");
    let page = ann.get(page.location()).await;
    assert!(page.body.contains("code?next=%2Fpayroll\""), "{}", page.body);
    assert!(!page.body.contains("name=\"password\""), "the password was given already");
    let page = ann.post_form("/code", &[("code", &codes[0]), ("next", "/payroll")]).await;
    assert_eq!(page.location(), "/payroll");
    assert_eq!(ann.get("/payroll").await.body, "the payroll");
}

#[rocket::async_test]
async fn the_last_code_does_not_switch_the_factor_off() {
    let (app, codes) = app().await;
    for code in &codes {
        let ann = app.browser();
        assert_eq!(ann.log_in(ANN, PASSWORD).await.response("tf_required"), true);
        assert_eq!(send(&ann, code).await.status, Status::Ok);
    }
    let ann = app.browser();
    assert_eq!(ann.log_in(ANN, PASSWORD).await.response("tf_required"), true);
    assert!(!is_in(&ann).await);
}

#[rocket::async_test]
async fn another_list_is_printed_for_two_factors_only() {
    let (app, codes) = app().await;
    let bob = app.log_in_as(BOB).await;
    print(&bob).await;
    let answer = bob.post_json("/codes", json!({})).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["second_factor_required".into()])
    );

    let ann = app.browser();
    ann.log_in(ANN, PASSWORD).await;
    send(&ann, &codes[0]).await;
    print(&ann).await;
    ann.post_json("/logout", json!({})).await;
    ann.log_in(ANN, PASSWORD).await;
    assert_eq!(send(&ann, &codes[1]).await.status, Status::BadRequest, "the older list has ended");
}

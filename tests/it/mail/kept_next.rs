//! The page a visitor asked for survives the way over a mailbox, and a second tab.

use rocket::http::Status;
use rocket_security::Security;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::testing::{Browser, PASSWORD, TestApp};
use serde_json::json;

use crate::support::links::link_to;
use crate::support::{ANN, CHOSEN, app, app_with, rocket_with, with_ann};

/// Registers with a page in mind, and returns the link of the mail.
async fn register(app: &TestApp, browser: &Browser<'_>) -> String {
    let fields = [
        ("email", ANN),
        ("password", PASSWORD),
        ("password_confirm", PASSWORD),
        ("next", "/payout?year=2026"),
    ];
    let answer = browser.post_form("/register", &fields).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    link_to(app, ANN).await
}

/// Presses the button of a link.
async fn press(browser: &Browser<'_>, link: &str, page: &str, fields: &[(&str, &str)]) -> String {
    browser.get(link).await;
    let answer = browser.post_form(page, fields).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    answer.location().to_owned()
}

async fn log_in(browser: &Browser<'_>, password: &str) -> String {
    let fields = [("email", ANN), ("password", password)];
    browser.post_form("/login", &fields).await.location().to_owned()
}

#[rocket::async_test]
async fn a_registration_leads_on_to_the_page_that_was_asked_for() {
    let app = app().await;
    let browser = app.browser();
    let link = register(&app, &browser).await;
    assert!(!link.contains("payout"), "the mail does not name the page");
    assert_eq!(press(&browser, &link, "/confirm/link", &[]).await, "/login");
    assert_eq!(log_in(&browser, PASSWORD).await, "/payout?year=2026");

    browser.log_out().await;
    assert_eq!(log_in(&browser, PASSWORD).await, "/", "it leads there once");
}

#[rocket::async_test]
async fn so_does_a_confirmation_that_logs_in() {
    let app = app_with(json!({"confirm": {"log_in": true}})).await;
    let browser = app.browser();
    let link = register(&app, &browser).await;
    assert_eq!(press(&browser, &link, "/confirm/link", &[]).await, "/payout?year=2026");
}

#[rocket::async_test]
async fn another_browser_leads_home() {
    let app = app_with(json!({"confirm": {"log_in": true}})).await;
    let link = register(&app, &app.browser()).await;
    assert_eq!(press(&app.browser(), &link, "/confirm/link", &[]).await, "/");
}

#[rocket::async_test]
async fn a_reset_leads_on_too() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let login = browser.get("/login?next=%2Fpayout").await;
    assert!(login.body.contains("href=\"&#x2F;reset?next=&#x2F;payout\""), "{}", login.body);
    let page = browser.get("/reset?next=%2Fpayout").await;
    assert!(page.body.contains("name=\"next\" value=\"&#x2F;payout\""), "{}", page.body);

    browser.post_form("/reset", &[("email", ANN), ("next", "/payout")]).await;
    let link = link_to(&app, ANN).await;
    let fields = [("password", CHOSEN), ("password_confirm", CHOSEN)];
    assert_eq!(press(&browser, &link, "/reset/link", &fields).await, "/login");
    assert_eq!(log_in(&browser, CHOSEN).await, "/payout");
}

#[rocket::async_test]
async fn so_do_another_confirmation_mail_and_a_forgotten_username() {
    let security = Security::default().enable(RecoverUsername::default());
    let settings = json!({"identity": ["email", "username"]});
    let app = with_ann(TestApp::launch_with(rocket_with(security), settings)).await;
    for page in ["/confirm", "/recover-username"] {
        let browser = app.browser();
        let shown = browser.get(&format!("{page}?next=%2Fpayout")).await;
        assert!(shown.body.contains("value=\"&#x2F;payout\""), "{page}: {}", shown.body);
        browser.post_form(page, &[("email", ANN), ("next", "/payout")]).await;
        let fields = [("identity", ANN), ("password", PASSWORD)];
        assert_eq!(browser.post_form("/login", &fields).await.location(), "/payout", "{page}");
    }
}

#[rocket::async_test]
async fn a_login_that_names_a_page_itself_leads_there() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    browser.post_form("/reset", &[("email", ANN), ("next", "/payout")]).await;
    let fields = [("email", ANN), ("password", PASSWORD), ("next", "/me")];
    assert_eq!(browser.post_form("/login", &fields).await.location(), "/me");
    browser.log_out().await;
    assert_eq!(log_in(&browser, PASSWORD).await, "/", "the older wish is forgotten");
}

#[rocket::async_test]
async fn nothing_leads_away_and_nobody_learns_who_has_an_account() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    browser.post_form("/reset", &[("email", ANN), ("next", "https://evil.example/")]).await;
    assert_eq!(log_in(&browser, PASSWORD).await, "/");

    let mut cookies = Vec::new();
    for email in [ANN, "nobody@example.org"] {
        let browser = app.browser();
        let answer = browser.post_form("/reset", &[("email", email), ("next", "/payout")]).await;
        let sent = answer.headers("Set-Cookie");
        let names: Vec<_> = sent.filter_map(|it| it.split('=').next()).map(str::to_owned).collect();
        cookies.push((names, browser.cookie("security_data").map(|it| it.len())));
    }
    assert_eq!(cookies[0], cookies[1]);
}

#[rocket::async_test]
async fn a_program_keeps_its_own_way() {
    let app = app().await;
    let browser = app.browser();
    let answer = browser.post_json("/reset", json!({"email": ANN, "next": "/payout"})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(browser.cookie("security_data"), None);
}

#[rocket::async_test]
async fn a_login_page_in_a_second_tab_leads_on_to_where_that_tab_was_going() {
    let security = Security::default().enable(RecoverUsername::default());
    let settings = json!({"identity": ["email", "username"]});
    let app = TestApp::launch_with(rocket_with(security), settings).await;
    let ann = app.log_in_as(ANN).await;
    for page in ["/login", "/register", "/recover-username"] {
        let answer = ann.get(&format!("{page}?next=%2Fpayout")).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/payout"), "{page}");
        let fields = [("identity", ANN), ("password", PASSWORD), ("next", "/payout")];
        let answer = ann.post_form(page, &fields).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/payout"), "{page}");
        let away = ann.get(&format!("{page}?next=https%3A%2F%2Fevil.example")).await;
        assert_eq!((away.status, away.location()), (Status::SeeOther, "/"), "{page}");
    }
    let answer = ann.post_json("/login", json!({"email": ANN, "password": PASSWORD})).await;
    assert_eq!(answer.reasons(), ["already_authenticated"]);
}

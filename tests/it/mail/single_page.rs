//! Mailed links of an application that runs in the browser, from the mail to the JSON.

use rocket::http::{ContentType, Header, Status};
use rocket_security::event::Origin;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::features::invite::Invite;
use rocket_security::flow::Flow;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::{Email, Security};
use serde_json::{Value, json};

use crate::support::links::{confirmation_link, link_to, reset_link};
use crate::support::{ANN, CHOSEN, rocket_with, with_ann};

const NEW: &str = "ann@example.net";

/// Pages at another origin and here, with a page for links that are no good and without.
fn settings() -> Value {
    json!({
        "redirect_behavior": "spa",
        "redirect_origins": ["https://app.example.org"],
        "csrf": {"cookie": "XSRF-TOKEN"},
        "confirm": {"confirm_view": "https://app.example.org/confirm"},
        "reset": {
            "reset_view": "https://app.example.org/reset?lang=de",
            "reset_error_view": "https://app.example.org/oops",
        },
        "change_email": {
            "post_change_email_view": "/app/moved",
            "change_email_error_view": "/app/oops",
            "change_email_undo_view": "/app/undo",
        },
        "invite": {"invite_view": "/app/welcome", "invite_error_view": "/app/no-invitation"},
        "close_account": {"reopen_view": "/app/reopen"},
    })
}

async fn app() -> TestApp {
    let security = Security::default().enable(CloseAccount::default());
    TestApp::launch_with(rocket_with(security), settings()).await
}

/// Follows a link, and gives the pairs that the page finds in its fragment.
async fn follow(browser: &Browser<'_>, link: &str, page: &str) -> Vec<(String, String)> {
    let answer = browser.get(link).await;
    assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
    let (to, fragment) = answer.location().split_once('#').unwrap();
    assert_eq!(to, page);
    assert_eq!(answer.header("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(answer.header("Set-Cookie"), None, "no cookie is needed");
    url::form_urlencoded::parse(fragment.as_bytes()).into_owned().collect()
}

/// Follows a good link, and gives the token.
async fn token_of(browser: &Browser<'_>, link: &str, page: &str) -> String {
    let pairs = follow(browser, link, page).await;
    assert_eq!((pairs.len(), pairs[0].0.as_str()), (1, "token"));
    assert!(link.ends_with(&pairs[0].1), "{link}");
    pairs[0].1.clone()
}

/// Follows a link that is no good.
async fn refused_at(browser: &Browser<'_>, link: &str, page: &str) {
    let pairs = follow(browser, link, page).await;
    assert_eq!(pairs, [("error".to_owned(), "invalid_link".to_owned())]);
}

/// Sends JSON as a single-page application does.
async fn post(app: &TestApp, browser: &Browser<'_>, path: &str, body: Value) -> Answer {
    if browser.cookie("XSRF-TOKEN").is_none() {
        browser.get_json("/login").await;
    }
    let token = Header::new("X-XSRF-TOKEN", browser.cookie("XSRF-TOKEN").unwrap());
    let request = app.client().post(path.to_owned()).header(ContentType::JSON).header(token);
    let request = request.header(Header::new("Origin", "http://127.0.0.1:8000"));
    browser.send(request.body(body.to_string())).await
}

#[rocket::async_test]
async fn a_confirmation() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let browser = app.browser();
    let token = token_of(&browser, &link, "https://app.example.org/confirm").await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);

    let answer = post(&app, &browser, &format!("/confirm/{token}"), json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    refused_at(&browser, &link, "https://app.example.org/confirm").await;
}

#[rocket::async_test]
async fn a_reset() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let browser = app.browser();
    let token = token_of(&browser, &link, "https://app.example.org/reset?lang=de").await;

    let address = format!("/reset/{token}");
    let answer = post(&app, &browser, &address, json!({"password": "short"})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "password_too_short"]);
    let answer = post(&app, &browser, &address, json!({"password": CHOSEN})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized, "it logs nobody in");
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
    refused_at(&browser, &link, "https://app.example.org/oops").await;
}

#[rocket::async_test]
async fn the_token_may_stay_out_of_the_path_of_the_second_request_too() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let browser = app.browser();
    let token = token_of(&browser, &link, "https://app.example.org/reset?lang=de").await;
    let body = json!({"token": token, "password": CHOSEN});
    assert_eq!(post(&app, &browser, "/reset/link", body).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_change_of_address_and_its_undo() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    post(&app, &ann, "/change-email", json!({"email": NEW})).await;
    let link = link_to(&app, NEW).await;
    let token = token_of(&ann, &link, "/app/moved").await;
    assert_eq!(ann.get("/me").await.body, ANN, "looking changes nothing");
    let answer = post(&app, &ann, &format!("/change-email/{token}"), json!({})).await;
    assert_eq!(answer.response("user")["email"], NEW, "{}", answer.body);
    refused_at(&ann, &link, "/app/oops").await;

    let undo = link_to(&app, ANN).await;
    let browser = app.browser();
    let token = token_of(&browser, &undo, "/app/undo").await;
    assert_eq!(ann.get("/me").await.body, NEW);
    let answer = post(&app, &browser, &format!("/change-email-undo/{token}"), json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
    refused_at(&browser, &undo, "/app/undo").await;
}

#[rocket::async_test]
async fn a_link_that_needs_a_login_leads_to_its_page_which_sees_to_it() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    post(&app, &ann, "/change-email", json!({"email": NEW})).await;
    let link = link_to(&app, NEW).await;
    let browser = app.browser();
    let token = token_of(&browser, &link, "/app/moved").await;
    let address = format!("/change-email/{token}");
    assert_eq!(post(&app, &browser, &address, json!({})).await.reasons(), ["unauthenticated"]);
    let login = json!({"email": ANN, "password": PASSWORD});
    post(&app, &browser, "/login", login).await;
    assert_eq!(post(&app, &browser, &address, json!({})).await.status, Status::Ok);

    let eve = app.log_in_as("eve@example.org").await;
    post(&app, &browser, "/change-email", json!({"email": "ann@example.com"})).await;
    let link = link_to(&app, "ann@example.com").await;
    let answer = eve.get(&link).await;
    assert_eq!(answer.location(), "/app/oops#error=invalid_link", "it is not eve's");
}

#[rocket::async_test]
async fn an_invitation() {
    let app = app().await;
    let rocket = app.client().rocket();
    let (flow, invite) = rocket.state::<Flow>().zip(rocket.state::<Invite>()).unwrap();
    let origin = Origin::new(app.clock().now(), None);
    invite.send(flow, &Email::parse(ANN).unwrap(), origin).await.unwrap().unwrap();
    let link = link_to(&app, ANN).await;
    let browser = app.browser();
    let token = token_of(&browser, &link, "/app/welcome").await;
    let address = format!("/invite/{token}");
    assert_eq!(browser.get_json(&address).await.response("email"), ANN);
    let answer = post(&app, &browser, &address, json!({"password": CHOSEN})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
    refused_at(&browser, &link, "/app/no-invitation").await;
}

#[rocket::async_test]
async fn an_account_that_is_opened_again() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let answer = post(&app, &ann, "/close-account", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let link = link_to(&app, ANN).await;
    let browser = app.browser();
    let token = token_of(&browser, &link, "/app/reopen").await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    let answer = post(&app, &browser, &format!("/close-account/{token}"), json!({})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    refused_at(&browser, &link, "/app/reopen").await;
}

#[rocket::async_test]
async fn looking_any_number_of_times_changes_nothing() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    for _ in 0..3 {
        token_of(&app.browser(), &link, "https://app.example.org/confirm").await;
        assert_eq!(app.browser().get_json(&link).await.status, Status::Ok, "JSON is JSON");
        let head = app.client().head(link.clone()).dispatch().await;
        assert_eq!(head.status(), Status::SeeOther);
    }
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
}

#[rocket::async_test]
async fn links_that_never_were_lead_to_the_page_for_them() {
    let app = app().await;
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%ff", "a%2Fb", "%23token=x"]
    {
        let link = format!("/reset/{token}");
        refused_at(&app.browser(), &link, "https://app.example.org/oops").await;
    }
}

#[rocket::async_test]
async fn the_json_needs_the_anti_forgery_token_and_no_other_site() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    for (name, value, reason) in [
        ("Sec-Fetch-Site", "same-origin", "csrf_failed"),
        ("Origin", "http://127.0.0.1:8000", "csrf_failed"),
        // A page that people may be led to is none that acts for them.
        ("Origin", "https://app.example.org", "cross_site"),
        ("Sec-Fetch-Site", "cross-site", "cross_site"),
    ] {
        let browser = app.browser().header(name, value);
        browser.get(&link).await;
        let answer = browser.post_raw(&link, "application/json", b"{}").await;
        assert_eq!(answer.reasons(), [reason], "{name}: {value}");
    }
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
}

#[rocket::async_test]
async fn without_the_mode_links_lead_to_our_pages_whatever_views_there_are() {
    let mut settings = settings();
    settings.as_object_mut().unwrap().remove("redirect_behavior");
    let security = Security::default().enable(CloseAccount::default());
    let app = TestApp::launch_with(rocket_with(security), settings).await;
    let link = confirmation_link(&app, ANN).await;
    assert_eq!(app.browser().get(&link).await.location(), "/confirm/link");
}

//! Logging out.

use rocket::http::Status;
use serde_json::json;

use crate::support::{ANN, SESSION, app, app_with, with_ann};

#[rocket::async_test]
async fn the_session_is_over_for_whoever_kept_its_cookie() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    let stolen = ann.cookie(SESSION).unwrap();
    let answer = ann.log_out().await;
    assert_eq!(answer.json(), json!({"meta": {"code": 200}, "response": {}}));
    assert_eq!(ann.cookie(SESSION), None);

    let thief = app.browser();
    thief.set_cookie(SESSION, &stolen);
    assert_eq!(thief.get("/me").await.status, Status::SeeOther);
    assert_eq!(thief.get("/").await.body, "a guest");
}

#[rocket::async_test]
async fn the_button_leads_home_and_clears_what_the_browser_kept() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert!(ann.get("/logout").await.body.contains("method=\"post\" action=\"/logout\""));
    let answer = ann.post_form("/logout", &[]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
    assert_eq!(answer.header("Clear-Site-Data"), Some("\"storage\""));
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

#[rocket::async_test]
async fn what_the_browser_cached_goes_where_a_setting_says_so() {
    let app = app_with(json!({"logout": {"clear_cache": true}})).await;
    let answer = app.log_in_as(ANN).await.log_out().await;
    assert_eq!(answer.header("Clear-Site-Data"), Some("\"cache\", \"storage\""));
}

#[rocket::async_test]
async fn looking_at_the_page_ends_nothing() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    ann.get("/logout").await;
    assert_eq!(ann.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn without_the_token_nobody_is_logged_out() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.post_form_as_is("/logout", &[]).await.status, Status::BadRequest);
    assert_eq!(ann.post_raw("/logout", "application/json", b"{}").await.status, Status::BadRequest);
    assert_eq!(ann.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn other_sessions_of_the_user_go_on() {
    let app = app().await;
    let (laptop, phone) = (app.log_in_as(ANN).await, app.log_in_as(ANN).await);
    laptop.log_out().await;
    assert_eq!(phone.get("/me").await.status, Status::Ok);
}

#[rocket::async_test]
async fn logging_out_twice_is_no_mistake() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    ann.log_out().await;
    assert_eq!(ann.log_out().await.status, Status::Ok);
}

#[rocket::async_test]
async fn ids_and_csrf_tokens_change_at_login_and_at_logout() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let mut seen = Vec::new();
    let mut note = async || {
        seen.push(browser.csrf_token().await);
        let id = browser.cookie(SESSION).or_else(|| browser.cookie("security_guest"));
        seen.push(id.unwrap());
    };
    note().await;
    browser.log_in(ANN, rocket_security::testing::PASSWORD).await;
    note().await;
    browser.log_out().await;
    note().await;
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[rocket::async_test]
async fn it_leads_to_next_where_that_is_a_page_of_this_site() {
    let app = app().await;
    for (next, expected) in
        [("/page1?a=b", "/page1?a=b"), ("https://evil.example/", "/"), ("//evil.example", "/")]
    {
        let path = format!("/logout?next={}", next.replace('?', "%3F"));
        let ann = app.log_in_as(ANN).await;
        let answer = ann.post_form(&path, &[]).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, expected));
        let ann = app.log_in_as(ANN).await;
        let answer = ann.post_form("/logout", &[("next", next)]).await;
        assert_eq!((answer.status, answer.location()), (Status::SeeOther, expected));
    }
    let ann = app.log_in_as(ANN).await;
    let page = ann.get("/logout?next=/page1").await.body;
    assert!(page.contains("name=\"next\" value=\"&#x2F;page1\""), "{page}");
    assert!(!ann.get("/logout?next=//evil.example").await.body.contains("evil.example"));
    assert_eq!(ann.post_json("/logout?next=/page1", json!({})).await.status, Status::Ok);
}

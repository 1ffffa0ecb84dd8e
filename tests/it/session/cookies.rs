//! Our cookies: several tabs, several applications on one host, and what is planted.

use chrono::TimeDelta;
use rocket::http::{ContentType, Header, Status};
use rocket::tokio::join;
use rocket::tokio::sync::Notify;
use rocket::{State, get, routes};
use rocket_security::features::remember::Remember;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::{AuthUser, Maybe, Page, Security, Session};
use serde_json::{Value, json};

use crate::support::links::link_to;
use crate::support::remembered::remembered;
use crate::support::{ANN, BOB, REMEMBER, SESSION, app, app_with, rocket, with_ann};

#[get("/basket/<thing>")]
fn fill(session: Session<'_>, thing: &str) -> Result<(), rocket_security::Rejection> {
    Ok(session.insert("basket", thing)?)
}

#[get("/basket")]
fn basket(session: Session<'_>) -> Result<String, rocket_security::Rejection> {
    Ok(session.get("basket")?.unwrap_or_default())
}

/// Puts something into the basket, and answers when it is let.
#[get("/slowly/<thing>")]
async fn fill_slowly(
    session: Session<'_>,
    gate: &State<Gate>,
    thing: &str,
) -> Result<(), rocket_security::Rejection> {
    session.insert("basket", thing)?;
    gate.is_at_work.notify_one();
    gate.goes_on.notified().await;
    Ok(())
}

#[derive(Default)]
struct Gate {
    is_at_work: Notify,
    goes_on: Notify,
}

#[get("/form")]
fn form() -> Page {
    Page::new("security/login.html")
}

#[get("/personal")]
fn personal(_user: Maybe<AuthUser>) -> &'static str {
    "whoever it is"
}

#[get("/cached")]
fn cached(_user: AuthUser) -> (Status, Cached) {
    (Status::Ok, Cached("kept for a minute", Header::new("Cache-Control", "private, max-age=60")))
}

#[derive(rocket::Responder)]
struct Cached(&'static str, Header<'static>);

async fn launch(settings: Value) -> TestApp {
    let routes = routes![fill, fill_slowly, basket, form, personal, cached];
    let rocket = rocket().manage(Gate::default()).mount("/", routes);
    TestApp::launch_with(rocket, settings).await
}

/// Gives the names of the cookies that an answer sets or removes.
fn written(answer: &Answer) -> Vec<String> {
    let lines = answer.headers("Set-Cookie");
    let mut names: Vec<String> =
        lines.map(|line| line.split('=').next().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Gives a browser that sends what another one sends now.
fn copy<'a>(app: &'a TestApp, browser: &Browser<'_>, names: &[&str]) -> Browser<'a> {
    let copy = app.browser();
    for name in names {
        if let Some(value) = browser.cookie(name) {
            copy.set_cookie(name, &value);
        }
    }
    copy
}

#[rocket::async_test]
async fn an_answer_that_comes_late_leaves_the_session_that_replaced_its_own() {
    let app = launch(json!({"csrf": {"cookie": "XSRF-TOKEN"}})).await;
    let ann = app.log_in_as(ANN).await;
    ann.get("/basket/pears").await;
    let held = [SESSION, "security_data", "XSRF-TOKEN"];
    for path in ["/me", "/", "/login", "/form", "/basket", "/basket/plums", "/welcome"] {
        // Asked for in one tab, and answered after the other has proved who it is.
        let (late, late_json) = (copy(&app, &ann, &held), copy(&app, &ann, &held));
        let answer = ann.post_json("/verify", json!({"password": PASSWORD})).await;
        assert_eq!(answer.status, Status::Ok);
        for name in held {
            assert_ne!(ann.cookie(name), late.cookie(name), "{name}");
        }
        for (late, answer) in
            [(&late, late.get(path).await), (&late_json, late_json.get_json(path).await)]
        {
            for name in written(&answer) {
                // Script that asks for the token gets it, and the next answer puts the copy right.
                let is_told = name == "XSRF-TOKEN" && ["/login"].contains(&path);
                // The sentence for the login page is shown to guests alone.
                let is_new = name.starts_with("security_guest") || name == "security_notice";
                assert!(is_new || is_told, "{path} writes {name}");
                // The browser keeps it beside the newer cookies.
                ann.set_cookie(&name, &late.cookie(&name).unwrap());
            }
        }
        assert_eq!(ann.get("/me").await.body, ANN, "{path}");
        assert_eq!(ann.get("/basket").await.body, "pears", "{path}");
        let page = ann.get("/logout").await;
        assert!(page.status == Status::Ok && !page.body.contains("Please log in"), "{path}");
        let script = Header::new("X-XSRF-Token", ann.cookie("XSRF-TOKEN").unwrap());
        let sent = ann.send(app.client().post("/thing").header(script).body("x")).await;
        assert_eq!(sent.status, Status::Ok, "{path}");
    }
}

#[rocket::async_test]
async fn a_session_that_has_ended_is_401_once_and_then_a_guests() {
    let app = app().await;
    for is_page in [true, false] {
        let ann = app.log_in_as(ANN).await;
        let dead = ann.cookie(SESSION).unwrap();
        copy(&app, &ann, &[SESSION]).log_out().await;
        if is_page {
            let answer = ann.get("/").await;
            assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/login?next=%2F"));
        } else {
            assert_eq!(ann.get_json("/").await.status, Status::Unauthorized);
        }
        assert_eq!(ann.cookie(SESSION), Some(dead), "it may be a newer one by now");
        assert_eq!(ann.get("/").await.body, "a guest");
        let answer = ann.post_form("/login", &[("email", ANN), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
        assert_eq!(ann.get("/").await.body, ANN);
        assert_eq!(ann.cookie("security_guest"), None);
    }
}

#[rocket::async_test]
async fn an_answer_that_comes_late_leaves_the_newer_remembered_browser() {
    let app = with_ann(app()).await;
    let ann = app.browser();
    let body = json!({"email": ANN, "password": PASSWORD, "remember": true});
    ann.post_json("/login", body.clone()).await;
    let late = copy(&app, &ann, &[REMEMBER]);
    ann.log_out().await;
    ann.post_json("/login", body).await;
    let newer = ann.cookie(REMEMBER).unwrap();
    let answer = late.get("/").await;
    assert_eq!(
        (answer.body.as_str(), written(&answer)),
        ("a guest", vec!["security_guest".to_owned()])
    );
    ann.set_cookie("security_guest", &late.cookie("security_guest").unwrap());
    ann.restart();
    assert_eq!(ann.cookie(REMEMBER), Some(newer));
    assert_eq!(ann.get("/").await.body, ANN);
}

#[rocket::async_test]
async fn a_cookie_that_comes_twice_is_refused_whatever_it_holds() {
    let settings = json!({
        "csrf": {"cookie": "XSRF-TOKEN"},
        "tokens": {"sources": ["authorization", "cookie"], "refresh_in": "cookie"},
    });
    let app = app_with(settings).await;
    let (ann, bob) = (app.log_in_as(ANN).await, app.log_in_as(BOB).await);
    let (ann, bob) = (ann.cookie(SESSION).unwrap(), bob.cookie(SESSION).unwrap());
    let send = async |lines: &[String], path: &str| {
        let mut request = app.client().get(path.to_owned()).header(rocket::http::Accept::JSON);
        for line in lines {
            request = request.header(Header::new("Cookie", line.clone()));
        }
        app.browser().send(request).await
    };
    let ours = ["session", "guest", "link", "notice", "form", "data", "guest_data"];
    let ours = ours.into_iter().chain(["remember", "refresh", "token"]);
    let ours = ours.map(|last| format!("security_{last}")).chain(["XSRF-TOKEN".to_owned()]);
    for name in ours {
        for lines in [
            vec![format!("{name}={ann}; other=x; {name}={bob}")],
            vec![format!("{name}={ann}"), format!("{name}={ann}")],
            vec![format!("{name}=; {}={bob}", name.replace('_', "%5F").replace('-', "%2d"))],
        ] {
            for path in ["/me", "/", "/login", "/style.css"] {
                let answer = send(&lines, path).await;
                assert_eq!(answer.status, Status::BadRequest, "{path} {name}: {}", answer.body);
                assert_eq!(answer.reasons(), ["conflicting_credentials"], "{path} {name}");
                assert_eq!(written(&answer), Vec::<String>::new(), "{path} {name}");
            }
        }
    }
    for line in [format!("{SESSION}={ann}; x=1; x=2"), format!("{SESSION}={ann}; {SESSION}2={bob}")]
    {
        assert_ne!(
            send(std::slice::from_ref(&line), "/").await.status,
            Status::BadRequest,
            "{line}"
        );
    }
    let page =
        app.client().get("/me").header(Header::new("Cookie", format!("{SESSION}=a;{SESSION}=b")));
    let page = app.browser().send(page).await;
    assert!(page.body.contains("delete the cookies of this site"), "{}", page.body);
}

#[rocket::async_test]
async fn a_cookie_that_none_of_our_keys_opens_is_a_strangers() {
    let app = with_ann(app()).await;
    for foreign in ["v4.local.AAAA", "eyJ1c2VyIjoxfQ.session", "%7B%7D", ""] {
        let guest = app.browser();
        for name in [SESSION, REMEMBER, "security_guest", "security_data"] {
            guest.set_cookie(name, foreign);
        }
        let answer = guest.get("/").await;
        assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, "a guest"), "{foreign}");
        assert_eq!(written(&answer), Vec::<String>::new(), "{foreign}");
        assert_eq!(guest.get("/me").await.location(), "/login?next=%2Fme");
        assert_eq!(guest.get_json("/me").await.status, Status::Unauthorized);
        assert_eq!(guest.cookie(SESSION).as_deref(), Some(foreign));
        assert_eq!(guest.log_in(ANN, PASSWORD).await.status, Status::Ok);
        assert_eq!(guest.get("/").await.body, ANN);
    }
}

#[rocket::async_test]
async fn two_applications_on_one_host_leave_each_other_alone_by_their_names() {
    let shop = app_with(json!({"cookies": {"name": "shop"}})).await;
    let forum =
        app_with(json!({"cookies": {"name": "forum", "session": "sid", "remember": "stay"}})).await;
    let (at_shop, at_forum) = (shop.log_in_as(ANN).await, forum.log_in_as(BOB).await);
    let body = json!({"email": BOB, "password": PASSWORD, "remember": true});
    at_forum.log_out().await;
    at_forum.post_json("/login", body).await;
    let (of_shop, of_forum) =
        (at_shop.cookie("shop_session").unwrap(), at_forum.cookie("sid").unwrap());
    assert!(at_forum.cookie("stay").is_some());
    at_shop.set_cookie("sid", &of_forum);
    at_forum.set_cookie("shop_session", &of_shop);
    assert_eq!(at_shop.get("/me").await.body, ANN);
    assert_eq!(at_forum.get("/me").await.body, BOB);
    at_shop.log_out().await;
    assert_eq!(at_shop.cookie("sid"), Some(of_forum));
}

#[rocket::async_test]
async fn domain_path_and_same_site_are_settings_and_choose_the_prefix() {
    for (cookies, name, attributes) in [
        (json!({}), "__Host-security_session", vec!["SameSite=Lax", "Path=/"]),
        (json!({"name": "shop"}), "__Host-shop_session", vec!["SameSite=Lax", "Path=/"]),
        (json!({"same_site": "Strict"}), "__Host-security_session", vec!["SameSite=Strict"]),
        (json!({"same_site": "None"}), "__Host-security_session", vec!["SameSite=None"]),
        (
            json!({"domain": "example.org"}),
            "__Secure-security_session",
            vec!["Domain=example.org", "Path=/"],
        ),
        (json!({"path": "/shop"}), "__Secure-security_session", vec!["Path=/shop"]),
    ] {
        let settings = json!({"base_url": "https://www.example.org", "cookies": cookies});
        let app = with_ann(app_with(settings)).await;
        let answer = app.browser().log_in(ANN, PASSWORD).await;
        let line = answer.headers("Set-Cookie").find(|it| it.starts_with(&format!("{name}=")));
        let line = line.unwrap_or_else(|| panic!("{cookies}: {:?}", written(&answer)));
        for attribute in attributes.into_iter().chain(["Secure", "HttpOnly"]) {
            assert!(line.contains(&format!("; {attribute}")), "{cookies}: {line}");
        }
        assert_eq!(line.contains("Domain="), cookies.get("domain").is_some(), "{line}");
    }
}

#[rocket::async_test]
async fn a_session_that_was_refused_for_its_age_stays_dead_when_the_clock_steps_back() {
    for (limit, settings) in [
        (TimeDelta::minutes(60), json!({})),
        (TimeDelta::minutes(60), json!({"session": {"idle": "30m", "absolute": "1h"}})),
    ] {
        let security = Security::default().disable::<Remember>();
        let app = TestApp::launch_with(crate::support::rocket_with(security), settings).await;
        let ann = app.log_in_as(ANN).await;
        let copy = copy(&app, &ann, &[SESSION]);
        app.clock().advance(limit - TimeDelta::minutes(1));
        app.clock().advance(TimeDelta::minutes(2));
        assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
        app.clock().advance(-TimeDelta::minutes(40));
        assert_eq!(copy.get_json("/me").await.status, Status::Unauthorized);
        assert_eq!(ann.get("/").await.body, "a guest");
    }
}

#[rocket::async_test]
async fn a_remembered_browser_that_was_refused_for_its_age_stays_forgotten() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let copy = copy(&app, &ann, &[REMEMBER]);
    app.clock().advance(TimeDelta::days(30));
    assert_eq!(copy.get_json("/me").await.status, Status::Unauthorized);
    app.clock().advance(-TimeDelta::days(10));
    for browser in [copy, self::copy(&app, &ann, &[REMEMBER])] {
        assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    }
}

#[rocket::async_test]
async fn a_credential_of_one_user_beside_the_session_of_another_is_refused() {
    let app = app_with(json!({"tokens": {"refresh_in": "cookie"}})).await;
    let login = "/login?include_auth_token";
    let (ann, bob) = (app.browser(), app.log_in_as(BOB).await);
    app.user(ANN).await;
    ann.post_json(login, json!({"email": ANN, "password": PASSWORD})).await;
    let planted = ann.cookie("security_refresh").unwrap();
    bob.set_cookie("security_refresh", &planted);
    for (path, body) in [
        ("/refresh-token", json!({})),
        ("/refresh-token/end", json!({})),
        ("/token", json!({"email": ANN, "password": PASSWORD})),
        ("/logout", json!({"refresh_token": planted})),
    ] {
        let answer = bob.post_json(path, body).await;
        assert_eq!(answer.reasons(), ["conflicting_credentials"], "{path}: {}", answer.body);
        assert_eq!(answer.status, Status::BadRequest, "{path}");
        assert!(!answer.body.contains("authentication_token"), "{path}");
    }
    assert_eq!(bob.get("/me").await.body, BOB);
    // To its own user it is as good as before.
    assert_eq!(ann.post_json("/refresh-token", json!({})).await.status, Status::Ok);
    let own = bob.post_json("/token", json!({"email": BOB, "password": PASSWORD})).await;
    assert_eq!(own.status, Status::Ok, "{}", own.body);
}

#[rocket::async_test]
async fn a_credential_of_one_user_beside_the_access_token_of_another_is_refused() {
    let app = app().await;
    let log_in = async |email: &str| {
        app.user(email).await;
        let body = json!({"email": email, "password": PASSWORD});
        app.browser().post_json("/token", body).await.response("user")
    };
    let (anns, bobs) = (log_in(ANN).await, log_in(BOB).await);
    let bearer =
        |user: &Value| format!("Bearer {}", user["authentication_token"].as_str().unwrap());
    let post = async |path: &'static str, authorization: String, body: &Value| {
        let request = app.client().post(path).header(Header::new("Authorization", authorization));
        let request = request.header(ContentType::JSON).body(body.to_string());
        app.browser().send(request).await
    };
    for (path, body) in [
        ("/login", json!({"email": BOB, "password": PASSWORD})),
        ("/token", json!({"email": BOB, "password": PASSWORD})),
        ("/refresh-token", json!({"refresh_token": bobs["refresh_token"]})),
        ("/logout", json!({"refresh_token": bobs["refresh_token"]})),
    ] {
        let answer = post(path, bearer(&anns), &body).await;
        assert_eq!(answer.reasons(), ["conflicting_credentials"], "{path}: {}", answer.body);
    }
    // One's own, and one that opens nothing any more, are no hindrance.
    let body = json!({"refresh_token": bobs["refresh_token"]});
    assert_eq!(post("/refresh-token", bearer(&bobs), &body).await.status, Status::Ok);
    let body = json!({"email": BOB, "password": PASSWORD});
    assert_eq!(post("/token", "Bearer v4.public.x".to_owned(), &body).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_link_that_died_with_a_session_stays_dead_after_the_next_login() {
    let app = app().await;
    for looks_between in [true, false] {
        let browser = app.log_in_as(BOB).await;
        browser.post_json("/reset", json!({"email": BOB})).await;
        browser.get(&link_to(&app, BOB).await).await;
        assert_eq!(browser.get("/reset/link").await.status, Status::Ok);
        let elsewhere = app.log_in_as(BOB).await;
        elsewhere.post_json("/sessions/end-others", json!({})).await;
        if looks_between {
            browser.get("/me").await;
            assert_eq!(browser.get("/reset/link").await.status, Status::BadRequest);
        }
        app.user(ANN).await;
        assert_eq!(browser.log_in(ANN, PASSWORD).await.status, Status::Ok);
        let page = browser.get("/reset/link").await;
        assert_eq!(page.status, Status::BadRequest, "{looks_between}: {}", page.body);
        assert!(!page.body.contains(BOB), "{}", page.body);
        app.clock().advance(TimeDelta::hours(2));
    }
}

#[rocket::async_test]
async fn an_answer_that_was_under_way_when_its_session_was_replaced_destroys_no_data() {
    let app = launch(json!({})).await;
    let ann = app.log_in_as(ANN).await;
    ann.get("/basket/pears").await;
    let late = copy(&app, &ann, &[SESSION, "security_data"]);
    let gate: &Gate = app.client().rocket().state().unwrap();
    let (answer, ()) = join!(late.get("/slowly/plums"), async {
        gate.is_at_work.notified().await;
        let proved = ann.post_json("/verify", json!({"password": PASSWORD})).await;
        assert_eq!(proved.status, Status::Ok);
        gate.goes_on.notify_one();
    });
    assert_eq!(written(&answer), Vec::<String>::new());
    assert_eq!(ann.get("/basket").await.body, "pears");
}

#[rocket::async_test]
async fn the_cookies_of_another_application_survive_login_and_logout() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let others = ["security_remember", "security_link", "security_form"];
    browser.csrf_token().await;
    for name in others {
        browser.set_cookie(name, "v4.local.of-another-application");
    }
    assert_eq!(browser.log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(browser.log_out().await.status, Status::Ok);
    for name in others {
        let kept = browser.cookie(name);
        assert_eq!(kept.as_deref(), Some("v4.local.of-another-application"), "{name}");
    }
}

#[rocket::async_test]
async fn what_a_guard_let_somebody_see_is_kept_in_no_cache_unless_the_handler_says_so() {
    let app = launch(json!({})).await;
    let ann = app.log_in_as(ANN).await;
    for path in ["/me", "/", "/personal"] {
        assert_eq!(ann.get(path).await.header("Cache-Control"), Some("no-store"), "{path}");
    }
    let cached = ann.get("/cached").await;
    assert_eq!(cached.headers("Cache-Control").collect::<Vec<_>>(), ["private, max-age=60"]);
    for path in ["/", "/personal"] {
        assert_eq!(app.browser().get(path).await.header("Cache-Control"), None, "{path}: a guest");
    }
}

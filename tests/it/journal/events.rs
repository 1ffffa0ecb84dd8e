//! What listeners are told.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::tokio::time::sleep;
use rocket_security::clock::Clock;
use rocket_security::event::{Missing, Origin, QUEUE, SessionEnd, Signals};
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::{Event, Security, UserId};
use serde_json::json;
use uuid::Uuid;

use crate::support::links::{change_email, confirmation_link, register};
use crate::support::sink::Sink;
use crate::support::waiting::wait_for;
use crate::support::{ANN, rocket_with};

impl Sink {
    /// Waits until it has heard of that many.
    async fn wait_for(&self, count: usize) {
        wait_for("further event", || (self.names().len() >= count).then_some(())).await;
    }
}

async fn app_with_listener() -> (TestApp, Sink) {
    let sink = Sink::default();
    let security = Security::default().on_event(|_| panic!("a listener that panics"));
    (TestApp::launch(rocket_with(sink.listen(security))).await, sink)
}

/// Goes through a life: from a registration to a logout, and what goes wrong on the way.
async fn live(app: &TestApp) {
    let browser = app.browser();
    let link = confirmation_link(app, ANN).await;
    browser.log_in(ANN, PASSWORD).await;
    browser.post_json(&link, json!({})).await;
    browser.post_json(&link, json!({})).await;
    browser.get("/me").await;
    browser.log_in(ANN, PASSWORD).await;
    browser.get("/admin").await;
    browser.post_form_as_is("/logout", &[]).await;
    browser.log_out().await;
    register(app, ANN).await;
}

/// The events of a life, in order. The first confirmation link belongs to the registration.
const LIFE: [&str; 10] = [
    "user_registered",
    "user_failed_authn",
    "user_confirmed",
    "link_refused",
    "user_unauthenticated",
    "user_authenticated",
    "user_unauthorized",
    "csrf_failed",
    "user_logged_out",
    "user_not_registered",
];

#[rocket::async_test]
async fn a_life_from_registration_to_logout_is_told_in_order() {
    let (app, sink) = app_with_listener().await;
    live(&app).await;
    app.told().await;
    assert_eq!(sink.names(), LIFE);
}

#[rocket::async_test]
async fn that_a_mail_went_out_is_told_with_who_asked_for_it() {
    let (app, sink) = app_with_listener().await;
    let from = std::net::IpAddr::from([203, 0, 113, 7]);
    let guest = app.browser().at(from);
    guest.post_json("/register", json!({"email": ANN, "password": PASSWORD})).await;
    app.mail().await;
    guest.post_json("/confirm", json!({"email": ANN})).await;
    app.user("bob@example.org").await;
    let reset = guest.post_json("/reset", json!({"email": "bob@example.org"})).await;
    app.log_in_as("bob@example.org").await;
    let bob = app.browser().at(from);
    bob.log_in("bob@example.org", PASSWORD).await;
    bob.post_json("/change-email", json!({"email": "bob@example.net"})).await;
    app.mail().await;
    app.told().await;
    let heard = sink.events();
    let told = |name: &str| {
        let mut told = heard.iter().filter(|event| event.name() == name);
        let (Some(event), None) = (told.next(), told.next()) else {
            panic!("{name} was not told once");
        };
        event.origin()
    };
    for name in [
        "confirm_instructions_sent",
        "reset_password_instructions_sent",
        "change_email_instructions_sent",
    ] {
        assert_eq!(told(name).client, Some(from), "{name}");
    }
    let request_id = told("reset_password_instructions_sent").request_id.unwrap().to_string();
    assert_eq!(reset.header("X-Request-Id"), Some(request_id.as_str()));
    assert_eq!(told("reset_password_instructions_sent").authn_via, None);
    let authn_via = told("change_email_instructions_sent").authn_via.as_deref();
    assert_eq!(authn_via, Some("password"));
}

#[rocket::async_test]
async fn nobody_logged_in_is_told_of_wherever_somebody_has_to_be() {
    let (app, sink) = app_with_listener().await;
    for path in ["/me", "/change", "/change-email", "/verify", "/sessions"] {
        app.browser().get_json(path).await;
        app.told().await;
        let names = sink.take();
        let names: Vec<_> = names.iter().map(Event::name).collect();
        assert_eq!(names, ["user_unauthenticated"], "{path}");
    }
}

#[rocket::async_test]
async fn an_event_says_who_when_from_where_in_which_request_and_how_they_had_proved_it() {
    let (app, sink) = app_with_listener().await;
    let user = app.user(ANN).await;
    let from = std::net::IpAddr::from([203, 0, 113, 7]);
    let browser = app.browser().at(from);
    browser.log_in(ANN, PASSWORD).await;
    let answer = browser.get("/admin").await;
    app.told().await;
    let event = sink.events().pop().unwrap();
    assert_eq!((event.name(), event.user()), ("user_unauthorized", Some(user.id)));
    let json = serde_json::to_value(&event).unwrap();
    assert_eq!(json["missing"], json!({"roles": ["admin"]}));
    assert_eq!(
        (&json["origin"]["method"], &json["origin"]["route"]),
        (&json!("GET"), &json!("/admin"))
    );
    let origin = event.origin();
    assert_eq!(origin.client, Some(from));
    assert_eq!(origin.authn_via.as_deref(), Some("password"));
    let request_id = origin.request_id.unwrap().to_string();
    assert_eq!(answer.header("X-Request-Id"), Some(request_id.as_str()));
    assert!(app.clock().now() - origin.at < chrono::TimeDelta::minutes(1));
}

#[rocket::async_test]
async fn a_route_is_named_by_its_pattern_and_a_failed_login_by_its_method() {
    let (app, sink) = app_with_listener().await;
    app.user(ANN).await;
    app.browser().log_in(ANN, "a wrong password").await;
    let token = "A".repeat(43);
    app.browser().post_json(&format!("/reset/{token}"), json!({"password": PASSWORD})).await;
    app.browser().get("/nowhere").await;
    app.told().await;
    let events = sink.events();
    let events: Vec<_> = events.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    let [failed, refused] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (&failed["reason"], &failed["authn_via"]),
        (&json!("wrong_password"), &json!("password"))
    );
    let place = |event: &serde_json::Value| {
        let origin = &event["origin"];
        (origin["method"].clone(), origin["route"].clone())
    };
    assert_eq!(place(failed), (json!("POST"), json!("/login")));
    assert_eq!(refused["event"], "link_refused");
    assert_eq!(place(refused), (json!("POST"), json!("/reset/<token>")));
    assert!(!format!("{events:?}").contains(&token), "{events:?}");
}

#[rocket::async_test]
async fn a_change_of_address_tells_the_old_one_to_listeners_and_prints_it_nowhere() {
    let (app, sink) = app_with_listener().await;
    let ann = app.log_in_as(ANN).await;
    change_email(&app, &ann, "ann@example.net").await;
    app.told().await;
    let events = sink.events();
    let old = events.iter().find_map(|event| match event {
        Event::ChangeEmailConfirmed { old_email, .. } => Some(old_email.expose().as_str()),
        _ => None,
    });
    assert_eq!(old, Some(ANN));
    let text = format!("{events:?}{}", serde_json::to_string(&*events).unwrap());
    assert!(text.contains("change_email_confirmed") && !text.contains("ann@"), "{text}");
}

#[rocket::async_test]
async fn no_event_holds_a_secret() {
    let (app, sink) = app_with_listener().await;
    let browser = app.browser();
    let link = confirmation_link(&app, ANN).await;
    browser.post_json(&link, json!({})).await;
    browser.log_in(ANN, "a wrong password").await;
    browser.log_in(ANN, PASSWORD).await;
    app.told().await;
    let events = sink.events();
    let text = format!("{events:?}{}", serde_json::to_string(&*events).unwrap());
    let token = link.rsplit('/').next().unwrap();
    let cookie = browser.cookie("security_session").unwrap();
    for secret in [PASSWORD, "a wrong password", token, &cookie, ANN] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[rocket::async_test]
async fn listeners_sync_and_async_and_receivers_hear_the_same_in_the_same_order() {
    let (sync, later) = (Sink::default(), Sink::default());
    let (ear, later_ear) = (sync.clone(), later.clone());
    let security = Security::default().on_event(move |event| ear.hear(event)).on_event_async(
        move |event: Arc<Event>| {
            let ear = later_ear.clone();
            async move {
                // What came first must not be overtaken.
                sleep(Duration::from_millis(if ear.names().is_empty() { 50 } else { 0 })).await;
                ear.hear(&event);
            }
        },
    );
    let mut before = security.events();
    let app = TestApp::launch(rocket_with(security)).await;
    let mut after = app.client().rocket().state::<Signals>().unwrap().subscribe();
    live(&app).await;
    app.told().await;
    let names = sync.names();
    assert_eq!(names, LIFE);
    assert_eq!(later.names(), names);
    for receiver in [&mut before, &mut after] {
        let mut heard = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            heard.push(event.name());
        }
        assert_eq!(heard, names);
    }
}

#[rocket::async_test]
async fn a_listener_that_blocks_panics_or_never_ends_changes_no_request() {
    let sink = Sink::default();
    let ear = sink.clone();
    let security = Security::default()
        .on_event(|_| thread::sleep(Duration::from_secs(30)))
        .on_event(|_| panic!("a listener that panics"))
        .on_event_async(|_| std::future::pending())
        .on_event_async(|event| async move { panic!("one that panics at {}", event.name()) })
        .on_event_async(|event| -> std::future::Ready<()> { panic!("one at {}", event.name()) })
        .on_event(move |event| ear.hear(event));
    let app = TestApp::launch(rocket_with(security)).await;
    let begun = Instant::now();
    live(&app).await;
    sink.wait_for(LIFE.len()).await;
    assert_eq!(app.log_in_as("bob@example.org").await.get("/me").await.status, Status::Ok);
    drop(app);
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[rocket::async_test]
async fn what_does_not_fit_into_a_listeners_queue_is_dropped_for_it_alone() {
    let (sink, slow) = (Sink::default(), Sink::default());
    let (ear, slow_ear) = (sink.clone(), slow.clone());
    let gate = Arc::new(Barrier::new(2));
    let held = Arc::clone(&gate);
    let security = Security::default()
        .on_event(move |event| {
            slow_ear.hear(event);
            if slow_ear.names().len() == 1 {
                held.wait();
            }
        })
        .on_event(move |event| ear.hear(event));
    let app = TestApp::launch(rocket_with(security)).await;
    let signals = app.client().rocket().state::<Signals>().unwrap();
    let many = QUEUE + 100;
    let event = |number| {
        let at = app.clock().now() + chrono::TimeDelta::seconds(i64::try_from(number).unwrap());
        Event::Throttled { origin: Origin::new(at, None) }
    };
    signals.send(&event(0));
    slow.wait_for(1).await;
    for number in 1..many {
        signals.send(&event(number));
        // The one that is not slow keeps up.
        sink.wait_for(number + 1).await;
    }
    gate.wait();
    app.told().await;
    assert_eq!((sink.names().len(), slow.names().len()), (many, QUEUE + 1));
    // What comes afterwards is heard again.
    signals.send(&event(many));
    app.told().await;
    assert_eq!(slow.names().len(), QUEUE + 2);
}

#[rocket::async_test]
async fn a_client_that_is_dropped_takes_its_listeners_along() {
    let (kept, ended) = (Arc::new(()), Sink::default());
    let (one, two, ear) = (Arc::clone(&kept), Arc::clone(&kept), ended.clone());
    let security = Security::default()
        .on_event(move |event| {
            let _kept = &one;
            ear.hear(event);
        })
        .on_event_async(move |_| {
            let kept = Arc::clone(&two);
            async move {
                std::future::pending::<()>().await;
                drop(kept);
            }
        });
    let app = TestApp::launch(rocket_with(security)).await;
    let signals = app.client().rocket().state::<Signals>().unwrap().clone();
    app.browser().get("/me").await;
    ended.wait_for(1).await;
    assert!(Arc::strong_count(&kept) > 1);
    drop(app);
    wait_for("end of the listeners", || (Arc::strong_count(&kept) == 1).then_some(())).await;
    // Whoever still has the signals tells nobody.
    signals.told().await;
}

#[rocket::async_test]
async fn a_shutdown_tells_what_is_queued() {
    let sink = Sink::default();
    let ear = sink.clone();
    let security = Security::default().on_event(move |event| {
        thread::sleep(Duration::from_millis(20));
        ear.hear(event);
    });
    let app = TestApp::launch(rocket_with(security)).await;
    for _ in 0..20 {
        app.browser().get("/me").await;
    }
    app.shut_down().await;
    assert_eq!(sink.names().len(), 20);
}

/// The page of `event` is the inventory of what is logged (ASVS 5.0, 16.1.1).
#[test]
fn the_manual_names_every_event_by_the_name_that_json_has() {
    let manual = include_str!("../../../src/event.rs");
    let source = include_str!("../../../src/event/kinds.rs");
    let (_, body) = source.split_once("\nevents! {").unwrap();
    let (body, _) = body.split_once("\nimpl Event {").unwrap();
    let variants = body.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("    ")?.split_once(", \"")?;
        name.starts_with(|first: char| first.is_ascii_uppercase()).then_some(name)
    });
    let mut count = 0;
    for variant in variants {
        assert!(manual.contains(&format!("//! | [`{variant}`](Event::{variant}) |")), "{variant}");
        count += 1;
    }
    assert_eq!(manual.matches("//! | [`").count() - 3, count);
    let origin = Origin::new(Clock::default().now(), None);
    let missing = Missing::Roles(vec!["admin"]);
    let event = Event::UserUnauthorized { user: UserId::from_uuid(Uuid::nil()), missing, origin };
    assert_eq!(serde_json::to_value(&event).unwrap()["event"], event.name());
}

#[rocket::async_test]
async fn a_session_that_is_one_too_many_or_too_old_is_told_of_by_its_public_id() {
    let sink = Sink::default();
    let security = sink.listen(Security::default());
    let limit = json!({"session": {"max_per_user": 2}});
    let app = TestApp::launch_with(rocket_with(security), limit).await;
    let user = app.user(ANN).await;
    for _ in 0..3 {
        app.log_in_as(ANN).await;
        app.clock().advance(TimeDelta::seconds(1));
    }
    let kept = app.store().list_sessions(user.id).await.unwrap();
    app.clock().advance(TimeDelta::hours(1));
    assert_eq!(app.sweep().await, 2);
    app.told().await;
    let told = sink.events();
    let ended = told.iter().filter_map(|event| match event {
        Event::SessionEnded { user, session, reason, .. } => Some((*user, *session, *reason)),
        _ => None,
    });
    let [evicted, mut expired @ ..]: [_; 3] = ended.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((evicted.0, evicted.2), (user.id, SessionEnd::Evicted));
    assert!(kept.iter().all(|session| session.id != evicted.1));
    let mut expected = [0, 1].map(|of| (user.id, kept[of].id, SessionEnd::Expired));
    expired.sort_by_key(|it| it.1);
    expected.sort_by_key(|it| it.1);
    assert_eq!(expired, expected);
}

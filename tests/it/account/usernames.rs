//! Going by a username.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::Security;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::confirm::Confirm;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::testing::{Answer, PASSWORD, TestApp, link_in};
use serde_json::{Value, json};

use crate::support::launching::launches;
use crate::support::links::{link_to, reset_link};
use crate::support::usernames::{app_with_usernames, named_user};
use crate::support::users::{change_user, credentials_of};
use crate::support::{ANN, app, rocket_with, with_ann};

const LONG_NAME: &str = "wolkenkuckucksheim";

#[rocket::async_test]
async fn nobody_chooses_their_username_for_a_password_by_whatever_way() {
    let refused = ["invalid_input", "password_blocklisted"];
    let app = app_with_usernames(json!({})).await;
    named_user(&app, ANN, LONG_NAME).await;
    let ann = app.log_in_as(ANN).await;
    let change = json!({"password": PASSWORD, "new_password": LONG_NAME});
    assert_eq!(ann.post_json("/change", change).await.reasons(), refused);

    let link = reset_link(&app, ANN).await;
    let reset = app.browser().post_json(&link, json!({"password": LONG_NAME})).await;
    assert_eq!(reset.reasons(), refused);

    let registered = json!({"email": "bob@example.org", "username": "luftschlossbewohner"});
    let register = |password: &str| {
        let mut body = registered.clone();
        body["password"] = json!(password);
        body
    };
    let own = app.browser().post_json("/register", register("luftschlossbewohner")).await;
    assert_eq!(own.reasons(), refused);
    assert_eq!(app.browser().post_json("/register", register(PASSWORD)).await.status, Status::Ok);
    let link = link_to(&app, "bob@example.org").await;
    let chosen = json!({"password": "luftschlossbewohner"});
    assert_eq!(app.browser().post_json(&link, chosen).await.reasons(), refused);
}

#[rocket::async_test]
async fn a_reset_ends_the_wait_of_whoever_guessed_by_username() {
    let app = app_with_usernames(json!({"throttle": {"scale": 1}})).await;
    named_user(&app, "ann@example.org", "annlee").await;
    for _ in 0..5 {
        log_in(&app, "username", "annlee", "a wrong guess of hers").await;
    }
    let turned_away = log_in(&app, "username", "annlee", PASSWORD).await;
    assert_eq!(turned_away.status, Status::TooManyRequests);
    let link = reset_link(&app, "ann@example.org").await;
    let chosen = "a ferry leaves at seven";
    let answer = app.browser().post_json(&link, json!({"password": chosen})).await;
    assert_eq!(answer.status, Status::Ok);
    assert_eq!(log_in(&app, "username", "annlee", chosen).await.status, Status::Ok);
}

async fn register(app: &TestApp, email: &str, name: &str) -> Answer {
    let body = json!({"email": email, "username": name, "password": PASSWORD});
    app.browser().post_json("/register", body).await
}

async fn log_in(app: &TestApp, field: &str, typed: &str, password: &str) -> Answer {
    app.browser().post_json("/login", json!({field: typed, "password": password})).await
}

#[rocket::async_test]
async fn whoever_registers_with_a_username_logs_in_by_it_however_it_is_spelled() {
    let app = app_with_usernames(json!({})).await;
    assert_eq!(register(&app, ANN, "Jos\u{e9}").await.status, Status::Ok);
    let link = link_to(&app, ANN).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
    for (field, typed) in [
        ("username", "Jos\u{e9}"),
        ("username", "JOSE\u{301}"),
        ("identity", "jos\u{e9}"),
        ("identity", "ANN@example.org"),
        ("email", ANN),
    ] {
        let answer = log_in(&app, field, typed, PASSWORD).await;
        assert_eq!(answer.status, Status::Ok, "{field} {typed}");
        assert_eq!(answer.response("user")["username"], "Jos\u{e9}");
    }
}

#[rocket::async_test]
async fn the_pages_have_a_field_for_it() {
    let app = app_with_usernames(json!({})).await;
    let browser = app.browser();
    let page = browser.get("/register").await.body;
    assert!(page.contains("name=\"username\"") && page.contains("4 to 32 letters"), "{page}");
    let fields = [
        ("email", ANN),
        ("username", "annlee"),
        ("password", PASSWORD),
        ("password_confirm", PASSWORD),
    ];
    assert_eq!(browser.post_form("/register", &fields).await.location(), "/login");
    let link = link_to(&app, ANN).await;
    app.browser().post_json(&link, json!({})).await;

    let page = browser.get("/login").await.body;
    assert!(page.contains("Email address or username") && page.contains("name=\"identity\""));
    assert!(!page.contains("name=\"email\"") && page.contains("href=\"&#x2F;recover-username\""));
    let wrong = [("identity", "annlee"), ("password", "not my password")];
    let refused = browser.post_form("/login", &wrong).await;
    assert_eq!(refused.status, Status::BadRequest);
    assert!(refused.body.contains("value=\"annlee\""), "{}", refused.body);
    let right = [("identity", "annlee"), ("password", PASSWORD)];
    assert_eq!(browser.post_form("/login", &right).await.status, Status::SeeOther);
    assert_eq!(browser.get("/me").await.body, ANN);
}

#[rocket::async_test]
async fn the_login_tells_what_a_user_goes_by_in_the_configured_order() {
    for identity in [json!(["email", "username"]), json!(["username", "email"])] {
        let app = app_with_usernames(json!({"identity": identity})).await;
        let answer = app.browser().get_json("/login").await;
        assert_eq!(answer.response("identity_attributes"), identity);
    }
    let answer = app().await.browser().get_json("/login").await;
    assert_eq!(answer.response("identity_attributes"), json!(["email"]));
}

#[rocket::async_test]
async fn one_says_who_one_is_in_one_field() {
    let app = app_with_usernames(json!({})).await;
    named_user(&app, ANN, "annlee").await;
    let login = async |body: Value| app.browser().post_json("/login", body).await;
    let both = json!({"email": ANN, "username": "annlee", "password": PASSWORD});
    assert_eq!(login(both).await.reasons(), ["invalid_input", "identity_ambiguous"]);
    let blank = json!({"email": "", "username": "annlee", "password": PASSWORD});
    assert_eq!(login(blank).await.status, Status::Ok, "a field that is left empty says nothing");
    for (body, reason) in [
        (json!({"password": PASSWORD}), "identity_invalid"),
        (json!({"identity": "an n", "password": PASSWORD}), "identity_invalid"),
        (json!({"email": "annlee", "password": PASSWORD}), "email_invalid"),
        (json!({"username": ANN, "password": PASSWORD}), "username_invalid"),
        (json!({"username": null, "password": PASSWORD}), "identity_invalid"),
        (json!({"username": ["annlee"], "password": PASSWORD}), "unexpected_value"),
    ] {
        assert_eq!(login(body.clone()).await.reasons(), ["invalid_input", reason], "{body}");
    }
}

#[rocket::async_test]
async fn where_users_go_by_addresses_everything_is_as_if_there_were_no_usernames() {
    let app = app().await;
    let ann = named_user(&app, ANN, "annlee").await;
    for field in ["username", "identity"] {
        let answer = log_in(&app, field, "annlee", PASSWORD).await;
        assert_eq!(answer.reasons(), ["invalid_input", "unexpected_value"]);
        assert!(answer.response("field_errors")[field].is_array());
    }
    for path in ["/login", "/token"] {
        let body = json!({"email": ANN, "passwd": PASSWORD});
        let said = app.browser().post_json(path, body).await.response("field_errors").to_string();
        assert!(
            said.contains("\u{201c}passwd\u{201d}. Expected: email, password"),
            "{path}: {said}"
        );
        assert!(!said.contains("username") && !said.contains("identity"), "{path}: {said}");
    }
    for name in ["annalee", ""] {
        let answer = register(&app, "bob@example.org", name).await;
        assert_eq!(answer.reasons(), ["invalid_input", "unexpected_value"]);
    }
    let page = app.browser().get("/register").await.body;
    assert!(!page.to_lowercase().contains("name=\"username\""), "{page}");
    let user = app.browser().log_in("bob@example.org", PASSWORD).await.response("user");
    assert!(user.get("username").is_none());
    assert_eq!(ann.username.unwrap().as_str(), "annlee");
}

#[rocket::async_test]
async fn an_account_has_to_have_a_username_unless_it_is_said_otherwise() {
    let body = json!({"email": ANN, "password": PASSWORD});
    let app = app_with_usernames(json!({})).await;
    let answer = app.browser().post_json("/register", body.clone()).await;
    assert_eq!(answer.reasons(), ["invalid_input", "username_invalid"]);
    assert!(app.mail().await.is_empty());

    let app = app_with_usernames(json!({"register": {"username_required": false}})).await;
    assert!(app.browser().get("/register").await.body.contains("Username (optional)"));
    assert_eq!(app.browser().post_json("/register", body).await.status, Status::Ok);
    let form = [
        ("email", "bob@example.org"),
        ("username", ""),
        ("password", PASSWORD),
        ("password_confirm", PASSWORD),
    ];
    assert_eq!(app.browser().post_form("/register", &form).await.status, Status::SeeOther);
    let users = app.store().list_users(None, 10).await.unwrap();
    assert!(users.len() == 2 && users.iter().all(|user| user.username.is_none()));
}

#[rocket::async_test]
async fn names_that_are_no_names_or_reserved_or_too_short_are_refused_beside_their_field() {
    let app = app_with_usernames(json!({"username": {"reserved": ["harbour"]}})).await;
    for (name, reason) in [
        ("ann", "username_invalid"),
        ("ann lee", "username_invalid"),
        ("ann@example.org", "username_invalid"),
        ("p\u{430}ypal", "username_invalid"),
        ("ann\u{200b}lee", "username_invalid"),
        ("Adm1n", "username_reserved"),
        ("HARB0UR", "username_reserved"),
    ] {
        let answer = register(&app, ANN, name).await;
        assert_eq!(answer.reasons(), ["invalid_input", reason], "{name}");
        assert!(answer.response("field_errors")["username"].is_array());
    }
    let fields = [("email", "ann@"), ("username", "root"), ("password", "short")];
    let page = app.browser().post_form("/register", &fields).await;
    for field in ["email", "username", "password"] {
        assert!(page.body.contains(&format!("id=\"error-{field}\"")), "{}", page.body);
    }
    assert!(app.mail().await.is_empty());
}

#[rocket::async_test]
async fn a_password_made_of_the_username_is_refused() {
    let app = app_with_usernames(json!({})).await;
    let name = "wolkenkuckucksheim";
    let body = json!({"email": ANN, "username": name, "password": name});
    let answer = app.browser().post_json("/register", body).await;
    assert_eq!(answer.reasons(), ["invalid_input", "password_blocklisted"]);
}

#[rocket::async_test]
async fn a_username_that_is_taken_or_looks_like_another_is_refused_whatever_the_address() {
    let app = app_with_usernames(json!({})).await;
    named_user(&app, ANN, "Alice").await;
    for name in ["alice", "ALICE", "aIice", "a1ice"] {
        let (free, taken) =
            (register(&app, "free@example.org", name).await, register(&app, ANN, name).await);
        assert_eq!(free.reasons(), ["invalid_input", "username_taken"], "{name}");
        assert_eq!(free.status, taken.status);
        assert_eq!(
            (free.comparable_headers(), free.body),
            (taken.comparable_headers(), taken.body)
        );
    }
    assert!(app.mail().await.is_empty(), "nothing was done about either address");
}

#[rocket::async_test]
async fn nobody_learns_from_a_username_whether_its_address_had_an_account() {
    let app = app_with_usernames(json!({})).await;
    named_user(&app, ANN, "annlee").await;
    let flow: &rocket_security::flow::Flow = app.client().rocket().state().unwrap();
    let mut answers = Vec::new();
    for (email, name) in [("free@example.org", "probe1234"), (ANN, "probe5678")] {
        let before = flow.hasher().hashes();
        let first = register(&app, email, name).await;
        assert_eq!((first.status, flow.hasher().hashes() - before), (Status::Ok, 2));
        let again = register(&app, "another@example.org", name).await;
        let alike = register(&app, "another@example.org", &name.replace('o', "0")).await;
        let login = log_in(&app, "username", name, PASSWORD).await;
        let ann = app.browser();
        ann.log_in(ANN, PASSWORD).await;
        let change = ann.post_json("/change-username", json!({"username": name})).await;
        answers.push([first, again, alike, login, change].map(|it| (it.status, it.reasons())));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][1].1, ["invalid_input", "username_taken"]);
    assert_eq!(answers[0][2].1, ["invalid_input", "username_taken"]);
    assert_eq!(app.newest_mail_to(ANN).await.subject, "You already have an account");
    let users = app.store().list_users(None, 10).await.unwrap();
    assert_eq!(users.len(), 2);
}

#[rocket::async_test]
async fn a_name_that_nobody_confirmed_is_free_again_whether_its_address_had_an_account_or_not() {
    let app = with_ann(app_with_usernames(json!({}))).await;
    for (email, name) in [("free@example.org", "probe1234"), (ANN, "probe5678")] {
        assert_eq!(register(&app, email, name).await.status, Status::Ok);
    }
    let mut hours = 0;
    // Asking for another link prolongs nothing, or the name of an account would stay longer.
    for (until, is_free) in [(1, false), (47, false), (48, false), (71, false), (72, true)] {
        app.clock().advance(TimeDelta::hours(until - hours));
        hours = until;
        for _ in 0..2 {
            for (prober, name) in
                [("bob@example.org", "probe1234"), ("eve@example.org", "probe5678")]
            {
                let answer = register(&app, prober, name).await;
                assert_eq!(answer.status == Status::Ok, is_free, "{name} after {until} hours");
                if is_free {
                    let id = credentials_of(&app, prober).await.user.id;
                    app.store().delete_user(id, &Together::nothing()).await.unwrap();
                }
            }
            for email in ["free@example.org", ANN] {
                app.browser().post_json("/confirm", json!({"email": email})).await;
            }
            if is_free {
                break;
            }
            app.sweep().await;
        }
    }
}

#[rocket::async_test]
async fn of_32_registrations_of_one_username_at_once_one_makes_the_account() {
    let app = app_with_usernames(json!({})).await;
    let try_one = async |number: usize| {
        let name = ["alice", "Alice", "aIice", "a1ice"][number % 4];
        register(&app, &format!("user{number}@example.org"), name).await
    };
    let answers = rocket::futures::future::join_all((0..32).map(try_one)).await;
    let made = answers.iter().filter(|answer| answer.status == Status::Ok).count();
    let refused =
        answers.iter().filter(|answer| answer.reasons().contains(&"username_taken".into()));
    assert_eq!((made, refused.count()), (1, 31));
    assert_eq!(app.store().list_users(None, 100).await.unwrap().len(), 1);
    assert_eq!(app.mail().await.len(), 1);
}

#[rocket::async_test]
async fn nobody_learns_by_a_username_why_a_login_failed() {
    let app = app_with_usernames(json!({})).await;
    named_user(&app, ANN, "annlee").await;
    let disabled = named_user(&app, "disabled@example.org", "disabled").await;
    change_user(&app, &disabled, &UserChange::active(false)).await;
    register(&app, "unconfirmed@example.org", "unconfirmed").await;
    let flow: &rocket_security::flow::Flow = app.client().rocket().state().unwrap();
    let mut answers = Vec::new();
    for (name, password) in [
        ("annlee", "a wrong password"),
        ("unknown", PASSWORD),
        ("disabled", PASSWORD),
        ("unconfirmed", PASSWORD),
    ] {
        for field in ["username", "identity"] {
            let before = flow.hasher().hashes();
            let answer = log_in(&app, field, name, password).await;
            assert_eq!(flow.hasher().hashes() - before, 1, "{name}");
            answers.push((answer.status, answer.comparable_headers(), answer.body));
        }
    }
    assert_eq!(answers[0].0, Status::BadRequest);
    assert!(answers.iter().all(|answer| answer == &answers[0]));
}

#[rocket::async_test]
async fn attempts_are_counted_for_an_account_by_whichever_name() {
    let app = app_with_usernames(json!({"throttle": {"scale": 1}})).await;
    named_user(&app, ANN, "annlee").await;
    let fail = async |field: &str, typed: &str| {
        log_in(&app, field, typed, "a wrong password").await.status.code
    };
    // Which field it is typed into, and how it is spelled, makes no difference.
    for (field, typed) in [
        ("username", "annlee"),
        ("email", ANN),
        ("identity", "ANNLEE"),
        ("identity", ANN),
        ("username", "annlee"),
    ] {
        assert_eq!(fail(field, typed).await, 400);
    }
    assert_eq!((fail("email", ANN).await, fail("username", "annlee").await), (429, 429));
    for typed in ["nobody", "stranger@example.org"] {
        let mut statuses = BTreeSet::new();
        for _ in 0..5 {
            statuses.insert(fail("identity", typed).await);
        }
        assert_eq!((statuses, fail("identity", typed).await), (BTreeSet::from([400]), 429));
    }
}

#[rocket::async_test]
async fn where_addresses_are_not_confirmed_one_can_log_in_by_username_at_once() {
    let security = Security::default().disable::<Confirm>();
    let settings = json!({"identity": ["email", "username"]});
    let app = TestApp::launch_with(rocket_with(security), settings).await;
    register(&app, ANN, "annlee").await;
    assert_eq!(log_in(&app, "username", "annlee", PASSWORD).await.status, Status::Ok);
}

#[rocket::async_test]
async fn features_for_usernames_do_not_launch_where_there_are_none() {
    let launches = |feature: Security, identity: Value| {
        launches(rocket_with(feature), json!({"identity": identity}))
    };
    let by_email = json!(["email"]);
    assert!(
        !launches(Security::default().enable(ChangeUsername::default()), by_email.clone()).await
    );
    assert!(!launches(Security::default().enable(RecoverUsername::default()), by_email).await);
    let by_both = json!(["email", "username"]);
    assert!(launches(Security::default().enable(RecoverUsername::default()), by_both).await);
    assert!(!launches(Security::default(), json!([])).await);
    assert!(!launches(Security::default(), json!(["email", "email"])).await);
    assert!(!launches(Security::default(), json!(["phone"])).await);
}

/// A name that is only held must not be told from one that an account has by what else is wrong.
#[rocket::async_test]
async fn a_form_that_is_wrong_otherwise_tells_nothing_about_a_name_either() {
    let app = with_ann(app_with_usernames(json!({}))).await;
    let mut told = Vec::new();
    for (email, name) in [(ANN, "zebra-one"), ("free@example.org", "panda-one")] {
        assert_eq!(register(&app, email, name).await.status, Status::Ok);
        let mut answers = Vec::new();
        for (email, password) in [
            ("eve@example.org", "short"),
            ("no address", PASSWORD),
            ("eve@example.org", name),
            ("eve@example.org", PASSWORD),
        ] {
            let body = json!({"email": email, "username": name, "password": password});
            answers.push(app.browser().post_json("/register", body).await.reasons());
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert!(
        told[0].iter().all(|reasons| reasons.contains(&"username_taken".to_owned())),
        "{told:?}"
    );
    // A form that is wrong holds nothing.
    let body = json!({"email": "eve@example.org", "username": "gnu-one", "password": "short"});
    app.browser().post_json("/register", body).await;
    assert_eq!(register(&app, "bob@example.org", "gnu-one").await.status, Status::Ok);
}

/// Prolonging one that somebody registered again would tell, when the name is free again, whether the
/// address has an account.
#[rocket::async_test]
async fn a_name_that_is_registered_once_more_is_taken_and_for_no_longer() {
    let app = with_ann(app_with_usernames(json!({}))).await;
    for (email, name) in [("new@example.org", "panda-two"), (ANN, "zebra-two")] {
        assert_eq!(register(&app, email, name).await.status, Status::Ok);
        app.clock().advance(TimeDelta::hours(47));
        let again = register(&app, email, name).await;
        assert_eq!(again.reasons(), ["invalid_input", "username_taken"]);
        assert!(again.body.contains("look for our mail"), "{}", again.body);
        // Another name prolongs the account, and not the first name.
        assert_eq!(register(&app, email, &format!("{name}-b")).await.status, Status::Ok);
        app.clock().advance(TimeDelta::hours(25));
        assert_eq!(register(&app, "eve@example.org", name).await.status, Status::Ok, "{name}");
        let second = register(&app, "eve@example.org", &format!("{name}-b")).await;
        assert_eq!(second.reasons(), ["invalid_input", "username_taken"]);
    }
}

/// A name that was given up while it is held for its registration stays held: whoever could let go of it
/// could let go of what is held for others.
#[rocket::async_test]
async fn a_name_that_was_given_up_soon_is_free_when_its_registration_is_three_days_old() {
    let app = app_with_usernames(json!({})).await;
    let ann = app.register(ANN, json!({"username": "annlee"})).await;
    let answer = ann.post_json("/change-username", json!({"username": "ann.of.ely"})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let taken = register(&app, "bob@example.org", "annlee").await;
    assert_eq!(taken.reasons(), ["invalid_input", "username_taken"]);
    app.clock().advance(TimeDelta::hours(72));
    assert_eq!(register(&app, "bob@example.org", "annlee").await.status, Status::Ok);
}

#[rocket::async_test]
async fn one_may_take_a_name_that_looks_like_ones_own() {
    let app = app_with_usernames(json!({})).await;
    let ann = app.register(ANN, json!({"username": "0scar1"})).await;
    let answer = ann.post_json("/change-username", json!({"username": "oscar1"})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
}

/// Whoever comes last gives the name, and nobody's password stays.
#[rocket::async_test]
async fn a_registration_late_in_another_ones_life_has_its_name_and_a_link_for_a_day() {
    let app = app_with_usernames(json!({})).await;
    let stranger =
        json!({"email": ANN, "username": "squatter", "password": "a stranger, a stranger"});
    assert_eq!(app.browser().post_json("/register", stranger).await.status, Status::Ok);
    app.clock().advance(TimeDelta::minutes(48 * 60 - 2));
    assert_eq!(register(&app, ANN, "annlee").await.status, Status::Ok);
    let mail = app.newest_mail_to(ANN).await;
    assert!(mail.text.contains("expires after 1 day."), "{}", mail.text);
    app.clock().advance(TimeDelta::hours(23));
    app.sweep().await;
    let answer = app.browser().post_json(&link_in(&mail), json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let user = log_in(&app, "username", "annlee", PASSWORD).await.response("user");
    assert_eq!(user["username"], "annlee");
    app.clock().advance(TimeDelta::hours(2));
    assert_eq!(register(&app, "eve@example.org", "squatter").await.status, Status::Ok);
}

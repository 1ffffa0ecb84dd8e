//! Moving an account to another address, and back.

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::config::Span;
use rocket_security::datastore::outbox::{Addressee, NewMail};
use rocket_security::datastore::user::UserChange;
use rocket_security::event::Origin;
use rocket_security::features::invite::Invite;
use rocket_security::features::reset::Reset;
use rocket_security::flow::Flow;
use rocket_security::testing::{Browser, PASSWORD, TestApp, link_in};
use rocket_security::{Email, Security, Text};
use serde_json::json;

use crate::support::links::{change_email, change_email_link, link_to, register};
use crate::support::sink::{app_that_tells, told};
use crate::support::store::push;
use crate::support::usernames::{app_with_usernames, named_user};
use crate::support::users::change_user;
use crate::support::{app, app_with, rocket_with};

const OLD: &str = "ann@example.org";
const NEW: &str = "Ann@Example.net";

/// Moves the account to the new address, and gives the way back that the old one gets.
async fn change(app: &TestApp, ann: &Browser<'_>, from: &str, to: &str) -> String {
    change_email(app, ann, to).await;
    link_to(app, from).await
}

#[rocket::async_test]
async fn the_new_address_proves_itself_and_the_old_one_is_told() {
    let app = app().await;
    let (ann, elsewhere) = (app.log_in_as(OLD).await, app.log_in_as(OLD).await);
    let page = ann.get("/change-email").await;
    assert!(page.body.contains(OLD), "{}", page.body);
    let answer = ann.post_form("/change-email", &[("email", NEW)]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));
    assert_eq!(ann.get("/me").await.body, OLD, "until it is proved, nothing changes");
    let link = link_to(&app, NEW).await;
    let before = ann.cookie("security_session");

    assert_eq!(ann.get(&link).await.location(), "/change-email/link");
    let page = ann.get("/change-email/link").await;
    assert!(page.body.contains(OLD) && page.body.contains(NEW), "{}", page.body);
    let answer = ann.post_form("/change-email/link", &[]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/"));

    assert_eq!(ann.get("/me").await.body, NEW);
    assert_ne!(ann.cookie("security_session"), before, "the session is another");
    assert_eq!(elsewhere.get("/me").await.status, Status::SeeOther);
    assert_eq!(app.browser().log_in(OLD, PASSWORD).await.status, Status::BadRequest);
    assert_eq!(app.browser().log_in(NEW, PASSWORD).await.status, Status::Ok);
    let to_old = app.newest_mail_to(OLD).await;
    assert!(to_old.text.contains(NEW) && to_old.text.contains("7 days"), "{}", to_old.text);
    assert!(link_in(&to_old).starts_with("/change-email-undo/"));
    let to_new = app.newest_mail_to(NEW).await;
    assert_eq!((to_new.subject.as_str(), to_new.link), ("Your email address was changed", None));
}

#[rocket::async_test]
async fn a_program_does_the_same() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    assert_eq!(ann.get_json("/change-email").await.response("current_email"), OLD);
    let link = change_email_link(&app, &ann, NEW).await;
    let shown = ann.get_json(&link).await;
    assert_eq!(
        (shown.response("current_email"), shown.response("new_email")),
        (json!(OLD), json!(NEW))
    );
    let answer = ann.post_json(&link, json!({})).await;
    assert_eq!(answer.response("user")["email"], NEW);
    assert_eq!(ann.post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn it_needs_freshness() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    app.clock().advance(TimeDelta::minutes(10));
    let answer = ann.post_json("/change-email", json!({"email": NEW})).await;
    assert_eq!(answer.reasons(), ["reauth_required"]);
    assert_eq!(ann.get("/change-email").await.location(), "/verify?next=%2Fchange-email");
    assert!(app.mail().await.is_empty());
    let nobody = app.browser().post_json("/change-email", json!({"email": NEW})).await;
    assert_eq!(nobody.reasons(), ["unauthenticated"]);
}

#[rocket::async_test]
async fn whoever_reads_mail_at_a_mistyped_address_gets_nothing() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    let link = change_email_link(&app, &ann, NEW).await;
    let stranger = app.browser();
    assert_eq!(stranger.post_json(&link, json!({})).await.reasons(), ["unauthenticated"]);
    stranger.get(&link).await;
    let to_login = stranger.get("/change-email/link").await;
    assert_eq!(to_login.location(), "/login?next=%2Fchange-email%2Flink");
    let eve = app.log_in_as("eve@example.org").await;
    assert_eq!(eve.get_json(&link).await.reasons(), ["invalid_link"]);
    assert_eq!(eve.post_json(&link, json!({})).await.reasons(), ["invalid_link"]);
    assert_eq!(ann.get("/me").await.body, OLD);
    // On another device its owner logs in, and goes on.
    let phone = app.browser();
    phone.get(&link).await;
    let fields = [("email", OLD), ("password", PASSWORD), ("next", "/change-email/link")];
    assert_eq!(phone.post_form("/login", &fields).await.location(), "/change-email/link");
    assert_eq!(phone.post_form("/change-email/link", &[]).await.status, Status::SeeOther);
    assert_eq!(phone.get("/me").await.body, NEW);
}

#[rocket::async_test]
async fn a_taken_address_looks_the_same_and_its_owner_is_told() {
    let app = app().await;
    app.user("bob@example.org").await;
    let ann = app.log_in_as(OLD).await;
    let ask = async |email: &str| {
        let answer = ann.post_json("/change-email", json!({"email": email})).await;
        (answer.status, answer.comparable_headers(), answer.body)
    };
    assert_eq!(ask("bob@example.org").await, ask("new@example.org").await);
    let to_bob = app.newest_mail_to("bob@example.org").await;
    assert_eq!(
        (to_bob.subject.as_str(), to_bob.link),
        ("Someone tried to use your email address", None)
    );
    assert!(!to_bob.text.contains(OLD), "nor is its owner told who it was");
}

#[rocket::async_test]
async fn whoever_uses_up_their_mails_to_an_address_keeps_nobody_else_from_it() {
    let app = app_with(json!({"throttle": {"scale": 1}})).await;
    let eve = app.log_in_as("eve@example.org").await;
    for _ in 0..8 {
        change_email_link(&app, &eve, NEW).await;
        app.clock().advance(TimeDelta::seconds(1));
    }
    assert_eq!(app.mail().await.len(), 5);
    let ann = app.log_in_as(OLD).await;
    let link = change_email_link(&app, &ann, NEW).await;
    assert_eq!(app.mail().await.len(), 6);
    assert_eq!(ann.post_json(&link, json!({})).await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.body, NEW);
}

#[rocket::async_test]
async fn many_accounts_do_not_flood_a_mailbox_and_are_answered_alike() {
    let app = app_with(json!({"throttle": {"scale": 1}})).await;
    let mut answers = Vec::new();
    for number in 0..5 {
        let asker = app.log_in_as(&format!("asker{number}@example.org")).await;
        for _ in 0..5 {
            let answer = asker.post_json("/change-email", json!({"email": NEW})).await;
            answers.push((answer.status, answer.comparable_headers(), answer.body.len()));
            app.mail().await;
            app.clock().advance(TimeDelta::seconds(1));
        }
    }
    // Ten, and the first of each asker beyond, within the limit for mails of this kind.
    assert_eq!(app.mail().await.len(), 12);
    assert_eq!(answers[0].0, Status::Ok);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
    app.clock().advance(TimeDelta::hours(1));
    let ann = app.log_in_as(OLD).await;
    change_email_link(&app, &ann, NEW).await;
    assert_eq!(app.mail().await.len(), 13);
}

#[rocket::async_test]
async fn an_address_that_was_taken_meanwhile_is_not_given_twice() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    let link = change_email_link(&app, &ann, NEW).await;
    app.user(NEW).await;
    let answer = ann.post_json(&link, json!({})).await;
    assert_eq!((answer.status, answer.reasons()), (Status::BadRequest, vec!["email_taken".into()]));
    assert_eq!(ann.get("/me").await.body, OLD, "and nothing has changed");
}

#[rocket::async_test]
async fn a_way_back_to_an_address_with_another_account_says_what_to_do_and_works_after_that() {
    let app = app().await;
    let thief = app.log_in_as(OLD).await;
    let way_back = change(&app, &thief, OLD, NEW).await;
    let notice = app.newest_mail_to(OLD).await;
    for part in [&notice.text, &notice.html] {
        assert!(part.contains("choose a new password for that account"), "{part}");
    }
    let other = app.log_in_as(OLD).await;
    let answer = app.browser().post_json(&way_back, json!({})).await;
    assert_eq!(answer.reasons(), ["email_taken"]);
    assert!(answer.body.contains("Choose a new password for that account"), "{}", answer.body);
    change_email(&app, &other, "other@example.org").await;
    let undone = app.browser().post_json(&way_back, json!({})).await;
    assert_eq!(undone.status, Status::Ok, "{}", undone.body);
    assert_eq!(thief.get("/me").await.status, Status::SeeOther, "the thief is out");
}

#[rocket::async_test]
async fn addresses_that_are_none_or_ones_own_are_refused() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    for (email, reason) in
        [("nonsense", "email_invalid"), ("", "email_invalid"), (OLD, "email_unchanged")]
    {
        let answer = ann.post_json("/change-email", json!({"email": email})).await;
        assert_eq!(answer.reasons(), ["invalid_input", reason]);
    }
    let page = ann.post_form("/change-email", &[("email", "nonsense")]).await;
    assert!(page.body.contains("value=\"nonsense\""));
}

#[rocket::async_test]
async fn another_spelling_of_ones_own_address_is_a_change() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    change(&app, &ann, OLD, "Ann@Example.org").await;
    assert_eq!(ann.get("/me").await.body, "Ann@Example.org");
}

#[rocket::async_test]
async fn a_newer_link_or_another_change_kills_the_older() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    let older = change_email_link(&app, &ann, "first@example.net").await;
    app.clock().advance(TimeDelta::seconds(1));
    let newer = change_email_link(&app, &ann, "second@example.net").await;
    assert_eq!(ann.post_json(&older, json!({})).await.reasons(), ["invalid_link"]);
    let body = json!({"password": PASSWORD, "new_password": "a ferry leaves at seven"});
    assert_eq!(ann.post_json("/change", body).await.status, Status::Ok);
    assert_eq!(ann.post_json(&newer, json!({})).await.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn mail_that_was_written_before_another_change_is_not_sent_after_it() {
    let app = app().await;
    let ann = app.user(OLD).await;
    change_user(&app, &ann, &UserChange::active(true)).await;
    for (to, epoch) in [("before@example.net", 0), ("after@example.net", 1)] {
        let mail = NewMail::new(
            &Text::new("change_email_instructions", "Confirm your new email address"),
            &Email::parse(to).unwrap(),
            app.clock().now(),
        );
        let mail = mail.unwrap().concerns(Addressee::User(ann.id));
        let mut mail = mail.link("change_email", Span::hours(2));
        mail.epoch = Some(epoch);
        push(app.store(), &mail).await;
    }
    let sent: Vec<String> = app.mail().await.iter().map(|mail| mail.to.to_string()).collect();
    assert_eq!(sent, ["after@example.net"]);
}

#[rocket::async_test]
async fn of_32_presses_at_once_one_changes_it() {
    let app = app().await;
    let ann = app.log_in_as(OLD).await;
    let link = change_email_link(&app, &ann, NEW).await;
    let (cookie, csrf_token) = (ann.cookie("security_session").unwrap(), ann.csrf_token().await);
    let press = async |_| {
        let browser = app.browser();
        browser.set_cookie("security_session", &cookie);
        browser.post_form_as_is(&link, &[("csrf_token", &csrf_token)]).await.location() == "/"
    };
    let answers = rocket::futures::future::join_all((0..32).map(press)).await;
    assert_eq!(answers.into_iter().filter(|is_done| *is_done).count(), 1);
    let told = app.mail().await.into_iter().filter(|mail| mail.to.as_str() == OLD).count();
    assert_eq!(told, 1);
}

#[rocket::async_test]
async fn the_old_address_takes_the_account_back_and_chooses_another_password() {
    let app = app().await;
    let thief = app.log_in_as(OLD).await;
    let way_back = change(&app, &thief, OLD, NEW).await;
    // What the thief does next does not shut the owner out.
    let body = json!({"password": PASSWORD, "new_password": "the thief makes it hers"});
    assert_eq!(thief.post_json("/change", body).await.status, Status::Ok);

    let owner = app.browser();
    assert_eq!(owner.get(&way_back).await.location(), "/change-email-undo/link");
    assert!(owner.get("/change-email-undo/link").await.body.contains(OLD));
    let answer = owner.post_form("/change-email-undo/link", &[]).await;
    assert_eq!((answer.status, answer.location()), (Status::SeeOther, "/reset"));
    assert_eq!(thief.get("/me").await.status, Status::SeeOther, "the thief is out");
    for password in [PASSWORD, "the thief makes it hers"] {
        for email in [OLD, NEW] {
            assert_eq!(app.browser().log_in(email, password).await.status, Status::BadRequest);
        }
    }
    for to in [OLD, NEW] {
        let told = app.newest_mail_to(to).await;
        assert_eq!(told.subject, "Your email address change was undone", "{to}");
        // Only who has the account back is told where to choose its next password.
        for text in [&told.text, &told.html] {
            assert_eq!(text.contains("/reset"), to == OLD, "{to}: {text}");
        }
    }
    owner.post_form("/reset", &[("email", OLD)]).await;
    let link = link_to(&app, OLD).await;
    owner.post_json(&link, json!({"password": "only the owner knows"})).await;
    assert_eq!(owner.log_in(OLD, "only the owner knows").await.status, Status::Ok);
    assert_eq!(app.browser().post_json(&way_back, json!({})).await.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn a_thief_who_moves_the_account_twice_does_not_get_it_back() {
    let app = app().await;
    let thief = app.log_in_as(OLD).await;
    let way_back = change(&app, &thief, OLD, NEW).await;
    app.clock().advance(TimeDelta::seconds(1));
    let thiefs_way_back = change(&app, &thief, NEW, "thief@example.net").await;
    let owner = app.browser();
    assert_eq!(owner.post_json(&way_back, json!({})).await.status, Status::Ok);
    let answer = app.browser().post_json(&thiefs_way_back, json!({})).await;
    assert_eq!(answer.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn nor_does_the_thief_shut_the_owner_out_by_going_back_first() {
    let app = app().await;
    let thief = app.log_in_as(OLD).await;
    let way_back = change(&app, &thief, OLD, NEW).await;
    app.clock().advance(TimeDelta::seconds(1));
    let thiefs_way_back = change(&app, &thief, NEW, "thief@example.net").await;
    app.clock().advance(TimeDelta::seconds(1));
    assert_eq!(app.browser().post_json(&thiefs_way_back, json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().post_json(&way_back, json!({})).await.status, Status::Ok);
    let users = app.store().list_users(None, 10).await.unwrap();
    assert_eq!(users[0].email.as_str(), OLD);
}

#[rocket::async_test]
async fn nor_by_registering_the_old_address_which_is_nobodys_until_it_is_proved() {
    let app = app().await;
    let thief = app.log_in_as(OLD).await;
    let way_back = change(&app, &thief, OLD, NEW).await;
    let body = json!({"email": OLD, "password": "the thief waits in front"});
    assert_eq!(app.browser().post_json("/register", body).await.status, Status::Ok);
    assert_eq!(app.browser().post_json(&way_back, json!({})).await.status, Status::Ok);
    let users = app.store().list_users(None, 10).await.unwrap();
    assert_eq!((users.len(), users[0].email.as_str()), (1, OLD));
}

#[rocket::async_test]
async fn who_registers_an_address_and_never_proves_it_keeps_nobody_from_it() {
    let app = app().await;
    let body = json!({"email": NEW, "password": "a squatter sits in here"});
    app.browser().post_json("/register", body).await;
    let ann = app.log_in_as(OLD).await;
    change_email(&app, &ann, NEW).await;
    assert_eq!(ann.get("/me").await.body, NEW);
}

#[rocket::async_test]
async fn the_way_back_is_mailed_though_the_account_was_locked_meanwhile() {
    let app = app().await;
    let ann = app.user(OLD).await;
    change_user(&app, &ann, &UserChange::active(false)).await;
    let to = Email::parse(OLD).unwrap();
    let mail =
        NewMail::new(&Text::new("change_email_notice", "Changed"), &to, app.clock().now()).unwrap();
    let mail = ["at", "client", "new_email"].into_iter().fold(mail, |mail, it| mail.with(it, it));
    let mail = mail.concerns(Addressee::User(ann.id));
    let mail = mail.lasting_link("change_email_undo", Span::hours(168));
    push(app.store(), &mail).await;
    assert!(app.newest_mail_to(OLD).await.link.is_some());
}

#[rocket::async_test]
async fn the_way_back_ends_when_it_says() {
    let app = app_with(json!({"change_email": {"undo_within": "3days"}})).await;
    let ann = app.log_in_as(OLD).await;
    let way_back = change(&app, &ann, OLD, NEW).await;
    app.clock().advance(TimeDelta::days(3));
    assert_eq!(app.browser().post_json(&way_back, json!({})).await.reasons(), ["invalid_link"]);
}

#[rocket::async_test]
async fn where_there_is_no_reset_the_thiefs_password_does_not_stay_either() {
    let app = TestApp::launch(rocket_with(Security::default().disable::<Reset>())).await;
    let thief = app.log_in_as(OLD).await;
    let way_back = change(&app, &thief, OLD, NEW).await;
    let body = json!({"password": PASSWORD, "new_password": "the thief makes it hers"});
    assert_eq!(thief.post_json("/change", body).await.status, Status::Ok);
    let owner = app.browser();
    owner.get(&way_back).await;
    let page = owner.get("/change-email-undo/link").await.body;
    assert!(
        page.contains("contact Harbour Library support") && !page.contains("email you a link"),
        "{page}"
    );
    let answer = owner.post_form("/change-email-undo/link", &[]).await;
    assert_eq!(answer.location(), "/login");
    let page = owner.get("/login").await.body;
    assert!(page.contains("Its password no longer works"), "{page}");
    for password in [PASSWORD, "the thief makes it hers"] {
        for email in [OLD, NEW] {
            assert_eq!(app.browser().log_in(email, password).await.status, Status::BadRequest);
        }
    }
    let told = app.newest_mail_to(OLD).await;
    for part in [&told.text, &told.html] {
        assert!(part.to_lowercase().contains("contact harbour library"), "{part}");
    }
}

#[rocket::async_test]
async fn whoever_takes_an_account_back_is_told_the_username_it_has_now() {
    let app = app_with_usernames(json!({})).await;
    named_user(&app, OLD, "annlee").await;
    let thief = app.log_in_as(OLD).await;
    let way_back = change(&app, &thief, OLD, NEW).await;
    let answer = thief.post_json("/change-username", json!({"username": "thiefsname"})).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    let owner = app.browser();
    owner.get(&way_back).await;
    let page = owner.get("/change-email-undo/link").await.body;
    assert!(page.contains("stays <b>thiefsname</b>") && page.contains("logged in"), "{page}");
    assert_eq!(owner.post_form("/change-email-undo/link", &[]).await.status, Status::SeeOther);
    for (to, is_told) in [(OLD, true), (NEW, false)] {
        let told = app.newest_mail_to(to).await;
        assert_eq!(told.subject, "Your email address change was undone", "{to}");
        for part in [told.text, told.html.replace("&#x2F;", "/")] {
            for text in ["thiefsname", "127.0.0.1:8000/change-username"] {
                assert_eq!(part.contains(text), is_told, "{to}: {part}");
            }
        }
    }
}

/// By what becomes of the older one, whoever reads it would learn whether another was made.
#[rocket::async_test]
async fn an_older_link_dies_whether_the_next_address_has_an_account_or_not() {
    let app = app().await;
    app.user("known@example.org").await;
    for next in ["known@example.org", "unknown@example.org"] {
        let eve = app.log_in_as("eve@example.org").await;
        let own = format!("eve-{next}");
        let link = change_email_link(&app, &eve, &own).await;
        assert_eq!(eve.get_json(&link).await.status, Status::Ok);
        let asked = eve.post_json("/change-email", json!({"email": next})).await;
        assert_eq!(asked.status, Status::Ok);
        assert_eq!(eve.get_json(&link).await.reasons(), ["invalid_link"], "{next}, at once");
        app.mail().await;
        assert_eq!(eve.get_json(&link).await.reasons(), ["invalid_link"], "{next}");
    }
}

#[rocket::async_test]
async fn an_invited_account_stays_and_a_displaced_one_is_told_of() {
    let (app, sink) = app_that_tells(rocket_with).await;
    let flow: &Flow = app.client().rocket().state().unwrap();
    let origin = Origin::new(app.clock().now(), None);
    let invited = Email::parse("invited@example.org").unwrap();
    let guest = Invite::default().send(flow, &invited, origin).await.unwrap().unwrap();
    register(&app, "squatted@example.org").await;

    let eve = app.log_in_as("eve@example.org").await;
    eve.post_json("/change-email", json!({"email": "invited@example.org"})).await;
    assert_eq!(
        app.newest_mail_to("invited@example.org").await.subject,
        "Someone tried to use your email address"
    );
    assert!(app.store().find_user(guest.id).await.unwrap().is_some());

    change_email(&app, &eve, "squatted@example.org").await;
    let deleted = told(&app, &sink, "user_deleted").await;
    assert_eq!(deleted.len(), 1, "{:?}", sink.names());
}

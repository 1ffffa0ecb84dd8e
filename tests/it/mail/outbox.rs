//! The outbox: what becomes of mail while the mail server, or the application, is away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use rocket::async_trait;
use rocket::http::Status;
use rocket::tokio::sync::Notify;
#[cfg(feature = "cli")]
use rocket_security::Email;
use rocket_security::config::Span;
use rocket_security::datastore::OutboxAdmin;
use rocket_security::datastore::outbox::{Addressee, ListedMail, MailState, NewMail};
use rocket_security::datastore::user::UserChange;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::mail::{Mailer, Message};
use rocket_security::testing::{PASSWORD, TestApp, link_in};
use rocket_security::{Error, Result, Security, Text};
use serde_json::json;

use crate::support::links::register;
use crate::support::mailers::{Hanging, deliver};
#[cfg(feature = "cli")]
use crate::support::operator::Place;
use crate::support::store::{push, store_on};
use crate::support::users::change_user;
use crate::support::{ANN, rocket_with, with_ann};

/// A transport that an operator switches on and off, and that can be held up in the middle.
#[derive(Clone, Default)]
struct Switched {
    is_up: Arc<AtomicBool>,
    /// Holds up the next mail, which then fails, until it is let go.
    holds: Arc<AtomicBool>,
    is_held: Arc<Notify>,
    goes_on: Arc<Notify>,
    sent: Arc<Mutex<Vec<Message>>>,
}

#[async_trait]
impl Mailer for Switched {
    async fn send(&self, message: &Message) -> Result<()> {
        if self.holds.swap(false, Ordering::SeqCst) {
            self.is_held.notify_one();
            self.goes_on.notified().await;
            return Err(Error::mail("the connection broke"));
        }
        if !self.is_up.load(Ordering::SeqCst) {
            return Err(Error::mail("the mail server is down"));
        }
        self.sent.lock().unwrap().push(message.clone());
        Ok(())
    }
}

impl Switched {
    fn is_up(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::SeqCst);
    }

    fn sent(&self) -> Vec<Message> {
        self.sent.lock().unwrap().clone()
    }

    fn security(&self) -> Security {
        Security::default().mailer(self.clone())
    }

    async fn launch(&self) -> TestApp {
        TestApp::launch(rocket_with(self.security())).await
    }
}

async fn ask_for_another_link(app: &TestApp, email: &str) {
    let answer = app.browser().post_json("/confirm", json!({"email": email})).await;
    assert_eq!(answer.status, Status::Ok);
}

async fn outbox(app: &TestApp) -> Vec<ListedMail> {
    store_on(app.database()).await.list_mail(None, 100).await.unwrap()
}

/// Gives the only mail in the outbox.
async fn waiting(app: &TestApp) -> ListedMail {
    let mut listed = outbox(app).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

/// Tries the mails that wait until all are given up.
async fn give_up(app: &TestApp) {
    for _ in 0..200 {
        deliver(app).await;
        if outbox(app).await.iter().all(|listed| listed.state == MailState::GivenUp) {
            return;
        }
        app.clock().advance(TimeDelta::minutes(61));
    }
    panic!("nothing was given up");
}

#[rocket::async_test]
async fn a_link_that_expired_while_the_application_was_away_is_not_sent() {
    let mailer = Switched::default();
    let app = mailer.launch().await;
    register(&app, ANN).await;
    deliver(&app).await;
    assert_eq!(waiting(&app).await.mail.template, "confirmation_instructions");
    mailer.is_up(true);
    let app = app.restart(rocket_with(mailer.security())).await;
    app.clock().advance(TimeDelta::hours(25));
    deliver(&app).await;
    assert_eq!(outbox(&app).await, []);
    assert!(mailer.sent().is_empty());
}

#[rocket::async_test]
async fn a_link_that_waited_for_less_is_sent_and_good_for_the_time_its_mail_names() {
    let mailer = Switched::default();
    let app = mailer.launch().await;
    register(&app, ANN).await;
    // What was begun before the clock is moved has failed.
    deliver(&app).await;
    app.clock().advance(TimeDelta::hours(23));
    mailer.is_up(true);
    deliver(&app).await;
    let sent = mailer.sent();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].text.contains("expires after 1 day."), "{}", sent[0].text);
    app.clock().advance(TimeDelta::hours(23));
    let pressed = app.browser().post_json(&link_in(&sent[0]), json!({})).await;
    assert_eq!(pressed.status, Status::Ok);
}

#[rocket::async_test]
async fn that_an_address_was_changed_is_told_though_the_way_back_is_over() {
    let mailer = Switched::default();
    mailer.is_up(true);
    let app = mailer.launch().await;
    let ann = app.log_in_as(ANN).await;
    let body = json!({"email": "thief@example.net"});
    assert_eq!(ann.post_json("/change-email", body).await.status, Status::Ok);
    deliver(&app).await;
    let link = link_in(&mailer.sent()[0]);
    mailer.is_up(false);
    assert_eq!(ann.post_json(&link, json!({})).await.status, Status::Ok);
    deliver(&app).await;
    mailer.is_up(true);
    app.clock().advance(TimeDelta::days(7));
    deliver(&app).await;
    let to_ann: Vec<Message> =
        mailer.sent().into_iter().filter(|mail| mail.to.as_str() == ANN).collect();
    assert_eq!(to_ann.len(), 1);
    assert_eq!(to_ann[0].link, None);
    for part in [&to_ann[0].text, &to_ann[0].html] {
        assert!(
            part.contains("thief@example.net") && part.contains("contact Harbour Library support"),
            "{part}"
        );
        for word in ["within", "change-email-undo", "Recover my account", "href"] {
            assert!(!part.contains(word), "{word}: {part}");
        }
    }
    assert_eq!(outbox(&app).await, []);
}

#[rocket::async_test]
async fn that_an_account_was_closed_is_told_though_the_way_back_is_over() {
    let mailer = Switched::default();
    let security = || mailer.security().enable(CloseAccount::default());
    let app = TestApp::launch(rocket_with(security())).await;
    let ann = app.log_in_as(ANN).await;
    let answer = ann.post_json("/close-account", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, Status::Ok);
    deliver(&app).await;
    app.clock().advance(TimeDelta::days(14));
    app.sweep().await;
    mailer.is_up(true);
    // It may have been tried a moment ago.
    app.clock().advance(TimeDelta::hours(1));
    deliver(&app).await;
    let sent = mailer.sent();
    assert_eq!((sent.len(), sent[0].link.as_ref()), (1, None));
    app.sweep().await;
    assert_eq!(app.store().list_users(None, 10).await.unwrap(), [], "it waited for that mail");
    for part in [&sent[0].text, &sent[0].html] {
        assert!(part.contains("was closed") && part.contains("contact Harbour Library"), "{part}");
        assert!(!part.contains("close-account/") && !part.contains("href"), "{part}");
    }
}

#[rocket::async_test]
async fn a_way_back_is_mailed_though_the_account_changes_all_the_while() {
    let mailer = Switched::default();
    mailer.is_up(true);
    let app = mailer.launch().await;
    let ann = app.user(ANN).await;
    let mail =
        NewMail::new(&Text::new("change_email_notice", "Changed"), &ann.email, app.clock().now());
    let mail = mail.unwrap().concerns(Addressee::User(ann.id));
    let mail = ["at", "client", "new_email"].into_iter().fold(mail, |mail, it| mail.with(it, it));
    let mail = mail.lasting_link("change_email_undo", Span::hours(168));
    push(app.store(), &mail).await;
    let change = async {
        for _ in 0..50 {
            change_user(&app, &ann, &UserChange::active(true)).await;
        }
    };
    let send = async {
        for _ in 0..5 {
            deliver(&app).await;
            app.clock().advance(TimeDelta::hours(1));
        }
    };
    rocket::futures::future::join(change, send).await;
    // The application's own worker may have it in hand, with the account as it was before the last
    // change; once that attempt is over, the next one is an hour away at most.
    deliver(&app).await;
    app.clock().advance(TimeDelta::hours(1));
    deliver(&app).await;
    let sent = mailer.sent();
    assert_eq!(sent.len(), 1);
    let shown = app.browser().get_json(&link_in(&sent[0])).await;
    assert_eq!(shown.status, Status::Ok, "{}", shown.body);
}

#[rocket::async_test]
async fn whoever_is_locked_is_told_all_the_same_that_their_password_was_changed() {
    let mailer = Switched::default();
    let app = mailer.launch().await;
    let (ann, user) = (app.log_in_as(ANN).await, app.user(ANN).await);
    let change = json!({"password": PASSWORD, "new_password": "a ferry leaves at seven"});
    assert_eq!(ann.post_json("/change", change).await.status, Status::Ok);
    change_user(&app, &user, &UserChange::active(false)).await;
    mailer.is_up(true);
    app.clock().advance(TimeDelta::hours(2));
    deliver(&app).await;
    let subjects: Vec<String> = mailer.sent().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["Your password was changed"]);
}

/// A transport with a bug.
#[derive(Clone, Default)]
struct PanicsOnce {
    has_panicked: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<Message>>>,
}

#[async_trait]
impl Mailer for PanicsOnce {
    async fn send(&self, message: &Message) -> Result<()> {
        assert!(self.has_panicked.swap(true, Ordering::SeqCst), "a bug in the transport");
        self.sent.lock().unwrap().push(message.clone());
        Ok(())
    }
}

#[rocket::async_test]
async fn a_transport_that_panics_loses_no_mail_and_ends_no_worker() {
    let mailer = PanicsOnce::default();
    let app = TestApp::launch(rocket_with(Security::default().mailer(mailer.clone()))).await;
    for email in [ANN, "bob@example.org", "carol@example.org"] {
        register(&app, email).await;
    }
    // What the worker of the application has in hand, it has in hand for that long.
    deliver(&app).await;
    app.clock().advance(TimeDelta::hours(1));
    deliver(&app).await;
    let mut sent: Vec<String> =
        mailer.sent.lock().unwrap().iter().map(|mail| mail.to.to_string()).collect();
    sent.sort();
    assert_eq!(sent, [ANN, "bob@example.org", "carol@example.org"]);
}

#[rocket::async_test]
async fn a_newer_link_takes_the_place_of_one_that_waits() {
    let mailer = Switched::default();
    let app = mailer.launch().await;
    register(&app, ANN).await;
    deliver(&app).await;
    let older = waiting(&app).await.mail.id;
    app.clock().advance(TimeDelta::seconds(1));
    ask_for_another_link(&app, ANN).await;
    assert!(outbox(&app).await.iter().all(|listed| listed.mail.id != older));
    mailer.is_up(true);
    app.clock().advance(TimeDelta::hours(2));
    deliver(&app).await;
    let sent = mailer.sent();
    assert_eq!(sent.len(), 1);
    let pressed = app.browser().post_json(&link_in(&sent[0]), json!({})).await;
    assert_eq!(pressed.status, Status::Ok);
}

#[rocket::async_test]
async fn an_older_link_is_not_sent_again_after_a_newer_one_arrived() {
    let mailer = Switched::default();
    mailer.is_up(true);
    mailer.holds.store(true, Ordering::SeqCst);
    let app = mailer.launch().await;
    register(&app, ANN).await;
    mailer.is_held.notified().await;
    let older = waiting(&app).await;
    assert!(matches!(older.state, MailState::BeingSent { .. }), "{older:?}");
    app.clock().advance(TimeDelta::seconds(1));
    // What is being sent cannot be called back.
    ask_for_another_link(&app, ANN).await;
    assert_eq!(outbox(&app).await.len(), 2);
    mailer.goes_on.notify_one();
    deliver(&app).await;
    let sent = mailer.sent();
    assert_eq!(sent.len(), 1);
    assert_ne!(sent[0].id, older.mail.id);
    let postponed = waiting(&app).await;
    assert_eq!(postponed.mail.id, older.mail.id);
    assert_eq!(postponed.fault.as_deref(), Some("mail could not be sent: the connection broke"));
    app.clock().advance(TimeDelta::minutes(1));
    deliver(&app).await;
    assert_eq!(outbox(&app).await, []);
    assert_eq!(mailer.sent().len(), 1);
    let pressed = app.browser().post_json(&link_in(&sent[0]), json!({})).await;
    assert_eq!(pressed.status, Status::Ok);
}

#[rocket::async_test]
async fn a_mail_server_that_is_down_for_days_is_tried_less_and_less_often() {
    let mailer = Switched::default();
    let app = with_ann(mailer.launch()).await;
    register(&app, ANN).await;
    let mut pauses = Vec::new();
    loop {
        deliver(&app).await;
        let listed = waiting(&app).await;
        let MailState::Waiting { due_at } = listed.state else {
            break;
        };
        let pause = due_at - app.clock().now();
        pauses.push((pause.num_milliseconds() + 999) / 1_000);
        app.clock().advance(pause + TimeDelta::milliseconds(1));
    }
    assert_eq!(pauses[..9], [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560]);
    assert!(pauses[9..].iter().all(|pause| *pause == 3_600), "{pauses:?}");
    let days = pauses.iter().sum::<i64>() / 86_400;
    assert_eq!(days, 4);
    assert_eq!(waiting(&app).await.state, MailState::GivenUp);
}

#[rocket::async_test]
async fn a_transport_of_ones_own_can_refuse_for_good() {
    struct Refusing;
    #[async_trait]
    impl Mailer for Refusing {
        async fn send(&self, _: &Message) -> Result<()> {
            Err(Error::mail_refused("the provider keeps it on a list"))
        }
    }
    let app = with_ann(TestApp::launch(rocket_with(Security::default().mailer(Refusing)))).await;
    register(&app, ANN).await;
    let mut attempts = 0;
    loop {
        deliver(&app).await;
        attempts += 1;
        let listed = waiting(&app).await;
        assert_eq!(listed.attempts, attempts);
        let MailState::Waiting { due_at } = listed.state else {
            break;
        };
        app.clock().advance(due_at - app.clock().now());
    }
    assert_eq!(attempts, 3);
    let dead = waiting(&app).await;
    assert!(dead.fault.unwrap().ends_with("refused for good: the provider keeps it on a list"));
}

#[rocket::async_test]
async fn mail_that_waited_for_days_has_its_chance_before_it_is_given_up() {
    let mailer = Switched::default();
    let app = with_ann(mailer.launch()).await;
    register(&app, ANN).await;
    // It may have been tried once before the clock is moved.
    app.clock().advance(TimeDelta::days(20));
    for _ in 0..8 {
        deliver(&app).await;
        assert!(matches!(waiting(&app).await.state, MailState::Waiting { .. }));
        app.clock().advance(TimeDelta::minutes(61));
    }
    mailer.is_up(true);
    deliver(&app).await;
    assert_eq!(mailer.sent().len(), 1);
}

#[rocket::async_test]
async fn mail_that_was_given_up_is_swept_a_month_after_it_was_written() {
    let mailer = Switched::default();
    let app = with_ann(mailer.launch()).await;
    register(&app, ANN).await;
    give_up(&app).await;
    let dead = waiting(&app).await;
    let age = app.clock().now() - dead.mail.created_at;
    app.clock().advance(TimeDelta::days(30) - age - TimeDelta::minutes(1));
    app.sweep().await;
    assert_eq!(waiting(&app).await, dead);
    app.clock().advance(TimeDelta::minutes(2));
    app.sweep().await;
    assert_eq!(outbox(&app).await, []);
}

#[rocket::async_test]
async fn a_mail_server_that_hangs_or_refuses_changes_nothing_in_answers() {
    let up = Switched::default();
    up.is_up(true);
    let mut answers = Vec::new();
    for security in
        [up.security(), Switched::default().security(), Security::default().mailer(Hanging)]
    {
        let app = TestApp::launch(rocket_with(security)).await;
        app.user("bob@example.org").await;
        let mut given = Vec::new();
        for (path, email) in
            [("/register", ANN), ("/register", "bob@example.org"), ("/confirm", ANN)]
        {
            let body = match path {
                "/register" => json!({"email": email, "password": PASSWORD}),
                _ => json!({"email": email}),
            };
            let browser = app.browser();
            let token = browser.csrf_token().await;
            let answer = browser.post_json(path, body).await;
            let body = answer.body.replace(&token, "<token>");
            given.push((answer.status, body, answer.comparable_headers()));
        }
        answers.push(given);
    }
    assert_eq!(answers[0][0].0, Status::Ok);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[cfg(feature = "cli")]
#[rocket::async_test]
async fn a_dead_letter_is_sent_again_from_the_command_line_under_the_same_id() {
    let mailer = Switched::default();
    let app = with_ann(mailer.launch()).await;
    register(&app, ANN).await;
    give_up(&app).await;
    let dead = waiting(&app).await;
    let place = Place::beside(app.database());

    let line = place.run("outbox list --dead --json").succeeded();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let id = dead.mail.id.to_string();
    for (name, value) in [
        ("id", json!(id)),
        ("to", json!(ANN)),
        ("template", json!("welcome_existing")),
        ("state", json!("dead")),
        ("attempts", json!(dead.attempts)),
        ("next_attempt_at", json!(null)),
        ("fault", json!("mail could not be sent: the mail server is down")),
    ] {
        assert_eq!(told[name], value, "{name}");
    }

    mailer.is_up(true);
    deliver(&app).await;
    assert!(mailer.sent().is_empty(), "nobody asked for it yet");
    place.run(&format!("outbox retry {id}")).succeeded();
    deliver(&app).await;
    assert_eq!(outbox(&app).await, []);
    let sent = mailer.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].id, dead.mail.id);
    let mail = String::from_utf8(sent[0].to_lettre().unwrap().formatted()).unwrap();
    assert!(mail.contains(&format!("Message-ID: <{id}@localhost>\r\n")), "{mail}");
}

#[cfg(feature = "cli")]
#[rocket::async_test]
async fn an_operator_lists_retries_and_drops_mail() {
    use rocket_security::clock::Clock;
    use rocket_security::datastore::{OutboxStore, Together};

    let place = Place::debug();
    place.run("migrate").succeeded();
    let empty = place.run("outbox list");
    assert_eq!(empty.stderr.lines().last(), Some("No mail is waiting."));
    assert_eq!(empty.succeeded(), "");

    let store = place.store().await;
    let now = Clock::default().now();
    let write =
        |to: &str| NewMail::new(&Text::new("welcome", "Welcome"), &Email::parse(to).unwrap(), now);
    let [dead, second, leased] =
        ["ann@example.org", "bob@example.org", "eve@example.org"].map(|to| write(to).unwrap());
    let until = now + TimeDelta::hours(1);
    for mail in [&dead, &second, &leased] {
        store.commit(&Together::mail(vec![mail.clone()])).await.unwrap();
    }
    assert_eq!(store.lease_mail(now, until, 10).await.unwrap().len(), 3);
    for mail in [&dead, &second] {
        store.postpone_mail(mail.id, None, "450\n\u{1b}[2J busy").await.unwrap();
    }
    let waits = write("joe@example.org").unwrap().link("confirm", Span::hours(1));
    store.commit(&Together::mail(vec![waits.clone()])).await.unwrap();

    let listed = place.run("outbox list").succeeded();
    assert!(!listed.contains('\u{1b}'), "{listed:?}");
    assert_eq!(listed.lines().count(), 5, "{listed}");
    let row = |mail: &NewMail| {
        let id = mail.id.to_string();
        listed.lines().find(|line| line.starts_with(&id)).unwrap().to_owned()
    };
    for part in ["ann@example.org", "welcome", "dead", "never", "450"] {
        assert!(row(&dead).contains(part), "{part}: {listed}");
    }
    assert!(row(&leased).contains("sending"), "{listed}");
    assert!(row(&waits).contains("waiting"), "{listed}");
    let only_dead = place.run("outbox list --dead").succeeded();
    assert_eq!(only_dead.lines().count(), 3, "{only_dead}");
    assert_eq!(place.run("outbox list --json").succeeded().lines().count(), 4);

    let retry = |id| place.run(&format!("outbox retry {id}"));
    retry(leased.id).refused(&["being sent", "outbox list"]);
    retry(rocket_security::crypto::random_uuid().unwrap()).refused(&["has no mail"]);
    place.run("outbox retry").misspelt("--all");
    place.run("outbox retry not-an-id").misspelt("not-an-id");
    place.run(&format!("outbox retry --all {}", dead.id)).misspelt("cannot be used");
    place.run("outbox drop").misspelt("--dead");
    assert_eq!(retry(dead.id).succeeded(), format!("The mail {} is due now.\n", dead.id));
    assert_eq!(place.run("outbox drop --dead").succeeded(), "1 mail is dropped.\n");
    assert_eq!(place.run("outbox retry --all").succeeded(), "2 mails are due now.\n");
    let dropped = place.run(&format!("outbox drop {}", leased.id)).succeeded();
    assert_eq!(dropped, format!("The mail {} is dropped.\n", leased.id));
    place.run(&format!("outbox drop {}", leased.id)).refused(&["has no mail", "outbox list"]);
    let left = store.list_mail(None, 10).await.unwrap();
    let mut left: Vec<_> = left.iter().map(|listed| listed.mail.to.to_string()).collect();
    left.sort();
    assert_eq!(left, ["ann@example.org", "joe@example.org"]);
}

//! The journal: everything that happens, in a chain that nobody can change unseen.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket::serde::json::Value;
use rocket::tokio::sync::Semaphore;
use rocket::tokio::time::sleep;
use rocket::{Build, Rocket, async_trait};
use rocket_security::clock::Timestamp;
use rocket_security::crypto::chain::ChainSealer;
use rocket_security::crypto::keys::{Keyring, generate_paserk};
use rocket_security::crypto::one_time::Digest;
use rocket_security::datastore::audit::{AuditEntry, AuditRow};
use rocket_security::datastore::{AuditStore, StoreConnection, Together};
use rocket_security::event::{Counted, Missing, Origin, ROOM, SessionEnd, Signals};
use rocket_security::feature::Journaling;
use rocket_security::features::audit::{Audit, Fault, Journal, Report};
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::{Error, Event, Result, Secret, Security, UserId};
use serde_json::json;
use uuid::Uuid;

use crate::support::links::{confirmation_link, register};
use crate::support::sink::Sink;
use crate::support::store::store_on;
use crate::support::users::credentials_of;
use crate::support::{ANN, rocket_with, sql, with_ann};

fn rocket() -> Rocket<Build> {
    rocket_with(Security::default().enable(Audit::default()))
}

async fn app() -> TestApp {
    TestApp::launch(rocket()).await
}

fn keys(app: &TestApp) -> Secret<String> {
    Secret::new(app.client().rocket().figment().extract_inner("security.keys").unwrap())
}

async fn journal_with(app: &TestApp, keys: &[Secret<String>]) -> Journal {
    Journal::new(Arc::new(store_on(app.database()).await), &Keyring::from_paserk(keys).unwrap())
        .unwrap()
}

async fn journal(app: &TestApp) -> Journal {
    journal_with(app, &[keys(app)]).await
}

async fn verify(app: &TestApp) -> Report {
    journal(app).await.verify(None).await.unwrap()
}

async fn rows(app: &TestApp) -> Vec<AuditRow> {
    app.told().await;
    store_on(app.database()).await.list_audit(0, 1_000).await.unwrap()
}

async fn names(app: &TestApp) -> Vec<String> {
    rows(app).await.into_iter().map(|row| row.entry.event).collect()
}

/// Asserts that the first fault is at that row.
async fn assert_broken(app: &TestApp, sequence: i64, fault: Fault) {
    let report = verify(app).await;
    let broken = report.broken.clone().unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!((broken.sequence, broken.fault), (sequence, fault), "{report:?}");
}

/// An application that has written six rows down.
async fn app_with_six_rows() -> TestApp {
    let app = app().await;
    for _ in 0..6 {
        app.log_in_as(ANN).await;
    }
    assert_eq!(rows(&app).await.len(), 6);
    let report = verify(&app).await;
    assert_eq!((report.rows, report.end, report.broken), (6, 6, None));
    app
}

#[rocket::async_test]
async fn that_a_registration_took_a_password_away_is_written_down_with_it_or_does_not_happen() {
    let app = app().await;
    let register = async |password: &str| {
        let body = json!({"email": ANN, "password": password});
        app.browser().post_json("/register", body).await.status
    };
    let has_password = async || credentials_of(&app, ANN).await.password_hash.is_some();
    assert_eq!(register(PASSWORD).await, Status::Ok);
    app.told().await;
    let head = "UPDATE security_audit_head SET id = id + 1000";
    sql::execute(app.database(), head).await;
    assert_eq!(register("a ferry leaves at seven").await, Status::ServiceUnavailable);
    assert!(has_password().await);
    sql::execute(app.database(), &head.replace('+', "-")).await;
    assert_eq!(register("a ferry leaves at seven").await, Status::Ok);
    assert!(!has_password().await);
    app.told().await;
    let rows = store_on(app.database()).await.list_audit(0, 100).await.unwrap();
    let contested = rows.iter().filter(|row| row.entry.payload.contains("\"contested\":true"));
    assert_eq!(contested.count(), 1);
}

#[rocket::async_test]
async fn every_event_of_a_life_is_written_down_once_with_all_that_listeners_are_told() {
    let sink = Sink::default();
    let security = sink.listen(Security::default().enable(Audit::default()));
    let everything = json!({"audit": {"record_unlimited": true}});
    let app = TestApp::launch_with(rocket_with(security), everything).await;
    let browser = app.browser();
    let link = confirmation_link(&app, ANN).await;
    browser.log_in(ANN, "a wrong password").await;
    browser.log_in("nobody@example.org", PASSWORD).await;
    browser.post_json(&link, json!({})).await;
    browser.post_json(&link, json!({})).await;
    browser.get("/me").await;
    browser.log_in(ANN, PASSWORD).await;
    let cookie = browser.cookie("security_session").unwrap();
    browser.get("/admin").await;
    browser.post_form_as_is("/logout", &[]).await;
    browser.log_out().await;
    register(&app, ANN).await;

    let rows = rows(&app).await;
    let mut written: Vec<Value> =
        rows.iter().map(|row| serde_json::from_str(&row.entry.payload).unwrap()).collect();
    let mut heard: Vec<Value> = sink.events().iter().map(|event| json!(event)).collect();
    for row in &rows {
        let payload: Value = serde_json::from_str(&row.entry.payload).unwrap();
        assert_eq!(payload["event"], row.entry.event);
        let user = row.entry.user_id.map(|id| id.to_string());
        let told = payload.get("user").or(payload.get("existing")).and_then(Value::as_str);
        assert_eq!(user.as_deref(), told);
    }
    // What came with no change is written in its own time.
    written.sort_by_key(Value::to_string);
    heard.sort_by_key(Value::to_string);
    assert_eq!(written, heard);
    assert_eq!(written.len(), 11);

    let dump = sql::dump(app.database(), "security_audit").await
        + &sql::dump(app.database(), "security_audit_head").await;
    assert!(dump.contains("user_registered"));
    let token = link.rsplit('/').next().unwrap();
    let secrets = [PASSWORD, "a wrong password", token, &cookie, ANN, "nobody@", "example.org"];
    for secret in secrets {
        assert!(!dump.contains(secret), "{secret} stands in the journal: {dump}");
    }
    assert_eq!(verify(&app).await.broken, None);
}

/// Has registrations and logins fail at the very end.
struct Spoilsport;

#[async_trait]
impl Journaling for Spoilsport {
    async fn before_commit(&self, event: &Event) -> Result<Together> {
        struct Foreign;

        impl StoreConnection for Foreign {}
        let nothing = Together::nothing();
        Ok(match event {
            Event::UserAuthenticated { .. } => {
                nothing.and_last(|_: &mut Foreign| Box::pin(async { Ok(()) }))
            }
            _ => nothing,
        })
    }
}

#[rocket::async_test]
async fn a_change_that_is_rolled_back_is_not_in_the_journal() {
    let security = Security::default().enable(Audit::default()).install(|at| {
        at.journaling(Spoilsport);
        Ok(())
    });
    let app = with_ann(TestApp::launch(rocket_with(security))).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::ServiceUnavailable);
    assert_eq!(names(&app).await, Vec::<String>::new());
    assert_eq!(verify(&app).await.rows, 0);
}

#[rocket::async_test]
async fn a_change_that_cannot_be_written_down_does_not_happen() {
    let app = with_ann(app()).await;
    sql::execute(app.database(), "DELETE FROM security_audit_head").await;
    let body = json!({"email": "bob@example.org", "password": PASSWORD});
    let answer = app.browser().post_json("/register", body).await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::ServiceUnavailable);
    let count = async |table: &str| sql::count(app.database(), table).await;
    assert_eq!((count("security_users").await, count("security_sessions").await), (1, 0));
    assert_eq!((count("security_audit").await, count("security_outbox").await), (0, 0));
}

#[rocket::async_test]
async fn a_failed_login_waits_for_no_journal_and_is_written_down_when_it_can_be() {
    let app = with_ann(app()).await;
    sql::execute(app.database(), "ALTER TABLE security_audit RENAME TO elsewhere").await;
    let begun = Instant::now();
    for _ in 0..3 {
        let answer = app.browser().log_in(ANN, "a wrong password").await;
        assert_eq!(answer.status, Status::BadRequest);
    }
    assert!(begun.elapsed() < Duration::from_millis(1_500));
    sql::execute(app.database(), "ALTER TABLE elsewhere RENAME TO security_audit").await;
    assert_eq!(counts(&app, "user_failed_authn").await, [1, 2]);
    assert_eq!(verify(&app).await.broken, None);
}

/// Holds up the writing of what came with no change.
struct Slow(Arc<Semaphore>);

#[async_trait]
impl Journaling for Slow {
    async fn happened(&self, _events: &[Counted]) -> Result<()> {
        self.0.acquire().await.map(drop).map_err(Error::store)
    }
}

/// Returns for how many events each row of that name stands.
async fn counts(app: &TestApp, name: &str) -> Vec<u64> {
    let rows = rows(app).await;
    let rows = rows.iter().filter(|row| row.entry.event == name);
    rows.map(|row| payload(row)["count"].as_u64().unwrap_or(1)).collect()
}

fn payload(row: &AuditRow) -> Value {
    rocket::serde::json::from_str(&row.entry.payload).unwrap()
}

/// A refusal of a user of that number, who does not exist.
fn refusal(app: &TestApp, number: u128) -> Event {
    Event::UserUnauthorized {
        user: UserId::from_uuid(Uuid::from_u128(number)),
        missing: Missing::Roles(vec!["admin"]),
        origin: Origin::new(app.clock().now(), None),
    }
}

#[rocket::async_test]
async fn a_user_who_asks_for_forbidden_pages_again_and_again_fills_two_rows() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for _ in 0..40 {
        assert_eq!(ann.get("/admin").await.status, Status::Forbidden);
    }
    assert_eq!(counts(&app, "user_unauthorized").await, [1, 39]);
    let rows = rows(&app).await;
    let last = payload(rows.last().unwrap());
    assert_eq!(last["missing"], json!({"roles": ["admin"]}));
    let origin = &last["origin"];
    assert_eq!((&origin["method"], &origin["route"]), (&json!("GET"), &json!("/admin")));
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time(&last["last_at"]) > time(&origin["at"]), "{last}");
    assert_eq!(verify(&app).await.lost, []);
    // The next window begins with a row again.
    ann.get("/admin").await;
    assert_eq!(counts(&app, "user_unauthorized").await, [1, 39, 1]);
}

#[rocket::async_test]
async fn one_who_takes_another_address_of_their_network_for_each_request_is_counted_too() {
    let app = with_ann(app()).await;
    for (number, network) in [(1, "1"), (2, "1"), (3, "1"), (1, "2")] {
        let from = format!("2001:db8:{network}:{number}::{number}").parse().unwrap();
        let answer = app.browser().at(from).log_in(ANN, "a wrong password").await;
        assert_eq!(answer.status, Status::BadRequest);
    }
    assert_eq!(counts(&app, "user_failed_authn").await, [1, 1, 2]);
}

#[rocket::async_test]
async fn a_flood_of_refusals_crowds_out_no_failed_login_and_is_bounded_and_reported() {
    let gate = Arc::new(Semaphore::new(0));
    let slow = Slow(Arc::clone(&gate));
    let app =
        TestApp::launch(rocket_with(Security::default().enable(Audit::default()).install(|at| {
            at.journaling(slow);
            Ok(())
        })));
    let app = app.await;
    let signals = app.client().rocket().state::<Signals>().unwrap();
    let flood = u128::try_from(ROOM).unwrap() + 30;
    for number in 0..flood {
        signals.send(&refusal(&app, number));
    }
    for number in 0..40_u8 {
        let from = IpAddr::from([203, 0, 113, number]);
        app.browser().at(from).log_in("nobody@example.org", PASSWORD).await;
    }
    gate.add_permits(100);
    assert_eq!(counts(&app, "user_failed_authn").await, [1; 40]);
    assert_eq!(counts(&app, "user_unauthorized").await.len(), ROOM);
    let report = verify(&app).await;
    assert_eq!(report.broken, None);
    let [lost] = &report.lost[..] else { panic!("{report:?}") };
    assert_eq!((lost.event.as_deref(), lost.count), (Some("user_unauthorized"), 30));
    assert!(lost.since <= lost.until && lost.until <= app.clock().now());
    // What comes afterwards is written again.
    signals.send(&refusal(&app, flood));
    assert_eq!(counts(&app, "user_unauthorized").await.len(), ROOM + 1);
}

#[rocket::async_test]
async fn a_loss_is_reported_before_its_minute_ends() {
    let app = app().await;
    let signals = app.client().rocket().state::<Signals>().unwrap();
    for number in 0..u128::try_from(ROOM).unwrap() + 2 {
        signals.send(&refusal(&app, number));
    }
    // Not `told`, which would end the minute.
    let begun = Instant::now();
    let lost = loop {
        let report = verify(&app).await;
        if report.rows > u64::try_from(ROOM).unwrap() {
            break report.lost;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{report:?}");
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(lost.iter().map(|lost| lost.count).collect::<Vec<_>>(), [1]);
    app.told().await;
    assert_eq!(verify(&app).await.lost[0].count, 2);
}

#[rocket::async_test]
async fn sessions_that_a_sweep_ends_at_once_are_all_written_down() {
    let app = app().await;
    let signals = app.client().rocket().state::<Signals>().unwrap();
    let many = 3 * ROOM;
    for _ in 0..many {
        let origin = Origin::new(app.clock().now(), None);
        let user = UserId::from_uuid(Uuid::from_u128(1));
        let (session, reason) = (Uuid::from_u128(2), SessionEnd::Expired);
        signals.send(&Event::SessionEnded { user, session, reason, origin });
    }
    app.told().await;
    let report = verify(&app).await;
    assert_eq!((report.rows, report.lost), (u64::try_from(many).unwrap(), vec![]));
}

#[rocket::async_test]
async fn what_an_older_journal_says_is_lost_is_reported_without_its_name() {
    let app = app().await;
    let at = app.clock().now();
    let old = |count: u64| {
        let payload = json!({"event": "events_lost", "count": count, "origin": {"at": at}});
        AuditEntry::new(at, "events_lost", payload.to_string())
    };
    let sealer = ChainSealer::new(&Keyring::from_paserk(&[keys(&app)]).unwrap()).unwrap();
    store_on(app.database())
        .await
        .append_audit(vec![old(21), old(2)], &Arc::new(sealer))
        .await
        .unwrap();
    let report = verify(&app).await;
    assert_eq!((report.rows, &report.broken), (2, &None));
    let [lost] = &report.lost[..] else { panic!("{report:?}") };
    assert_eq!((&lost.event, lost.count, lost.since, lost.until), (&None, 23, at, at));
}

#[rocket::async_test]
async fn strangers_cannot_fill_the_journal() {
    let app = app().await;
    let stranger = app.browser();
    stranger.get("/me").await;
    stranger.post_form_as_is("/login", &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!(names(&app).await, Vec::<String>::new());
}

#[rocket::async_test]
async fn what_happens_at_once_makes_one_chain() {
    let app = app().await;
    let addresses: Vec<String> = (0..8).map(|number| format!("u{number}@example.org")).collect();
    for address in &addresses {
        app.user(address).await;
    }
    // Who waits too long on a slow machine is told to try again, before or after the login is written down.
    let answers = join_all((0..32).map(|number| {
        let (app, address) = (&app, &addresses[number % 8]);
        let password = if number % 4 == 3 { "a wrong password" } else { PASSWORD };
        async move {
            for late in 0..20 {
                let status = app.browser().log_in(address, password).await.status.code;
                if status != 503 {
                    return (status, late);
                }
            }
            (503, 20)
        }
    }))
    .await;
    let names = names(&app).await;
    let count = |name: &str| names.iter().filter(|other| *other == name).count();
    let begun = answers.iter().filter(|(status, _)| *status == 200).count();
    let late: usize = answers.iter().map(|(_, late)| late).sum();
    assert!(begun > 0 && answers.iter().all(|(code, _)| [200, 400, 503].contains(code)));
    let written = count("user_authenticated");
    assert!((begun..=begun + late).contains(&written), "{written} of {answers:?}");
    let report = verify(&app).await;
    assert_eq!((report.broken, report.rows), (None, u64::try_from(names.len()).unwrap()));
}

#[rocket::async_test]
async fn a_row_that_was_changed_is_found() {
    for change in [
        "payload = REPLACE(payload, 'user_authenticated', 'user_verified')",
        "event = 'user_verified'",
        "user_id = NULL",
        "happened_at = (SELECT created_at FROM security_users)",
    ] {
        let app = app_with_six_rows().await;
        let change = format!("UPDATE security_audit SET {change} WHERE sequence = 3");
        sql::execute(app.database(), &change).await;
        assert_broken(&app, 3, Fault::Changed).await;
    }
}

#[rocket::async_test]
async fn rows_that_were_deleted_moved_or_inserted_are_found() {
    let swap = "UPDATE security_audit SET sequence = 100 WHERE sequence = 3;
         UPDATE security_audit SET sequence = 3 WHERE sequence = 4;
         UPDATE security_audit SET sequence = 4 WHERE sequence = 100";
    let close_up = "DELETE FROM security_audit WHERE sequence = 3;
         UPDATE security_audit SET sequence = 3 WHERE sequence = 4;
         UPDATE security_audit SET sequence = 4 WHERE sequence = 5;
         UPDATE security_audit SET sequence = 5 WHERE sequence = 6";
    let again = "INSERT INTO security_audit
             (sequence, happened_at, event, user_id, payload, previous, hash, key_id, seal)
         SELECT 7, happened_at, event, user_id, payload, previous, hash, key_id, seal
         FROM security_audit WHERE sequence = 6";
    for (statements, sequence, fault) in [
        ("DELETE FROM security_audit WHERE sequence = 3", 3, Fault::Missing),
        ("DELETE FROM security_audit WHERE sequence = 1", 1, Fault::Missing),
        (swap, 3, Fault::Unchained),
        (close_up, 3, Fault::Unchained),
        (again, 7, Fault::Unchained),
    ] {
        let app = app_with_six_rows().await;
        for statement in statements.split(';') {
            sql::execute(app.database(), statement).await;
        }
        assert_broken(&app, sequence, fault).await;
    }
}

#[rocket::async_test]
async fn rows_that_were_cut_off_at_the_end_are_missed() {
    let app = app_with_six_rows().await;
    sql::execute(app.database(), "DELETE FROM security_audit WHERE sequence > 4").await;
    assert_broken(&app, 5, Fault::Missing).await;
    let back = "UPDATE security_audit_head SET sequence = 4,
                hash = (SELECT hash FROM security_audit WHERE sequence = 4)";
    sql::execute(app.database(), back).await;
    assert_broken(&app, 4, Fault::Headless).await;
    // The seal of a row is none of a head.
    let sealed = "UPDATE security_audit_head SET
                  seal = (SELECT seal FROM security_audit WHERE sequence = 4)";
    sql::execute(app.database(), sealed).await;
    assert_broken(&app, 4, Fault::Headless).await;
}

#[rocket::async_test]
async fn a_journal_that_was_put_back_as_a_whole_is_found_by_its_end_that_was_noted() {
    let app = app_with_six_rows().await;
    let end = verify(&app).await;
    let expected = |sequence, hash: Digest| {
        let app = &app;
        async move { journal(app).await.verify(Some((sequence, hash))).await.unwrap().broken }
    };
    assert_eq!(expected(6, end.hash).await, None);
    let other = rows(&app).await[2].hash;
    assert_eq!(expected(6, other).await.unwrap().fault, Fault::Unexpected);
    app.log_in_as(ANN).await;
    assert_eq!(expected(6, end.hash).await, None);

    sql::execute(app.database(), "DELETE FROM security_audit").await;
    let zero = "UPDATE security_audit_head SET sequence = 0, key_id = 0, hash = previous, \
                seal = previous";
    // As the migration made it.
    let zero = match app.database().url().split(':').next().unwrap() {
        "postgres" => zero.replace("previous", "decode(repeat('00', 32), 'hex')"),
        "mysql" => zero.replace("previous", "UNHEX(REPEAT('00', 32))"),
        _ => zero.replace("previous", "zeroblob(32)"),
    };
    sql::execute(app.database(), &zero).await;
    assert_eq!(verify(&app).await.broken, None);
    assert_eq!(expected(6, end.hash).await.unwrap().fault, Fault::Missing);
}

#[rocket::async_test]
async fn whoever_has_the_tables_and_not_the_keys_can_write_no_row() {
    let app = app_with_six_rows().await;
    let real = rows(&app).await[5].key_id;
    let foreign = journal_with(&app, &[generate_paserk().unwrap()]).await;
    let origin = Origin::new(app.clock().now(), None);
    foreign.append(&[&Event::Throttled { origin }]).await.unwrap();
    assert_broken(&app, 7, Fault::KeyIsGone).await;
    for table in ["security_audit", "security_audit_head"] {
        let claim = format!("UPDATE {table} SET key_id = {real}");
        sql::execute(app.database(), &claim).await;
    }
    assert_broken(&app, 7, Fault::Forged).await;
}

#[rocket::async_test]
async fn a_journal_survives_a_change_of_keys() {
    let app = app_with_six_rows().await;
    let (old, new) = (keys(&app), generate_paserk().unwrap());
    let both = [new.clone(), old.clone()];
    let alone = std::slice::from_ref(&new);
    // Before there is a row of the new key, nothing vouches for the others without the old one.
    let early = journal_with(&app, alone).await.verify(None).await.unwrap().broken.unwrap();
    assert_eq!((early.sequence, early.fault), (1, Fault::KeyIsGone));

    let origin = Origin::new(app.clock().now(), None);
    let rotated = journal_with(&app, &both).await;
    rotated.append(&[&Event::Throttled { origin }]).await.unwrap();
    for keys in [both.as_slice(), alone] {
        let report = journal_with(&app, keys).await.verify(None).await.unwrap();
        assert_eq!((report.rows, report.broken), (7, None));
    }
    // A change of a row whose key is gone is found all the same.
    let change = "UPDATE security_audit SET event = 'user_verified' WHERE sequence = 2";
    sql::execute(app.database(), change).await;
    let report = journal_with(&app, alone).await.verify(None).await.unwrap();
    assert_eq!(report.broken.unwrap().fault, Fault::Changed);
}

#[rocket::async_test]
async fn without_the_feature_nothing_is_written_down() {
    let app = TestApp::launch(rocket_with(Security::default())).await;
    app.log_in_as(ANN).await;
    app.browser().log_in(ANN, "a wrong password").await;
    assert_eq!(rows(&app).await, []);
}

#[cfg(feature = "cli")]
mod command_line {
    use rocket::serde::json::Value;
    use rocket_security::event::{ROOM, Signals};
    use rocket_security::testing::{PASSWORD, TestApp};

    use crate::journal::audit::{app, app_with_six_rows, keys, names, refusal, rows, verify};
    use crate::support::operator::{CHEAP_HASH, Done, Place};
    use crate::support::{ANN, rocket_with, sql, with_ann};

    /// An operator who has the keys of the application.
    fn operator(app: &TestApp) -> Place {
        let place = Place::beside(app.database());
        let keys = keys(app);
        place.configure(&format!("{CHEAP_HASH}[default.security]\nkeys = {:?}\n", keys.expose()));
        place
    }

    fn run(app: &TestApp, line: &str) -> Done {
        operator(app).run(line)
    }

    #[rocket::async_test]
    async fn a_whole_journal_is_told_of_with_its_end_which_can_be_handed_back() {
        let app = app_with_six_rows().await;
        let Done { status, stdout, .. } = run(&app, "audit verify");
        let end = stdout.trim().rsplit(' ').next().unwrap();
        assert_eq!(stdout.trim(), format!("The journal is intact: 6 rows, the end is {end}"));
        assert_eq!((status, end.len()), (Some(0), 2 + 64));
        assert_eq!(run(&app, &format!("audit verify --expect {end}")).status, Some(0));
        let Done { status, stderr, .. } =
            run(&app, &format!("audit verify --expect 5{}", &end[1..]));
        assert_eq!(status, Some(1));
        assert!(stderr.contains("row 5 is not the one that was expected"), "{stderr}");
        assert_eq!(run(&app, "audit verify --expect 5").status, Some(2));
    }

    #[rocket::async_test]
    async fn a_journal_that_lacks_events_is_not_called_whole() {
        let app = app_with_six_rows().await;
        let signals = app.client().rocket().state::<Signals>().unwrap();
        for number in 0..u128::try_from(ROOM).unwrap() + 21 {
            signals.send(&refusal(&app, number));
        }
        app.told().await;
        let Done { status, stdout, .. } = run(&app, "audit verify");
        assert_eq!(status, Some(0), "no row was changed");
        assert!(!stdout.contains("intact") && stdout.contains(", ending with 520:"), "{stdout}");
        assert!(stdout.contains("\n21 user_unauthorized between 20"), "{stdout}");
    }

    #[rocket::async_test]
    async fn a_broken_journal_is_told_of_with_its_first_broken_row() {
        let app = app_with_six_rows().await;
        sql::execute(app.database(), "DELETE FROM security_audit WHERE sequence = 3").await;
        let Done { status, stdout, stderr } = run(&app, "audit verify");
        let text = "error: the journal is broken: row 3 is missing. It was verified up to row 2";
        assert_eq!((status, stdout.as_str(), stderr.lines().last()), (Some(1), "", Some(text)));
    }

    #[rocket::async_test]
    async fn the_newest_rows_are_printed_oldest_first() {
        let app = app_with_six_rows().await;
        app.browser().log_in(ANN, "a wrong password").await;
        let id = app.user(ANN).await.id.to_string();
        rows(&app).await;
        let Done { status, stdout, .. } = run(&app, "audit tail -n 2");
        let lines: Vec<&str> = stdout.lines().collect();
        assert_eq!((status, lines.len()), (Some(0), 2));
        assert!(lines[0].starts_with("6 ") && lines[1].starts_with("7 "), "{stdout}");
        let parts = ["user_failed_authn", "authn_via=password", "reason=wrong_password", &id];
        for part in parts.into_iter().chain(["request_id=", "method=POST", "route=/login"]) {
            assert!(lines[1].contains(part), "{stdout}");
        }
        let Done { stdout, .. } = run(&app, "audit tail --json");
        let lines: Vec<Value> =
            stdout.lines().map(|line| rocket::serde::json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[6]["event"], "user_failed_authn");
        assert_eq!(lines[6]["payload"]["reason"], "wrong_password");
        assert_eq!(lines[6]["user"], id.as_str());
    }

    #[rocket::async_test]
    async fn a_terminal_is_shown_no_control_characters() {
        let app = app_with_six_rows().await;
        let change = "UPDATE security_audit SET payload = '{\"a\":\"\\u001b[2J\"}'";
        let change = if app.database().url().starts_with("mysql:") {
            change.replace('\\', "\\\\")
        } else {
            change.to_owned()
        };
        sql::execute(app.database(), &change).await;
        let Done { stdout, .. } = run(&app, "audit tail");
        assert!(stdout.contains("a= [2J") && !stdout.contains('\u{1b}'), "{stdout:?}");
    }

    #[rocket::async_test]
    async fn a_journal_that_is_followed_shows_what_is_added() {
        use std::io::{BufRead, BufReader};
        let app = app_with_six_rows().await;
        let place = operator(&app);
        let mut child = place.command(&["audit", "tail", "-n", "1", "--follow"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().starts_with("6 "));
        app.log_in_as(ANN).await;
        assert!(lines.next().unwrap().unwrap().starts_with("7 "));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[rocket::async_test]
    async fn what_an_operator_changes_is_written_down_as_theirs() {
        let app = app().await;
        app.log_in_as(ANN).await;
        for line in [
            "roles create admin",
            "users create bob@example.org --confirmed --no-password --role admin",
            "roles grant ann@example.org admin",
            "roles grant ann@example.org admin",
            "roles revoke ann@example.org admin",
            "roles add-permission admin posts.edit",
            "roles add-permission admin posts.edit",
            "roles remove-permission admin posts.edit",
            "roles create editor",
            "roles include admin editor",
            "roles include admin editor",
            "roles exclude admin editor",
            "roles exclude admin editor",
            "tokens issue ann@example.org",
            "users deactivate ann@example.org",
            "users activate ann@example.org",
        ] {
            let done = run(&app, line);
            assert_eq!(done.status, Some(0), "{done:?}");
        }
        let expected = [
            "user_authenticated",
            "user_registered",
            "user_confirmed",
            "role_granted",
            "role_granted",
            "role_revoked",
            "permission_granted",
            "permission_revoked",
            "role_included",
            "role_excluded",
            "token_issued",
            "user_deactivated",
            "user_activated",
        ];
        assert_eq!(names(&app).await, expected);
        let rows = rows(&app).await;
        for row in &rows[1..] {
            let payload: Value = rocket::serde::json::from_str(&row.entry.payload).unwrap();
            assert_eq!(payload["origin"]["authn_via"], "command_line");
        }
        assert!(rows[4].entry.payload.contains("\"role\":\"admin\""));
        assert!(rows[6].entry.payload.contains("\"permission\":\"posts.edit\""));
        assert!(rows[8].entry.payload.contains("\"role\":\"admin\",\"included\":\"editor\""));
        assert_eq!(verify(&app).await.broken, None);
        assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status.code, 200);
    }

    #[rocket::async_test]
    async fn without_its_row_in_the_journal_no_token_is_issued() {
        let app = app_with_six_rows().await;
        sql::execute(app.database(), "DROP TABLE security_audit").await;
        let Done { status, stdout, stderr } = run(&app, "tokens issue ann@example.org");
        assert_eq!((status, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains("error: ") && !stderr.contains("v4."), "{stderr}");
    }

    #[rocket::async_test]
    async fn where_there_is_no_journal_an_operator_begins_none() {
        let app =
            with_ann(TestApp::launch(rocket_with(rocket_security::Security::default()))).await;
        assert_eq!(run(&app, "users deactivate ann@example.org").status, Some(0));
        assert_eq!(names(&app).await, Vec::<String>::new());
        let Done { status, stdout, .. } = run(&app, "audit verify");
        assert_eq!((status, stdout.as_str()), (Some(0), "The journal has no rows.\n"));
    }
}

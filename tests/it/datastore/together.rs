//! What an application does in the transaction of a change: committed with it, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use rocket::async_trait;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket_security::clock::Clock;
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::lapse::Contest;
use rocket_security::datastore::one_time::OneTimeToken;
use rocket_security::datastore::outbox::NewMail;
use rocket_security::datastore::user::{NewUser, Taken, UserChange};
use rocket_security::datastore::{
    LapseStore, OneTimeStore, StoreConnection, Together, UserDatastore,
};
use rocket_security::feature::{Registering, Registration};
use rocket_security::testing::{PASSWORD, TestApp, TestDatabase};
use rocket_security::user::User;
use rocket_security::{Email, Result, Security, SqlxDatastore, Text};
use serde_json::json;

use crate::support::store::migrated;
use crate::support::users::new_user;
use crate::support::{ANN, sql};

/// A note of this name can be written once.
const WRITE: &str = "INSERT INTO notes (name) VALUES ('ann')";
const WRITE_ANOTHER: &str = "INSERT INTO notes (name) VALUES ('bob')";

/// Gives work on a connection of one kind, which runs `$sql` when `$begin` lets it.
macro_rules! work {
    ($connection:ty, $sql:expr, $begin:expr) => {{
        let (sql, begin) = ($sql, $begin);
        Together::nothing().and(move |connection: &mut $connection| {
            let begun = begin();
            Box::pin(async move {
                begun?;
                sqlx::raw_sql(sql).execute(connection).await?;
                Ok(())
            })
        })
    }};
}

/// Gives work on a connection of one kind, with a value that is bound; `$mark` is a value's place.
macro_rules! bound_work {
    ($connection:ty, $mark:literal) => {
        Together::nothing().and(|connection: &mut $connection| {
            Box::pin(async move {
                // Not for longer than the transaction: a pooler gives the next one elsewhere.
                sqlx::query(concat!("INSERT INTO notes (name) VALUES (", $mark, ")"))
                    .bind(random_uuid()?.to_string())
                    .persistent(false)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
    };
}

/// Gives work on a connection of one kind, which keeps to itself that its statement failed.
macro_rules! deaf_work {
    ($connection:ty) => {
        Together::nothing().and(|connection: &mut $connection| {
            Box::pin(async move {
                let _ = sqlx::raw_sql("INSERT INTO nowhere VALUES (1)").execute(connection).await;
                Ok(())
            })
        })
    };
}

/// A database with the tables of the framework and one of the application's own.
struct Shared {
    store: SqlxDatastore,
    database: TestDatabase,
}

impl Shared {
    async fn create() -> Self {
        let (database, store) = migrated().await;
        let notes = "CREATE TABLE notes (name VARCHAR(40) NOT NULL PRIMARY KEY)";
        sql::execute(&database, notes).await;
        Self { store, database }
    }

    /// Gives work that runs a statement.
    fn work(&self, sql: &'static str) -> Together {
        self.work_that_begins(sql, || Ok(()))
    }

    fn work_that_begins(
        &self,
        sql: &'static str,
        begin: impl Fn() -> sqlx::Result<()> + Send + Sync + 'static,
    ) -> Together {
        match self.database.url().split(':').next().unwrap() {
            #[cfg(feature = "postgres")]
            "postgres" => work!(sqlx::PgConnection, sql, begin),
            #[cfg(feature = "mysql")]
            "mysql" => work!(sqlx::MySqlConnection, sql, begin),
            _ => work!(sqlx::SqliteConnection, sql, begin),
        }
    }

    /// Gives work that writes a note of a name of its own.
    fn bound_work(&self) -> Together {
        match self.database.url().split(':').next().unwrap() {
            #[cfg(feature = "postgres")]
            "postgres" => bound_work!(sqlx::PgConnection, "$1"),
            #[cfg(feature = "mysql")]
            "mysql" => bound_work!(sqlx::MySqlConnection, "?"),
            _ => bound_work!(sqlx::SqliteConnection, "?"),
        }
    }

    /// Gives work that fails and does not say so.
    fn deaf_work(&self) -> Together {
        match self.database.url().split(':').next().unwrap() {
            #[cfg(feature = "postgres")]
            "postgres" => deaf_work!(sqlx::PgConnection),
            #[cfg(feature = "mysql")]
            "mysql" => deaf_work!(sqlx::MySqlConnection),
            _ => deaf_work!(sqlx::SqliteConnection),
        }
    }

    /// Gives a mail, work that can be done, and then work that cannot.
    fn work_that_fails(&self) -> Together {
        let mail = Together::mail(vec![mail()]);
        mail.join(self.work(WRITE)).join(self.work(WRITE))
    }

    async fn user(&self) -> User {
        self.store.create_user(&new_ann(), &Together::nothing()).await.unwrap().unwrap()
    }

    async fn token(&self, user: &User) -> OneTimeToken {
        let token = OneTimeToken::new(
            Token::random().unwrap().digest(),
            "confirm".to_owned(),
            user.id,
            user.email.canonical(),
            random_uuid().unwrap(),
            user.created_at,
            user.created_at + TimeDelta::hours(1),
        );
        assert!(self.store.create_token(&token, user.epoch).await.unwrap());
        token
    }

    async fn consume(&self, token: &OneTimeToken, together: &Together) -> Result<Option<User>> {
        let (change, now) = (UserChange::active(false), Clock::default().now());
        self.store.consume_token(&token.digest, "confirm", now, &change, together).await
    }

    async fn count(&self, table: &str) -> i64 {
        sql::count(&self.database, table).await
    }

    /// Asserts that there is a user as they were made, and nothing that came with a change.
    async fn assert_unchanged(&self, user: &User) {
        assert_eq!(self.store.find_user(user.id).await.unwrap().as_ref(), Some(user));
        assert_eq!((self.count("notes").await, self.count("security_outbox").await), (0, 0));
    }
}

fn contested() -> Contest {
    Contest::new(false, Clock::default().now())
}

fn new_ann() -> NewUser {
    new_user(ANN, Clock::default().now())
}

fn mail() -> NewMail {
    let to = Email::parse(ANN).unwrap();
    NewMail::new(&Text::new("welcome", "Welcome"), &to, Clock::default().now()).unwrap()
}

#[rocket::async_test]
async fn work_is_committed_with_a_new_user_or_neither_is() {
    let shared = Shared::create().await;
    let refused = shared.store.create_user(&new_ann(), &shared.work_that_fails()).await;
    assert!(refused.is_err());
    assert_eq!(shared.count("security_users").await, 0);
    assert_eq!((shared.count("notes").await, shared.count("security_outbox").await), (0, 0));

    let together = Together::mail(vec![mail()]).join(shared.work(WRITE));
    let made = shared.store.create_user(&new_ann(), &together).await.unwrap();
    assert!(made.is_ok());
    assert_eq!((shared.count("notes").await, shared.count("security_outbox").await), (1, 1));
}

#[rocket::async_test]
async fn work_sees_the_change_it_comes_with() {
    let shared = Shared::create().await;
    let work = shared.work("INSERT INTO notes (name) SELECT email FROM security_users");
    shared.store.create_user(&new_ann(), &work).await.unwrap().unwrap();
    assert!(sql::dump(&shared.database, "notes").await.contains(ANN));
}

#[rocket::async_test]
async fn work_of_a_change_is_committed_with_it_or_neither_is() {
    let shared = Shared::create().await;
    let (ann, change) = (shared.user().await, UserChange::active(false));
    let token = shared.token(&ann).await;
    assert!(shared.store.update_user(ann.id, &change, &shared.work_that_fails()).await.is_err());
    shared.assert_unchanged(&ann).await;
    assert!(shared.consume(&token, &Together::nothing()).await.unwrap().is_some());

    shared.store.update_user(ann.id, &change, &shared.work(WRITE)).await.unwrap().unwrap();
    assert_eq!(shared.count("notes").await, 1);
}

#[rocket::async_test]
async fn work_of_a_token_is_committed_when_it_is_used_up_or_neither_is() {
    let shared = Shared::create().await;
    let ann = shared.user().await;
    let token = shared.token(&ann).await;
    assert!(shared.consume(&token, &shared.work_that_fails()).await.is_err());
    shared.assert_unchanged(&ann).await;

    assert!(shared.consume(&token, &shared.work(WRITE)).await.unwrap().is_some());
    assert_eq!(shared.count("notes").await, 1);
    assert_eq!(shared.consume(&token, &shared.work(WRITE_ANOTHER)).await.unwrap(), None);
    assert_eq!(shared.count("notes").await, 1);
}

#[rocket::async_test]
async fn work_of_a_contest_and_of_a_deletion_is_committed_with_it_or_neither_is() {
    let shared = Shared::create().await;
    let ann = shared.user().await;
    assert!(
        shared.store.contest_user(ann.id, &contested(), &shared.work_that_fails()).await.is_err()
    );
    assert!(shared.store.delete_user(ann.id, &shared.work_that_fails()).await.is_err());
    shared.assert_unchanged(&ann).await;

    assert!(shared.store.contest_user(ann.id, &contested(), &shared.work(WRITE)).await.unwrap());
    assert!(shared.store.delete_user(ann.id, &shared.work(WRITE_ANOTHER)).await.unwrap());
    assert_eq!((shared.count("notes").await, shared.count("security_users").await), (2, 0));
}

#[rocket::async_test]
async fn a_change_that_does_not_apply_does_no_work() {
    let shared = Shared::create().await;
    let ann = shared.user().await;
    let (store, work) = (&shared.store, shared.work(WRITE));
    let change = UserChange::confirmed(ann.created_at, None);
    assert_eq!(store.update_user(ann.id, &change, &work).await.unwrap(), None);
    assert_eq!(store.create_user(&new_ann(), &work).await.unwrap(), Err(Taken::Email));
    let nobody = new_ann().id;
    assert!(!store.contest_user(nobody, &contested(), &work).await.unwrap());
    assert!(!store.delete_user(nobody, &work).await.unwrap());
    shared.assert_unchanged(&ann).await;
}

#[rocket::async_test]
async fn of_callers_at_once_the_work_of_the_one_who_wins_is_done() {
    let shared = Shared::create().await;
    let works = (0..16).map(|number| {
        let sql = format!("INSERT INTO notes (name) VALUES ('{number}')");
        shared.work(String::leak(sql))
    });
    let works: Vec<Together> = works.collect();
    let calls = works.iter().map(|work| async {
        let user = new_ann();
        shared.store.create_user(&user, work).await.unwrap()
    });
    let made = join_all(calls).await;
    let winners: Vec<usize> = (0..16).filter(|number| made[*number].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(sql::dump(&shared.database, "notes").await.matches('\n').count(), 1);
    let note = format!("SELECT COUNT(*) FROM notes WHERE name = '{}'", winners[0]);
    assert_eq!(sql::number(&shared.database, &note).await, 1);
}

#[rocket::async_test]
async fn work_for_another_kind_of_connection_refuses_the_change() {
    struct Foreign;

    impl StoreConnection for Foreign {}
    let shared = Shared::create().await;
    let foreign = shared
        .work(WRITE)
        .join(Together::mail(vec![mail()]))
        .and(|_: &mut Foreign| Box::pin(async { Ok(()) }));
    let fault = shared.store.create_user(&new_ann(), &foreign).await.unwrap_err();
    assert!(fault.to_string().contains("do not run on a it::datastore::together"), "{fault}");
    assert_eq!(shared.count("security_users").await, 0);
    assert_eq!((shared.count("notes").await, shared.count("security_outbox").await), (0, 0));
}

#[rocket::async_test]
async fn work_is_done_again_when_the_transaction_was_lost_and_only_then() {
    let lost: fn() -> _ = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
    let other: fn() -> _ = || sqlx::Error::RowNotFound;
    for (fault, is_made, times) in [(lost, true, 2), (other, false, 1)] {
        let shared = Shared::create().await;
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let work = shared.work_that_begins(WRITE, move || {
            let is_first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            if is_first { Err(fault()) } else { Ok(()) }
        });
        let made = shared.store.create_user(&new_ann(), &work).await;
        assert_eq!(made.is_ok_and(|made| made.is_ok()), is_made);
        assert_eq!(begun.load(Ordering::Relaxed), times);
        assert_eq!(shared.count("notes").await, i64::from(is_made));
        assert_eq!(shared.count("security_users").await, i64::from(is_made));
    }
}

/// Writes a note with each user.
struct Notes(Together);

#[async_trait]
impl Registering for Notes {
    async fn after_register(&self, _registration: &Registration<'_>) -> Result<Together> {
        Ok(self.0.clone())
    }
}

#[rocket::async_test]
async fn a_registration_commits_everything_that_hooks_give_or_nothing() {
    let shared = Shared::create().await;
    let notes = Notes(shared.work(WRITE));
    let Shared { store, database } = shared;
    let security = Security::with_default_features(store).install(|at| {
        at.registering(notes);
        Ok(())
    });
    let app = TestApp::launch_on(database, rocket::build().attach(security), json!({})).await;
    let register = async |email| {
        let body = json!({"email": email, "password": PASSWORD});
        app.browser().post_json("/register", body).await
    };
    let count = async |table| sql::count(app.database(), table).await;
    assert_eq!(register(ANN).await.status, Status::Ok);
    assert_eq!((count("security_users").await, count("notes").await), (1, 1));
    assert_eq!(app.mail().await.len(), 1);

    // There is a note already, so nobody else can have an account.
    let refused = register("bob@example.org").await;
    assert_eq!(
        (refused.status, refused.reasons()),
        (Status::ServiceUnavailable, vec!["unavailable".into()])
    );
    assert!(refused.header("Retry-After").is_some());
    assert_eq!((count("security_users").await, count("notes").await), (1, 1));
    assert_eq!(app.mail().await.len(), 1);

    // The account that is there gets its mail, and no work is done for it.
    assert_eq!(register(ANN).await.status, Status::Ok);
    assert_eq!((count("security_users").await, count("notes").await), (1, 1));
    assert_eq!(app.mail().await.len(), 2);
}

/// PostgreSQL commits nothing after a fault, and answers a commit as if it had.
#[rocket::async_test]
async fn nobody_is_told_of_a_user_that_deaf_work_kept_from_being_made() {
    let shared = Shared::create().await;
    let new = new_ann();
    let made = shared.store.create_user(&new, &shared.deaf_work()).await;
    let found = shared.store.find_user(new.id).await.unwrap();
    assert_eq!(made.is_ok_and(|made| made.is_ok()), found.is_some());
}

/// Each through another connection of a pooler, where there is one.
#[rocket::async_test]
async fn work_with_values_is_done_for_each_of_many_users_at_once() {
    let shared = Shared::create().await;
    let users = (0..40)
        .map(|number| new_user(&format!("user{number}@example.org"), Clock::default().now()));
    let users: Vec<NewUser> = users.collect();
    let (store, work) = (&shared.store, &shared.bound_work());
    let made = join_all(users.iter().map(|user| store.create_user(user, work))).await;
    assert!(made.into_iter().all(|made| made.unwrap().is_ok()));
    assert_eq!(shared.count("notes").await, 40);
}

//! Measures the cost of recognising a request: the one query of every request with a session, for a user who
//! has a role with two permissions.
//!
//! `cargo bench --bench session`, on SQLite; with `SECURITY_TEST_DATABASE_URL` and the driver's cargo
//! feature, on that server, too. All are measured in turns in one run; the ratio is to a bare `SELECT 1` on
//! an SQLite pool of sqlx.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::time::{Duration, Instant};

use rocket_security::clock::Clock;
use rocket_security::crypto::one_time::{Digest, Token};
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::session::{Replaces, SessionRecord};
use rocket_security::datastore::user::NewUser;
use rocket_security::datastore::{RoleStore, Together};
use rocket_security::testing::TestDatabase;
use rocket_security::user::{Email, Method, Proof, Proofs, UserId};
use rocket_security::{
    MemoryDatastore, PermissionName, RoleName, SqlxDatastore, SqlxPool, UserDatastore,
};

const ROUNDS: usize = 20;
const CALLS: u32 = 500;

#[rocket::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("security.sqlite").display());
    let pool = SqlxPool::<sqlx::Sqlite>::open(&url, 4).await.expect("SQLite");
    let bare = pool.clone();
    let sqlite = SqlxDatastore::sqlite(pool);
    let memory = MemoryDatastore::new();
    let server = TestDatabase::create().await;
    let figment = server.figment(rocket::Config::figment());
    let on_server = SqlxDatastore::connect(&figment).await.expect("the server");
    sqlite.migrate().await.expect("a schema");
    on_server.migrate().await.expect("a schema");

    let sessions = (fill(&memory).await, fill(&sqlite).await, fill(&on_server).await);
    let mut best = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            sqlx::query("SELECT 1").execute(bare.as_sqlx()).await.expect("an answer");
        }
        let took = [
            begun.elapsed(),
            find(&memory, &sessions.0).await,
            find(&sqlite, &sessions.1).await,
            find(&on_server, &sessions.2).await,
        ];
        best = std::array::from_fn(|at| best[at].min(took[at]));
    }
    let kind = server.url().split(':').next().unwrap_or_default().to_owned();
    let kind = if kind == "sqlite" { "sqlite once more".to_owned() } else { kind };
    for (name, took) in ["SELECT 1", "memory", "sqlite", &kind].into_iter().zip(best) {
        let micros = took.as_secs_f64() * 1e6 / f64::from(CALLS);
        let ratio = took.as_secs_f64() / best[0].as_secs_f64();
        println!("{name:>16}  {micros:7.1} us  {ratio:5.2}");
    }
}

async fn fill(store: &(impl UserDatastore + RoleStore)) -> Digest {
    let now = Clock::default().now();
    let mut user = NewUser::new(
        UserId::from_uuid(random_uuid().expect("randomness")),
        Email::parse("ann@example.org").expect("an address"),
        now,
    );
    user.confirmed_at = Some(now);
    let user = store.create_user(&user, &Together::nothing()).await.expect("a store");
    let user = user.expect("the first of that address");
    let editor = RoleName::parse("editor").expect("a name");
    store.create_role(&editor, "").await.expect("a store");
    for permission in ["posts.edit", "posts.read"] {
        let permission = PermissionName::parse(permission).expect("a name");
        let granted = store.grant_permission(&editor, &permission, &Together::nothing()).await;
        assert!(granted.expect("a store"));
    }
    let granted = store.grant_role(user.id, &editor, &Together::nothing()).await;
    assert!(granted.expect("a store"));
    let digest = Token::random().expect("randomness").digest();
    let session = SessionRecord::new(
        digest,
        random_uuid().expect("randomness"),
        user.id,
        user.epoch,
        Proofs::from(Proof::new(Method::Password, now)),
        now,
    );
    assert!(
        store
            .begin_session(&session, Replaces::Nothing, 20, &Together::nothing())
            .await
            .expect("a store")
            .is_some()
    );
    digest
}

async fn find(store: &(impl UserDatastore + RoleStore), digest: &Digest) -> Duration {
    let begun = Instant::now();
    for _ in 0..CALLS {
        assert!(store.find_session(digest).await.expect("a store").is_some());
    }
    begun.elapsed()
}

//! What a transaction sees of what others commit, on servers.

use std::sync::{Arc, Mutex};

use rocket_security::clock::Clock;
use rocket_security::datastore::Together;
use rocket_security::testing::TestDatabase;
use rocket_security::{SqlxDatastore, SqlxPool, UserDatastore};

use crate::support::sql;
use crate::support::users::new_user;

/// Counts the notes twice in the transaction of a change, with another's note committed in between.
macro_rules! counted_twice {
    ($db:ty, $store:path, $database:ident) => {{
        let pool = sqlx::Pool::<$db>::connect($database.direct_url()).await.unwrap();
        let store = $store(SqlxPool::new(pool.clone()));
        store.migrate().await.unwrap();
        sql::execute(&$database, "CREATE TABLE notes (name VARCHAR(40) NOT NULL)").await;
        let counts: Arc<Mutex<Vec<i64>>> = Arc::default();
        let seen = Arc::clone(&counts);
        let work =
            Together::nothing().and(move |connection: &mut <$db as sqlx::Database>::Connection| {
                let (seen, pool) = (Arc::clone(&seen), pool.clone());
                Box::pin(async move {
                    for _ in 0..2 {
                        let count = sqlx::query_as("SELECT COUNT(*) FROM notes");
                        let (count,): (i64,) = count.fetch_one(&mut *connection).await?;
                        seen.lock().unwrap().push(count);
                        sqlx::query("INSERT INTO notes (name) VALUES ('a')").execute(&pool).await?;
                    }
                    Ok(())
                })
            });
        let user = new_user("ann@example.org", Clock::default().now());
        store.create_user(&user, &work).await.unwrap().unwrap();
        let counts = counts.lock().unwrap().clone();
        counts
    }};
}

#[rocket::async_test]
async fn on_a_pool_that_the_application_opened_a_transaction_sees_what_others_commit() {
    let database = TestDatabase::create().await;
    let counts: Vec<i64> = match database.url().split(':').next().unwrap() {
        #[cfg(feature = "postgres")]
        "postgres" => counted_twice!(sqlx::Postgres, SqlxDatastore::postgres, database),
        #[cfg(feature = "mysql")]
        "mysql" => counted_twice!(sqlx::MySql, SqlxDatastore::mysql, database),
        // One transaction writes at a time.
        _ => return,
    };
    assert_eq!(counts, [0, 1]);
}

//! Limits how long a request waits for the store, with all its operations together.
//!
//! A request that queries the store several times would otherwise wait for each query. With one limit for all
//! of them, a client learns in time that the store is down: by default within three seconds. Waiting for a
//! password hash does not count.

use std::cell::Cell;
use std::time::Duration;

use rocket::tokio::task_local;
use rocket::tokio::time::{Instant, timeout};

task_local! {
    /// The time that is left, once an operation has begun.
    static LEFT: Cell<Option<Duration>>;
}

/// Runs `work`. All its operations share the limit of the first one.
pub(crate) async fn with_deadline<T>(work: impl Future<Output = T>) -> T {
    if LEFT.try_with(|_| ()).is_ok() {
        return work.await;
    }
    LEFT.scope(Cell::new(None), work).await
}

/// Runs an operation for at most `limit`, or for what earlier operations of the request have left of it.
/// Returns `None` if it takes longer.
pub(crate) async fn until_deadline<T>(
    limit: Duration,
    operation: impl Future<Output = T>,
) -> Option<T> {
    let left = LEFT.try_with(Cell::get).unwrap_or_default().unwrap_or(limit);
    let begun = Instant::now();
    let outcome = timeout(left, operation).await.ok();
    let _ = LEFT.try_with(|it| it.set(Some(left.saturating_sub(begun.elapsed()))));
    outcome
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::time::Duration;

    use rocket::tokio::time::sleep;

    use crate::deadline::{LEFT, until_deadline, with_deadline};

    const LIMIT: Duration = Duration::from_millis(500);

    #[rocket::async_test]
    async fn operations_of_one_request_share_its_deadline() {
        with_deadline(async {
            let slept = until_deadline(LIMIT, sleep(Duration::from_millis(100))).await;
            assert!(slept.is_some());
            let left = LEFT.with(Cell::get).unwrap();
            assert!(left <= LIMIT - Duration::from_millis(100), "{left:?}");
            assert!(with_deadline(until_deadline(LIMIT, pending::<()>())).await.is_none());
            assert_eq!(LEFT.with(Cell::get), Some(Duration::ZERO));
            assert!(until_deadline(LIMIT, pending::<()>()).await.is_none());
        })
        .await;
    }
}

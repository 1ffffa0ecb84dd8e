//! Limits how long a request waits for the store, with all its operations together.
//!
//! A request that queries the store several times would otherwise wait for each query. With one deadline for
//! all of them, a client learns within three seconds that the store is down. Waiting for a password hash does
//! not count.

use std::cell::Cell;
use std::time::Duration;

use rocket::tokio::task_local;
use rocket::tokio::time::{Instant, timeout};

/// How long a request waits for the store in all, and how long an operation outside a request waits.
pub(crate) const DEADLINE: Duration = Duration::from_millis(2_500);

task_local! {
    /// The time that is left.
    static LEFT: Cell<Duration>;
}

/// Runs `work`. All its operations share one [`DEADLINE`].
pub(crate) async fn with_deadline<T>(work: impl Future<Output = T>) -> T {
    if LEFT.try_with(|_| ()).is_ok() {
        return work.await;
    }
    LEFT.scope(Cell::new(DEADLINE), work).await
}

/// Runs an operation until the deadline. Returns `None` if it takes longer.
pub(crate) async fn until_deadline<T>(operation: impl Future<Output = T>) -> Option<T> {
    let left = LEFT.try_with(Cell::get).unwrap_or(DEADLINE);
    let begun = Instant::now();
    let outcome = timeout(left, operation).await.ok();
    let _ = LEFT.try_with(|it| it.set(left.saturating_sub(begun.elapsed())));
    outcome
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::time::Duration;

    use rocket::tokio::time::sleep;

    use crate::deadline::{DEADLINE, LEFT, until_deadline, with_deadline};

    #[rocket::async_test]
    async fn operations_of_one_request_share_its_deadline() {
        with_deadline(async {
            assert!(until_deadline(sleep(Duration::from_millis(300))).await.is_some());
            let left = LEFT.with(Cell::get);
            assert!(left <= DEADLINE - Duration::from_millis(300), "{left:?}");
            assert!(with_deadline(until_deadline(pending::<()>())).await.is_none());
            assert_eq!(LEFT.with(Cell::get), Duration::ZERO);
            assert!(until_deadline(pending::<()>()).await.is_none());
        })
        .await;
    }
}

//! How long a request waits for the store, all its operations together.
//!
//! A request that asks the store several times would otherwise wait for each: whoever is told that
//! the store is down is told so within three seconds. Waiting for a hash does not count.

use std::cell::Cell;
use std::time::Duration;

use rocket::tokio::task_local;
use rocket::tokio::time::Instant;
use rocket::tokio::time::timeout;

/// How long a request waits for the store in all, and an operation that belongs to no request.
pub(crate) const PATIENCE: Duration = Duration::from_millis(2_500);

task_local! {
    /// What is left of it.
    static LEFT: Cell<Duration>;
}

/// Has all operations of `work` share one [`PATIENCE`].
pub(crate) async fn shared<T>(work: impl Future<Output = T>) -> T {
    if LEFT.try_with(|_| ()).is_ok() {
        return work.await;
    }
    LEFT.scope(Cell::new(PATIENCE), work).await
}

/// Gives up an operation once the patience is used up.
pub(crate) async fn limited<T>(operation: impl Future<Output = T>) -> Option<T> {
    let left = LEFT.try_with(Cell::get).unwrap_or(PATIENCE);
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

    use crate::patience::LEFT;
    use crate::patience::PATIENCE;
    use crate::patience::limited;
    use crate::patience::shared;

    #[rocket::async_test]
    async fn operations_of_one_request_share_its_patience() {
        shared(async {
            assert!(limited(sleep(Duration::from_millis(300))).await.is_some());
            let left = LEFT.with(Cell::get);
            assert!(left <= PATIENCE - Duration::from_millis(300), "{left:?}");
            assert!(shared(limited(pending::<()>())).await.is_none());
            assert_eq!(LEFT.with(Cell::get), Duration::ZERO);
            assert!(limited(pending::<()>()).await.is_none());
        })
        .await;
    }
}

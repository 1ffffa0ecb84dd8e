//! Waiting for what happens beside requests.

use std::time::Duration;

use rocket::tokio::time::sleep;

/// Returns what a look finds as soon as it finds it, and fails after ten seconds.
pub(crate) async fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = look() {
            return found;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("there is no {what} after ten seconds");
}

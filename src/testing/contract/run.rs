//! Runs sentences: on several threads, and with many callers at once.

use std::sync::Arc;

use rocket::tokio::runtime::Builder;
use rocket::tokio::spawn;
use rocket::tokio::sync::Barrier;

use crate::datastore::UserDatastore;

/// How many callers call at once.
pub(super) const CALLERS: usize = 32;

/// Runs a sentence on its own store with several threads. Rocket's test runtime has a single worker, on which
/// no two tasks ever run at the same moment.
pub fn run<D: UserDatastore, G>(
    fresh_store: impl Future<Output = (D, G)>,
    sentence: impl AsyncFnOnce(&Arc<D>),
) {
    let runtime = Builder::new_multi_thread().worker_threads(8).enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, _guard) = fresh_store.await;
        // Created after the guard, and so dropped before it.
        let store = Arc::new(store);
        sentence(&store).await;
    });
}

/// Calls a store from that many callers at once, and returns the answer of each.
pub(super) async fn all_at_once<D, T, F>(
    store: &Arc<D>,
    callers: usize,
    call: impl Fn(Arc<D>, usize) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(callers));
    let begin = |number| {
        let (start, call) = (Arc::clone(&start), call(Arc::clone(store), number));
        spawn(async move {
            start.wait().await;
            call.await
        })
    };
    let tasks: Vec<_> = (0..callers).map(begin).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await);
    }
    // Only now, so that no caller outlives the store's guard.
    answers.into_iter().map(Result::unwrap).collect()
}

pub(super) fn count<T: PartialEq>(answers: &[T], expected: &T) -> usize {
    answers.iter().filter(|answer| *answer == expected).count()
}

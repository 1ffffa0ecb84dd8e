//! Threads for costly work, behind a queue that is bounded in total and for each network.
//!
//! On the async runtime's blocking pool, a flood of requests would run hundreds of such jobs at once. Here
//! only as many run as there are threads, a bounded number waits, and further requests are refused before any
//! other work is done for them. One network can hold a quarter of the places, and the networks around it half
//! of them, at least two each, so that a single network cannot keep everyone else out.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::{iter, thread};

use rocket::tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::crypto::one_time::Digest;
use crate::error::{Error, Result};
use crate::rejection::Rejection;

/// One network can hold one in this many places.
const NETWORK_SHARE: usize = 4;

/// A larger network around it can hold one in this many places.
const SURROUNDING_SHARE: usize = 2;

/// The number of places that a network can hold in any case.
const NETWORK_LEAST: usize = 2;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Threads that each keep a state from job to job.
pub(crate) struct Pool<S> {
    jobs: mpsc::Sender<Job<S>>,
    places: Arc<Places>,
}

impl<S> Clone for Pool<S> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone(), places: Arc::clone(&self.places) }
    }
}

/// A place in the queue of a pool, taken before any other work is done for a request.
///
/// Work that has begun keeps its place until it is finished, even if its request is gone.
#[derive(Clone)]
pub struct Slot {
    _place: Arc<Place>,
}

impl<S: Default + 'static> Pool<S> {
    /// Starts the threads. They end when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the operating system refuses a thread.
    pub(crate) fn start(name: &str, threads: usize, queue: usize) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job<S>>();
        let inbox = Arc::new(Mutex::new(inbox));
        for number in 0..threads {
            let inbox = Arc::clone(&inbox);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || work(&inbox))
                .map_err(|source| Error::File { path: format!("{name} thread"), source })?;
        }
        let all = threads.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(all));
        let places = Places { free, all, held: Mutex::default() };
        Ok(Self { jobs, places: Arc::new(places) })
    }

    /// Takes a place that counts for no network, for work that does not belong to a request.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if the queue is full.
    pub(crate) fn reserve(&self) -> Result<Slot, Rejection> {
        let place = Place { _permit: self.places.permit()?, held_by: None };
        Ok(Slot { _place: Arc::new(place) })
    }

    /// Takes a place for a request. `networks` are keyed digests of the networks that it comes from, the
    /// smallest first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if the queue is full, or one of the networks holds its share of it.
    pub(crate) fn reserve_for(&self, networks: Vec<Digest>) -> Result<Slot, Rejection> {
        let mut held = self.places.held();
        let count = |network| held.get(network).copied().unwrap_or_default();
        let mut shares = iter::once(NETWORK_SHARE).chain(iter::repeat(SURROUNDING_SHARE));
        let is_within = |(network, share)| count(network) < self.places.at_most(share);
        if !networks.iter().zip(&mut shares).all(is_within) {
            return Err(Rejection::Saturated);
        }
        let permit = self.places.permit()?;
        for network in &networks {
            *held.entry(*network).or_default() += 1;
        }
        drop(held);
        let held_by = Some((networks, Arc::clone(&self.places)));
        Ok(Slot { _place: Arc::new(Place { _permit: permit, held_by }) })
    }

    /// Runs a job on one of the threads. A job whose request is gone is not started.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if the job panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        slot: &Slot,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::Crypto("hashing a password did not finish".to_owned());
        let (answer, result) = oneshot::channel();
        let place = slot.clone();
        let job: Job<S> = Box::new(move |state| {
            if !answer.is_closed() {
                let _ = answer.send(work(state));
            }
            drop(place);
        });
        self.jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())
    }
}

/// Runs jobs until the last [`Pool`] is dropped.
fn work<S: Default>(inbox: &Mutex<mpsc::Receiver<Job<S>>>) {
    let mut state = S::default();
    loop {
        let job = match inbox.lock() {
            Ok(inbox) => inbox.recv(),
            Err(_) => return,
        };
        let Ok(job) = job else {
            return;
        };
        // A panic fails one request. If it ended the thread, soon no user could log in.
        if catch_unwind(AssertUnwindSafe(|| job(&mut state))).is_err() {
            log::error!("hashing a password panicked");
            state = S::default();
        }
    }
}

/// The places of a pool.
struct Places {
    free: Arc<Semaphore>,
    all: usize,
    held: Mutex<HashMap<Digest, usize>>,
}

impl Places {
    fn permit(&self) -> Result<OwnedSemaphorePermit, Rejection> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| Rejection::Saturated)
    }

    fn at_most(&self, share: usize) -> usize {
        (self.all / share).max(NETWORK_LEAST)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Digest, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Place {
    _permit: OwnedSemaphorePermit,
    held_by: Option<(Vec<Digest>, Arc<Places>)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((networks, places)) = &self.held_by else {
            return;
        };
        let mut held = places.held();
        for network in networks {
            match held.get_mut(network) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    held.remove(network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::crypto::one_time::{Digest, keyed_digest};
    use crate::crypto::pool::Pool;
    use crate::rejection::Rejection;

    fn network(name: &str) -> Vec<Digest> {
        vec![digest(name)]
    }

    fn digest(name: &str) -> Digest {
        keyed_digest(&[0; 32], &[name.as_bytes()])
    }

    #[test]
    fn one_network_holds_a_quarter_of_the_places_and_others_the_rest() {
        let pool: Pool<()> = Pool::start("test", 1, 15).unwrap();
        let mut slots = Vec::new();
        for _ in 0..4 {
            slots.push(pool.reserve_for(network("a")).unwrap());
        }
        assert_eq!(pool.reserve_for(network("a")).err(), Some(Rejection::Saturated));
        let other = pool.reserve_for(network("b"));
        assert!(other.is_ok());
        slots.pop();
        assert!(pool.reserve_for(network("a")).is_ok());
    }

    #[test]
    fn the_networks_around_one_hold_half_of_the_places_together() {
        let pool: Pool<()> = Pool::start("test", 1, 15).unwrap();
        let within = |name| vec![digest(name), digest("block")];
        let mut slots = Vec::new();
        for name in ["a", "b", "c", "d"].repeat(2) {
            slots.push(pool.reserve_for(within(name)).unwrap());
        }
        assert_eq!(pool.reserve_for(within("e")).err(), Some(Rejection::Saturated));
        assert!(pool.reserve_for(network("elsewhere")).is_ok());
        slots.pop();
        assert!(pool.reserve_for(within("e")).is_ok());
        drop(slots);
        assert!(pool.places.held().is_empty());
    }

    #[test]
    fn one_network_holds_two_places_of_a_small_queue() {
        let pool: Pool<()> = Pool::start("test", 1, 2).unwrap();
        let _slots =
            [pool.reserve_for(network("a")).unwrap(), pool.reserve_for(network("a")).unwrap()];
        assert_eq!(pool.reserve_for(network("a")).err(), Some(Rejection::Saturated));
        assert!(pool.reserve_for(network("b")).is_ok());
    }

    #[test]
    fn a_network_that_holds_no_place_is_forgotten() {
        let pool: Pool<()> = Pool::start("test", 1, 15).unwrap();
        let slot = pool.reserve_for(network("a")).unwrap();
        let other = slot.clone();
        drop(slot);
        assert_eq!(pool.places.held().len(), 1);
        drop(other);
        assert!(pool.places.held().is_empty());
    }

    #[rocket::async_test]
    async fn a_job_that_panics_fails_alone() {
        let pool: Pool<()> = Pool::start("test", 1, 1).unwrap();
        let slot = pool.reserve().unwrap();
        let failed = pool.run(&slot, |()| assert_eq!(1, 2, "this panic is part of the test")).await;
        assert!(failed.is_err());
        assert_eq!(pool.run(&slot, |()| 7).await.unwrap(), 7);
    }

    #[rocket::async_test]
    async fn a_full_queue_refuses_and_an_empty_one_accepts_again() {
        let pool: Pool<()> = Pool::start("test", 1, 1).unwrap();
        let places = (pool.reserve().unwrap(), pool.reserve().unwrap());
        assert_eq!(pool.reserve().err(), Some(Rejection::Saturated));
        drop(places);
        assert!(pool.reserve().is_ok());
    }
}

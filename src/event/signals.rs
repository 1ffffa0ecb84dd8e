//! The listeners, and how they receive events without delaying a request.
//!
//! Each listener has a separate queue with room for [`QUEUE`] events. Sending an event puts it in the queues
//! and returns. If a queue is full because its listener is too slow, the event is dropped for that listener,
//! and this is logged.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use std::{fmt, thread};

use rocket::futures::FutureExt;
use rocket::futures::future::BoxFuture;
use rocket::tokio;
use rocket::tokio::sync::mpsc::error::TrySendError;
use rocket::tokio::sync::{broadcast, mpsc, watch};
use rocket::tokio::task::AbortHandle;
use rocket::tokio::time::timeout;

use crate::event::kinds::Event;
use crate::event::recorder::{Counted, Record, Recorder};

/// How many events wait for one listener, and how far a receiver of [`subscribe`](Signals::subscribe) may lag
/// behind.
pub const QUEUE: usize = 1_024;

/// How long an asynchronous listener may take for one event, before it is aborted for the next.
pub const LONGEST: Duration = Duration::from_secs(30);

type Listen = Box<dyn Fn(&Event) + Send + Sync>;
type ListenAsync = Box<dyn Fn(Arc<Event>) -> BoxFuture<'static, ()> + Send + Sync>;

/// The listeners of an application, before its launch.
pub struct Listeners {
    listeners: Vec<Listener>,
    record: Option<Record>,
    broadcast: broadcast::Sender<Arc<Event>>,
}

enum Listener {
    Sync(Listen),
    Async(ListenAsync),
}

impl Default for Listeners {
    fn default() -> Self {
        Self { listeners: Vec::new(), record: None, broadcast: broadcast::Sender::new(QUEUE) }
    }
}

impl Listeners {
    /// Adds a listener, which runs on a separate thread.
    pub fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.listeners.push(Listener::Sync(Box::new(listener)));
    }

    /// Adds an asynchronous listener, which runs on a separate task.
    pub fn listen_async<F, W>(&mut self, listener: F)
    where
        F: Fn(Arc<Event>) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        self.listeners.push(Listener::Async(Box::new(move |event| listener(event).boxed())));
    }

    /// Sets the function that stores events without a change in the store. It receives only these, several at
    /// a time and counted, may take as long as it needs, and returns whether it stored them.
    pub(crate) fn record<F, W>(&mut self, recorder: F)
    where
        F: Fn(Vec<Counted>) -> W + Send + Sync + 'static,
        W: Future<Output = bool> + Send + 'static,
    {
        self.record = Some(Box::new(move |events| recorder(events).boxed()));
    }

    /// Returns a receiver of all events, for an asynchronous application.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.broadcast.subscribe()
    }

    /// Starts the threads and tasks of the listeners. They end with [`Signals::close`], or when the last
    /// clone is dropped.
    pub(crate) fn start(self) -> Signals {
        let is_closed = Arc::new(AtomicBool::new(false));
        let outlets =
            self.listeners.into_iter().map(|listener| Outlet::start(listener, &is_closed));
        let outlets = RwLock::new(outlets.collect());
        let recorder = RwLock::new(self.record.map(Recorder::start));
        Signals(Arc::new(Inner { outlets, recorder, is_closed, broadcast: self.broadcast }))
    }
}

/// Sends events to the listeners of an application. It is in Rocket's managed state.
///
/// Clones share the listeners.
#[derive(Clone)]
pub struct Signals(Arc<Inner>);

struct Inner {
    outlets: RwLock<Vec<Outlet>>,
    recorder: RwLock<Option<Recorder>>,
    is_closed: Arc<AtomicBool>,
    broadcast: broadcast::Sender<Arc<Event>>,
}

impl Signals {
    /// Sends an event without a change in the store, such as a failed login, to every listener. If there is a
    /// journal, it stores the event later.
    pub fn send(&self, event: &Event) {
        self.tell(event, true);
    }

    /// Sends the event of a committed change to every listener. What a journal stores about it was committed
    /// with the change.
    pub fn send_committed(&self, event: &Event) {
        self.tell(event, false);
    }

    /// Returns a receiver of all events from now on. If it lags more than [`QUEUE`] events behind, it misses
    /// the oldest, and is told how many.
    ///
    /// ```
    /// use rocket::State;
    /// use rocket::get;
    /// use rocket::response::stream::TextStream;
    /// use rocket_security::event::Signals;
    ///
    /// #[get("/events")]
    /// fn events(signals: &State<Signals>) -> TextStream![String] {
    ///     let mut events = signals.subscribe();
    ///     TextStream! {
    ///         while let Ok(event) = events.recv().await {
    ///             yield format!("{}\n", event.name());
    ///         }
    ///     }
    /// }
    /// ```
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.broadcast.subscribe()
    }

    /// Waits until every event sent so far has arrived: every listener has returned from it, or was aborted.
    pub async fn told(&self) {
        let mut waits: Vec<_> = self.outlets().iter().map(Outlet::position).collect();
        waits.extend(self.recorder().as_ref().map(Recorder::finish));
        for (sent, mut done) in waits {
            // A listener that has ended receives nothing more.
            let _ = done.wait_for(|done| *done >= sent).await;
        }
    }

    /// Stops sending events. Listeners finish their current event, and their queues are dropped.
    pub(crate) fn close(&self) {
        self.0.is_closed.store(true, Ordering::SeqCst);
        let mut outlets = self.0.outlets.write().unwrap_or_else(PoisonError::into_inner);
        outlets.clear();
        drop(outlets);
        *self.0.recorder.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn tell(&self, event: &Event, is_alone: bool) {
        log::debug!("{event:?}");
        let event = Arc::new(event.clone());
        for outlet in self.outlets().iter() {
            outlet.put(&event);
        }
        if let Some(recorder) = self.recorder().as_ref().filter(|_| is_alone) {
            recorder.put(&event);
        }
        // An error means that there are no subscribers.
        let _ = self.0.broadcast.send(event);
    }

    fn recorder(&self) -> RwLockReadGuard<'_, Option<Recorder>> {
        self.0.recorder.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn outlets(&self) -> RwLockReadGuard<'_, Vec<Outlet>> {
        self.0.outlets.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signals")
    }
}

/// The queue of one listener.
struct Outlet {
    queue: mpsc::Sender<Arc<Event>>,
    sent: AtomicU64,
    /// How many were dropped in a row.
    dropped: AtomicU64,
    done: watch::Receiver<u64>,
    task: Option<AbortHandle>,
}

impl Outlet {
    fn start(listener: Listener, is_closed: &Arc<AtomicBool>) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let (counter, done) = watch::channel(0);
        let task = match listener {
            Listener::Sync(listen) => {
                let is_closed = Arc::clone(is_closed);
                let thread = thread::Builder::new().name("security-events".to_owned());
                let begun = thread.spawn(move || hear(&listen, inbox, &counter, &is_closed));
                if let Err(fault) = begun {
                    log::error!("the thread of an event listener could not be started: {fault}");
                }
                None
            }
            Listener::Async(listen) => Some(tokio::spawn(hear_async(listen, inbox, counter))),
        };
        let task = task.map(|task| task.abort_handle());
        Self { queue, sent: AtomicU64::new(0), dropped: AtomicU64::new(0), done, task }
    }

    /// Puts an event in the queue, or drops it if the queue is full.
    fn put(&self, event: &Arc<Event>) {
        match self.queue.try_send(Arc::clone(event)) {
            Ok(()) => {
                self.sent.fetch_add(1, Ordering::SeqCst);
                let dropped = self.dropped.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    log::error!("a listener was too slow and missed {dropped} events");
                }
            }
            Err(TrySendError::Full(_)) => {
                if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                    log::error!("a listener is too slow and misses {}", event.name());
                }
            }
            Err(TrySendError::Closed(_)) => {}
        }
    }

    /// Returns how many events were sent, and a receiver of how many were handled.
    fn position(&self) -> (u64, watch::Receiver<u64>) {
        (self.sent.load(Ordering::SeqCst), self.done.clone())
    }
}

/// A future that never ends is aborted with its listener. A thread cannot be stopped.
impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn hear(
    listen: &Listen,
    mut inbox: mpsc::Receiver<Arc<Event>>,
    done: &watch::Sender<u64>,
    is_closed: &AtomicBool,
) {
    while let Some(event) = inbox.blocking_recv() {
        if is_closed.load(Ordering::SeqCst) {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| listen(&event))).is_err() {
            log::error!("a listener panicked at {}", event.name());
        }
        done.send_modify(|done| *done += 1);
    }
}

async fn hear_async(
    listen: ListenAsync,
    mut inbox: mpsc::Receiver<Arc<Event>>,
    done: watch::Sender<u64>,
) {
    while let Some(event) = inbox.recv().await {
        let name = event.name();
        // The listener itself may panic, before it returns its future.
        let heard = AssertUnwindSafe(async { listen(event).await }).catch_unwind();
        match timeout(LONGEST, heard).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => log::error!("a listener panicked at {name}"),
            Err(_) => log::error!("a listener took too long for {name} and was given up"),
        }
        done.send_modify(|done| *done += 1);
    }
}

//! Stores the events that do not belong to a change in the store, in a journal.
//!
//! Any user with an account can cause some of these events as often as they like. Two rules keep the journal
//! readable and bounded. Events that differ only in their time and their request are counted: the first is
//! stored at once, and those that follow until the end of the [`WINDOW`] are stored as one more entry. And
//! each kind of event has its own [`ROOM`], so that a flood of one kind does not crowd out another: failed
//! logins are still stored during a flood of requests for forbidden pages. For events that do not fit,
//! [`Event::EventsLost`] is stored: for the first of a window at once, so that the journal is marked from
//! then on, and for the others with their number when the window ends.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rocket::futures::FutureExt;
use rocket::futures::future::BoxFuture;
use rocket::tokio;
use rocket::tokio::sync::{Notify, watch};
use rocket::tokio::task::AbortHandle;
use rocket::tokio::time::{MissedTickBehavior, interval};

use crate::clock::Timestamp;
use crate::event::kinds::Event;
use crate::event::origin::Origin;

/// How many different events of one kind are stored within a [`WINDOW`], and as many counts of their
/// repetitions.
pub const ROOM: usize = 512;

/// How long equal events are counted before the count is stored.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How many events about ended logins wait at most. A sweep ends many at once, and a client cannot cause more
/// of these events than it began logins.
const ROOM_FOR_ENDS: usize = 16_384;

/// How many events are stored at a time.
const BATCH: usize = 64;

pub(super) type Record = Box<dyn Fn(Vec<Counted>) -> BoxFuture<'static, bool> + Send + Sync>;

/// An event, and how often it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counted {
    /// The first of these events.
    pub event: Arc<Event>,
    /// How many there were. They differ in their time, their request, and at most in the address within one
    /// IPv6 network (/48).
    pub count: u64,
    /// When the last of them happened.
    pub last_at: Timestamp,
}

impl Counted {
    /// Wraps a single event.
    pub fn once(event: Arc<Event>) -> Self {
        let last_at = event.origin().at;
        Self { event, count: 1, last_at }
    }
}

/// The task that stores events, and the events that wait for it.
pub(super) struct Recorder {
    shared: Arc<Shared>,
    finished: watch::Receiver<u64>,
    task: AbortHandle,
}

struct Shared {
    pile: Mutex<Pile>,
    bell: Notify,
}

impl Recorder {
    pub(super) fn start(record: Record) -> Self {
        let shared = Arc::new(Shared { pile: Mutex::default(), bell: Notify::new() });
        let (counter, finished) = watch::channel(0);
        let task = tokio::spawn(write(record, Arc::clone(&shared), counter));
        Self { shared, finished, task: task.abort_handle() }
    }

    pub(super) fn put(&self, event: &Arc<Event>) {
        self.shared.pile().put(event);
        self.shared.bell.notify_one();
    }

    /// Ends the window. Returns what to wait for until every event that was put here has been stored or lost.
    pub(super) fn finish(&self) -> (u64, watch::Receiver<u64>) {
        let mut pile = self.shared.pile();
        pile.end_window();
        pile.asked += 1;
        self.shared.bell.notify_one();
        (pile.asked, self.finished.clone())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn pile(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(record: Record, shared: Arc<Shared>, finished: watch::Sender<u64>) {
    let mut windows = interval(WINDOW);
    windows.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (batch, asked) = {
            let mut pile = shared.pile();
            (pile.take(), pile.asked)
        };
        if batch.is_empty() {
            finished.send_replace(asked);
            tokio::select! {
                () = shared.bell.notified() => {}
                _ = windows.tick() => shared.pile().end_window(),
            }
            continue;
        }
        let recorded = AssertUnwindSafe(async { record(batch.clone()).await }).catch_unwind();
        if !matches!(recorded.await, Ok(true)) {
            log::error!("{} events were not recorded", batch.len());
            shared.pile().lose(&batch);
        }
    }
}

/// The events that wait to be stored, in the order in which they happened.
#[derive(Default)]
struct Pile {
    due: VecDeque<Counted>,
    kinds: HashMap<&'static str, Kind>,
    /// How many requests there were to store everything.
    asked: u64,
}

/// The state of the events with one name.
#[derive(Default)]
struct Kind {
    /// How many wait to be stored.
    waiting: usize,
    /// The events of this window, each with the count of its repetitions since it was due.
    seen: HashMap<String, Option<Counted>>,
    /// Set if an event of this window was lost, the first of which has been reported.
    is_losing: bool,
    /// What was lost and is not reported yet.
    lost: Option<Lost>,
}

struct Lost {
    count: u64,
    since: Timestamp,
    until: Timestamp,
}

impl Pile {
    fn put(&mut self, event: &Arc<Event>) {
        let kind = self.kinds.entry(event.name()).or_default();
        let counted = Counted::once(Arc::clone(event));
        if is_an_end(event) {
            if kind.waiting < ROOM_FOR_ENDS {
                kind.waiting += 1;
                self.due.push_back(counted);
            } else {
                self.lose_one(&counted);
            }
            return;
        }
        let likeness = likeness(event);
        let has_room = kind.seen.len() < ROOM && kind.waiting < ROOM;
        match kind.seen.get_mut(&likeness) {
            Some(Some(repeated)) => {
                repeated.count = repeated.count.saturating_add(1);
                repeated.last_at = repeated.last_at.max(counted.last_at);
            }
            Some(repeated) => *repeated = Some(counted),
            None if has_room => {
                kind.seen.insert(likeness, None);
                kind.waiting += 1;
                self.due.push_back(counted);
            }
            None => self.lose_one(&counted),
        }
    }

    /// Notes that an event was lost. The first loss of a window is reported at once.
    fn lose_one(&mut self, counted: &Counted) {
        let name = counted.event.name();
        let has_room = self.kinds.get(Event::LOST).is_none_or(|told| told.waiting < ROOM);
        let kind = self.kinds.entry(name).or_default();
        let is_first = !std::mem::replace(&mut kind.is_losing, true);
        if is_first {
            log::error!("too many events at once: {name} is not recorded");
        }
        if !is_first || !has_room {
            kind.add_lost(Lost::one(counted));
            return;
        }
        self.due.push_back(Counted::once(Arc::new(Lost::one(counted).of(name))));
        self.kinds.entry(Event::LOST).or_default().waiting += 1;
    }

    /// Queues what was counted since the last window.
    fn end_window(&mut self) {
        let mut due = Vec::new();
        let lost_name = Event::LOST;
        let mut lost_waiting = self.kinds.get(lost_name).map_or(0, |kind| kind.waiting);
        for (name, kind) in &mut self.kinds {
            for repeated in std::mem::take(&mut kind.seen).into_values().flatten() {
                if kind.waiting < ROOM {
                    kind.waiting += 1;
                    due.push(repeated);
                } else {
                    kind.add_lost(Lost::one(&repeated));
                }
            }
            kind.is_losing = false;
            if let Some(lost) = kind.lost.take_if(|_| lost_waiting < ROOM) {
                lost_waiting += 1;
                due.push(Counted::once(Arc::new(lost.of(name))));
            }
        }
        self.kinds.entry(lost_name).or_default().waiting = lost_waiting;
        due.sort_by_key(|counted| counted.last_at);
        self.due.extend(due);
    }

    fn take(&mut self) -> Vec<Counted> {
        let batch: Vec<Counted> = self.due.drain(..BATCH.min(self.due.len())).collect();
        for counted in &batch {
            let kind = self.kinds.entry(counted.event.name()).or_default();
            kind.waiting = kind.waiting.saturating_sub(1);
        }
        batch
    }

    fn lose(&mut self, batch: &[Counted]) {
        for counted in batch {
            match &*counted.event {
                Event::EventsLost { lost, count, since, origin } => {
                    let (count, since, until) = (*count, *since, origin.at);
                    self.kinds.entry(lost).or_default().add_lost(Lost { count, since, until });
                }
                _ => self.lose_one(counted),
            }
        }
    }
}

impl Kind {
    fn add_lost(&mut self, more: Lost) {
        self.lost = Some(match self.lost.take() {
            None => more,
            Some(lost) => Lost {
                count: lost.count.saturating_add(more.count),
                since: lost.since.min(more.since),
                until: lost.until.max(more.until),
            },
        });
    }
}

impl Lost {
    fn one(counted: &Counted) -> Self {
        let (since, until) = (counted.event.origin().at, counted.last_at);
        Self { count: counted.count, since, until }
    }

    fn of(self, name: &'static str) -> Event {
        let Self { count, since, until } = self;
        Event::EventsLost { lost: name, count, since, origin: Origin::new(until, None) }
    }
}

/// Checks whether an event reports the end of an earlier login.
fn is_an_end(event: &Event) -> bool {
    matches!(event, Event::SessionEnded { .. } | Event::RefreshTrackerRevoked { .. })
}

/// Returns the key by which equal events are counted: everything that a journal shows of an event, except
/// for time, request, and the last 80 bits of an IPv6 address, which its sender chooses.
fn likeness(event: &Event) -> String {
    let mut event = event.clone();
    let origin = event.origin_mut();
    origin.at = Timestamp::default();
    origin.request_id = None;
    if let Some(IpAddr::V6(address)) = origin.client {
        let network = address.to_bits() >> 80 << 80;
        origin.client = Some(IpAddr::V6(Ipv6Addr::from_bits(network)));
    }
    // Every event can be written as JSON.
    serde_json::to_string(&event).unwrap_or_default()
}

//! A change in the store, with everything that is committed with it and the events sent afterwards.

use crate::datastore::Together;
use crate::datastore::outbox::{Asker, NewMail};
use crate::datastore::personal_token::Creation;
use crate::datastore::remember::SeriesRotated;
use crate::error::Result;
use crate::event::Event;
use crate::feature::announcer::{Announcer, asker};

/// A change that is about to be committed: one call of the store, what else is committed in the same
/// transaction, and the events that are sent once it is.
///
/// Create it with [`Flow::change`](crate::flow::Flow::change), so that mails, journal entries and events
/// match what is committed:
///
/// ```
/// use rocket_security::Rejection;
/// use rocket_security::datastore::user::UserChange;
/// use rocket_security::event::{Event, Origin};
/// use rocket_security::flow::Flow;
/// use rocket_security::{User, UserId};
///
/// /// Deactivates an account and ends all its sessions.
/// async fn deactivate(flow: &Flow, user: UserId, origin: Origin) -> Result<Option<User>, Rejection> {
///     let off = UserChange::active(false);
///     let changed = flow
///         .change(Event::UserDeactivated { user, origin })
///         .commit(async |with| flow.store().update_user(user, &off, with).await)
///         .await?;
///     Ok(changed)
/// }
/// ```
#[must_use = "nothing changes until it is committed"]
pub struct Change {
    announcer: Announcer,
    asker: Asker,
    /// The events that the journals have not been asked about yet.
    events: Vec<Event>,
    /// The events that the journals have been asked about.
    asked: Vec<Event>,
    together: Together,
}

impl Announcer {
    /// Prepares a change in the store. The event is sent once the change is committed.
    pub fn change(&self, event: Event) -> Change {
        Change {
            announcer: self.clone(),
            asker: asker(event.origin()),
            events: vec![event],
            asked: Vec::new(),
            together: Together::nothing(),
        }
    }
}

impl Change {
    /// Adds another event, sent after the earlier ones.
    pub fn and(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// Adds mails, which are put into the outbox in the same transaction.
    pub fn mail(self, mail: impl IntoIterator<Item = NewMail>) -> Self {
        self.with(Together::mail(mail.into_iter().collect()))
    }

    /// Adds rows and mails to commit in the same transaction.
    pub fn with(mut self, mut together: Together) -> Self {
        let asked_by = |mail: NewMail| mail.asked_by(self.asker.clone());
        together.mail = together.mail.into_iter().map(asked_by).collect();
        self.together = self.together.join(together);
        self
    }

    /// Asks the journals now what to commit with the change. [`commit`](Self::commit) asks them anyway. Call
    /// this only before another step that must not happen if a journal fails.
    ///
    /// # Errors
    ///
    /// The error of the journal that failed.
    pub async fn asked(mut self) -> Result<Self> {
        for event in self.events.drain(..) {
            let rows = self.announcer.before_commit(&event).await?;
            self.together = self.together.join(rows);
            self.asked.push(event);
        }
        Ok(self)
    }

    /// Commits the change and returns the store's answer.
    ///
    /// It asks the journals what to commit with the change, passes everything to `act`, which makes the one
    /// call of the store, and sends the events if the answer is [committed](Committed).
    ///
    /// # Errors
    ///
    /// The error of a journal or of `act`. Then nothing is committed and no event is sent.
    pub async fn commit<T: Committed>(
        self,
        act: impl AsyncFnOnce(&Together) -> Result<T>,
    ) -> Result<T> {
        self.commit_then(act, |_| []).await
    }

    /// Commits the change as [`commit`](Self::commit) does. If the answer is [committed](Committed), also
    /// sends the events that `learned` reads from it, after the others.
    ///
    /// Use it for what only the store knows, such as which sessions were ended to make room for a new one.
    /// The journals record these events afterwards, as they do with events that belong to no change.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    pub async fn commit_then<T: Committed, E: IntoIterator<Item = Event>>(
        self,
        act: impl AsyncFnOnce(&Together) -> Result<T>,
        learned: impl FnOnce(&T) -> E,
    ) -> Result<T> {
        let Self { announcer, asked, together, .. } = self.asked().await?;
        let answer = act(&together).await?;
        if answer.is_committed() {
            announcer.committed(&asked, !together.mail.is_empty());
            announcer.learned(learned(&answer));
        }
        Ok(answer)
    }
}

/// The answer of a store to a change: committed or not.
pub trait Committed {
    /// Returns `true` if the change was committed.
    fn is_committed(&self) -> bool;
}

/// The change cannot fail but with an error.
impl Committed for () {
    fn is_committed(&self) -> bool {
        true
    }
}

/// `false` means that there was nothing to change.
impl Committed for bool {
    fn is_committed(&self) -> bool {
        *self
    }
}

/// `None` means that the row does not exist, or was changed meanwhile.
impl<T> Committed for Option<T> {
    fn is_committed(&self) -> bool {
        self.is_some()
    }
}

/// `Err` is the reason why the store did not make the change.
impl<T, E> Committed for std::result::Result<T, E> {
    fn is_committed(&self) -> bool {
        self.is_ok()
    }
}

impl Committed for Creation {
    fn is_committed(&self) -> bool {
        matches!(self, Self::Created)
    }
}

impl Committed for SeriesRotated {
    fn is_committed(&self) -> bool {
        matches!(self, Self::Rotated(_))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use rocket::async_trait;

    use crate::clock::Clock;
    use crate::datastore::Together;
    use crate::datastore::outbox::NewMail;
    use crate::error::{Error, Result};
    use crate::event::{Event, Listeners, Origin, Signals};
    use crate::feature::announcer::Announcer;
    use crate::feature::journaling::Journaling;
    use crate::text::Text;
    use crate::user::{Email, UserId};

    /// A journal whose store is full.
    struct Full;

    #[async_trait]
    impl Journaling for Full {
        async fn before_commit(&self, _event: &Event) -> Result<Together> {
            Err(Error::store("full"))
        }
    }

    fn announcer(journals: Vec<Box<dyn Journaling>>) -> (Announcer, Signals, Arc<AtomicU32>) {
        let (signals, rung) = (Listeners::default().start(), Arc::new(AtomicU32::new(0)));
        let bell = Arc::clone(&rung);
        let ring = move || {
            bell.fetch_add(1, Ordering::Relaxed);
        };
        (Announcer::new(journals.into(), signals.clone(), ring), signals, rung)
    }

    fn deleted() -> Event {
        let origin = Origin::new(Clock::default().now(), None);
        Event::UserDeleted { user: UserId::from_uuid(uuid::Uuid::from_u128(1)), origin }
    }

    fn mail() -> NewMail {
        let to = Email::parse("ann@example.org").unwrap();
        NewMail::new(&Text::new("welcome", "Welcome"), &to, Clock::default().now()).unwrap()
    }

    #[rocket::async_test]
    async fn what_was_committed_is_told_and_its_mail_is_sent() {
        let (announcer, signals, rung) = announcer(Vec::new());
        let mut told = signals.subscribe();
        let change = announcer.change(deleted()).mail([mail()]);
        let answer = change.commit(async |with| Ok(Some(with.mail.len()))).await;
        assert_eq!(answer.unwrap(), Some(1));
        assert_eq!(told.try_recv().unwrap().name(), "user_deleted");
        assert_eq!(rung.load(Ordering::Relaxed), 1);
    }

    #[rocket::async_test]
    async fn what_the_answer_reveals_is_told_after_the_change_and_only_if_it_was_committed() {
        let (announcer, signals, _) = announcer(Vec::new());
        let mut told = signals.subscribe();
        let origin = deleted().origin().clone();
        let by_answer = |ended: &Option<UserId>| {
            ended.map(|user| Event::UserLoggedOut { user, origin: origin.clone() })
        };
        let user = UserId::from_uuid(uuid::Uuid::from_u128(2));
        let change = announcer.change(deleted());
        change.commit_then(async |_| Ok(Some(user)), by_answer).await.unwrap();
        assert_eq!(told.try_recv().unwrap().name(), "user_deleted");
        assert_eq!(told.try_recv().unwrap().name(), "user_logged_out");
        let change = announcer.change(deleted());
        change.commit_then(async |_| Ok(None), by_answer).await.unwrap();
        assert!(told.try_recv().is_err());
    }

    #[rocket::async_test]
    async fn a_step_that_was_not_taken_is_told_to_nobody() {
        let (announcer, signals, rung) = announcer(Vec::new());
        let mut told = signals.subscribe();
        for _ in 0..2 {
            let change = announcer.change(deleted()).mail([mail()]);
            assert!(!change.commit(async |_| Ok(false)).await.unwrap());
        }
        let change = announcer.change(deleted());
        change.commit(async |_| Err::<bool, _>(Error::store("away"))).await.unwrap_err();
        assert!(told.try_recv().is_err());
        assert_eq!(rung.load(Ordering::Relaxed), 0);
    }

    /// A journal that counts what it was asked about.
    struct Counting(Arc<AtomicU32>);

    #[async_trait]
    impl Journaling for Counting {
        async fn before_commit(&self, _event: &Event) -> Result<Together> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Together::nothing())
        }
    }

    #[rocket::async_test]
    async fn a_journal_is_asked_once_about_each_event_whenever_it_is_added() {
        let asked = Arc::new(AtomicU32::new(0));
        let (announcer, signals, _) = announcer(vec![Box::new(Counting(Arc::clone(&asked)))]);
        let mut told = signals.subscribe();
        let change = announcer.change(deleted()).asked().await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let change = change.asked().await.unwrap().and(deleted());
        change.commit(async |_| Ok(true)).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert!(told.try_recv().is_ok() && told.try_recv().is_ok() && told.try_recv().is_err());
    }

    #[rocket::async_test]
    async fn what_a_journal_cannot_write_down_does_not_happen() {
        let (announcer, signals, _) = announcer(vec![Box::new(Full)]);
        let (mut told, has_happened) = (signals.subscribe(), AtomicBool::new(false));
        let act = async |_: &Together| {
            has_happened.store(true, Ordering::Relaxed);
            Ok(true)
        };
        announcer.change(deleted()).commit(act).await.unwrap_err();
        assert!(!has_happened.load(Ordering::Relaxed));
        assert!(told.try_recv().is_err());
    }
}

//! Rows that only the store in memory has: a count of attempts, and a mail in the outbox.

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::datastore::outbox::{ListedMail, MailState, NewLink, NewMail};
use crate::user::UserId;

/// The count of a key.
#[derive(Default)]
pub(super) struct Count {
    pub(super) attempts: u32,
    /// The delay after the last attempt.
    pub(super) delay: TimeDelta,
    /// When the block of the key, or its window, ends.
    pub(super) until: Timestamp,
    pub(super) counted_at: Timestamp,
}

/// A mail that is not delivered yet.
pub(super) struct Queued {
    pub(super) mail: NewMail,
    pub(super) attempts: u32,
    /// When it is due, or due again; `None` if it was given up.
    pub(super) next_attempt_at: Option<Timestamp>,
    /// Whether it is leased.
    pub(super) leased: bool,
    /// Why the last delivery failed.
    pub(super) fault: Option<String>,
}

impl Queued {
    pub(super) fn listed(&self) -> ListedMail {
        ListedMail {
            mail: self.mail.clone(),
            state: MailState::new(self.next_attempt_at, self.leased),
            attempts: self.attempts,
            fault: self.fault.clone(),
        }
    }

    /// Returns `true` if no worker will send it unless an operator retries it.
    pub(super) fn is_given_up(&self) -> bool {
        self.next_attempt_at.is_none()
    }

    /// Returns `true` if it goes to the same address as `mail`, concerns no other user, and carries a link of
    /// the same purpose that is not lasting.
    pub(super) fn carries(&self, link: &NewLink, mail: &NewMail) -> bool {
        let is_alike = |other: &NewLink| other.purpose == link.purpose && !other.lasting;
        self.mail.to.as_str() == mail.to.as_str()
            && is_of(self.mail.addressee.user_id(), mail.addressee.user_id())
            && self.mail.link.as_ref().is_some_and(is_alike)
    }
}

/// Returns `true` unless the two mails concern different users.
fn is_of(one: Option<UserId>, other: Option<UserId>) -> bool {
    one.is_none() || other.is_none() || one == other
}

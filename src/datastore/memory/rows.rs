//! Rows that only the store in memory has: a count of attempts, and a mail in the outbox.

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::datastore::outbox::{ListedMail, MailState, NewLink, NewMail};
use crate::user::UserId;

/// What was counted under a key.
#[derive(Default)]
pub(super) struct Count {
    pub(super) attempts: u32,
    /// The delay after the last attempt.
    pub(super) delay: TimeDelta,
    /// Until when the key is blocked, or its window lasts.
    pub(super) until: Timestamp,
    pub(super) counted_at: Timestamp,
}

/// A mail that is not delivered yet.
pub(super) struct Queued {
    pub(super) mail: NewMail,
    pub(super) attempts: u32,
    /// When it is due, or due again; none if it was given up.
    pub(super) next_attempt_at: Option<Timestamp>,
    /// Whether it was handed out and not settled since.
    pub(super) leased: bool,
    /// Why it was not delivered the last time.
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

    /// Returns `true` if no worker will send it unless an operator asks for it.
    pub(super) fn is_given_up(&self) -> bool {
        self.next_attempt_at.is_none()
    }

    /// Returns `true` if it goes to the same address and concerns no other user, with a link of the same
    /// purpose that does not last.
    pub(super) fn carries(&self, link: &NewLink, mail: &NewMail) -> bool {
        let is_alike = |other: &NewLink| other.purpose == link.purpose && !other.lasting;
        self.mail.to.as_str() == mail.to.as_str()
            && is_of(self.mail.addressee.user_id(), mail.addressee.user_id())
            && self.mail.link.as_ref().is_some_and(is_alike)
    }
}

/// Returns `true` if two mails can be about one user.
fn is_of(one: Option<UserId>, other: Option<UserId>) -> bool {
    one.is_none() || other.is_none() || one == other
}

//! What happened: told after the fact, to whoever listens.
//!
//! Names are those of Flask-Security's signals. An event carries no secret and cannot stop
//! anything; what can is a [`Hooks`](crate::feature::Hooks).

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::user::UserId;

/// Something that happened to an account or a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody logged in.
    UserAuthenticated {
        /// Who.
        user: UserId,
        /// How they proved it, for example `password`.
        authn_via: String,
        /// When and from where.
        origin: Origin,
    },
    /// Somebody tried to log in and was refused.
    UserFailedAuthn {
        /// Whose account it was, if there is one.
        user: Option<UserId>,
        /// The reason code of the refusal, for the operator's eyes.
        reason: &'static str,
        /// When and from where.
        origin: Origin,
    },
    /// A request that needs somebody logged in came from nobody.
    UserUnauthenticated {
        /// When and from where.
        origin: Origin,
    },
    /// Somebody logged out.
    UserLoggedOut {
        /// Who.
        user: UserId,
        /// When and from where.
        origin: Origin,
    },
    /// An account was made.
    UserRegistered {
        /// Whose.
        user: UserId,
        /// When and from where.
        origin: Origin,
    },
    /// Somebody tried to register with an address that has an account.
    UserNotRegistered {
        /// Whose account it is.
        existing: UserId,
        /// When and from where.
        origin: Origin,
    },
    /// Mail with a confirmation link was sent.
    ConfirmInstructionsSent {
        /// For whom.
        user: UserId,
        /// When and from where.
        origin: Origin,
    },
    /// An address was confirmed.
    UserConfirmed {
        /// Whose.
        user: UserId,
        /// When and from where.
        origin: Origin,
    },
    /// An unsafe request came without a valid anti-forgery token or from another site.
    CsrfFailed {
        /// The reason code.
        reason: &'static str,
        /// When and from where.
        origin: Origin,
    },
    /// Attempts were turned away because there were too many.
    Throttled {
        /// When and from where.
        origin: Origin,
    },
}

impl Event {
    /// Gives the event for mail that went out with a link of that purpose, if it has one.
    pub(crate) fn instructions_sent(purpose: &str, user: UserId, origin: Origin) -> Option<Self> {
        match purpose {
            "confirm" => Some(Self::ConfirmInstructionsSent { user, origin }),
            _ => None,
        }
    }
}

/// When something happened, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The time.
    pub at: Timestamp,
    /// The client's network address, if it is known.
    pub client: Option<IpAddr>,
}

impl Origin {
    /// Says when and from where.
    pub fn new(at: Timestamp, client: Option<IpAddr>) -> Self {
        Self { at, client }
    }
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// The listeners of an application.
#[derive(Clone, Default)]
pub struct Signals {
    listeners: Vec<Listener>,
}

impl Signals {
    /// Adds a listener.
    pub fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.listeners.push(Arc::new(listener));
    }

    /// Tells every listener. A listener that panics harms neither the request nor the others.
    pub fn send(&self, event: &Event) {
        log::debug!("{event:?}");
        for listener in &self.listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
                log::error!("a listener for events panicked");
            }
        }
    }
}

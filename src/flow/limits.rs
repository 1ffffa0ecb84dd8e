//! The limits on attempts, so that guessing takes too long and nobody is flooded.
//!
//! | counted | limit | what happens beyond |
//! |---|---|---|
//! | failed logins of an account from a network | from the fifth, 30 s, then twice that, up to 1 h | 429 |
//! | requests of a network to a route for strangers | 100 in 10 minutes | 429 |
//! | mails of a kind to an address, whoever asks | 5 an hour | no mail; the asker is not told |
//! | the same where one has to be logged in to ask | 5 an hour for each account, 20 an hour in all | the same |
//!
//! An account is what was typed, not who it is: whoever goes by an address and a username is counted
//! by each for itself, so that a guesser who knows both has twice as many attempts. Counting both as
//! one would tell, by when the wait begins, which address and which username are one person's, and so
//! that the address has an account.
//!
//! `security.throttle.scale` multiplies them all. What is counted by are keyed digests: the table
//! tells nobody who tried what.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::config::ThrottleConfig;
use crate::crypto::one_time::Digest;
use crate::crypto::one_time::keyed_digest;
use crate::datastore::UserDatastore;
use crate::datastore::attempt::BackOff;
use crate::datastore::attempt::Charge;
use crate::event::Event;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::user::Email;
use crate::user::Identity;
use crate::user::UserId;
use crate::web::client_ip::network_of;
use crate::web::visit::Visit;

/// The back-off of an account from one network: from the fifth failure, 30 s to 1 h
/// (NIST SP 800-63B-4, section 3.2.2).
const BACK_OFF: BackOff =
    BackOff { from: 5, first_delay: TimeDelta::seconds(30), longest_delay: TimeDelta::hours(1) };

/// How many requests of one kind a network may make in a window. An office behind one address
/// fits; a machine that tries a list of leaked passwords does not.
const NETWORK_LIMIT: u32 = 100;
const NETWORK_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// How many mails of one kind may go to one address in a window, whoever asks for them.
const MAIL_LIMIT: u32 = 5;
const MAIL_WINDOW: TimeDelta = TimeDelta::hours(1);

/// How many mails of one kind may go to one address in a window where each asker is counted for
/// themselves: it takes four accounts to use up what others could ask for.
const MAIL_LIMIT_OF_ALL: u32 = 20;

/// Counts attempts and turns them away.
pub struct Limits {
    store: Arc<dyn UserDatastore>,
    key: Secret<[u8; 32]>,
    config: ThrottleConfig,
}

/// An attempt that was charged, to be forgotten when it succeeds.
#[derive(Debug)]
pub struct Charged(Digest);

impl Limits {
    /// Counts in `store`, by digests under `key`.
    pub(crate) fn new(
        store: Arc<dyn UserDatastore>,
        key: Secret<[u8; 32]>,
        config: ThrottleConfig,
    ) -> Self {
        Self { store, key, config }
    }

    /// Counts a request to a route that anybody can use against the limit of its network.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] when the limit is reached.
    pub async fn admit(&self, visit: &Visit<'_>, route: &str) -> Result<(), Rejection> {
        let Some(limit) = self.scaled(NETWORK_LIMIT) else {
            return Ok(());
        };
        let (key, now) = (self.digest(&["network", route, &network(visit)]), visit.clock().now());
        let charge = self.store.count_event(&key, limit, NETWORK_WINDOW, now).await?;
        turn_away(visit, charge, now)
    }

    /// Charges an attempt to log in, before its password is looked at. Accounts that do not exist
    /// are charged alike.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] when one has to wait.
    pub async fn charge(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
    ) -> Result<Charged, Rejection> {
        let key = self.account_key(visit, identity);
        if let Some(from) = self.scaled(BACK_OFF.from) {
            let now = visit.clock().now();
            let back_off = BackOff { from, ..BACK_OFF };
            let charge = self.store.charge_attempt(&key, &back_off, now).await?;
            turn_away(visit, charge, now)?;
        }
        Ok(Charged(key))
    }

    /// Forgets the attempts that were charged together with this one: it succeeded.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn clear(&self, charged: Charged) -> Result<(), Rejection> {
        if self.config.enabled {
            self.store.clear_attempts(&charged.0).await?;
        }
        Ok(())
    }

    /// Forgets the attempts that were charged to an account from the network of a request: whoever sent
    /// it has proved to be its owner in another way.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn forgive(&self, visit: &Visit<'_>, identity: &Identity) -> Result<(), Rejection> {
        self.clear(Charged(self.account_key(visit, identity))).await
    }

    /// Tells whether another mail of that kind may go to an address by now; counts it if so.
    ///
    /// The one who asks for it is not told, for that would tell who gets mail.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn may_mail(
        &self,
        visit: &Visit<'_>,
        kind: &str,
        email: &Email,
    ) -> Result<bool, Rejection> {
        self.count_mail(visit, &["mail", kind, &email.canonical()], MAIL_LIMIT).await
    }

    /// Tells the same where one has to be logged in to ask: whoever asked for too much keeps nobody
    /// else from the mail that they need, and all of them together do not flood the mailbox.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn may_mail_for(
        &self,
        visit: &Visit<'_>,
        asker: UserId,
        kind: &str,
        email: &Email,
    ) -> Result<bool, Rejection> {
        let (asker, address) = (asker.to_string(), email.canonical());
        let of_asker = ["mail of", kind, &asker, &address];
        // In this order: what an asker is refused is not counted against the others.
        Ok(self.count_mail(visit, &of_asker, MAIL_LIMIT).await?
            && self.count_mail(visit, &["mail", kind, &address], MAIL_LIMIT_OF_ALL).await?)
    }

    async fn count_mail(
        &self,
        visit: &Visit<'_>,
        counted_by: &[&str],
        limit: u32,
    ) -> Result<bool, Rejection> {
        let Some(limit) = self.scaled(limit) else {
            return Ok(true);
        };
        let (key, now) = (self.digest(counted_by), visit.clock().now());
        let charge = self.store.count_event(&key, limit, MAIL_WINDOW, now).await?;
        Ok(charge == Charge::Allowed)
    }

    fn account_key(&self, visit: &Visit<'_>, identity: &Identity) -> Digest {
        self.digest(&["account", &identity.canonical(), &network(visit)])
    }

    /// Returns what the places are counted by that the network of a request holds in a queue.
    pub(in crate::flow) fn network_digest(&self, visit: &Visit<'_>) -> Digest {
        self.digest(&["places", &network(visit)])
    }

    /// Returns what chooses the work for an account that may not exist.
    pub(in crate::flow) fn identity_digest(&self, identity: &Identity) -> Digest {
        self.digest(&["work", &identity.canonical()])
    }

    /// Gives a limit as configured; none when there are no limits.
    fn scaled(&self, limit: u32) -> Option<u32> {
        self.config.enabled.then(|| limit.saturating_mul(self.config.scale))
    }

    /// Gives what something is counted by.
    pub(in crate::flow) fn digest(&self, parts: &[&str]) -> Digest {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        keyed_digest(self.key.expose(), &parts)
    }
}

fn network(visit: &Visit<'_>) -> String {
    visit.client(visit.request()).map(network_of).unwrap_or_default()
}

fn turn_away(visit: &Visit<'_>, charge: Charge, now: Timestamp) -> Result<(), Rejection> {
    let Charge::BlockedUntil(until) = charge else {
        return Ok(());
    };
    visit.signals().send(&Event::Throttled { origin: visit.origin() });
    let wait = (until - now).to_std().unwrap_or_default();
    Err(Rejection::Throttled { retry_after: wait.max(Duration::from_secs(1)) })
}

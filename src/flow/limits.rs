//! The limits on attempts, so that guessing takes too long and mailboxes are not flooded.
//!
//! | counted | limit | what happens beyond |
//! |---|---|---|
//! | failed logins of an account from a network | from the fifth, 30 s, then twice that, up to 1 h | 429 |
//! | wrong passwords in a row for an account, where it is not logged in and was not lately | 100 | the password is disabled there until it is changed |
//! | the same from each network with a login to the account within 90 days, and in browsers where it is logged in | 100 each | the same |
//! | failed proofs of an account by one method other than the password | from the fifth, 30 s, then twice that, up to 1 h | 429 |
//! | requests of a network to a route for strangers | 100 in 10 minutes | 429 |
//! | passwords, usernames and personal tokens that a user sets | 20 an hour of each | 429 |
//! | mails of a kind to an address, from all senders | 5 an hour | no mail; the asker is not told |
//! | the same where one has to be logged in to ask | 5 an hour for each account, 20 an hour in all | the same |
//! | mails of a kind that a user has sent, to whatever addresses | 20 an hour | the same |
//! | requested mails of all kinds to an address | 10 an hour, beyond that the first of each kind | the same |
//!
//! A disabled password is refused like a wrong one, and the owner is told by mail (`password_disabled`). Without the
//! feature [`reset`](crate::features::reset) nothing is disabled, because no one could enable it again.
//!
//! A network is an IPv4 address or an IPv6 /64. The networks around it are counted, too: an IPv6 /56 may do
//! 4 times, an IPv6 /48 and an IPv4 /24 may do 16 times as much.
//!
//! An account is counted as one, whether its address or its username is typed. Identities without an account are
//! counted as they are typed. So where there are usernames, wrong passwords that are sent for an address and for a
//! username tell by when the wait begins whether both are one account's.
//!
//! The limit on mails of all kinds lets the first mail of each kind in an hour pass, so that a stranger who
//! asks for mails of other kinds cannot keep the owner from a link to reset the password. Notices, which tell the owner
//! of an account what happened to it, are not limited.
//!
//! `security.throttle.scale` multiplies all limits except the number of wrong passwords that disables a password.
//! Everything is counted under keyed digests, so the table does not tell who tried what.

mod blocked;
pub(in crate::flow) mod failures;
pub(in crate::flow) mod owed;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::config::ThrottleConfig;
use crate::crypto::one_time::{Digest, keyed_digest};
use crate::datastore::UserDatastore;
use crate::datastore::attempt::{BackOff, Charge};
use crate::event::Event;
use crate::flow::limits::blocked::Blocked;
use crate::flow::limits::owed::Owed;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::user::{Email, Identity, Method, User, UserId};
use crate::web::client_ip::networks_of;
use crate::web::visit::Visit;

/// The back-off of an account from one network: from the fifth failure, 30 s to 1 h
/// (NIST SP 800-63B-4, section 3.2.2).
const BACK_OFF: BackOff =
    BackOff { from: 5, first_delay: TimeDelta::seconds(30), longest_delay: TimeDelta::hours(1) };

/// How many requests of one kind a network may make in a window. An office behind one address
/// fits; a machine that tries a list of leaked passwords does not.
const NETWORK_LIMIT: u32 = 100;
const NETWORK_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// How many mails of one kind may go to one address in a window.
const MAIL_LIMIT: u32 = 5;
const MAIL_WINDOW: TimeDelta = TimeDelta::hours(1);

/// How many mails of one kind may go to one address in a window where each asker is counted for
/// themselves: it takes four accounts to use up what others could ask for.
const MAIL_LIMIT_OF_ALL: u32 = 20;

/// How many mails of one kind a user may have sent in a window, to whatever addresses.
const MAIL_LIMIT_OF_ASKER: u32 = 20;

/// How many mails of all kinds may go to one address in a window.
const MAIL_LIMIT_OF_KINDS: u32 = 10;

/// How many changes of one kind a user may make to their account in a window. Each writes rows, and many
/// send mail.
const CHANGE_LIMIT: u32 = 20;
const CHANGE_WINDOW: TimeDelta = TimeDelta::hours(1);

/// Counts attempts and turns them away.
pub struct Limits {
    store: Arc<dyn UserDatastore>,
    key: Secret<[u8; 32]>,
    config: ThrottleConfig,
    owed: Owed,
    blocked: Blocked,
}

/// An attempt that was charged, to be forgotten when it succeeds.
#[derive(Debug)]
pub struct Charged(Vec<Digest>);

impl Limits {
    /// Counts in `store`, by digests under `key`.
    pub(crate) fn new(
        store: Arc<dyn UserDatastore>,
        key: Secret<[u8; 32]>,
        config: ThrottleConfig,
    ) -> Self {
        Self { store, key, config, owed: Owed::default(), blocked: Blocked::default() }
    }

    /// Counts a request to a public route against the limit of its network.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] when the limit is reached.
    pub async fn admit(&self, visit: &Visit<'_>, route: &str) -> Result<(), Rejection> {
        if !self.config.enabled {
            return Ok(());
        }
        let now = visit.now();
        let digest = |network: &str| self.digest(&["network", route, network]);
        let keys: Vec<(Digest, u32)> =
            networks(visit).iter().map(|(network, times)| (digest(network), *times)).collect();
        if let Some(until) = keys.iter().find_map(|(key, _)| self.blocked.until(key, now)) {
            return turn_away(visit, Charge::BlockedUntil(until), now);
        }
        // The smallest first: what is turned away is not counted against those around it.
        for (key, times) in keys {
            let limit = NETWORK_LIMIT.saturating_mul(times).saturating_mul(self.config.scale);
            let charge = self.store.count_event(&key, limit, NETWORK_WINDOW, now).await?;
            if let Charge::BlockedUntil(until) = charge {
                self.blocked.note(key, until, now);
            }
            turn_away(visit, charge, now)?;
        }
        Ok(())
    }

    /// Counts a change that a logged-in user makes to their account against the limit for changes of
    /// that kind.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] when the limit is reached.
    pub async fn admit_user(
        &self,
        visit: &Visit<'_>,
        user: UserId,
        kind: &str,
    ) -> Result<(), Rejection> {
        let Some(limit) = self.scaled(CHANGE_LIMIT) else {
            return Ok(());
        };
        let (key, now) = (self.digest(&["change", kind, &user.to_string()]), visit.now());
        let charge = self.store.count_event(&key, limit, CHANGE_WINDOW, now).await?;
        turn_away(visit, charge, now)
    }

    /// Charges an attempt to log in, before its password is looked at, to the `user` that the identity
    /// belongs to. An identity without an account is charged alike, as it was typed.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] when one has to wait.
    pub async fn charge(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        user: Option<UserId>,
    ) -> Result<Charged, Rejection> {
        let (keys, now) = (self.account_keys(visit, identity, user), visit.now());
        let digests: Vec<Digest> = keys.iter().map(|(key, _)| *key).collect();
        self.owed.pay(&*self.store, &digests).await?;
        // What a larger network is turned away for is not counted against the smaller ones.
        for (key, times) in keys.iter().skip(1).filter(|_| self.config.enabled) {
            if self.store.has_counted(key, 1, now).await? {
                turn_away(visit, self.charge_one(key, *times, now).await?, now)?;
            }
        }
        // The smallest network first, as for requests.
        for (key, times) in &keys {
            turn_away(visit, self.charge_one(key, *times, now).await?, now)?;
        }
        Ok(Charged(digests))
    }

    /// Charges an attempt to one network, which may do `times` as much as an address.
    async fn charge_one(
        &self,
        key: &Digest,
        times: u32,
        now: Timestamp,
    ) -> Result<Charge, Rejection> {
        let Some(from) = self.scaled(BACK_OFF.from.saturating_mul(times)) else {
            return Ok(Charge::Allowed);
        };
        Ok(self.store.charge_attempt(key, &BackOff { from, ..BACK_OFF }, now).await?)
    }

    /// Charges an attempt to prove who a user is by something other than the password, before the proof is
    /// looked at. It is counted for the account, from wherever it comes: the client knows the first proof
    /// already.
    pub(in crate::flow) async fn charge_proof(
        &self,
        visit: &Visit<'_>,
        user: UserId,
        method: &Method,
    ) -> Result<Charged, Rejection> {
        self.admit(visit, "proof").await?;
        let key = self.digest(&["proof", method.authn_via(), &user.to_string()]);
        let now = visit.now();
        turn_away(visit, self.charge_one(&key, 1, now).await?, now)?;
        Ok(Charged(vec![key]))
    }

    /// Forgets what was charged for an attempt: it succeeded.
    pub(in crate::flow) async fn uncharge(&self, charged: Charged) -> Result<(), Rejection> {
        let Charged(keys) = charged;
        for key in keys.iter().filter(|_| self.config.enabled) {
            self.store.clear_attempts(key).await?;
        }
        Ok(())
    }

    /// Forgets the attempts that were charged to an account from the network of a request, whose sender has proved
    /// in another way to be its owner.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn forgive(&self, visit: &Visit<'_>, user: &User) -> Result<(), Rejection> {
        let identity = Identity::Email(user.email.clone());
        if self.config.enabled {
            for (key, _) in self.account_keys(visit, &identity, Some(user.id)) {
                self.store.clear_attempts(&key).await?;
            }
        }
        Ok(())
    }

    /// Checks whether another mail of that kind may go to an address by now; counts it if so.
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
        let address = email.canonical();
        let of_kind = [kind, &address];
        Ok(self.count_mail(visit, &["mail", kind, &address], MAIL_LIMIT).await?
            && self.fits_all_kinds(visit, &of_kind, &address).await?)
    }

    /// Does the same for mails that only a logged-in user can ask for: a user who asks for too many does not keep
    /// others from theirs, and all of them together do not flood the mailbox.
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
            && self.count_mail(visit, &["mails of", kind, &asker], MAIL_LIMIT_OF_ASKER).await?
            && self.count_mail(visit, &["mail", kind, &address], MAIL_LIMIT_OF_ALL).await?
            && self.fits_all_kinds(visit, &[kind, &address, &asker], &address).await?)
    }

    /// Counts a mail against the limit of its address for mails of all kinds. The first mail that is
    /// counted by `first_of` in a window always fits.
    async fn fits_all_kinds(
        &self,
        visit: &Visit<'_>,
        first_of: &[&str],
        address: &str,
    ) -> Result<bool, Rejection> {
        let first_of = [&["first mail"][..], first_of].concat();
        let is_first = self.count_mail(visit, &first_of, 1).await?;
        let of_kinds = ["mail of all kinds", address];
        Ok(self.count_mail(visit, &of_kinds, MAIL_LIMIT_OF_KINDS).await? || is_first)
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
        let (key, now) = (self.digest(counted_by), visit.now());
        let charge = self.store.count_event(&key, limit, MAIL_WINDOW, now).await?;
        Ok(charge == Charge::Allowed)
    }

    /// Returns what attempts on an account are counted by, each with how many times as much as from one
    /// network may be done.
    fn account_keys(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        user: Option<UserId>,
    ) -> Vec<(Digest, u32)> {
        let (kind, account) = match user {
            Some(user) => ("account of user", user.to_string()),
            None => ("account", identity.canonical()),
        };
        let key = |network: String| self.digest(&[kind, &account, &network]);
        networks(visit).into_iter().map(|(network, times)| (key(network), times)).collect()
    }

    /// Returns what the places are counted by that the networks of a request hold in a queue, the smallest
    /// network first.
    pub(in crate::flow) fn network_digests(&self, visit: &Visit<'_>) -> Vec<Digest> {
        let digest = |(network, _): (String, u32)| self.digest(&["places", &network]);
        networks(visit).into_iter().map(digest).collect()
    }

    /// Returns what chooses the work for an account that may not exist.
    pub(in crate::flow) fn identity_digest(&self, identity: &Identity) -> Digest {
        self.digest(&["work", &identity.canonical()])
    }

    /// Returns a limit as configured; none when there are no limits.
    fn scaled(&self, limit: u32) -> Option<u32> {
        self.config.enabled.then(|| limit.saturating_mul(self.config.scale))
    }

    /// Returns what something is counted by.
    pub(crate) fn digest(&self, parts: &[&str]) -> Digest {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        keyed_digest(self.key.expose(), &parts)
    }
}

/// Returns the networks that a request is counted by; all requests without an address are one.
fn networks(visit: &Visit<'_>) -> Vec<(String, u32)> {
    let client = visit.site().client(visit.request());
    client.map_or_else(|| vec![(String::new(), 1)], networks_of)
}

/// Returns the smallest network that a request is counted by.
fn smallest_network(visit: &Visit<'_>) -> String {
    networks(visit).into_iter().next().map(|(network, _)| network).unwrap_or_default()
}

fn turn_away(visit: &Visit<'_>, charge: Charge, now: Timestamp) -> Result<(), Rejection> {
    let Charge::BlockedUntil(until) = charge else {
        return Ok(());
    };
    visit.site().signals().send(&Event::Throttled { origin: visit.origin() });
    let wait = (until - now).to_std().unwrap_or_default();
    Err(Rejection::Throttled { retry_after: wait.max(Duration::from_secs(1)) })
}

//! Limits on attempts, which make guessing too slow and prevent floods of mail.
//!
//! | counted | limit | what happens beyond |
//! |---|---|---|
//! | failed logins to an account from a network | from the fifth, 30 s, then twice that, up to 1 h | 429 |
//! | consecutive wrong passwords for an account, from networks and browsers not covered by the next row | 100 | the password is disabled there until it is changed |
//! | the same from each network with a login to the account within 90 days, and in browsers where the account is logged in | 100 each | the same |
//! | failed proofs of an account by one method other than the password | from the fifth, 30 s, then twice that, up to 1 h | 429 |
//! | requests of a network to a route that needs no login | 100 in 10 minutes | 429 |
//! | passwords, usernames and personal tokens that a user sets | 20 an hour of each | 429 |
//! | mails of a kind to an address, from all requesters together | 5 an hour | no mail; the requester is not told |
//! | the same where only logged-in users can ask | 5 an hour for each account, 20 an hour in all | the same |
//! | mails of a kind that a user requests, to all addresses | 20 an hour | the same |
//! | requested mails of all kinds to an address | 10 an hour, beyond that the first of each kind | the same |
//!
//! A disabled password is refused like a wrong one, and the owner is told by mail (`password_disabled`).
//! Without the feature [`reset`](crate::features::reset), no password is disabled, because its owner could
//! not enable it again.
//!
//! A network is an IPv4 address or an IPv6 /64. The larger networks around it are counted, too: the limit of
//! an IPv6 /56 is 4 times as high, that of an IPv6 /48 or an IPv4 /24 is 16 times as high.
//!
//! Attempts are counted for the account, whether its address or its username is typed. Identities without an
//! account are counted as typed. So in applications with usernames, the moment when the waiting time begins
//! reveals whether an address and a username belong to the same account.
//!
//! The limit on mails of all kinds lets the first mail of each kind in an hour pass. So a stranger who
//! requests mails of other kinds cannot keep a user from a link to reset the password. Notices, which tell
//! the owner of an account what happened to it, are not limited.
//!
//! `security.throttle.scale` multiplies all limits except the number of wrong passwords that disables a
//! password. The table stores only keyed digests, so it does not reveal who tried what.

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

/// The delays for an account from one network: from the fifth failure, 30 s to 1 h (NIST SP 800-63B-4,
/// section 3.2.2).
const BACK_OFF: BackOff =
    BackOff { from: 5, first_delay: TimeDelta::seconds(30), longest_delay: TimeDelta::hours(1) };

/// How many requests of one kind a network can make in a window. Enough for an office behind one address, too
/// few to try a list of leaked passwords.
const NETWORK_LIMIT: u32 = 100;
const NETWORK_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// How many mails of one kind can go to one address in a window, from all requesters together.
const MAIL_LIMIT: u32 = 5;
const MAIL_WINDOW: TimeDelta = TimeDelta::hours(1);

/// How many mails of one kind can go to one address in a window where each requester has a limit of their
/// own. It takes four accounts to use this up.
const MAIL_LIMIT_OF_ALL: u32 = 20;

/// How many mails of one kind a user can request in a window, for all addresses.
const MAIL_LIMIT_OF_ASKER: u32 = 20;

/// How many mails of all kinds can go to one address in a window.
const MAIL_LIMIT_OF_KINDS: u32 = 10;

/// How many changes of one kind a user can make to the account in a window. Each writes rows, and many send
/// mail.
const CHANGE_LIMIT: u32 = 20;
const CHANGE_WINDOW: TimeDelta = TimeDelta::hours(1);

/// Counts attempts and refuses those beyond the limits. Get it from
/// [`Flow::limits`](crate::flow::Flow::limits).
pub struct Limits {
    store: Arc<dyn UserDatastore>,
    key: Secret<[u8; 32]>,
    config: ThrottleConfig,
    owed: Owed,
    blocked: Blocked,
}

/// A counted attempt, to be forgotten if it succeeds.
#[derive(Debug)]
pub struct Charged(Vec<Digest>);

impl Limits {
    /// Creates the limits. Attempts are counted in `store`, under digests with `key`.
    pub(crate) fn new(
        store: Arc<dyn UserDatastore>,
        key: Secret<[u8; 32]>,
        config: ThrottleConfig,
    ) -> Self {
        Self { store, key, config, owed: Owed::default(), blocked: Blocked::default() }
    }

    /// Counts a request to a route that needs no login against the limit of its network.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] if the limit is reached.
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
        // The smallest network first: a refused request is not counted for the larger networks.
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

    /// Counts a change that a logged-in user makes to the account against the limit for changes of that kind.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] if the limit is reached.
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

    /// Counts a login attempt before its password is checked, for the account of `user`, to whom the identity
    /// belongs. An identity without an account is counted the same way, as it was typed.
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] if the user has to wait.
    pub async fn charge(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        user: Option<UserId>,
    ) -> Result<Charged, Rejection> {
        let (keys, now) = (self.account_keys(visit, identity, user), visit.now());
        let digests: Vec<Digest> = keys.iter().map(|(key, _)| *key).collect();
        self.owed.pay(&*self.store, &digests).await?;
        // An attempt that a larger network is refused for is not counted for the smaller ones.
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

    /// Counts an attempt for one network, whose limit is `times` as high as that of an address.
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

    /// Counts an attempt to prove a factor other than the password, before the proof is checked. It is
    /// counted for the account, from all networks together, because the client already knows the first proof.
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

    /// Forgets an attempt that succeeded.
    pub(in crate::flow) async fn uncharge(&self, charged: Charged) -> Result<(), Rejection> {
        let Charged(keys) = charged;
        for key in keys.iter().filter(|_| self.config.enabled) {
            self.store.clear_attempts(key).await?;
        }
        Ok(())
    }

    /// Forgets the failed logins of an account from the network of a request, because the sender has proved
    /// to be the owner in another way.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn forgive(&self, visit: &Visit<'_>, user: &User) -> Result<(), Rejection> {
        let identity = Identity::Email(user.email.clone());
        if self.config.enabled {
            for (key, _) in self.account_keys(visit, &identity, Some(user.id)) {
                self.store.clear_attempts(&key).await?;
            }
        }
        Ok(())
    }

    /// Checks whether another mail of this kind can go to an address now, and counts it if so.
    ///
    /// The requester must not learn the result, because it would reveal who gets mail.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
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

    /// Checks the same where only logged-in users can ask. A user who asks too often does not use up the
    /// mails that others need, and all users together cannot flood the mailbox.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn may_mail_for(
        &self,
        visit: &Visit<'_>,
        asker: UserId,
        kind: &str,
        email: &Email,
    ) -> Result<bool, Rejection> {
        let (asker, address) = (asker.to_string(), email.canonical());
        let of_asker = ["mail of", kind, &asker, &address];
        // In this order, so that a refused request is not counted for the others.
        Ok(self.count_mail(visit, &of_asker, MAIL_LIMIT).await?
            && self.count_mail(visit, &["mails of", kind, &asker], MAIL_LIMIT_OF_ASKER).await?
            && self.count_mail(visit, &["mail", kind, &address], MAIL_LIMIT_OF_ALL).await?
            && self.fits_all_kinds(visit, &[kind, &address, &asker], &address).await?)
    }

    /// Counts a mail against the limit of its address for mails of all kinds. The first mail in a window that
    /// is counted under `first_of` always fits.
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

    /// Returns the keys under which attempts on an account are counted. Each comes with the factor by which
    /// its limit is higher than that of one address.
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

    /// Returns the keys for the places that the networks of a request hold in a queue, the smallest network
    /// first.
    pub(in crate::flow) fn network_digests(&self, visit: &Visit<'_>) -> Vec<Digest> {
        let digest = |(network, _): (String, u32)| self.digest(&["places", &network]);
        networks(visit).into_iter().map(digest).collect()
    }

    /// Returns the digest that selects the work for an account that may not exist.
    pub(in crate::flow) fn identity_digest(&self, identity: &Identity) -> Digest {
        self.digest(&["work", &identity.canonical()])
    }

    /// Returns a limit as configured, or `None` if the limits are disabled.
    fn scaled(&self, limit: u32) -> Option<u32> {
        self.config.enabled.then(|| limit.saturating_mul(self.config.scale))
    }

    /// Returns the key under which something is counted.
    pub(crate) fn digest(&self, parts: &[&str]) -> Digest {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        keyed_digest(self.key.expose(), &parts)
    }
}

/// Returns the networks that a request is counted for. All requests without an address count as one network.
fn networks(visit: &Visit<'_>) -> Vec<(String, u32)> {
    let client = visit.site().client(visit.request());
    client.map_or_else(|| vec![(String::new(), 1)], networks_of)
}

/// Returns the smallest network that a request is counted for.
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

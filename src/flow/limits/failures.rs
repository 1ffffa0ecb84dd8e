//! Counts consecutive wrong passwords, which disable a password (NIST SP 800-63B-4, section 3.2.2).
//!
//! Each account has several counts, so that strangers cannot disable its password for its owner: one for each
//! network with a recent login to it, one for the browsers in which it is logged in, and one for everywhere
//! else. A count that reaches the limit disables the password only where it was counted, until the user's
//! epoch rises: every change of a credential begins new counts.

use chrono::TimeDelta;

use crate::crypto::one_time::Digest;
use crate::datastore::attempt::Charge;
use crate::flow::limits::owed::Right;
use crate::flow::limits::{Charged, Limits, smallest_network};
use crate::rejection::Rejection;
use crate::text::Text;
use crate::user::{Identity, User};
use crate::web::visit::Visit;

/// How many consecutive wrong passwords disable a password where they are counted. This is NIST's limit,
/// which `throttle.scale` does not raise.
const AT_MOST: u32 = 100;

/// How long wrong passwords are remembered, and how long a password stays disabled if it is not changed.
const REMEMBERED: TimeDelta = TimeDelta::days(3_650);

/// How long wrong passwords are remembered for an identity without an account. Attackers can invent any
/// number of these.
const REMEMBERED_OF_NOBODY: TimeDelta = TimeDelta::hours(24);

/// How long a network counts as one of the user's after a login.
const AT_HOME: TimeDelta = TimeDelta::days(90);

/// Where a wrong password is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A network with a recent login to the account.
    Network,
    /// A browser in which the account is logged in.
    Browser,
    Elsewhere,
}

/// An attempt, counted as a failure until it succeeds.
#[derive(Debug)]
pub(in crate::flow) struct Tally {
    key: Digest,
    place: Place,
    /// Whether the password is disabled here. A right one is then refused like a wrong one.
    pub(in crate::flow) is_disabled: bool,
}

impl Tally {
    /// Returns the places where the password is disabled, worded to follow "works".
    pub(in crate::flow) fn place(&self) -> Text {
        let (id, words) = match self.place {
            Place::Network => ("place.network", "on the network that these attempts came from"),
            Place::Browser => ("place.browser", "in browsers in which you are logged in"),
            Place::Elsewhere => {
                ("place.elsewhere", "on networks from which you have not logged in lately")
            }
        };
        Text::new(id, words)
    }
}

impl Limits {
    /// Counts an attempt as a failure, before its password is checked. An identity without an account is
    /// counted the same way.
    pub(in crate::flow) async fn count_failure(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        user: Option<&User>,
    ) -> Result<Tally, Rejection> {
        let (network, now) = (smallest_network(visit), visit.now());
        let account = user.map_or_else(|| identity.canonical(), |user| user.id.to_string());
        let epoch = user.map_or_else(|| "none".to_owned(), |user| user.epoch.to_string());
        let home = self.digest(&["home", &account, &network]);
        let is_own = visit.user().is_some_and(|own| user.is_some_and(|user| user.id == own.id));
        let (place, counted_by) = if self.store.has_counted(&home, 1, now).await? {
            (Place::Network, network.as_str())
        } else if is_own {
            (Place::Browser, "browser")
        } else {
            (Place::Elsewhere, "elsewhere")
        };
        let key = self.digest(&["failures", &account, &epoch, counted_by]);
        self.owed.pay(&*self.store, &[key]).await?;
        let window = if user.is_some() { REMEMBERED } else { REMEMBERED_OF_NOBODY };
        let is_disabled = match self.failures_allowed(visit) {
            Some(limit) => {
                self.store.count_event(&key, limit, window, now).await? != Charge::Allowed
            }
            None => false,
        };
        Ok(Tally { key, place, is_disabled })
    }

    /// Returns the counts of an attempt whose password is right, to be cleared or left.
    pub(in crate::flow) fn found_right(
        &self,
        visit: &Visit<'_>,
        charged: Charged,
        tally: &Tally,
    ) -> Right {
        let Charged(mut keys) = charged;
        if self.failures_allowed(visit).is_some() {
            keys.push(tally.key);
        }
        let keys = if self.config.enabled { keys } else { Vec::new() };
        Right::new(keys, &self.owed)
    }

    /// Forgets the attempts and failures that were counted together with this attempt, which succeeded. From
    /// now on its network counts as one of the user's.
    pub(in crate::flow) async fn clear(
        &self,
        visit: &Visit<'_>,
        right: Right,
        user: &User,
    ) -> Result<(), Rejection> {
        right.clear(&*self.store).await?;
        if self.failures_allowed(visit).is_none() {
            return Ok(());
        }
        let (network, now) = (smallest_network(visit), visit.now());
        let home = self.digest(&["home", &user.id.to_string(), &network]);
        self.store.count_event(&home, u32::MAX, AT_HOME, now).await?;
        Ok(())
    }

    /// Checks whether the password is disabled where an attempt was counted. The attempt that reaches the
    /// limit is included.
    pub(in crate::flow) async fn is_used_up(
        &self,
        visit: &Visit<'_>,
        tally: &Tally,
    ) -> Result<bool, Rejection> {
        let Some(limit) = self.failures_allowed(visit) else {
            return Ok(false);
        };
        Ok(self.store.has_counted(&tally.key, limit, visit.now()).await?)
    }

    /// Returns `true` if the owner has not been told yet that the password is disabled there. Of several
    /// concurrent callers only one gets `true`, until [`untell_disabled`](Self::untell_disabled).
    pub(in crate::flow) async fn tell_disabled(
        &self,
        visit: &Visit<'_>,
        tally: &Tally,
    ) -> Result<bool, Rejection> {
        let (key, now) = (self.told_key(tally), visit.now());
        Ok(self.store.count_event(&key, 1, REMEMBERED, now).await? == Charge::Allowed)
    }

    /// Records that telling the owner has failed.
    pub(in crate::flow) async fn untell_disabled(&self, tally: &Tally) -> Result<(), Rejection> {
        Ok(self.store.clear_attempts(&self.told_key(tally)).await?)
    }

    fn told_key(&self, tally: &Tally) -> Digest {
        let key: String = tally.key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.digest(&["failures told", &key])
    }

    /// Returns how many consecutive failures are allowed. `None` if there is no page for resetting a
    /// password, because a password that strangers have disabled could then not be enabled again.
    fn failures_allowed(&self, visit: &Visit<'_>) -> Option<u32> {
        visit.site().url("reset").filter(|_| self.config.enabled).map(|_| AT_MOST)
    }
}

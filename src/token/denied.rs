//! By what a token is denied, and for how long.

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::crypto::one_time::keyed_digest;
use crate::datastore::denylist::MAX_JTI_BYTES;
use crate::token::verified::VerifiedToken;

/// How much longer than it lasts a token is denied: the most that verifiers let clocks be apart.
const LEEWAY: TimeDelta = TimeDelta::minutes(10);

/// How long a token is denied that never expires, and any other at most.
const ENDLESS: TimeDelta = TimeDelta::days(365_000);

impl<C, K> VerifiedToken<C, K> {
    /// Returns by what it is [denied](crate::programs::Programs::deny_token), as [`denied_as`] does. None for one
    /// without `jti`, which a trusted issuer may be allowed: nothing tells it from others, and it cannot be
    /// denied.
    pub fn denied_as(&self) -> Option<String> {
        let issuer = self.is_foreign().then(|| self.issuer());
        self.id().map(|jti| denied_as(issuer, jti))
    }

    /// Returns until when it has to be denied: somewhat longer than any verifier accepts it.
    pub fn denied_until(&self, now: Timestamp) -> Timestamp {
        let longest = denied_at_most_until(now);
        let end = self.expires_at().and_then(|end| end.checked_add_signed(LEEWAY));
        end.map_or(longest, |end| end.min(longest))
    }
}

/// Returns until when a token of unknown expiry has to be denied: as long as any token is valid.
pub(crate) fn denied_at_most_until(now: Timestamp) -> Timestamp {
    now.checked_add_signed(ENDLESS).unwrap_or(now)
}

/// Returns by what the token of that `jti` is denied: in the [store](crate::datastore::Denylist), and in
/// [`TokenDenied`](crate::Event::TokenDenied). Of a token of ours that is its `jti`, where it is one as we
/// make them; of a trusted issuer's, who may use what others use, a digest of both.
pub fn denied_as(trusted_issuer: Option<&str>, jti: &str) -> String {
    let is_plain = jti.len() < MAX_JTI_BYTES && jti.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && !jti.is_empty() && trusted_issuer.is_none() {
        return jti.to_owned();
    }
    let parts = [trusted_issuer.unwrap_or_default().as_bytes(), b"\n", jti.as_bytes()];
    let digest = keyed_digest(b"rocket_security denied by issuer", &parts);
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

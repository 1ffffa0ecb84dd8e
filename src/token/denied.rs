//! The id under which a token is denied, and for how long.

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::crypto::one_time::keyed_digest;
use crate::datastore::denylist::MAX_JTI_BYTES;
use crate::token::verified::VerifiedToken;

/// How much longer than its lifetime a token is denied: the largest difference of clocks that verifiers
/// accept.
const LEEWAY: TimeDelta = TimeDelta::minutes(10);

/// How long a token without an expiry is denied, and the maximum for any other token.
const ENDLESS: TimeDelta = TimeDelta::days(365_000);

impl<C, K> VerifiedToken<C, K> {
    /// Returns the id under which this token is [denied](crate::programs::Programs::deny_token), as the
    /// function [`denied_as`] does. Returns `None` for a token without `jti`, which a trusted issuer may be
    /// allowed to omit: it cannot be told from others, and so it cannot be denied.
    pub fn denied_as(&self) -> Option<String> {
        let issuer = self.is_foreign().then(|| self.issuer());
        self.id().map(|jti| denied_as(issuer, jti))
    }

    /// Returns the time until which the token has to be denied: ten minutes after it expires, so that no
    /// verifier accepts it any more. For a token that never expires, this is a thousand years after `now`.
    pub fn denied_until(&self, now: Timestamp) -> Timestamp {
        let longest = denied_at_most_until(now);
        let end = self.expires_at().and_then(|end| end.checked_add_signed(LEEWAY));
        end.map_or(longest, |end| end.min(longest))
    }
}

/// Returns the time until which a token of unknown expiry has to be denied: as long as any token is valid.
pub(crate) fn denied_at_most_until(now: Timestamp) -> Timestamp {
    now.checked_add_signed(ENDLESS).unwrap_or(now)
}

/// Returns the id under which the token with this `jti` is denied, in the [store](crate::datastore::Denylist)
/// and in [`TokenDenied`](crate::Event::TokenDenied).
///
/// `trusted_issuer` is `None` for our own tokens. The id of such a token is its `jti`. A trusted issuer may
/// use the same `jti` as another issuer, so the id is a digest of issuer and `jti`, 64 hexadecimal digits. An
/// unusual `jti` (empty, longer than 63 bytes, or not printable ASCII) gets a digest, too.
pub fn denied_as(trusted_issuer: Option<&str>, jti: &str) -> String {
    let is_plain = jti.len() < MAX_JTI_BYTES && jti.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && !jti.is_empty() && trusted_issuer.is_none() {
        return jti.to_owned();
    }
    let parts = [trusted_issuer.unwrap_or_default().as_bytes(), b"\n", jti.as_bytes()];
    let digest = keyed_digest(b"rocket_security denied by issuer", &parts);
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

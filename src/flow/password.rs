//! Logins with a password.
//!
//! The order of the steps matters:
//!
//! 1. The limit of the network is checked, so that a client beyond it takes no place in the hash queue.
//! 2. A place in that queue is reserved. If the queue is full, this costs nothing and no failed attempt is
//!    counted for an account.
//! 3. The attempt is counted before the password is checked, so that concurrent attempts cannot outrun the
//!    count.
//! 4. One hash is computed, whether the user exists or not.
//! 5. The state of the account is checked.
//! 6. The hooks are asked.

use crate::crypto::hasher::{PasswordHash, PasswordMatch, Slot};
use crate::crypto::password::Password;
use crate::datastore::user::UserWithPassword;
use crate::feature::Verdict;
use crate::flow::door::Flow;
use crate::flow::entry::{Authenticated, Entry, Judged};
use crate::flow::limits::owed::Right;
use crate::rejection::Rejection;
use crate::user::{Identity, Method, Proof, UserId};
use crate::web::visit::Visit;

/// A login with a right password, and what was counted for it.
struct RightPassword {
    judged: Judged,
    right: Right,
    slot: Slot,
    /// The stored hash, if it has to be replaced.
    outdated: Option<PasswordHash>,
}

impl Flow {
    /// Checks a password for a login that can be [finished](Self::finish) at another page.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if the hash queue is full; then nothing was looked up and no attempt was
    /// counted. [`Rejection::Throttled`] after too many attempts. [`Rejection::InvalidCredentials`] for an
    /// unknown identity, a wrong password, and a deactivated or closed account. The rejection of a hook.
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn authenticate_password(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
    ) -> Result<Entry, Rejection> {
        let RightPassword { judged, right, slot, outdated } =
            self.prove_password(visit, identity, password).await?;
        match judged.verdict {
            // The answer reveals that the password was right.
            Verdict::Allow | Verdict::Require(_) => {
                self.limits.clear(visit, right, &judged.login.user).await?;
            }
            // A login that is refused like a wrong password is counted like one.
            Verdict::Refuse(_) => right.leave(),
        }
        let user = judged.login.user.id;
        let entry = self.conclude(visit, judged).await?;
        self.renew_hash(&slot, user, password, outdated).await?;
        Ok(entry)
    }

    /// Checks a password for a program, which cannot continue at another page. A login that lacks a proof is
    /// refused and counted like a wrong password.
    ///
    /// # Errors
    ///
    /// As for [`authenticate_password`](Self::authenticate_password).
    pub(crate) async fn authenticate_program(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
    ) -> Result<Authenticated, Rejection> {
        let RightPassword { judged, right, slot, outdated } =
            self.prove_password(visit, identity, password).await?;
        match judged.verdict {
            Verdict::Allow => self.limits.clear(visit, right, &judged.login.user).await?,
            Verdict::Require(_) | Verdict::Refuse(_) => right.leave(),
        }
        let authenticated = match self.conclude(visit, judged).await? {
            Entry::Open(authenticated) => authenticated,
            Entry::Pending(pending) => return Err(self.refuse_pending(visit, &pending).await?),
        };
        self.renew_hash(&slot, authenticated.user.id, password, outdated).await?;
        Ok(authenticated)
    }

    /// Replaces an outdated hash by a new one of the same password.
    async fn renew_hash(
        &self,
        slot: &Slot,
        user: UserId,
        password: &Password,
        outdated: Option<PasswordHash>,
    ) -> Result<(), Rejection> {
        if let Some(old) = outdated {
            let new = self.hasher.hash(slot, password).await?;
            self.store.replace_password_hash(user, &old, &new).await?;
        }
        Ok(())
    }

    async fn prove_password(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
    ) -> Result<RightPassword, Rejection> {
        self.limits.admit(visit, "login").await?;
        let slot = self.reserve(visit)?;
        let found = self.store.find_credentials(identity).await?;
        let whose = found.as_ref().map(|found| found.user.id);
        let charged = self.limits.charge(visit, identity, whose).await?;
        let user = found.as_ref().map(|found| &found.user);
        let tally = self.limits.count_failure(visit, identity, user).await?;

        let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
        let verified = self.verify_password(&slot, identity, password, stored).await?;
        let Some(UserWithPassword { user, password_hash }) = found else {
            // Takes the same work as for an existing account.
            self.limits.is_used_up(visit, &tally).await?;
            let authn_via = Method::Password.authn_via();
            return Err(self.fail(visit, None, authn_via, "unknown_identity").await?);
        };
        if verified == PasswordMatch::No || tally.is_disabled {
            return Err(self.fail_password(visit, &user, &tally, verified).await?);
        }
        let right = self.limits.found_right(visit, charged, &tally);
        let proof = Proof::new(Method::Password, visit.now());
        let judged = match self.judge(visit, Authenticated::by(user, proof)).await {
            Ok(judged) => judged,
            Err(fault) => {
                // If the store fails, too, the charges are remembered.
                let _ = right.clear(&*self.store).await;
                return Err(fault);
            }
        };
        let outdated = password_hash.filter(|_| verified == PasswordMatch::Outdated);
        Ok(RightPassword { judged, right, slot, outdated })
    }
}

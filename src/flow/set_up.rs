//! Sets up factors: in a login that requires one, or in a session.

use crate::datastore::credential::CredentialsUnchanged;
use crate::error::Result;
use crate::flow::door::Flow;
use crate::flow::entry::{Authenticated, PendingLogin};
use crate::flow::pending::{Attempt, Proving};
use crate::rejection::Rejection;
use crate::user::{Proof, User};
use crate::web::next::Next;
use crate::web::reply::Reply;
use crate::web::visit::Visit;

impl Flow {
    /// Sets up a factor and continues with the login that [required](crate::feature::Required::set_up) it, or
    /// with the session.
    ///
    /// `change` changes the user's credentials with
    /// [`CredentialStore::change_credentials`](crate::datastore::CredentialStore::change_credentials). The
    /// change ends all older sessions and pending logins. `attempt` is the proof with the new factor: check
    /// what the user sent before this call. A session has to be fresh, so that an attacker who has taken it
    /// over cannot add a factor.
    ///
    /// # Errors
    ///
    /// [`Rejection::Forbidden`] for a login that requires a proof by a factor that is already set up.
    /// [`Rejection::NotFresh`] if the user of a session authenticated longer than `security.freshness` ago.
    /// [`Rejection::Unauthenticated`] if the account changed meanwhile, or `change` returns another user. All
    /// others are those of [`accept`](Self::accept).
    pub async fn set_up(
        &self,
        visit: &Visit<'_>,
        proving: Proving<'_>,
        attempt: Attempt,
        change: impl AsyncFnOnce() -> Result<std::result::Result<User, CredentialsUnchanged>>,
        next: Option<Next>,
    ) -> Result<Reply, Rejection> {
        match &proving {
            // A user with a factor has to prove it: the password alone must not suffice to add another.
            Proving::Login(pending) if !pending.required().is_set_up() => {
                // Nothing was tried yet.
                self.limits.uncharge(attempt.charged).await?;
                return Err(Rejection::Forbidden);
            }
            Proving::Session(active) if !active.is_fresh(self.freshness, visit.now()) => {
                // The proof was not tried.
                self.limits.uncharge(attempt.charged).await?;
                return Err(Rejection::NotFresh);
            }
            Proving::Login(_) | Proving::Session(_) => {}
        }
        let (id, epoch) = (proving.user().id, proving.user().epoch);
        let changed = change().await?.map_err(|_| Rejection::Unauthenticated)?;
        // The login continues only after this one change. Any other change that raises the epoch ends it.
        if changed.id != id || changed.epoch != epoch + 1 {
            return Err(Rejection::Unauthenticated);
        }
        let proof = Proof::new(attempt.method, visit.now());
        self.limits.uncharge(attempt.charged).await?;
        match proving {
            Proving::Login(pending) => {
                let login = Authenticated { user: Box::new(changed), ..pending.login };
                self.prove_and_finish(visit, PendingLogin { login, ..*pending }, proof, next).await
            }
            Proving::Session(active) => {
                let proofs = active.record.proofs.clone().and(proof);
                self.begin_after_change(visit, &changed, active, proofs).await?;
                self.stepped_up(visit, &changed, next).await
            }
        }
    }
}

//! Setting up a factor: in a login that requires one, or in a session.

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
    /// Sets up a factor and goes on: with the login that [required](crate::feature::Required::set_up) one, or
    /// with the session.
    ///
    /// `change` is the change of the user's credentials, by
    /// [`CredentialStore::change_credentials`](crate::datastore::CredentialStore::change_credentials). It ends
    /// everything older, sessions and pending logins too, so that nothing else goes on after it. `attempt` is the
    /// proof that the user has what is set up: look at what they sent first. A session has to be fresh: who took
    /// one over adds no factor of their own.
    ///
    /// # Errors
    ///
    /// [`Rejection::Forbidden`] for a login that requires a proof by a factor that is set up already;
    /// [`Rejection::NotFresh`] if the user of a session proved who they are longer than `security.freshness` ago;
    /// [`Rejection::Unauthenticated`] if the account changed meanwhile, or the change is of another user; the rest
    /// as for [`accept`](Self::accept).
    pub async fn set_up(
        &self,
        visit: &Visit<'_>,
        proving: Proving<'_>,
        attempt: Attempt,
        change: impl AsyncFnOnce() -> Result<std::result::Result<User, CredentialsUnchanged>>,
        next: Option<Next>,
    ) -> Result<Reply, Rejection> {
        match &proving {
            // A user who has a factor proves it: the password alone must not add another in its place.
            Proving::Login(pending) if !pending.required().is_set_up() => {
                // Nothing was tried yet.
                self.limits.uncharge(attempt.charged).await?;
                return Err(Rejection::Forbidden);
            }
            Proving::Session(active) if !active.is_fresh(self.freshness, visit.now()) => {
                // Nothing was tried yet.
                self.limits.uncharge(attempt.charged).await?;
                return Err(Rejection::NotFresh);
            }
            Proving::Login(_) | Proving::Session(_) => {}
        }
        let (id, epoch) = (proving.user().id, proving.user().epoch);
        let changed = change().await?.map_err(|_| Rejection::Unauthenticated)?;
        // It is this change alone that the login goes on after: what else raises the epoch ends it.
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

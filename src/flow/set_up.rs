//! Sets up factors: in a login that requires one, or in a session.

use crate::datastore::Together;
use crate::datastore::credential::CredentialsUnchanged;
use crate::error::Result;
use crate::event::Event;
use crate::feature::Factors;
use crate::flow::door::Flow;
use crate::flow::entry::{Authenticated, PendingLogin};
use crate::flow::pending::{Attempt, Proving};
use crate::rejection::{FieldErrors, Rejection};
use crate::text::Text;
use crate::user::{Level, Proof, User};
use crate::web::next::Next;
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// The subject of the mail that tells the owner of an account about a new factor.
const SUBJECT: Text = Text::new("factor_notice", "A second factor was set up");

impl Flow {
    /// Returns the user who is allowed to set up a factor: the user of a pending login that
    /// [requires](crate::feature::Required::set_up) it, or else of the session. The page where a factor is set
    /// up begins with it, before it counts an [`attempt`](Self::attempt).
    ///
    /// A session has to be fresh, so that an attacker who has taken it over cannot add a factor. A user who
    /// already has a factor has to prove it first: the password alone must not suffice to add another.
    ///
    /// # Errors
    ///
    /// [`Rejection::Forbidden`] for a login that requires a proof by a factor that is already set up.
    /// [`Rejection::NotFresh`] if the user of a session authenticated longer than `security.freshness` ago.
    /// [`Rejection::NotAssured`] if the user has a factor and the session lacks its proof. All others are those
    /// of [`proving`](Self::proving).
    pub async fn setting_up<'r>(&self, visit: &Visit<'r>) -> Result<Proving<'r>, Rejection> {
        let proving = self.proving(visit).await?;
        self.check_set_up(visit, &proving).await?;
        Ok(proving)
    }

    async fn check_set_up(
        &self,
        visit: &Visit<'_>,
        proving: &Proving<'_>,
    ) -> Result<(), Rejection> {
        let (level, lacks_proof) = match proving {
            Proving::Login(pending) if !pending.required().is_set_up() => {
                return Err(Rejection::Forbidden);
            }
            Proving::Session(active) if !active.is_fresh(self.freshness, visit.now()) => {
                return Err(Rejection::NotFresh);
            }
            Proving::Login(pending) => (pending.proofs().level(), Rejection::Forbidden),
            Proving::Session(active) => {
                (active.record.proofs.level(), Rejection::NotAssured(Level::Two.acr()))
            }
        };
        let factors = visit.request().rocket().state::<Factors>();
        let factors = factors.ok_or(Rejection::Unavailable)?.of(proving.user()).await?;
        if factors.is_empty() || level >= Level::Two { Ok(()) } else { Err(lacks_proof) }
    }

    /// Sets up a factor, tells the owner of the account by mail, and continues with the login that
    /// [required](crate::feature::Required::set_up) it, or with the session.
    ///
    /// `proving` comes from [`setting_up`](Self::setting_up). `attempt` is the proof with the new factor: check
    /// what the user sent before this call. `act` changes the user's credentials with
    /// [`CredentialStore::change_credentials`](crate::datastore::CredentialStore::change_credentials), and
    /// passes on the value that it is given: the mail and the journal's row are committed with the change.
    ///
    /// The change ends all older sessions and pending logins, and sends
    /// [`TfProfileChanged`](Event::TfProfileChanged).
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidInput`] with the reason `credential_taken` if another user has the credential.
    /// [`Rejection::Unauthenticated`] if the account changed meanwhile, or `act` returns another user. All
    /// others are those of [`setting_up`](Self::setting_up) and [`accept`](Self::accept). The attempt then
    /// stays counted.
    pub async fn set_up(
        &self,
        visit: &Visit<'_>,
        proving: Proving<'_>,
        attempt: Attempt,
        act: impl AsyncFnOnce(&Together) -> Result<std::result::Result<User, CredentialsUnchanged>>,
        next: Option<Next>,
    ) -> Result<Reply, Rejection> {
        self.check_set_up(visit, &proving).await?;
        let (user, origin) = (proving.user(), visit.origin());
        let (id, epoch) = (user.id, user.epoch);
        let method = attempt.method.authn_via().to_owned();
        let notice = self.notice(visit, &SUBJECT, user, &user.email)?;
        let change = self.change(Event::TfProfileChanged { user: id, method, origin });
        let changed =
            change.mail([notice]).commit(act).await?.map_err(|unchanged| match unchanged {
                CredentialsUnchanged::Taken => {
                    let text =
                        Text::new("credential_taken", "This is already used for an account.");
                    FieldErrors::one("", text).into()
                }
                _ => Rejection::Unauthenticated,
            })?;
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

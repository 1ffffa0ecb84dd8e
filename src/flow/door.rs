//! The [`Flow`]: everything that a login needs, in one place.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::Span;
use crate::crypto::hasher::{Hasher, PasswordHash, PasswordMatch, Slot};
use crate::crypto::password::{Password, PasswordPolicy};
use crate::datastore::outbox::NewMail;
use crate::datastore::{Together, UserDatastore};
use crate::event::{Event, Origin};
use crate::feature::{Announcer, Change, Moments, Registration, asker};
use crate::flow::judges::Judges;
use crate::flow::limits::Limits;
use crate::flow::programs::ProgramLogins;
use crate::rejection::Rejection;
use crate::user::{Identity, Proofs, User, UsernamePolicy};
use crate::web::visit::Visit;

/// The one way to log users in and out: checks proofs and hooks, and begins and ends sessions.
///
/// It is in Rocket's managed state, so a handler takes it as `&State<Flow>`. A handler for a new way to log
/// in checks what the user sent, and calls [`enter`](Flow::enter) and then [`finish`](Flow::finish):
///
/// ```
/// use rocket::State;
/// use rocket_security::flow::Flow;
/// use rocket_security::user::{Method, Proof, User};
/// use rocket_security::web::reply::Reply;
/// use rocket_security::web::visit::Visit;
/// use rocket_security::Rejection;
///
/// /// Logs in a user whose smart card was checked.
/// async fn card_checked(flow: &State<Flow>, visit: &Visit<'_>, user: User) -> Result<Reply, Rejection> {
///     let proof = Proof::new(Method::custom("smart_card"), visit.origin().at);
///     let entry = flow.enter(visit, user, proof).await?;
///     flow.finish(visit, entry).await
/// }
/// ```
///
/// The page of a second factor calls [`proving`](Flow::proving), [`attempt`](Flow::attempt), and then
/// [`accept`](Flow::accept) or [`refuse`](Flow::refuse). See the guide on [second
/// factors](crate::guide::second_factor).
pub struct Flow {
    pub(crate) store: Arc<dyn UserDatastore>,
    pub(crate) moments: Moments,
    pub(crate) announcer: Announcer,
    pub(crate) hasher: Hasher,
    pub(crate) judges: Judges,
    pub(crate) policy: PasswordPolicy,
    pub(crate) usernames: UsernamePolicy,
    pub(crate) limits: Limits,
    pub(crate) max_sessions: u32,
    pub(crate) freshness: Span,
    pub(crate) programs: Arc<dyn ProgramLogins>,
}

impl Flow {
    /// Returns the store, for flows that do not begin a session.
    pub fn store(&self) -> &Arc<dyn UserDatastore> {
        &self.store
    }

    /// Returns the rules for new passwords.
    pub fn password_policy(&self) -> &PasswordPolicy {
        &self.policy
    }

    /// Returns the limits on attempts.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the threads that hash passwords.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Reserves a place in the hash queue for the network of a request.
    ///
    /// A network can hold a quarter of the places, and each of the larger networks around it can hold half of
    /// them. Check the [limit](Limits::admit) of the network first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if the queue is full, or one of the networks already holds its share.
    pub fn reserve(&self, visit: &Visit<'_>) -> Result<Slot, Rejection> {
        self.hasher.reserve_for(self.limits.network_digests(visit))
    }

    /// Compares a password with the hash of an account. An account that does not exist or has no password
    /// takes the same work.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the comparison fails.
    pub async fn verify_password(
        &self,
        slot: &Slot,
        identity: &Identity,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<PasswordMatch, Rejection> {
        let identity = self.limits.identity_digest(identity);
        Ok(self.hasher.verify(slot, password, stored, &identity).await?)
    }

    /// Returns the announcer, for events that belong to no change.
    pub fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    /// Prepares a change in the store. The event is sent once the change is committed.
    pub fn change(&self, event: Event) -> Change {
        self.announcer.change(event)
    }

    /// Asks the features what to commit together with a registration.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if a feature fails.
    pub async fn with_registration(
        &self,
        registration: &Registration<'_>,
    ) -> Result<Together, Rejection> {
        Ok(self.moments.after_register(registration).await?)
    }

    /// Puts a mail that belongs to no change into the outbox, with the data on the client that caused it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn post(&self, mail: NewMail, origin: &Origin) -> Result<(), Rejection> {
        self.store.commit(&Together::mail(vec![mail.asked_by(asker(origin))])).await?;
        self.announcer.mail_is_waiting();
        Ok(())
    }

    /// Returns `true` if a new account waits for its owner to confirm the address. An account that is not
    /// confirmed is deleted after [`UNCONFIRMED_FOR`](crate::flow::lapse::UNCONFIRMED_FOR).
    pub fn awaits_confirmation(&self) -> bool {
        self.moments.awaits_confirmation()
    }

    /// Returns the claims that hooks add to the tokens of a login.
    pub(crate) async fn token_claims(
        &self,
        user: &User,
        proofs: &Proofs,
    ) -> Result<Map<String, Value>, Rejection> {
        Ok(self.moments.token_claims(user, proofs).await?)
    }

    /// Reports why a login failed to the hooks and listeners, and returns the rejection for the client, which
    /// does not say why.
    pub(crate) async fn fail(
        &self,
        visit: &Visit<'_>,
        user: Option<&User>,
        authn_via: &str,
        reason: &'static str,
    ) -> Result<Rejection, Rejection> {
        self.moments.login_failed(user, reason).await?;
        let (user, authn_via) = (user.map(|user| user.id), authn_via.to_owned());
        let origin = visit.origin();
        visit.site().signals().send(&Event::UserFailedAuthn { user, authn_via, reason, origin });
        Ok(Rejection::InvalidCredentials)
    }
}

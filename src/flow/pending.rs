//! Pending logins: how a browser holds one, how the user adds the missing proof, and how the user of a
//! session authenticates again.
//!
//! Nothing is stored for guests: a pending login is sealed into a cookie. Only its end is stored, as a digest
//! kept for a little over ten minutes, so that a copy of the cookie cannot be used again.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Digest;
use crate::datastore::attempt::Charge;
use crate::feature::{Required, Verdict};
use crate::flow::door::Flow;
use crate::flow::entry::{Authenticated, Entry, PendingLogin, RememberedBrowser};
use crate::flow::limits::Charged;
use crate::rejection::{FieldErrors, Rejection};
use crate::session::Active;
use crate::text::Text;
use crate::user::{Method, Proof, Proofs, User, UserId};
use crate::web::next::Next;
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// How long the end of a pending login is stored: a little longer than a pending login lasts.
const REMEMBERED: TimeDelta = TimeDelta::minutes(11);

/// The contents of the cookie.
#[derive(Serialize, Deserialize)]
struct Held {
    id: Uuid,
    user: UserId,
    epoch: i64,
    proofs: Proofs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remembered: Option<RememberedBrowser>,
    required: Required,
    remember: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A user who is asked for a proof: in a pending login, or in a session.
///
/// The page of a factor begins with it, so that one page serves both. Returned by [`Flow::proving`].
#[non_exhaustive]
pub enum Proving<'r> {
    /// A login that lacks a proof.
    Login(Box<PendingLogin>),
    /// A session whose user authenticates again.
    Session(&'r Active),
}

impl Proving<'_> {
    /// Returns the user.
    pub fn user(&self) -> &User {
        match self {
            Self::Login(pending) => pending.user(),
            Self::Session(active) => &active.user,
        }
    }
}

/// A counted attempt to prove something. Pass it to [`Flow::accept`] or [`Flow::refuse`] after checking what
/// the user sent.
#[derive(Debug)]
#[must_use = "an attempt stays charged until it is accepted"]
pub struct Attempt {
    pub(in crate::flow) method: Method,
    pub(in crate::flow) charged: Charged,
}

impl Flow {
    /// Lets the browser hold a pending login, in place of any other, which ends. The visitor stays a guest, and nothing
    /// is stored.
    ///
    /// [`finish`](Self::finish) calls it, so handlers rarely have to.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if it cannot be sealed.
    pub async fn hold(&self, visit: &Visit<'_>, pending: &PendingLogin) -> Result<(), Rejection> {
        let PendingLogin { id, login, required, began_at } = pending;
        if self.held_login(visit).is_some_and(|(_, held)| held.id != *id) {
            self.end_pending(visit).await?;
        }
        let held = |next: Option<&Next>| Held {
            id: *id,
            user: login.user.id,
            epoch: login.user.epoch,
            proofs: login.proofs.clone(),
            remembered: login.remembered.clone(),
            required: required.clone(),
            remember: login.remember,
            next: next.map(Next::to_string),
        };
        let (sessions, request) = (visit.site().sessions(), visit.request());
        let is_held = sessions.hold_login(request, *began_at, &held(login.next.as_ref()))?
            // The login matters more than a very long address of the next page.
            || sessions.hold_login(request, *began_at, &held(None))?;
        if is_held {
            return Ok(());
        }
        log::error!("a pending login has too many proofs for its cookie");
        Err(Rejection::Unavailable)
    }

    /// Returns the pending login that the browser holds.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if there is none, or it has ended: after ten minutes, by a logout, by
    /// another login, by a change of the account, or because the browser is no longer remembered that it began
    /// with. [`Rejection::Unavailable`] if the store does not answer.
    pub async fn pending(&self, visit: &Visit<'_>) -> Result<PendingLogin, Rejection> {
        let (began_at, held) = self.held_login(visit).ok_or(Rejection::Unauthenticated)?;
        if visit.site().sessions().is_login_over(began_at) {
            // A clock that steps back must not revive it.
            self.end(held.id, visit).await?;
            return Err(Rejection::Unauthenticated);
        }
        let (end, now) = (self.end_of(held.id), visit.now());
        let user = match self.store.has_counted(&end, 1, now).await? {
            true => None,
            false => self.store.find_user(held.user).await?,
        };
        let user = user.filter(|user| user.is_open() && user.epoch == held.epoch);
        let user = Box::new(user.ok_or(Rejection::Unauthenticated)?);
        let Held { id, proofs, remembered, required, remember, next, .. } = held;
        if let Some(browser) = &remembered
            && (browser.until <= now || !self.moments.is_remembered(&browser.series).await?)
        {
            return Err(Rejection::Unauthenticated);
        }
        let next = next.and_then(|next| visit.next(&next));
        let login = Authenticated { user, proofs, remembered, remember, next };
        Ok(PendingLogin { id, login, required, began_at })
    }

    /// Adds a proof to a pending login, and asks every hook again. The pending login ends with this: of
    /// several concurrent requests with it, only one succeeds.
    ///
    /// Count the attempt before checking what the user sent. Pages of factors use [`attempt`](Self::attempt)
    /// and [`accept`](Self::accept), which do everything around this call.
    ///
    /// ```
    /// use rocket_security::Rejection;
    /// use rocket_security::flow::Flow;
    /// use rocket_security::user::{Method, Proof};
    /// use rocket_security::web::reply::Reply;
    /// use rocket_security::web::visit::Visit;
    ///
    /// async fn card_checked(flow: &Flow, visit: &Visit<'_>) -> Result<Reply, Rejection> {
    ///     let pending = flow.pending(visit).await?;
    ///     let proof = Proof::new(Method::custom("smart_card"), visit.origin().at);
    ///     let entry = flow.prove(visit, pending, proof).await?;
    ///     flow.finish(visit, entry).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if the pending login has ended. All others are those of
    /// [`enter`](Self::enter).
    pub async fn prove(
        &self,
        visit: &Visit<'_>,
        pending: PendingLogin,
        proof: Proof,
    ) -> Result<Entry, Rejection> {
        let PendingLogin { id, login, began_at, .. } = pending;
        let login = Authenticated { proofs: login.proofs.and(proof), ..login };
        let judged = self.judge(visit, login).await?;
        let goes_on = !matches!(judged.verdict, Verdict::Refuse(_));
        if goes_on && !self.end(id, visit).await? {
            return Err(Rejection::Unauthenticated);
        }
        let mut entry = self.conclude(visit, judged).await?;
        if let Entry::Pending(again) = &mut entry {
            again.began_at = began_at;
        }
        Ok(entry)
    }

    /// Begins a new session with another proof, in place of the one of a logged-in user who has just
    /// authenticated again.
    ///
    /// The new session ends when the old one would have: a proof does not prolong a session that may have
    /// begun with more.
    ///
    /// ```
    /// use rocket_security::Rejection;
    /// use rocket_security::flow::Flow;
    /// use rocket_security::user::{Method, Proof};
    /// use rocket_security::web::reply::Reply;
    /// use rocket_security::web::visit::Visit;
    ///
    /// async fn card_checked(flow: &Flow, visit: &Visit<'_>) -> Result<Reply, Rejection> {
    ///     let active = flow.require_user(visit).await?;
    ///     let proof = Proof::new(Method::custom("smart_card"), visit.origin().at);
    ///     flow.step_up(visit, active, proof).await?;
    ///     flow.stepped_up(visit, &active.user, None).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if the account has changed meanwhile. [`Rejection::Unavailable`] if the
    /// store does not answer.
    pub async fn step_up(
        &self,
        visit: &Visit<'_>,
        active: &Active,
        proof: Proof,
    ) -> Result<(), Rejection> {
        self.begin_stepped_up(visit, active, active.record.proofs.clone().and(proof)).await
    }

    /// Returns the user who is asked for a proof: the user of the pending login that the browser holds, or
    /// else of its session.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if there is neither. All others are those of
    /// [`require_user`](Self::require_user).
    pub async fn proving<'r>(&self, visit: &Visit<'r>) -> Result<Proving<'r>, Rejection> {
        match self.pending(visit).await {
            Ok(pending) => Ok(Proving::Login(Box::new(pending))),
            Err(Rejection::Unauthenticated) => {
                Ok(Proving::Session(self.require_user(visit).await?))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Counts an attempt to prove something. Call it before checking what the user sent.
    ///
    /// After five failed attempts, from all networks together, the next one has to wait: 30 seconds at first,
    /// then twice as long each time, up to an hour (NIST SP 800-63B-4, section 3.2.2).
    ///
    /// # Errors
    ///
    /// [`Rejection::Throttled`] if the user has to wait.
    pub async fn attempt(
        &self,
        visit: &Visit<'_>,
        proving: &Proving<'_>,
        method: Method,
    ) -> Result<Attempt, Rejection> {
        let charged = self.limits.charge_proof(visit, proving.user().id, &method).await?;
        Ok(Attempt { method, charged })
    }

    /// Reports a failed attempt to the hooks, the listeners and the journal, and returns the rejection for
    /// the form field `field`. The attempt stays counted.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if a hook fails.
    pub async fn refuse(
        &self,
        visit: &Visit<'_>,
        proving: &Proving<'_>,
        attempt: Attempt,
        field: &str,
    ) -> Result<Rejection, Rejection> {
        let via = attempt.method.authn_via();
        self.fail(visit, Some(proving.user()), via, "wrong_proof").await?;
        let text = Text::new("invalid_code", "This code is incorrect or was already used.");
        Ok(FieldErrors::one(field, text).into())
    }

    /// Accepts a successful attempt: continues the pending login, or steps the session up and redirects to
    /// `next`.
    ///
    /// # Errors
    ///
    /// As for [`prove`](Self::prove), [`finish`](Self::finish) and [`step_up`](Self::step_up).
    pub async fn accept(
        &self,
        visit: &Visit<'_>,
        proving: Proving<'_>,
        attempt: Attempt,
        next: Option<Next>,
    ) -> Result<Reply, Rejection> {
        let Attempt { method, charged } = attempt;
        let proof = Proof::new(method, visit.now());
        self.limits.uncharge(charged).await?;
        match proving {
            Proving::Login(pending) => self.prove_and_finish(visit, *pending, proof, next).await,
            Proving::Session(active) => {
                self.step_up(visit, active, proof).await?;
                self.stepped_up(visit, &active.user, next).await
            }
        }
    }

    /// Adds a proof to a pending login, and finishes the login.
    pub(in crate::flow) async fn prove_and_finish(
        &self,
        visit: &Visit<'_>,
        pending: PendingLogin,
        proof: Proof,
        next: Option<Next>,
    ) -> Result<Reply, Rejection> {
        let entry = self.prove(visit, pending, proof).await?;
        let entry = if next.is_some() { entry.leading_to(next) } else { entry };
        self.finish(visit, entry).await
    }

    /// Returns the answer for a user whose session was just stepped up.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the application's [`Presentation`](crate::Presentation) or the issuing
    /// of tokens fails.
    pub async fn stepped_up(
        &self,
        visit: &Visit<'_>,
        user: &User,
        next: Option<Next>,
    ) -> Result<Reply, Rejection> {
        let next = next.or_else(|| visit.site().url("after_verify")).unwrap_or_else(Next::home);
        let shown = visit.site().payload(user).await?;
        let shown = self.with_access_token(visit, user, shown).await?;
        Ok(Reply::redirect(next).with("user", shown))
    }

    /// Returns the page where the user of a remembered browser proves what is missing, if the browser holds
    /// such a login. `None` for requests that want JSON.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn page_to_return_by(&self, visit: &Visit<'_>) -> Result<Option<Next>, Rejection> {
        if visit.wants_json() || visit.active().is_some() {
            return Ok(None);
        }
        match self.pending(visit).await {
            Ok(pending) if pending.proofs().has(&Method::Remembered) => {
                Ok(visit.site().url(pending.required().page()))
            }
            Ok(_) | Err(Rejection::Unauthenticated) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Ends the pending login that the browser holds, if there is one. A copy of the cookie cannot be used
    /// again.
    pub(in crate::flow) async fn end_pending(&self, visit: &Visit<'_>) -> Result<(), Rejection> {
        if let Some((_, held)) = self.held_login(visit) {
            self.end(held.id, visit).await?;
        }
        Ok(())
    }

    /// Returns the contents of the cookie, with the beginning of the login, however old.
    fn held_login(&self, visit: &Visit<'_>) -> Option<(Timestamp, Held)> {
        visit.site().sessions().held_login(visit.request())
    }

    /// Ends a pending login. Returns `false` if it had already ended.
    async fn end(&self, id: Uuid, visit: &Visit<'_>) -> Result<bool, Rejection> {
        let (key, now) = (self.end_of(id), visit.now());
        Ok(self.store.count_event(&key, 1, REMEMBERED, now).await? == Charge::Allowed)
    }

    fn end_of(&self, id: Uuid) -> Digest {
        self.limits.digest(&["ended login", &id.to_string()])
    }
}

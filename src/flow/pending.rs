//! Logins that lack a proof: how a browser keeps one, how the user adds what is missing, and how the user of
//! a session proves who they are once more.
//!
//! Guests store nothing: a pending login is sealed into a cookie. Only its end is a row, a digest that says
//! for ten minutes that it is over, so that a copy of the cookie does not bring it back.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::crypto::one_time::Digest;
use crate::datastore::attempt::Charge;
use crate::feature::{Required, Verdict};
use crate::flow::door::Flow;
use crate::flow::entry::{Authenticated, Entry, PendingLogin};
use crate::flow::limits::Charged;
use crate::rejection::{FieldErrors, Rejection};
use crate::session::Active;
use crate::text::Text;
use crate::user::{Method, Proof, Proofs, User, UserId};
use crate::web::next::Next;
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// How long it is remembered that a pending login has ended: a little longer than one lasts.
const REMEMBERED: TimeDelta = TimeDelta::minutes(11);

/// What the cookie holds.
#[derive(Serialize, Deserialize)]
struct Held {
    id: Uuid,
    user: UserId,
    epoch: i64,
    proofs: Proofs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remembered: Option<Proofs>,
    required: Required,
    remember: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A user who is asked for a proof: in a login that lacks one, or in a session.
///
/// It is what the page of a factor begins with, so that one page serves both. See
/// [`Flow::proving`].
pub enum Proving<'r> {
    /// A login that lacks a proof.
    Login(Box<PendingLogin>),
    /// A session whose user proves who they are once more.
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

/// An attempt to prove who a user is, charged before what they sent is looked at. It is refused or accepted.
#[derive(Debug)]
#[must_use = "an attempt stays charged until it is accepted"]
pub struct Attempt {
    pub(in crate::flow) method: Method,
    pub(in crate::flow) charged: Charged,
}

impl Flow {
    /// Has the browser keep a login that lacks a proof, in place of any other. The visitor stays a guest, and
    /// nothing is stored.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if it cannot be sealed.
    pub async fn hold(&self, visit: &Visit<'_>, pending: &PendingLogin) -> Result<(), Rejection> {
        self.end_pending(visit).await?;
        let PendingLogin { id, login, required, began_at } = pending;
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
            // A page with a very long address is not worth a login.
            || sessions.hold_login(request, *began_at, &held(None))?;
        if is_held {
            return Ok(());
        }
        log::error!("a pending login has too many proofs for its cookie");
        Err(Rejection::Unavailable)
    }

    /// Returns the login that the browser keeps and that lacks a proof.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if there is none, or it has ended: by a logout, another login, a change
    /// of the account, or after ten minutes. [`Rejection::Unavailable`] if the store does not answer.
    pub async fn pending(&self, visit: &Visit<'_>) -> Result<PendingLogin, Rejection> {
        let held = visit.site().sessions().held_login::<Held>(visit.request());
        let (began_at, held) = held.ok_or(Rejection::Unauthenticated)?;
        if visit.site().sessions().is_login_over(began_at) {
            // No clock that steps back revives it.
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
        let next = next.and_then(|next| visit.next(&next));
        let login = Authenticated { user, proofs, remembered, remember, next };
        Ok(PendingLogin { id, login, required, began_at })
    }

    /// Adds a proof to a login that lacks one, and asks every hook again. The pending login has ended with
    /// this: of any number of requests with one, one goes on.
    ///
    /// Charge the attempt before you look at what the user sent: [`attempt`](Self::attempt) does, and
    /// [`accept`](Self::accept) does all that follows.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if the pending login has ended; the rest as for
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

    /// Begins another session for a user who is logged in and has just proved who they are, in place of
    /// theirs. It ends when the old one would have: a proof prolongs no session that may have begun with more.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if the account has changed meanwhile;
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn step_up(
        &self,
        visit: &Visit<'_>,
        active: &Active,
        proof: Proof,
    ) -> Result<(), Rejection> {
        self.begin_stepped_up(visit, active, active.record.proofs.clone().and(proof)).await
    }

    /// Returns the user who is asked for a proof: of the login that the browser keeps, or else of its session.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if there is neither; the rest as for
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

    /// Charges an attempt to prove who a user is, before you look at what the user sent. After five attempts
    /// that failed, from wherever they came, the next has to wait: 30 seconds at first, then twice as long
    /// each time, up to an hour (NIST SP 800-63B-4, section 3.2.2).
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

    /// Reports an attempt that failed, to the hooks, to the listeners and to the journal, and returns the
    /// refusal of the code in that field. The attempt stays charged.
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

    /// Accepts an attempt that succeeded: goes on with the login, or steps the session up and leads to
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

    /// Adds a proof to a login, and finishes it if that was all.
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

    /// Answers a user whose session was just stepped up.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the application cannot tell what is shown of its users.
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

    /// Returns the page at which a user whose browser is remembered proves what is missing, if the browser
    /// keeps such a login. JSON is led nowhere.
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

    /// Ends the login that the browser keeps, if it keeps one: no copy of the cookie brings it back.
    pub(in crate::flow) async fn end_pending(&self, visit: &Visit<'_>) -> Result<(), Rejection> {
        if let Some((_, held)) = visit.site().sessions().held_login::<Held>(visit.request()) {
            self.end(held.id, visit).await?;
        }
        Ok(())
    }

    /// Ends a pending login; false if it had ended before.
    async fn end(&self, id: Uuid, visit: &Visit<'_>) -> Result<bool, Rejection> {
        let (key, now) = (self.end_of(id), visit.now());
        Ok(self.store.count_event(&key, 1, REMEMBERED, now).await? == Charge::Allowed)
    }

    fn end_of(&self, id: Uuid) -> Digest {
        self.limits.digest(&["ended login", &id.to_string()])
    }
}

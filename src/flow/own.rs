//! The user who is logged in, and changes to their own account.
//!
//! Such a change ends every session. The browser that asked for it continues with a new one.

use crate::clock::in_words;
use crate::crypto::hasher::PasswordMatch;
use crate::crypto::password::Password;
use crate::datastore::Together;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::session::{EndedSession, Replaces, SessionRecord};
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::event::{Event, Origin, SessionEnd};
use crate::flow::access;
use crate::flow::door::Flow;
use crate::flow::session::{evicted, new_session, session_ended};
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::session::Active;
use crate::text::Text;
use crate::user::{Email, Identity, Proofs, User};
use crate::web::visit::Visit;

impl Flow {
    /// Returns the session of a user who is logged in and is allowed to continue.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`], [`Rejection::MustChange`], and the rejection of a hook.
    pub async fn require_user<'r>(&self, visit: &Visit<'r>) -> Result<&'r Active, Rejection> {
        let active = some_active(visit)?;
        self.check_session(&active.user).await?;
        Ok(active)
    }

    /// Returns the session of a user who has authenticated recently: within `security.freshness`.
    ///
    /// # Errors
    ///
    /// [`Rejection::NotFresh`], and the errors of [`require_user`](Self::require_user).
    pub async fn require_fresh<'r>(&self, visit: &Visit<'r>) -> Result<&'r Active, Rejection> {
        let active = self.require_user(visit).await?;
        if active.is_fresh(self.freshness, visit.now()) {
            Ok(active)
        } else {
            Err(Rejection::NotFresh)
        }
    }

    /// Returns the session of a user who is logged in, even if they have to change their password first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`], and the rejection of a hook.
    pub async fn require_user_to_change<'r>(
        &self,
        visit: &Visit<'r>,
    ) -> Result<&'r Active, Rejection> {
        let active = some_active(visit)?;
        self.ask_hooks(&active.user).await?;
        Ok(active)
    }

    /// Checks whether an account has a password.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn has_password(&self, user: &User) -> Result<bool, Rejection> {
        let found = self.store.find_credentials(&Identity::Email(user.email.clone())).await?;
        Ok(found.is_some_and(|found| found.password_hash.is_some()))
    }

    /// Checks that a session can authenticate this request: its user does not have to change the password
    /// first, and no hook objects.
    ///
    /// # Errors
    ///
    /// [`Rejection::MustChange`], and the rejection of a hook.
    pub async fn check_session(&self, user: &User) -> Result<(), Rejection> {
        if user.must_change {
            return Err(Rejection::MustChange);
        }
        self.ask_hooks(user).await
    }

    /// Checks that the password typed by a logged-in user is theirs, within the limits of a login.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidInput`] for the field `password` if it is wrong. [`Rejection::Throttled`],
    /// [`Rejection::Saturated`] and [`Rejection::Unavailable`] as for a login.
    pub async fn check_own_password(
        &self,
        visit: &Visit<'_>,
        user: &User,
        password: &Secret<String>,
    ) -> Result<(), Rejection> {
        let mut errors = FieldErrors::new();
        let parsed = errors.take("password", Password::parse(password));
        let Some(password) = parsed else {
            return Err(errors.into());
        };
        let identity = Identity::Email(user.email.clone());
        self.limits.admit(visit, "login").await?;
        let slot = self.reserve(visit)?;
        let charged = self.limits.charge(visit, &identity, Some(user.id)).await?;
        let found = self.store.find_credentials(&identity).await?;
        let found = found.filter(|found| found.user.id == user.id);
        let tally = self.limits.count_failure(visit, &identity, Some(user)).await?;
        let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
        let verified = self.verify_password(&slot, &identity, &password, stored).await?;
        if verified == PasswordMatch::No || tally.is_disabled {
            self.fail_password(visit, user, &tally, verified).await?;
            let text = Text::new("invalid_password", "This password is incorrect.");
            return Err(FieldErrors::one("password", text).into());
        }
        let right = self.limits.found_right(visit, charged, &tally);
        self.limits.clear(visit, right, user).await
    }

    /// Begins a session with these proofs in place of the user's current one. It ends when the old one would
    /// have.
    pub(super) async fn begin_stepped_up(
        &self,
        visit: &Visit<'_>,
        active: &Active,
        proofs: Proofs,
    ) -> Result<(), Rejection> {
        let event = Event::UserVerified { user: active.user.id, origin: visit.origin() };
        let (token, record) = new_session(visit, &active.user, proofs)?;
        let (created_at, series) = (active.record.created_at, active.record.series);
        let record = SessionRecord { created_at, series, ..record };
        let replaces = Replaces::LiveSession(active.record.digest);
        if self.begin(visit, (token, record), replaces, event).await? {
            Ok(())
        } else {
            Err(Rejection::Unauthenticated)
        }
    }

    /// Returns the live sessions of a user, newest first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn sessions_of(
        &self,
        visit: &Visit<'_>,
        user: &User,
    ) -> Result<Vec<SessionRecord>, Rejection> {
        let (used_after, begun_after) = visit.site().sessions().limits(visit.now());
        let mut sessions = self.store.list_sessions(user.id).await?;
        sessions.retain(|it| it.last_seen_at > used_after && it.created_at > begun_after);
        Ok(sessions)
    }

    /// Ends another session of the logged-in user, not the one of this request. Returns `false` if it has
    /// already ended.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer. The session is then still live.
    pub async fn end_session(
        &self,
        visit: &Visit<'_>,
        session: &SessionRecord,
    ) -> Result<bool, Rejection> {
        let ended = EndedSession { id: session.id, user_id: session.user_id };
        let event = session_ended(&ended, SessionEnd::ByUser, visit.origin());
        let change = self.change(event);
        Ok(change.commit(async |with| self.store.end_session(&session.digest, with).await).await?)
    }

    /// Ends all other sessions of the logged-in user and returns their number.
    ///
    /// The user's other browsers are no longer remembered. Programs are logged out, except those that logged
    /// in with this session or an earlier one of this browser.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer. Some sessions may have ended.
    pub async fn end_other_sessions(
        &self,
        visit: &Visit<'_>,
        active: &Active,
    ) -> Result<u32, Rejection> {
        let mut ended: u32 = 0;
        for session in self.sessions_of(visit, &active.user).await? {
            if session.id != active.record.id {
                ended += u32::from(self.end_session(visit, &session).await?);
            }
        }
        self.programs.end_others(visit, active).await?;
        let others = self.moments.end_others(&active.record).await?;
        ended += u32::try_from(others.len()).unwrap_or(u32::MAX);
        let event = |it: &EndedSession| session_ended(it, SessionEnd::ByUser, visit.origin());
        self.announcer.learned(others.iter().map(event));
        Ok(ended)
    }

    /// Changes the account of the logged-in user and sends the event. All older sessions and tokens end, and
    /// this browser continues with a new session.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unauthenticated`] if the account changed meanwhile, or the change does not apply.
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn change_own(
        &self,
        visit: &Visit<'_>,
        active: &Active,
        update: UserChange,
        event: Event,
        mail: Vec<NewMail>,
    ) -> Result<User, Rejection> {
        let (id, update) = (active.user.id, update.unless_changed_since(active.user.epoch));
        let change = self.change(event).mail(mail);
        let changed =
            change.commit(async |with| self.store.update_user(id, &update, with).await).await?;
        let user = changed.ok_or(Rejection::Unauthenticated)?;
        self.go_on(visit, &user, active).await?;
        Ok(user)
    }

    /// Begins a new session for a user who has changed their account, because the change ended the old one.
    /// The new session is exactly as fresh as the old one.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer. The change is committed, and the user has to
    /// log in again.
    pub async fn go_on(
        &self,
        visit: &Visit<'_>,
        user: &User,
        before: &Active,
    ) -> Result<(), Rejection> {
        self.begin_after_change(visit, user, before, before.record.proofs.clone()).await
    }

    /// Begins a session with these proofs in place of the one that a change of the account has ended.
    pub(super) async fn begin_after_change(
        &self,
        visit: &Visit<'_>,
        user: &User,
        before: &Active,
        proofs: Proofs,
    ) -> Result<(), Rejection> {
        let (token, record) = new_session(visit, user, proofs)?;
        let record = SessionRecord { created_at: before.record.created_at, ..record };
        let nothing = Together::nothing();
        let begun = self
            .store
            .begin_session(&record, Replaces::Nothing, self.max_sessions, &nothing)
            .await?;
        if let Some(ended) = begun {
            self.announcer.learned(evicted(visit, &ended));
            visit.site().sessions().become_user(visit.request(), &token, record.user_id)?;
            access::note(visit.request(), &record);
            // The change ended that the browser is remembered.
            visit.site().sessions().forget_remember_token(visit.request());
        }
        Ok(())
    }

    /// Creates a mail that tells the owner of an account about a change: when it was requested, and from
    /// which address. `to` is the current or a former address of the owner. The id of the subject is the name
    /// of the templates.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if there is no randomness for an identifier.
    pub fn notice(
        &self,
        visit: &Visit<'_>,
        subject: &Text,
        user: &User,
        to: &Email,
    ) -> Result<NewMail, Rejection> {
        let Origin { at, client, .. } = visit.origin();
        let mail = NewMail::new(subject, to, at)?.concerns(Addressee::User(user.id));
        let mail = mail.with("at", in_words(at));
        Ok(match client {
            Some(client) => mail.with("client", client),
            None => mail.with("client", Text::new("address.unknown", "(unknown)")),
        })
    }

    async fn ask_hooks(&self, user: &User) -> Result<(), Rejection> {
        match self.moments.session_checked(user).await? {
            Some(rejection) => Err(rejection),
            None => Ok(()),
        }
    }
}

/// Returns the session of the logged-in user, or reports that the user is not logged in.
fn some_active<'r>(visit: &Visit<'r>) -> Result<&'r Active, Rejection> {
    visit.active().ok_or_else(|| {
        visit.site().signals().send(&Event::UserUnauthenticated { origin: visit.origin() });
        Rejection::Unauthenticated
    })
}

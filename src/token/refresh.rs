//! Refresh tokens: what a program that is logged in gets its next access token with.

use std::sync::Arc;

use chrono::{DurationRound, TimeDelta};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::{NEVER, Timestamp};
use crate::crypto::random_uuid;
use crate::datastore::refresh::FamilyRecord;
use crate::datastore::session::SessionRecord;
use crate::error::{Error, Result};
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::token::families::BeginsFamilies;
use crate::token::issue::TokenBuilder;
use crate::token::kind::Refresh;
use crate::token::subject::{Holder, fault_of};
use crate::token::tokens::TokenIssuer;
use crate::user::{Method, Proof, Proofs, User};

/// How families that an application begins say their users proved to be them.
const AUTHN_VIA: &str = "application";

/// The longest name of a program that is kept, in characters.
const USER_AGENT_CHARS: usize = 255;

/// An access token, and the refresh token of its family. Its times are in whole seconds, as those of tokens
/// are.
#[non_exhaustive]
pub struct TokenPair {
    /// When both were issued.
    pub issued_at: Timestamp,
    /// What the program shows with its requests.
    pub access: Secret<String>,
    /// When that expires.
    pub access_expires_at: Timestamp,
    /// What the program gets the next two with, once.
    pub refresh: Secret<String>,
    /// When that expires.
    pub refresh_expires_at: Timestamp,
}

/// A program's login that is about to begin. Made by [`TokenIssuer::refresh`].
#[must_use = "a family is begun by `issue`"]
pub struct RefreshBuilder<'t> {
    tokens: &'t TokenIssuer,
    user: &'t User,
    fault: Option<Error>,
    session: Option<Uuid>,
    /// Whether its user came by something that no family ends with.
    is_without_session: bool,
    /// What the user proved for the login that they came by.
    proofs: Option<Proofs>,
    authenticated_at: Timestamp,
    device: Option<String>,
}

impl<'t> RefreshBuilder<'t> {
    pub(super) fn new(tokens: &'t TokenIssuer, holder: &'t impl Holder) -> Self {
        Self {
            tokens,
            user: holder.user(),
            fault: fault_of(holder),
            session: holder.session_id(),
            is_without_session: holder.is_without_session(),
            proofs: holder.proofs().cloned(),
            authenticated_at: NEVER,
            device: None,
        }
    }

    /// Has the family go on after the login that its user came by, be it a session or a program's: until the
    /// user, an operator or the time ends it.
    pub fn beyond_login(mut self) -> Self {
        (self.session, self.is_without_session) = (None, false);
        self
    }

    /// Ties the family to a session, by the public id of that, in place of the login that its user came by:
    /// whatever ends the session ends both tokens.
    /// Where [`session.aal`](crate::config::SessionConfig) is set, it lasts no longer than the session may.
    pub fn session(mut self, id: Uuid) -> Self {
        (self.session, self.is_without_session) = (Some(id), false);
        self
    }

    /// Sets when a user who came by no login, such as a [`User`] that was looked up, proved who they are, for
    /// [`Fresh`](crate::Fresh): not later than now. Without it the access tokens of such a user are never fresh.
    /// Others inherit what the user proved at the login.
    pub fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = at;
        self
    }

    /// Names the program, for its user to recognise it at `/tokens`.
    pub fn device(mut self, name: &str) -> Self {
        let name = name.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS);
        self.device = Some(name.collect());
        self
    }

    /// Begins the family, and makes its first two tokens.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRefused`] for a user who has changed since they were looked up, whose session has ended,
    /// who came by a personal token, or by anything but a session without
    /// [`beyond_login`](Self::beyond_login): their request is refused. [`Error::Token`] for an account that is
    /// switched off, and when the feature [`tokens`](crate::features::tokens) is not enabled; [`Error::Store`] when the store does not answer; [`Error::Crypto`] when there is no randomness.
    pub async fn issue(self) -> Result<TokenPair> {
        let Some(families) = &self.tokens.families else {
            return Err(Error::Token(
                "the feature `tokens`, which keeps them, is not enabled".into(),
            ));
        };
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.is_without_session {
            return Err(Error::token_refused(Rejection::Forbidden));
        }
        let now = self.tokens.ring.clock.now();
        let vouched =
            || Proof::new(Method::custom(AUTHN_VIA), self.authenticated_at.min(now)).into();
        let proofs = self.proofs.unwrap_or_else(vouched);
        let mut family = self.tokens.new_family(self.user, proofs, now)?;
        if let Some(id) = self.session {
            let session = families.find_session(self.user.id, id).await?;
            let session = session.ok_or_else(refused)?;
            family = self.tokens.ending_with(family, &session);
            family.proofs = session.proofs;
        }
        let family = FamilyRecord { session_id: self.session, user_agent: self.device, ..family };
        if !family.is_alive(now) {
            return Err(refused());
        }
        let pair = self.tokens.pair(self.user, &family, now, Map::new())?;
        if families.begin(&family).await? { Ok(pair) } else { Err(refused()) }
    }
}

/// The account, or the session, is not what it was when the guard looked.
fn refused() -> Error {
    Error::token_refused(Rejection::CredentialsRefused)
}

impl TokenIssuer {
    /// Begins a program's login for a user: gives it an access token, and the refresh token by which it
    /// gets the next ones at `/refresh-token`, until the user, an operator or the time ends that. As with
    /// [`access`](TokenIssuer::access), it ends with the session of an [`AuthUser`](crate::AuthUser) who came by
    /// one; for a [`User`] it goes on after their logout.
    ///
    /// The caller vouches for the user, as a handler behind [`AuthVia<via::SessionCookie>`](crate::AuthVia) does. A
    /// request authenticated by anything but a session, such as a program's access token, cannot log in another
    /// program: that one would not end with the login of the first. It is 403, unless the handler says
    /// [`beyond_login`](RefreshBuilder::beyond_login).
    ///
    /// ```
    /// # use rocket::post;
    /// use rocket_security::AuthVia;
    /// use rocket_security::Rejection;
    /// use rocket_security::TokenIssuer;
    /// use rocket_security::via;
    ///
    /// /// Pairs a device with the user of this browser. It stays logged in when they log out here.
    /// #[post("/pair")]
    /// async fn pair(
    ///     user: AuthVia<via::SessionCookie>,
    ///     tokens: &TokenIssuer,
    /// ) -> Result<String, Rejection> {
    ///     let pair = tokens.refresh(&user).beyond_login().device("The kitchen's display");
    ///     Ok(pair.issue().await?.refresh.expose().clone())
    /// }
    /// ```
    pub fn refresh<'t>(&'t self, holder: &'t impl Holder) -> RefreshBuilder<'t> {
        RefreshBuilder::new(self, holder)
    }

    /// Makes a family that begins at that moment, with these proofs, in no session.
    pub(crate) fn new_family(
        &self,
        user: &User,
        proofs: Proofs,
        now: Timestamp,
    ) -> Result<FamilyRecord> {
        let limits = &self.ring.families;
        let expires_at = later(now, limits.absolute);
        Ok(FamilyRecord {
            id: random_uuid()?,
            user_id: user.id,
            epoch: user.epoch,
            token_id: random_uuid()?,
            previous_id: None,
            session_id: None,
            series: None,
            proofs,
            client: None,
            user_agent: None,
            created_at: now,
            rotated_at: now,
            idle_expires_at: later(now, limits.idle).min(expires_at),
            expires_at,
        })
    }

    /// Returns a family that begins in a session at that moment, with the proof that the session began with.
    pub(crate) fn new_family_in(
        &self,
        user: &User,
        session: &SessionRecord,
        now: Timestamp,
    ) -> Result<FamilyRecord> {
        let family = self.new_family(user, session.proofs.clone(), now)?;
        let family = self.ending_with(family, session);
        Ok(FamilyRecord {
            session_id: Some(session.id),
            client: session.client,
            user_agent: session.user_agent.clone(),
            ..family
        })
    }

    /// Has a family be over by when a session is too old, where an assurance level says so.
    fn ending_with(&self, family: FamilyRecord, session: &SessionRecord) -> FamilyRecord {
        let of_session = self.ring.families.of_session;
        let end = of_session.map(|length| later(session.created_at, length));
        let expires_at = end.map_or(family.expires_at, |end| end.min(family.expires_at));
        let idle_expires_at = family.idle_expires_at.min(expires_at);
        FamilyRecord { idle_expires_at, expires_at, ..family }
    }

    /// Says when a family is over unless its token is replaced once more, if it is replaced now.
    pub(crate) fn idle_end(&self, family: &FamilyRecord, now: Timestamp) -> Timestamp {
        later(now, self.ring.families.idle).min(family.expires_at)
    }

    /// Makes the tokens that a family has at that moment. They are made before the store is told of them, so
    /// that nothing is begun or replaced by what cannot be made.
    pub(crate) fn pair(
        &self,
        user: &User,
        family: &FamilyRecord,
        now: Timestamp,
        claims: Map<String, Value>,
    ) -> Result<TokenPair> {
        let end = family.idle_expires_at.min(family.expires_at);
        let lifetime = TimeDelta::from_std(self.ring.lifetime).unwrap_or(TimeDelta::MAX);
        let access_end = later(now, lifetime).min(end);
        let access = self.access(user).family(family.id).proofs(&family.proofs).issued_at(now);
        let access = access.claims(claims);
        let mut access = access.lifetime(whole(access_end));
        if let Some(session) = family.session_id {
            access = access.session(session);
        }
        // Only this application reads it, and always has a key for that.
        let refresh = TokenBuilder::<Refresh>::new(&self.ring, user.into()).local().issued_at(now);
        let refresh = refresh.family(family.id).id(family.token_id).lifetime(whole(end));
        Ok(TokenPair {
            issued_at: whole(now),
            access: Secret::new(access.issue()?),
            access_expires_at: whole(access_end),
            refresh: Secret::new(refresh.issue()?),
            refresh_expires_at: whole(end),
        })
    }

    /// Begins families by that.
    pub(crate) fn keeping_families(self, families: Arc<dyn BeginsFamilies>) -> Self {
        Self { families: Some(families), ..self }
    }
}

fn later(time: Timestamp, length: TimeDelta) -> Timestamp {
    time.checked_add_signed(length).unwrap_or(Timestamp::MAX_UTC)
}

/// Tokens tell times in whole seconds.
fn whole(time: Timestamp) -> Timestamp {
    time.duration_trunc(TimeDelta::seconds(1)).unwrap_or(time)
}

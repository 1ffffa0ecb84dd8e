//! Programs that are logged in: how that begins, goes on and ends.

use std::sync::Arc;

use chrono::TimeDelta;
use rocket::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::password::Password;
use crate::crypto::random_uuid;
use crate::datastore::RefreshStore;
use crate::datastore::refresh::{
    EndedFamily, FamilyRecord, LivesBy, Rotated, Rotation, TokenTrace,
};
use crate::datastore::session::SessionRecord;
use crate::error::Result;
use crate::event::{Event, Origin, SessionEnd};
use crate::feature::Announcer;
use crate::flow::bearer::{Facts, Whose, only_of};
use crate::flow::door::Flow;
use crate::flow::entry::Authenticated;
use crate::flow::session::{authenticated_event, user_agent};
use crate::rejection::{Rejection, TokenFault};
use crate::session::Active;
use crate::token::{Access, BeginsFamilies, NoClaims, Refresh, TokenKind, TokenPair, Tokens};
use crate::user::{Identity, User, UserId};
use crate::web::bearer;
use crate::web::visit::Visit;

/// The mail that tells the owner of an account of a refresh token that was used twice.
pub(crate) const REUSE_MAIL: &str = "token_reuse";

const REUSE_SUBJECT: &str = "A program of yours is logged out";

/// Where programs are kept: what the feature [`tokens`](crate::features::tokens) hands over in `install`.
pub(crate) struct ProgramsIn(pub(crate) Arc<dyn RefreshStore>);

/// What programs are logged in with, if a feature keeps it.
pub(crate) struct Programs {
    pub(super) store: Arc<dyn RefreshStore>,
    pub(super) tokens: Tokens,
    pub(super) begins: Arc<Begins>,
}

impl Programs {
    /// Keeps at most so many programs of each user, and has `tokens` begin others alike.
    pub(crate) fn new(
        store: ProgramsIn,
        tokens: Tokens,
        announcer: Announcer,
        at_most: u32,
    ) -> Self {
        let ProgramsIn(store) = store;
        let begins = Arc::new(Begins { store: Arc::clone(&store), announcer, at_most });
        let tokens = tokens.keeping_families(Arc::<Begins>::clone(&begins));
        Self { store, tokens, begins }
    }

    /// Returns what issues tokens.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}

impl Flow {
    /// Logs a program in by a password: no session begins, and no cookie is set. Limits, work and hooks are
    /// those of a login; a hook that wants something else first, such as a second factor, has asked for what
    /// cannot be given here, and refuses.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidCredentials`] for an unknown identity, a wrong password, an account in no state to
    /// log in and one with a second factor alike; [`Rejection::MustChange`]; what a hook refused with;
    /// [`Rejection::Throttled`], [`Rejection::Saturated`] and [`Rejection::Unavailable`] as for a login.
    pub async fn log_in_program(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
    ) -> Result<(User, TokenPair), Rejection> {
        let programs = self.programs()?;
        let authenticated = self.authenticate_program(visit, identity, password).await?;
        let Authenticated { user, proofs, .. } = &authenticated;
        only_of(visit, user.id)?;
        self.check_session(user).await?;
        let origin = visit.origin();
        let family = FamilyRecord {
            client: origin.client,
            user_agent: user_agent(visit.request().headers()),
            ..programs.tokens.new_family(user, proofs.clone(), origin.at)?
        };
        let claims = self.moments.token_claims(user, proofs).await?;
        let pair = programs.tokens.pair(user, &family, origin.at, claims)?;
        let event = authenticated_event(visit, &authenticated);
        if !programs.begins.begin_with(&family, origin, Some(event)).await? {
            let authn_via = proofs.authn_via();
            return Err(self.fail(visit, Some(user), authn_via, "account_changed").await?);
        }
        self.moments.after_login(&self.attempt_of(visit, &authenticated)).await;
        Ok((*authenticated.user, pair))
    }

    /// Gives a program its next access token and the successor of its refresh token, which is good no more.
    ///
    /// Somebody logged in with it once, by the one door; what is asked of a session with each request is
    /// asked here. A token that is used a second time ends its family, and the access tokens with it: two
    /// hold what one should.
    ///
    /// # Errors
    ///
    /// [`Rejection::RefreshTokenRefused`] with what is wrong with the token; [`Rejection::MustChange`]; what a hook
    /// refused with; [`Rejection::Unavailable`] when the store does not answer, and nothing has changed.
    pub async fn refresh(
        &self,
        visit: &Visit<'_>,
        token: &str,
    ) -> Result<(User, TokenPair), Rejection> {
        let refreshed = self.rotate(visit, token).await;
        let of_age = [TokenFault::Expired, TokenFault::Ended].map(Rejection::RefreshTokenRefused);
        if refreshed.as_ref().is_err_and(|refused| of_age.contains(refused)) {
            self.end_lapsed(visit, token).await?;
        }
        refreshed
    }

    /// Ends the family of a refresh token if it is over: what was refused for its age must not work again when
    /// the clock steps back.
    async fn end_lapsed(&self, visit: &Visit<'_>, token: &str) -> Result<(), Rejection> {
        let programs = self.programs()?;
        let Ok(examined) = programs.tokens.verifier().examine(token, Refresh::NAME) else {
            return Ok(());
        };
        let family = examined.token.family().and_then(|id| Uuid::parse_str(id).ok());
        let Some(id) = family.filter(|_| !examined.token.is_foreign()) else {
            return Ok(());
        };
        let now = visit.clock().now();
        let found = programs.store.find_family(id).await?;
        let Some(family) = found.filter(|it| is_all_but_over(it.idle_expires_at, now)) else {
            return Ok(());
        };
        let event = revoked(
            EndedFamily { id, user_id: family.user_id },
            SessionEnd::Expired,
            visit.origin(),
        );
        let change = self.change(event);
        change
            .commit(async |with| programs.store.end_family(family.user_id, id, with).await)
            .await?;
        Ok(())
    }

    async fn rotate(&self, visit: &Visit<'_>, token: &str) -> Result<(User, TokenPair), Rejection> {
        let programs = self.programs()?;
        let Presented { facts, family, id } = self.read_refresh_token(token)?;
        let ended = Rejection::RefreshTokenRefused(TokenFault::Ended);
        let whose = facts.about.ok_or_else(|| ended.clone())?;
        let found = programs.store.find_bearer(&whose.trace).await?;
        let Some((user, LivesBy::Family(found))) = found else {
            return Err(ended);
        };
        only_of(visit, user.id)?;
        let now = visit.clock().now();
        let idle_expires_at = programs.tokens.idle_end(&found, now);
        let is_changed = !user.is_open() || user.epoch != whose.epoch;
        if is_changed || is_all_but_over(idle_expires_at, now) {
            return Err(ended);
        }
        self.check_session(&user).await?;
        let grace = visit.config().tokens.refresh_grace;
        let rotation = Rotation {
            family,
            user_id: user.id,
            epoch: whose.epoch,
            presented: id,
            next: random_uuid()?,
            now,
            idle_expires_at,
            since: (!grace.is_zero()).then(|| now - grace),
        };
        let next = FamilyRecord { token_id: rotation.next, idle_expires_at, ..found };
        let claims = self.moments.token_claims(&user, &next.proofs).await?;
        let pair = programs.tokens.pair(&user, &next, now, claims.clone())?;
        match programs.store.rotate_family(&rotation).await? {
            Rotated::Next => Ok((user, pair)),
            Rotated::SameAgain(found) if is_all_but_over(found.idle_expires_at, now) => Err(ended),
            Rotated::SameAgain(found) => {
                let pair = programs.tokens.pair(&user, &found, now, claims)?;
                Ok((user, pair))
            }
            Rotated::Over => Err(ended),
            Rotated::Reused => {
                self.end_reused(visit, &next, &user).await?;
                Err(Rejection::RefreshTokenRefused(TokenFault::Reused))
            }
        }
    }

    /// Logs out the program that has that refresh token, used or not; one that [never
    /// will](TokenFault::is_final) be one logs out nobody.
    ///
    /// # Errors
    ///
    /// [`Rejection::RefreshTokenRefused`] for one that may be good at another instance or at a later moment, and
    /// [`Rejection::Unavailable`] when the store does not answer; the program then stays logged in.
    pub async fn log_out_program(&self, visit: &Visit<'_>, token: &str) -> Result<(), Rejection> {
        if let Some(program) = self.program_of(visit, token)? {
            self.end_family(visit, program).await?;
        }
        Ok(())
    }

    /// Returns the program that has that refresh token, used or not; none for one that [never
    /// will](TokenFault::is_final) be one.
    ///
    /// # Errors
    ///
    /// [`Rejection::RefreshTokenRefused`] for one that may be good at another instance or at a later moment,
    /// and [`Rejection::ConflictingCredentials`] for one of another user than the session's.
    pub fn program_of(
        &self,
        visit: &Visit<'_>,
        token: &str,
    ) -> Result<Option<EndedFamily>, Rejection> {
        if self.programs.is_none() {
            return Ok(None);
        }
        let Presented { facts, family, .. } = match self.read_refresh_token(token) {
            Ok(presented) => presented,
            Err(Rejection::RefreshTokenRefused(fault)) if fault.is_final() => return Ok(None),
            Err(refused) => return Err(refused),
        };
        let Some(Whose { trace, .. }) = facts.about else {
            return Ok(None);
        };
        only_of(visit, trace.user)?;
        Ok(Some(EndedFamily { id: family, user_id: trace.user }))
    }

    /// Ends the login of the program that sent a request with an access token, if one did.
    pub(super) async fn log_out_bearer(&self, visit: &Visit<'_>) -> Result<(), Rejection> {
        if self.programs.is_none() {
            return Ok(());
        }
        let request = visit.request();
        // What a browser sends by itself counts only when it is good, and the session's user's.
        let is_sent_unasked = bearer::in_headers(request).next().is_none();
        let refuse = |why| if is_sent_unasked { Ok(()) } else { Err(why) };
        let token = match bearer::verified::<Access>(request) {
            Ok(token) => token,
            Err(refused) => return refuse(refused),
        };
        let facts = match Facts::of(&token) {
            Ok(facts) => facts,
            Err(fault) => return refuse(Rejection::TokenRefused(fault)),
        };
        let Some(Whose { trace, .. }) = facts.about else {
            return refuse(Rejection::TokenRefused(TokenFault::WrongIssuer));
        };
        if visit.user().is_some_and(|user| user.id != trace.user) {
            return refuse(Rejection::ConflictingCredentials);
        }
        if let Some(id) = trace.family {
            self.end_family(visit, EndedFamily { id, user_id: trace.user }).await?;
        } else if let Some(session) = trace.session {
            let found = self.store.find_session_of(trace.user, session).await?;
            if let Some((session, _)) = found {
                self.end_session(visit, &session).await?;
            }
        } else {
            self.deny_token(visit.origin(), &*token).await?;
        }
        Ok(())
    }

    /// Gives the programs that a user is logged in with, the newest first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn families_of(
        &self,
        visit: &Visit<'_>,
        user: &User,
    ) -> Result<Vec<FamilyRecord>, Rejection> {
        let now = visit.clock().now();
        let mut families = self.programs()?.store.list_families(user.id).await?;
        families.retain(|family| family.is_alive(now));
        Ok(families)
    }

    /// Logs out a program of somebody: its tokens are good no more, on every instance. False when it was
    /// logged out already.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer; the program then stays logged in.
    pub async fn end_family(
        &self,
        visit: &Visit<'_>,
        family: EndedFamily,
    ) -> Result<bool, Rejection> {
        let event = revoked(family, SessionEnd::ByUser, visit.origin());
        let (change, store) = (self.change(event), &self.programs()?.store);
        let is_ended = change
            .commit(async |with| store.end_family(family.user_id, family.id, with).await)
            .await?;
        self.checked.forget();
        Ok(is_ended)
    }

    /// Logs out all programs of whoever is logged in but those that began in the session they ask from, or
    /// in one that the same browser had before; says how many.
    pub(super) async fn end_other_families(
        &self,
        visit: &Visit<'_>,
        active: &Active,
    ) -> Result<u32, Rejection> {
        if self.programs.is_none() {
            return Ok(0);
        }
        let mut ended: u32 = 0;
        let own = &active.record;
        for family in self.families_of(visit, &active.user).await? {
            let is_same_browser = own.series.is_some() && family.series == own.series;
            if family.session_id != Some(own.id) && !is_same_browser {
                let family = EndedFamily { id: family.id, user_id: family.user_id };
                ended += u32::from(self.end_family(visit, family).await?);
            }
        }
        Ok(ended)
    }

    pub(super) fn programs(&self) -> Result<&Programs, Rejection> {
        self.programs.as_ref().ok_or_else(|| {
            log::error!("enable `rocket_security::features::tokens::Tokens`, which keeps programs");
            Rejection::Unavailable
        })
    }

    fn read_refresh_token(&self, token: &str) -> Result<Presented, Rejection> {
        let verifier = self.programs()?.tokens.verifier();
        let refused = Rejection::RefreshTokenRefused;
        let token = verifier.verify::<NoClaims, Refresh>(token).map_err(refused)?;
        if token.is_foreign() {
            return Err(refused(TokenFault::WrongIssuer));
        }
        let facts = Facts::of(&token).map_err(refused)?;
        let family = facts.about.as_ref().and_then(|whose| whose.trace.family);
        let missing = refused(TokenFault::MissingClaim("fam"));
        let malformed = refused(TokenFault::MalformedClaim("jti"));
        let id = token.id().and_then(|id| Uuid::parse_str(id).ok());
        Ok(Presented { facts, family: family.ok_or(missing)?, id: id.ok_or(malformed)? })
    }

    /// Ends a family one token of which was used twice, and tells its owner; once, however many find it out.
    async fn end_reused(
        &self,
        visit: &Visit<'_>,
        family: &FamilyRecord,
        user: &User,
    ) -> Result<(), Rejection> {
        let event = Event::TokenReuse { user: user.id, family: family.id, origin: visit.origin() };
        let mail = self.notice(visit, REUSE_MAIL, REUSE_SUBJECT, user, &user.email)?;
        let (change, store) = (self.change(event).mail([mail]), &self.programs()?.store);
        change.commit(async |with| store.end_family(user.id, family.id, with).await).await?;
        self.checked.forget();
        Ok(())
    }
}

/// A refresh token that our key made.
struct Presented {
    facts: Facts,
    family: Uuid,
    id: Uuid,
}

/// Begins families, and tells of it.
pub(super) struct Begins {
    store: Arc<dyn RefreshStore>,
    announcer: Announcer,
    at_most: u32,
}

impl Begins {
    /// Begins a family, and says of the login that it begins with, if there is no session that does; false
    /// when it may not begin.
    pub(super) async fn begin_with(
        &self,
        family: &FamilyRecord,
        origin: Origin,
        login: Option<Event>,
    ) -> Result<bool> {
        let (user, id) = (family.user_id, family.id);
        let created = Event::RefreshTrackerCreated { user, family: id, origin: origin.clone() };
        let change = match login {
            Some(login) => self.announcer.change(login).and(created),
            None => self.announcer.change(created),
        };
        let begun = change
            .commit(async |with| self.store.begin_family(family, self.at_most, with).await)
            .await?;
        let Some(evicted) = begun else {
            return Ok(false);
        };
        for family in evicted {
            self.announcer.noticed(&revoked(family, SessionEnd::Evicted, origin.clone()));
        }
        Ok(true)
    }
}

#[async_trait]
impl BeginsFamilies for Begins {
    async fn begin(&self, family: &FamilyRecord) -> Result<bool> {
        self.begin_with(family, Origin::new(family.created_at, family.client), None).await
    }

    async fn find_session(&self, user: UserId, session: Uuid) -> Result<Option<SessionRecord>> {
        // Of no token yet: none of that id is denied.
        let jti = random_uuid()?.to_string();
        let trace = TokenTrace { user, family: None, session: Some(session), jti };
        let found = self.store.find_bearer(&trace).await?;
        Ok(found.and_then(|(_, lives_by)| match lives_by {
            LivesBy::Session(session) => Some(session),
            LivesBy::Family(_) | LivesBy::User => None,
        }))
    }
}

/// How many families are ended at a time.
const BATCH: u32 = 200;

/// Ends the families that are over, and forgets what was denied until now; says how many rows that were.
///
/// # Errors
///
/// [`Error::Store`](crate::Error::Store) when the store does not answer.
pub(crate) async fn sweep(
    store: &dyn RefreshStore,
    now: Timestamp,
    announcer: &Announcer,
) -> Result<u64> {
    let mut all = 0;
    loop {
        let ended = store.delete_expired_families(now, BATCH).await?;
        let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        all += count;
        for family in ended {
            announcer.noticed(&revoked(family, SessionEnd::Expired, Origin::new(now, None)));
        }
        if count < u64::from(BATCH) {
            break;
        }
    }
    loop {
        let count = store.delete_expired_denials(now, BATCH).await?;
        all += count;
        if count < u64::from(BATCH) {
            return Ok(all);
        }
    }
}

/// Tells whether no token can be made that lasts until then: their times are in whole seconds.
pub(super) fn is_all_but_over(end: Timestamp, now: Timestamp) -> bool {
    end - now < TimeDelta::seconds(1)
}

fn revoked(family: EndedFamily, reason: SessionEnd, origin: Origin) -> Event {
    let EndedFamily { id, user_id } = family;
    Event::RefreshTrackerRevoked { user: user_id, family: id, reason, origin }
}

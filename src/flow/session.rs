//! Begins and ends sessions.

use rocket::http::HeaderMap;

use crate::crypto::one_time::Token;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::session::{EndedSession, Replaces, SessionRecord};
use crate::error::Result;
use crate::event::{Event, Origin, SessionEnd};
use crate::flow::access;
use crate::flow::door::Flow;
use crate::flow::entry::Authenticated;
use crate::rejection::Rejection;
use crate::user::{Proofs, User};
use crate::web::visit::Visit;

/// How many characters of a `User-Agent` are stored.
const USER_AGENT_CHARS: usize = 255;

impl Flow {
    /// Begins a session with a new id, in place of any id that the browser had.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidCredentials`] if the account changed during the login.
    /// [`Rejection::ConflictingCredentials`] if the request has a valid access token of another user in a
    /// header. [`Rejection::Unavailable`] if the store does not answer.
    pub async fn log_in(
        &self,
        visit: &Visit<'_>,
        authenticated: Authenticated,
    ) -> Result<User, Rejection> {
        let Authenticated { user, proofs, .. } = &authenticated;
        self.programs.check_sender(visit, user.id)?;
        let event = authenticated_event(visit, &authenticated);
        let attempt = self.attempt_of(visit, &authenticated);
        let remember_token = if authenticated.remember {
            self.moments.remember(&attempt, self.max_sessions).await?
        } else {
            None
        };
        let (token, record) = new_session(visit, user, proofs.clone())?;
        let series = remember_token.as_ref().map(|remember_token| remember_token.series.digest());
        let before = visit.active().filter(|before| before.user.id == user.id);
        let replaces = before.map_or(Replaces::Nothing, |it| Replaces::Session(it.record.digest));
        let record = SessionRecord { series, ..record };
        if !self.begin(visit, (token, record), replaces, event).await? {
            let authn_via = proofs.authn_via();
            return Err(self.fail(visit, Some(user), authn_via, "account_changed").await?);
        }
        self.replace_remember_token(visit, remember_token.as_ref()).await?;
        self.moments.after_login(&attempt).await;
        Ok(*authenticated.user)
    }

    /// Ends the session of a request, if it has one, and deletes its cookie. The browser is no longer
    /// remembered either. A session that has expired from disuse but is not deleted yet ends in the same way,
    /// together with the programs that began in it.
    ///
    /// A request with an access token also ends the login that the token belongs to: its family of refresh
    /// tokens, or else the session that it was issued in. A token that belongs to neither is put on the
    /// denylist.
    ///
    /// # Errors
    ///
    /// [`Rejection::TokenRefused`] for an access token that is not accepted, and
    /// [`Rejection::ConflictingCredentials`] for one of another user than the session's. Then nothing ends.
    /// [`Rejection::Unavailable`] if the store does not answer. The session is then still live.
    pub async fn log_out(&self, visit: &Visit<'_>) -> Result<(), Rejection> {
        if let Some(session) = self.programs.log_out_sender(visit).await? {
            self.end_session(visit, &session).await?;
        }
        let outlived = visit.site().sessions().find_outlived(visit.request()).await?;
        let outlived = outlived.as_ref().map(|(record, user)| (record, user));
        let ended = visit.active().map(|active| (&active.record, &active.user)).or(outlived);
        if let Some((record, user)) = ended {
            let event = Event::UserLoggedOut { user: user.id, origin: visit.origin() };
            let change = self.change(event.clone());
            let is_ended = change
                .commit(async |with| self.store.end_session(&record.digest, with).await)
                .await?;
            self.moments.after_logout(user).await;
            if !is_ended {
                // It had ended meanwhile, and nothing was committed.
                self.announcer.learned([event]);
            }
        }
        // The session's series is gone; this one may be of a user who has no session now.
        visit.site().sessions().end_remembered(visit.request()).await?;
        self.end_pending(visit).await?;
        visit.site().sessions().forget(visit.request());
        Ok(())
    }

    /// Begins a session in place of the one that the browser had. Returns `false` if the account changed
    /// meanwhile, or the session that must be live has ended.
    pub(super) async fn begin(
        &self,
        visit: &Visit<'_>,
        (token, record): (Token, SessionRecord),
        replaces: Replaces,
        event: Event,
    ) -> Result<bool, Rejection> {
        self.end_pending(visit).await?;
        let begin = async |with: &Together| {
            self.store.begin_session(&record, replaces, self.max_sessions, with).await
        };
        let begun = self
            .change(event)
            .commit_then(begin, |begun| evicted(visit, begun.iter().flatten()))
            .await?;
        if begun.is_none() {
            return Ok(false);
        }
        if let Some(before) = visit.active().filter(|before| before.user.id != record.user_id) {
            // The new session has begun: a store that fails now cannot make it undone.
            if let Err(fault) = self.end_session(visit, &before.record).await {
                log::error!("the session of another user could not be ended: {fault}");
            }
        }
        visit.site().sessions().become_user(visit.request(), &token, record.user_id)?;
        access::note(visit.request(), &record);
        Ok(true)
    }
}

/// Returns the events about the sessions that ended to make room for a new one.
pub(super) fn evicted<'s>(
    visit: &Visit<'_>,
    ended: impl IntoIterator<Item = &'s EndedSession>,
) -> Vec<Event> {
    let event = |it| session_ended(it, SessionEnd::Evicted, visit.origin());
    ended.into_iter().map(event).collect()
}

/// Returns the event about the end of a session.
pub(crate) fn session_ended(ended: &EndedSession, reason: SessionEnd, origin: Origin) -> Event {
    Event::SessionEnded { user: ended.user_id, session: ended.id, reason, origin }
}

/// Creates a session and its id for a user with these proofs.
pub(super) fn new_session(
    visit: &Visit<'_>,
    user: &User,
    proofs: Proofs,
) -> Result<(Token, SessionRecord), Rejection> {
    let token = Token::random()?;
    let record = session_of(visit, user, proofs, &token)?;
    Ok((token, record))
}

/// Creates the session with this id.
pub(super) fn session_of(
    visit: &Visit<'_>,
    user: &User,
    proofs: Proofs,
    token: &Token,
) -> Result<SessionRecord> {
    let origin = visit.origin();
    Ok(SessionRecord {
        digest: token.digest(),
        id: random_uuid()?,
        user_id: user.id,
        epoch: user.epoch,
        proofs,
        client: origin.client,
        user_agent: user_agent(visit.request().headers()),
        created_at: origin.at,
        last_seen_at: origin.at,
        series: None,
    })
}

/// Returns the event of a successful login.
pub(crate) fn authenticated_event(visit: &Visit<'_>, authenticated: &Authenticated) -> Event {
    let (user, authn_via) = (authenticated.user.id, authenticated.proofs.authn_via().to_owned());
    Event::UserAuthenticated { user, authn_via, origin: visit.origin() }
}

/// Returns the `User-Agent` of a client, shortened.
pub(crate) fn user_agent(headers: &HeaderMap<'_>) -> Option<String> {
    let text = headers.get_one("User-Agent")?;
    Some(text.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect())
}

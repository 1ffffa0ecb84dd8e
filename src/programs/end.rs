//! Ends the login of a program.

use crate::datastore::refresh::{EndedFamily, FamilyRecord};
use crate::datastore::session::SessionRecord;
use crate::event::SessionEnd;
use crate::programs::conflict::only_of;
use crate::programs::facts::{Facts, Whose};
use crate::programs::kept::Programs;
use crate::programs::presented::Presented;
use crate::programs::revoked::revoked;
use crate::rejection::{Rejection, TokenFault};
use crate::session::Active;
use crate::token::Access;
use crate::user::User;
use crate::web::bearer;
use crate::web::visit::Visit;

impl Programs {
    /// Logs out the program of a refresh token, whether or not the token was used already. A token that [can
    /// never become valid](TokenFault::is_final) logs out no program, and is not an error.
    ///
    /// # Errors
    ///
    /// [`Rejection::RefreshTokenRefused`] for a token that may be valid on another instance or at a later
    /// moment, [`Rejection::ConflictingCredentials`] if the token belongs to another user than the session,
    /// and [`Rejection::Unavailable`] if the store does not answer. The program then stays logged in.
    pub async fn log_out(&self, visit: &Visit<'_>, token: &str) -> Result<(), Rejection> {
        if let Some(program) = self.program_of(visit, token)? {
            self.end_family(visit, program).await?;
        }
        Ok(())
    }

    /// Returns the program of a refresh token, whether or not the token was used already. Returns `None` for
    /// a token that [can never become valid](TokenFault::is_final).
    ///
    /// # Errors
    ///
    /// [`Rejection::RefreshTokenRefused`] for a token that may be valid on another instance or at a later
    /// moment, and [`Rejection::ConflictingCredentials`] if it belongs to another user than the session.
    pub fn program_of(
        &self,
        visit: &Visit<'_>,
        token: &str,
    ) -> Result<Option<EndedFamily>, Rejection> {
        if self.kept.is_none() {
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

    /// Ends the login of the program that sent the request with an access token, if a program did. Returns
    /// the session if the token was issued in a session, for the caller to end.
    pub(super) async fn end_sender(
        &self,
        visit: &Visit<'_>,
    ) -> Result<Option<SessionRecord>, Rejection> {
        if self.kept.is_none() {
            return Ok(None);
        }
        let request = visit.request();
        // A browser sends its cookie with every request. So a token in a cookie counts only if it is valid
        // and belongs to the user of the session.
        let is_sent_unasked = bearer::in_headers(request).next().is_none();
        let refuse = |why| if is_sent_unasked { Ok(None) } else { Err(why) };
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
            return Ok(found.map(|(session, _)| session));
        } else {
            self.deny_token(visit.origin(), &*token).await?;
        }
        Ok(None)
    }

    /// Returns the programs that a user is logged in with, the newest first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn families_of(
        &self,
        visit: &Visit<'_>,
        user: &User,
    ) -> Result<Vec<FamilyRecord>, Rejection> {
        let now = visit.now();
        let mut families = self.kept()?.store.list_families(user.id).await?;
        families.retain(|family| family.is_alive(now));
        Ok(families)
    }

    /// Logs out a program of a user: every instance refuses its tokens from now on. Returns `false` if it was
    /// already logged out.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer; the program then stays logged in.
    pub async fn end_family(
        &self,
        visit: &Visit<'_>,
        family: EndedFamily,
    ) -> Result<bool, Rejection> {
        let event = revoked(family, SessionEnd::ByUser, visit.origin());
        let (change, store) = (self.change(event), &self.kept()?.store);
        let is_ended = change
            .commit(async |with| store.end_family(family.user_id, family.id, with).await)
            .await?;
        self.checked.forget();
        Ok(is_ended)
    }

    /// Logs out all programs of the logged-in user, except those that began in the current session, or in an
    /// earlier session of the same browser.
    pub(super) async fn end_others_than(
        &self,
        visit: &Visit<'_>,
        active: &Active,
    ) -> Result<(), Rejection> {
        if self.kept.is_none() {
            return Ok(());
        }
        let own = &active.record;
        for family in self.families_of(visit, &active.user).await? {
            let is_same_browser = own.series.is_some() && family.series == own.series;
            if family.session_id != Some(own.id) && !is_same_browser {
                let family = EndedFamily { id: family.id, user_id: family.user_id };
                self.end_family(visit, family).await?;
            }
        }
        Ok(())
    }
}

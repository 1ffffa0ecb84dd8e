//! Remembered browsers: how they begin to be remembered, and how they return.

use crate::crypto::one_time::Token;
use crate::crypto::remember_token::RememberToken;
use crate::datastore::remember::{SeriesRecord, SeriesRotated, SeriesRotation};
use crate::datastore::session::SessionRecord;
use crate::datastore::{RememberStore, Together};
use crate::error::Result;
use crate::flow::door::Flow;
use crate::flow::entry::{Authenticated, Entry, RememberedBrowser};
use crate::flow::session::{authenticated_event, evicted, session_of};
use crate::rejection::Rejection;
use crate::session::Active;
use crate::user::{Method, Proof, User};
use crate::web::visit::Visit;

/// The outcome of the return of a remembered browser.
#[non_exhaustive]
pub enum Return {
    /// The session has begun.
    Begun(Box<Active>),
    /// The session has not begun, and nothing has changed.
    Not(SeriesRotated),
}

impl Flow {
    /// Checks whether the user of a remembered browser can be logged in, and asks the hooks. If the user has to
    /// prove more, the pending login lasts no longer than the series, and the browser is then remembered for
    /// no longer than it would have been.
    ///
    /// # Errors
    ///
    /// As for [`enter`](Self::enter).
    pub async fn return_remembered(
        &self,
        visit: &Visit<'_>,
        user: User,
        series: &SeriesRecord,
    ) -> Result<Entry, Rejection> {
        let proof = Proof::new(Method::Remembered, visit.now());
        let SeriesRecord { series, proofs, expires_at: until, .. } = series.clone();
        let remembered = Some(RememberedBrowser { series, proofs, until });
        let login = Authenticated { remembered, remember: true, ..Authenticated::by(user, proof) };
        let judged = self.judge(visit, login).await?;
        self.conclude(visit, judged).await
    }

    /// Begins the session of a remembered browser with the id `token`, and rotates the browser's token in the
    /// same step.
    ///
    /// The user has proved nothing yet: the session is not fresh until [`step_up`](Flow::step_up).
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn come_back(
        &self,
        visit: &Visit<'_>,
        authenticated: Authenticated,
        store: &dyn RememberStore,
        rotation: &SeriesRotation,
        token: Token,
    ) -> Result<Return, Rejection> {
        self.end_pending(visit).await?;
        let event = authenticated_event(visit, &authenticated);
        let Authenticated { user, proofs, .. } = &authenticated;
        let record = SessionRecord {
            series: Some(rotation.series),
            ..session_of(visit, user, proofs.clone(), &token)?
        };
        let rotate = async |with: &Together| {
            store.rotate_series(rotation, &record, self.max_sessions, with).await
        };
        let learned = |rotated: &SeriesRotated| match rotated {
            SeriesRotated::Rotated(ended) => evicted(visit, ended),
            _ => Vec::new(),
        };
        let rotated = self.change(event).commit_then(rotate, learned).await?;
        if !matches!(rotated, SeriesRotated::Rotated(_)) {
            return Ok(Return::Not(rotated));
        }
        self.moments.after_login(&self.attempt_of(visit, &authenticated)).await;
        let user = *authenticated.user;
        Ok(Return::Begun(Box::new(Active { token, record, user })))
    }

    /// Replaces the remember token in the browser. Its former token, perhaps of another user, no longer
    /// works.
    pub(super) async fn replace_remember_token(
        &self,
        visit: &Visit<'_>,
        remember_token: Option<&RememberToken>,
    ) -> Result<()> {
        // The session has begun: a store that fails now cannot make it undone.
        if let Err(fault) = visit.site().sessions().end_remembered(visit.request()).await {
            log::error!("a remember token could not be revoked: {fault}");
        }
        match remember_token {
            Some(remember_token) => {
                visit.site().sessions().remember(visit.request(), remember_token)
            }
            None => {
                visit.site().sessions().forget_remember_token(visit.request());
                Ok(())
            }
        }
    }
}

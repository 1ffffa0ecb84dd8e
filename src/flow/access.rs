//! Tokens for the user of a login, where the request asks for them.

use std::sync::{Mutex, PoisonError};

use rocket::Request;
use serde_json::Value;

use crate::datastore::session::SessionRecord;
use crate::flow::door::Flow;
use crate::rejection::Rejection;
use crate::user::User;
use crate::web::visit::Visit;

/// What a request says that wants tokens, in its query.
const QUERY: &str = "include_auth_token";

/// Notes that a session began with this request: what alone is answered with tokens.
pub(super) fn note(request: &Request<'_>, record: &SessionRecord) {
    *slot(request).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
}

impl Flow {
    /// Adds an access token as `authentication_token`, and a refresh token as `refresh_token` unless a
    /// cookie is chosen for that, to what is shown of a user, where the request says `?include_auth_token`
    /// and wants JSON, and the feature [`tokens`](crate::features::tokens) is enabled. They belong to the
    /// session that began with this request. If none began, there are no tokens: only a login just now gets
    /// some.
    ///
    /// They end with that session when it is ended, and go on when it is merely over.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when they cannot be made.
    pub async fn with_access_token(
        &self,
        visit: &Visit<'_>,
        user: &User,
        shown: Value,
    ) -> Result<Value, Rejection> {
        let request = visit.request();
        let is_wanted = request.query_value::<&str>(QUERY).is_some() && visit.wants_json();
        let begun = slot(request).0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let begun = begun.filter(|it| it.user_id == user.id && it.epoch == user.epoch);
        let Some(session) = begun.filter(|_| is_wanted && self.programs.are_kept()) else {
            return Ok(shown);
        };
        let claims = self.token_claims(user, &session.proofs).await?;
        self.programs.begin_with(visit, (user, &session), claims, shown).await
    }
}

struct Begun(Mutex<Option<SessionRecord>>);

fn slot<'r>(request: &'r Request<'_>) -> &'r Begun {
    request.local_cache(|| Begun(Mutex::new(None)))
}

//! Issues tokens together with a login, if the request asks for them.

use std::sync::{Mutex, PoisonError};

use rocket::Request;
use serde_json::Value;

use crate::datastore::session::SessionRecord;
use crate::flow::door::Flow;
use crate::rejection::Rejection;
use crate::user::User;
use crate::web::visit::Visit;

/// The query parameter by which a request asks for tokens.
const QUERY: &str = "include_auth_token";

/// Notes that a session began with this request. Only then does the answer contain tokens.
pub(super) fn note(request: &Request<'_>, record: &SessionRecord) {
    *slot(request).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
}

impl Flow {
    /// Adds tokens to the JSON description of a user, if the request asks for them with
    /// `?include_auth_token`, wants JSON, and the feature [`tokens`](crate::features::tokens) is enabled.
    ///
    /// The access token is added as `authentication_token`. The refresh token is added as `refresh_token`,
    /// unless it is configured to be sent as a cookie. Tokens are issued only if a session began with this
    /// very request, and belong to that session. Otherwise `shown` is returned unchanged.
    ///
    /// The tokens are revoked when that session is ended, but not when it merely expires.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the tokens cannot be issued.
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

//! An access token for whoever comes in, where the request asks for one.

use std::sync::Mutex;
use std::sync::PoisonError;

use chrono::TimeDelta;
use rocket::Build;
use rocket::Request;
use rocket::Rocket;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::datastore::session::SessionRecord;
use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::token::Tokens;
use crate::user::User;
use crate::web::visit::Visit;

/// What a request says that wants a token, in its query.
const QUERY: &str = "include_auth_token";

/// What a token is called beside what is shown of its user.
const FIELD: &str = "authentication_token";

/// Has logins answer with access tokens: for [`Feature::manage`](crate::Feature::manage).
pub(crate) fn issue(rocket: Rocket<Build>) -> Rocket<Build> {
    match rocket.state::<Tokens>().cloned() {
        Some(tokens) => rocket.manage(Issuer(tokens)),
        None => rocket,
    }
}

/// Notes that a session began with this request: what alone is answered with a token.
pub(super) fn note(request: &Request<'_>, record: &SessionRecord) {
    *slot(request).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
}

impl Flow {
    /// Adds an access token as `authentication_token` to what is shown of a user, where the request
    /// says `?include_auth_token` and wants JSON, and the feature
    /// [`tokens`](crate::features::tokens) is enabled. The token is of the session that began for them
    /// with this very request, and there is none where none began: whoever gets one came through the
    /// door just now.
    ///
    /// It ends with that session, lasts for [`security.tokens.lifetime`], and no longer than the
    /// session would last if nobody used it.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when it cannot be made.
    ///
    /// [`security.tokens.lifetime`]: crate::config::TokensConfig::lifetime
    pub fn with_access_token(
        &self,
        visit: &Visit<'_>,
        user: &User,
        mut shown: Value,
    ) -> Result<Value, Rejection> {
        let request = visit.request();
        let is_wanted = request.query_value::<&str>(QUERY).is_some() && visit.wants_json();
        let (true, Some(Issuer(tokens))) = (is_wanted, request.rocket().state::<Issuer>()) else {
            return Ok(shown);
        };
        let begun = slot(request).0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(session) = begun.filter(|it| it.user_id == user.id && it.epoch == user.epoch)
        else {
            return Ok(shown);
        };
        let end = end_of(visit, &session);
        if end - visit.clock().now() < TimeDelta::seconds(1) {
            // The session is all but over, and so would be the token.
            return Ok(shown);
        }
        let token = tokens.access(user).session(session.id).lifetime(end).issue()?;
        match shown.as_object_mut() {
            Some(shown) => drop(shown.insert(FIELD.to_owned(), token.into())),
            // The application shows something else of its users: beside it there is no place.
            None => log::error!("what `Presentation::user` gives is no object: no token in it"),
        }
        Ok(shown)
    }
}

/// Gives when a token has to end: a session that nobody uses is deleted after a while, and whether
/// that was done already must not decide whether a token is good.
fn end_of(visit: &Visit<'_>, session: &SessionRecord) -> Timestamp {
    let config = visit.config();
    let idle = session.last_seen_at + config.session.idle.delta();
    let absolute = session.created_at + config.session.absolute.delta();
    let lifetime = visit.clock().now() + config.tokens.lifetime.delta();
    lifetime.min(idle).min(absolute)
}

struct Issuer(Tokens);

struct Begun(Mutex<Option<SessionRecord>>);

fn slot<'r>(request: &'r Request<'_>) -> &'r Begun {
    request.local_cache(|| Begun(Mutex::new(None)))
}

//! Tokens for whoever comes in, where the request asks for them.

use std::sync::{Mutex, PoisonError};

use rocket::Request;
use serde_json::{Map, Value};

use crate::config::RefreshIn;
use crate::datastore::session::SessionRecord;
use crate::flow::Flow;
use crate::flow::families::is_all_but_over;
use crate::rejection::Rejection;
use crate::token::TokenPair;
use crate::user::User;
use crate::web::visit::Visit;

/// What a request says that wants tokens, in its query.
const QUERY: &str = "include_auth_token";

/// What the tokens are called beside what is shown of their user.
const ACCESS: &str = "authentication_token";
const REFRESH: &str = "refresh_token";

/// Notes that a session began with this request: what alone is answered with tokens.
pub(super) fn note(request: &Request<'_>, record: &SessionRecord) {
    *slot(request).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
}

impl Flow {
    /// Adds an access token as `authentication_token`, and a refresh token as `refresh_token` unless a
    /// cookie is chosen for that, to what is shown of a user, where the request says `?include_auth_token`
    /// and wants JSON, and the feature [`tokens`](crate::features::tokens) is enabled. They are of the
    /// session that began for them with this very request, and there are none where none began: whoever gets
    /// some came through the door just now.
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
        let (true, Some(programs)) = (is_wanted, &self.programs) else {
            return Ok(shown);
        };
        let begun = slot(request).0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(session) = begun.filter(|it| it.user_id == user.id && it.epoch == user.epoch)
        else {
            return Ok(shown);
        };
        let now = visit.clock().now();
        let family = programs.tokens.new_family_in(user, &session, now)?;
        if is_all_but_over(family.idle_expires_at, now) {
            // The session is all but over where programs may not outlast one.
            return Ok(shown);
        }
        let Value::Object(mut shown) = shown else {
            // The application shows something else of its users: beside it there is no place.
            log::error!("what `Presentation::user` gives is no object: no token in it");
            return Ok(shown);
        };
        let claims = self.moments.token_claims(user, &family.proofs).await?;
        let pair = programs.tokens.pair(user, &family, now, claims)?;
        if programs.begins.begin_with(&family, visit.origin(), None).await? {
            let place = visit.config().tokens.refresh_in;
            hand_over(visit, &pair, place, &mut shown);
        }
        Ok(Value::Object(shown))
    }

    /// Gives what is shown of a user with the tokens of a program that has just logged in or refreshed them.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the application could not tell what is shown of its users.
    pub async fn with_pair(
        &self,
        visit: &Visit<'_>,
        user: &User,
        pair: &TokenPair,
        place: RefreshIn,
    ) -> Result<Value, Rejection> {
        let mut shown = match visit.payload(user).await? {
            Value::Object(shown) => shown,
            _ => Map::new(),
        };
        hand_over(visit, pair, place, &mut shown);
        Ok(Value::Object(shown))
    }
}

fn hand_over(
    visit: &Visit<'_>,
    pair: &TokenPair,
    place: RefreshIn,
    shown: &mut Map<String, Value>,
) {
    shown.insert(ACCESS.to_owned(), pair.access.expose().clone().into());
    match place {
        RefreshIn::Body => {
            shown.insert(REFRESH.to_owned(), pair.refresh.expose().clone().into());
        }
        RefreshIn::Cookie => visit.sessions().keep_refresh_token(
            visit.request(),
            pair.refresh.expose(),
            pair.refresh_expires_at,
        ),
    }
}

struct Begun(Mutex<Option<SessionRecord>>);

fn slot<'r>(request: &'r Request<'_>) -> &'r Begun {
    request.local_cache(|| Begun(Mutex::new(None)))
}

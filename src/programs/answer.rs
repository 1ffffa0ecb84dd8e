//! Tokens in the answer to a login.

use rocket::async_trait;
use serde_json::{Map, Value};

use crate::config::RefreshIn;
use crate::datastore::session::SessionRecord;
use crate::flow::ProgramLogins;
use crate::programs::conflict::sent_by_no_other;
use crate::programs::kept::Programs;
use crate::programs::refresh::is_all_but_over;
use crate::rejection::Rejection;
use crate::session::Active;
use crate::token::TokenPair;
use crate::user::{User, UserId};
use crate::web::visit::Visit;

/// The members that hold the tokens in the JSON that describes the user.
const ACCESS: &str = "authentication_token";
const REFRESH: &str = "refresh_token";

#[async_trait]
impl ProgramLogins for Programs {
    fn check_sender(&self, visit: &Visit<'_>, user: UserId) -> Result<(), Rejection> {
        sent_by_no_other(visit, user)
    }

    fn are_kept(&self) -> bool {
        self.kept.is_some()
    }

    async fn begin_with(
        &self,
        visit: &Visit<'_>,
        (user, session): (&User, &SessionRecord),
        claims: Map<String, Value>,
        shown: Value,
    ) -> Result<Value, Rejection> {
        let kept = self.kept()?;
        let now = visit.now();
        let family = kept.tokens.new_family_in(user, session, now)?;
        if is_all_but_over(family.idle_expires_at, now) {
            // The session expires within a second, and programs may not outlast their session.
            return Ok(shown);
        }
        let Value::Object(mut shown) = shown else {
            // The application does not describe its users as an object, so there is no place for a token.
            log::error!(
                "`Presentation::user` did not return a JSON object, so the answer has no token"
            );
            return Ok(shown);
        };
        let pair = kept.tokens.pair(user, &family, now, claims)?;
        if kept.begins.begin_with(&family, visit.origin(), None).await? {
            let place = visit.site().config().tokens.refresh_in;
            hand_over(visit, &pair, place, &mut shown);
        }
        Ok(Value::Object(shown))
    }

    async fn log_out_sender(&self, visit: &Visit<'_>) -> Result<Option<SessionRecord>, Rejection> {
        self.end_sender(visit).await
    }

    async fn end_others(&self, visit: &Visit<'_>, kept: &Active) -> Result<(), Rejection> {
        self.end_others_than(visit, kept).await
    }
}

/// Returns the JSON that describes a user, with the tokens of a program that has just logged in or refreshed
/// its tokens.
///
/// # Errors
///
/// [`Rejection::Unavailable`] if the application could not describe the user.
pub async fn with_pair(
    visit: &Visit<'_>,
    user: &User,
    pair: &TokenPair,
    place: RefreshIn,
) -> Result<Value, Rejection> {
    let mut shown = match visit.site().payload(user).await? {
        Value::Object(shown) => shown,
        _ => Map::new(),
    };
    hand_over(visit, pair, place, &mut shown);
    Ok(Value::Object(shown))
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
        RefreshIn::Cookie => visit.site().sessions().keep_refresh_token(
            visit.request(),
            pair.refresh.expose(),
            pair.refresh_expires_at,
        ),
    }
}

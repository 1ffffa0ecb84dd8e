//! Whether a token that was found genuine is good still, and whose it is.

use std::future::Future;

use uuid::Uuid;

use crate::flow::Flow;
use crate::rejection::Rejection;
use crate::rejection::TokenFault;
use crate::token::TokenKind;
use crate::token::Verified;
use crate::user::UserId;
use crate::web::Web;

impl Flow {
    /// Finds out whether a token that [`Verifier`](crate::token::Verifier) accepted is good still: that
    /// the session it was made in goes on, and that its user is there and has not changed since.
    ///
    /// A token that is about no user, and one of a trusted issuer, is good until it expires.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] when it is good no more; [`Rejection::TokenRefused`] when one of
    /// our own names a user or a session by something that is no id; [`Rejection::Unavailable`] when the
    /// store does not answer.
    pub fn check_token<'f, C, K: TokenKind>(
        &'f self,
        web: &'f Web,
        token: &Verified<C, K>,
    ) -> impl Future<Output = Result<(), Rejection>> + Send + use<'f, C, K> {
        let trace = Trace::of(token);
        async move {
            let Some(trace) = trace? else {
                return Ok(());
            };
            let user = match trace.session {
                None => self.store.find_user(trace.user).await?,
                Some(id) => {
                    let found = self.store.find_session_of(trace.user, id).await?;
                    let (_, begun_after) = web.sessions().limits(web.clock().now());
                    let found = found.filter(|(session, _)| session.created_at > begun_after);
                    found.map(|(_, user)| user)
                }
            };
            match user.filter(|user| user.is_open() && user.epoch == trace.epoch) {
                Some(_) => Ok(()),
                None => Err(Rejection::CredentialsRefused),
            }
        }
    }
}

/// What a token of ours says of its user.
struct Trace {
    user: UserId,
    epoch: i64,
    session: Option<Uuid>,
}

impl Trace {
    /// Reads it; none for a token that is about no user of ours.
    fn of<C, K: TokenKind>(token: &Verified<C, K>) -> Result<Option<Self>, Rejection> {
        let Some(epoch) = token.epoch().filter(|_| !token.is_foreign()) else {
            return Ok(None);
        };
        let malformed = |name| Rejection::TokenRefused(TokenFault::MalformedClaim(name));
        let user = token.subject().and_then(|subject| subject.parse().ok());
        let session = token.session().map(Uuid::parse_str).transpose();
        Ok(Some(Self {
            user: user.ok_or_else(|| malformed("sub"))?,
            epoch,
            session: session.map_err(|_| malformed("sid"))?,
        }))
    }
}

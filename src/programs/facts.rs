//! The contents of a verified token.

use uuid::Uuid;

use crate::datastore::refresh::TokenTrace;
use crate::rejection::TokenFault;
use crate::token::{Refresh, TokenKind, VerifiedToken};
use crate::user::UserId;

/// The contents of a verified token that the checks need.
pub(super) struct Facts {
    /// The id by which it is denied; `None` if it cannot be denied.
    pub(super) denied_as: Option<String>,
    /// The user, if it concerns one of ours.
    pub(super) about: Option<Whose>,
    /// Whether it is a refresh token. A family has only one at a time.
    pub(super) is_refresh: bool,
}

/// What one of our own tokens says about its user.
pub(super) struct Whose {
    pub(super) trace: TokenTrace,
    pub(super) epoch: i64,
}

impl Facts {
    pub(super) fn of<C, K: TokenKind>(token: &VerifiedToken<C, K>) -> Result<Self, TokenFault> {
        let denied_as = token.denied_as();
        let is_refresh = K::NAME == Refresh::NAME;
        let Some(epoch) = token.epoch().filter(|_| !token.is_foreign()) else {
            return Ok(Self { denied_as, about: None, is_refresh });
        };
        let malformed = TokenFault::MalformedClaim;
        let id = |text: Option<&str>, name| {
            text.map(Uuid::parse_str).transpose().map_err(|_| malformed(name))
        };
        let user: Option<UserId> = token.subject().and_then(|subject| subject.parse().ok());
        let trace = TokenTrace {
            user: user.ok_or_else(|| malformed("sub"))?,
            family: id(token.family(), "fam")?,
            session: id(token.session(), "sid")?,
            jti: denied_as.clone().unwrap_or_default(),
        };
        Ok(Self { denied_as, about: Some(Whose { trace, epoch }), is_refresh })
    }

    /// Returns a key that differs for each token.
    pub(super) fn key(&self) -> String {
        let about = self.about.as_ref().map(|it| {
            let TokenTrace { user, family, session, .. } = &it.trace;
            format!("{user} {} {family:?} {session:?}", it.epoch)
        });
        let denied_as = self.denied_as.as_deref().unwrap_or_default();
        format!("{denied_as} {}", about.unwrap_or_default())
    }
}

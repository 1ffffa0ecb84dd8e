//! What a token that was found genuine says of itself.

use uuid::Uuid;

use crate::datastore::refresh::TokenTrace;
use crate::rejection::TokenFault;
use crate::token::{Refresh, TokenKind, VerifiedToken};
use crate::user::UserId;

/// What a token that was found genuine says of itself.
pub(super) struct Facts {
    /// By what it is denied; none when it cannot be.
    pub(super) denied_as: Option<String>,
    /// Whose it is, if it is about a user of ours.
    pub(super) about: Option<Whose>,
    /// Whether it is a refresh token, of which a family has one at a time.
    pub(super) is_refresh: bool,
}

/// What a token of ours says of its user.
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

    /// Names it among all tokens.
    pub(super) fn key(&self) -> String {
        let about = self.about.as_ref().map(|it| {
            let TokenTrace { user, family, session, .. } = &it.trace;
            format!("{user} {} {family:?} {session:?}", it.epoch)
        });
        let denied_as = self.denied_as.as_deref().unwrap_or_default();
        format!("{denied_as} {}", about.unwrap_or_default())
    }
}

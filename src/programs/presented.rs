//! A refresh token that a program presents.

use uuid::Uuid;

use crate::programs::facts::Facts;
use crate::programs::kept::Programs;
use crate::rejection::{Rejection, TokenFault};
use crate::token::{NoClaims, Refresh};

/// A refresh token that was sealed with our key.
pub(super) struct Presented {
    pub(super) facts: Facts,
    pub(super) family: Uuid,
    pub(super) id: Uuid,
}

impl Programs {
    pub(super) fn read_refresh_token(&self, token: &str) -> Result<Presented, Rejection> {
        let verifier = self.kept()?.tokens.verifier();
        let refused = Rejection::RefreshTokenRefused;
        let token = verifier.verify::<NoClaims, Refresh>(token).map_err(refused)?;
        if token.is_foreign() {
            return Err(refused(TokenFault::WrongIssuer));
        }
        let facts = Facts::of(&token).map_err(refused)?;
        let family = facts.about.as_ref().and_then(|whose| whose.trace.family);
        let missing = refused(TokenFault::MissingClaim("fam"));
        let malformed = refused(TokenFault::MalformedClaim("jti"));
        let id = token.id().and_then(|id| Uuid::parse_str(id).ok());
        Ok(Presented { facts, family: family.ok_or(missing)?, id: id.ok_or(malformed)? })
    }
}

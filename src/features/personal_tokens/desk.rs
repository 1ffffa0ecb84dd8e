//! The settings, scopes and store with which tokens are managed.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::datastore::PersonalTokenStore;
use crate::datastore::personal_token::PersonalTokenRecord;
use crate::features::personal_tokens::settings::PersonalTokens;
use crate::user::KnownScope;

/// The prefix of the name of a scope's box.
pub(super) const BOX: &str = "scope.";

/// Creates, lists, revokes and verifies tokens.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) settings: PersonalTokens,
    pub(super) scopes: Vec<KnownScope>,
    pub(super) store: Arc<dyn PersonalTokenStore>,
}

impl Desk {
    /// Returns when a token ends. A `max_lifetime` that was configured later applies, too.
    pub(super) fn end_of(&self, token: &PersonalTokenRecord) -> Option<Timestamp> {
        let longest = self.settings.max_lifetime;
        let at_last = longest.and_then(|it| token.created_at.checked_add_signed(it.delta()));
        [token.expires_at, at_last].into_iter().flatten().min()
    }
}

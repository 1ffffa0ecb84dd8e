//! [`Programs`]: the logins of programs.

use std::sync::Arc;

use crate::datastore::{RefreshStore, UserDatastore};
use crate::event::Event;
use crate::feature::{Announcer, Change};
use crate::programs::begin::Begins;
use crate::programs::checked::Checked;
use crate::rejection::Rejection;
use crate::token::TokenIssuer;

/// The store of programs, which the feature [`tokens`](crate::features::tokens) passes in `install`.
pub(crate) struct ProgramsIn(pub(crate) Arc<dyn RefreshStore>);

/// The logins of programs and their tokens, in Rocket's managed state. Clones share everything.
#[derive(Clone)]
pub struct Programs {
    pub(super) store: Arc<dyn UserDatastore>,
    pub(super) announcer: Announcer,
    pub(super) kept: Option<Kept>,
    pub(super) checked: Arc<Checked>,
}

/// What the feature `tokens` adds: families of refresh tokens, and denied tokens.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) store: Arc<dyn RefreshStore>,
    pub(super) tokens: TokenIssuer,
    pub(super) begins: Arc<Begins>,
}

impl Programs {
    /// Creates a value without a store of programs: it can only check tokens.
    pub(crate) fn new(store: Arc<dyn UserDatastore>, announcer: Announcer) -> Self {
        Self { store, announcer, kept: None, checked: Arc::default() }
    }

    /// Sets the store of programs, with at most `at_most` programs for each user. Returns the issuer of their
    /// tokens.
    pub(crate) fn keep(
        &mut self,
        kept: ProgramsIn,
        tokens: TokenIssuer,
        at_most: u32,
    ) -> TokenIssuer {
        let ProgramsIn(store) = kept;
        let begins = Arc::new(Begins {
            store: Arc::clone(&store),
            announcer: self.announcer.clone(),
            at_most,
        });
        let tokens = tokens.keeping_families(Arc::<Begins>::clone(&begins));
        self.kept = Some(Kept { store, tokens: tokens.clone(), begins });
        tokens
    }

    pub(super) fn kept(&self) -> Result<&Kept, Rejection> {
        self.kept.as_ref().ok_or_else(|| {
            log::error!("enable `rocket_security::features::tokens::Tokens`, which keeps programs");
            Rejection::Unavailable
        })
    }

    pub(super) fn change(&self, event: Event) -> Change {
        self.announcer.change(event)
    }
}

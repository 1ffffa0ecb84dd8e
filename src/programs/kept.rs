//! [`Programs`]: where logins of programs are kept.

use std::sync::Arc;

use crate::datastore::{RefreshStore, UserDatastore};
use crate::event::Event;
use crate::feature::{Announcer, Change};
use crate::programs::begin::Begins;
use crate::programs::checked::Checked;
use crate::rejection::Rejection;
use crate::token::TokenIssuer;

/// Where programs are kept: what the feature [`tokens`](crate::features::tokens) hands over in `install`.
pub(crate) struct ProgramsIn(pub(crate) Arc<dyn RefreshStore>);

/// Logins of programs, and the tokens that they have: in Rocket's managed state. Clones share everything.
#[derive(Clone)]
pub struct Programs {
    pub(super) store: Arc<dyn UserDatastore>,
    pub(super) announcer: Announcer,
    pub(super) kept: Option<Kept>,
    pub(super) checked: Arc<Checked>,
}

/// What the feature `tokens` adds: families of refresh tokens, and what is denied.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) store: Arc<dyn RefreshStore>,
    pub(super) tokens: TokenIssuer,
    pub(super) begins: Arc<Begins>,
}

impl Programs {
    /// Keeps no programs: only tokens are checked.
    pub(crate) fn new(store: Arc<dyn UserDatastore>, announcer: Announcer) -> Self {
        Self { store, announcer, kept: None, checked: Arc::default() }
    }

    /// Keeps at most so many programs of each user there. Returns what issues tokens for them, too.
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

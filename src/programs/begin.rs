//! Begins the login of a program in the store.

use std::sync::Arc;

use rocket::async_trait;
use uuid::Uuid;

use crate::crypto::random_uuid;
use crate::datastore::refresh::{EndedFamily, FamilyRecord, LivesBy, TokenTrace};
use crate::datastore::session::SessionRecord;
use crate::datastore::{RefreshStore, Together};
use crate::error::Result;
use crate::event::{Event, Origin, SessionEnd};
use crate::feature::Announcer;
use crate::programs::revoked::revoked;
use crate::token::BeginsFamilies;
use crate::user::UserId;

/// Begins families, and sends the events about them.
pub(super) struct Begins {
    pub(super) store: Arc<dyn RefreshStore>,
    pub(super) announcer: Announcer,
    pub(super) at_most: u32,
}

impl Begins {
    /// Begins a family. `login` is the event of the login that the family begins with, unless a session
    /// begins with it. Returns `false` if the family may not begin.
    pub(super) async fn begin_with(
        &self,
        family: &FamilyRecord,
        origin: Origin,
        login: Option<Event>,
    ) -> Result<bool> {
        let (user, id) = (family.user_id, family.id);
        let created = Event::RefreshTrackerCreated { user, family: id, origin: origin.clone() };
        let change = match login {
            Some(login) => self.announcer.change(login).and(created),
            None => self.announcer.change(created),
        };
        let begin =
            async |with: &Together| self.store.begin_family(family, self.at_most, with).await;
        let evicted = |begun: &Option<Vec<EndedFamily>>| {
            let ended = |it: &EndedFamily| revoked(*it, SessionEnd::Evicted, origin.clone());
            begun.iter().flatten().map(ended).collect::<Vec<_>>()
        };
        Ok(change.commit_then(begin, evicted).await?.is_some())
    }
}

#[async_trait]
impl BeginsFamilies for Begins {
    async fn begin(&self, family: &FamilyRecord) -> Result<bool> {
        self.begin_with(family, Origin::new(family.created_at, family.client), None).await
    }

    async fn find_session(&self, user: UserId, session: Uuid) -> Result<Option<SessionRecord>> {
        // No token has this random id, so it is not denied.
        let jti = random_uuid()?.to_string();
        let trace = TokenTrace { user, family: None, session: Some(session), jti };
        let found = self.store.find_bearer(&trace).await?;
        Ok(found.and_then(|(_, lives_by)| match lives_by {
            LivesBy::Session(session) => Some(session),
            LivesBy::Family(_) | LivesBy::User => None,
        }))
    }
}

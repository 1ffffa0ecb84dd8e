//! Credentials besides the password.

use std::collections::HashSet;

use rocket::async_trait;
use uuid::Uuid;

use crate::crypto::one_time::Digest;
use crate::datastore::credential::{
    CredentialChange, CredentialRecord, CredentialStore, CredentialUse, CredentialsUnchanged, Ended,
};
use crate::datastore::memory::store::{Content, MemoryDatastore, duplicate};
use crate::datastore::together::Together;
use crate::datastore::user_change::UserChange;
use crate::error::Result;
use crate::user::{CredentialKind, User, UserId};

#[async_trait]
impl CredentialStore for MemoryDatastore {
    async fn change_credentials(
        &self,
        user: UserId,
        change: &CredentialChange,
        together: &Together,
    ) -> Result<Result<User, CredentialsUnchanged>> {
        change.check_owner(user)?;
        let mut content = self.lock();
        let is_open = content.users.get(&user).is_some_and(|found| found.user.is_open());
        let is_theirs = |id| content.credentials.get(&id).is_some_and(|it| it.user_id == user);
        let is_missing = matches!(change.ends, Ended::One(id) if !is_theirs(id));
        let is_over = content.users.get(&user).is_none_or(|it| it.user.epoch != change.epoch);
        if !is_open || is_over || is_missing {
            return Ok(Err(CredentialsUnchanged::AccountChanged));
        }
        if content.has_taken(user, change)? {
            return Ok(Err(CredentialsUnchanged::Taken));
        }
        let raise = UserChange::default().unless_changed_since(change.epoch);
        let Some(changed) = content.change_user(user, &raise, together)? else {
            return Ok(Err(CredentialsUnchanged::AccountChanged));
        };
        content.credentials.retain(|_, it| !ends(change, user, it));
        content.credentials.extend(change.adds.iter().map(|added| (added.id, added.clone())));
        Ok(Ok(changed))
    }

    async fn list_credentials(&self, user: UserId) -> Result<Vec<CredentialRecord>> {
        let content = self.lock();
        let theirs = content.credentials.values().filter(|credential| credential.user_id == user);
        let mut listed: Vec<_> = theirs.cloned().collect();
        listed.sort_by_key(|credential| (credential.created_at, credential.id));
        Ok(listed)
    }

    async fn find_credential(
        &self,
        kind: &CredentialKind,
        lookup: &Digest,
    ) -> Result<Option<(CredentialRecord, User)>> {
        let content = self.lock();
        let is_it = |it: &&CredentialRecord| it.kind == *kind && it.lookup == Some(*lookup);
        let found = content.credentials.values().find(is_it);
        Ok(found.and_then(|credential| {
            let user = &content.users.get(&credential.user_id)?.user;
            Some((credential.clone(), content.seen(user)))
        }))
    }

    async fn use_credential(&self, used: &CredentialUse) -> Result<bool> {
        let mut content = self.lock();
        match content.credentials.get_mut(&used.id) {
            Some(it) if it.user_id == used.user && it.counter == used.counter_read => {
                it.counter = used.counter;
                it.last_used_at = Some(used.at);
                if let Some(data) = &used.data {
                    it.data.clone_from(data);
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn spend_credential(&self, user: UserId, id: Uuid, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        if content.credentials.get(&id).is_none_or(|it| it.user_id != user) {
            return Ok(false);
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        content.credentials.remove(&id);
        content.push_all(together);
        Ok(true)
    }

    async fn rename_credential(&self, user: UserId, id: Uuid, name: &str) -> Result<bool> {
        let mut content = self.lock();
        let found = content.credentials.get_mut(&id).filter(|it| it.user_id == user);
        let is_found = found.is_some();
        if let Some(credential) = found {
            name.clone_into(&mut credential.name);
        }
        Ok(is_found)
    }
}

impl Content {
    /// Returns `true` if a lookup to add belongs to another credential once the change has deleted its own.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if an id to add is taken.
    fn has_taken(&self, user: UserId, change: &CredentialChange) -> Result<bool> {
        let stay = self.credentials.values().filter(|it| !ends(change, user, it));
        let (mut ids, mut lookups) = (HashSet::new(), HashSet::new());
        let mut is_taken = false;
        for credential in stay.chain(&change.adds) {
            let lookup = credential.lookup.map(|lookup| (&credential.kind, lookup));
            is_taken |= lookup.is_some_and(|lookup| !lookups.insert(lookup));
            if !ids.insert(credential.id) {
                return Err(duplicate("a credential"));
            }
        }
        Ok(is_taken)
    }
}

fn ends(change: &CredentialChange, user: UserId, credential: &CredentialRecord) -> bool {
    credential.user_id == user
        && match &change.ends {
            Ended::Nothing => false,
            Ended::One(id) => credential.id == *id,
            Ended::Kind(kind) => credential.kind == *kind,
            Ended::All => true,
        }
}

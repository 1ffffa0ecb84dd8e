//! Users and their roles.

use std::ops::Bound;

use rocket::async_trait;

use crate::crypto::hasher::PasswordHash;
use crate::datastore::Together;
use crate::datastore::UserDatastore;
use crate::datastore::memory::Content;
use crate::datastore::memory::MemoryDatastore;
use crate::datastore::user::Credentials;
use crate::datastore::user::NewUser;
use crate::datastore::user::RoleRecord;
use crate::datastore::user::UserChange;
use crate::error::Result;
use crate::user::Identity;
use crate::user::RoleName;
use crate::user::User;
use crate::user::UserId;

#[async_trait]
impl UserDatastore for MemoryDatastore {
    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        Ok(self.lock().users.get(&id).map(|found| found.user.clone()))
    }

    async fn find_credentials(&self, identity: &Identity) -> Result<Option<Credentials>> {
        let content = self.lock();
        let id = content.addresses.get(&identity.canonical());
        Ok(id.and_then(|id| content.users.get(id)).cloned())
    }

    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let content = self.lock();
        let users = content.users.range((first, Bound::Unbounded)).take(limit);
        Ok(users.map(|(_, found)| found.user.clone()).collect())
    }

    async fn create_user(&self, user: &NewUser, together: &Together) -> Result<Option<User>> {
        let mut content = self.lock();
        let address = user.email.canonical();
        if content.addresses.contains_key(&address) || content.users.contains_key(&user.id) {
            return Ok(None);
        }
        content.check_together(together, |id| id == user.id || content.users.contains_key(&id))?;
        let mut created = User::new(user.id, user.email.clone(), user.created_at);
        created.confirmed_at = user.confirmed_at;
        let password_hash = user.password_hash.clone();
        content.users.insert(user.id, Credentials { user: created.clone(), password_hash });
        content.addresses.insert(address, user.id);
        content.push_all(together);
        Ok(Some(created))
    }

    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        self.lock().change_user(id, change, together)
    }

    async fn contest_user(&self, id: UserId, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        if content.users.get(&id).is_none_or(|found| found.user.confirmed_at.is_some()) {
            return Ok(false);
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if let Some(found) = content.users.get_mut(&id) {
            found.password_hash = None;
        }
        content.push_all(together);
        Ok(true)
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool> {
        let mut content = self.lock();
        match content.users.get_mut(&id) {
            Some(found) if found.password_hash.as_ref() == Some(old) => {
                found.password_hash = Some(new.clone());
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn delete_user(&self, id: UserId, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        let Some(address) = content.users.get(&id).map(|found| found.user.email.canonical()) else {
            return Ok(false);
        };
        content
            .check_together(together, |other| other != id && content.users.contains_key(&other))?;
        content.users.remove(&id);
        content.addresses.remove(&address);
        content.end_credentials(id);
        content.outbox.retain(|_, queued| queued.mail.user_id != Some(id));
        content.tracks.remove(&id);
        content.push_all(together);
        Ok(true)
    }

    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool> {
        let mut content = self.lock();
        if content.roles.contains_key(name) {
            return Ok(false);
        }
        content.roles.insert(name.clone(), description.to_owned());
        Ok(true)
    }

    async fn list_roles(&self) -> Result<Vec<RoleRecord>> {
        let content = self.lock();
        let roles = content.roles.iter().map(|(name, description)| RoleRecord {
            name: name.clone(),
            description: description.clone(),
        });
        Ok(roles.collect())
    }

    async fn grant_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        let mut content = self.lock();
        if !content.roles.contains_key(role) {
            return Ok(false);
        }
        let Some(found) = content.users.get_mut(&id) else {
            return Ok(false);
        };
        if let Err(place) = found.user.roles.binary_search(role) {
            found.user.roles.insert(place, role.clone());
        }
        Ok(true)
    }

    async fn revoke_role(&self, id: UserId, role: &RoleName) -> Result<bool> {
        let mut content = self.lock();
        let Some(found) = content.users.get_mut(&id) else {
            return Ok(false);
        };
        let before = found.user.roles.len();
        found.user.roles.retain(|theirs| theirs != role);
        Ok(found.user.roles.len() < before)
    }
}

impl Content {
    /// Applies a change: the user, what dies with it, what is committed with it.
    pub(super) fn change_user(
        &mut self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        let Some(mut found) = self.users.get(&id).cloned() else {
            return Ok(None);
        };
        let is_barred = (change.only_unconfirmed && found.user.confirmed_at.is_some())
            || (change.only_with_password && found.password_hash.is_none());
        if is_barred {
            return Ok(None);
        }
        self.check_together(together, |other| self.users.contains_key(&other))?;
        found.user.active = change.active.unwrap_or(found.user.active);
        found.user.confirmed_at = change.confirmed_at.or(found.user.confirmed_at);
        found.user.epoch += 1;
        if let Some(password_hash) = &change.password_hash {
            found.password_hash = password_hash.clone();
        }
        let user = found.user.clone();
        self.users.insert(id, found);
        self.end_credentials(id);
        self.push_all(together);
        Ok(Some(user))
    }

    /// Ends every session and every one-time token of a user.
    fn end_credentials(&mut self, id: UserId) {
        self.sessions.retain(|_, session| session.user_id != id);
        self.tokens.retain(|_, token| token.user_id != id);
    }
}

//! Users and their passwords.

use std::ops::Bound;

use rocket::async_trait;

use crate::clock::Timestamp;
use crate::crypto::hasher::PasswordHash;
use crate::datastore::lapse::LapseStore;
use crate::datastore::memory::store::{Content, MemoryDatastore};
use crate::datastore::outbox::Addressee;
use crate::datastore::role::RoleStore;
use crate::datastore::together::Together;
use crate::datastore::user::{NewUser, Taken, UserDatastore, UserWithPassword};
use crate::datastore::user_change::UserChange;
use crate::error::Result;
use crate::user::{Email, Identity, User, UserId, Username};

#[async_trait]
impl UserDatastore for MemoryDatastore {
    async fn find_user(&self, id: UserId) -> Result<Option<User>> {
        let content = self.lock();
        Ok(content.users.get(&id).map(|found| content.seen(&found.user)))
    }

    async fn find_credentials(&self, identity: &Identity) -> Result<Option<UserWithPassword>> {
        let content = self.lock();
        let names = match identity {
            Identity::Email(_) => &content.addresses,
            Identity::Username(_) => &content.usernames,
        };
        let id = names.get(&identity.canonical());
        let found = id.and_then(|id| content.users.get(id));
        Ok(found.map(|found| UserWithPassword { user: content.seen(&found.user), ..found.clone() }))
    }

    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let content = self.lock();
        let users = content.users.range((first, Bound::Unbounded)).take(limit);
        Ok(users.map(|(_, found)| content.seen(&found.user)).collect())
    }

    async fn list_password_hashes(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, PasswordHash)>> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let content = self.lock();
        let users = content.users.range((first, Bound::Unbounded));
        let hashes = users.filter_map(|(id, found)| Some((*id, found.password_hash.clone()?)));
        Ok(hashes.take(limit).collect())
    }

    async fn find_username_holders(&self, username: &Username) -> Result<Vec<UserId>> {
        Ok(self.lock().holders(username).collect())
    }

    async fn create_user(
        &self,
        user: &NewUser,
        together: &Together,
    ) -> Result<Result<User, Taken>> {
        let mut content = self.lock();
        let address = user.email.canonical();
        if content.addresses.contains_key(&address) || content.users.contains_key(&user.id) {
            return Ok(Err(Taken::Email));
        }
        if user.username.as_ref().is_some_and(|name| content.holders(name).next().is_some()) {
            return Ok(Err(Taken::Username));
        }
        content.check_together(together, |id| id == user.id || content.users.contains_key(&id))?;
        let mut created = User::new(user.id, user.email.clone(), user.created_at);
        created.username = user.username.clone();
        created.confirmed_at = user.confirmed_at;
        created.expires_at = user.expires_at;
        let password_hash = user.password_hash.clone();
        content.users.insert(user.id, UserWithPassword { user: created.clone(), password_hash });
        content.addresses.insert(address, user.id);
        content.name(user.id, user.username.as_ref());
        content.push_all(together);
        Ok(Ok(created))
    }

    async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        together: &Together,
    ) -> Result<Option<User>> {
        self.lock().change_user(id, change, together)
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
        content.delete_user(id, together)
    }

    fn lapse_store(&self) -> Option<&dyn LapseStore> {
        Some(self)
    }

    fn role_store(&self) -> Option<&dyn RoleStore> {
        Some(self)
    }
}

impl Content {
    /// Applies a change: updates the user, deletes what ends with the change, and commits `together`.
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
            || (change.only_with_password && found.password_hash.is_none())
            || change.epoch.is_some_and(|epoch| epoch != found.user.epoch);
        let address = change.email.as_ref().map(Email::canonical);
        let holder = address.as_ref().and_then(|address| self.addresses.get(address)).copied();
        let holder = holder.filter(|holder| *holder != id);
        let others = |name: &Username| self.holders(name).any(|holder| holder != id);
        let is_taken = holder.is_some() || change.username.iter().flatten().any(others);
        if is_barred || is_taken {
            return Ok(None);
        }
        self.check_together(together, |other| self.users.contains_key(&other))?;
        found.user.active = change.active.unwrap_or(found.user.active);
        found.user.confirmed_at = change.confirmed_at.or(found.user.confirmed_at);
        found.user.must_change = change.must_change.unwrap_or(found.user.must_change);
        found.user.closes_at = change.closes_at.unwrap_or(found.user.closes_at);
        if change.confirmed_at.is_some() {
            found.user.expires_at = None;
        }
        found.user.epoch += 1;
        if let (Some(address), Some(email)) = (address, &change.email) {
            self.addresses.remove(&found.user.email.canonical());
            self.addresses.insert(address, id);
            found.user.email = email.clone();
        }
        if let Some(username) = &change.username {
            self.unname(id);
            self.name(id, username.as_ref());
            found.user.username = username.clone();
        }
        if let Some(password_hash) = &change.password_hash {
            found.password_hash = password_hash.clone();
        }
        let user = self.seen(&found.user);
        self.users.insert(id, found);
        self.end_older(id);
        if let Some(after) = change.ends_lasting_after {
            self.end_lasting(id, after);
        }
        if change.ends_credentials {
            self.credentials.retain(|_, credential| credential.user_id != id);
        }
        self.push_all(together);
        Ok(Some(user))
    }

    /// Returns the users who have this username, or one that looks like it.
    pub(super) fn holders(&self, username: &Username) -> impl Iterator<Item = UserId> + use<> {
        let alike = self.usernames.get(&username.canonical()).copied();
        alike.into_iter().chain(self.skeletons.get(&username.skeleton()).copied())
    }

    pub(super) fn name(&mut self, id: UserId, username: Option<&Username>) {
        self.usernames.extend(username.map(|name| (name.canonical(), id)));
        self.skeletons.extend(username.map(|name| (name.skeleton(), id)));
    }

    pub(super) fn unname(&mut self, id: UserId) {
        self.usernames.retain(|_, holder| *holder != id);
        self.skeletons.retain(|_, holder| *holder != id);
    }

    /// Deletes everything of a user that has an older epoch: sessions, series, families, personal access
    /// tokens, and one-time tokens except the lasting ones.
    fn end_older(&mut self, id: UserId) {
        self.personal_tokens.retain(|_, token| token.user_id != id);
        self.series.retain(|_, series| series.user_id != id);
        self.sessions.retain(|_, session| session.user_id != id);
        self.families.retain(|_, family| family.user_id != id);
        self.tokens.retain(|_, token| token.user_id != id || token.lasting);
    }

    /// Deletes the lasting tokens of a user that were requested after this time, whether or not their mails
    /// were sent.
    fn end_lasting(&mut self, id: UserId, after: Timestamp) {
        self.tokens
            .retain(|_, token| token.user_id != id || !token.lasting || token.asked_at <= after);
        self.outbox.retain(|_, queued| {
            let is_theirs = queued.mail.addressee == Addressee::User(id);
            let is_lasting = queued.mail.link.as_ref().is_some_and(|link| link.lasting);
            !is_theirs || !is_lasting || queued.mail.created_at <= after
        });
    }

    pub(super) fn delete_user(&mut self, id: UserId, together: &Together) -> Result<bool> {
        let Some(address) = self.users.get(&id).map(|found| found.user.email.canonical()) else {
            return Ok(false);
        };
        self.check_together(together, |other| other != id && self.users.contains_key(&other))?;
        self.users.remove(&id);
        self.addresses.remove(&address);
        self.unname(id);
        self.delete_rows_of(id);
        self.push_all(together);
        Ok(true)
    }
}

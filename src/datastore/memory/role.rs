//! Roles, the roles that they include, and their permissions.

use std::collections::BTreeSet;

use rocket::async_trait;

use crate::datastore::hierarchy::Hierarchy;
use crate::datastore::memory::store::{Content, MemoryDatastore};
use crate::datastore::role::{NotIncluded, RoleRecord, RoleStore};
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{PermissionName, RoleName, User, UserId};

#[async_trait]
impl RoleStore for MemoryDatastore {
    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool> {
        let mut content = self.lock();
        if content.roles.contains_key(name) {
            return Ok(false);
        }
        let role = RoleRecord {
            name: name.clone(),
            description: description.to_owned(),
            permissions: Vec::new(),
            includes: Vec::new(),
        };
        content.roles.insert(name.clone(), role);
        Ok(true)
    }

    async fn delete_role(&self, name: &RoleName, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        if !content.roles.contains_key(name) {
            return Ok(false);
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        content.roles.remove(name);
        for role in content.roles.values_mut() {
            role.includes.retain(|its| its != name);
        }
        for found in content.users.values_mut() {
            found.user.granted_roles.retain(|theirs| theirs != name);
        }
        content.push_all(together);
        Ok(true)
    }

    async fn list_roles(&self) -> Result<Vec<RoleRecord>> {
        Ok(self.lock().roles.values().cloned().collect())
    }

    async fn grant_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        let known = content.roles.contains_key(role).then(|| content.users.get(&id));
        let Some(found) = known.flatten() else {
            return Ok(false);
        };
        let Err(place) = found.user.granted_roles.binary_search(role) else {
            return Ok(true);
        };
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if let Some(found) = content.users.get_mut(&id) {
            found.user.granted_roles.insert(place, role.clone());
        }
        content.push_all(together);
        Ok(true)
    }

    async fn revoke_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool> {
        let mut content = self.lock();
        if content.users.get(&id).is_none_or(|found| !found.user.granted_roles.contains(role)) {
            return Ok(false);
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if let Some(found) = content.users.get_mut(&id) {
            found.user.granted_roles.retain(|theirs| theirs != role);
        }
        content.push_all(together);
        Ok(true)
    }

    async fn grant_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool> {
        let mut content = self.lock();
        let Some(found) = content.roles.get(role) else {
            return Ok(false);
        };
        let Err(place) = found.permissions.binary_search(permission) else {
            return Ok(true);
        };
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if let Some(found) = content.roles.get_mut(role) {
            found.permissions.insert(place, permission.clone());
        }
        content.push_all(together);
        Ok(true)
    }

    async fn revoke_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool> {
        let mut content = self.lock();
        if content.roles.get(role).is_none_or(|found| !found.permissions.contains(permission)) {
            return Ok(false);
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if let Some(found) = content.roles.get_mut(role) {
            found.permissions.retain(|its| its != permission);
        }
        content.push_all(together);
        Ok(true)
    }

    async fn include_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<Result<(), NotIncluded>> {
        let mut content = self.lock();
        match content.hierarchy().include(role, included) {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(false) => return Ok(Ok(())),
            Ok(true) => {}
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if let Some(found) = content.roles.get_mut(role) {
            found.includes.push(included.clone());
            found.includes.sort();
        }
        content.push_all(together);
        Ok(Ok(()))
    }

    async fn exclude_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<bool> {
        let mut content = self.lock();
        if !content.hierarchy().exclude(role, included) {
            return Ok(false);
        }
        content.check_together(together, |other| content.users.contains_key(&other))?;
        if let Some(found) = content.roles.get_mut(role) {
            found.includes.retain(|its| its != included);
        }
        content.push_all(together);
        Ok(true)
    }
}

impl Content {
    /// Returns a user with all roles that the granted roles include now, and the permissions of all of them.
    pub(super) fn seen(&self, user: &User) -> User {
        let hierarchy = self.hierarchy();
        let reach = user.granted_roles.iter().flat_map(|role| hierarchy.reach(role));
        let roles: BTreeSet<RoleName> = reach.collect();
        let records = roles.iter().filter_map(|role| self.roles.get(role));
        let permissions: BTreeSet<_> = records.flat_map(|role| role.permissions.clone()).collect();
        let permissions = permissions.into_iter().collect();
        User { roles: roles.into_iter().collect(), permissions, ..user.clone() }
    }

    fn hierarchy(&self) -> Hierarchy {
        let records = self.roles.values();
        let inclusions = records.flat_map(|role| {
            role.includes.iter().map(|included| (role.name.clone(), included.clone()))
        });
        Hierarchy::new(self.roles.keys().cloned(), inclusions)
    }
}

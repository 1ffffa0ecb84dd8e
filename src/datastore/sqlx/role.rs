//! Roles, the roles that they include, and their permissions.

use std::collections::BTreeMap;

use rocket::async_trait;

use crate::datastore::role::{NotIncluded, RoleRecord, RoleStore};
use crate::datastore::sqlx::fault::{is_foreign_key_violation, is_unique_violation};
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{read_permission, read_role, row};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{PermissionName, RoleName, UserId};

const GRANT_ROLE: &str = "
    INSERT INTO security_users_roles (user_id, role_name)
    SELECT u.id, r.name FROM security_users u CROSS JOIN security_roles r
    WHERE u.id = ? AND r.name = ?";

const LIST_ROLES: &str = "
    SELECT r.name, r.description, p.permission_name, n.name AS included_name
    FROM security_roles r
    LEFT JOIN security_roles_permissions p ON p.role_name = r.name
    LEFT JOIN security_roles_inclusions i ON i.role_name = r.name
    LEFT JOIN security_roles n ON n.name = i.included_name";

const GRANT_PERMISSION: &str = "
    INSERT INTO security_roles_permissions (role_name, permission_name)
    SELECT r.name, ? FROM security_roles r WHERE r.name = ?";

#[async_trait]
impl RoleStore for SqlxDatastore {
    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool> {
        self.add_role(name, description).await
    }

    async fn delete_role(&self, name: &RoleName, together: &Together) -> Result<bool> {
        self.remove_role(name, together).await
    }

    async fn list_roles(&self) -> Result<Vec<RoleRecord>> {
        on_database!(self, |database| {
            let rows: Vec<RoleRow> = database.fetch_all(database.query_as(LIST_ROLES)).await?;
            roles_from(rows)
        })
    }

    async fn grant_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let grant =
                transaction.query(GRANT_ROLE).bind(id.as_uuid()).bind(role.as_str().to_owned());
            match transaction.execute(grant).await {
                Ok(1) => {}
                Ok(_) => return Ok(false),
                Err(fault) if is_unique_violation(&fault) => return Ok(true),
                // The user or the role was deleted a moment ago.
                Err(fault) if is_foreign_key_violation(&fault) => return Ok(false),
                Err(fault) => return Err(fault),
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn revoke_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let revoke = transaction
                .query("DELETE FROM security_users_roles WHERE user_id = ? AND role_name = ?")
                .bind(id.as_uuid())
                .bind(role.as_str().to_owned());
            if transaction.execute(revoke).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn grant_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let grant = transaction
                .query(GRANT_PERMISSION)
                .bind(permission.as_str().to_owned())
                .bind(role.as_str().to_owned());
            match transaction.execute(grant).await {
                Ok(1) => {}
                Ok(_) => return Ok(false),
                Err(fault) if is_unique_violation(&fault) => return Ok(true),
                Err(fault) if is_foreign_key_violation(&fault) => return Ok(false),
                Err(fault) => return Err(fault),
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn revoke_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let revoke = transaction
                .query(
                    "DELETE FROM security_roles_permissions
                     WHERE role_name = ? AND permission_name = ?",
                )
                .bind(role.as_str().to_owned())
                .bind(permission.as_str().to_owned());
            if transaction.execute(revoke).await? == 0 {
                return Ok(false);
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    async fn include_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<Result<(), NotIncluded>> {
        self.add_inclusion(role, included, together).await
    }

    async fn exclude_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<bool> {
        self.remove_inclusion(role, included, together).await
    }
}

row! {
    /// A role with one of its permissions and one of the roles that it includes directly. A role with several
    /// has several rows.
    RoleRow {
        name: String,
        description: String,
        permission_name: Option<String>,
        included_name: Option<String>,
    }
}

/// Joins the rows of each role and sorts the roles. Sorting in the database would depend on a collation.
fn roles_from(rows: Vec<RoleRow>) -> Result<Vec<RoleRecord>> {
    let mut roles: BTreeMap<RoleName, RoleRecord> = BTreeMap::new();
    for row in rows {
        let name = read_role(&row.name)?;
        let permission = row.permission_name.as_deref().map(read_permission).transpose()?;
        let included = row.included_name.as_deref().map(read_role).transpose()?;
        let role = roles.entry(name.clone()).or_insert_with(|| RoleRecord {
            name,
            description: row.description,
            permissions: Vec::new(),
            includes: Vec::new(),
        });
        role.permissions.extend(permission);
        role.includes.extend(included);
    }
    let mut roles: Vec<RoleRecord> = roles.into_values().collect();
    for role in &mut roles {
        role.permissions.sort();
        role.permissions.dedup();
        role.includes.sort();
        role.includes.dedup();
    }
    Ok(roles)
}

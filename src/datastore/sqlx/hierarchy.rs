//! Roles, and the roles that they include.
//!
//! `security_roles_inclusions` holds the direct inclusions. `security_roles_included` holds all inclusions
//! that follow from them, so that a request does not have to follow a chain. A new inclusion is added to the
//! second table in one statement. When an inclusion is removed, the second table is computed again from the
//! first, because a role may still be reached another way.

use std::collections::BTreeSet;

use crate::datastore::hierarchy::Hierarchy;
use crate::datastore::role::NotIncluded;
use crate::datastore::sqlx::fault::is_unique_violation;
use crate::datastore::sqlx::outbox::push_all;
use crate::datastore::sqlx::rows::{read_role, row};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::RoleName;

/// A change of inclusions locks all roles, in one order: two concurrent inclusions may form a circle that
/// neither forms alone.
const LOCK_ROLES: &str = "SELECT name FROM security_roles ORDER BY name FOR UPDATE";

/// Read after the lock, and therefore as the previous holder of the lock left it.
const LIST_INCLUSIONS: &str = "SELECT role_name, included_name FROM security_roles_inclusions";

const LIST_INCLUDED: &str = "SELECT role_name, included_name FROM security_roles_included";

const ADD_INCLUSION: &str =
    "INSERT INTO security_roles_inclusions (role_name, included_name) VALUES (?, ?)";

const REMOVE_INCLUSION: &str =
    "DELETE FROM security_roles_inclusions WHERE role_name = ? AND included_name = ?";

const ADD_INCLUDED: &str =
    "INSERT INTO security_roles_included (role_name, included_name) VALUES (?, ?)";

/// A role that an older version created, or an operator by hand, does not include itself yet.
const ADD_THEMSELVES: &str = "
    INSERT INTO security_roles_included (role_name, included_name)
    SELECT r.name, r.name FROM security_roles r
    WHERE NOT EXISTS (
        SELECT 1 FROM security_roles_included i
        WHERE i.role_name = r.name AND i.included_name = r.name)";

/// Every role that includes the first also includes all roles that the second includes.
const JOIN_INCLUDED: &str = "
    INSERT INTO security_roles_included (role_name, included_name)
    SELECT above.role_name, below.included_name
    FROM security_roles_included above CROSS JOIN security_roles_included below
    WHERE above.included_name = ? AND below.role_name = ?
        AND NOT EXISTS (
            SELECT 1 FROM security_roles_included i
            WHERE i.role_name = above.role_name AND i.included_name = below.included_name)";

const REMOVE_INCLUDED: &str =
    "DELETE FROM security_roles_included WHERE role_name = ? AND included_name = ?";

/// Rows that may still name a role that an operator has deleted by hand, despite the foreign keys. A new role
/// of the same name must not find them.
const FORGET_ROLE: [&str; 6] = [
    "DELETE FROM security_users_roles WHERE role_name = ?",
    "DELETE FROM security_roles_permissions WHERE role_name = ?",
    "DELETE FROM security_roles_inclusions WHERE role_name = ?",
    "DELETE FROM security_roles_inclusions WHERE included_name = ?",
    "DELETE FROM security_roles_included WHERE role_name = ?",
    "DELETE FROM security_roles_included WHERE included_name = ?",
];

row! {
    NameRow { name: String }
}

row! {
    /// A role and a role that it includes.
    InclusionRow { role_name: String, included_name: String }
}

/// Reads, in a transaction, which roles exist and what they include. No other transaction changes them
/// meanwhile.
macro_rules! lock_hierarchy {
    ($transaction:ident) => {{
        let lock = $transaction.query_as(LOCK_ROLES);
        let names: Vec<NameRow> = $transaction.fetch_all(lock).await?;
        let names = names.iter().map(|row| read_role(&row.name)).collect::<Result<Vec<_>>>()?;
        let list = $transaction.query_as(LIST_INCLUSIONS);
        let rows: Vec<InclusionRow> = $transaction.fetch_all(list).await?;
        Hierarchy::new(names, pairs_from(rows)?)
    }};
}

/// Stores what follows from the inclusions, in a transaction that has locked them.
macro_rules! write_closure {
    ($transaction:ident, $hierarchy:expr) => {{
        let list = $transaction.query_as(LIST_INCLUDED);
        let rows: Vec<InclusionRow> = $transaction.fetch_all(list).await?;
        let (had, has) = (pairs_from(rows)?, $hierarchy.closure());
        let removed = had.difference(&has).map(|pair| (REMOVE_INCLUDED, pair));
        let added = has.difference(&had).map(|pair| (ADD_INCLUDED, pair));
        for (sql, (role, included)) in removed.chain(added) {
            let write = $transaction
                .query(sql)
                .bind(role.as_str().to_owned())
                .bind(included.as_str().to_owned());
            $transaction.execute(write).await?;
        }
    }};
}

impl SqlxDatastore {
    pub(super) async fn add_role(&self, name: &RoleName, description: &str) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let create = transaction
                .query("INSERT INTO security_roles (name, description) VALUES (?, ?)")
                .bind(name.as_str().to_owned())
                .bind(description.to_owned());
            match transaction.execute(create).await {
                Ok(_) => {}
                Err(fault) if is_unique_violation(&fault) => return Ok(false),
                Err(fault) => return Err(fault),
            }
            let mut leftovers = 0;
            for sql in FORGET_ROLE {
                let forget = transaction.query(sql).bind(name.as_str().to_owned());
                leftovers += transaction.execute(forget).await?;
            }
            if leftovers == 0 {
                let (name, itself) = (name.as_str().to_owned(), name.as_str().to_owned());
                let include = transaction.query(ADD_INCLUDED).bind(name).bind(itself);
                transaction.execute(include).await?;
            } else {
                let hierarchy = lock_hierarchy!(transaction);
                write_closure!(transaction, hierarchy);
            }
            transaction.keep();
            Ok(true)
        })
    }

    pub(super) async fn remove_role(&self, name: &RoleName, together: &Together) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let mut hierarchy = lock_hierarchy!(transaction);
            if !hierarchy.remove(name) {
                return Ok(false);
            }
            for sql in FORGET_ROLE.into_iter().chain(["DELETE FROM security_roles WHERE name = ?"])
            {
                let delete = transaction.query(sql).bind(name.as_str().to_owned());
                transaction.execute(delete).await?;
            }
            write_closure!(transaction, hierarchy);
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }

    pub(super) async fn add_inclusion(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<std::result::Result<(), NotIncluded>> {
        in_transaction!(self, |transaction| {
            let mut hierarchy = lock_hierarchy!(transaction);
            match hierarchy.include(role, included) {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(false) => return Ok(Ok(())),
                Ok(true) => {}
            }
            transaction.execute(transaction.query(ADD_THEMSELVES)).await?;
            for sql in [ADD_INCLUSION, JOIN_INCLUDED] {
                let write = transaction
                    .query(sql)
                    .bind(role.as_str().to_owned())
                    .bind(included.as_str().to_owned());
                transaction.execute(write).await?;
            }
            push_all!(transaction, together);
            transaction.keep();
            Ok(Ok(()))
        })
    }

    pub(super) async fn remove_inclusion(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<bool> {
        in_transaction!(self, |transaction| {
            let mut hierarchy = lock_hierarchy!(transaction);
            if !hierarchy.exclude(role, included) {
                return Ok(false);
            }
            let remove = transaction
                .query(REMOVE_INCLUSION)
                .bind(role.as_str().to_owned())
                .bind(included.as_str().to_owned());
            transaction.execute(remove).await?;
            write_closure!(transaction, hierarchy);
            push_all!(transaction, together);
            transaction.keep();
            Ok(true)
        })
    }
}

fn pairs_from(rows: Vec<InclusionRow>) -> Result<BTreeSet<(RoleName, RoleName)>> {
    let read = |row: InclusionRow| Ok((read_role(&row.role_name)?, read_role(&row.included_name)?));
    rows.into_iter().map(read).collect()
}

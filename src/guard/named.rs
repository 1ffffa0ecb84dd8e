//! The roles and permissions that guards name, looked up in the store when the application launches.
//!
//! Only sentinels see the routes, but a sentinel cannot wait for a store. So the store's roles are read
//! before the sentinels run, and missing roles are created afterwards, before any request is served.

use std::any::type_name;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rocket::{Ignite, Rocket};

use crate::config::RolesConfig;
use crate::datastore::UserDatastore;
use crate::datastore::role::RoleRecord;
use crate::error::{Error, Result};
use crate::user::RoleName;

/// The roles that the store had when the launch began, and those that guards name and the store lacks.
pub(crate) struct Named {
    config: RolesConfig,
    known: Vec<RoleRecord>,
    missing: Mutex<BTreeSet<RoleName>>,
}

impl Named {
    /// Reads the roles of the store, unless they are not checked. In a store without roles nothing is looked
    /// up.
    pub(crate) async fn read(config: RolesConfig, store: &dyn UserDatastore) -> Result<Self> {
        let (config, known) = match (config, store.role_store()) {
            (RolesConfig::Ignore, _) | (_, None) => (RolesConfig::Ignore, Vec::new()),
            (config, Some(roles)) => (config, roles.list_roles().await?),
        };
        Ok(Self { config, known, missing: Mutex::default() })
    }

    /// Creates the roles that guards name and the store lacks. Another instance may create them at the same
    /// time: the store lets one of the two succeed, and neither fails.
    pub(crate) async fn create_missing(&self, store: &dyn UserDatastore) -> Result<()> {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(roles) = store.role_store() else {
            return Ok(());
        };
        for role in missing {
            if roles.create_role(&role, "").await? {
                log::warn!("created the role \"{role}\", which a guard names; no user has it yet");
            }
        }
        Ok(())
    }

    /// Returns an error if a role cannot exist or has to be created by an operator. Notes a role that is
    /// created later.
    fn look_up<G>(&self, name: &str) -> Result<()> {
        let guard = type_name::<G>();
        if self.config == RolesConfig::Ignore
            || self.known.iter().any(|role| role.name.as_str() == name)
        {
            return Ok(());
        }
        let role = RoleName::parse(name).map_err(|fault| {
            let cure = "Declare it by another name in `roles!`";
            Error::config("roles", format!("cannot have {name:?} of {guard}: {fault}"), cure)
        })?;
        if self.config == RolesConfig::Create {
            self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(role);
            return Ok(());
        }
        Err(Error::config(
            "roles",
            format!("is \"check\", but the store has no role \"{name}\", which {guard} names"),
            format!(
                "Create it with `rocket-security roles create {name}`, or set it to \"create\""
            ),
        ))
    }
}

/// Returns `true` if a guard names a role that keeps the application from launching, and logs what to do.
pub(super) fn lacks_role<G>(rocket: &Rocket<Ignite>, names: &[&str]) -> bool {
    let Some(named) = rocket.state::<Named>() else {
        return false;
    };
    let faults = names.iter().filter_map(|name| named.look_up::<G>(name).err());
    // All of them are logged, not only the first.
    faults.inspect(|fault| log::error!("{fault}")).count() > 0
}

/// Logs the permissions that no role has. Never stops the launch: an operator who removes a permission from
/// the last role that had it must not keep the application from launching again.
pub(super) fn lacks_permission<G>(rocket: &Rocket<Ignite>, names: &[&str]) -> bool {
    let Some(named) = rocket.state::<Named>().filter(|it| it.config != RolesConfig::Ignore) else {
        return false;
    };
    let has = |role: &RoleRecord, name: &str| role.permissions.iter().any(|it| it.as_str() == name);
    for name in names.iter().filter(|name| !named.known.iter().any(|role| has(role, name))) {
        log::warn!(
            "no role has the permission \"{name}\", which {} names: give it to one with \
             `rocket-security roles add-permission ROLE {name}`",
            type_name::<G>()
        );
    }
    false
}

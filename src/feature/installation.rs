//! What a feature can add to an application.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use rocket::{Build, Rocket};

use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::keys::Keyring;
use crate::error::{Error, Result};
use crate::feature::factor::Factor;
use crate::feature::hooks::Hooks;
use crate::feature::journaling::Journaling;
use crate::feature::registering::Registering;
use crate::feature::remembering::Remembering;
use crate::feature::sweeping::Sweeping;
use crate::http::HttpClient;

/// Provides the parts that a feature needs, and takes those that it adds to the application.
///
/// [`Feature::install`](crate::Feature::install) gets it. `D` is the type of the store.
///
/// ```
/// use rocket_security::feature::Installation;
/// use rocket_security::{Hooks, Result};
///
/// struct Counter;
///
/// impl Hooks for Counter {}
///
/// fn install<D>(at: &mut Installation<'_, D>) -> Result<()> {
///     at.hooks(Counter);
///     at.manage("kept in Rocket's managed state");
///     Ok(())
/// }
/// ```
pub struct Installation<'a, D> {
    store: &'a Arc<D>,
    config: &'a Config,
    keyring: &'a Keyring,
    clock: &'a Clock,
    http: Option<&'a Arc<dyn HttpClient>>,
    is_debug: bool,
    parts: &'a mut Added,
}

impl<'a, D> Installation<'a, D> {
    pub(crate) fn new(
        store: &'a Arc<D>,
        config: &'a Config,
        keyring: &'a Keyring,
        clock: &'a Clock,
        http: Option<&'a Arc<dyn HttpClient>>,
        is_debug: bool,
        parts: &'a mut Added,
    ) -> Self {
        Self { store, config, keyring, clock, http, is_debug, parts }
    }

    /// Returns the store.
    pub fn store(&self) -> Arc<D> {
        Arc::clone(self.store)
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        self.config
    }

    /// Returns the master keys that all other keys are derived from.
    pub fn keyring(&self) -> &Keyring {
        self.keyring
    }

    /// Returns the client with which the feature asks other services.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if there is none: the cargo feature `http-client` is off, and the application set
    /// no client of its own with [`Security::http_client`](crate::Security::http_client).
    pub fn http(&self) -> Result<Arc<dyn HttpClient>> {
        self.http.map(Arc::clone).ok_or_else(|| {
            Error::config(
                "http",
                "a feature sends requests to another service, and there is no HTTP client",
                "Enable the cargo feature `http-client`, or call `Security::http_client`",
            )
        })
    }

    /// Returns `true` if the application runs in the debug profile.
    pub fn is_debug(&self) -> bool {
        self.is_debug
    }

    /// Returns the application's clock.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Adds hooks that take part in logins.
    pub fn hooks(&mut self, hooks: impl Hooks) {
        self.offer::<Box<dyn Hooks>>(Box::new(hooks));
    }

    /// Adds a part that takes part in registrations.
    pub fn registering(&mut self, registering: impl Registering) {
        self.offer::<Box<dyn Registering>>(Box::new(registering));
    }

    /// Adds a part that remembers browsers.
    pub fn remembering(&mut self, remembering: impl Remembering) {
        self.offer::<Box<dyn Remembering>>(Box::new(remembering));
    }

    /// Adds a journal of what happens.
    pub fn journaling(&mut self, journaling: impl Journaling) {
        self.offer::<Box<dyn Journaling>>(Box::new(journaling));
    }

    /// Adds a part that deletes expired data.
    pub fn sweeping(&mut self, sweeping: impl Sweeping) {
        self.offer::<Box<dyn Sweeping>>(Box::new(sweeping));
    }

    /// Adds a factor that users can prove.
    pub fn factor(&mut self, factor: impl Factor) {
        self.offer::<Box<dyn Factor>>(Box::new(factor));
    }

    /// Puts a value into Rocket's managed state, for the feature's handlers.
    pub fn manage<T: Send + Sync + 'static>(&mut self, value: T) {
        self.parts.managed.push(Box::new(|rocket| rocket.manage(value)));
    }

    /// Adds a part that another module of the framework takes, such as a
    /// [mechanism](crate::guard::mechanism::InstallMechanism).
    pub(crate) fn offer<T: Send + 'static>(&mut self, part: T) {
        self.parts.offers.entry(TypeId::of::<T>()).or_default().push(Box::new(part));
    }
}

/// Puts a value into Rocket's managed state.
type Manage = Box<dyn FnOnce(Rocket<Build>) -> Rocket<Build> + Send>;

/// Everything that the features of an application have added.
#[derive(Default)]
pub(crate) struct Added {
    offers: HashMap<TypeId, Vec<Box<dyn Any + Send>>>,
    managed: Vec<Manage>,
}

impl Added {
    /// Removes and returns all parts of one type, in the order in which they were added.
    pub(crate) fn take<T: 'static>(&mut self) -> Vec<T> {
        let parts = self.offers.remove(&TypeId::of::<T>()).unwrap_or_default();
        parts.into_iter().filter_map(|part| part.downcast().ok()).map(|part| *part).collect()
    }

    /// Puts the collected values into Rocket's managed state.
    pub(crate) fn manage(self, rocket: Rocket<Build>) -> Rocket<Build> {
        self.managed.into_iter().fold(rocket, |rocket, manage| manage(rocket))
    }
}

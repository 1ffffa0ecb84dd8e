//! What a feature is.

use rocket::Route;
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config;
use crate::config::Config;
use crate::error::{Faults, Result};
use crate::feature::installation::Installation;
use crate::template::Embedded;

/// A unit of behaviour that an application enables: its routes, templates, settings and hooks.
///
/// The value *is* the configuration: `[default.security.<NAME>]` laid over the value given to
/// [`Security::enable`](crate::Security::enable). `D` is the store; a feature names what it needs
/// of it as a bound on its `impl`, so that enabling it on a store that lacks it does not compile.
pub trait Feature<D>: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stem that names the feature's module, routes, pages, mails and table of settings.
    const NAME: &'static str;

    /// The templates it comes with: names like `security/login.html`, and their text.
    const TEMPLATES: &'static [Embedded] = &[];

    /// Refuses settings that make no sense, with the key below the feature's table, the fault and the cure.
    /// [`Config::require_mail`], [`Config::require_usernames`] and
    /// [`Config::require_view`] are checks that several features share.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config), and the launch stops.
    fn check(&self, _config: &Config) -> Result<()> {
        Ok(())
    }

    /// Tells where its pages are, as `(name, path)` for `security_url(name="…")` in templates. One may be
    /// at one of `security.redirect_origins`; a launch stops at any that is elsewhere.
    fn urls(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns `true` if templates have it among `features`, for links to it. Returns `false` if the
    /// feature is enabled but currently closed.
    fn is_offered(&self) -> bool {
        true
    }

    /// Returns the routes to mount at `/`.
    fn routes(&self) -> Vec<Route> {
        Vec::new()
    }

    /// Adds to the application what the feature consists of beside its routes: hooks, factors, mechanisms,
    /// state for its handlers.
    ///
    /// # Errors
    ///
    /// Whatever keeps the feature from being installed, and the launch stops.
    fn install(&self, _at: &mut Installation<'_, D>) -> Result<()> {
        Ok(())
    }
}

/// Returns a feature with the settings of `[default.security.<NAME>]` laid over its own, checked.
///
/// # Errors
///
/// [`Error::Config`](crate::Error::Config) for each key that is wrong.
pub fn configured<D, F: Feature<D>>(feature: F, figment: &Figment, settings: &Config) -> Result<F> {
    let figment = Figment::from(Serialized::defaults(feature.clone()))
        .merge(figment.focus(&format!("security.{}", F::NAME)))
        .select(figment.profile().clone());
    let mut faults = Faults::default();
    let value: F = config::read_table(&figment, F::NAME, &mut faults).unwrap_or(feature);
    faults.note(value.check(settings));
    faults.finish().map(|()| value)
}

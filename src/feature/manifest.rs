//! The trait of all features.

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
/// The value is also the configuration: `[default.security.<NAME>]` is laid over the value passed to
/// [`Security::enable`](crate::Security::enable). `D` is the store. A feature states what it needs from the
/// store as a bound on its `impl`, so enabling it with a store that lacks this does not compile.
///
/// ```
/// use rocket::{Route, get, routes};
/// use rocket_security::{AuthUser, Feature};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Default, Serialize, Deserialize)]
/// struct WhoAmI {}
///
/// #[get("/who-am-i")]
/// fn who_am_i(user: AuthUser) -> String {
///     user.email.to_string()
/// }
///
/// impl<D> Feature<D> for WhoAmI {
///     const NAME: &'static str = "who_am_i";
///
///     fn routes(&self) -> Vec<Route> {
///         routes![who_am_i]
///     }
/// }
/// ```
pub trait Feature<D>: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the feature. Its module, routes, pages, mails and table of settings are named after it.
    const NAME: &'static str;

    /// The templates of the feature: names such as `security/login.html`, and their text.
    const TEMPLATES: &'static [Embedded] = &[];

    /// Checks the settings. The error names the key below the feature's table, the fault and the fix.
    ///
    /// [`Config::require_mail`], [`Config::require_usernames`] and [`Config::require_view`] are checks that
    /// several features share.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config), which stops the launch.
    fn check(&self, _config: &Config) -> Result<()> {
        Ok(())
    }

    /// Returns the feature's pages as `(name, path)`, for `security_url(name="…")` in templates. A page may
    /// be at one of `security.redirect_origins`. A page on any other origin stops the launch.
    fn urls(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns `false` if the feature is enabled but currently closed, so that templates do not link to it:
    /// it is then missing from their `features`.
    fn is_offered(&self) -> bool {
        true
    }

    /// Returns the routes to mount at `/`.
    fn routes(&self) -> Vec<Route> {
        Vec::new()
    }

    /// Adds everything else that the feature consists of: hooks, factors, mechanisms, and state for its
    /// handlers.
    ///
    /// # Errors
    ///
    /// Any error that prevents the installation. It stops the launch.
    fn install(&self, _at: &mut Installation<'_, D>) -> Result<()> {
        Ok(())
    }
}

/// Returns a feature with the settings of `[default.security.<NAME>]` laid over its own, after checking them.
///
/// # Errors
///
/// [`Error::Config`](crate::Error::Config) for each invalid key.
pub fn configured<D, F: Feature<D>>(feature: F, figment: &Figment, settings: &Config) -> Result<F> {
    let figment = Figment::from(Serialized::defaults(feature.clone()))
        .merge(figment.focus(&format!("security.{}", F::NAME)))
        .select(figment.profile().clone());
    let mut faults = Faults::default();
    let value: F = config::read_table(&figment, F::NAME, &mut faults).unwrap_or(feature);
    faults.note(value.check(settings));
    faults.finish().map(|()| value)
}

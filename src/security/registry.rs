//! The features of an application, their types forgotten.

use std::sync::Arc;

use rocket::figment::Figment;
use rocket::{Build, Rocket, Route};

use crate::config::{Config, IdentityAttribute, RedirectBehavior};
use crate::crypto::keys::Keyring;
use crate::error::{Error, Faults, Result};
use crate::feature;
use crate::feature::{Feature, Hooks};
use crate::template::Embedded;
use crate::web::next::Next;

/// A feature that is enabled, its type forgotten.
pub(super) struct Registered<D> {
    pub(super) name: &'static str,
    pub(super) sends_mail: bool,
    pub(super) configure: Configure<D>,
}

/// Reads a feature's settings.
pub(super) type Configure<D> =
    Box<dyn FnOnce(&Figment, &Config) -> Result<Box<dyn Configured<D>>> + Send>;

/// A feature whose value is known.
pub(super) trait Configured<D>: Send {
    fn name(&self) -> &'static str;
    fn templates(&self) -> &'static [Embedded];
    fn urls(&self) -> Vec<(&'static str, String)>;
    fn is_offered(&self) -> bool;
    fn routes(&self) -> Vec<Route>;
    fn manage(&self, store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build>;
    fn hooks(&self, store: &Arc<D>, keyring: &Keyring) -> Result<Vec<Box<dyn Hooks>>>;
}

/// Reads a feature's settings over the value given in code.
pub(super) fn configure<D: 'static, F: Feature<D>>(
    feature: F,
    figment: &Figment,
    config: &Config,
) -> Result<WithValue<F>> {
    let mut faults = Faults::default();
    let value = faults.note(feature::configured(feature, figment));
    if F::OUTLIVES_SESSIONS && config.session.ends_for_good {
        faults.push(Error::config(
            "session.aal",
            format!(
                "is a level at which nobody comes back without a proof, and the feature {} brings \
                 browsers back",
                F::NAME
            ),
            "Disable the feature, or set session.idle and session.absolute instead of a level",
        ));
    }
    if F::NEEDS_USERNAMES && !config.identifies_by(IdentityAttribute::Username) {
        faults.push(Error::config(
            "identity",
            format!("lacks \"username\", without which the feature {} has no point", F::NAME),
            "Set it to [\"email\", \"username\"], or do not enable the feature",
        ));
    }
    let value = value.inspect(|value| {
        faults.note(check_urls::<D, F>(value, config));
    });
    faults.settle(value.map(WithValue))
}

/// Refuses a feature that leads people where the configuration does not allow it, or mailed links to
/// pages that nobody named.
fn check_urls<D, F: Feature<D>>(feature: &F, config: &Config) -> Result<()> {
    let urls = feature.urls();
    let origins = &config.redirect_origins;
    if let Some((name, url)) = urls.iter().find(|(_, it)| Next::parse_within(it, origins).is_none())
    {
        return Err(Error::config(
            F::NAME,
            format!("leads to {url} ({name}), which is no path on this site"),
            "Write a path, or have its origin in security.redirect_origins",
        ));
    }
    let is_named = |view: &&&str| urls.iter().any(|(name, _)| name == *view);
    let missing = F::SINGLE_PAGE_VIEWS.iter().find(|view| !is_named(view));
    if let Some(view) = missing.filter(|_| config.redirect_behavior == RedirectBehavior::Spa) {
        return Err(Error::config(
            format!("{}.{view}", F::NAME),
            "is missing, and redirect_behavior is \"spa\"",
            "Set it to the page of your application that a mailed link leads to, for example \
             \"/app/link\", or do not enable the feature",
        ));
    }
    Ok(())
}

/// A feature with its value.
pub(super) struct WithValue<F>(F);

impl<D, F: Feature<D>> Configured<D> for WithValue<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn templates(&self) -> &'static [Embedded] {
        F::TEMPLATES
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        self.0.urls()
    }

    fn is_offered(&self) -> bool {
        self.0.is_offered()
    }

    fn routes(&self) -> Vec<Route> {
        self.0.routes()
    }

    fn manage(&self, store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build> {
        self.0.manage(store, rocket)
    }

    fn hooks(&self, store: &Arc<D>, keyring: &Keyring) -> Result<Vec<Box<dyn Hooks>>> {
        let keyed = self.0.keyed_hooks(store, keyring)?;
        Ok(self.0.hooks(store).into_iter().chain(keyed).collect())
    }
}

//! The features of an application, with their types erased.

use rocket::Route;
use rocket::figment::Figment;

use crate::config::Config;
use crate::error::{Error, Faults, Result};
use crate::feature;
use crate::feature::{Feature, Installation};
use crate::template::Embedded;
use crate::web::next::Next;

/// An enabled feature, with its type erased.
pub(super) struct Registered<D> {
    pub(super) name: &'static str,
    pub(super) configure: Configure<D>,
}

/// Reads the settings of a feature.
pub(super) type Configure<D> =
    Box<dyn FnOnce(&Figment, &Config) -> Result<Box<dyn Configured<D>>> + Send>;

/// A feature whose settings were read.
pub(super) trait Configured<D>: Send {
    fn name(&self) -> &'static str;
    fn templates(&self) -> &'static [Embedded];
    fn urls(&self) -> Vec<(&'static str, String)>;
    fn is_offered(&self) -> bool;
    fn routes(&self) -> Vec<Route>;
    fn install(&self, at: &mut Installation<'_, D>) -> Result<()>;
}

/// Reads the settings of a feature, over the value given in code.
pub(super) fn configure<D: 'static, F: Feature<D>>(
    feature: F,
    figment: &Figment,
    config: &Config,
) -> Result<WithValue<F>> {
    let mut faults = Faults::default();
    let value = faults.note(feature::configured(feature, figment, config));
    let value = value.inspect(|value| {
        faults.note(check_urls::<D, F>(value, config));
    });
    faults.settle(value.map(WithValue))
}

/// Refuses a feature that redirects to a page that the configuration does not allow.
fn check_urls<D, F: Feature<D>>(feature: &F, config: &Config) -> Result<()> {
    let urls = feature.urls();
    let origins = &config.redirect_origins;
    if let Some((name, url)) = urls.iter().find(|(_, it)| Next::parse_within(it, origins).is_none())
    {
        return Err(Error::config(
            F::NAME,
            format!("leads to {url} ({name}), which is not a path on this site"),
            "Write a path, or have its origin in security.redirect_origins",
        ));
    }
    Ok(())
}

/// A feature with its settings.
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

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        self.0.install(at)
    }
}

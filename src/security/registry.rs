//! The features of an application, their types forgotten.

use std::any::TypeId;
use std::sync::Arc;

use rocket::Build;
use rocket::Rocket;
use rocket::Route;
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;

use crate::config;
use crate::error::Result;
use crate::feature::Feature;
use crate::feature::Hooks;
use crate::template::Embedded;

/// A feature that is enabled, its type forgotten.
pub(super) struct Registered<D> {
    pub(super) name: &'static str,
    pub(super) type_id: TypeId,
    pub(super) configure: Configure<D>,
}

/// Reads a feature's settings.
pub(super) type Configure<D> = Box<dyn FnOnce(&Figment) -> Result<Box<dyn Configured<D>>> + Send>;

/// A feature whose value is known.
pub(super) trait Configured<D>: Send {
    fn name(&self) -> &'static str;
    fn templates(&self) -> &'static [Embedded];
    fn sends_mail(&self) -> bool;
    fn urls(&self) -> Vec<(&'static str, String)>;
    fn routes(&self) -> Vec<Route>;
    fn manage(&self, store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build>;
    fn hooks(&self, store: &Arc<D>) -> Option<Box<dyn Hooks>>;
}

/// Reads a feature's settings over the value given in code.
pub(super) fn configure<D: 'static, F: Feature<D>>(
    feature: F,
    figment: &Figment,
) -> Result<WithValue<F>> {
    let value: F = Figment::from(Serialized::defaults(feature))
        .merge(figment.focus(&format!("security.{}", F::NAME)))
        .select(figment.profile().clone())
        .extract()
        .map_err(|fault| config::from_figment_error(F::NAME, &fault))?;
    value.check()?;
    Ok(WithValue(value))
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

    fn sends_mail(&self) -> bool {
        F::SENDS_MAIL
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        self.0.urls()
    }

    fn routes(&self) -> Vec<Route> {
        self.0.routes()
    }

    fn manage(&self, store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build> {
        self.0.manage(store, rocket)
    }

    fn hooks(&self, store: &Arc<D>) -> Option<Box<dyn Hooks>> {
        self.0.hooks(store)
    }
}

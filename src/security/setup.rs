//! What is known before the launch.

use std::sync::Arc;

use rocket::figment::Figment;
use rocket::futures::future::BoxFuture;

use crate::error::Result;
use crate::event::Listeners;
use crate::feature::Installation;
use crate::http::HttpClient;
use crate::mail::Mailer;
use crate::security::registry::Registered;
use crate::web::presentation::Presentation;

/// What is known before the launch.
pub(super) struct Setup<D> {
    pub(super) open: Open<D>,
    pub(super) check_store: CheckStore,
    pub(super) features: Vec<Registered<D>>,
    pub(super) installs: Vec<Install<D>>,
    pub(super) presentation: Arc<dyn Presentation>,
    pub(super) mailer: Option<Arc<dyn Mailer>>,
    pub(super) http: Option<Arc<dyn HttpClient>>,
    pub(super) listeners: Listeners,
}

/// Opens the store, given the configuration.
pub(super) type Open<D> = Box<dyn FnOnce(Figment) -> BoxFuture<'static, Result<D>> + Send>;

/// Adds what the application has beside its features.
pub(super) type Install<D> = Box<dyn FnOnce(&mut Installation<'_, D>) -> Result<()> + Send>;

/// Checks the settings of the store without opening it.
pub(super) type CheckStore = fn(&Figment) -> Result<()>;

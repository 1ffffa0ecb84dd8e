//! What follows from the configuration alone.

use std::sync::Arc;

use rocket::figment::Figment;
use url::Url;

use crate::clock::Clock;
use crate::config;
use crate::config::{Config, is_debug};
use crate::crypto::keys::Keyring;
use crate::datastore::UserDatastore;
use crate::error::{Faults, Result};
use crate::event::Listeners;
use crate::features::FEATURES;
use crate::guard::mechanism::{BASIC, check_names};
use crate::mail::compose::{Composer, Originator};
use crate::mail::subjects::Subjects;
use crate::security::concessions;
use crate::security::master_keys::keyring;
use crate::security::own_pages::{check_document, load_templates, offered, urls};
use crate::security::registry::Configured;
use crate::security::setup::{Install, Open, Setup};
use crate::security::transport::{ChosenMailer, choose_mailer};
use crate::template::Templates;
use crate::token::TokenIssuer;
use crate::web::Urls;
use crate::web::presentation::Presentation;

/// What follows from the configuration alone, before the store is opened.
pub(super) struct Settled<D> {
    pub(super) config: Config,
    pub(super) base_url: Url,
    pub(super) features: Vec<Box<dyn Configured<D>>>,
    pub(super) keyring: Keyring,
    pub(super) mailer: ChosenMailer,
    pub(super) urls: Urls,
    pub(super) templates: Arc<Templates>,
    pub(super) composer: Composer,
    pub(super) tokens: TokenIssuer,
    pub(super) clock: Clock,
    pub(super) rest: Rest<D>,
}

/// What the application gave that needs no configuration.
pub(super) struct Rest<D> {
    pub(super) open: Open<D>,
    pub(super) installs: Vec<Install<D>>,
    pub(super) presentation: Arc<dyn Presentation>,
    pub(super) listeners: Listeners,
}

/// Reads the configuration.
///
/// # Errors
///
/// All of its faults, so that one launch tells what would otherwise take several.
pub(super) fn settle<D: UserDatastore>(setup: Setup<D>, figment: &Figment) -> Result<Settled<D>> {
    let Setup { open, check_store, features, installs, presentation, mailer, listeners } = setup;
    let mut faults = Faults::default();
    let names: Vec<&'static str> = features.iter().map(|feature| feature.name).collect();
    faults.note(config::check_keys(figment, &names, FEATURES));
    let mut config = Config::read(figment, &mut faults);
    config.mail.lacks_transport =
        mailer.is_none() && config.mail.url.is_none() && !is_debug(figment);
    let base_url = config.base_url_or_local(figment)?;
    faults.note(config.check_proxies(figment, &base_url));
    let has_own_mailer = mailer.is_some();
    let features = features.into_iter().map(|it| (it.configure)(figment, &config));
    let features: Vec<Box<dyn Configured<D>>> =
        features.filter_map(|feature| faults.note(feature)).collect();
    faults.note(check_document(&features));
    let keyring = faults.note(keyring(&config, figment));
    let mailer = faults.note(choose_mailer(mailer, &config, &base_url));
    faults.note(check_store(figment));
    faults.note(check_mechanisms(&config, &names));
    let originator = faults.note(Originator::read(&config, &base_url));
    let urls = urls(&features);
    let templates = faults.note(load_templates(&features, &urls, figment)).map(Arc::new);
    let subjects = templates.as_ref().and_then(|it| faults.note(Subjects::render(&config, it)));
    let clock = Clock::default();
    let tokens = TokenIssuer::new(&config, &base_url, keyring.as_ref(), clock.clone());
    let tokens = faults.note(tokens);
    faults.note(concessions::check(&config, figment, has_own_mailer));
    let settled = || {
        let (templates, mails, names) = (templates?, (originator?, subjects?), offered(&features));
        let at = base_url.clone();
        let composer = Composer::new(&config, at, mails, Arc::clone(&templates), names);
        Some(Settled {
            config,
            base_url,
            features,
            keyring: keyring?,
            mailer: mailer?,
            urls,
            templates,
            composer,
            tokens: tokens?,
            clock,
            rest: Rest { open, installs, presentation, listeners },
        })
    };
    faults.settle(settled())
}

/// Refuses mechanisms that nothing provides, where all features are ours. What a feature of the
/// application's provides shows only when it is [installed](crate::Feature::install).
fn check_mechanisms(config: &Config, enabled: &[&'static str]) -> Result<()> {
    let is_ours = |name: &&str| FEATURES.iter().any(|(ours, _)| ours == name);
    if !enabled.iter().all(is_ours) {
        return Ok(());
    }
    let provided: &[&str] = if enabled.contains(&BASIC) { &[BASIC] } else { &[] };
    check_names(&config.mechanisms, provided)
}

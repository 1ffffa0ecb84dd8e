//! The four systems that the framework follows, case by case as their own suites pin them; and the vectors
//! of PASETO itself.
//!
//! One module a system, one test a case. Each says how we do it: *same*; *stricter*, where what we accept
//! they accept, too, but not the other way round; or *different on purpose*, with the reason. What a
//! system's messages say is not pinned, for those were its own.

mod fastapi_paseto_auth;
mod flask_paseto_extended;
mod flask_praetorian;
mod flask_security;
mod official_vectors;

use rocket::figment::Figment;
use rocket_security::config::check_keys;
use rocket_security::feature::{Feature, configured};
use rocket_security::features::DEFAULT_FEATURES;
use rocket_security::{Config, SqlxDatastore};
use serde_json::Value;

/// Says why a launch with these settings in `[default.security]` stops; nothing, if it does not.
fn fault_of(settings: Value) -> String {
    let figment = Figment::from(rocket::Config::debug_default())
        .merge(("security", settings))
        .select(rocket::Config::DEBUG_PROFILE);
    let read =
        Config::from_figment(&figment).and_then(|_| check_keys(&figment, DEFAULT_FEATURES, &[]));
    read.err().map(|fault| fault.to_string()).unwrap_or_default()
}

/// The same of a feature with these settings in its table.
fn fault_of_feature<F: Feature<SqlxDatastore> + Default>(settings: Value) -> String {
    let table = format!("security.{}", F::NAME);
    let figment = Figment::from(rocket::Config::debug_default()).merge((table, settings));
    let read = configured::<SqlxDatastore, F>(F::default(), &figment, &Config::default());
    read.err().map(|fault| fault.to_string()).unwrap_or_default()
}

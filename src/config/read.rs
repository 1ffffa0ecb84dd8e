//! How a configuration is read, and what is said of one that is wrong.

use rocket::figment::Figment;
use rocket::figment::value::Dict;

use crate::error::Error;
use crate::error::Result;

/// Tells whether the profile is `debug`, the only one in which defaults may be made up.
pub fn is_debug(figment: &Figment) -> bool {
    *figment.profile() == rocket::Config::DEBUG_PROFILE
}

/// Refuses keys of `[default.security]` that mean nothing, for they are misspelt ones.
///
/// # Errors
///
/// [`Error::Config`] naming the key and the ones that exist.
pub fn check_keys(figment: &Figment, features: &[&str]) -> Result<()> {
    let Ok(given) = figment.extract_inner::<Dict>("security") else {
        return Ok(());
    };
    let own = [
        "base_url",
        "site_name",
        "keys",
        "trusted_proxies",
        "migrate",
        "roles",
        "mail",
        "identity",
        "mechanisms",
        "username",
        "password",
        "session",
        "throttle",
        "tokens",
        "freshness",
        "redirect_origins",
        "redirect_behavior",
        "error_style",
        "csrf",
        "require_guard",
        "public",
    ];
    // A feature may have its settings in a table that is there without it.
    let features = features.iter().filter(|name| !own.contains(name));
    let known: Vec<&str> = own.iter().chain(features).copied().collect();
    match given.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Error::config(
            key,
            "is not a setting, or belongs to a feature that is not enabled",
            format!("Remove it, or use one of: {}", known.join(", ")),
        )),
    }
}

/// Turns a failure to read the table `table` of the configuration into our own words.
pub fn from_figment_error(table: &str, fault: &rocket::figment::Error) -> Error {
    let mut path: Vec<&str> = fault.path.iter().map(String::as_str).collect();
    path.insert(0, table);
    if let rocket::figment::error::Kind::UnknownField(field, _) = &fault.kind {
        path.push(field);
    }
    path.retain(|part| !part.is_empty());
    path.dedup();
    let key = path.join(".");
    let place = fault.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => source.to_string(),
        None => metadata.name.to_string(),
    });
    let cure = place.map_or("Correct it".to_owned(), |place| format!("Correct it in {place}"));
    Error::config(key, format!("is wrong: {}", fault.kind), cure)
}

//! How a configuration is read, and what is said of one that is wrong.

use rocket::figment::Figment;
use rocket::figment::error::Actual;
use rocket::figment::error::Kind;
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
        "proxy_header",
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
    if let Kind::UnknownField(field, _) = &fault.kind {
        path.push(field);
    }
    path.retain(|part| !part.is_empty());
    path.dedup();
    let place = fault.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => source.to_string(),
        None => metadata.name.to_string(),
    });
    let (what, cure) = explain(&fault.kind);
    let cure = match (cure, place) {
        (Some(cure), Some(place)) => format!("{cure}, in {place}"),
        (Some(cure), None) => cure,
        (None, Some(place)) => format!("Correct it in {place}"),
        (None, None) => "Correct it".to_owned(),
    };
    Error::config(key_of(&path), format!("is wrong: {what}"), cure)
}

/// Writes where a value is, as `tokens.keys[0]`.
fn key_of(path: &[&str]) -> String {
    let mut key = String::new();
    for part in path {
        let is_index = part.bytes().all(|byte| byte.is_ascii_digit());
        if is_index {
            key.push_str(&format!("[{part}]"));
        } else {
            key.push_str(if key.is_empty() { "" } else { "." });
            key.push_str(part);
        }
    }
    key
}

/// Says what is wrong, and the cure where it is known. Our own types say so in a sentence about "it", and
/// some have the cure in a second one.
fn explain(kind: &Kind) -> (String, Option<String>) {
    match kind {
        Kind::Message(text) => match text.split_once(". ") {
            Some((what, cure)) => (what.to_owned(), Some(cure.to_owned())),
            None => (text.clone(), None),
        },
        Kind::InvalidType(Actual::Str(_), expected) if expected == "a sequence" => {
            ("it is one text".to_owned(), Some("Write a list: [\"…\"]".to_owned()))
        }
        // What stands there may be a secret that belongs one level deeper.
        Kind::InvalidType(_, expected) if expected.starts_with("struct ") => {
            ("it is no table".to_owned(), None)
        }
        kind => (kind.to_string(), None),
    }
}

//! How a configuration is read, and what is said of one that is wrong.

use rocket::figment::Figment;
use rocket::figment::Metadata;
use rocket::figment::Profile;
use rocket::figment::Provider;
use rocket::figment::error::Actual;
use rocket::figment::error::Kind;
use rocket::figment::value::Dict;
use rocket::figment::value::Map;
use rocket::figment::value::Value;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::error::Faults;
use crate::error::Result;
use crate::nearest::nearest;

/// Tells whether the profile is `debug`, the only one in which defaults may be made up.
pub fn is_debug(figment: &Figment) -> bool {
    *figment.profile() == rocket::Config::DEBUG_PROFILE
}

/// The keys of `[default.security]` that belong to no feature.
const OWN: [&str; 24] = [
    "base_url",
    "site_name",
    "keys",
    "allow_insecure",
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
    "cookies",
    "redirect_behavior",
    "error_style",
    "csrf",
    "require_guard",
    "public",
];

/// Refuses keys of `[default.security]` that are no settings. `enabled` has the names of the features that
/// are enabled; `features` has those of all features, each with the type that enables it.
///
/// # Errors
///
/// [`Error::Config`] for each of them, with the setting that it most likely means, or with how to enable
/// the feature whose table it is.
pub fn check_keys(figment: &Figment, enabled: &[&str], features: &[(&str, &str)]) -> Result<()> {
    let Ok(given) = figment.extract_inner::<Dict>("security") else {
        return Ok(());
    };
    // A feature may have its settings in a table that is there without it.
    let enabled = enabled.iter().filter(|name| !OWN.contains(name));
    let known: Vec<&str> = OWN.iter().chain(enabled).copied().collect();
    let mut faults = Faults::default();
    for key in given.keys().filter(|key| !known.contains(&key.as_str())) {
        let fault = match features.iter().find(|(name, _)| name == key) {
            Some((name, enabled_by)) => Error::config(
                key,
                format!("has the settings of the feature {name}, which is not enabled"),
                format!(
                    "Enable `{enabled_by}` on the application's `Security`, or remove the table"
                ),
            ),
            None => Error::config(key, "is not a setting", instead_of(key, &known)),
        };
        faults.push(fault);
    }
    faults.finish()
}

/// Names what a misspelt setting most likely means, or what there is.
pub fn instead_of(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("Write \"{near}\", or remove it"),
        None if known.is_empty() => "Remove it".to_owned(),
        None => format!("Remove it, or use one of: {}", known.join(", ")),
    }
}

/// Reads the table `table` below `security` and notes everything in it that cannot be read: what is wrong
/// is left out, and the rest is read again.
pub fn read_table<T: DeserializeOwned>(
    figment: &Figment,
    table: &str,
    faults: &mut Faults,
) -> Option<T> {
    let mut fault = match figment.extract() {
        Ok(value) => return Some(value),
        Err(fault) => fault,
    };
    let Ok(Value::Dict(_, mut rest)) = figment.find_value("") else {
        return faults.note(Err(from_figment_error(table, &fault)));
    };
    let mut left_out: Vec<Vec<String>> = Vec::new();
    loop {
        let mut path = fault.path.clone();
        if let Kind::UnknownField(field, _) = &fault.kind {
            path.push(field.clone());
        }
        // A table may miss what was left out of it; that is no fault of its own.
        let is_consequence = left_out.iter().any(|before| before.starts_with(&path));
        if !is_consequence {
            faults.push(from_figment_error(table, &fault));
        }
        if !leave_out(&mut rest, &path) {
            return None;
        }
        left_out.push(path);
        let remaining = Remaining { rest: &rest, all: figment };
        match Figment::from(remaining).select(figment.profile().clone()).extract() {
            Ok(value) => return Some(value),
            Err(next) => fault = next,
        }
        let place = figment.find_metadata(&fault.path.join("."));
        fault.metadata = place.cloned().or(fault.metadata);
    }
}

/// Removes what is at a path; within a list, the whole list. Returns whether it was there.
fn leave_out(dict: &mut Dict, path: &[String]) -> bool {
    let Some((key, below)) = path.split_first() else {
        return false;
    };
    if let Some(Value::Dict(_, inner)) = dict.get_mut(key)
        && leave_out(inner, below)
    {
        return true;
    }
    dict.remove(key).is_some()
}

/// What is left of a table, as a source of its own.
struct Remaining<'r> {
    rest: &'r Dict,
    all: &'r Figment,
}

impl Provider for Remaining<'_> {
    fn metadata(&self) -> Metadata {
        let place = self.rest.keys().find_map(|key| self.all.find_metadata(key));
        place.cloned().unwrap_or_default()
    }

    fn data(&self) -> std::result::Result<Map<Profile, Dict>, rocket::figment::Error> {
        Ok([(self.all.profile().clone(), self.rest.clone())].into_iter().collect())
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
    let what = match &fault.kind {
        Kind::UnknownField(..) => what,
        _ => format!("is wrong: {what}"),
    };
    let cure = match (cure, place) {
        (Some(cure), Some(place)) => format!("{cure}, in {place}"),
        (Some(cure), None) => cure,
        (None, Some(place)) => format!("Correct it in {place}"),
        (None, None) => "Correct it".to_owned(),
    };
    Error::config(key_of(&path), what, cure)
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
        Kind::UnknownField(field, known) => {
            ("is not a setting".to_owned(), Some(instead_of(field, known)))
        }
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

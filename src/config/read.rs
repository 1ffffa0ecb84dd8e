//! Reads tables of the configuration, and explains what is wrong in them.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use rocket::figment::error::{Actual, Kind};
use rocket::figment::value::{Dict, Map, Value};
use rocket::figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use crate::error::{Error, Faults, Result};
use crate::nearest::nearest;

/// Returns `true` if the profile is `debug`, the only one in which defaults may be made up.
pub(crate) fn is_debug(figment: &Figment) -> bool {
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

/// Refuses unknown keys of `[default.security]`. `enabled` has the names of the enabled features, `features`
/// the names of all features, each with the type that enables it.
///
/// # Errors
///
/// [`Error::Config`] for each unknown key, with the setting that was most likely meant, or with how to enable
/// the feature that the table belongs to.
pub fn check_keys(figment: &Figment, enabled: &[&str], features: &[(&str, &str)]) -> Result<()> {
    let given = match figment.find_value("security") {
        Ok(Value::Dict(_, given)) => given,
        Ok(_) => {
            let cure = "Write [default.security], and its settings below";
            return Err(Error::rocket_config("security", "is not a table", cure));
        }
        Err(_) => return Ok(()),
    };
    // A feature may share a table with the settings that exist without it.
    let enabled: Vec<&str> = enabled.iter().filter(|name| !OWN.contains(name)).copied().collect();
    let known: Vec<&str> = OWN.iter().chain(&enabled).copied().collect();
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
    // Serde would accept a list instead of a table, and for a feature's table anything at all.
    for (key, value) in
        given.iter().filter(|(key, _)| is_table(key) || enabled.contains(&key.as_str()))
    {
        if !matches!(value, Value::Dict(..)) {
            let cure = format!("Write [default.security.{key}], and its settings below");
            faults.push(Error::config(key, "is not a table", cure));
        }
    }
    faults.finish()
}

/// Checks whether one of our own keys is a table.
fn is_table(key: &str) -> bool {
    const TABLES: [&str; 8] =
        ["mail", "username", "password", "session", "throttle", "tokens", "cookies", "csrf"];
    TABLES.contains(&key)
}

/// Suggests the setting that a misspelt key most likely means, or lists the known settings.
pub fn instead_of(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("Write \"{near}\", or remove it"),
        None if known.is_empty() => "Remove it".to_owned(),
        None => format!("Remove it, or use one of: {}", known.join(", ")),
    }
}

/// Reads the table `table` below `security`, and collects every error in `faults`: an invalid value is left
/// out, and the rest is read again.
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
    let mut left_out = LeftOut::default();
    loop {
        let mut path = fault.path.clone();
        if let Kind::UnknownField(field, _) = &fault.kind {
            path.push(field.clone());
        }
        if !left_out.is_cause_of(&left_out.original(&path), &fault.kind) {
            fault.path = left_out.original(&fault.path);
            faults.push(from_figment_error(table, &fault));
        }
        let removed = leave_out(&mut rest, &path)?;
        left_out.note(&removed);
        let remaining = Remaining { rest: &rest, all: figment };
        match Figment::from(remaining).select(figment.profile().clone()).extract() {
            Ok(value) => return Some(value),
            Err(next) => fault = next,
        }
        fault.metadata = place_of(figment, &left_out.original(&fault.path)).or(fault.metadata);
    }
}

/// Returns where a value is set; for an entry of a list, where the list is set.
fn place_of(figment: &Figment, path: &[String]) -> Option<Metadata> {
    (1..=path.len()).rev().find_map(|length| {
        let above = path.get(..length)?.join(".");
        figment.find_metadata(&above).cloned()
    })
}

/// A value that was removed.
struct Removed {
    path: Vec<String>,
    /// Set for an entry of a list: the entries after it have another index now.
    is_entry: bool,
}

impl Removed {
    fn within(self, key: &str) -> Self {
        Self { path: iter::once(key.to_owned()).chain(self.path).collect(), ..self }
    }
}

/// Removes the value at a path, or the closest value around it. An entry of a list is removed alone.
fn leave_out(dict: &mut Dict, path: &[String]) -> Option<Removed> {
    let (key, below) = path.split_first()?;
    let within = match dict.get_mut(key) {
        Some(Value::Dict(_, inner)) => leave_out(inner, below),
        Some(Value::Array(_, entries)) => leave_out_entry(entries, below),
        _ => None,
    };
    let removed = match within {
        Some(removed) => removed,
        None => dict.remove(key).map(|_| Removed { path: Vec::new(), is_entry: false })?,
    };
    Some(removed.within(key))
}

fn leave_out_entry(entries: &mut Vec<Value>, path: &[String]) -> Option<Removed> {
    let (key, below) = path.split_first()?;
    let index: usize = key.parse().ok()?;
    let within = match entries.get_mut(index)? {
        Value::Dict(_, inner) => leave_out(inner, below),
        _ => None,
    };
    let removed = within.unwrap_or_else(|| {
        entries.remove(index);
        Removed { path: Vec::new(), is_entry: true }
    });
    Some(removed.within(key))
}

/// What was left out so far, at its original paths.
#[derive(Default)]
struct LeftOut {
    paths: Vec<Vec<String>>,
    /// The lists that lost entries, with the original indices of these entries.
    entries: BTreeMap<Vec<String>, BTreeSet<usize>>,
}

impl LeftOut {
    /// Returns `true` if an error is a consequence of what was left out: a table may lack it now.
    fn is_cause_of(&self, path: &[String], kind: &Kind) -> bool {
        match kind {
            Kind::MissingField(field) => {
                let missing: Vec<String> =
                    path.iter().cloned().chain([field.to_string()]).collect();
                self.paths.iter().any(|before| before.starts_with(&missing))
            }
            _ => self.paths.iter().any(|before| before.starts_with(path)),
        }
    }

    fn note(&mut self, removed: &Removed) {
        let path = self.original(&removed.path);
        if removed.is_entry
            && let Some((index, list)) = path.split_last()
            && let Ok(index) = index.parse()
        {
            self.entries.entry(list.to_vec()).or_default().insert(index);
        }
        self.paths.push(path);
    }

    /// Turns a path into the original one, with the indices from before any entry was left out.
    fn original(&self, path: &[String]) -> Vec<String> {
        let mut original: Vec<String> = Vec::new();
        for part in path {
            let removed = self.entries.get(&original);
            let part = match (removed, part.parse::<usize>()) {
                (Some(removed), Ok(index)) => {
                    let behind = |index, removed: &usize| index + usize::from(*removed <= index);
                    removed.iter().fold(index, behind).to_string()
                }
                _ => part.clone(),
            };
            original.push(part);
        }
        original
    }
}

/// What is left of a table, as a provider for figment.
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

/// Turns an error of figment about the table `table` into [`Error::Config`], in our own words.
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
        (Some(cure), Some(place)) => format!("{cure} (in {place})"),
        (Some(cure), None) => cure,
        (None, Some(place)) => format!("Correct it in {place}"),
        (None, None) => "Correct it".to_owned(),
    };
    Error::config(key_of(&path), what, cure)
}

/// Formats a path as a key, such as `tokens.keys[0]`.
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

/// Explains what is wrong, with the cure if it is known. The errors of our own types are sentences about
/// "it", some with the cure as a second sentence.
pub(crate) fn explain(kind: &Kind) -> (String, Option<String>) {
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
        Kind::UnknownVariant(value, known) => (
            format!("it is \"{value}\", which is not one of its values"),
            Some(instead_of(value, known)),
        ),
        // The value is not quoted: it may be a secret that belongs one level deeper.
        Kind::InvalidType(_, expected) if expected.starts_with("struct ") => {
            ("it is not a table".to_owned(), None)
        }
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            (format!("it is {}, but must be {}", name_found(found), name_wanted(wanted)), None)
        }
        Kind::ISizeOutOfRange(found) => (format!("it is {found}, which is too small"), None),
        Kind::USizeOutOfRange(found) => (format!("it is {found}, which is too large"), None),
        Kind::MissingField(field) => (format!("it lacks \"{field}\""), None),
        kind => (kind.to_string(), None),
    }
}

fn name_found(found: &Actual) -> String {
    match found {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Str(text) => format!("\"{text}\""),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// Describes types of Rust and serde in the words of a configuration.
fn name_wanted(wanted: &str) -> &str {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "a nonzero usize" => "a whole number from 1",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "a sequence" => "a list",
        other if other.starts_with("enum ") => "one of its values, in quotes",
        other => other,
    }
}

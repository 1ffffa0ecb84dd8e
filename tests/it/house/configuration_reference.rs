//! The chapter of the guide that lists every key of the configuration is written from the documentation of the
//! structs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Serialized, Toml};
use rocket_security::features::audit::Audit;
use rocket_security::features::basic::Basic;
use rocket_security::features::change_email::ChangeEmail;
use rocket_security::features::change_password::ChangePassword;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::features::confirm::Confirm;
use rocket_security::features::invite::Invite;
use rocket_security::features::login::Login;
use rocket_security::features::logout::Logout;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::features::register::Register;
use rocket_security::features::remember::Remember;
use rocket_security::features::reset::Reset;
use rocket_security::features::sessions::Sessions;
use rocket_security::features::tickets::Tickets;
use rocket_security::features::token_keys::TokenKeys;
use rocket_security::features::track::Track;
use rocket_security::features::verify::Verify;
use rocket_security::{Config, Feature, SqlxDatastore};

use serde_json::Value;

use crate::house::source::library_files;
use crate::support::{ReadReports, WriteReports};

const CHAPTER: &str = "src/guide/configuration.md";

/// What stands in the chapter before the first key, and after the last one.
const MARK: &str = "<!-- keys -->\n";

/// A key, what it sets, and its default.
struct Key {
    name: String,
    sets: String,
    default: String,
}

/// Returns the keys of each table: the fields of each struct whose documentation names a table, but those that
/// are tables of their own.
fn tables() -> BTreeMap<String, Vec<Key>> {
    let mut tables = BTreeMap::<String, Vec<Key>>::new();
    for (_, path) in library_files() {
        let source = fs::read_to_string(&path).unwrap();
        let (mut docs, mut table, mut is_skipped) = (String::new(), None, false);
        for line in source.lines() {
            let code = line.trim();
            if let Some(doc) = code.strip_prefix("///") {
                docs = format!("{docs} {}", doc.trim());
                continue;
            }
            if line.starts_with("pub struct ") || line.starts_with("struct ") {
                table = table_in(&docs);
            } else if line.starts_with('}') {
                table = None;
            } else if let (Some(table), Some((field, kind))) = (&table, field_in(line))
                && !is_skipped
            {
                let key = key(field, &docs);
                let is_table = kind.ends_with("Config");
                assert!(key.is_some() || is_table, "{table}.{field} names no _Default:_");
                tables.entry(table.clone()).or_default().extend(key);
            }
            is_skipped = code == "#[serde(skip)]";
            if !code.starts_with("#[") && !code.ends_with(")]") {
                docs.clear();
            }
        }
    }
    tables
}

/// Returns the table that a documentation names first: `security`, or `security.mail`.
fn table_in(docs: &str) -> Option<String> {
    let name = docs.split_once("[default.")?.1.split_once(']')?.0;
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
    (name.starts_with("security") && is_plain).then(|| name.to_owned())
}

/// Returns the name and the type of a field that a configuration can set.
fn field_in(line: &str) -> Option<(&str, &str)> {
    let (name, kind) = line.strip_prefix("    ")?.strip_suffix(',')?.split_once(": ")?;
    let name = name.strip_prefix("pub ").unwrap_or(name);
    let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_name.then_some((name, kind))
}

fn key(name: &str, docs: &str) -> Option<Key> {
    let (sets, default) = docs.split_once("_Default:_")?;
    let sets = without_links(sets);
    let first = sets.split_inclusive(". ").next().unwrap_or_default();
    Some(Key {
        name: name.to_owned(),
        sets: first.trim().to_owned(),
        default: without_links(default).trim().trim_end_matches('.').to_owned(),
    })
}

/// Returns a documentation with the text of its links alone, on one line of a table.
fn without_links(docs: &str) -> String {
    let mut text = String::new();
    let mut rest = docs;
    while let Some((before, link)) = rest.split_once("[`") {
        let (label, after) = link.split_once("`]").unwrap_or((link, ""));
        text.push_str(&format!("{before}`{label}`"));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    text.push_str(rest);
    text.replace('|', "\\|")
}

fn reference() -> String {
    let mut text = String::new();
    for (table, keys) in tables() {
        text.push_str(&format!(
            "\n# `[default.{table}]`\n\n| key | what it does | default |\n|---|---|---|\n"
        ));
        for Key { name, sets, default } in keys {
            text.push_str(&format!("| `{name}` | {sets} | {default} |\n"));
        }
    }
    text
}

/// Returns the value that a documented default names, if it names one for every profile: `"1h"` of `"1h"` (NIST ...).
fn literal(default: &str) -> Option<&str> {
    if default.contains(" in the debug profile") {
        return None;
    }
    let (value, more) = match default.strip_prefix('`') {
        Some(code) => code.split_once('`')?,
        None => {
            default.split_at(default.find(|c: char| !c.is_ascii_digit()).unwrap_or(default.len()))
        }
    };
    let begins = |c: char| c.is_ascii_digit() || "\"[tf".contains(c);
    // `32 for each thread` is no value.
    let is_whole = more.is_empty() || more.trim_start().starts_with(['(', ';']);
    (value.starts_with(begins) && is_whole).then_some(value)
}

/// Returns what a launch reads, as text, from a configuration with this line in this table. `None` if it cannot
/// be read.
fn read(table: &str, line: &str) -> Option<String> {
    let toml = format!("[default.{table}]\n{line}\n");
    let figment = Figment::from(rocket::Config::debug_default());
    let figment = figment.merge(Toml::string(&toml).nested()).select("debug");
    // The settings of a feature are laid over those that the code chose.
    macro_rules! feature {
        ($($feature:expr),*) => {$(
            if table == format!("security.{}", name_of(&$feature)) {
                let base = Figment::from(Serialized::default(table, $feature));
                let settings: Value = base.merge(&figment).extract_inner(table).ok()?;
                let settings = same_type(&$feature, serde_json::from_value(settings).ok()?);
                return serde_json::to_string(&settings).ok();
            }
        )*};
    }
    feature!(
        Audit::default(),
        Basic::default(),
        ChangeEmail::default(),
        ChangePassword::default(),
        ChangeUsername::default(),
        CloseAccount::default(),
        Confirm::default(),
        Invite::default(),
        Login::default(),
        Logout::default(),
        PersonalTokens::default().scopes::<(ReadReports, WriteReports)>(),
        RecoverUsername::default(),
        Register::default(),
        Remember::default(),
        Reset::default(),
        Sessions::default(),
        Tickets::default(),
        TokenKeys::default(),
        Track::default(),
        Verify::default()
    );
    Some(format!("{:?}", Config::from_figment(&figment).ok()?))
}

fn name_of<F: Feature<SqlxDatastore>>(_feature: &F) -> &'static str {
    F::NAME
}

fn same_type<F>(_feature: &F, settings: F) -> F {
    settings
}

#[test]
fn a_documented_default_is_what_a_launch_without_the_key_uses() {
    let mut compared = 0;
    for (table, keys) in tables() {
        // An entry of a list has no defaults without what is required in it.
        if ["security.tokens.keys", "security.tokens.trusted"].contains(&table.as_str()) {
            continue;
        }
        for Key { name, default, .. } in keys {
            if let Some(value) = literal(&default) {
                let written = read(&table, &format!("{name} = {value}"));
                assert!(written.is_some(), "{table}.{name} = {value}");
                assert_eq!(read(&table, ""), written, "{table}.{name} = {value}");
                let nonsense = read(&table, &format!("{name} = {{ nonsense = [{{}}] }}"));
                assert_eq!(nonsense, None, "{table}.{name} is not read");
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared}");
}

/// To write the keys anew, run it with `WRITE_CONFIGURATION_REFERENCE=1`.
#[test]
fn the_chapter_has_every_key_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHAPTER);
    let chapter = fs::read_to_string(&path).unwrap();
    let mut parts = chapter.split(MARK);
    let (before, keys, after) = (parts.next(), parts.next(), parts.next());
    let (Some(before), Some(keys), Some(after)) = (before, keys, after) else {
        panic!("{CHAPTER} has no keys between two lines {MARK:?}");
    };
    let written = reference();
    assert!(written.matches("\n| `").count() > 90, "{written}");
    if std::env::var_os("WRITE_CONFIGURATION_REFERENCE").is_some() {
        fs::write(&path, format!("{before}{MARK}{written}{MARK}{after}")).unwrap();
        return;
    }
    assert_eq!(keys, written, "run this test with WRITE_CONFIGURATION_REFERENCE=1");
}

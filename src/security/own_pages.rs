//! Our own pages: their URLs and templates, and the document of public keys.

use std::path::PathBuf;

use rocket::figment::Figment;
use rocket::http::Method;

use crate::error::{Error, Result};
use crate::feature::Feature;
use crate::features::all_templates;
use crate::features::token_keys::TokenKeys;
use crate::nearest::nearest;
use crate::security::registry::Configured;
use crate::template::{SHARED, Templates, strangers};
use crate::web::Urls;
use crate::web::page::functions::{STYLESHEET, register_functions};

/// The feature whose document can be moved.
const TOKEN_KEYS: &str = <TokenKeys as Feature<()>>::NAME;

pub(super) fn offered<D>(features: &[Box<dyn Configured<D>>]) -> Vec<&'static str> {
    features.iter().filter(|it| it.is_offered()).map(|it| it.name()).collect()
}

pub(super) fn urls<D>(features: &[Box<dyn Configured<D>>]) -> Urls {
    let mut urls: Urls = features.iter().flat_map(|feature| feature.urls()).collect();
    urls.insert("stylesheet", STYLESHEET.to_owned());
    urls
}

pub(super) fn load_templates<D>(
    features: &[Box<dyn Configured<D>>],
    urls: &Urls,
    figment: &Figment,
) -> Result<Templates> {
    let folder: PathBuf = figment
        .extract_inner::<rocket::figment::value::magic::RelativePathBuf>("template_dir")
        .map_or_else(|_| PathBuf::from("templates"), |path| path.relative());
    let embedded = features.iter().flat_map(|feature| feature.templates()).chain(SHARED).copied();
    let known: Vec<&str> = embedded.clone().chain(all_templates()).map(|(name, _)| name).collect();
    for name in strangers(&folder, &known)? {
        // All of them are in the same folder, which must not make names look more alike.
        let within = known.iter().filter_map(|name| name.strip_prefix("security/"));
        let near = nearest(name.strip_prefix("security/").unwrap_or(&name), within);
        let near = near
            .map_or(String::new(), |near| format!("; most likely it is meant for security/{near}"));
        log::warn!(
            "{}: replaces none of the templates of rocket_security, and no template names it{near}. \
             Rename it, or keep templates of your own outside security/",
            folder.join(&name).display()
        );
    }
    Templates::load(embedded, &folder, |tera| register_functions(tera, urls.clone()))
}

/// Refuses a path for the document of public keys that belongs to one of our pages, which would be shown
/// instead.
pub(super) fn check_document<D>(features: &[Box<dyn Configured<D>>]) -> Result<()> {
    let others = features.iter().filter(|it| it.name() != TOKEN_KEYS);
    let pages = others.flat_map(|it| it.routes()).filter(|it| it.method == Method::Get);
    let taken: Vec<String> = pages.map(|page| page.uri.path().to_owned()).collect();
    let is_taken =
        |path: &str| path == STYLESHEET || taken.iter().any(|taken| leads_to(taken, path));
    let document = features.iter().filter(|it| it.name() == TOKEN_KEYS);
    let places = document.flat_map(|it| it.routes());
    match places.map(|it| it.uri.path().to_owned()).find(|path| is_taken(path)) {
        None => Ok(()),
        Some(path) => Err(Error::config(
            "token_keys.path",
            format!("is \"{path}\", the path of another page of this crate"),
            "Remove it, or choose a path that is free",
        )),
    }
}

/// Returns `true` if the path of a route, such as `/confirm/<token>`, matches this path.
fn leads_to(route: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for wanted in route.split('/') {
        let is_parameter = wanted.starts_with('<');
        if is_parameter && wanted.ends_with("..>") {
            return true;
        }
        match parts.next() {
            Some(part) if is_parameter || part == wanted => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

//! The functions that templates can call.

use std::collections::HashMap;

use serde_json::Value;
use tera::Tera;

use crate::error::{Error, Result};
use crate::web::csrf;
use crate::web::site::{Site, Urls};

/// The path of the framework's stylesheet.
pub(crate) const STYLESHEET: &str = "/security/style.css";

/// Adds `security_url(name="…")`, `csrf_field(token=csrf_token)` and the partial `security/_logout.html` to a
/// Tera engine.
///
/// # Errors
///
/// [`Error::Template`] if Tera does not accept the partial.
pub fn extend(tera: &mut Tera, site: &Site) -> Result<()> {
    register_functions(tera, site.urls.clone());
    let partial = include_str!("../../../templates/security/_logout.html");
    tera.add_raw_template("security/_logout.html", partial).map_err(Error::template)
}

/// Adds `security_url(name="…")` and `csrf_field(token=csrf_token)` to a Tera engine.
pub(crate) fn register_functions(tera: &mut Tera, urls: Urls) {
    tera.register_function("security_url", UrlFunction(urls));
    tera.register_function("csrf_field", CsrfField);
}

/// Writes the hidden field that every form begins with.
struct CsrfField;

impl tera::Function for CsrfField {
    fn call(&self, arguments: &HashMap<String, Value>) -> tera::Result<Value> {
        match arguments.get("token").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => Ok(Value::String(format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                csrf::FIELD,
                tera::escape_html(token)
            ))),
            _ => Err(tera::Error::msg("csrf_field needs the token: csrf_field(token=csrf_token)")),
        }
    }

    /// The result is HTML, and the token in it is escaped.
    fn is_safe(&self) -> bool {
        true
    }
}

struct UrlFunction(Urls);

impl tera::Function for UrlFunction {
    fn call(&self, arguments: &HashMap<String, Value>) -> tera::Result<Value> {
        let name = arguments.get("name").and_then(Value::as_str).unwrap_or_default();
        match self.0.get(name) {
            Some(path) => Ok(Value::String(path.clone())),
            None => Err(tera::Error::msg(format!(
                "security_url knows no \"{name}\"; it knows: {}",
                self.0.keys().copied().collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The framework's paths contain no characters that are special in HTML.
    fn is_safe(&self) -> bool {
        true
    }
}

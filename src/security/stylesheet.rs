//! The stylesheet of our own pages.

use rocket::http::Header;
use rocket::{Route, State, get, routes};

use crate::error::Result;
use crate::security::access_map::GuardCheck;
use crate::template::Templates;

/// The stylesheet, rendered once.
pub(super) struct Stylesheet(String);

impl Stylesheet {
    /// Renders it.
    ///
    /// # Errors
    ///
    /// [`Error::Template`](crate::Error::Template) if the application's own has a fault.
    pub(super) fn render(templates: &Templates) -> Result<Self> {
        templates.render("security/style.css", &serde_json::json!({})).map(Self)
    }

    /// Returns its route.
    pub(super) fn routes() -> Vec<Route> {
        routes![style]
    }
}

#[get("/security/style.css")]
fn style(_at_launch: GuardCheck, stylesheet: &State<Stylesheet>) -> StyleReply {
    StyleReply {
        css: stylesheet.0.clone(),
        cache: Header::new("Cache-Control", "public, max-age=3600"),
        sniff: Header::new("X-Content-Type-Options", "nosniff"),
    }
}

#[derive(rocket::Responder)]
#[response(content_type = "css")]
struct StyleReply {
    css: String,
    cache: Header<'static>,
    sniff: Header<'static>,
}

//! Keeps the contents of a form in the browser while its user authenticates again.

use rocket::Request;
use rocket::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::session;
use crate::session::{Current, cookie};
use crate::user::UserId;
use crate::web::page::builder::Page;
use crate::web::site::Site;

impl Page {
    /// Keeps the contents of the form in the browser while its user authenticates again. The page with the
    /// same path then shows them again. Contents that do not fit into a cookie are lost.
    pub(crate) fn keep_form(&self, request: &Request<'_>, site: &Site) {
        if let Some(Value::Object(fields)) = self.context.get("form") {
            keep_fields(fields.clone(), request, site);
        }
    }
}

/// Keeps these fields in the browser, for the page with the path of `request`.
pub(crate) fn keep_fields(fields: Map<String, Value>, request: &Request<'_>, site: &Site) {
    let path = request.uri().path().to_string();
    let kept = KeptForm { user: current_user(request), path, fields };
    match site.sessions().cookies().form(&kept) {
        Ok(Some(cookie)) => cookie::set(request, cookie),
        Ok(None) => {}
        Err(fault) => log::error!("{fault}"),
    }
}

/// Returns the contents of this page's form, kept while its user authenticated again. They are returned once.
pub(super) fn kept_form(request: &Request<'_>, site: &Site) -> Option<Map<String, Value>> {
    let cookies = site.sessions().cookies();
    let kept: KeptForm = cookies.open_form(request)?;
    if request.method() != Method::Get || kept.path != request.uri().path().as_str() {
        return None;
    }
    site.sessions().bury_form(request);
    (kept.user == current_user(request)).then_some(kept.fields)
}

fn current_user(request: &Request<'_>) -> Option<UserId> {
    session::loaded(request).and_then(Current::active).map(|active| active.user.id)
}

/// The contents of a form, for the page with this path.
#[derive(Serialize, Deserialize)]
struct KeptForm {
    user: Option<UserId>,
    path: String,
    fields: Map<String, Value>,
}

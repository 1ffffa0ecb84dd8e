//! Builds a page from a template.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use rocket::http::Status;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::rejection::Rejection;

/// A page rendered from a template: one of the framework's, or any below the application's template folder.
///
/// Return it from a handler. Pass variables with [`with`](Page::with):
///
/// ```
/// use rocket::get;
/// use rocket_security::{AuthUser, Page};
///
/// #[get("/drafts")]
/// fn drafts(user: AuthUser) -> Page {
///     Page::new("drafts.html").with("count", 3)
/// }
/// ```
///
/// Every template also has the variables `csrf_token`, `current_user`, `site_name`, `features` and `notice`.
/// It can call `security_url(name="login")` and `csrf_field(token=csrf_token)`, which has to be the first
/// element of every form, and include `security/_logout.html`. `current_user` is the logged-in user, even if
/// the route has no guard.
#[derive(Clone)]
pub struct Page {
    template: Cow<'static, str>,
    status: Status,
    pub(super) context: Map<String, Value>,
    has_script: bool,
}

/// Leaves out the variables, because they may contain a live token.
impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("template", &self.template).finish_non_exhaustive()
    }
}

impl Page {
    /// Creates a page from the template with this name.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self {
            template: template.into(),
            status: Status::Ok,
            context: Map::new(),
            has_script: false,
        }
    }

    /// Sets the variable `key` to `value`. A value that cannot be serialized becomes null.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.context.insert(key.to_owned(), json!(value));
        self
    }

    /// Allows the page to run scripts from files of this site, which can send requests to it, as passkeys
    /// need.
    ///
    /// Without it, the content security policy allows neither. Inline scripts are never allowed. It affects
    /// only pages below `security/`, for which the framework sets the policy.
    pub fn scripted(mut self) -> Self {
        self.has_script = true;
        self
    }

    pub(crate) fn has_script(&self) -> bool {
        self.has_script
    }

    /// Returns the name of the template.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Sets the status of the answer.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Shows the submitted values in the form again.
    pub(crate) fn typed(self, typed: BTreeMap<String, String>) -> Self {
        self.with("form", typed)
    }

    /// Shows a rejection above the form and beside its fields.
    pub(crate) fn refused(self, rejection: &Rejection, text: &str) -> Self {
        if let Rejection::LinkUsed(done) = rejection {
            return self.status(rejection.status()).with("used", done.to_string());
        }
        let errors: Vec<Value> = match rejection {
            Rejection::InvalidInput(errors) => errors
                .iter()
                .map(|error| json!({"field": error.field, "text": error.text.to_string()}))
                .collect(),
            _ => vec![json!({"field": "", "text": text})],
        };
        self.status(rejection.status()).with("errors", errors)
    }

    pub(crate) fn status_code(&self) -> Status {
        self.status
    }
}

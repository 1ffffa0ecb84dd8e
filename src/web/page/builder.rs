//! A page as a handler puts it together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use rocket::http::Status;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::rejection::Rejection;

/// A page made from a template: one of ours, or any below the application's template folder.
///
/// Besides what is put in [`with`](Page::with), a template sees `csrf_token`, `current_user`,
/// `site_name`, `features` and `notice`, can call `security_url(name="login")` and
/// `csrf_field(token=csrf_token)`, the first element of every form, and include
/// `security/_logout.html`. `current_user` is the logged-in user, whether or not the route has a guard.
///
/// ```
/// # use rocket::get;
/// use rocket_security::AuthUser;
/// use rocket_security::Page;
///
/// #[get("/drafts")]
/// fn drafts(user: AuthUser) -> Page {
///     Page::new("drafts.html").with("count", 3)
/// }
/// ```
#[derive(Clone)]
pub struct Page {
    template: Cow<'static, str>,
    status: Status,
    pub(super) context: Map<String, Value>,
    has_script: bool,
}

/// What a template sees may be a live token: it does not print.
impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("template", &self.template).finish_non_exhaustive()
    }
}

impl Page {
    /// Makes a page from the template of that name.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self {
            template: template.into(),
            status: Status::Ok,
            context: Map::new(),
            has_script: false,
        }
    }

    /// Lets the template see `value` as `key`. A value that cannot be serialised is null.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.context.insert(key.to_owned(), json!(value));
        self
    }

    /// Lets the page run scripts from files of this site, and lets these send requests to it, as a passkey
    /// needs. Its content security policy allows neither for any other page, and inline scripts for none.
    ///
    /// It concerns the pages below `security/`, which have a policy of ours.
    pub fn scripted(mut self) -> Self {
        self.has_script = true;
        self
    }

    pub(crate) fn has_script(&self) -> bool {
        self.has_script
    }

    /// Returns the name of its template.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Answers with that status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Shows what was typed into the form before.
    pub(crate) fn typed(self, typed: BTreeMap<String, String>) -> Self {
        self.with("form", typed)
    }

    /// Says what is wrong, above the form and beside its fields.
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

//! Pages from templates: ours, and those of the application.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use rocket::http::{Method, Status};
use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tera::Tera;

use crate::error::{Error, Result};
use crate::rejection::Rejection;
use crate::session;
use crate::session::{Current, cookie};
use crate::user::UserId;
use crate::web::demand::{Demand, demands};
use crate::web::{Urls, Web, csrf, is_unattached, presentation};

/// The path of our stylesheet.
pub(crate) const STYLESHEET: &str = "/security/style.css";

/// A page made from a template: one of ours, or any below the application's template folder.
///
/// Besides what is put in [`with`](Page::with), a template sees `csrf_token`, `current_user`,
/// `site_name`, `features` and `notice`, can call `security_url(name="login")` and
/// `csrf_field(token=csrf_token)`, the first element of every form, and include
/// `security/_logout.html`. `current_user` is whoever is logged in, whether or not the route has a guard.
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
    context: Map<String, Value>,
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

    pub(super) fn has_script(&self) -> bool {
        self.has_script
    }

    /// Gives the name of its template.
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

    /// Keeps what was typed in the browser while its user proves that it is still them: the page of
    /// the same path then shows it again. What is too much for a cookie is typed again.
    pub(crate) fn keep_form(&self, request: &Request<'_>, web: &Web) {
        if let Some(Value::Object(fields)) = self.context.get("form") {
            keep_fields(fields.clone(), request, web);
        }
    }

    /// Says what is wrong, above the form and beside its fields.
    pub(crate) fn refused(self, rejection: &Rejection, text: &str) -> Self {
        if let Rejection::LinkUsed(done) = rejection {
            return self.status(rejection.status()).with("used", done);
        }
        let errors: Vec<Value> = match rejection {
            Rejection::InvalidInput(errors) => errors
                .iter()
                .map(|error| json!({"field": error.field, "text": error.text}))
                .collect(),
            _ => vec![json!({"field": "", "text": text})],
        };
        self.status(rejection.status()).with("errors", errors)
    }

    pub(super) fn status_code(&self) -> Status {
        self.status
    }

    /// Returns everything that the template sees.
    pub(super) fn full_context(self, request: &Request<'_>, web: &Web, csrf_token: &str) -> Value {
        let form = kept_form(request, web).unwrap_or_default();
        let mut context = json!({"form": form, "errors": [], "next": null});
        let shared = json!(PageContext::of(request, web, csrf_token.to_owned()));
        if let (Value::Object(context), Value::Object(shared)) = (&mut context, shared) {
            context.extend(shared);
            context.extend(self.context);
        }
        context
    }
}

/// What our templates see on every page, as a guard and a value to serialise: for an application
/// that renders with an engine of its own.
///
/// Put it into that engine's context, and [`extend`] its Tera with our function and partial.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PageContext {
    /// The name of the site.
    pub site_name: String,
    /// The anti-forgery token for the first field of every form.
    pub csrf_token: String,
    /// Who the request is from, by whichever mechanism a guard before this one let them in, or else
    /// who is logged in: a [`UserPayload`](crate::user::UserPayload), or what the application's
    /// [`Presentation`](crate::Presentation) gives in its place.
    pub current_user: Option<Value>,
    /// A sentence left by the page before, shown once.
    pub notice: Option<Notice>,
    /// The names of the features that are enabled.
    pub features: Vec<&'static str>,
}

impl PageContext {
    fn of(request: &Request<'_>, web: &Web, csrf_token: String) -> Self {
        let sessions = web.sessions();
        let notice: Option<Notice> = sessions.cookies().open_notice(request);
        if notice.is_some() {
            cookie::set(request, sessions.cookies().without_notice());
        }
        let current_user = presentation::current_user(request);
        let notice = notice.filter(|notice| !notice.is_for_guests || current_user.is_none());
        Self {
            site_name: web.config().site_name.clone(),
            csrf_token,
            current_user,
            notice,
            features: web.features.clone(),
        }
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for PageContext {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let Some(web) = request.rocket().state::<Web>() else {
            return Outcome::Error((Status::InternalServerError, Rejection::Unavailable));
        };
        if let Err(rejection) = presentation::current(request, web).await {
            let rejection = rejection.remember(request);
            return Outcome::Error((rejection.status(), rejection));
        }
        match web.sessions().csrf_token(request) {
            Ok(csrf_token) => Outcome::Success(Self::of(request, web, csrf_token)),
            Err(fault) => {
                let rejection = Rejection::from(fault).remember(request);
                Outcome::Error((rejection.status(), rejection))
            }
        }
    }
}

impl Sentinel for PageContext {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        demands(rocket, Demand::tool("PageContext"), || is_unattached::<Self>(rocket))
    }
}

/// What was typed into the form of a page, for the page of that path.
#[derive(Serialize, Deserialize)]
struct KeptForm {
    user: Option<UserId>,
    path: String,
    fields: Map<String, Value>,
}

/// Gives what was typed into the form of this very page before its user proved that it is still
/// them. It is shown once.
fn kept_form(request: &Request<'_>, web: &Web) -> Option<Map<String, Value>> {
    let cookies = web.sessions().cookies();
    let kept: KeptForm = cookies.open_form(request)?;
    if request.method() != Method::Get || kept.path != request.uri().path().as_str() {
        return None;
    }
    web.sessions().bury_form(request);
    (kept.user == current_user(request)).then_some(kept.fields)
}

/// Keeps these fields in the browser for the page of the path of `request`.
pub(crate) fn keep_fields(fields: Map<String, Value>, request: &Request<'_>, web: &Web) {
    let path = request.uri().path().to_string();
    let kept = KeptForm { user: current_user(request), path, fields };
    match web.sessions().cookies().form(&kept) {
        Ok(Some(cookie)) => cookie::set(request, cookie),
        Ok(None) => {}
        Err(fault) => log::error!("{fault}"),
    }
}

fn current_user(request: &Request<'_>) -> Option<UserId> {
    session::loaded(request).and_then(Current::active).map(|active| active.user.id)
}

/// A sentence for the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `success`, `info` or `error`.
    pub level: Cow<'static, str>,
    /// The sentence.
    pub text: Cow<'static, str>,
    /// Whether it means nothing to a user who is logged in.
    #[serde(default)]
    is_for_guests: bool,
}

impl Notice {
    /// Something was done.
    pub const fn success(text: &'static str) -> Self {
        Self { level: Cow::Borrowed("success"), text: Cow::Borrowed(text), is_for_guests: false }
    }

    /// Something was done, to what the sentence names.
    pub fn success_of(text: String) -> Self {
        Self { level: Cow::Borrowed("success"), text: Cow::Owned(text), is_for_guests: false }
    }

    /// Something is to be known.
    pub const fn info(text: &'static str) -> Self {
        Self { level: Cow::Borrowed("info"), text: Cow::Borrowed(text), is_for_guests: false }
    }

    /// Keeps it from users who are logged in, such as in another tab since it was left.
    pub(crate) fn for_guests(self) -> Self {
        Self { is_for_guests: true, ..self }
    }
}

/// Adds `security_url(name="…")`, `csrf_field(token=csrf_token)` and the partial
/// `security/_logout.html` to a Tera engine.
///
/// # Errors
///
/// [`Error::Template`] when Tera does not take the partial.
pub fn extend(tera: &mut Tera, web: &Web) -> Result<()> {
    register_functions(tera, web.urls.clone());
    let partial = include_str!("../../templates/security/_logout.html");
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

    /// It is markup, and what it was given is escaped.
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

    /// Our paths hold nothing that HTML would take for markup.
    fn is_safe(&self) -> bool {
        true
    }
}

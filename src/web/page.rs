//! Pages from templates: ours, and those of the application.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use rocket::Ignite;
use rocket::Request;
use rocket::Response;
use rocket::Rocket;
use rocket::Sentinel;
use rocket::async_trait;
use rocket::http::ContentType;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request;
use rocket::request::FromRequest;
use rocket::response;
use rocket::response::Responder;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tera::Tera;

use crate::error::Result;
use crate::rejection::Rejection;
use crate::session;
use crate::session::Current;
use crate::session::cookie;
use crate::user::UserPayload;
use crate::web::Urls;
use crate::web::Web;
use crate::web::is_unattached;

/// The path of our stylesheet.
pub(crate) const STYLESHEET: &str = "/security/style.css";

/// A page made from a template: one of ours, or any below the application's template folder.
///
/// Besides what is put in [`with`](Page::with), a template sees `csrf_token`, `current_user`,
/// `site_name`, `features` and `notice`, and can call `security_url(name="login")` and include
/// `security/_logout.html`. So that `current_user` is known, the handler names a guard that asks
/// for it: `AuthUser`, `Maybe<AuthUser>` or [`PageContext`].
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
        Self { template: template.into(), status: Status::Ok, context: Map::new() }
    }

    /// Lets the template see `value` as `key`. A value that cannot be serialised is null.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.context.insert(key.to_owned(), json!(value));
        self
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
    pub(crate) fn refused(self, rejection: &Rejection) -> Self {
        let errors: Vec<Value> = match rejection {
            Rejection::InvalidInput(errors) => errors
                .iter()
                .map(|error| json!({"field": error.field, "text": error.text}))
                .collect(),
            other => vec![json!({"field": "", "text": other.text()})],
        };
        self.status(rejection.status()).with("errors", errors)
    }

    /// Renders the page as it answers `request`.
    pub(crate) fn render<'r>(self, request: &Request<'_>) -> response::Result<'r> {
        let Some(web) = request.rocket().state::<Web>() else {
            log::error!("a page was rendered without `Security::fairing()` attached");
            return Err(Status::InternalServerError);
        };
        let (template, status) = (self.template.clone(), self.status);
        let is_ours = template.starts_with("security/");
        let without_randomness = |fault| {
            log::error!("{fault}");
            Status::ServiceUnavailable
        };
        let offer = web.sessions().offer_csrf_token(request).map_err(without_randomness)?;
        let context = self.full_context(request, web, &offer.csrf_token);
        let html = web.templates.render(&template, &context).map_err(|fault| {
            log::error!("the page {template} failed: {fault:?}");
            Status::InternalServerError
        })?;
        let is_personal = session::loaded(request).is_some_and(|it| it.active().is_some());
        let has_token = html.contains(&offer.csrf_token);
        if has_token {
            web.sessions().accept(request, &offer).map_err(without_randomness)?;
        }
        let mut response = Response::build();
        response.status(status).header(ContentType::HTML);
        response.sized_body(html.len(), std::io::Cursor::new(html));
        response.raw_header("Vary", "Cookie, Accept");
        if has_token || is_personal {
            response.raw_header("Cache-Control", "no-store");
        }
        if is_ours {
            protect(request, PAGE_CSP);
        }
        response.ok()
    }

    fn full_context(self, request: &Request<'_>, web: &Web, csrf_token: &str) -> Value {
        let mut context = json!({"form": {}, "errors": [], "next": null});
        let shared = json!(PageContext::of(request, web, csrf_token.to_owned()));
        if let (Value::Object(context), Value::Object(shared)) = (&mut context, shared) {
            context.extend(shared);
            context.extend(self.context);
        }
        context
    }
}

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        self.render(request)
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
    /// Who is logged in.
    pub current_user: Option<UserPayload>,
    /// A sentence left by the page before, shown once.
    pub notice: Option<Notice>,
    /// The names of the features that are enabled.
    pub features: Vec<&'static str>,
}

impl PageContext {
    fn of(request: &Request<'_>, web: &Web, csrf_token: String) -> Self {
        let sessions = web.sessions();
        let notice = sessions.cookies().open_notice(request);
        if notice.is_some() {
            cookie::set(request, sessions.cookies().without_notice());
        }
        Self {
            site_name: web.config().site_name.clone(),
            csrf_token,
            current_user: session::loaded(request)
                .and_then(Current::active)
                .map(|it| UserPayload::from(&it.user)),
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
        web.sessions().current(request).await;
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
        is_unattached::<Self>(rocket)
    }
}

/// A sentence for the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `success`, `info` or `error`.
    pub level: Cow<'static, str>,
    /// The sentence.
    pub text: Cow<'static, str>,
}

impl Notice {
    /// Something was done.
    pub const fn success(text: &'static str) -> Self {
        Self { level: Cow::Borrowed("success"), text: Cow::Borrowed(text) }
    }

    /// Something is to be known.
    pub const fn info(text: &'static str) -> Self {
        Self { level: Cow::Borrowed("info"), text: Cow::Borrowed(text) }
    }
}

/// Adds `security_url(name="…")` and the partial `security/_logout.html` to a Tera engine.
///
/// # Errors
///
/// [`Error::Template`](crate::Error::Template) when Tera does not take the partial.
pub fn extend(tera: &mut Tera, web: &Web) -> Result<()> {
    register_url_function(tera, web.urls.clone());
    let partial = include_str!("../../templates/security/_logout.html");
    Ok(tera.add_raw_template("security/_logout.html", partial)?)
}

/// Adds `security_url(name="…")` to a Tera engine.
pub(crate) fn register_url_function(tera: &mut Tera, urls: Urls) {
    tera.register_function("security_url", UrlFunction(urls));
}

struct UrlFunction(Urls);

impl tera::Function for UrlFunction {
    fn call(&self, arguments: &std::collections::HashMap<String, Value>) -> tera::Result<Value> {
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

const PAGE_CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                        base-uri 'none'; frame-ancestors 'none'";

/// The policy of answers that are no page.
pub(crate) const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'";

/// Notes that the answer is ours and has that content security policy.
pub(crate) fn protect(request: &Request<'_>, csp: &'static str) {
    request.local_cache(|| Protected(Some(csp)));
}

/// Sets the headers of our own answers (ASVS 5.0, chapters V3.4 and V14.3), over those that
/// Rocket's shield gives all of them.
pub(crate) fn finish(request: &Request<'_>, web: &Web, response: &mut Response<'_>) {
    let Protected(Some(csp)) = *request.local_cache(|| Protected(None)) else {
        return;
    };
    for (name, value) in [
        ("Content-Security-Policy", csp),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ] {
        response.set_raw_header(name, value);
    }
    if web.is_https() {
        response.set_raw_header("Strict-Transport-Security", "max-age=31536000");
    }
}

/// The policy of an answer of ours; none for any other.
struct Protected(Option<&'static str>);

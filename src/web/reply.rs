//! Answers: page, redirect or JSON from one value.

use std::fmt;

use rocket::http::{ContentType, Method, Status};
use rocket::response::Responder;
use rocket::{Request, Response, response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::ErrorStyle;
use crate::error::Error;
use crate::rejection::{FieldErrors, Rejection};
use crate::session::cookie;
use crate::text::Text;
use crate::web::error_style::{Refusal, enveloped};
use crate::web::next::Next;
use crate::web::page::builder::Page;
use crate::web::page::kept_form::keep_fields;
use crate::web::page::notice::Notice;
use crate::web::presentation::{Instead, Rendering};
use crate::web::protection::{Protection, protect};
use crate::web::request::{has_page, is_of_script, page_above, wants_json};
use crate::web::site::Site;
use crate::web::{challenge, csrf, form_start};

/// The result of a handler that answers with a [`Reply`], or a rejection.
pub type HandlerResult = Result<Reply, Refused>;

/// A successful answer: a page or a redirect for browsers, JSON for requests that want it.
///
/// The JSON has the format of Flask-Security: `{"meta": {"code": 200}, "response": {…}}`, with the
/// anti-forgery (CSRF) token in `response.csrf_token`.
///
/// ```
/// use rocket_security::web::Reply;
/// use rocket_security::web::next::Next;
///
/// let reply = Reply::redirect(Next::home()).with("saved", true);
/// # drop(reply);
/// ```
pub struct Reply {
    view: Rendering,
    response: Map<String, Value>,
    has_csrf_token: bool,
    has_referrer: bool,
    notice: Option<Notice>,
}

/// Prints only the keys, because the values may contain tokens.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says: Vec<&String> = self.response.keys().collect();
        f.debug_struct("Reply").field("says", &says).finish_non_exhaustive()
    }
}

impl Reply {
    /// Creates an answer that shows a page.
    pub fn page(page: Page) -> Self {
        Self::new(Rendering::Page(page))
    }

    /// Creates an answer that redirects to another page, with status 303.
    pub fn redirect(next: Next) -> Self {
        Self::new(Rendering::Redirect(next))
    }

    /// Creates an answer in JSON, whatever the request wants. For routes that only programs use.
    pub fn data() -> Self {
        Self::new(Rendering::Data)
    }

    /// Sets the member `key` in the `response` of the JSON.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.response.insert(key.to_owned(), json!(value));
        self
    }

    /// Leaves the anti-forgery token out of the JSON.
    pub fn without_csrf_token(mut self) -> Self {
        self.has_csrf_token = false;
        self
    }

    /// Tells the browser not to send `Referer` after the redirect.
    pub fn without_referrer(mut self) -> Self {
        self.has_referrer = false;
        self
    }

    /// Sets a notice to show on the page after the redirect.
    pub fn notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    fn new(view: Rendering) -> Self {
        let (has_csrf_token, has_referrer) = (true, true);
        Self { view, response: Map::new(), has_csrf_token, has_referrer, notice: None }
    }

    fn json(mut self, request: &Request<'_>, site: &Site) -> response::Result<'static> {
        if self.has_csrf_token {
            let token = site.sessions().csrf_token(request).map_err(|fault| {
                log::error!("{fault}");
                Status::ServiceUnavailable
            })?;
            self.response.insert("csrf_token".to_owned(), Value::String(token));
        }
        let body = enveloped(Status::Ok, self.response);
        Ok(json_response(request, Status::Ok, ContentType::JSON, &body))
    }
}

impl<'r> Responder<'r, 'static> for Reply {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let site = Site::of(request).ok_or(Status::InternalServerError)?;
        if wants_json(request) || matches!(self.view, Rendering::Data) {
            return self.json(request, site);
        }
        if let Some(notice) = &self.notice {
            match site.sessions().cookies().notice(&notice.kept()) {
                Ok(sealed) => cookie::set(request, sealed),
                Err(fault) => log::error!("{fault}"),
            }
        }
        match self.view {
            Rendering::Page(page) => page.render(request),
            Rendering::Redirect(next) => {
                let policy = if self.has_referrer { Protection::Data } else { Protection::Secret };
                protect(request, policy);
                next.respond_to(request)
            }
            Rendering::Data => Err(Status::InternalServerError),
        }
    }
}

/// A rejection, with the page to show it on, if there is one.
#[derive(Debug)]
pub struct Refused {
    rejection: Rejection,
    page: Option<Box<Page>>,
    /// Where to redirect a user who is already logged in.
    next: Option<Next>,
    is_data: bool,
}

impl Refused {
    /// Creates a rejection answered in JSON, whatever the request wants. For routes that only programs use.
    pub(crate) fn data(rejection: Rejection) -> Self {
        Self { is_data: true, ..Self::from(rejection) }
    }

    /// Sets where to redirect a browser instead of home.
    pub(crate) fn leading_to(self, next: Option<&Next>) -> Self {
        Self { next: next.cloned(), ..self }
    }
}

impl Page {
    /// Shows this page again with the rejection.
    pub fn refuse(self, rejection: Rejection) -> Refused {
        Refused { page: Some(Box::new(self)), ..Refused::from(rejection) }
    }
}

impl From<Error> for Refused {
    fn from(fault: Error) -> Self {
        Rejection::from(fault).into()
    }
}

impl From<FieldErrors> for Refused {
    fn from(errors: FieldErrors) -> Self {
        Rejection::from(errors).into()
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, page: None, next: None, is_data: false }
    }
}

impl<'r> Responder<'r, 'static> for Refused {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let rejection = self.rejection.remember(request);
        let site = Site::of(request).ok_or(Status::InternalServerError)?;
        let instead = Instead::of(&rejection, request, site.presentation());
        let is_json = wants_json(request)
            || self.is_data
            || (leads_elsewhere(&rejection) && is_of_script(request));
        let (status, response) = if is_json {
            let style = site.config().error_style;
            // Clients of the other styles expect a fixed set of members.
            let advice = site.advice_for_programs(&rejection);
            let advice = advice.filter(|_| style == ErrorStyle::FlaskSecurity);
            let instead = match advice {
                Some(advice) => instead.with("advice", advice.to_string()),
                None => instead,
            };
            let Refusal { status, kind, body } = Refusal::of(&rejection, instead, style, request);
            (status, json_response(request, status, kind, &body))
        } else {
            let status = instead.status.unwrap_or(rejection.status());
            let home = self.next.or_else(|| site.url("home"));
            (status, page_for(&rejection, self.page, home, instead, request, site)?)
        };
        let mut response = Response::build_from(response);
        if let Some(wait) = rejection.retry_after() {
            response.raw_header("Retry-After", whole_seconds(wait).to_string());
        }
        let is_asked_by_guard = challenge::noted(request).is_some();
        if status == Status::Unauthorized && is_json && !is_asked_by_guard {
            // The challenges of a guard are added when the answer is finished.
            response.raw_header("WWW-Authenticate", challenge::SESSION);
        }
        response.ok()
    }
}

impl<'r> Responder<'r, 'static> for Rejection {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Refused::from(self).respond_to(request)
    }
}

/// Returns `true` for a rejection that redirects a browser to another page. A script that follows the
/// redirect would take that page for its answer.
fn leads_elsewhere(rejection: &Rejection) -> bool {
    let is_named = matches!(rejection, Rejection::Unauthenticated | Rejection::MustChange);
    is_named || rejection.lacking().is_some()
}

/// Returns the page that shows a rejection: the form again, the login page, or an error page.
fn page_for(
    rejection: &Rejection,
    page: Option<Box<Page>>,
    home: Option<Next>,
    instead: Instead,
    request: &Request<'_>,
    site: &Site,
) -> response::Result<'static> {
    let is_led = challenge::noted(request).is_none_or(|asked| asked.leads_to_page());
    match (rejection.lacking(), &page) {
        (Some(_), _) if !is_led => {}
        (Some(_), Some(page)) => page.keep_form(request, site),
        (Some(_), None) if has_page(request) && !form_start::typed(request).is_empty() => {
            let typed = form_start::typed(request).iter();
            let fields = typed.map(|(name, value)| (name.clone(), Value::from(value.clone())));
            keep_fields(fields.collect(), request, site);
        }
        _ => {}
    }
    let status = instead.status.unwrap_or(rejection.status());
    match instead.view {
        Some(Rendering::Page(page)) => return page.status(status).render(request),
        Some(Rendering::Redirect(next)) => return Reply::redirect(next).respond_to(request),
        Some(Rendering::Data) | None => {}
    }
    let elsewhere = match rejection {
        Rejection::Unauthenticated | Rejection::NotFresh | Rejection::NotAssured(_) if !is_led => {
            None
        }
        Rejection::Unauthenticated => leading_back("login", request, site),
        Rejection::NotFresh => leading_back("verify", request, site),
        Rejection::NotAssured(level) => {
            leading_back("verify", request, site).map(|page| page.with(&[("acr_values", level)]))
        }
        Rejection::MustChange => site.url("change"),
        Rejection::AlreadyAuthenticated => home,
        _ => None,
    };
    if let Some(next) = elsewhere {
        let reply = Reply::redirect(next);
        return match rejection {
            Rejection::Unauthenticated => reply.notice(why_log_in(request)),
            _ => reply,
        }
        .respond_to(request);
    }
    let text = site.advice(rejection).unwrap_or_else(|| rejection.text()).to_string();
    if let Some(page) = page {
        return page.refused(rejection, &text).render(request);
    }
    Page::new("security/error.html")
        .status(status)
        .with("status", status.code)
        .with("title", title(rejection).to_string())
        .with("text", text)
        .with("reason", rejection.reason())
        .with("retry_after", rejection.retry_after().map(whole_seconds))
        .render(request)
}

/// Returns the notice that explains why the login page is shown.
fn why_log_in(request: &Request<'_>) -> Notice {
    let notice = if csrf::is_safe(request.method()) {
        Notice::info(Text::new("log_in_first", "Please log in to see this page."))
    } else {
        Notice::info(Text::new(
            "log_in_first.lost",
            "Please log in first. What you sent was not processed.",
        ))
    };
    notice.for_guests()
}

/// Returns the page with this name and, in its query, the page that the request was for. A POST cannot be
/// repeated by going to its path, so the page is the one with the form: at the same path, or else at the path
/// above.
fn leading_back(name: &str, request: &Request<'_>, site: &Site) -> Option<Next> {
    let page = site.url(name)?;
    let uri = request.uri();
    let wanted = match request.method() {
        Method::Get | Method::Head => Next::parse(&uri.to_string()),
        _ if has_page(request) => Next::parse(uri.path().as_str()),
        _ => page_above(request).and_then(|path| Next::parse(&path)),
    };
    Some(wanted.map_or(page.clone(), |wanted| page.with_next(&wanted)))
}

/// Returns the heading of the page of an error.
fn title(rejection: &Rejection) -> Text {
    let (id, words) = match (rejection, rejection.status().code) {
        (Rejection::RegistrationClosed { by_invitation: true }, _) => {
            ("title.by_invitation", "By invitation only")
        }
        (Rejection::RegistrationClosed { by_invitation: false }, _) => {
            ("title.registration_closed", "Registration is closed")
        }
        (_, 401) => ("title.unauthenticated", "Please log in"),
        (_, 403) => ("title.forbidden", "No permission"),
        (_, 404) => ("title.not_found", "Not here"),
        (_, 413) => ("title.too_large", "Too much"),
        (_, 429) => ("title.throttled", "Too many attempts"),
        (_, 503) => ("title.unavailable", "Temporarily unavailable"),
        _ => ("title.other", "Something went wrong"),
    };
    Text::new(id, words)
}

fn json_response(
    request: &Request<'_>,
    status: Status,
    kind: ContentType,
    body: &Value,
) -> Response<'static> {
    let body = body.to_string();
    let mut answer = Response::build();
    answer.status(status).header(kind);
    answer.sized_body(body.len(), std::io::Cursor::new(body));
    answer.raw_header("Vary", "Cookie, Accept");
    protect(request, Protection::Data);
    answer.finalize()
}

/// Rounds up, because `Retry-After` has whole seconds (RFC 9110, section 10.2.3).
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

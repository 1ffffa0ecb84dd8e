//! Answers: page, redirect or JSON from one value.

use rocket::Request;
use rocket::Response;
use rocket::http::ContentType;
use rocket::http::Status;
use rocket::response;
use rocket::response::Responder;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::rejection::Rejection;
use crate::session::cookie;
use crate::web::Web;
use crate::web::next::Next;
use crate::web::page::DATA_CSP;
use crate::web::page::Notice;
use crate::web::page::Page;
use crate::web::page::protect;
use crate::web::wants_json;

/// What a handler of ours answers with.
pub type Answer = Result<Reply, Refused>;

/// A success, as a page, a redirect, or JSON, whichever the request wants.
///
/// The JSON is Flask-Security's: `{"meta": {"code": 200}, "response": {…}}`, with the anti-forgery
/// token in `response.csrf_token`.
#[derive(Debug)]
pub struct Reply {
    view: View,
    response: Map<String, Value>,
    has_csrf_token: bool,
    notice: Option<Notice>,
}

#[derive(Debug)]
enum View {
    Page(Page),
    Redirect(Next),
}

impl Reply {
    /// Shows a page.
    pub fn page(page: Page) -> Self {
        Self::new(View::Page(page))
    }

    /// Goes on to another page, by 303.
    pub fn redirect(next: Next) -> Self {
        Self::new(View::Redirect(next))
    }

    /// Puts `value` as `key` into the JSON's `response`.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.response.insert(key.to_owned(), json!(value));
        self
    }

    /// Leaves the anti-forgery token out of the JSON.
    pub fn without_csrf_token(mut self) -> Self {
        self.has_csrf_token = false;
        self
    }

    /// Has the page that is redirected to say so.
    pub fn notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    fn new(view: View) -> Self {
        Self { view, response: Map::new(), has_csrf_token: true, notice: None }
    }

    fn json(mut self, request: &Request<'_>, web: &Web) -> response::Result<'static> {
        if self.has_csrf_token {
            let token = web.sessions().csrf_token(request).map_err(|fault| {
                log::error!("{fault}");
                Status::ServiceUnavailable
            })?;
            self.response.insert("csrf_token".to_owned(), Value::String(token));
        }
        Ok(json_response(request, Status::Ok, self.response))
    }
}

impl<'r> Responder<'r, 'static> for Reply {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let web = request.rocket().state::<Web>().ok_or(Status::InternalServerError)?;
        if wants_json(request) {
            return self.json(request, web);
        }
        if let Some(notice) = &self.notice {
            match web.sessions().cookies().notice(notice) {
                Ok(sealed) => cookie::set(request, sealed),
                Err(fault) => log::error!("{fault}"),
            }
        }
        match self.view {
            View::Page(page) => page.render(request),
            View::Redirect(next) => {
                protect(request, DATA_CSP);
                next.respond_to(request)
            }
        }
    }
}

/// A refusal, with the page to show it on, if there is one.
#[derive(Debug)]
pub struct Refused {
    rejection: Rejection,
    page: Option<Box<Page>>,
}

impl Page {
    /// Shows this page again with what is wrong.
    pub(crate) fn refuse(self, rejection: Rejection) -> Refused {
        Refused { rejection, page: Some(Box::new(self)) }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, page: None }
    }
}

impl<'r> Responder<'r, 'static> for Refused {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let rejection = self.rejection.remember(request);
        let web = request.rocket().state::<Web>().ok_or(Status::InternalServerError)?;
        let response = if wants_json(request) {
            json_response(request, rejection.status(), json_errors(&rejection))
        } else {
            page_for(&rejection, self.page, request, web)?
        };
        let mut response = Response::build_from(response);
        if let Some(wait) = rejection.retry_after() {
            response.raw_header("Retry-After", whole_seconds(wait).to_string());
        }
        if rejection.status() == Status::Unauthorized && wants_json(request) {
            // RFC 9110, section 11.6.1, asks for a challenge; no registered scheme means "log in
            // at the login page".
            response.raw_header("WWW-Authenticate", "Session realm=\"login\"");
        }
        response.ok()
    }
}

impl<'r> Responder<'r, 'static> for Rejection {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Refused::from(self).respond_to(request)
    }
}

/// Gives the page that refuses: the form again, the login page, or a page of its own.
fn page_for(
    rejection: &Rejection,
    page: Option<Box<Page>>,
    request: &Request<'_>,
    web: &Web,
) -> response::Result<'static> {
    if let Some(page) = page {
        return page.refused(rejection).render(request);
    }
    let elsewhere = match rejection {
        Rejection::Unauthenticated => login_url(request, web),
        Rejection::AlreadyAuthenticated => web.url("home"),
        _ => None,
    };
    if let Some(next) = elsewhere {
        return Reply::redirect(next).respond_to(request);
    }
    Page::new("security/error.html")
        .status(rejection.status())
        .with("status", rejection.status().code)
        .with("title", title(rejection))
        .with("text", rejection.text())
        .with("reason", rejection.reason())
        .with("retry_after", rejection.retry_after().map(whole_seconds))
        .render(request)
}

/// Gives the login page, which leads back to where the request wanted to go. What was to be done
/// by a POST cannot be done again by going there, so it leads nowhere.
fn login_url(request: &Request<'_>, web: &Web) -> Option<Next> {
    let login = web.url("login")?;
    let wanted = Next::parse(&request.uri().to_string());
    let is_repeatable =
        matches!(request.method(), rocket::http::Method::Get | rocket::http::Method::Head);
    Some(match wanted.filter(|_| is_repeatable) {
        Some(wanted) => login.with_next(&wanted),
        None => login,
    })
}

fn title(rejection: &Rejection) -> &'static str {
    match rejection.status().code {
        401 => "Please log in",
        403 => "Not for you",
        404 => "Not here",
        413 => "Too much",
        429 => "Too many attempts",
        503 => "Not right now",
        _ => "That did not work",
    }
}

/// Gives the `response` of a refusal: `errors` flat, `field_errors` by field with those of the
/// form as a whole under `""`, and `reasons` for programs.
fn json_errors(rejection: &Rejection) -> Map<String, Value> {
    let mut response = Map::new();
    let Rejection::InvalidInput(errors) = rejection else {
        response.insert("errors".to_owned(), json!([rejection.text()]));
        if rejection.status() == Status::BadRequest {
            response.insert("field_errors".to_owned(), json!({"": [rejection.text()]}));
        }
        response.insert("reasons".to_owned(), json!([rejection.reason()]));
        return response;
    };
    let mut by_field: Map<String, Value> = Map::new();
    for error in errors.iter() {
        let texts = by_field.entry(error.field.clone()).or_insert_with(|| json!([]));
        if let Value::Array(texts) = texts {
            texts.push(json!(error.text));
        }
    }
    let texts: Vec<&str> = errors.iter().map(|error| error.text.as_str()).collect();
    let mut reasons = vec![rejection.reason()];
    reasons.extend(errors.iter().map(|error| error.reason));
    response.insert("errors".to_owned(), json!(texts));
    response.insert("field_errors".to_owned(), Value::Object(by_field));
    response.insert("reasons".to_owned(), json!(reasons));
    response
}

fn json_response(
    request: &Request<'_>,
    status: Status,
    response: Map<String, Value>,
) -> Response<'static> {
    let body = json!({"meta": {"code": status.code}, "response": response}).to_string();
    let mut answer = Response::build();
    answer.status(status).header(ContentType::JSON);
    answer.sized_body(body.len(), std::io::Cursor::new(body));
    answer.raw_header("Vary", "Cookie, Accept");
    protect(request, DATA_CSP);
    answer.finalize()
}

/// Rounds up, for `Retry-After` knows seconds only (RFC 9110, section 10.2.3).
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

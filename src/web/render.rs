//! Renders pages, when their answers are finished.
//!
//! A page shows the logged-in user, which may require a query of the store, and Rocket's responders cannot
//! wait for one. So the responder of a [`Page`] answers with an empty body. The fairing then reads the
//! session, unless a guard has already done so, and fills the body. The store is not queried for a request
//! without a session cookie, nor for an answer that is not a page.
//!
//! If the store does not answer, the page of a route without a guard is shown as to a guest, because the
//! route does not require a user. The browser keeps its cookies, and caches do not store the answer. A route
//! with a guard is refused with 503 before there is a page.

use std::io::Cursor;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rocket::futures::FutureExt;
use rocket::http::{ContentType, Status};
use rocket::response::Responder;
use rocket::{Catcher, Request, Response, response};
use tera::escape_html;

use crate::error::Error;
use crate::session;
use crate::session::Current;
use crate::web::page::builder::Page;
use crate::web::protection::{Protection, protect};
use crate::web::site::Site;
use crate::web::{principal, shown_user};

impl Page {
    /// Answers `request` with the page, which is rendered when the answer is finished.
    pub(crate) fn render<'r>(self, request: &Request<'_>) -> response::Result<'r> {
        let Some(site) = Site::of(request) else {
            log::error!("a page was rendered without `Security::fairing()` attached");
            return Err(Status::InternalServerError);
        };
        let page = site.presentation().page(self, request);
        if page.template().starts_with("security/") {
            let has_script = page.has_script();
            protect(request, if has_script { Protection::ScriptedPage } else { Protection::Page });
        }
        let html = Html::default();
        let mut response = Response::build();
        response.status(page.status_code()).header(ContentType::HTML);
        response.raw_header("Vary", "Cookie, Accept");
        response.sized_body(None::<usize>, Cursor::new(html.clone()));
        *lock(request) = Some(Pending { page, html: Arc::downgrade(&html.0) });
        response.ok()
    }
}

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        self.render(request)
    }
}

/// Renders the page that a request is answered with, if there is one.
pub(crate) async fn finish<'r>(request: &'r Request<'_>, site: &Site, response: &mut Response<'r>) {
    // The application's presentation and catchers may panic, which Rocket does not expect of fairings.
    let finished = AssertUnwindSafe(fill_or_replace(request, site, response)).catch_unwind().await;
    if finished.is_err() {
        *response = own_fault_page(Status::InternalServerError, None);
    }
}

async fn fill_or_replace<'r>(request: &'r Request<'_>, site: &Site, response: &mut Response<'r>) {
    let Err(fault) = fill(request, site, response).await else {
        return;
    };
    log::error!("{fault}");
    if site.is_debug() {
        *response = own_fault_page(fault.status, Some(&fault));
        return;
    }
    *response = match catch(fault.status, request).await {
        Some(answer) => answer,
        None => own_fault_page(fault.status, None),
    };
    // The application's catcher may also have answered with a page.
    if let Err(fault) = fill(request, site, response).await {
        log::error!("{fault}");
        *response = own_fault_page(fault.status, None);
    }
}

/// Renders the page of an answer into its body.
async fn fill(
    request: &Request<'_>,
    site: &Site,
    response: &mut Response<'_>,
) -> Result<(), PageFault> {
    let pending = lock(request).take();
    let Some((page, body)) = pending.and_then(|it| it.html.upgrade().map(|html| (it.page, html)))
    else {
        // There is no page, or the request was answered with something else in the end.
        return Ok(());
    };
    // The page matters more than showing the user.
    let _ = shown_user::current(request, site).await;
    let template = page.template().to_owned();
    let because = |status| {
        let template = template.clone();
        move |error| PageFault { template, status, error }
    };
    let sessions = site.sessions();
    let offer = sessions.offer_csrf_token(request).map_err(because(Status::ServiceUnavailable))?;
    let context = page.full_context(request, site, &offer.csrf_token);
    let html = site.templates.render(&template, &context);
    let html = html.map_err(because(Status::InternalServerError))?;
    let has_token = html.contains(&offer.csrf_token);
    if has_token {
        sessions.accept(request, &offer).map_err(because(Status::ServiceUnavailable))?;
    }
    if (has_token || is_personal(request)) && !response.headers().contains("Cache-Control") {
        response.set_raw_header("Cache-Control", "no-store");
    }
    // The body is filled once, here.
    let _ = body.set(html);
    Ok(())
}

/// Returns `true` if a page may show the user of its request, or would if the user could be found out.
fn is_personal(request: &Request<'_>) -> bool {
    let of_session =
        |current: &Current| matches!(current, Current::Active(_) | Current::Unavailable);
    principal::decided(request).is_some() || session::loaded(request).is_some_and(of_session)
}

/// Calls the application's catcher for a status, chosen as Rocket would.
async fn catch<'r>(status: Status, request: &'r Request<'_>) -> Option<Response<'r>> {
    let path = request.uri().path();
    let is_within = |catcher: &&Catcher| {
        let base = catcher.base.path().segments();
        base.len() <= path.segments().len() && base.zip(path.segments()).all(|(a, b)| a == b)
    };
    let of_status = |catcher: &&Catcher| catcher.code.is_none_or(|code| code == status.code);
    let catcher = request
        .rocket()
        .catchers()
        .filter(of_status)
        .filter(is_within)
        .max_by_key(|it| (it.base.path().segments().len(), it.code.is_some()))?;
    catcher.handler.handle(status, request).await.ok()
}

/// Answers with a page that no template can break. It names the fault only in development.
fn own_fault_page<'r>(status: Status, fault: Option<&PageFault>) -> Response<'r> {
    let text = match fault {
        Some(fault) => format!(
            "<p>{}.</p>\n<p>Only the debug profile shows this. In release this page says that \
             something went wrong, unless the application has a catcher for {}.</p>",
            escape_html(&fault.to_string()),
            status.code,
        ),
        None => "<p>Something went wrong on our side. Please try again later.</p>".to_owned(),
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <title>Something went wrong</title></head>\n<body>\n<h1>Something went wrong</h1>\n{text}\n\
         <p><a href=\"/\">Go to the home page</a></p>\n</body>\n</html>\n"
    );
    let mut response = Response::build();
    response.status(status).header(ContentType::HTML).raw_header("Cache-Control", "no-store");
    response.sized_body(html.len(), Cursor::new(html));
    response.finalize()
}

/// The reason why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("the page \"{template}\" cannot be shown: {error}")]
struct PageFault {
    template: String,
    status: Status,
    #[source]
    error: Error,
}

/// The body of a page: empty until it is rendered.
#[derive(Clone, Default)]
struct Html(Arc<OnceLock<String>>);

impl AsRef<[u8]> for Html {
    fn as_ref(&self) -> &[u8] {
        self.0.get().map_or(&[], |html| html.as_bytes())
    }
}

/// A page to render, and its body, unless that answer was dropped.
struct Pending {
    page: Page,
    html: Weak<OnceLock<String>>,
}

/// The last page that the request was answered with.
struct Answered(Mutex<Option<Pending>>);

fn lock<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Option<Pending>> {
    let answered: &'r Answered = request.local_cache(|| Answered(Mutex::new(None)));
    answered.0.lock().unwrap_or_else(PoisonError::into_inner)
}

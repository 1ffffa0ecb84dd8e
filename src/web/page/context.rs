//! The variables of a page's template.

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};
use serde::Serialize;
use serde_json::{Value, json};

use crate::rejection::Rejection;
use crate::session::cookie;
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, demands};
use crate::web::page::builder::Page;
use crate::web::page::kept_form::kept_form;
use crate::web::page::notice::KeptNotice;
use crate::web::shown_user;
use crate::web::site::{Site, is_unattached};

/// The variables that every template of the framework has, as a guard and a value to serialize.
///
/// Use it to render with a template engine of your own. Add it to the engine's context, and call
/// [`extend`](crate::web::page::extend) on a Tera engine to add the framework's functions and partial.
///
/// ```
/// use rocket::get;
/// use rocket_security::PageContext;
///
/// #[get("/about")]
/// fn about(context: PageContext) -> String {
///     // Serialize `context` into the context of your engine.
///     format!("<h1>About {}</h1>", context.site_name)
/// }
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PageContext {
    /// The name of the site.
    pub site_name: String,
    /// The anti-forgery (CSRF) token, for the first field of every form.
    pub csrf_token: String,
    /// The user whom an earlier guard authenticated by any mechanism, or else the logged-in user. It is a
    /// [`UserPayload`](crate::user::UserPayload), or what the application's
    /// [`Presentation`](crate::Presentation) returns in its place.
    pub current_user: Option<Value>,
    /// A message left by the previous page, shown once.
    pub notice: Option<KeptNotice>,
    /// The names of the features that are enabled and open.
    pub features: Vec<&'static str>,
}

impl PageContext {
    fn of(request: &Request<'_>, site: &Site, csrf_token: String) -> Self {
        let sessions = site.sessions();
        let notice: Option<KeptNotice> = sessions.cookies().open_notice(request);
        if notice.is_some() {
            cookie::set(request, sessions.cookies().without_notice());
        }
        let current_user = shown_user::current_user(request);
        let notice = notice.filter(|notice| !notice.is_for_guests || current_user.is_none());
        Self {
            site_name: site.config().site_name.clone(),
            csrf_token,
            current_user,
            notice,
            features: site.features.clone(),
        }
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for PageContext {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let Some(site) = Site::of(request) else {
            return Outcome::Error((Status::InternalServerError, Rejection::Unavailable));
        };
        if let Err(rejection) = shown_user::current(request, site).await {
            return refuse(request, rejection);
        }
        match site.sessions().csrf_token(request) {
            Ok(csrf_token) => Outcome::Success(Self::of(request, site, csrf_token)),
            Err(fault) => refuse(request, Rejection::from(fault)),
        }
    }
}

impl Sentinel for PageContext {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        demands(rocket, Demand::tool("PageContext"), || is_unattached::<Self>(rocket))
    }
}

impl Page {
    /// Returns all variables of the template.
    pub(crate) fn full_context(
        self,
        request: &Request<'_>,
        site: &Site,
        csrf_token: &str,
    ) -> Value {
        let form = kept_form(request, site).unwrap_or_default();
        let mut context = json!({"form": form, "errors": [], "next": null});
        let shared = json!(PageContext::of(request, site, csrf_token.to_owned()));
        if let (Value::Object(context), Value::Object(shared)) = (&mut context, shared) {
            context.extend(shared);
            context.extend(self.context);
        }
        context
    }
}

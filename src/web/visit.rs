//! A request and what answering it takes.

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::clock::Timestamp;
use crate::event::Origin;
use crate::rejection::Rejection;
use crate::session::{Active, Current};
use crate::user::User;
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, demands};
use crate::web::next::Next;
use crate::web::reply::Refused;
use crate::web::request::wants_json;
use crate::web::shown_user;
use crate::web::site::{Site, is_unattached};

/// A request whose session has been read, together with the [`Site`].
///
/// Use it in handlers that log users in or call [`Flow`](crate::flow::Flow). It dereferences to [`Site`].
///
/// ```
/// use rocket::get;
/// use rocket_security::web::Visit;
///
/// #[get("/hello")]
/// fn hello(visit: Visit<'_>) -> String {
///     match visit.user() {
///         Some(user) => format!("Hello {}", user.email),
///         None => "Hello guest".to_owned(),
///     }
/// }
/// ```
///
/// It knows only sessions, because the framework's pages are for browsers. A request authenticated by another
/// [mechanism](crate::guard::mechanism) counts as a guest's.
///
/// The guard fails only with 503, if the store does not answer.
#[derive(Clone, Copy)]
pub struct Visit<'r> {
    request: &'r Request<'r>,
    site: &'r Site,
    active: Option<&'r Active>,
}

impl<'r> Visit<'r> {
    /// Treats a request whose session is not known yet as a guest's, to find out whether its browser is
    /// remembered.
    pub(crate) fn of_guest(request: &'r Request<'r>, site: &'r Site) -> Self {
        Self { request, site, active: None }
    }

    /// Returns the request.
    pub fn request(&self) -> &'r Request<'r> {
        self.request
    }

    /// Returns the site: its settings and services.
    pub fn site(&self) -> &'r Site {
        self.site
    }

    /// Returns the time, by the clock of the application.
    pub fn now(&self) -> Timestamp {
        self.site.clock().now()
    }

    /// Reads where to go next from what a visitor sent: [`Site::next`].
    pub fn next(&self, text: &str) -> Option<Next> {
        self.site.next(text)
    }

    /// Returns the live session, if a user is logged in.
    pub fn active(&self) -> Option<&'r Active> {
        self.active
    }

    /// Returns the logged-in user.
    pub fn user(&self) -> Option<&'r User> {
        self.active.map(|active| &active.user)
    }

    /// Returns when and from where the request came.
    pub fn origin(&self) -> Origin {
        self.site.origin(self.request)
    }

    /// Returns `true` if the request wants JSON.
    pub fn wants_json(&self) -> bool {
        wants_json(self.request)
    }

    /// Refuses a logged-in user. A browser is redirected to `next`, or home.
    ///
    /// # Errors
    ///
    /// [`Rejection::AlreadyAuthenticated`] if a user is logged in.
    pub fn anonymous_only(&self, next: Option<&Next>) -> Result<(), Refused> {
        match self.active {
            Some(_) => Err(Refused::from(Rejection::AlreadyAuthenticated).leading_to(next)),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for Visit<'r> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        let Some(site) = Site::of(request) else {
            return refuse(request, Rejection::Unavailable);
        };
        let active = match shown_user::current(request, site).await {
            Err(_) | Ok(Current::Unavailable) => return refuse(request, Rejection::Unavailable),
            Ok(Current::Active(active)) => Some(active.as_ref()),
            Ok(Current::Unknown | Current::Anonymous(_) | Current::Ended(_)) => None,
        };
        Outcome::Success(Self { request, site, active })
    }
}

impl Sentinel for Visit<'_> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        demands(rocket, Demand::tool("Visit"), || is_unattached::<Self>(rocket))
    }
}

//! The access map: each route with what it demands of a request.

use std::sync::OnceLock;

use rocket::http::Method;
use rocket::{Ignite, Phase, Rocket, Route};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::security::access_map::mounted::Mounted;
use crate::security::access_map::probe::demands_of;
use crate::web::Site;
use crate::web::csrf::is_safe;
use crate::web::demand::{Demand, Who};

/// The access map of an application: every mounted route, with what it demands of a request.
///
/// It is read from the signatures of the handlers. See [`guide::access_map`](crate::guide::access_map) for
/// what it can show and what it cannot. `Display` formats a table, and `Serialize` a list with an object for
/// each route. Both are sorted by path, so that a test can compare them:
///
/// ```
/// # use rocket::get;
/// # use rocket::routes;
/// use rocket_security::AccessMap;
/// use rocket_security::AuthUser;
/// use rocket_security::MemoryDatastore;
/// use rocket_security::Public;
/// use rocket_security::RolesAccepted;
/// use rocket_security::Security;
///
/// rocket_security::roles! { pub Admin = "admin"; pub Editor = "editor"; }
///
/// #[get("/")]
/// fn index(_everybody: Public) {}
/// #[get("/me")]
/// fn me(_user: AuthUser) {}
/// #[get("/drafts")]
/// fn drafts(_user: RolesAccepted<(Admin, Editor)>) {}
///
/// # rocket::async_test(async {
/// let rocket = rocket::build()
///     .attach(Security::new(MemoryDatastore::default()))
///     .mount("/", routes![index, me, drafts]);
/// # let figment = rocket.figment().clone().select("debug").merge(("log_level", "critical"));
/// # let rocket = rocket.configure(figment);
/// let map = AccessMap::of(&rocket.ignite().await?);
/// # assert_eq!(log::max_level(), log::LevelFilter::Warn, "the application's own");
/// assert_eq!(
///     map.of_application().to_string(),
///     "\
/// METHOD  ROUTE    RANK  FORMAT  HANDLER  FROM         GUARDS                          CSRF
/// GET     /        -9    -       index    application  Public                          not needed
/// GET     /drafts  -9    -       drafts   application  RolesAccepted(admin or editor)  not needed
/// GET     /me      -9    -       me       application  AuthUser                        not needed
/// "
/// );
/// # Ok::<_, rocket::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccessMap {
    routes: Vec<RouteAccess>,
}

/// A route, with what it demands of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouteAccess {
    /// The method. A route for `GET` also answers `HEAD`.
    pub method: String,
    /// The path, including its mount point, and the query, as the route declares them.
    pub uri: String,
    /// The rank: of the routes that match a request, the one with the lowest rank answers.
    pub rank: isize,
    /// The media type that the route produces or accepts.
    pub format: Option<String>,
    /// The name of the handler.
    pub name: Option<String>,
    /// The feature that the route belongs to, or `security` for a route of the framework without a feature.
    /// `None` for routes of the application.
    pub feature: Option<String>,
    /// What declares who may use the route.
    pub declared: Declared,
    /// The guards in the signature of the handler.
    pub guards: Vec<Demand>,
    /// Whether the route checks for forged requests (CSRF).
    pub csrf: CsrfCheck,
}

/// What declares who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Declared {
    /// Guards in the signature of its handler.
    Guards,
    /// [`Public`](crate::Public) in the signature, or `security.public`.
    Public,
    /// The feature decides in the handler.
    Feature,
    /// Nothing that can be seen from outside.
    Nothing,
}

/// Whether a route checks for forged requests (CSRF).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CsrfCheck {
    /// A guard checks every request.
    Checked,
    /// A guard checks requests of logged-in users; requests of guests are not checked.
    CheckedForUsers,
    /// The method is safe, so it changes nothing.
    NotNeeded,
    /// The feature decides in the handler.
    Feature,
    /// No check can be seen from outside.
    NotChecked,
}

impl AccessMap {
    /// Returns the map of an application, in any phase.
    ///
    /// Fairings mount routes, too, and ours does. Before it is ignited, an application has only the routes
    /// that it mounted itself.
    ///
    /// To draw the map, each route is put in a small separate `Rocket` without managed state, which asks the
    /// guards. During these few milliseconds, the whole process logs nothing. If
    /// [`security.require_guard`](crate::config::Config::require_guard) is set, the map was drawn at the
    /// launch, with the application's managed state, and this returns that map.
    pub fn of<P: Phase>(rocket: &Rocket<P>) -> Self {
        match rocket.state::<Drawn>().and_then(|drawn| drawn.0.get()) {
            Some(map) => map.clone(),
            None => Self::draw(rocket, None),
        }
    }

    /// Returns the routes, sorted by path.
    pub fn routes(&self) -> &[RouteAccess] {
        &self.routes
    }

    /// Returns the map of the application's own routes only.
    pub fn of_application(&self) -> Self {
        let own = self.routes.iter().filter(|route| route.feature.is_none());
        Self { routes: own.cloned().collect() }
    }

    /// Draws the map. An application that has just been ignited can be asked directly: a guard that looks for
    /// managed state before it delegates to another guard finds the state there.
    pub(super) fn draw<P: Phase>(rocket: &Rocket<P>, ignited: Option<&Rocket<Ignite>>) -> Self {
        Self::draw_routes(rocket, ignited, rocket.routes().collect())
    }

    /// Draws the map of the application's own routes, without asking the guards of ours.
    pub(super) fn draw_application(ignited: &Rocket<Ignite>) -> Self {
        let mounted = ignited.state::<Mounted>();
        let is_own = |route: &&Route| mounted.and_then(|it| it.feature_of(route)).is_none();
        Self::draw_routes(ignited, Some(ignited), ignited.routes().filter(is_own).collect())
    }

    fn draw_routes<P: Phase>(
        rocket: &Rocket<P>,
        ignited: Option<&Rocket<Ignite>>,
        routes: Vec<&Route>,
    ) -> Self {
        let colors = rocket.figment().extract_inner("cli_colors").unwrap_or(true);
        let config = rocket.state::<Site>().map(Site::config);
        let mounted = rocket.state::<Mounted>();
        let demands = demands_of(&routes, ignited, colors);
        let told = routes.into_iter().zip(demands).map(|(route, guards)| {
            let feature = mounted.and_then(|mounted| mounted.feature_of(route));
            RouteAccess::of(route, guards, feature, config)
        });
        let mut routes: Vec<RouteAccess> = told.collect();
        routes.sort_by(|one, other| one.place().cmp(&other.place()));
        Self { routes }
    }
}

impl RouteAccess {
    fn of(
        route: &Route,
        guards: Vec<Demand>,
        feature: Option<String>,
        config: Option<&Config>,
    ) -> Self {
        let is_public = config.is_some_and(|config| config.public.cover(route.uri.path()));
        Self {
            method: route.method.to_string(),
            uri: route.uri.to_string(),
            rank: route.rank,
            format: route.format.as_ref().map(ToString::to_string),
            name: route.name.as_ref().map(ToString::to_string),
            declared: Declared::by(&guards, feature.is_some(), is_public),
            csrf: CsrfCheck::by(route.method, &guards, feature.is_some()),
            feature,
            guards,
        }
    }

    /// Returns the path, without the query.
    pub fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    fn place(&self) -> (&str, &str, isize, &Option<String>) {
        (&self.uri, &self.method, self.rank, &self.format)
    }
}

impl Declared {
    fn by(guards: &[Demand], is_feature: bool, is_public: bool) -> Self {
        // A guard within `Option` or an unknown type does not refuse requests.
        let counts = |guard: &&Demand| {
            guard.required || guard.within.first().is_some_and(|outermost| outermost == "Maybe")
        };
        let says = |who: &[Who]| {
            guards.iter().filter(counts).any(|it| it.who.is_some_and(|it| who.contains(&it)))
        };
        if says(&[Who::Users, Who::Guests]) {
            Self::Guards
        } else if says(&[Who::Everybody]) {
            Self::Public
        } else if is_feature {
            Self::Feature
        } else if is_public {
            Self::Public
        } else {
            Self::Nothing
        }
    }
}

impl CsrfCheck {
    fn by(method: Method, guards: &[Demand], is_feature: bool) -> Self {
        let mut checking = guards.iter().filter(|guard| guard.checks_csrf).peekable();
        if is_safe(method) {
            Self::NotNeeded
        } else if checking.peek().is_none() {
            if is_feature { Self::Feature } else { Self::NotChecked }
        } else if checking.any(|guard| guard.required) {
            Self::Checked
        } else {
            Self::CheckedForUsers
        }
    }
}

/// The map that was drawn at the launch, if any.
#[derive(Default)]
pub(in crate::security) struct Drawn(pub(super) OnceLock<AccessMap>);

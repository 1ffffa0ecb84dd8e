//! The map: each route with what it demands of a request.

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

/// Who can reach what: every route that is mounted, with what it demands of a request.
///
/// It is read off the signatures of the handlers.
/// [`guide::access_map`](crate::guide::access_map) says what can be seen there and what cannot.
/// `Display` writes a table, `Serialize` a list with an object a route; both are in the order of the
/// paths, so that a test can pin them:
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

/// A route with what it demands of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouteAccess {
    /// The method; a route for `GET` answers `HEAD`, too.
    pub method: String,
    /// The path with the mount it is below, and the query, as the route has them.
    pub uri: String,
    /// The rank: of routes that match, the one with the lowest answers.
    pub rank: isize,
    /// The media type that it answers or takes.
    pub format: Option<String>,
    /// The name of the handler.
    pub name: Option<String>,
    /// The feature that it belongs to, or `security` for what belongs to none of them; none for the
    /// application's own.
    pub feature: Option<String>,
    /// What declares who gets in.
    pub declared: Declared,
    /// The guards in its signature.
    pub guards: Vec<Demand>,
    /// Whether it is protected against forged requests.
    pub csrf: CsrfCheck,
}

/// What declares who gets to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Declared {
    /// Guards in its signature.
    Guards,
    /// [`Public`](crate::Public) in its signature, or `security.public`.
    Public,
    /// Its feature, which decides in the handler.
    Feature,
    /// Nothing that can be seen.
    Nothing,
}

/// Whether a route is protected against forged requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CsrfCheck {
    /// A guard checks it for everybody.
    Checked,
    /// A guard checks it for whoever is logged in; guests get past without.
    CheckedForUsers,
    /// The method is safe: it changes nothing.
    NotNeeded,
    /// Its feature decides in the handler.
    Feature,
    /// Nothing that can be seen checks it.
    NotChecked,
}

impl AccessMap {
    /// Draws the map of an application, in any phase.
    ///
    /// Fairings mount routes, too, and ours does: before it is ignited, an application has but what it
    /// mounted itself.
    ///
    /// To draw the map, each route is put into a small `Rocket` of its own, without managed state, which
    /// asks the guards. While that goes on, some milliseconds, nothing is logged in the whole process.
    /// Where [`security.require_guard`](crate::config::Config::require_guard) is set, it was drawn at the
    /// launch, with the application's state at hand, and this gives that one.
    pub fn of<P: Phase>(rocket: &Rocket<P>) -> Self {
        match rocket.state::<Drawn>().and_then(|drawn| drawn.0.get()) {
            Some(map) => map.clone(),
            None => Self::draw(rocket, None),
        }
    }

    /// Returns its routes, in the order of their paths.
    pub fn routes(&self) -> &[RouteAccess] {
        &self.routes
    }

    /// Returns the part with the application's own routes.
    pub fn of_application(&self) -> Self {
        let own = self.routes.iter().filter(|route| route.feature.is_none());
        Self { routes: own.cloned().collect() }
    }

    /// Draws the map. An application that has just been ignited can be asked itself: a guard of its own
    /// that looks for managed state before it hands the question on finds it there.
    pub(super) fn draw<P: Phase>(rocket: &Rocket<P>, ignited: Option<&Rocket<Ignite>>) -> Self {
        Self::draw_routes(rocket, ignited, rocket.routes().collect())
    }

    /// Draws the part with the application's own routes, without asking the guards of ours.
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

    /// Returns the path, without a query.
    pub fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    fn place(&self) -> (&str, &str, isize, &Option<String>) {
        (&self.uri, &self.method, self.rank, &self.format)
    }
}

impl Declared {
    fn by(guards: &[Demand], is_feature: bool, is_public: bool) -> Self {
        // What `Option` or a type that nobody knows makes of a guard keeps nobody out.
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

/// The map as it was drawn at the launch, if it was.
#[derive(Default)]
pub(in crate::security) struct Drawn(pub(super) OnceLock<AccessMap>);

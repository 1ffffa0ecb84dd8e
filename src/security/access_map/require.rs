//! Uses the access map at the launch: stops it if a route lacks a required guard, warns of guards that refuse
//! no request and of kinds of tokens that no guard names, and prints the map for the command line.

use std::convert::Infallible;
use std::io;
use std::io::Write;

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::config;
use crate::config::{TokensConfig, is_at_or_below};
use crate::error::Error;
use crate::security::access_map::map::{AccessMap, Declared, Drawn, RouteAccess};
use crate::security::access_map::probe::LENIENT;
use crate::token::{Access, TokenKind};
use crate::web::Site;
use crate::web::demand::{Demand, Who};

/// The environment variable with which `rocket-security routes` asks a program for its map.
///
/// If it is set, to any value, [`Security`](crate::Security) prints the map as JSON to standard output, on
/// one line that begins with [`ROUTES_MARK`], and stops the launch: no port is bound, and no request is
/// served.
pub const ROUTES_VARIABLE: &str = "ROCKET_SECURITY_ROUTES";

/// The text before the map on its line, which distinguishes it from other output of the program.
pub const ROUTES_MARK: &str = "rocket_security routes: ";

/// Checks the routes when all of them are mounted, including those of other fairings: one of our routes names
/// this guard, so Rocket asks its sentinel then. As a guard it accepts every request.
pub(crate) struct GuardCheck;

#[async_trait]
impl<'r> FromRequest<'r> for GuardCheck {
    type Error = Infallible;

    async fn from_request(_request: &'r Request<'_>) -> request::Outcome<Self, Infallible> {
        Outcome::Success(Self)
    }
}

impl Sentinel for GuardCheck {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        // Without both, this is the small `Rocket` of our own route.
        let Some((drawn, site)) = rocket.state::<Drawn>().zip(rocket.state::<Site>()) else {
            return false;
        };
        let required = &site.config().require_guard;
        let kinds = configured_kinds(&site.config().tokens);
        let is_asked = std::env::var_os(ROUTES_VARIABLE).is_some();
        let is_needed = *required != config::RequireGuard::Nowhere || !kinds.is_empty();
        if !is_asked && !is_needed {
            hidden(&AccessMap::draw_application(rocket)).iter().for_each(Hidden::warn);
            return false;
        }
        let map = AccessMap::draw(rocket, Some(rocket));
        if is_asked {
            tell(&map);
            return true;
        }
        for warning in unnamed(&map, &kinds) {
            log::warn!("{warning}");
        }
        let (refused, others): (Vec<Hidden<'_>>, _) = hidden(&map)
            .into_iter()
            .partition(|it| it.is_certain && required.covers(it.route.path()));
        others.iter().for_each(Hidden::warn);
        let bare = faults(&map, required).into_iter();
        let faults: Vec<Error> = refused.iter().map(Hidden::fault).chain(bare).collect();
        for fault in &faults {
            log::error!("{fault}");
        }
        // The map is drawn once, so this is set once.
        let _ = drawn.0.set(map);
        !faults.is_empty()
    }
}

/// Prints the map for the command line, which searches for a line with the mark.
fn tell(map: &AccessMap) {
    let told = serde_json::to_string(map)
        .map_err(io::Error::from)
        .and_then(|json| writeln!(io::stdout(), "\n{ROUTES_MARK}{json}"))
        .and_then(|()| io::stdout().flush());
    if let Err(fault) = told {
        log::error!("the access map could not be printed: {fault}");
    }
}

/// Returns the application's own kinds of tokens that are configured, each with its key.
fn configured_kinds(tokens: &TokensConfig) -> Vec<(String, &str)> {
    let checked = tokens.check.keys().map(|kind| (format!("tokens.check.{kind}"), kind.as_str()));
    let trusted = tokens.trusted.iter().enumerate().flat_map(|(index, entry)| {
        let key = move |kind| (format!("tokens.trusted[{index}].kinds"), kind);
        entry.kinds.iter().map(String::as_str).map(key)
    });
    checked.chain(trusted).filter(|(_, kind)| *kind != Access::NAME).collect()
}

/// Returns warnings about kinds that no guard names: most likely they are misspelt. But an application can
/// also verify such tokens without a guard.
fn unnamed(map: &AccessMap, kinds: &[(String, &str)]) -> Vec<Error> {
    let mechanisms =
        map.routes().iter().flat_map(|route| &route.guards).flat_map(|guard| &guard.mechanisms);
    let mut named: Vec<&str> = mechanisms.filter_map(|name| name.strip_suffix(" token")).collect();
    named.push(Access::NAME);
    named.sort_unstable();
    named.dedup();
    let unnamed = kinds.iter().filter(|(_, kind)| !named.contains(kind));
    let warning = |(key, kind): &(String, &str)| {
        Error::config(
            key,
            format!("names the kind \"{kind}\", which no guard uses"),
            format!(
                "Correct it to one of those that guards name ({}), or leave it if the program verifies \
                 such tokens itself",
                named.join(", ")
            ),
        )
    };
    unnamed.map(warning).collect()
}

/// A guard whose refusals are hidden by the signature of a handler.
struct Hidden<'m> {
    route: &'m RouteAccess,
    guard: &'m Demand,
    /// Set if the guard is within a type that is known to hide refusals. `Result` with an error type that is
    /// not a sentinel cannot be distinguished from a type of the application.
    is_certain: bool,
}

impl Hidden<'_> {
    fn warn(&self) {
        log::warn!("{}. {}", self.what(), self.cure());
    }

    fn fault(&self) -> Error {
        Error::config("require_guard", self.what(), self.cure())
    }

    fn what(&self) -> String {
        let RouteAccess { method, uri, .. } = self.route;
        let (handler, written) = (handler(self.route), written(self.guard));
        if self.is_certain {
            return format!(
                "{method} {uri}{handler} takes `{written}`, which hides every refusal: a forged session, a \
                 failed CSRF check and a store that does not answer all look like a guest"
            );
        }
        let guard = &self.guard.guard;
        format!(
            "{method} {uri}{handler} takes `{guard}` within another type: `Result` hides every refusal, so \
             that a forged session, a failed CSRF check and a store that does not answer look like a guest"
        )
    }

    fn cure(&self) -> String {
        let guard = &self.guard.guard;
        let cure =
            format!("Take `Maybe<{guard}>` if the route is for guests too, or else `{guard}`");
        if self.is_certain {
            return cure;
        }
        format!("{cure}; if it is a type of your own, implement `rocket::Sentinel` for it")
    }
}

/// Finds guards within `Option`, `Result` and the like on routes of the application. A route that also takes
/// a guard directly is protected by that guard.
fn hidden(map: &AccessMap) -> Vec<Hidden<'_>> {
    let is_open = |route: &&RouteAccess| {
        let keeps_out = |guard: &Demand| guard.required && guard.who == Some(Who::Users);
        route.feature.is_none() && !route.guards.iter().any(keeps_out)
    };
    map.routes().iter().filter(is_open).flat_map(hidden_in).collect()
}

fn hidden_in(route: &RouteAccess) -> impl Iterator<Item = Hidden<'_>> {
    route.guards.iter().filter_map(move |guard| {
        let is_within = |name: &str| guard.within.iter().any(|outer| outer == name);
        let is_certain = LENIENT.into_iter().any(is_within);
        let keeps_out = matches!(guard.who, Some(Who::Users | Who::Guests)) || guard.checks_csrf;
        let is_hidden = keeps_out && (is_certain || is_within("_"));
        is_hidden.then_some(Hidden { route, guard, is_certain })
    })
}

fn handler(route: &RouteAccess) -> String {
    route.name.as_ref().map_or(String::new(), |name| format!(" ({name})"))
}

/// Formats a guard as it appears in a signature.
fn written(guard: &Demand) -> String {
    guard.within.iter().rev().fold(guard.guard.clone(), |inner, outer| match outer.as_str() {
        "Result" => format!("Result<{inner}, _>"),
        outer => format!("{outer}<{inner}>"),
    })
}

/// Returns all errors that keep the application from launching.
fn faults(map: &AccessMap, required: &config::RequireGuard) -> Vec<Error> {
    // A route whose guard is hidden is reported as such.
    let is_bare = |route: &&RouteAccess| {
        route.declared == Declared::Nothing && !hidden_in(route).any(|it| it.is_certain)
    };
    let bare = map.routes().iter().filter(is_bare).filter(|it| required.covers(it.path()));
    let idle = match required {
        config::RequireGuard::Nowhere | config::RequireGuard::Everywhere => Vec::new(),
        config::RequireGuard::Below(paths) => paths.iter().filter(|it| is_idle(map, it)).collect(),
    };
    bare.map(bare_fault).chain(idle.into_iter().map(idle_fault)).collect()
}

fn is_idle(map: &AccessMap, path: &str) -> bool {
    !map.routes().iter().any(|route| is_at_or_below(path, route.path()))
}

fn bare_fault(route: &RouteAccess) -> Error {
    let RouteAccess { method, uri, .. } = route;
    let handler = handler(route);
    Error::config(
        "require_guard",
        format!("{method} {uri}{handler} has no guard"),
        "Add one to its signature, not inside `Option` or `Result`: `rocket_security::Public` if it is for \
         everyone. If it has no signature, add its path to security.public",
    )
}

/// A misspelt path would protect nothing.
fn idle_fault(path: &str) -> Error {
    Error::config(
        "require_guard",
        format!("names \"{path}\", but there is no such route"),
        "Write it as in the route, or remove it",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::{RequireGuard, TokensConfig};
    use crate::security::access_map::map::AccessMap;
    use crate::security::access_map::require::{configured_kinds, faults, hidden, unnamed};
    use crate::web::demand::{Demand, Who};

    fn told(required: serde_json::Value) -> Vec<String> {
        let route = |method: &str, uri: &str, name: Option<&str>, declared: &str| {
            json!({
                "method": method, "uri": uri, "rank": 1, "format": null, "name": name,
                "feature": null, "declared": declared, "guards": [], "csrf": "not_needed",
            })
        };
        let map = json!([
            route("GET", "/", Some("index"), "public"),
            route("GET", "/admin?<page>", Some("admin"), "nothing"),
            route("POST", "/admin/<id>", None, "nothing"),
            route("GET", "/login", Some("show"), "feature"),
        ]);
        let map: AccessMap = serde_json::from_value(map).unwrap();
        let required: RequireGuard = serde_json::from_value(required).unwrap();
        faults(&map, &required).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_route_without_a_guard_is_named_with_the_cure() {
        let cure = "Add one to its signature, not inside `Option` or `Result`: \
                    `rocket_security::Public` if it is for everyone. If it has no signature, add \
                    its path to security.public";
        let expected = [
            format!("security.require_guard: GET /admin?<page> (admin) has no guard. {cure}"),
            format!("security.require_guard: POST /admin/<id> has no guard. {cure}"),
        ];
        assert_eq!(told(json!(true)), expected);
        assert_eq!(told(json!(["/admin"])), expected);
        assert_eq!(told(json!(["/admin/<id>"])), expected[1..]);
        assert_eq!(told(json!(["/login"])), [""; 0]);
        assert_eq!(told(json!(false)), [""; 0]);
    }

    #[test]
    fn kinds_of_tokens_that_no_guard_names_are_told_with_those_there_are() {
        let guard = |name: &str| Demand::of(Who::Users, "Paseto").mechanisms(&[name]);
        let map: AccessMap = serde_json::from_value(json!([{
            "method": "GET", "uri": "/", "rank": 1, "format": null, "name": null, "feature": null,
            "declared": "guards", "guards": [guard("token"), guard("download token")],
            "csrf": "not_needed",
        }]))
        .unwrap();
        let told = |tokens: serde_json::Value| -> Vec<String> {
            let tokens: TokensConfig = serde_json::from_value(tokens).unwrap();
            let told = unnamed(&map, &configured_kinds(&tokens));
            told.iter().map(ToString::to_string).collect()
        };
        let cure = "Correct it to one of those that guards name (access, download), or leave it if the \
                    program verifies such tokens itself";
        assert_eq!(
            told(json!({"check": {"acess": "never", "access": "never", "download": "never"}})),
            [format!(
                "security.tokens.check.acess: names the kind \"acess\", which no guard uses. {cure}"
            )]
        );
        let partner = |kinds: &[&str]| json!({"iss": "x", "key": "y", "kinds": kinds});
        assert_eq!(
            told(json!({"trusted": [partner(&["download"]), partner(&["access", "downlaod"])]})),
            [format!(
                "security.tokens.trusted[1].kinds: names the kind \"downlaod\", which no guard uses. \
                 {cure}"
            )]
        );
        assert_eq!(told(json!({})), [""; 0]);
    }

    #[test]
    fn a_guard_whose_refusals_are_hidden_is_told_with_its_route_and_the_cure() {
        let guard = |within: &str| Demand {
            within: vec![within.to_owned()],
            required: false,
            ..Demand::of(Who::Users, "AuthUser")
        };
        let route = |uri: &str, name: Option<&str>, guards: &[Demand]| {
            json!({
                "method": "GET", "uri": uri, "rank": 1, "format": null, "name": name, "feature": null,
                "declared": "nothing", "guards": guards, "csrf": "not_needed",
            })
        };
        let user = Demand::of(Who::Users, "AuthUser");
        let public =
            Demand { within: vec!["Option".to_owned()], ..Demand::of(Who::Everybody, "Public") };
        let map: AccessMap = serde_json::from_value(json!([
            route("/option", Some("option"), &[guard("Option")]),
            route("/result", None, &[guard("_")]),
            route("/maybe", None, &[guard("Maybe")]),
            route("/both", None, &[guard("Option"), user]),
            route("/public", None, &[public]),
            route(
                "/tool",
                None,
                &[Demand { within: vec!["Option".to_owned()], ..Demand::tool("Session") }]
            ),
        ]))
        .unwrap();
        let told: Vec<String> = hidden(&map).iter().map(|it| it.fault().to_string()).collect();
        assert_eq!(
            told,
            [
                "security.require_guard: GET /option (option) takes `Option<AuthUser>`, which hides every \
                 refusal: a forged session, a failed CSRF check and a store that does not answer all look \
                 like a guest. Take `Maybe<AuthUser>` if the route is for guests too, or else `AuthUser`",
                "security.require_guard: GET /result takes `AuthUser` within another type: `Result` hides \
                 every refusal, so that a forged session, a failed CSRF check and a store that does not \
                 answer look like a guest. Take `Maybe<AuthUser>` if the route is for guests too, or else \
                 `AuthUser`; if it is a type of your own, implement `rocket::Sentinel` for it",
            ]
        );
        let bare = faults(&map, &RequireGuard::Everywhere);
        assert!(bare.iter().all(|it| !it.to_string().contains("/option")), "{bare:?}");
    }

    #[test]
    fn a_path_without_a_route_is_named() {
        let fault = "security.require_guard: names \"/adm\", but there is no such route. \
                     Write it as in the route, or remove it";
        assert_eq!(told(json!(["/adm", "/login"])), [fault]);
    }
}

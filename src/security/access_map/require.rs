//! What the launch does with the access map: it stops where a route has to name a guard and names
//! none, warns of guards that keep nobody out and of kinds of tokens that no guard names, and tells the
//! map to the command line.

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

/// The variable of the environment by which `rocket-security routes` asks a program for its map.
///
/// Where it is set, to whatever, [`Security`](crate::Security) prints the map to standard output as
/// JSON on a line behind [`ROUTES_MARK`], and stops the launch: no port is bound, nothing is served.
pub const ROUTES_VARIABLE: &str = "ROCKET_SECURITY_ROUTES";

/// What stands before the map on its line, among whatever else a program prints.
pub const ROUTES_MARK: &str = "rocket_security routes: ";

/// Looks at the routes when all of them are mounted, those of other fairings included: Rocket asks its
/// sentinel then, for a route of ours names it. As a guard it lets everybody in.
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
        // Without either it is in the small `Rocket` of our own route.
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
        // Drawn once, it is set once.
        let _ = drawn.0.set(map);
        !faults.is_empty()
    }
}

/// Prints the map for the command line, which looks for the beginning of a line.
fn tell(map: &AccessMap) {
    let told = serde_json::to_string(map)
        .map_err(io::Error::from)
        .and_then(|json| writeln!(io::stdout(), "\n{ROUTES_MARK}{json}"))
        .and_then(|()| io::stdout().flush());
    if let Err(fault) = told {
        log::error!("the access map could not be printed: {fault}");
    }
}

/// Returns the kinds of an application's own that settings are for, each with its key.
fn configured_kinds(tokens: &TokensConfig) -> Vec<(String, &str)> {
    let checked = tokens.check.keys().map(|kind| (format!("tokens.check.{kind}"), kind.as_str()));
    let trusted = tokens.trusted.iter().enumerate().flat_map(|(index, entry)| {
        let key = move |kind| (format!("tokens.trusted[{index}].kinds"), kind);
        entry.kinds.iter().map(String::as_str).map(key)
    });
    checked.chain(trusted).filter(|(_, kind)| *kind != Access::NAME).collect()
}

/// Warns of those that no guard names, for they are most likely misspelt. A program can ask for tokens of
/// theirs without a guard.
fn unnamed(map: &AccessMap, kinds: &[(String, &str)]) -> Vec<Error> {
    let ways = map.routes().iter().flat_map(|route| &route.guards).flat_map(|guard| &guard.ways);
    let mut named: Vec<&str> = ways.filter_map(|way| way.strip_suffix(" token")).collect();
    named.push(Access::NAME);
    named.sort_unstable();
    named.dedup();
    let unnamed = kinds.iter().filter(|(_, kind)| !named.contains(kind));
    let warning = |(key, kind): &(String, &str)| {
        Error::config(
            key,
            format!("is for the kind \"{kind}\", which no guard names"),
            format!(
                "Correct it to one of those that guards name ({}), or leave it if the program verifies \
                 such tokens itself",
                named.join(", ")
            ),
        )
    };
    unnamed.map(warning).collect()
}

/// A guard whose refusals the signature of a handler hides.
struct Hidden<'m> {
    route: &'m RouteAccess,
    guard: &'m Demand,
    /// Whether it is within a type that is known to hide refusals. `Result` with an error type that is no
    /// sentinel cannot be told from a type of the application.
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

/// Finds the guards within `Option`, `Result` and the like on routes of the application. A route that
/// takes a guard by itself too is protected by that one.
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

/// Writes a guard as it stands in a signature.
fn written(guard: &Demand) -> String {
    guard.within.iter().rev().fold(guard.guard.clone(), |inner, outer| match outer.as_str() {
        "Result" => format!("Result<{inner}, _>"),
        outer => format!("{outer}<{inner}>"),
    })
}

/// Returns what keeps the application from launching: all of it, not the first alone.
fn faults(map: &AccessMap, required: &config::RequireGuard) -> Vec<Error> {
    // One whose guard is hidden is told as that.
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
        format!("{method} {uri}{handler} names no guard that counts"),
        "Name one in its signature, not within `Option` or `Result`, and `rocket_security::Public` if it is \
         for everybody; where it has no signature, its path in security.public",
    )
}

/// A path that is misspelt would guard nothing.
fn idle_fault(path: &str) -> Error {
    Error::config(
        "require_guard",
        format!("names \"{path}\", and no route is there"),
        "Write it as it stands in the routes, or remove it",
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
        let cure = "Name one in its signature, not within `Option` or `Result`, and \
                    `rocket_security::Public` if it is for everybody; where it has no signature, \
                    its path in security.public";
        let expected = [
            format!(
                "security.require_guard: GET /admin?<page> (admin) names no guard that counts. {cure}"
            ),
            format!("security.require_guard: POST /admin/<id> names no guard that counts. {cure}"),
        ];
        assert_eq!(told(json!(true)), expected);
        assert_eq!(told(json!(["/admin"])), expected);
        assert_eq!(told(json!(["/admin/<id>"])), expected[1..]);
        assert_eq!(told(json!(["/login"])), [""; 0]);
        assert_eq!(told(json!(false)), [""; 0]);
    }

    #[test]
    fn kinds_of_tokens_that_no_guard_names_are_told_with_those_there_are() {
        let guard = |way: &str| Demand::of(Who::Users, "Paseto").ways(&[way]);
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
                "security.tokens.check.acess: is for the kind \"acess\", which no guard names. {cure}"
            )]
        );
        let partner = |kinds: &[&str]| json!({"iss": "x", "key": "y", "kinds": kinds});
        assert_eq!(
            told(json!({"trusted": [partner(&["download"]), partner(&["access", "downlaod"])]})),
            [format!(
                "security.tokens.trusted[1].kinds: is for the kind \"downlaod\", which no guard names. \
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
        let fault = "security.require_guard: names \"/adm\", and no route is there. \
                     Write it as it stands in the routes, or remove it";
        assert_eq!(told(json!(["/adm", "/login"])), [fault]);
    }
}

//! The routes that we mounted, with their features.

use rocket::Route;

/// The routes that we mounted, with their features.
#[derive(Default)]
pub(in crate::security) struct Mounted(Vec<(Route, &'static str)>);

impl Mounted {
    pub(in crate::security) fn note(&mut self, feature: &'static str, routes: &[Route]) {
        self.0.extend(routes.iter().cloned().map(|route| (route, feature)));
    }

    /// Finds the feature of a route. Two routes that are equal in all of this would collide, and Rocket would
    /// not launch.
    pub(super) fn feature_of(&self, route: &Route) -> Option<String> {
        let is_same = |other: &Route| {
            (other.method, other.rank, &other.format) == (route.method, route.rank, &route.format)
                && other.uri.to_string() == route.uri.to_string()
        };
        let (_, feature) = self.0.iter().find(|(other, _)| is_same(other))?;
        Some((*feature).to_owned())
    }
}

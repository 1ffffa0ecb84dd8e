//! Asks the guards of each route what they demand.
//!
//! A [`Route`] does not expose its sentinels. But Rocket asks them when it ignites, and names those that
//! abort. So each route is put in a small separate `Rocket`, in which our guards make themselves known by
//! aborting. Each type that did so is then asked what it demands.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use log::LevelFilter;
use rocket::config::LogLevel;
use rocket::error::{Error, ErrorKind};
use rocket::figment::Figment;
use rocket::futures::FutureExt;
use rocket::{Config, Ignite, Rocket, Route};

use crate::web::demand::{Demand, Recorder};

/// Types of other crates that accept requests which the guard within them refused.
pub(super) const LENIENT: [&str; 3] = ["Option", "Result", "Either"];

/// Returns what each route demands.
pub(super) fn demands_of(
    routes: &[&Route],
    ignited: Option<&Rocket<Ignite>>,
    cli_colors: bool,
) -> Vec<Vec<Demand>> {
    let _quiet = Quiet::begin();
    // Colours are set for the whole process, so they must be those of the application.
    let config = Config { log_level: LogLevel::Off, cli_colors, ..Config::debug_default() };
    let config = Figment::from(config);
    let bench = ignite(&config, None, Recorder::idle()).and_then(Result::ok);
    let asked = ignited.filter(|it| it.state::<Recorder>().is_some()).or(bench.as_ref());
    let of_route = |route: &&Route| match asked {
        Some(asked) => of_route(&config, route, asked),
        None => Vec::new(),
    };
    routes.iter().map(of_route).collect()
}

fn of_route(config: &Figment, route: &Route, asked: &Rocket<Ignite>) -> Vec<Demand> {
    let Some(Err(fault)) = ignite(config, Some(route.clone()), Recorder::finding()) else {
        return Vec::new();
    };
    let ErrorKind::SentinelAborts(sentries) = fault.kind() else {
        return Vec::new();
    };
    let (mut seen, mut demands) = (HashSet::new(), Vec::new());
    for sentry in sentries {
        let is_embedded = sentry.parent.is_some();
        if !seen.insert((sentry.type_id, is_embedded)) {
            continue;
        }
        for demand in record(asked, sentry.abort) {
            let demand = named_by(sentry.type_name, is_embedded, demand);
            if !demands.contains(&demand) {
                demands.push(demand);
            }
        }
    }
    demands
}

fn record(asked: &Rocket<Ignite>, abort: fn(&Rocket<Ignite>) -> bool) -> Vec<Demand> {
    match asked.state::<Recorder>() {
        Some(recorder) => recorder.record(|| {
            abort(asked);
        }),
        None => Vec::new(),
    }
}

/// Adds the type by which a signature names a guard, if it is another type. If that type is not a sentinel,
/// it is unknown, and it may accept requests which the guard refused.
fn named_by(type_name: &str, is_embedded: bool, mut demand: Demand) -> Demand {
    let whole = type_name.split('<').next().unwrap_or_default();
    let name = whole.rsplit("::").next().unwrap_or_default();
    let outermost = demand.within.first().unwrap_or(&demand.guard);
    if outermost != name {
        demand.within.insert(0, name.to_owned());
    }
    if is_embedded {
        demand.within.insert(0, "_".to_owned());
    }
    demand.required &= !is_embedded && !LENIENT.contains(&name);
    demand
}

/// Ignites a `Rocket` with at most one route. Without fairings this is ready at once. Returns `None` if,
/// unexpectedly, it is not.
fn ignite(
    config: &Figment,
    route: Option<Route>,
    recorder: Recorder,
) -> Option<Result<Rocket<Ignite>, Error>> {
    let routes: Vec<Route> = route.into_iter().collect();
    let rocket = rocket::custom(config).manage(recorder).mount("/", routes);
    let ignited = rocket.ignite().now_or_never()?;
    if let Err(fault) = &ignited {
        // An error that is never inspected panics when it is dropped.
        let _ = fault.kind();
    }
    Some(ignited)
}

/// Only one at a time, so that the last one to end restores the level that the first one found.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Suppresses all logging. Igniting sets the level of the whole process if the logger is Rocket's. Any other
/// logger would receive the messages of every small launch.
struct Quiet {
    level: LevelFilter,
    _alone: std::sync::MutexGuard<'static, ()>,
}

impl Quiet {
    fn begin() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let level = log::max_level();
        log::set_max_level(LevelFilter::Off);
        Self { level, _alone: alone }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        log::set_max_level(self.level);
    }
}

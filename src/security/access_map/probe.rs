//! Asks the guards of each route what they demand.
//!
//! A [`Route`] keeps its sentinels to itself. But Rocket asks them when it ignites, and names those
//! that abort. So each route is put into a small `Rocket` of its own, where guards of ours make
//! themselves known by aborting; each type that did is then asked what it demands.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use log::LevelFilter;
use rocket::config::LogLevel;
use rocket::error::{Error, ErrorKind};
use rocket::figment::Figment;
use rocket::futures::FutureExt;
use rocket::{Config, Ignite, Rocket, Route};

use crate::web::demand::{Demand, Recorder};

/// Types of others that let in requests without the guard within them.
pub(super) const LENIENT: [&str; 3] = ["Option", "Result", "Either"];

/// Returns what each route demands.
pub(super) fn demands_of(
    routes: &[&Route],
    ignited: Option<&Rocket<Ignite>>,
    cli_colors: bool,
) -> Vec<Vec<Demand>> {
    let _quiet = Quiet::begin();
    // Colours are the whole process's, so they have to be the application's.
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

/// Says by which type a signature names a guard, if not by itself. What a type is whose parameter it is,
/// and that is no sentinel, nobody tells: it may let in requests without the guard.
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

/// Ignites a `Rocket` with at most one route. Without fairings that is done when it is asked for: none
/// if, against expectation, it is not.
fn ignite(
    config: &Figment,
    route: Option<Route>,
    recorder: Recorder,
) -> Option<Result<Rocket<Ignite>, Error>> {
    let routes: Vec<Route> = route.into_iter().collect();
    let rocket = rocket::custom(config).manage(recorder).mount("/", routes);
    let ignited = rocket.ignite().now_or_never()?;
    if let Err(fault) = &ignited {
        // One that nobody has looked at panics.
        let _ = fault.kind();
    }
    Some(ignited)
}

/// One at a time, so that the last to end finds the level that the first has found.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Keeps anything from being logged. Igniting sets the level of the whole process, where the logger is
/// Rocket's; where it is another one, it would be told of every small launch.
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

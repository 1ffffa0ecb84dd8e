//! What guards require, as they report it.
//!
//! Rocket does not reveal the guards of a route. But it calls each of them as a
//! [`Sentinel`](rocket::Sentinel), to ask whether the launch can continue. While an
//! [`AccessMap`](crate::security::AccessMap) is created, the framework's guards use this call to report what
//! they require. So a new guard appears in the map if its sentinel calls [`demands`].

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::{Ignite, Rocket};
use serde::{Deserialize, Serialize};

use crate::user::Level;

/// What a guard requires of a request.
///
/// ```
/// use rocket_security::guard::{Demand, Who};
///
/// let demand = Demand::of(Who::Users, "RolesRequired").all_roles(&["admin", "editor"]);
/// assert_eq!(demand.to_string(), "RolesRequired(admin and editor)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Demand {
    /// The name of the guard, for example `RolesRequired`.
    pub guard: String,
    /// The types around the guard in the signature, the outermost first: `Maybe`, `Option`, or the
    /// application's own. `_` is a type whose name is unknown.
    pub within: Vec<String>,
    /// Whether every request has to pass the guard.
    pub required: bool,
    /// Whom the guard lets in. `None` if it does not decide this, as with [`Session`](crate::guard::Session).
    pub who: Option<Who>,
    /// The required roles.
    pub roles: Option<Names>,
    /// The required permissions.
    pub permissions: Option<Names>,
    /// The scopes required of a token that is limited to scopes.
    #[serde(default)]
    pub scopes: Option<Names>,
    /// How many minutes old the user's latest proof can be.
    pub fresh_minutes: Option<u32>,
    /// The level that the user's proofs have to reach.
    #[serde(default)]
    pub level: Option<Level>,
    /// The mechanisms that it accepts; empty if it accepts all that are configured.
    pub mechanisms: Vec<String>,
    /// Whether the guard refuses unsafe requests without an anti-forgery (CSRF) token.
    pub checks_csrf: bool,
}

/// Whom a guard lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Who {
    /// Authenticated users.
    Users,
    /// Visitors who are not logged in.
    Guests,
    /// Everyone, deliberately.
    Everybody,
}

/// A list of names, of which all or any are required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Names {
    /// All of them.
    All(Vec<String>),
    /// At least one of them.
    Any(Vec<String>),
}

impl Demand {
    /// Describes a guard that decides who gets in.
    pub fn of(who: Who, guard: impl Into<String>) -> Self {
        Self { who: Some(who), ..Self::tool(guard) }
    }

    /// Describes a guard that helps the handler but does not decide who gets in.
    pub fn tool(guard: impl Into<String>) -> Self {
        Self {
            guard: guard.into(),
            within: Vec::new(),
            required: true,
            who: None,
            roles: None,
            permissions: None,
            scopes: None,
            fresh_minutes: None,
            level: None,
            mechanisms: Vec::new(),
            checks_csrf: false,
        }
    }

    /// Requires all of these roles.
    pub fn all_roles(self, names: &[&str]) -> Self {
        Self { roles: Some(Names::All(owned(names))), ..self }
    }

    /// Requires at least one of these roles.
    pub fn any_role(self, names: &[&str]) -> Self {
        Self { roles: Some(Names::Any(owned(names))), ..self }
    }

    /// Requires all of these permissions.
    pub fn all_permissions(self, names: &[&str]) -> Self {
        Self { permissions: Some(Names::All(owned(names))), ..self }
    }

    /// Requires at least one of these permissions.
    pub fn any_permission(self, names: &[&str]) -> Self {
        Self { permissions: Some(Names::Any(owned(names))), ..self }
    }

    /// Requires all of these scopes of a token.
    pub fn all_scopes(self, names: &[&str]) -> Self {
        Self { scopes: Some(Names::All(owned(names))), ..self }
    }

    /// Requires a proof that is not older than this.
    pub fn fresh_within(self, minutes: u32) -> Self {
        Self { fresh_minutes: Some(minutes), ..self }
    }

    /// Requires proofs that reach this level.
    pub fn level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// Accepts only these mechanisms.
    pub fn mechanisms(self, names: &[&str]) -> Self {
        Self { mechanisms: owned(names), ..self }
    }

    /// Refuses unsafe requests without an anti-forgery (CSRF) token.
    pub fn csrf(self) -> Self {
        Self { checks_csrf: true, ..self }
    }
}

/// Writes the guard with its requirements, for example `Maybe(RolesAccepted(admin or editor))`.
impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [&self.roles, &self.permissions, &self.scopes];
        let mut asked: Vec<String> = names.into_iter().flatten().map(Names::to_string).collect();
        asked.extend(self.fresh_minutes.map(|minutes| match minutes {
            1 => "1 minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        }));
        asked.extend(self.level.map(|level| level.acr().to_owned()));
        asked.extend((!self.mechanisms.is_empty()).then(|| self.mechanisms.join(" or ")));
        for outer in &self.within {
            write!(f, "{outer}(")?;
        }
        f.write_str(&self.guard)?;
        if !asked.is_empty() {
            write!(f, "({})", asked.join(", "))?;
        }
        f.write_str(&")".repeat(self.within.len()))
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::All(names) => names.join(" and "),
            Self::Any(names) => names.join(" or "),
        })
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Implements the sentinel of a guard: reports what the guard requires while an access map is created, and
/// otherwise returns whether to abort the launch.
///
/// A guard of the application that contains one of the framework's passes the question on. A guard that
/// decides by itself reports this, and then counts for `security.require_guard`:
///
/// ```
/// use rocket::{Ignite, Rocket, Sentinel};
/// use rocket_security::AuthUser;
/// use rocket_security::guard::{Demand, Who, demands};
///
/// struct Owner(AuthUser);
///
/// impl Sentinel for Owner {
///     fn abort(rocket: &Rocket<Ignite>) -> bool {
///         AuthUser::abort(rocket)
///     }
/// }
///
/// struct ApiKey(String);
///
/// impl Sentinel for ApiKey {
///     fn abort(rocket: &Rocket<Ignite>) -> bool {
///         demands(rocket, Demand::of(Who::Users, "ApiKey"), || false)
///     }
/// }
/// ```
pub fn demands(rocket: &Rocket<Ignite>, demand: Demand, is_broken: impl FnOnce() -> bool) -> bool {
    match rocket.state::<Recorder>().and_then(|recorder| recorder.take_down(demand)) {
        Some(answer) => answer,
        None => is_broken(),
    }
}

/// Implements the sentinel of a guard with the name `outer` that also lets in requests that its inner guard
/// refuses, as [`Maybe`](crate::Maybe) does.
pub fn optionally(
    rocket: &Rocket<Ignite>,
    outer: &'static str,
    abort_of_inner: impl FnOnce() -> bool,
) -> bool {
    let Some(recorder) = rocket.state::<Recorder>() else {
        return abort_of_inner();
    };
    recorder.open().within.push(outer);
    let answer = abort_of_inner();
    recorder.open().within.pop();
    answer
}

/// Records what guards require while an access map is created.
pub(crate) struct Recorder(Mutex<Recording>);

struct Recording {
    asks_for: AsksFor,
    within: Vec<&'static str>,
    demands: Vec<Demand>,
}

#[derive(Clone, Copy)]
enum AsksFor {
    /// Whether the launch can continue, as usual.
    Launch,
    /// Which types are guards of the framework, or pass the question on to one: each of these returns that it
    /// aborts.
    Guards,
    /// What the guards require.
    Demands,
}

impl Recorder {
    /// Lets guards answer as usual, until [`record`](Self::record) asks.
    pub(crate) fn idle() -> Self {
        Self::asking_for(AsksFor::Launch)
    }

    /// Lets the framework's guards reveal themselves by aborting the launch.
    pub(crate) fn finding() -> Self {
        Self::asking_for(AsksFor::Guards)
    }

    /// Calls a sentinel and returns what it requires.
    pub(crate) fn record(&self, abort: impl FnOnce()) -> Vec<Demand> {
        let before = std::mem::replace(&mut self.open().asks_for, AsksFor::Demands);
        abort();
        let mut recording = self.open();
        recording.asks_for = before;
        std::mem::take(&mut recording.demands)
    }

    fn asking_for(asks_for: AsksFor) -> Self {
        Self(Mutex::new(Recording { asks_for, within: Vec::new(), demands: Vec::new() }))
    }

    /// Returns the answer of a sentinel, or `None` if it has to answer as usual.
    fn take_down(&self, demand: Demand) -> Option<bool> {
        let mut recording = self.open();
        match recording.asks_for {
            AsksFor::Launch => None,
            AsksFor::Guards => Some(true),
            AsksFor::Demands => {
                let within = recording.within.iter().map(|&outer| outer.to_owned()).collect();
                let required = demand.required && recording.within.is_empty();
                recording.demands.push(Demand { within, required, ..demand });
                // Aborting here would keep a sentinel of the application from asking the next guard.
                Some(false)
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Recording> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

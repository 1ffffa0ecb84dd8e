//! What guards demand, told by themselves.
//!
//! Rocket shows the guards of a route to no one. But it asks each of them, as a
//! [`Sentinel`](rocket::Sentinel), whether the launch may go on; and while an
//! [`AccessMap`](crate::security::AccessMap) is drawn, a guard of ours answers that question with what
//! it demands. So a guard that is added stands in the map by one call of [`demands`] in its sentinel.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::{Ignite, Rocket};
use serde::{Deserialize, Serialize};

use crate::user::Level;

/// What a guard demands of a request.
///
/// ```
/// use rocket_security::guard::Demand;
/// use rocket_security::guard::Who;
///
/// let demand = Demand::of(Who::Users, "RolesRequired").all_roles(&["admin", "editor"]);
/// assert_eq!(demand.to_string(), "RolesRequired(admin and editor)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Demand {
    /// The name of the guard, for example `RolesRequired`.
    pub guard: String,
    /// The types of the signature that it is named by, the outermost first: `Maybe`, `Option`, an
    /// application's own. `_` is one whose name is not known.
    pub within: Vec<String>,
    /// Whether no request gets past without it.
    pub required: bool,
    /// Whom it lets in; none when it says nothing of that, as [`Session`](crate::guard::Session).
    pub who: Option<Who>,
    /// The roles that it asks for.
    pub roles: Option<Names>,
    /// The permissions that it asks for.
    pub permissions: Option<Names>,
    /// The scopes that it requires of tokens with scopes.
    #[serde(default)]
    pub scopes: Option<Names>,
    /// How many minutes ago a user may have proved who they are.
    pub fresh_minutes: Option<u32>,
    /// The level that the proofs of a user have to be worth.
    #[serde(default)]
    pub level: Option<Level>,
    /// The mechanisms that it accepts; empty if it accepts all that are configured.
    pub mechanisms: Vec<String>,
    /// Whether it refuses an unsafe request that brings no anti-forgery token.
    pub checks_csrf: bool,
}

/// Whom a guard lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Who {
    /// Authenticated users.
    Users,
    /// Requests without a login.
    Guests,
    /// Everybody, on purpose.
    Everybody,
}

/// Names of which all are asked for, or any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Names {
    /// Every one of them.
    All(Vec<String>),
    /// At least one of them.
    Any(Vec<String>),
}

impl Demand {
    /// Describes a guard that decides who gets in.
    pub fn of(who: Who, guard: impl Into<String>) -> Self {
        Self { who: Some(who), ..Self::tool(guard) }
    }

    /// Describes a guard that is handy for the handler and says nothing of who gets in.
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

    /// Asks for every one of these roles.
    pub fn all_roles(self, names: &[&str]) -> Self {
        Self { roles: Some(Names::All(owned(names))), ..self }
    }

    /// Asks for at least one of these roles.
    pub fn any_role(self, names: &[&str]) -> Self {
        Self { roles: Some(Names::Any(owned(names))), ..self }
    }

    /// Asks for every one of these permissions.
    pub fn all_permissions(self, names: &[&str]) -> Self {
        Self { permissions: Some(Names::All(owned(names))), ..self }
    }

    /// Asks for at least one of these permissions.
    pub fn any_permission(self, names: &[&str]) -> Self {
        Self { permissions: Some(Names::Any(owned(names))), ..self }
    }

    /// Asks a token for every one of these scopes.
    pub fn all_scopes(self, names: &[&str]) -> Self {
        Self { scopes: Some(Names::All(owned(names))), ..self }
    }

    /// Asks for a proof that is no older.
    pub fn fresh_within(self, minutes: u32) -> Self {
        Self { fresh_minutes: Some(minutes), ..self }
    }

    /// Asks for proofs that are worth that level.
    pub fn level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// Accepts only these mechanisms.
    pub fn mechanisms(self, names: &[&str]) -> Self {
        Self { mechanisms: owned(names), ..self }
    }

    /// Refuses an unsafe request that brings no anti-forgery token.
    pub fn csrf(self) -> Self {
        Self { checks_csrf: true, ..self }
    }
}

/// Writes the guard with what it asks for, as in `Maybe(RolesAccepted(admin or editor))`.
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

/// Answers for the sentinel of a guard: says what it demands when that is asked, and otherwise whether
/// the launch has to stop.
///
/// An application's guard that asks for one of ours hands the question on. One that decides by itself
/// says so, and counts for `security.require_guard`:
///
/// ```
/// use rocket::Ignite;
/// use rocket::Rocket;
/// use rocket::Sentinel;
/// use rocket_security::AuthUser;
/// use rocket_security::guard::Demand;
/// use rocket_security::guard::Who;
/// use rocket_security::guard::demands;
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

/// Answers for the sentinel of a guard that goes by the name `outer` and lets in requests without
/// the guard within it, as [`Maybe`](crate::Maybe) does.
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

/// Takes down what guards demand, while a map is drawn.
pub(crate) struct Recorder(Mutex<Recording>);

struct Recording {
    asks_for: AsksFor,
    within: Vec<&'static str>,
    demands: Vec<Demand>,
}

#[derive(Clone, Copy)]
enum AsksFor {
    /// Whether the launch may go on, as always.
    Launch,
    /// Which types are guards of ours, or hand the question on to one: each says that it aborts.
    Guards,
    /// What they demand.
    Demands,
}

impl Recorder {
    /// Has guards answer as always, until [`record`](Self::record) asks.
    pub(crate) fn idle() -> Self {
        Self::asking_for(AsksFor::Launch)
    }

    /// Has guards of ours make themselves known by aborting the launch.
    pub(crate) fn finding() -> Self {
        Self::asking_for(AsksFor::Guards)
    }

    /// Calls a sentinel and gives what it demands.
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

    /// Returns the answer of a sentinel, unless it is asked as always.
    fn take_down(&self, demand: Demand) -> Option<bool> {
        let mut recording = self.open();
        match recording.asks_for {
            AsksFor::Launch => None,
            AsksFor::Guards => Some(true),
            AsksFor::Demands => {
                let within = recording.within.iter().map(|&outer| outer.to_owned()).collect();
                let required = demand.required && recording.within.is_empty();
                recording.demands.push(Demand { within, required, ..demand });
                // To say no would keep a sentinel of an application from asking the next guard.
                Some(false)
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Recording> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

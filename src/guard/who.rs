//! Finds out who a request is from, once for all guards.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rocket::Request;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request;
use rocket::tokio::sync::OnceCell;

use crate::event::Event;
use crate::flow::Flow;
use crate::guard::AuthUser;
use crate::guard::mechanism::Mechanism;
use crate::guard::mechanism::Mechanisms;
use crate::guard::mechanism::SESSION;
use crate::guard::parts;
use crate::guard::refuse;
use crate::patience::shared;
use crate::rejection::Rejection;
use crate::session::Current;
use crate::web::Web;
use crate::web::challenge;
use crate::web::challenge::Asked;
use crate::web::csrf;
use crate::web::presentation;
use crate::web::sender;
use crate::web::sender::Sender;

/// The mechanisms that a guard takes, in the order in which they are tried.
pub(super) struct Ways {
    ways: Vec<Way>,
    /// Whether the guard is content with whoever a guard before it let in.
    takes_anybody: bool,
}

/// One of them.
enum Way {
    Session,
    Other(Arc<dyn Mechanism>),
}

impl Ways {
    /// Takes what `security.mechanisms` says, and whomever a guard of the same route before it let in
    /// by another way.
    pub(super) fn configured(request: &Request<'_>) -> Self {
        let config = request.rocket().state::<Web>().map(Web::config);
        let names = config.map(|config| config.mechanisms.as_slice()).unwrap_or_default();
        Self::new(request, names.iter().map(String::as_str), true)
    }

    /// Takes these and no other.
    pub(super) fn only(request: &Request<'_>, names: &[&str]) -> Self {
        Self::new(request, names.iter().copied(), false)
    }

    fn new<'n>(
        request: &Request<'_>,
        names: impl Iterator<Item = &'n str>,
        takes_anybody: bool,
    ) -> Self {
        let mechanisms = request.rocket().state::<Mechanisms>();
        let way = |name| match name {
            SESSION => Some(Way::Session),
            name => mechanisms.and_then(|all| all.find(name)).map(Way::Other),
        };
        Self { ways: names.filter_map(way).collect(), takes_anybody }
    }

    /// Gives whoever a guard before this one let in, if they will do.
    fn found(&self, request: &Request<'_>) -> Option<Arc<Sender>> {
        let found = sender::decided_here(request)?;
        let is_taken = self.ways.iter().any(|way| way.name() == found.mechanism);
        (self.takes_anybody || is_taken).then_some(found)
    }

    /// Gives the first of them that a request brings.
    async fn brought(&self, request: &Request<'_>, web: &Web) -> Option<&Way> {
        for way in &self.ways {
            if way.is_brought(request, web).await {
                return Some(way);
            }
        }
        None
    }

    /// Says what would have been taken of somebody who had proved lately who they are.
    fn asked_again(&self, max_age: Duration) -> Asked {
        let mut asked = Asked::default();
        for way in &self.ways {
            match way {
                Way::Session => asked.takes_session = true,
                Way::Other(mechanism) => {
                    asked.challenges.extend(mechanism.challenge_stale(max_age));
                    asked.is_asked_by_browsers |= mechanism.is_asked_by_browsers();
                }
            }
        }
        asked
    }

    /// Says what would have been taken. `refused` is whose credentials were not good enough, and why.
    fn asked(&self, refused: Option<(&str, &Rejection)>) -> Asked {
        let mut asked = Asked::default();
        for way in &self.ways {
            match way {
                Way::Session => asked.takes_session = true,
                Way::Other(mechanism) => {
                    let why = refused.filter(|(name, _)| *name == mechanism.name());
                    asked.challenges.extend(mechanism.challenge(why.map(|(_, why)| why)));
                    asked.is_asked_by_browsers |= mechanism.is_asked_by_browsers();
                }
            }
        }
        asked
    }
}

impl Way {
    fn name(&self) -> &'static str {
        match self {
            Self::Session => SESSION,
            Self::Other(mechanism) => mechanism.name(),
        }
    }

    async fn is_brought(&self, request: &Request<'_>, web: &Web) -> bool {
        match self {
            Self::Session => matches!(
                web.sessions().current(request).await,
                Current::Active(_) | Current::Ended | Current::Unavailable
            ),
            Self::Other(mechanism) => mechanism.is_present(request),
        }
    }

    /// Finds out who it is: once a request, whoever asks.
    async fn verify(
        &self,
        request: &Request<'_>,
        web: &Web,
        flow: &Flow,
    ) -> Result<Arc<Sender>, Rejection> {
        let cell = cell(request, self.name());
        let verified = cell.get_or_init(|| async {
            let found = match self {
                Self::Session => session_user(request, web, flow).await,
                Self::Other(mechanism) => shared(mechanism.authenticate(request))
                    .await
                    .map(|admitted| admitted.into_sender(mechanism.name())),
            };
            match found {
                Ok(sender) => {
                    let sender = Arc::new(sender);
                    sender::note(request, &sender);
                    Ok(sender)
                }
                Err(rejection) => {
                    if rejection.status() == Status::Unauthorized {
                        tell_unauthenticated(request, web);
                    }
                    Err(rejection)
                }
            }
        });
        verified.await.clone()
    }

    fn needs_csrf(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Session => true,
            Self::Other(mechanism) => mechanism.needs_csrf(request),
        }
    }
}

/// Lets in whoever a request is from by one of these ways, or fails the request.
pub(super) async fn let_in(
    request: &Request<'_>,
    ways: &Ways,
) -> request::Outcome<AuthUser, Rejection> {
    match find(request, ways).await {
        Ok(user) => Outcome::Success(user),
        Err((rejection, by)) => {
            if rejection.status() == Status::Unauthorized {
                challenge::note(request, ways.asked(by.map(|name| (name, &rejection))));
            }
            refuse(request, rejection)
        }
    }
}

/// Fails the request of a user who did not prove lately who they are.
pub(super) fn refuse_stale<G>(
    request: &Request<'_>,
    user: &AuthUser,
    max_age: Duration,
) -> request::Outcome<G, Rejection> {
    challenge::note(request, Ways::only(request, &[user.mechanism()]).asked_again(max_age));
    refuse(request, Rejection::NotFresh)
}

/// Tells whether a request is from somebody, or claims to be, by one of these ways.
pub(super) async fn is_from_somebody(request: &Request<'_>, ways: &Ways) -> bool {
    match parts(request) {
        Ok((web, _)) => ways.found(request).is_some() || ways.brought(request, web).await.is_some(),
        Err(_) => true,
    }
}

/// Tells whether a request is from somebody by a way that is no session.
///
/// # Errors
///
/// Whatever is wrong with the credentials.
pub(super) async fn is_from_a_bearer(request: &Request<'_>) -> Result<bool, Rejection> {
    let (web, flow) = parts(request)?;
    let mut ways = Ways::configured(request);
    ways.ways.retain(|way| way.name() != SESSION);
    if ways.found(request).is_some() {
        return Ok(true);
    }
    match ways.brought(request, web).await {
        Some(way) => way.verify(request, web, flow).await.map(|_| true),
        None => Ok(false),
    }
}

/// A refusal, and the mechanism whose credentials were refused.
type Refusal = (Rejection, Option<&'static str>);

async fn find(request: &Request<'_>, ways: &Ways) -> Result<AuthUser, Refusal> {
    let (web, flow) = parts(request).map_err(of_nobody)?;
    let sender = match ways.found(request) {
        Some(found) => found,
        None => {
            let Some(way) = ways.brought(request, web).await else {
                tell_unauthenticated(request, web);
                return Err(of_nobody(Rejection::Unauthenticated));
            };
            let of_this_way = |rejection| (rejection, Some(way.name()));
            let sender = way.verify(request, web, flow).await.map_err(of_this_way)?;
            if way.needs_csrf(request) {
                csrf::check(request, web, None).await.map_err(of_this_way)?;
            }
            sender
        }
    };
    let payload = presentation::show(request, web, &sender.user).await.map_err(of_nobody)?;
    if !sender::decide(request, &sender) {
        return Err(of_nobody(Rejection::ConflictingCredentials));
    }
    Ok(AuthUser::new(sender, payload))
}

fn of_nobody(rejection: Rejection) -> Refusal {
    (rejection, None)
}

async fn session_user(request: &Request<'_>, web: &Web, flow: &Flow) -> Result<Sender, Rejection> {
    match web.sessions().current(request).await {
        Current::Active(active) => {
            flow.check_session(&active.user).await?;
            Ok(Sender::of_session(SESSION, active))
        }
        Current::Unavailable => Err(Rejection::Unavailable),
        Current::Nobody | Current::Anonymous(_) | Current::Expired | Current::Ended => {
            Err(Rejection::Unauthenticated)
        }
    }
}

pub(super) fn tell_unauthenticated(request: &Request<'_>, web: &Web) {
    web.signals().send(&Event::UserUnauthenticated { origin: web.origin(request) });
}

type Verified = Arc<OnceCell<Result<Arc<Sender>, Rejection>>>;

/// What came of each mechanism that was tried.
struct Tried(Mutex<Vec<(&'static str, Verified)>>);

fn cell(request: &Request<'_>, name: &'static str) -> Verified {
    let tried = request.local_cache(|| Tried(Mutex::default()));
    let mut tried = tried.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, cell)) = tried.iter().find(|(other, _)| *other == name) {
        return Arc::clone(cell);
    }
    let cell = Verified::default();
    tried.push((name, Arc::clone(&cell)));
    cell
}

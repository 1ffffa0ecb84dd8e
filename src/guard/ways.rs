//! By which ways a guard finds out who a request is from.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rocket::Request;
use rocket::http::Status;
use rocket::tokio::sync::OnceCell;

use crate::deadline::with_deadline;
use crate::event::Event;
use crate::flow::Flow;
use crate::guard::mechanism::{Mechanism, Mechanisms, PERSONAL_TOKEN, SESSION, TOKEN, tell_apart};
use crate::rejection::{Lacking, Rejection, TokenFault};
use crate::session::Current;
use crate::token::Access;
use crate::user::User;
use crate::web::challenge::Asked;
use crate::web::sender::Sender;
use crate::web::site::Web;
use crate::web::{bearer, sender};

/// The mechanisms that a guard takes, in their order.
pub(super) struct Ways {
    ways: Vec<Way>,
    /// Whether the guard is content with whoever a guard before it let in.
    takes_anybody: bool,
    /// The scopes that the guard asks for; none when it names none.
    pub(super) scopes: Option<Vec<&'static str>>,
}

/// A refusal, and the mechanism whose credentials were refused.
pub(super) type Refusal = (Rejection, Option<&'static str>);

/// One of them.
pub(super) enum Way {
    Session,
    Other(Arc<dyn Mechanism>),
}

impl Ways {
    /// Takes what `security.mechanisms` says, and whomever a guard of the same route before it let in
    /// by another way. Looks at a personal token, too, for whoever sends one is no guest, and refuses it.
    pub(super) fn configured(request: &Request<'_>) -> Self {
        let config = Web::of(request).map(Web::config);
        let names = config.map(|config| config.mechanisms.as_slice()).unwrap_or_default();
        let names = names.iter().map(String::as_str).chain([PERSONAL_TOKEN]);
        Self::new(request, names, true)
    }

    /// Takes the same, and a personal token that has these scopes.
    pub(super) fn scoped(request: &Request<'_>, scopes: Vec<&'static str>) -> Self {
        Self { scopes: Some(scopes), ..Self::configured(request) }
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
        let mut ways: Vec<Way> = names.filter_map(way).collect();
        let place = |name| ways.iter().position(|way| way.name() == name);
        // A personal token comes where tokens come in the order.
        if let (Some(token), Some(personal)) = (place(TOKEN), place(PERSONAL_TOKEN))
            && token < personal
        {
            let personal = ways.remove(personal);
            ways.insert(token, personal);
        }
        Self { ways, takes_anybody, scopes: None }
    }

    /// Gives whoever a guard before this one let in, if they will do.
    pub(super) fn found(&self, request: &Request<'_>) -> Option<Arc<Sender>> {
        let found = sender::decided_here(request)?;
        let is_taken = self.ways.iter().any(|way| way.name() == found.mechanism);
        (self.takes_anybody || is_taken).then_some(found)
    }

    /// Leaves out the session.
    pub(super) fn without_session(mut self) -> Self {
        self.ways.retain(|way| way.name() != SESSION);
        self
    }

    /// Tells whether a request brings one of them.
    pub(super) async fn is_any_brought(&self, request: &Request<'_>, web: &Web) -> bool {
        !self.brought(request, web).await.is_empty()
    }

    /// Finds out who a request is from by each of them that it brings, in their order: all of them must be
    /// good, and mean one user. Nobody, where it brings none.
    ///
    /// One that says nothing counts only where there is no other. One that claims to be of the user who was
    /// found before is not verified, and not given.
    ///
    /// # Errors
    ///
    /// What is wrong with the first that is bad; [`Rejection::ConflictingCredentials`] for two users.
    pub(super) async fn senders(
        &self,
        request: &Request<'_>,
        web: &Web,
        flow: &Flow,
    ) -> Result<Vec<(&Way, Arc<Sender>)>, Refusal> {
        let found = self.verify(request, web, flow).await;
        if found.as_ref().is_err_and(|(why, _)| why.status() == Status::Unauthorized) {
            tell_unauthenticated(request, web);
        }
        let senders = found?;
        let is_other = |(_, sender): &(&Way, Arc<Sender>)| {
            senders.first().is_some_and(|(_, first)| first.user.id != sender.user.id)
        };
        if !senders.iter().any(is_other) {
            return Ok(senders);
        }
        let mut names = senders.iter().map(|(way, _)| way.name());
        Err((Rejection::ConflictingCredentials, names.find(|name| is_a_token(name))))
    }

    async fn verify(
        &self,
        request: &Request<'_>,
        web: &Web,
        flow: &Flow,
    ) -> Result<Vec<(&Way, Arc<Sender>)>, Refusal> {
        let mut good: Vec<(&Way, Arc<Sender>)> = Vec::new();
        let mut silent = None;
        for way in self.brought(request, web).await {
            if good.first().is_some_and(|(_, first)| way.claims(request, &first.user)) {
                continue;
            }
            match way.verify(request, web, flow).await {
                Ok(sender) => good.push((way, sender)),
                Err(why) if way.says_nothing(request, web, &why).await => {
                    silent = silent.or(Some((why, Some(way.name()))));
                }
                Err(why) => return Err((why, Some(way.name()))),
            }
        }
        match silent {
            Some(refusal) if good.is_empty() => Err(refusal),
            _ => Ok(good),
        }
    }

    /// Gives those that a request brings.
    async fn brought(&self, request: &Request<'_>, web: &Web) -> Vec<&Way> {
        let mut brought = Vec::new();
        for way in &self.ways {
            if way.is_brought(request, web).await {
                brought.push(way);
            }
        }
        // Whatever stands where tokens do is a token to the one, and a personal token is none of its.
        if brought.iter().any(|way| way.name() == PERSONAL_TOKEN) {
            brought.retain(|way| way.name() != TOKEN);
        }
        brought
    }

    /// Says what would have been taken of a user whose proofs sufficed.
    pub(super) fn asked_again(&self, lacking: Lacking) -> Asked {
        let mut asked = Asked::default();
        for way in &self.ways {
            match way {
                Way::Session => asked.takes_session = true,
                Way::Other(mechanism) => {
                    asked.challenges.extend(mechanism.challenge_insufficient(lacking));
                    asked.is_asked_by_browsers |= mechanism.is_asked_by_browsers();
                }
            }
        }
        asked
    }

    /// Says what would have been taken. `refused` is whose credentials were not good enough, and why.
    pub(super) fn asked(&self, refused: Option<(&str, &Rejection)>) -> Asked {
        let mut asked = Asked::default();
        for way in &self.ways {
            match way {
                Way::Session => asked.takes_session = true,
                Way::Other(mechanism) => {
                    let why = refused.filter(|(name, _)| *name == mechanism.name());
                    if why.is_none() && !self.takes(mechanism.name()) {
                        continue;
                    }
                    if let Some(challenge) = mechanism.challenge(why.map(|(_, why)| why)) {
                        asked.add(challenge);
                    }
                    asked.is_asked_by_browsers |= mechanism.is_asked_by_browsers();
                }
            }
        }
        asked
    }

    /// Tells whether a mechanism is asked for, and not only looked at to be refused.
    fn takes(&self, name: &str) -> bool {
        name != PERSONAL_TOKEN || !self.takes_anybody || self.scopes.is_some()
    }

    /// Refuses credentials that are for other scopes than the guard asks for.
    pub(super) fn check_scopes(&self, sender: &Sender) -> Result<(), Rejection> {
        match &self.scopes {
            _ if sender.scopes.is_none() => Ok(()),
            Some(_) if self.missing_scopes(sender).is_empty() => Ok(()),
            Some(_) => Err(Rejection::InsufficientScope),
            None if self.takes_anybody => Err(Rejection::TokenRefused(TokenFault::Scoped)),
            // The guard names the mechanism, whatever the scopes.
            None => Ok(()),
        }
    }

    /// Returns the scopes that the guard asks for and the credential does not have.
    pub(super) fn missing_scopes(&self, sender: &Sender) -> Vec<&'static str> {
        let Some(granted) = &sender.scopes else {
            return Vec::new();
        };
        let has = |name: &str| granted.iter().any(|scope| scope.as_str() == name);
        self.scopes.iter().flatten().copied().filter(|name| !has(name)).collect()
    }

    /// Says which scopes would have sufficed (RFC 6750, section 3.1).
    pub(super) fn asked_scopes(&self) -> Asked {
        let names = self.scopes.as_deref().unwrap_or_default().join(" ");
        let mut asked = Asked::default();
        asked.add(format!(
            "Bearer realm=\"login\", error=\"insufficient_scope\", scope=\"{names}\""
        ));
        asked
    }
}

/// Tells whether a mechanism takes tokens, of which a request may bring one (RFC 6750, section 2).
pub(super) fn is_a_token(name: &str) -> bool {
    [TOKEN, PERSONAL_TOKEN].contains(&name)
}

impl Way {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Session => SESSION,
            Self::Other(mechanism) => mechanism.name(),
        }
    }

    async fn is_brought(&self, request: &Request<'_>, web: &Web) -> bool {
        match self {
            Self::Session => matches!(
                web.sessions().current(request).await,
                Current::Active(_) | Current::Ended(_) | Current::Unavailable
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
                Self::Other(mechanism) => with_deadline(mechanism.authenticate(request))
                    .await
                    .map(|admitted| admitted.into_sender(mechanism.name())),
            };
            match found {
                Ok(sender) => {
                    let sender = Arc::new(sender);
                    sender::note(request, &sender);
                    Ok(sender)
                }
                Err(why) if self.name() == TOKEN => Err(tell_apart(request, why)),
                Err(why) => Err(why),
            }
        });
        verified.await.clone()
    }

    /// Tells whether what was refused says nothing of who a request is from, where something else does: a
    /// cookie of a session that has ended, which browsers send until they are told; whatever else they send
    /// unasked; and a token of a trusted issuer, whose users are not ours.
    async fn says_nothing(&self, request: &Request<'_>, web: &Web, why: &Rejection) -> bool {
        if why.status() != Status::Unauthorized {
            return false;
        }
        match self {
            Self::Session => matches!(web.sessions().current(request).await, Current::Ended(_)),
            Self::Other(mechanism) => {
                let is_foreign =
                    || bearer::verified::<Access>(request).is_ok_and(|token| token.is_foreign());
                mechanism.is_sent_unasked(request) || (mechanism.name() == TOKEN && is_foreign())
            }
        }
    }

    fn claims(&self, request: &Request<'_>, user: &User) -> bool {
        match self {
            Self::Session => false,
            Self::Other(mechanism) => mechanism.claims(request, user),
        }
    }

    pub(super) fn needs_csrf(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Session => true,
            Self::Other(mechanism) => mechanism.needs_csrf(request),
        }
    }
}

/// Tells of a request that nobody was let in with: once, however many guards refuse it.
pub(super) fn tell_unauthenticated(request: &Request<'_>, web: &Web) {
    struct Told(AtomicBool);
    let Told(told) = request.local_cache(|| Told(AtomicBool::new(false)));
    if told.swap(true, Ordering::Relaxed) {
        return;
    }
    web.signals().send(&Event::UserUnauthenticated { origin: web.origin(request) });
}

async fn session_user(request: &Request<'_>, web: &Web, flow: &Flow) -> Result<Sender, Rejection> {
    match web.sessions().current(request).await {
        Current::Active(active) => {
            flow.check_session(&active.user).await?;
            Ok(Sender::of_session(SESSION, active))
        }
        Current::Unavailable => Err(Rejection::Unavailable),
        Current::Nobody | Current::Anonymous(_) | Current::Ended(_) => {
            Err(Rejection::Unauthenticated)
        }
    }
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

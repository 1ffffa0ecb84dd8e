//! The mechanisms that a guard accepts, and what they find in a request.

use std::sync::Arc;

use rocket::Request;
use rocket::http::Status;

use crate::flow::Flow;
use crate::guard::any_mechanism::AnyMechanism;
use crate::guard::mechanism::{Mechanisms, PERSONAL_TOKEN, SESSION, TOKEN};
use crate::guard::tell::tell_unauthenticated;
use crate::rejection::{Lacking, Rejection, TokenFault};
use crate::web::challenge::Acceptable;
use crate::web::principal;
use crate::web::principal::Principal;
use crate::web::site::Site;

/// The mechanisms that a guard accepts, in their order.
pub(super) struct AcceptedMechanisms {
    mechanisms: Vec<AnyMechanism>,
    /// Whether the guard also accepts the user that an earlier guard let in by any other mechanism.
    takes_any: bool,
    /// The scopes that the guard requires, or `None` if it names none.
    pub(super) scopes: Option<Vec<&'static str>>,
}

/// A rejection, and the mechanism whose credentials were refused.
pub(super) type RefusedBy = (Rejection, Option<&'static str>);

impl AcceptedMechanisms {
    /// Accepts the mechanisms of `security.mechanisms`, and the user that an earlier guard of the route let
    /// in by another one. A personal token is looked at, too, and refused, because its sender is not a guest.
    pub(super) fn configured(request: &Request<'_>) -> Self {
        let config = Site::of(request).map(Site::config);
        let names = config.map(|config| config.mechanisms.as_slice()).unwrap_or_default();
        let names = names.iter().map(String::as_str).chain([PERSONAL_TOKEN]);
        Self::new(request, names, true)
    }

    /// Accepts the same, and a personal token with these scopes.
    pub(super) fn scoped(request: &Request<'_>, scopes: Vec<&'static str>) -> Self {
        Self { scopes: Some(scopes), ..Self::configured(request) }
    }

    /// Accepts these mechanisms and no other.
    pub(super) fn only(request: &Request<'_>, names: &[&str]) -> Self {
        Self::new(request, names.iter().copied(), false)
    }

    fn new<'n>(
        request: &Request<'_>,
        names: impl Iterator<Item = &'n str>,
        takes_any: bool,
    ) -> Self {
        let mechanisms = request.rocket().state::<Mechanisms>();
        let mechanism = |name| match name {
            SESSION => Some(AnyMechanism::Session),
            name => mechanisms.and_then(|all| all.find(name)).map(AnyMechanism::Other),
        };
        let mut mechanisms: Vec<AnyMechanism> = names.filter_map(mechanism).collect();
        let place = |name| mechanisms.iter().position(|mechanism| mechanism.name() == name);
        // A personal token comes before other tokens in the order.
        if let (Some(token), Some(personal)) = (place(TOKEN), place(PERSONAL_TOKEN))
            && token < personal
        {
            let personal = mechanisms.remove(personal);
            mechanisms.insert(token, personal);
        }
        Self { mechanisms, takes_any, scopes: None }
    }

    /// Returns the principal that an earlier guard let in, if this guard accepts it.
    pub(super) fn found(&self, request: &Request<'_>) -> Option<Arc<Principal>> {
        let found = principal::decided_here(request)?;
        let is_taken = self.mechanisms.iter().any(|mechanism| mechanism.name() == found.mechanism);
        (self.takes_any || is_taken).then_some(found)
    }

    /// Leaves out the session.
    pub(super) fn without_session(mut self) -> Self {
        self.mechanisms.retain(|mechanism| mechanism.name() != SESSION);
        self
    }

    /// Returns `true` if a request has credentials of one of them.
    pub(super) async fn is_any_brought(&self, request: &Request<'_>, site: &Site) -> bool {
        !self.brought(request, site).await.is_empty()
    }

    /// Finds the user of a request by each mechanism that the request has credentials for, in their order.
    /// All credentials must be valid and belong to one user. Returns an empty list if there are none.
    ///
    /// Credentials that say nothing about the sender count only if there are no others. Credentials that
    /// claim to belong to the user who was already found are neither verified nor returned.
    ///
    /// # Errors
    ///
    /// The rejection of the first credentials that are invalid. [`Rejection::ConflictingCredentials`] for two
    /// users.
    pub(super) async fn principals(
        &self,
        request: &Request<'_>,
        site: &Site,
        flow: &Flow,
    ) -> Result<Vec<(&AnyMechanism, Arc<Principal>)>, RefusedBy> {
        let found = self.verify(request, site, flow).await;
        if found.as_ref().is_err_and(|(why, _)| why.status() == Status::Unauthorized) {
            tell_unauthenticated(request, site);
        }
        let principals = found?;
        let is_other = |(_, principal): &(&AnyMechanism, Arc<Principal>)| {
            principals.first().is_some_and(|(_, first)| first.user.id != principal.user.id)
        };
        if !principals.iter().any(is_other) {
            return Ok(principals);
        }
        let mut names = principals.iter().map(|(mechanism, _)| mechanism.name());
        Err((Rejection::ConflictingCredentials, names.find(|name| is_a_token(name))))
    }

    async fn verify(
        &self,
        request: &Request<'_>,
        site: &Site,
        flow: &Flow,
    ) -> Result<Vec<(&AnyMechanism, Arc<Principal>)>, RefusedBy> {
        let mut good: Vec<(&AnyMechanism, Arc<Principal>)> = Vec::new();
        let mut silent = None;
        for mechanism in self.brought(request, site).await {
            if good.first().is_some_and(|(_, first)| mechanism.claims(request, &first.user)) {
                continue;
            }
            match mechanism.verify(request, site, flow).await {
                Ok(principal) => good.push((mechanism, principal)),
                Err(why) if mechanism.says_nothing(request, site, &why).await => {
                    silent = silent.or(Some((why, Some(mechanism.name()))));
                }
                Err(why) => return Err((why, Some(mechanism.name()))),
            }
        }
        match silent {
            Some(refusal) if good.is_empty() => Err(refusal),
            _ => Ok(good),
        }
    }

    /// Returns the mechanisms that a request has credentials for.
    async fn brought(&self, request: &Request<'_>, site: &Site) -> Vec<&AnyMechanism> {
        let mut brought = Vec::new();
        for mechanism in &self.mechanisms {
            if mechanism.is_brought(request, site).await {
                brought.push(mechanism);
            }
        }
        // The mechanism for tokens finds every text in the place of a token, including a personal token.
        if brought.iter().any(|mechanism| mechanism.name() == PERSONAL_TOKEN) {
            brought.retain(|mechanism| mechanism.name() != TOKEN);
        }
        brought
    }

    /// Returns the challenges for a user whose proofs do not suffice.
    pub(super) fn asked_again(&self, lacking: Lacking) -> Acceptable {
        let mut asked = Acceptable::default();
        for mechanism in &self.mechanisms {
            match mechanism {
                AnyMechanism::Session => asked.takes_session = true,
                AnyMechanism::Other(mechanism) => {
                    asked.challenges.extend(mechanism.challenge_insufficient(lacking));
                    asked.is_asked_by_browsers |= mechanism.is_asked_by_browsers();
                }
            }
        }
        asked
    }

    /// Returns the challenges for a request that was refused. `refused` is the mechanism whose credentials
    /// were invalid, and why.
    pub(super) fn asked(&self, refused: Option<(&str, &Rejection)>) -> Acceptable {
        let mut asked = Acceptable::default();
        for mechanism in &self.mechanisms {
            match mechanism {
                AnyMechanism::Session => asked.takes_session = true,
                AnyMechanism::Other(mechanism) => {
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

    /// Returns `true` if a mechanism is accepted, and not only looked at so that it can be refused.
    fn takes(&self, name: &str) -> bool {
        name != PERSONAL_TOKEN || !self.takes_any || self.scopes.is_some()
    }

    /// Refuses credentials that lack a required scope, and limited credentials if the guard names no scope.
    pub(super) fn check_scopes(&self, principal: &Principal) -> Result<(), Rejection> {
        match &self.scopes {
            _ if principal.scopes.is_none() => Ok(()),
            Some(_) if self.missing_scopes(principal).is_empty() => Ok(()),
            Some(_) => Err(Rejection::InsufficientScope),
            None if self.takes_any => Err(Rejection::TokenRefused(TokenFault::Scoped)),
            // The guard names the mechanism itself, so it accepts any scopes.
            None => Ok(()),
        }
    }

    /// Returns the scopes that the guard requires and the credentials lack.
    pub(super) fn missing_scopes(&self, principal: &Principal) -> Vec<&'static str> {
        let Some(granted) = &principal.scopes else {
            return Vec::new();
        };
        let has = |name: &str| granted.iter().any(|scope| scope.as_str() == name);
        self.scopes.iter().flatten().copied().filter(|name| !has(name)).collect()
    }

    /// Returns the challenge that names the required scopes (RFC 6750, section 3.1).
    pub(super) fn asked_scopes(&self) -> Acceptable {
        let names = self.scopes.as_deref().unwrap_or_default().join(" ");
        let mut asked = Acceptable::default();
        asked.add(format!(
            "Bearer realm=\"login\", error=\"insufficient_scope\", scope=\"{names}\""
        ));
        asked
    }
}

/// Returns `true` if the mechanism uses tokens, of which a request may have one only (RFC 6750, section 2).
pub(super) fn is_a_token(name: &str) -> bool {
    [TOKEN, PERSONAL_TOKEN].contains(&name)
}

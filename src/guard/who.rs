//! Finds the user of a request, once for all guards.

use std::sync::Arc;

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::{Request, request};
use serde_json::Value;

use crate::event::Missing;
use crate::guard::accepted_mechanisms::{AcceptedMechanisms, RefusedBy, is_a_token};
use crate::guard::mechanism::TOKEN;
use crate::guard::state::parts;
use crate::guard::tell::{tell_unauthenticated, tell_unauthorized};
use crate::rejection::{Lacking, Rejection};
use crate::web::catchers::refuse;
use crate::web::challenge::Acceptable;
use crate::web::principal::Principal;
use crate::web::site::Site;
use crate::web::{bearer, challenge, csrf, principal, shown_user};

/// The user whom a guard let in, and the description of the user for answers.
pub(super) type LetIn = (Arc<Principal>, Value);

/// Lets in the user of a request, if one of these mechanisms authenticates it, or fails the request.
pub(super) async fn let_in(
    request: &Request<'_>,
    mechanisms: &AcceptedMechanisms,
) -> request::Outcome<LetIn, Rejection> {
    match find(request, mechanisms).await {
        Ok(found) => Outcome::Success(found),
        Err(refused) => refuse(request, noted(request, mechanisms, refused)),
    }
}

/// Returns the rejection of a request, and notes the challenges for the answer.
fn noted(
    request: &Request<'_>,
    mechanisms: &AcceptedMechanisms,
    (rejection, by): RefusedBy,
) -> Rejection {
    if by == Some(TOKEN) && opens_nothing(&rejection) && bearer::is_in_cookie(request) {
        // Like the cookie of an ended session, it would keep its browser from counting as a guest's.
        if let Some(site) = Site::of(request) {
            site.sessions().bury_token(request);
        }
    }
    if rejection.status() == Status::Unauthorized {
        challenge::note(request, mechanisms.asked(by.map(|name| (name, &rejection))));
    }
    if rejection == Rejection::InsufficientScope {
        challenge::note(request, mechanisms.asked_scopes());
    }
    if rejection == Rejection::ConflictingCredentials && by.is_some_and(is_a_token) {
        let mut asked = Acceptable::default();
        asked.add(challenge::bearer(Some(&rejection)));
        challenge::note(request, asked);
    }
    rejection
}

/// Returns `true` if a token that was refused will never be accepted.
fn opens_nothing(refused: &Rejection) -> bool {
    match refused {
        Rejection::CredentialsRefused => true,
        Rejection::TokenRefused(fault) => fault.is_final(),
        _ => false,
    }
}

/// Returns the rejection of a user whose proofs do not suffice, and notes what would have been accepted.
pub(super) fn insufficient(request: &Request<'_>, mechanism: &str, lacking: Lacking) -> Rejection {
    challenge::note(request, AcceptedMechanisms::only(request, &[mechanism]).asked_again(lacking));
    lacking.rejection()
}

/// Returns `true` if a request has credentials of one of these mechanisms, valid or not.
pub(super) async fn is_authenticated(
    request: &Request<'_>,
    mechanisms: &AcceptedMechanisms,
) -> bool {
    match parts(request) {
        Ok((site, _)) => {
            mechanisms.found(request).is_some() || mechanisms.is_any_brought(request, site).await
        }
        Err(_) => true,
    }
}

/// Returns `true` if a request is authenticated by a mechanism other than the session.
///
/// # Errors
///
/// The rejection of the credentials, if they are invalid.
pub(super) async fn is_from_a_bearer(request: &Request<'_>) -> Result<bool, Rejection> {
    let (site, flow) = parts(request)?;
    let mechanisms = AcceptedMechanisms::configured(request).without_session();
    if mechanisms.found(request).is_some() {
        return Ok(true);
    }
    let principals = mechanisms.principals(request, site, flow).await;
    principals
        .map(|principals| !principals.is_empty())
        .map_err(|refused| noted(request, &mechanisms, refused))
}

async fn find(request: &Request<'_>, mechanisms: &AcceptedMechanisms) -> Result<LetIn, RefusedBy> {
    let (site, flow) = parts(request).map_err(of_nobody)?;
    let principal = match mechanisms.found(request) {
        // If this guard names no scope, an earlier guard has checked those that are needed, if any.
        Some(found) if mechanisms.scopes.is_none() => found,
        Some(found) => {
            check_scopes(request, mechanisms, &found)?;
            found
        }
        None => {
            let principals = mechanisms.principals(request, site, flow).await?;
            let Some((mechanism, principal)) = principals.first() else {
                tell_unauthenticated(request, site);
                return Err(of_nobody(Rejection::Unauthenticated));
            };
            // The request may do what the user of the first credential may do; the other credentials can only
            // cause a refusal. If no browser sends the first one by itself, and the others belong to the same
            // user, it protects them as well as an anti-forgery token does.
            if mechanism.needs_csrf(request) {
                let of_this_mechanism = |rejection| (rejection, Some(mechanism.name()));
                csrf::check(request, site, None).await.map_err(of_this_mechanism)?;
            }
            for (_, principal) in &principals {
                check_scopes(request, mechanisms, principal)?;
            }
            Arc::clone(principal)
        }
    };
    let payload = shown_user::show(request, site, &principal.user).await.map_err(of_nobody)?;
    if !principal::decide(request, &principal) {
        return Err(of_nobody(Rejection::ConflictingCredentials));
    }
    Ok((principal, payload))
}

/// Refuses a token without the scopes, before its user counts as let in.
fn check_scopes(
    request: &Request<'_>,
    mechanisms: &AcceptedMechanisms,
    principal: &Principal,
) -> Result<(), RefusedBy> {
    mechanisms.check_scopes(principal).map_err(|rejection| {
        if rejection == Rejection::InsufficientScope {
            let missing = Missing::Scopes(mechanisms.missing_scopes(principal));
            tell_unauthorized(request, &principal.user, missing);
        }
        (rejection, Some(principal.mechanism))
    })
}

fn of_nobody(rejection: Rejection) -> RefusedBy {
    (rejection, None)
}

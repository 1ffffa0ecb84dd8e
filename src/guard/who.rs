//! Finds out who a request is from, once for all guards.

use std::time::Duration;

use rocket::Request;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request;

use crate::guard::AuthUser;
use crate::guard::mechanism::PERSONAL_TOKEN;
use crate::guard::mechanism::SESSION;
use crate::guard::mechanism::TOKEN;
use crate::guard::parts;
use crate::guard::refuse;
use crate::guard::set;
use crate::guard::ways::Ways;
use crate::guard::ways::tell_unauthenticated;
use crate::rejection::Rejection;
use crate::web::challenge;
use crate::web::challenge::Asked;
use crate::web::csrf;
use crate::web::presentation;
use crate::web::sender;
use crate::web::sender::Sender;

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
            if rejection == Rejection::InsufficientScope {
                challenge::note(request, ways.asked_scopes());
            }
            if rejection == Rejection::ConflictingCredentials && by.is_some_and(is_a_token) {
                let mut asked = Asked::default();
                asked.add(challenge::bearer(Some(&rejection)));
                challenge::note(request, asked);
            }
            refuse(request, rejection)
        }
    }
}

/// Tells whether a mechanism takes tokens, of which a request may bring one (RFC 6750, section 2).
fn is_a_token(name: &str) -> bool {
    [TOKEN, PERSONAL_TOKEN].contains(&name)
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
        // Where the guard names no scope, whoever was let in before it was asked for some, or for none.
        Some(found) if ways.scopes.is_none() => found,
        Some(found) => {
            check_scopes(request, ways, &found)?;
            found
        }
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
            check_scopes(request, ways, &sender)?;
            sender
        }
    };
    let payload = presentation::show(request, web, &sender.user).await.map_err(of_nobody)?;
    if !sender::decide(request, &sender) {
        return Err(of_nobody(Rejection::ConflictingCredentials));
    }
    Ok(AuthUser::new(sender, payload))
}

/// Refuses whoever comes by a token of other scopes, before anybody takes them for let in.
fn check_scopes(request: &Request<'_>, ways: &Ways, sender: &Sender) -> Result<(), Refusal> {
    ways.check_scopes(sender).map_err(|rejection| {
        if rejection == Rejection::InsufficientScope {
            set::tell(request, &sender.user);
        }
        (rejection, Some(sender.mechanism))
    })
}

fn of_nobody(rejection: Rejection) -> Refusal {
    (rejection, None)
}

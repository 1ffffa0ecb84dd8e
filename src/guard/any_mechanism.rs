//! One of the mechanisms that can authenticate a request.

use std::sync::{Arc, Mutex, PoisonError};

use rocket::Request;
use rocket::http::Status;
use rocket::tokio::sync::OnceCell;

use crate::deadline::with_deadline;
use crate::flow::Flow;
use crate::guard::mechanism::{Mechanism, SESSION, TOKEN, tell_apart};
use crate::rejection::Rejection;
use crate::session::Current;
use crate::token::Access;
use crate::user::User;
use crate::web::principal::Principal;
use crate::web::site::Site;
use crate::web::{bearer, principal};

/// The session of a request, or another mechanism.
pub(super) enum AnyMechanism {
    Session,
    Other(Arc<dyn Mechanism>),
}

impl AnyMechanism {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Session => SESSION,
            Self::Other(mechanism) => mechanism.name(),
        }
    }

    pub(super) async fn is_brought(&self, request: &Request<'_>, site: &Site) -> bool {
        match self {
            Self::Session => matches!(
                site.sessions().current(request).await,
                Current::Active(_) | Current::Ended(_) | Current::Unavailable
            ),
            Self::Other(mechanism) => mechanism.is_present(request),
        }
    }

    /// Finds the user of the request, once for each request however many guards ask.
    pub(super) async fn verify(
        &self,
        request: &Request<'_>,
        site: &Site,
        flow: &Flow,
    ) -> Result<Arc<Principal>, Rejection> {
        let cell = cell(request, self.name());
        let verified = cell.get_or_init(|| async {
            let found = match self {
                Self::Session => session_user(request, site, flow).await,
                Self::Other(mechanism) => with_deadline(mechanism.authenticate(request))
                    .await
                    .map(|admitted| admitted.into_principal(mechanism.name())),
            };
            match found {
                Ok(principal) => {
                    let principal = Arc::new(principal);
                    principal::note(request, &principal);
                    Ok(principal)
                }
                Err(why) if self.name() == TOKEN => Err(tell_apart(request, why)),
                Err(why) => Err(why),
            }
        });
        verified.await.clone()
    }

    /// Returns `true` if the refused credentials say nothing about the sender of the request, so that others
    /// decide: the cookie of an ended session, and other invalid credentials that browsers send until they
    /// are told otherwise; and a token of a trusted issuer, which belongs to no user of this application.
    pub(super) async fn says_nothing(
        &self,
        request: &Request<'_>,
        site: &Site,
        why: &Rejection,
    ) -> bool {
        if why.status() != Status::Unauthorized {
            return false;
        }
        match self {
            Self::Session => matches!(site.sessions().current(request).await, Current::Ended(_)),
            Self::Other(mechanism) => {
                let is_foreign =
                    || bearer::verified::<Access>(request).is_ok_and(|token| token.is_foreign());
                mechanism.is_sent_unasked(request) || (mechanism.name() == TOKEN && is_foreign())
            }
        }
    }

    pub(super) fn claims(&self, request: &Request<'_>, user: &User) -> bool {
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

async fn session_user(
    request: &Request<'_>,
    site: &Site,
    flow: &Flow,
) -> Result<Principal, Rejection> {
    match site.sessions().current(request).await {
        Current::Active(active) => {
            flow.check_session(&active.user).await?;
            Ok(Principal::of_session(SESSION, active))
        }
        Current::Unavailable => Err(Rejection::Unavailable),
        Current::Unknown | Current::Anonymous(_) | Current::Ended(_) => {
            Err(Rejection::Unauthenticated)
        }
    }
}

type Outcome = Arc<OnceCell<Result<Arc<Principal>, Rejection>>>;

/// The results of the mechanisms that were tried.
struct Tried(Mutex<Vec<(&'static str, Outcome)>>);

fn cell(request: &Request<'_>, name: &'static str) -> Outcome {
    let tried = request.local_cache(|| Tried(Mutex::default()));
    let mut tried = tried.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, cell)) = tried.iter().find(|(other, _)| *other == name) {
        return Arc::clone(cell);
    }
    let cell = Outcome::default();
    tried.push((name, Arc::clone(&cell)));
    cell
}

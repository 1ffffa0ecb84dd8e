//! Requests that are admitted without a session.

use rocket::Request;
use uuid::Uuid;

use crate::crypto::password::Password;
use crate::event::Event;
use crate::flow::door::Flow;
use crate::flow::entry::Authenticated;
use crate::rejection::Rejection;
use crate::user::{Identity, Proofs, ScopeName, User};
use crate::web::Site;
use crate::web::principal::Principal;
use crate::web::visit::Visit;

/// A user admitted for this one request. Only [`Flow`] creates it, after the checks of the account and the
/// hooks. A custom [mechanism](crate::guard::mechanism) has to return it.
///
/// Other code cannot create it:
///
/// ```compile_fail,E0451
/// # use rocket_security::User;
/// use rocket_security::flow::once::Admitted;
///
/// fn admit(user: User) -> Admitted {
///     let authn_via = "magic".to_owned();
///     Admitted { user, authn_via, proofs: None, session: None, family: None, scopes: None }
/// }
/// ```
#[derive(Debug)]
pub struct Admitted {
    user: User,
    authn_via: String,
    proofs: Option<Proofs>,
    session: Option<Uuid>,
    family: Option<Uuid>,
    scopes: Option<Vec<ScopeName>>,
}

impl Admitted {
    /// Returns the admitted user.
    pub fn user(&self) -> &User {
        &self.user
    }

    pub(crate) fn into_principal(self, mechanism: &'static str) -> Principal {
        let Self { user, authn_via, proofs, session, family, scopes } = self;
        Principal { user, mechanism, authn_via, proofs, session, family, scopes }
    }
}

/// What a genuine credential states, such as a token whose signature is valid. [`Flow::admit_bearer`]
/// compares it with the account.
#[derive(Clone, Debug)]
#[must_use]
pub struct Bearer {
    epoch: i64,
    authn_via: String,
    proofs: Option<Proofs>,
    session: Option<Uuid>,
    family: Option<Uuid>,
    scopes: Option<Vec<ScopeName>>,
}

impl Bearer {
    /// Describes a credential that was created when its user had this [`epoch`](User::epoch). Any later
    /// change of password, address or status has ended it. `authn_via` is the name in events, for example
    /// `token`.
    pub fn new(epoch: i64, authn_via: impl Into<String>) -> Self {
        let authn_via = authn_via.into();
        Self { epoch, authn_via, proofs: None, session: None, family: None, scopes: None }
    }

    /// Sets what the user had proved, and when, at the login that the credential comes from. Without it, the
    /// user is never [fresh](crate::Fresh) and counts as having proved one factor.
    pub fn proofs(mut self, proofs: Proofs) -> Self {
        self.proofs = Some(proofs);
        self
    }

    /// Sets the login of a program that the credential belongs to, by the public id of its family of refresh
    /// tokens. The mechanism has to check that the family still exists.
    pub fn family(mut self, id: Uuid) -> Self {
        self.family = Some(id);
        self
    }

    /// Sets the session that the credential belongs to, by its public id. The mechanism has to check that the
    /// session still exists.
    pub fn session(mut self, id: Uuid) -> Self {
        self.session = Some(id);
        self
    }

    /// Limits the credential to these scopes. [`Scoped`](crate::Scoped) accepts it for the scopes it has, and
    /// guards without scopes refuse it. Without this call, the credential is not limited.
    pub fn scopes(mut self, scopes: Vec<ScopeName>) -> Self {
        self.scopes = Some(scopes);
        self
    }
}

impl Flow {
    /// Admits a user who sends the password along with a request, for this request only. No session begins
    /// and no cookie is set.
    ///
    /// Limits, work and hooks are those of a login. A hook that requires another proof, such as a second
    /// factor, cannot be satisfied here, so the request is refused like one with a wrong password.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] for an unknown identity, a wrong password, a deactivated or closed
    /// account, or one that requires a second factor. [`Rejection::MustChange`]. The rejection of a hook.
    /// [`Rejection::Throttled`], [`Rejection::Saturated`] and [`Rejection::Unavailable`] as for a login.
    pub async fn admit_password(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
        password: &Password,
        authn_via: &str,
    ) -> Result<Admitted, Rejection> {
        let authenticated = match self.authenticate_program(visit, identity, password).await {
            Err(Rejection::InvalidCredentials) => Err(Rejection::CredentialsRefused),
            other => other,
        };
        let Authenticated { user, proofs, .. } = authenticated?;
        self.check_session(&user).await?;
        let (user, authn_via, proofs) = (*user, authn_via.to_owned(), Some(proofs));
        Ok(Admitted { user, authn_via, proofs, session: None, family: None, scopes: None })
    }

    /// Admits the bearer of a genuine credential, for this request only. `user` is the owner of the
    /// credential, as stored now.
    ///
    /// The checks are those that a session has to pass on every request: the account is open and has not
    /// changed since the credential was created, the password does not have to be changed first, and no hook
    /// objects.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] if the account is closed or deactivated, or has changed.
    /// [`Rejection::MustChange`]. The rejection of a hook. [`Rejection::Unavailable`] if a hook fails.
    pub async fn admit_bearer(
        &self,
        request: &Request<'_>,
        user: User,
        bearer: Bearer,
    ) -> Result<Admitted, Rejection> {
        let reason = match (user.active, user.is_open(), user.epoch == bearer.epoch) {
            (true, true, true) => None,
            (false, ..) => Some("inactive"),
            (true, false, _) => Some("closed"),
            (true, true, false) => Some("account_changed"),
        };
        if let Some(reason) = reason {
            // Hooks are not asked, because one may lock accounts, and a program that continues with an old
            // token is not guessing.
            if let Some(site) = request.rocket().state::<Site>() {
                let (user, authn_via) = (Some(user.id), bearer.authn_via);
                let origin = site.origin(request);
                site.signals().send(&Event::UserFailedAuthn { user, authn_via, reason, origin });
            }
            return Err(Rejection::CredentialsRefused);
        }
        self.check_session(&user).await?;
        let Bearer { authn_via, proofs, session, family, scopes, .. } = bearer;
        Ok(Admitted { user, authn_via, proofs, session, family, scopes })
    }
}

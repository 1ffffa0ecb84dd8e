//! Users admitted for one request, without a session.

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

/// A user admitted for this one request. Only [`Flow`] makes one, behind the checks of
/// the account and the hooks; a mechanism has nothing else to answer with.
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
    /// Returns who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    pub(crate) fn into_principal(self, mechanism: &'static str) -> Principal {
        let Self { user, authn_via, proofs, session, family, scopes } = self;
        Principal { user, mechanism, authn_via, proofs, session, family, scopes }
    }
}

/// What a credential says that was found genuine, such as a token whose signature is right: what
/// [`Flow::admit_bearer`] compares with the account.
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
    /// Describes a credential that was made when its user had this [`epoch`](User::epoch): any change
    /// of password, address or status since then has ended it. `authn_via` is what events tell, for
    /// example `token`.
    pub fn new(epoch: i64, authn_via: impl Into<String>) -> Self {
        let authn_via = authn_via.into();
        Self { epoch, authn_via, proofs: None, session: None, family: None, scopes: None }
    }

    /// Sets what the user had proved at the login that led to it, and when. Without it the user is never
    /// [fresh](crate::Fresh), and has proved one factor.
    pub fn proofs(mut self, proofs: Proofs) -> Self {
        self.proofs = Some(proofs);
        self
    }

    /// Names the login of a program that it belongs to, by the public id of its family of refresh tokens.
    /// Whether that lives still is for the mechanism to find out.
    pub fn family(mut self, id: Uuid) -> Self {
        self.family = Some(id);
        self
    }

    /// Names the session that it belongs to, by its public id. Whether that lives still is for the
    /// mechanism to find out.
    pub fn session(mut self, id: Uuid) -> Self {
        self.session = Some(id);
        self
    }

    /// Says what alone it may be used for: [`Scoped`](crate::Scoped) takes it where it has the scopes, and
    /// guards that name none do not take it at all. Without it the credential is as good as its user.
    pub fn scopes(mut self, scopes: Vec<ScopeName>) -> Self {
        self.scopes = Some(scopes);
        self
    }
}

impl Flow {
    /// Admits a user who sends the password along with a request, for this request alone: no session
    /// begins, and no cookie is set.
    ///
    /// Limits, work and hooks are those of a login. A hook that wants something else first, such as a
    /// second factor, has asked for what cannot be given here: it is refused like a wrong password.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] for an unknown identity, a wrong password, an account in no
    /// state to log in and one with a second factor alike; [`Rejection::MustChange`]; what a hook
    /// refused with; [`Rejection::Throttled`], [`Rejection::Saturated`] and
    /// [`Rejection::Unavailable`] as for a login.
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

    /// Admits the bearer of a credential that was found genuine, for this request alone. `user` is
    /// whose it is, as the store has them now.
    ///
    /// What is asked of a session with each request is asked here: that the account is open, that
    /// nothing of it changed since the credential was made, that the password need not be changed
    /// first, and the hooks.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] when the account is closed or switched off, or has changed;
    /// [`Rejection::MustChange`]; what a hook refused with; [`Rejection::Unavailable`] when one fails.
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
            // No hook is asked, for one may lock accounts: a program that goes on with an old token
            // guesses nothing.
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

//! Whom or what a token is about, and by which login it is asked for.

use uuid::Uuid;

use crate::error::Error;
use crate::rejection::Rejection;
use crate::user::{Proofs, User};

/// Whom a token is made for, and by which login they ask for it: so that the token ends with that login.
///
/// | it is | the token ends |
/// |---|---|
/// | [`AuthUser`](crate::AuthUser), and every guard that gives one, such as [`AuthVia`](crate::AuthVia) | with the session, or the program's login, that the request came by; of a request that has neither, as with Basic, as for a `User` |
/// | [`User`] | with a change of the account, its `exp`, or its denial alone |
///
/// For a token that stays valid after the logout, call
/// [`beyond_login`](crate::token::TokenBuilder::beyond_login).
///
/// Who came by a [personal token](crate::features::personal_tokens) may do what its scopes say: for them none
/// is made that could do more. A `User` says nothing of that: one that was taken out of a guard, as by
/// `into_user`, is one that the caller vouches for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` says not for whom a token is",
    label = "no user",
    note = "tokens are made for a `User`, an `AuthUser`, and whatever derefs to an `AuthUser`"
)]
pub trait Holder {
    /// Returns the user.
    fn user(&self) -> &User;

    /// Returns the public id of the session that the request belongs to. _Default:_ none.
    fn session_id(&self) -> Option<Uuid> {
        None
    }

    /// Returns the public id of the program's login that the request belongs to. _Default:_ none.
    fn family_id(&self) -> Option<Uuid> {
        None
    }

    /// Returns what the user proved for that login; none if there is no login.
    fn proofs(&self) -> Option<&Proofs>;

    /// Returns `true` if the request may be for some scopes alone. _Default:_ no.
    fn is_scoped(&self) -> bool {
        false
    }

    /// Returns `true` if it came by something that no program's login can end with: by anything but a session.
    /// _Default:_ no.
    fn is_without_session(&self) -> bool {
        false
    }
}

impl Holder for &User {
    fn user(&self) -> &User {
        self
    }

    fn proofs(&self) -> Option<&Proofs> {
        None
    }
}

impl Holder for User {
    fn user(&self) -> &User {
        self
    }

    fn proofs(&self) -> Option<&Proofs> {
        None
    }
}

/// Whom or what a token is about: a user with the login that they ask by, or any text.
pub struct Subject {
    pub(super) text: String,
    pub(super) epoch: Option<i64>,
    pub(super) session: Option<Uuid>,
    pub(super) family: Option<Uuid>,
    pub(super) proofs: Option<Proofs>,
    /// Why there is no token about it.
    pub(super) fault: Option<Error>,
}

impl<H: Holder> From<&H> for Subject {
    fn from(holder: &H) -> Self {
        let user = holder.user();
        Self {
            text: user.id.to_string(),
            epoch: Some(user.epoch),
            session: holder.session_id(),
            family: holder.family_id(),
            proofs: holder.proofs().cloned(),
            fault: fault_of(holder),
        }
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        let text = text.to_owned();
        Self { text, epoch: None, session: None, family: None, proofs: None, fault: None }
    }
}

/// Returns why no token can be issued for a holder.
pub(super) fn fault_of(holder: &impl Holder) -> Option<Error> {
    if holder.is_scoped() {
        return Some(Error::token_refused(Rejection::Forbidden));
    }
    let is_closed = !holder.user().is_open();
    is_closed.then(|| Error::Token("it is about an account that is not open".to_owned()))
}

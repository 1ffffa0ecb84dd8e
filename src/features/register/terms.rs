//! Who may register, and which fields the form has.

use serde::{Deserialize, Serialize};

use crate::rejection::Rejection;
use crate::web::fields::OwnFields;

/// Who may register: the values of `security.register.admission`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Admission {
    /// Everyone may register.
    #[default]
    Open,
    /// Only invited people can create an account, with the link in their invitation.
    ByInvitation,
    /// No one may register.
    Closed,
}

impl Admission {
    /// Refuses a registration without an invitation, unless registration is open.
    pub(super) fn admit(self) -> Result<(), Rejection> {
        match self {
            Self::Open => Ok(()),
            Self::ByInvitation => Err(Rejection::RegistrationClosed { by_invitation: true }),
            Self::Closed => Err(Rejection::RegistrationClosed { by_invitation: false }),
        }
    }
}

/// The settings that the handlers use.
pub(super) struct Terms {
    pub(super) admission: Admission,
    pub(super) username_required: bool,
    pub(super) own: OwnFields,
}

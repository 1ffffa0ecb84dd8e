//! Who may register, and what is asked.

use serde::{Deserialize, Serialize};

use crate::rejection::Rejection;
use crate::web::fields::OwnFields;

/// `security.register.admission`: who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Admission {
    /// Everybody.
    #[default]
    Open,
    /// Those who were invited, by a link of their own.
    ByInvitation,
    /// No one.
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

/// What the handlers go by.
pub(super) struct Terms {
    pub(super) admission: Admission,
    pub(super) username_required: bool,
    pub(super) own: OwnFields,
}

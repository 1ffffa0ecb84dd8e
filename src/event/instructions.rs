//! Finds the event for a mail with a link or a username.

use crate::event::kinds::Event;
use crate::event::origin::Origin;
use crate::user::UserId;

impl Event {
    /// Returns the event for a sent mail, if it has one. `purpose` is the purpose of its link, or the
    /// template of a mail without a link.
    ///
    /// The first confirmation link comes with a registration, which has a separate event. `was_asked_for`
    /// distinguishes it from a later link that a user asked for with the address.
    pub(crate) fn instructions_sent(
        purpose: &str,
        was_asked_for: bool,
        user: UserId,
        origin: Origin,
    ) -> Option<Self> {
        match purpose {
            "confirm" if was_asked_for => Some(Self::ConfirmInstructionsSent { user, origin }),
            "reset" => Some(Self::ResetPasswordInstructionsSent { user, origin }),
            "change_email" => Some(Self::ChangeEmailInstructionsSent { user, origin }),
            "username_recovery" => Some(Self::UsernameRecoveryEmailSent { user, origin }),
            "invite" => Some(Self::InvitationSent { user, origin }),
            _ => None,
        }
    }
}

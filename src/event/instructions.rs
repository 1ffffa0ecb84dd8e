//! Which event tells that a mail with a link or a username went out.

use crate::event::kinds::Event;
use crate::event::origin::Origin;
use crate::user::UserId;

impl Event {
    /// Returns the event for mail that went out with a link of that purpose, or without one and of that
    /// template, if it has one.
    ///
    /// A first confirmation link comes with a registration, which has an event of its own: `was_asked_for`
    /// tells it from another one that somebody asked for by the address.
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

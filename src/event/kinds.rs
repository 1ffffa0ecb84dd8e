//! All events, with their names, the account that each is about, and their fields.

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::event::declare::events;
use crate::event::origin::Origin;
use crate::event::reason::{Missing, SessionEnd};
use crate::secret::Secret;
use crate::user::{PermissionName, RoleName, UserId};

events! {
    /// Sent when a session begins: a user logged in.
    UserAuthenticated, "user_authenticated", Some(*user), {
        /// The user who logged in.
        user: UserId,
        /// How they proved who they are, for example `password`.
        authn_via: String,
    }

    /// Sent when 100 wrong passwords in a row disable a password for logins from the same place: all networks
    /// without a recent login to the account, one network with such a login, or browsers that are logged in.
    PasswordDisabled, "password_disabled", Some(*user), {
        /// The user whose password it is.
        user: UserId,
    }

    /// Sent when a login, a verification at `/verify` or a request by [Basic](crate::features::basic) is refused,
    /// or a request with a token that no longer grants access to its account.
    UserFailedAuthn, "user_failed_authn", *user, {
        /// The account, if there is one.
        user: Option<UserId>,
        /// The method, for example `password` or `token`.
        authn_via: String,
        /// The reason code of the refusal, for the operator only.
        reason: &'static str,
    }

    /// Sent when a request that needs a logged-in user has none.
    UserUnauthenticated, "user_unauthenticated", None, {}

    /// Sent when the user of a request lacks a required role or permission, when its token lacks a required
    /// scope, or when a policy denies it.
    UserUnauthorized, "user_unauthorized", Some(*user), {
        /// The user of the request.
        user: UserId,
        /// What the request lacked.
        missing: Missing,
    }

    /// Sent when a user proves again who they are, for example at `/verify`.
    UserVerified, "user_verified", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a user logs out.
    UserLoggedOut, "user_logged_out", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a session ends without a request to log out. A session that is replaced by a new one of the
    /// same user and browser is not reported: the event of the new one stands for both.
    SessionEnded, "session_ended", Some(*user), {
        /// The user of the session.
        user: UserId,
        /// The public id of the session, which grants no access.
        session: Uuid,
        /// Why it ended.
        reason: SessionEnd,
    }

    /// Sent when a remember token is used a second time, after it was replaced: there is a copy of it. The
    /// series ends, and so does the session that it began.
    RememberTheft, "remember_theft", Some(*user), {
        /// The remembered user.
        user: UserId,
    }

    /// Sent when a program logs in: a family of refresh tokens begins.
    RefreshTrackerCreated, "refresh_tracker_created", Some(*user), {
        /// The user of the program.
        user: UserId,
        /// The public id of the family, which grants no access.
        family: Uuid,
    }

    /// Sent when a program's login ends by its age, because its user has too many, or because its user or an
    /// operator ended it. Not sent if it ends with a change of the account or with a session, or because a
    /// refresh token was used twice, which [`TokenReuse`](Self::TokenReuse) reports.
    RefreshTrackerRevoked, "refresh_tracker_revoked", Some(*user), {
        /// The user of the program.
        user: UserId,
        /// The public id of the family.
        family: Uuid,
        /// Why it ended.
        reason: SessionEnd,
    }

    /// Sent when a refresh token is used a second time, after it was replaced: there is a copy of it. Its
    /// family ends, and so do the access tokens of the family.
    TokenReuse, "token_reuse", Some(*user), {
        /// The user of the program.
        user: UserId,
        /// The public id of the family.
        family: Uuid,
    }

    /// Sent when a single token is revoked before it expires.
    TokenDenied, "token_denied", *user, {
        /// The user of the token, if it belongs to an account.
        user: Option<UserId>,
        /// What the token is [denied](crate::token::denied_as) by: its `jti`, or a digest for a token of a
        /// trusted issuer.
        token: String,
    }

    /// Sent when an operator issues an access token for an account.
    TokenIssued, "token_issued", Some(*user), {
        /// The user of the token.
        user: UserId,
        /// The id of the token, `jti`.
        token: Uuid,
    }

    /// Sent when an operator ends all sessions, programs, tokens and links of an account.
    TokensRevoked, "tokens_revoked", Some(*user), {
        /// The user of the account.
        user: UserId,
    }

    /// Sent when a user creates a personal access token.
    PersonalTokenCreated, "personal_token_created", Some(*user), {
        /// The user of the token.
        user: UserId,
        /// The public id of the token, which grants no access.
        token: Uuid,
    }

    /// Sent when a personal access token is revoked.
    PersonalTokenRevoked, "personal_token_revoked", Some(*user), {
        /// The user of the token.
        user: UserId,
        /// The public id of the token, which grants no access.
        token: Uuid,
    }

    /// Sent when an account is created.
    UserRegistered, "user_registered", Some(*user), {
        /// The new user.
        user: UserId,
    }

    /// Sent when a registration names an address that has an account.
    UserNotRegistered, "user_not_registered", Some(*existing), {
        /// The user of that account.
        existing: UserId,
        /// Set if the account's address was never confirmed. Then the account loses its password, unless the
        /// same one was typed, and takes the username that was typed.
        contested: bool,
    }

    /// Sent when mail with another confirmation link is sent, because the user asked for it.
    ConfirmInstructionsSent, "confirm_instructions_sent", Some(*user), {
        /// The user that the mail is for.
        user: UserId,
    }

    /// Sent when an address is confirmed.
    UserConfirmed, "user_confirmed", Some(*user), {
        /// The user of the address.
        user: UserId,
    }

    /// Sent when mail with a link for choosing a new password is sent.
    ResetPasswordInstructionsSent, "reset_password_instructions_sent", Some(*user), {
        /// The user that the mail is for.
        user: UserId,
    }

    /// Sent when a password is replaced with a mailed link.
    PasswordReset, "password_reset", Some(*user), {
        /// The user of the password.
        user: UserId,
    }

    /// Sent when an operator requires a user to choose a new password before doing anything else.
    PasswordChangeRequired, "password_change_required", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a user changes their password, or sets it for the first time.
    PasswordChanged, "password_changed", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a user sets up a second factor.
    TfProfileChanged, "tf_profile_changed", Some(*user), {
        /// The user.
        user: UserId,
        /// The method of the factor's proofs, as in `authn_via`.
        method: String,
    }

    /// Sent when mail is sent to the new address that a user asked for.
    ChangeEmailInstructionsSent, "change_email_instructions_sent", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when the address of an account changes.
    ChangeEmailConfirmed, "change_email_confirmed", Some(*user), {
        /// The user.
        user: UserId,
        /// The previous address. It is not in the JSON.
        #[serde(skip)]
        old_email: Secret<String>,
    }

    /// Sent when a change of address is undone from the old address.
    ChangeEmailUndone, "change_email_undone", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a user changes their username, or chooses it for the first time.
    UsernameChanged, "username_changed", Some(*user), {
        /// The user.
        user: UserId,
        /// The previous username, if there was one. It is not in the JSON.
        #[serde(skip)]
        old_username: Option<Secret<String>>,
    }

    /// Sent when mail with a forgotten username is sent.
    UsernameRecoveryEmailSent, "username_recovery_email_sent", Some(*user), {
        /// The user that the mail is for.
        user: UserId,
    }

    /// Sent when a user closes their account, to be deleted later.
    UserClosed, "user_closed", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a user reopens their closed account.
    UserReopened, "user_reopened", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when an account is deleted with everything that belongs to it.
    UserDeleted, "user_deleted", Some(*user), {
        /// The deleted user.
        user: UserId,
    }

    /// Sent when an operator unlocks an account, so that its user may log in again.
    UserActivated, "user_activated", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when an operator locks an account. Its sessions end.
    UserDeactivated, "user_deactivated", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a user is granted a role.
    RoleGranted, "role_granted", Some(*user), {
        /// The user.
        user: UserId,
        /// The name of the role.
        role: RoleName,
    }

    /// Sent when a user loses a role.
    RoleRevoked, "role_revoked", Some(*user), {
        /// The user.
        user: UserId,
        /// The name of the role.
        role: RoleName,
    }

    /// Sent when a role, and with it every user who has it, is granted a permission.
    PermissionGranted, "permission_granted", None, {
        /// The name of the role.
        role: RoleName,
        /// The name of the permission.
        permission: PermissionName,
    }

    /// Sent when a role loses a permission.
    PermissionRevoked, "permission_revoked", None, {
        /// The name of the role.
        role: RoleName,
        /// The name of the permission.
        permission: PermissionName,
    }

    /// Sent when a role starts to include another: every user who has the first also has the second.
    RoleIncluded, "role_included", None, {
        /// The role that includes the other.
        role: RoleName,
        /// The included role.
        included: RoleName,
    }

    /// Sent when a role stops including another.
    RoleExcluded, "role_excluded", None, {
        /// The role that included the other.
        role: RoleName,
        /// The role that was included.
        included: RoleName,
    }

    /// Sent when a role is deleted. No user has it any longer.
    RoleDeleted, "role_deleted", None, {
        /// The name of the role.
        role: RoleName,
    }

    /// Sent when an account is created by an invitation. Mail with a link for choosing its password follows.
    UserInvited, "user_invited", Some(*user), {
        /// The invited user.
        user: UserId,
    }

    /// Sent when mail with an invitation is sent.
    InvitationSent, "invitation_sent", Some(*user), {
        /// The user that the mail is for.
        user: UserId,
    }

    /// Sent when an invited user chooses their password.
    InvitationAccepted, "invitation_accepted", Some(*user), {
        /// The user.
        user: UserId,
    }

    /// Sent when a mailed link is refused: it is forged, used up, replaced or too old.
    LinkRefused, "link_refused", None, {
        /// The purpose of the link, for example `confirm`.
        purpose: &'static str,
    }

    /// Sent when an unsafe request has no valid CSRF token or comes from another site.
    CsrfFailed, "csrf_failed", None, {
        /// The reason code.
        reason: &'static str,
    }

    /// Sent when an attempt is refused because there were too many.
    Throttled, "throttled", None, {}

    /// Written to a journal in place of events that belong to no change and were not stored, because there
    /// were too many at once or the store did not answer. It is not sent to listeners.
    EventsLost, "events_lost", None, {
        /// The name of the lost events.
        lost: &'static str,
        /// How many were lost.
        count: u64,
        /// When the first of them happened. The last happened at the time of this event.
        since: Timestamp,
    }
}

impl Event {
    /// The name of [`EventsLost`](Self::EventsLost).
    pub(crate) const LOST: &'static str = "events_lost";
}

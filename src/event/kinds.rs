//! Every event there is, with its name, the account it is about, and its fields.

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::event::declare::events;
use crate::event::origin::Origin;
use crate::event::reason::{Missing, SessionEnd};
use crate::secret::Secret;
use crate::user::{PermissionName, RoleName, UserId};

events! {
    /// Somebody logged in.
    UserAuthenticated, "user_authenticated", Some(*user), {
        /// Who.
        user: UserId,
        /// How they proved it, for example `password`.
        authn_via: String,
    }

    /// Too many wrong passwords in a row disabled a password where they were counted.
    PasswordDisabled, "password_disabled", Some(*user), {
        /// Whose password.
        user: UserId,
    }

    /// Somebody tried to log in, or to prove that it is still them, and was refused.
    UserFailedAuthn, "user_failed_authn", *user, {
        /// Whose account it was, if there is one.
        user: Option<UserId>,
        /// By which method, for example `password` or `token`.
        authn_via: String,
        /// The reason code of the refusal, for the operator's eyes.
        reason: &'static str,
    }

    /// A request that needs somebody logged in came from nobody.
    UserUnauthenticated, "user_unauthenticated", None, {}

    /// A request that needs a role or a permission came from somebody who does not have it, one that needs a
    /// scope came by a token that does not, or a policy denied it.
    UserUnauthorized, "user_unauthorized", Some(*user), {
        /// Who.
        user: UserId,
        /// What would have let them in.
        missing: Missing,
    }

    /// Somebody proved that it is still them.
    UserVerified, "user_verified", Some(*user), {
        /// Who.
        user: UserId,
    }

    /// Somebody logged out.
    UserLoggedOut, "user_logged_out", Some(*user), {
        /// Who.
        user: UserId,
    }

    /// A session ended without its browser asking for it.
    SessionEnded, "session_ended", Some(*user), {
        /// Whose it was.
        user: UserId,
        /// Which: its public id, which opens nothing.
        session: Uuid,
        /// Why.
        reason: SessionEnd,
    }

    /// What a browser is remembered by was used a second time, after it had been replaced: somebody has a
    /// copy. The series is ended, and the session that was begun by it.
    RememberTheft, "remember_theft", Some(*user), {
        /// Who is remembered.
        user: UserId,
    }

    /// A program logged in: a family of refresh tokens began.
    RefreshTrackerCreated, "refresh_tracker_created", Some(*user), {
        /// Whose.
        user: UserId,
        /// Which: its public id, which opens nothing.
        family: Uuid,
    }

    /// A program's login ended, without a change of the account, not with a session, and not because a
    /// refresh token was used twice: of that [`TokenReuse`](Self::TokenReuse) tells.
    RefreshTrackerRevoked, "refresh_tracker_revoked", Some(*user), {
        /// Whose it was.
        user: UserId,
        /// Which: its public id.
        family: Uuid,
        /// Why.
        reason: SessionEnd,
    }

    /// A refresh token was used a second time, after it had been replaced: somebody has a copy. Its family
    /// is ended, and the access tokens of it.
    TokenReuse, "token_reuse", Some(*user), {
        /// Whose it is.
        user: UserId,
        /// Which family: its public id.
        family: Uuid,
    }

    /// One token is good no more, though it has not expired.
    TokenDenied, "token_denied", *user, {
        /// Whose it is, if it is about an account.
        user: Option<UserId>,
        /// By what it is [denied](crate::token::denied_as): its `jti`, or of a trusted issuer's a digest.
        token: String,
    }

    /// An operator issued an access token for an account.
    TokenIssued, "token_issued", Some(*user), {
        /// Whose.
        user: UserId,
        /// Its id, `jti`.
        token: Uuid,
    }

    /// An operator ended whatever an account was logged in with: sessions, programs, tokens and links.
    TokensRevoked, "tokens_revoked", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// Somebody made a token for a program of theirs.
    PersonalTokenCreated, "personal_token_created", Some(*user), {
        /// Whose it is.
        user: UserId,
        /// Which: its public id, which opens nothing.
        token: Uuid,
    }

    /// A token that somebody had made for a program of theirs was revoked.
    PersonalTokenRevoked, "personal_token_revoked", Some(*user), {
        /// Whose it was.
        user: UserId,
        /// Which: its public id, which opens nothing.
        token: Uuid,
    }

    /// An account was made.
    UserRegistered, "user_registered", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// Somebody tried to register with an address that has an account.
    UserNotRegistered, "user_not_registered", Some(*existing), {
        /// Whose account it is.
        existing: UserId,
        /// Whether nobody had confirmed it: its password is gone then, unless the same one was typed,
        /// and it goes by the username that was.
        contested: bool,
    }

    /// Mail with another confirmation link was sent, because the user asked for one.
    ConfirmInstructionsSent, "confirm_instructions_sent", Some(*user), {
        /// For whom.
        user: UserId,
    }

    /// An address was confirmed.
    UserConfirmed, "user_confirmed", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// Mail with a link to choose a new password was sent.
    ResetPasswordInstructionsSent, "reset_password_instructions_sent", Some(*user), {
        /// For whom.
        user: UserId,
    }

    /// A password was replaced by way of a mailed link.
    PasswordReset, "password_reset", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// An operator asked for a new password, before anything else.
    PasswordChangeRequired, "password_change_required", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// A password was changed, or set for the first time, by its owner.
    PasswordChanged, "password_changed", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// Mail was sent to an address that somebody wants to have as theirs.
    ChangeEmailInstructionsSent, "change_email_instructions_sent", Some(*user), {
        /// Who.
        user: UserId,
    }

    /// The address of an account was changed.
    ChangeEmailConfirmed, "change_email_confirmed", Some(*user), {
        /// Whose.
        user: UserId,
        /// The address that the account had before. It is not in the JSON.
        #[serde(skip)]
        old_email: Secret<String>,
    }

    /// A change of address was undone from the old address.
    ChangeEmailUndone, "change_email_undone", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// The username of an account was changed, or chosen for the first time, by its owner.
    UsernameChanged, "username_changed", Some(*user), {
        /// Whose.
        user: UserId,
        /// The username that the account had before, if it had one. It is not in the JSON.
        #[serde(skip)]
        old_username: Option<Secret<String>>,
    }

    /// Mail with their username was sent to somebody who had asked for it.
    UsernameRecoveryEmailSent, "username_recovery_email_sent", Some(*user), {
        /// To whom.
        user: UserId,
    }

    /// An account was closed by its owner, to be deleted later.
    UserClosed, "user_closed", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// A closed account was opened again by its owner.
    UserReopened, "user_reopened", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// An account and everything that was its was deleted.
    UserDeleted, "user_deleted", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// A locked account may log in again: an operator says so.
    UserActivated, "user_activated", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// An account was locked by an operator; its sessions ended with it.
    UserDeactivated, "user_deactivated", Some(*user), {
        /// Whose.
        user: UserId,
    }

    /// Somebody got a role.
    RoleGranted, "role_granted", Some(*user), {
        /// Who.
        user: UserId,
        /// Its name.
        role: RoleName,
    }

    /// Somebody lost a role.
    RoleRevoked, "role_revoked", Some(*user), {
        /// Who.
        user: UserId,
        /// Its name.
        role: RoleName,
    }

    /// A role got a permission, and so did everybody who has the role.
    PermissionGranted, "permission_granted", None, {
        /// The role's name.
        role: RoleName,
        /// The permission's name.
        permission: PermissionName,
    }

    /// A role lost a permission.
    PermissionRevoked, "permission_revoked", None, {
        /// The role's name.
        role: RoleName,
        /// The permission's name.
        permission: PermissionName,
    }

    /// A role includes another from now on: everybody who has the first has the second, too.
    RoleIncluded, "role_included", None, {
        /// The role that got more.
        role: RoleName,
        /// The role that it includes.
        included: RoleName,
    }

    /// A role includes another no more.
    RoleExcluded, "role_excluded", None, {
        /// The role that got less.
        role: RoleName,
        /// The role that it included.
        included: RoleName,
    }

    /// A role was deleted: no user has it.
    RoleDeleted, "role_deleted", None, {
        /// The role's name.
        role: RoleName,
    }

    /// Somebody was invited: there is an account, and mail with a link to choose its password.
    UserInvited, "user_invited", Some(*user), {
        /// Who.
        user: UserId,
    }

    /// Mail with an invitation was sent.
    InvitationSent, "invitation_sent", Some(*user), {
        /// To whom.
        user: UserId,
    }

    /// Somebody who was invited chose their password.
    InvitationAccepted, "invitation_accepted", Some(*user), {
        /// Who.
        user: UserId,
    }

    /// A mailed link was used that opens nothing: it was forged, used up, replaced or too old.
    LinkRefused, "link_refused", None, {
        /// What it would have been for, for example `confirm`.
        purpose: &'static str,
    }

    /// An unsafe request came without a valid anti-forgery token or from another site.
    CsrfFailed, "csrf_failed", None, {
        /// The reason code.
        reason: &'static str,
    }

    /// Attempts were turned away because there were too many.
    Throttled, "throttled", None, {}

    /// Events that came with no change were not written down, because too many came at once or the store
    /// did not answer. Listeners are not told: it stands in the journal, where the events are missing.
    EventsLost, "events_lost", None, {
        /// The name of the lost events.
        lost: &'static str,
        /// How many.
        count: u64,
        /// When the first of them happened; the last happened at the time of this event.
        since: Timestamp,
    }
}

impl Event {
    /// The name of [`EventsLost`](Self::EventsLost).
    pub(crate) const LOST: &'static str = "events_lost";
}

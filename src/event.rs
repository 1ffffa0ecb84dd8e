//! What happened: told after the fact, to whoever listens.
//!
//! An event shows no secret and no e-mail address, and cannot stop anything; what can is a
//! [`Hooks`](crate::feature::Hooks). Whoever listens keeps nobody waiting:
//!
//! | listener | runs | when it cannot keep up |
//! |---|---|---|
//! | [`Security::on_event`](crate::Security::on_event) | on a thread of its own | its queue holds 1,024 events; what comes then is dropped for it, and logged |
//! | [`Security::on_event_async`](crate::Security::on_event_async) | on a task of its own, 30 seconds an event at most | the same |
//! | [`Security::events`](crate::Security::events), [`Signals::subscribe`] | where the application awaits it | it misses the oldest, and is told how many |
//!
//! Each is told in the order in which things happened. A panic is logged and harms neither the
//! request nor other listeners. A shutdown waits five seconds for what is queued; a crash loses it.
//! What must be written down with the change it tells of, or not at all, is the feature
//! [`audit`](crate::features::audit)'s, or work of
//! [`Journaling::before_commit`](crate::feature::Journaling::before_commit).
//!
//! # All events
//!
//! Every event has an [`Origin`]: when, from where, in which request to which route, and how its sender
//! had proved to be them (ASVS 5.0, 16.2.1). A route is named by its pattern, such as `/reset/<token>`,
//! so that no token of a path gets into an event. As JSON an event is one object: `event` is its
//! [name](Event::name), beside it stand its fields.
//!
//! | event | told when | fields |
//! |---|---|---|
//! | [`UserAuthenticated`](Event::UserAuthenticated) | a session began | `user`, `authn_via` |
//! | [`UserFailedAuthn`](Event::UserFailedAuthn) | a login, a proof that it is still them, or a request by [Basic](crate::features::basic) or with a token of an account that it does not open any more, was refused | `user` if there is one, `authn_via`, `reason` |
//! | [`UserUnauthenticated`](Event::UserUnauthenticated) | a request needed somebody logged in | |
//! | [`UserUnauthorized`](Event::UserUnauthorized) | a request needed a role or a permission that its user lacks, or a scope that its token does, or a policy denied it | `user`, `missing` |
//! | [`UserVerified`](Event::UserVerified) | somebody proved that it is still them | `user` |
//! | [`UserLoggedOut`](Event::UserLoggedOut) | a session was ended by its user | `user` |
//! | [`SessionEnded`](Event::SessionEnded) | a session ended by its age, because its user had too many, or from elsewhere | `user`, `session`, `reason` |
//! | [`RememberTheft`](Event::RememberTheft) | what a browser is remembered by was used a second time: two have what one should | `user` |
//! | [`RefreshTrackerCreated`](Event::RefreshTrackerCreated) | a program logged in: a family of refresh tokens began | `user`, `family` |
//! | [`RefreshTrackerRevoked`](Event::RefreshTrackerRevoked) | it ended by its age, because its user had too many, or was ended by its user or an operator | `user`, `family`, `reason` |
//! | [`TokenReuse`](Event::TokenReuse) | a refresh token was used a second time: two have what one should; its program's login ended | `user`, `family` |
//! | [`TokenIssued`](Event::TokenIssued) | an operator issued an access token for an account | `user`, `token` |
//! | [`TokenDenied`](Event::TokenDenied) | one token is good no more | `user` if it is about one, `token` |
//! | [`TokensRevoked`](Event::TokensRevoked) | an operator ended whatever an account was logged in with | `user` |
//! | [`PersonalTokenCreated`](Event::PersonalTokenCreated) | somebody made a token for a program of theirs | `user`, `token` |
//! | [`PersonalTokenRevoked`](Event::PersonalTokenRevoked) | one was revoked, by its owner or an operator | `user`, `token` |
//! | [`UserRegistered`](Event::UserRegistered) | an account was made | `user` |
//! | [`UserNotRegistered`](Event::UserNotRegistered) | somebody registered an address that has an account | `existing`, `contested` |
//! | [`ConfirmInstructionsSent`](Event::ConfirmInstructionsSent) | mail with another confirmation link went out, because the user asked for one; the first link comes with the registration | `user` |
//! | [`UserConfirmed`](Event::UserConfirmed) | an address was confirmed | `user` |
//! | [`ResetPasswordInstructionsSent`](Event::ResetPasswordInstructionsSent) | mail with a link for a new password went out | `user` |
//! | [`PasswordReset`](Event::PasswordReset) | a password was replaced by such a link | `user` |
//! | [`PasswordChangeRequired`](Event::PasswordChangeRequired) | an operator asked for a new password | `user` |
//! | [`PasswordChanged`](Event::PasswordChanged) | a password was changed, or set, by its owner | `user` |
//! | [`ChangeEmailInstructionsSent`](Event::ChangeEmailInstructionsSent) | mail went to an address that somebody wants to have | `user` |
//! | [`ChangeEmailConfirmed`](Event::ChangeEmailConfirmed) | an address was changed | `user` |
//! | [`ChangeEmailUndone`](Event::ChangeEmailUndone) | that was undone from the old address | `user` |
//! | [`UsernameChanged`](Event::UsernameChanged) | a username was changed | `user` |
//! | [`UsernameRecoveryEmailSent`](Event::UsernameRecoveryEmailSent) | mail with a forgotten username went out | `user` |
//! | [`UserClosed`](Event::UserClosed) | an account was closed by its owner | `user` |
//! | [`UserReopened`](Event::UserReopened) | it was opened again | `user` |
//! | [`UserDeleted`](Event::UserDeleted) | an account was deleted | `user` |
//! | [`UserActivated`](Event::UserActivated) | an operator let an account log in again | `user` |
//! | [`UserDeactivated`](Event::UserDeactivated) | an operator locked an account | `user` |
//! | [`RoleGranted`](Event::RoleGranted) | somebody got a role | `user`, `role` |
//! | [`RoleRevoked`](Event::RoleRevoked) | somebody lost a role | `user`, `role` |
//! | [`PermissionGranted`](Event::PermissionGranted) | a role got a permission | `role`, `permission` |
//! | [`PermissionRevoked`](Event::PermissionRevoked) | a role lost a permission | `role`, `permission` |
//! | [`RoleIncluded`](Event::RoleIncluded) | a role includes another from now on | `role`, `included` |
//! | [`RoleDeleted`](Event::RoleDeleted) | a role is deleted, and no user has it | `role` |
//! | [`RoleExcluded`](Event::RoleExcluded) | a role includes another no more | `role`, `included` |
//! | [`UserInvited`](Event::UserInvited) | an account was made for somebody | `user` |
//! | [`InvitationSent`](Event::InvitationSent) | mail with an invitation went out | `user` |
//! | [`InvitationAccepted`](Event::InvitationAccepted) | somebody who was invited chose their password | `user` |
//! | [`PasswordDisabled`](Event::PasswordDisabled) | 100 wrong passwords in a row disabled a password where they came from | `user` |
//! | [`LinkRefused`](Event::LinkRefused) | a mailed link was used that is forged, used up or too old | `purpose` |
//! | [`CsrfFailed`](Event::CsrfFailed) | a request was forged, or looked so | `reason` |
//! | [`Throttled`](Event::Throttled) | attempts were turned away | |
//! | [`EventsLost`](Event::EventsLost) | only in a journal: events were not written down | `lost`, `count`, `since` |
//!
//! A session or a token that ends with a change of the account has no event of its own: the change tells of itself.
//! Neither has a program's login that ends with a change or with the session that it began in; of one that
//! ends because a refresh token was used twice `TokenReuse` alone tells.
//! That a session is too old is noticed when what is over is deleted, within ten minutes.
//!
//! That a mail went out is told when it did; from where, in which request and by whom it was asked for
//! is told with it. Whoever has many mails written to one address is found by that.
//!
//! Changes that an operator makes with `rocket-security` happen in another process: their events
//! reach the journal of `audit`, and no listener. Their `authn_via` is `command_line`.
//!
//! # Flask-Security's signals
//!
//! Those of its 25 signals whose features are here have the same name:
//!
//! | signal | event |
//! |---|---|
//! | `user_authenticated`, `user_unauthenticated`, `user_failed_authn` | the same; `user_failed_authn` is told for unknown identities, too |
//! | `user_registered`, `user_not_registered`, `user_confirmed`, `confirm_instructions_sent` | the same |
//! | `password_reset`, `password_changed`, `reset_password_instructions_sent` | the same |
//! | `change_email_instructions_sent`, `change_email_confirmed` | the same |
//! | `username_changed`, `username_recovery_email_sent` | the same |
//! | `refresh_tracker_created`, `refresh_tracker_revoked` | the same |
//! | `tf_code_confirmed`, `tf_profile_changed`, `tf_disabled`, `tf_security_token_sent` | come with the feature `two_factor` |
//! | `us_security_token_sent`, `us_profile_changed`, `login_instructions_sent` | come with the feature `unified_signin` |
//! | `wan_registered`, `wan_deleted` | come with the feature `webauthn` |
//!
//! None of them holds a token, as Flask-Security's do. The old address and the old username, which
//! `change_email_confirmed` and `username_changed` carry, are [secrets](crate::Secret): a listener in the
//! application reads them with [`expose`](crate::Secret::expose); they are in no log line, no JSON and no
//! journal.

mod recorder;
mod signals;

use std::net::IpAddr;

use rocket::http::Method;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::user::{PermissionName, RoleName, UserId};

pub use crate::event::recorder::{Counted, ROOM, WINDOW};
pub use crate::event::signals::{LONGEST, Listeners, QUEUE, Signals};

/// Declares the events: a name and a field or two each; every one has an [`Origin`] besides.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $variant:ident, $name:literal, $user:expr, { $($(#[$note:meta])* $field:ident: $type:ty,)* }
    )+) => {
        /// Something that happened to an account or a session.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "event", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Event {
            $(
                $(#[$doc])*
                $variant {
                    $($(#[$note])* $field: $type,)*
                    /// When, from where, in which request and by whom.
                    origin: Origin,
                },
            )+
        }

        impl Event {
            /// Gives its name, which is also its tag in JSON: `user_authenticated`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }

            /// Gives the account that it is about, if it is about one.
            #[allow(unused_variables, reason = "most events need one field of theirs for it, or none")]
            pub fn user(&self) -> Option<UserId> {
                match self {
                    $(Self::$variant { $($field,)* .. } => $user,)+
                }
            }

            /// Says when it happened, and from where.
            pub fn origin(&self) -> &Origin {
                match self {
                    $(Self::$variant { origin, .. } => origin,)+
                }
            }

            fn origin_mut(&mut self) -> &mut Origin {
                match self {
                    $(Self::$variant { origin, .. } => origin,)+
                }
            }
        }
    };
}

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

    /// Gives the event for mail that went out with a link of that purpose, or without one and of that
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

/// What a user, or the token of a request, lacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// Roles, by name: all that the guard requires and the user lacks, or all of which it accepts any.
    Roles(Vec<&'static str>),
    /// Permissions, by name, likewise.
    Permissions(Vec<&'static str>),
    /// Scopes that the token does not have, by name.
    Scopes(Vec<&'static str>),
    /// The consent of this [policy](crate::Policy), by the name of its type.
    Policy(&'static str),
}

/// Why a session ended without its browser asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionEnd {
    /// It was not used for too long, or was too old.
    Expired,
    /// It was the oldest of more than a user may have.
    Evicted,
    /// Its user ended it, in another session.
    ByUser,
    /// An operator ended it.
    ByOperator,
    /// What its browser is remembered by was in other hands, too.
    Theft,
}

/// When something happened, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// The time.
    pub at: Timestamp,
    /// The client's network address, if it is known.
    pub client: Option<IpAddr>,
    /// The request, as the header `X-Request-Id` of its answer tells; none outside requests.
    pub request_id: Option<Uuid>,
    /// The method of the request; none outside requests.
    #[serde(serialize_with = "method_name")]
    pub method: Option<Method>,
    /// The route that answered the request, as the pattern of its path: `/reset/<token>`. None outside
    /// requests, and where no route took it.
    pub route: Option<String>,
    /// How whoever sent the request had proved to be them: what their session began with, such as
    /// `password`, or the [mechanism](crate::guard::mechanism) of a request that came by another, such as
    /// `basic` or `token`. None when nobody had.
    pub authn_via: Option<String>,
}

impl Origin {
    /// Says when and from where.
    pub fn new(at: Timestamp, client: Option<IpAddr>) -> Self {
        Self { at, client, request_id: None, method: None, route: None, authn_via: None }
    }

    /// Sets the method of the request, and the pattern of the route that answered it.
    pub fn at_route(mut self, method: Method, route: Option<String>) -> Self {
        self.method = Some(method);
        self.route = route;
        self
    }

    /// Says in which request, and how its sender had proved to be them.
    pub fn within(mut self, request_id: Option<Uuid>, authn_via: Option<String>) -> Self {
        self.request_id = request_id;
        self.authn_via = authn_via;
        self
    }
}

fn method_name<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.map(|method| method.as_str()).serialize(serializer)
}

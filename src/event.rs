//! Events: what happened to accounts, sessions and tokens, sent to listeners after the fact.
//!
//! An event contains no secret in readable form and no e-mail address in its JSON, and it cannot stop
//! anything. To take part in a flow, use [`Hooks`](crate::feature::Hooks). A listener never delays a request:
//!
//! | listener | runs | when it is too slow |
//! |---|---|---|
//! | [`Security::on_event`](crate::Security::on_event) | on a separate thread | its queue holds 1,024 events; further events are dropped for it, and this is logged |
//! | [`Security::on_event_async`](crate::Security::on_event_async) | on a separate task, at most 30 seconds for an event | the same |
//! | [`Security::events`](crate::Security::events), [`Signals::subscribe`] | where the application awaits it | it misses the oldest events, and is told how many |
//!
//! Every listener receives events in the order in which they happened. A panic is logged and harms neither
//! the request nor other listeners. A shutdown waits five seconds for queued events; a crash loses them. If
//! an event must be stored together with the change it reports, or not at all, use the feature
//! [`audit`](crate::features::audit) or
//! [`Journaling::before_commit`](crate::feature::Journaling::before_commit).
//!
//! ```
//! use rocket_security::Event;
//! use rocket_security::Security;
//!
//! let security = Security::default().on_event(|event| {
//!     if let Event::PasswordChanged { user, origin } = event {
//!         println!("{}: user {user} changed their password", origin.at);
//!     }
//! });
//! # drop(security);
//! ```
//!
//! # All events
//!
//! Every event has an [`Origin`]: the time, the client's address, the request and its route, and how its
//! sender was authenticated (ASVS 5.0, 16.2.1). A route is named by its pattern, such as `/reset/<token>`, so
//! that no token in a path gets into an event. As JSON an event is one object: `event` is its
//! [name](Event::name), and its fields are beside it.
//!
//! | event | sent when | fields |
//! |---|---|---|
//! | [`UserAuthenticated`](Event::UserAuthenticated) | a session begins | `user`, `authn_via` |
//! | [`UserFailedAuthn`](Event::UserFailedAuthn) | a login, a verification at `/verify` or a request by [Basic](crate::features::basic) is refused, or a request with a token that no longer grants access to its account | `user` if there is an account, `authn_via`, `reason` |
//! | [`UserUnauthenticated`](Event::UserUnauthenticated) | a request that needs a logged-in user has none | |
//! | [`UserUnauthorized`](Event::UserUnauthorized) | the user of a request lacks a role or a permission, its token lacks a scope, or a policy denies it | `user`, `missing` |
//! | [`UserVerified`](Event::UserVerified) | a user proves again who they are | `user` |
//! | [`UserLoggedOut`](Event::UserLoggedOut) | a user logs out | `user` |
//! | [`SessionEnded`](Event::SessionEnded) | a session ends by its age, because its user has too many, or from elsewhere | `user`, `session`, `reason` |
//! | [`RememberTheft`](Event::RememberTheft) | a remember token is used a second time, so two browsers hold a copy of it | `user` |
//! | [`RefreshTrackerCreated`](Event::RefreshTrackerCreated) | a program logs in: a family of refresh tokens begins | `user`, `family` |
//! | [`RefreshTrackerRevoked`](Event::RefreshTrackerRevoked) | a family ends by its age, because its user has too many, or is ended by its user or an operator | `user`, `family`, `reason` |
//! | [`TokenReuse`](Event::TokenReuse) | a refresh token is used a second time, so two programs hold a copy of it; its family ends | `user`, `family` |
//! | [`TokenIssued`](Event::TokenIssued) | an operator issues an access token for an account | `user`, `token` |
//! | [`TokenDenied`](Event::TokenDenied) | a single token is revoked | `user` if it belongs to an account, `token` |
//! | [`TokensRevoked`](Event::TokensRevoked) | an operator ends all sessions, programs, tokens and links of an account | `user` |
//! | [`PersonalTokenCreated`](Event::PersonalTokenCreated) | a user creates a personal access token | `user`, `token` |
//! | [`PersonalTokenRevoked`](Event::PersonalTokenRevoked) | a personal access token is revoked, by its owner or an operator | `user`, `token` |
//! | [`UserRegistered`](Event::UserRegistered) | an account is created | `user` |
//! | [`UserNotRegistered`](Event::UserNotRegistered) | a registration names an address that has an account | `existing`, `contested` |
//! | [`ConfirmInstructionsSent`](Event::ConfirmInstructionsSent) | mail with another confirmation link is sent, because the user asked for it; the first link comes with the registration | `user` |
//! | [`UserConfirmed`](Event::UserConfirmed) | an address is confirmed | `user` |
//! | [`ResetPasswordInstructionsSent`](Event::ResetPasswordInstructionsSent) | mail with a link for a new password is sent | `user` |
//! | [`PasswordReset`](Event::PasswordReset) | a password is replaced with such a link | `user` |
//! | [`PasswordChangeRequired`](Event::PasswordChangeRequired) | an operator requires a new password | `user` |
//! | [`PasswordChanged`](Event::PasswordChanged) | a user changes their password, or sets the first one | `user` |
//! | [`TfProfileChanged`](Event::TfProfileChanged) | a user sets up a second factor | `user`, `method` |
//! | [`ChangeEmailInstructionsSent`](Event::ChangeEmailInstructionsSent) | mail is sent to the new address that a user asked for | `user` |
//! | [`ChangeEmailConfirmed`](Event::ChangeEmailConfirmed) | the address of an account changes | `user` |
//! | [`ChangeEmailUndone`](Event::ChangeEmailUndone) | a change of address is undone from the old address | `user` |
//! | [`UsernameChanged`](Event::UsernameChanged) | a user changes their username, or chooses the first one | `user` |
//! | [`UsernameRecoveryEmailSent`](Event::UsernameRecoveryEmailSent) | mail with a forgotten username is sent | `user` |
//! | [`UserClosed`](Event::UserClosed) | a user closes their account | `user` |
//! | [`UserReopened`](Event::UserReopened) | a user reopens their closed account | `user` |
//! | [`UserDeleted`](Event::UserDeleted) | an account is deleted | `user` |
//! | [`UserActivated`](Event::UserActivated) | an operator unlocks an account | `user` |
//! | [`UserDeactivated`](Event::UserDeactivated) | an operator locks an account | `user` |
//! | [`RoleGranted`](Event::RoleGranted) | a user is granted a role | `user`, `role` |
//! | [`RoleRevoked`](Event::RoleRevoked) | a user loses a role | `user`, `role` |
//! | [`PermissionGranted`](Event::PermissionGranted) | a role is granted a permission | `role`, `permission` |
//! | [`PermissionRevoked`](Event::PermissionRevoked) | a role loses a permission | `role`, `permission` |
//! | [`RoleIncluded`](Event::RoleIncluded) | a role starts to include another role | `role`, `included` |
//! | [`RoleDeleted`](Event::RoleDeleted) | a role is deleted; no user has it any longer | `role` |
//! | [`RoleExcluded`](Event::RoleExcluded) | a role stops including another role | `role`, `included` |
//! | [`UserInvited`](Event::UserInvited) | an account is created by an invitation | `user` |
//! | [`InvitationSent`](Event::InvitationSent) | mail with an invitation is sent | `user` |
//! | [`InvitationAccepted`](Event::InvitationAccepted) | an invited user chooses their password | `user` |
//! | [`PasswordDisabled`](Event::PasswordDisabled) | 100 wrong passwords in a row disable a password for logins from the same place: all networks without a recent login to the account, one network with such a login, or browsers that are logged in | `user` |
//! | [`LinkRefused`](Event::LinkRefused) | a mailed link is used that is forged, used up or too old | `purpose` |
//! | [`CsrfFailed`](Event::CsrfFailed) | a request is refused by the CSRF check | `reason` |
//! | [`Throttled`](Event::Throttled) | an attempt is refused because there were too many | |
//! | [`EventsLost`](Event::EventsLost) | only in a journal: events were not stored | `lost`, `count`, `since` |
//!
//! There is no separate event for a session or a token that ends with a change of the account: the event of
//! that change reports it. The same holds for a program's login that ends with a change, or with the session
//! that it began in. If a login ends because a refresh token was used twice, only `TokenReuse` is sent. A
//! session that is too old is noticed when expired rows are deleted, within ten minutes.
//!
//! The event of a sent mail is sent after the mail, and its origin is the request that asked for it. It
//! reveals who has many mails sent to one address.
//!
//! Changes that an operator makes with `rocket-security` happen in another process. Their events reach the
//! journal of `audit`, but no listener. Their `authn_via` is `command_line`.
//!
//! # Flask-Security's signals
//!
//! Flask-Security has 25 signals. Those whose features exist here have the same name:
//!
//! | signal | event |
//! |---|---|
//! | `user_authenticated`, `user_unauthenticated`, `user_failed_authn` | the same; `user_failed_authn` is also sent for unknown identities |
//! | `user_registered`, `user_not_registered`, `user_confirmed`, `confirm_instructions_sent` | the same |
//! | `password_reset`, `password_changed`, `reset_password_instructions_sent` | the same |
//! | `change_email_instructions_sent`, `change_email_confirmed` | the same |
//! | `username_changed`, `username_recovery_email_sent` | the same |
//! | `refresh_tracker_created`, `refresh_tracker_revoked` | the same |
//! | `tf_code_confirmed`, `tf_profile_changed`, `tf_disabled`, `tf_security_token_sent` | come with the feature `two_factor` |
//! | `us_security_token_sent`, `us_profile_changed`, `login_instructions_sent` | come with the feature `unified_signin` |
//! | `wan_registered`, `wan_deleted` | come with the feature `webauthn` |
//!
//! Unlike Flask-Security's signals, no event contains a token. `change_email_confirmed` and
//! `username_changed` carry the old address and the old username as [secrets](crate::Secret): a listener in
//! the application reads them with [`expose`](crate::Secret::expose), and they are in no log line, JSON or
//! journal.

mod declare;
mod instructions;
mod kinds;
mod origin;
mod reason;
mod recorder;
mod signals;

pub use crate::event::kinds::Event;
pub use crate::event::origin::Origin;
pub use crate::event::reason::{Missing, SessionEnd};
pub use crate::event::recorder::{Counted, ROOM, WINDOW};
pub use crate::event::signals::{LONGEST, Listeners, QUEUE, Signals};

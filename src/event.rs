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

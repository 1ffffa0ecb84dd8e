//! Reserves usernames while they are chosen.
//!
//! Usernames are public: a user who asks for a taken one is told so. That answer must not reveal more. If a
//! name became available again whenever the address registered with it turned out to have an account, asking
//! for the name a second time would reveal that account. So a requested name is held for [`HELD_FOR`],
//! whatever the outcome of the registration: longer than an unconfirmed account lives.

use chrono::TimeDelta;

use crate::crypto::one_time::Digest;
use crate::datastore::attempt::Charge;
use crate::flow::door::Flow;
use crate::flow::lapse::UNCONFIRMED_FOR;
use crate::rejection::{FieldErrors, Rejection};
use crate::text::Text;
use crate::user::{User, UserId, Username, UsernamePolicy};
use crate::web::visit::Visit;

/// How long a requested username stays reserved: a day longer than an unconfirmed account lives, so that the
/// account has been deleted by then, even if the application was down for a while.
pub const HELD_FOR: TimeDelta = TimeDelta::hours(UNCONFIRMED_FOR.num_hours() + 24);

/// A marker that usernames are required. The feature [`register`](crate::features::register) adds it in
/// `install`.
pub(crate) struct UsernamesRequired;

/// A reserved username.
#[derive(Debug)]
pub struct HeldUsername([Digest; 2]);

impl Flow {
    /// Returns the rules for new usernames.
    pub fn username_policy(&self) -> &UsernamePolicy {
        &self.usernames
    }

    /// Parses a username that a user chooses, and reserves it. `owner` is the user's account, if there is
    /// one. Adds what is wrong with the name to `errors`, including that it, or a similar-looking one, is
    /// taken.
    ///
    /// The name is reserved before anything else is checked, and looked up afterwards. Otherwise the answer,
    /// its timing or the order of requests could distinguish the name of an account from a reserved name, and
    /// so reveal whether an address has an account. A name that looks like the owner's current one is theirs
    /// and is not reserved. If the operation fails later, [release](Self::release_username) the name.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn choose_username(
        &self,
        visit: &Visit<'_>,
        field: &str,
        typed: &str,
        owner: Option<&User>,
        errors: &mut FieldErrors,
    ) -> Result<Option<(Username, Option<HeldUsername>)>, Rejection> {
        let username = match self.usernames.parse(typed) {
            Ok(username) => username,
            Err(refused) => {
                errors.push(field, refused);
                return Ok(None);
            }
        };
        let own = owner.and_then(|owner| owner.username.as_ref());
        if own.is_some_and(|own| own.skeleton() == username.skeleton()) {
            return Ok(Some((username, None)));
        }
        let held = self.hold_username(visit, &username).await?;
        let is_taken = self.is_username_taken(&username, owner.map(|owner| owner.id)).await?;
        match held {
            Some(held) if !is_taken => return Ok(Some((username, Some(held)))),
            Some(held) => self.release_username(held).await,
            None => {}
        }
        errors.push(field, TAKEN);
        Ok(None)
    }

    /// Checks whether a username, or one that looks like it, belongs to another user than `owner`.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] if the store does not answer.
    pub async fn is_username_taken(
        &self,
        username: &Username,
        owner: Option<UserId>,
    ) -> Result<bool, Rejection> {
        let holders = self.store.find_username_holders(username).await?;
        Ok(holders.into_iter().any(|holder| Some(holder) != owner))
    }

    /// Releases a reserved username, because the operation failed or a user has the name now. An error is
    /// logged, and the name stays reserved for a while.
    pub async fn release_username(&self, held: HeldUsername) {
        for key in held.0 {
            if let Err(fault) = self.store.clear_attempts(&key).await {
                log::error!("a reserved username could not be released: {fault}");
            }
        }
    }

    /// Reserves a username and its look-alikes for [`HELD_FOR`], or until they are
    /// [released](Self::release_username). Of several concurrent callers, only one succeeds.
    async fn hold_username(
        &self,
        visit: &Visit<'_>,
        username: &Username,
    ) -> Result<Option<HeldUsername>, Rejection> {
        let (held, now) = (self.held(username), visit.now());
        let [name, look] = held;
        if self.store.count_event(&name, 1, HELD_FOR, now).await? != Charge::Allowed {
            return Ok(None);
        }
        match self.store.count_event(&look, 1, HELD_FOR, now).await {
            Ok(Charge::Allowed) => Ok(Some(HeldUsername(held))),
            looked_at => {
                self.store.clear_attempts(&name).await?;
                looked_at?;
                Ok(None)
            }
        }
    }

    fn held(&self, username: &Username) -> [Digest; 2] {
        [
            self.limits.digest(&["username", &username.canonical()]),
            self.limits.digest(&["username look", &username.skeleton()]),
        ]
    }
}

const TAKEN: Text = Text::new(
    "username_taken",
    "This username, or one that looks like it, is taken. If you have just registered it \
                     yourself, look for our mail.",
);

/// Returns the rejection for a username that is taken.
pub fn username_taken(field: &str) -> Rejection {
    FieldErrors::one(field, TAKEN).into()
}

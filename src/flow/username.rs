//! Which usernames may be chosen, and by whom.
//!
//! Usernames are public: a registration with a taken username is told so. That must not reveal more. If a name
//! became free again when the address of its registration turned out to have an account, asking for the name
//! once more would reveal that. So a registered name is held ([`HELD_FOR`]) whatever the outcome of the
//! registration: until an unconfirmed account would have been deleted.

use chrono::TimeDelta;

use crate::crypto::one_time::Digest;
use crate::datastore::attempt::Charge;
use crate::flow::door::Flow;
use crate::flow::lapse::UNCONFIRMED_FOR;
use crate::rejection::{FieldErrors, Rejection};
use crate::text::Text;
use crate::user::{User, UserId, Username, UsernamePolicy};
use crate::web::visit::Visit;

/// How long a requested username is held: a day longer than an unconfirmed account lives, so that the account is
/// deleted by then even if the application was down for a while.
pub const HELD_FOR: TimeDelta = TimeDelta::hours(UNCONFIRMED_FOR.num_hours() + 24);

/// Requires usernames: what the feature [`register`](crate::features::register) hands over in `install`.
pub(crate) struct UsernamesRequired;

/// A username that is held for one registration.
#[derive(Debug)]
pub struct HeldUsername([Digest; 2]);

impl Flow {
    /// Returns the rules for new usernames.
    pub fn username_policy(&self) -> &UsernamePolicy {
        &self.usernames
    }

    /// Reads a username that a user chooses, `owner` if they have an account, and holds it for them;
    /// adds what is wrong with it to `errors`; that it, or one that looks like it, is taken, too.
    ///
    /// It is held before anything else is looked at, and looked up afterwards: were the name of an
    /// account told from one that is merely held, by what else is said, by the time it takes or by who
    /// comes first, that would tell whether the address has an account that it was registered with. One
    /// that looks like the owner's is theirs, and need not be held. If the caller's work fails, it
    /// [releases](Self::release_username) the name.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
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

    /// Checks whether a username, or one that looks like it, is another's than `owner`'s.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn is_username_taken(
        &self,
        username: &Username,
        owner: Option<UserId>,
    ) -> Result<bool, Rejection> {
        let holders = self.store.find_username_holders(username).await?;
        Ok(holders.into_iter().any(|holder| Some(holder) != owner))
    }

    /// Lets go of a username that was held: what it was held for has failed, or a user has it by now. A
    /// fault is logged: the name stays held for a while.
    pub async fn release_username(&self, held: HeldUsername) {
        for key in held.0 {
            if let Err(fault) = self.store.clear_attempts(&key).await {
                log::error!("a reserved username could not be released: {fault}");
            }
        }
    }

    /// Holds a username, and those that look like it, for the caller: for [`HELD_FOR`], or until it
    /// is [released](Self::release_username). Of any number of callers at once, one gets it.
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

/// The refusal of a username that is another's.
pub fn username_taken(field: &str) -> Rejection {
    FieldErrors::one(field, TAKEN).into()
}

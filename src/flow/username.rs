//! Which usernames may be chosen, and by whom.
//!
//! Usernames are public: whoever asks for one that is taken is told so. That must not tell more. Were
//! a name free again when the address it was registered with turned out to have an account, asking
//! for the name once more would tell that; so a name that somebody registered is held ([`HELD_FOR`]),
//! whatever became of the registration: until an account that nobody confirms is deleted.

use chrono::TimeDelta;

use crate::config::Config;
use crate::crypto::one_time::Digest;
use crate::datastore::attempt::Charge;
use crate::flow::door::Flow;
use crate::flow::lapse::UNCONFIRMED_FOR;
use crate::rejection::{FieldErrors, Rejection};
use crate::user::{User, UserId, Username};
use crate::web::visit::Visit;

/// How long a username that somebody asked for is nobody else's: a day longer than an account lives
/// that nobody confirms, so that it is deleted by then also where an application was away for a while.
pub const HELD_FOR: TimeDelta = TimeDelta::hours(UNCONFIRMED_FOR.num_hours() + 24);

/// Names that speak for the site, for its mail (RFC 2142), or for nobody, or that are paths of it.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "administration",
    "anonymous",
    "api",
    "auth",
    "billing",
    "bot",
    "contact",
    "daemon",
    "everyone",
    "guest",
    "help",
    "helpdesk",
    "host",
    "hostmaster",
    "info",
    "login",
    "logout",
    "mail",
    "mailerdaemon",
    "marketing",
    "me",
    "mod",
    "moderator",
    "news",
    "nobody",
    "noc",
    "noreply",
    "null",
    "official",
    "operator",
    "owner",
    "password",
    "payment",
    "postmaster",
    "privacy",
    "register",
    "root",
    "sales",
    "security",
    "self",
    "service",
    "settings",
    "signin",
    "signup",
    "site",
    "staff",
    "status",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "team",
    "test",
    "undefined",
    "user",
    "username",
    "users",
    "webmaster",
    "www",
    "you",
];

/// Which usernames may be chosen.
#[derive(Clone, Debug)]
pub struct UsernamePolicy {
    /// The fewest characters.
    pub min_length: usize,
    /// The most characters.
    pub max_length: usize,
    /// What the names look like that nobody may choose.
    reserved: Vec<String>,
    /// Whether an account has to have a username.
    is_required: bool,
}

impl UsernamePolicy {
    /// Takes the lengths and further reserved names from the configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let own = config.username.reserved.iter().map(String::as_str);
        let reserved = RESERVED.iter().copied().chain(own);
        Self {
            min_length: config.username.min_length,
            max_length: config.username.max_length,
            reserved: reserved.map(|name| look(&Username::from_stored(name.to_owned()))).collect(),
            is_required: false,
        }
    }

    /// Requires that every account keeps a username once it has one, if that is so.
    pub(crate) fn required(self, is_required: bool) -> Self {
        Self { is_required, ..self }
    }

    /// Checks whether an account has to have a username.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Reads a username that somebody chooses, and adds what is wrong with it to `errors`.
    pub fn check(&self, field: &str, typed: &str, errors: &mut FieldErrors) -> Option<Username> {
        let username = errors.take(field, "username_invalid", Username::parse(typed))?;
        let length = username.as_str().chars().count();
        let Self { min_length, max_length, .. } = self;
        if !(*min_length..=*max_length).contains(&length) {
            let text = format!("A username has {min_length} to {max_length} characters.");
            errors.push(field, "username_invalid", text);
            return None;
        }
        if self.reserved.contains(&look(&username)) {
            errors.push(field, "username_reserved", "This username is not to be had.");
            return None;
        }
        Some(username)
    }
}

/// Requires usernames: what the feature [`register`](crate::features::register) hands over in `install`.
pub(crate) struct UsernamesRequired;

/// Gives what a name looks like without the signs in it: nobody is `ad.min` either.
fn look(username: &Username) -> String {
    let skeleton = username.skeleton();
    skeleton.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// A username that is held for whoever asked for it.
#[derive(Debug)]
pub struct HeldUsername([Digest; 2]);

impl Flow {
    /// Gives the rules for new usernames.
    pub fn username_policy(&self) -> &UsernamePolicy {
        &self.usernames
    }

    /// Reads a username that somebody chooses, `owner` if they have an account, and holds it for them;
    /// adds what is wrong with it to `errors`; that it, or one that looks like it, is taken, too.
    ///
    /// It is held before anything else is looked at, and looked up afterwards: were the name of an
    /// account told from one that is merely held, by what else is said, by the time it takes or by who
    /// comes first, that would tell whether the address has an account that it was registered with. One
    /// that looks like the owner's is theirs, and need not be held. When what it is for fails, it is to be
    /// [released](Self::release_username).
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
        let Some(username) = self.usernames.check(field, typed, errors) else {
            return Ok(None);
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
        errors.push(field, "username_taken", TAKEN);
        Ok(None)
    }

    /// Tells whether a username, or one that looks like it, is another's than `owner`'s.
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
                log::error!("a username that is held could not be let go: {fault}");
            }
        }
    }

    /// Holds a username, and what looks like it, for whoever asks for it: for [`HELD_FOR`], or until it
    /// is [released](Self::release_username). Of any number of callers at once, one gets it.
    async fn hold_username(
        &self,
        visit: &Visit<'_>,
        username: &Username,
    ) -> Result<Option<HeldUsername>, Rejection> {
        let (held, now) = (self.held(username), visit.clock().now());
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

const TAKEN: &str = "This username, or one that looks like it, is taken. If you have just registered it \
                     yourself, look for our mail.";

/// The refusal of a username that is another's.
pub fn username_taken(field: &str) -> Rejection {
    FieldErrors::one(field, "username_taken", TAKEN).into()
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::flow::username::UsernamePolicy;
    use crate::rejection::FieldErrors;

    fn reasons(typed: &str) -> Vec<&'static str> {
        let mut config = Config::default();
        config.username.reserved = vec!["Harbour".to_owned()];
        let mut errors = FieldErrors::new();
        let username = UsernamePolicy::new(&config).check("username", typed, &mut errors);
        assert_eq!(username.is_some(), errors.is_empty());
        errors.iter().map(|error| error.reason).collect()
    }

    #[test]
    fn a_username_has_4_to_32_characters() {
        for typed in ["ann4", "jos\u{e9}", "jose\u{301}", &"x".repeat(32)] {
            assert!(reasons(typed).is_empty(), "{typed}");
        }
        for typed in ["", "ann", "\u{e9}\u{e9}\u{e9}", &"x".repeat(33), "a@example.org"] {
            assert_eq!(reasons(typed), ["username_invalid"], "{typed}");
        }
    }

    #[test]
    fn names_that_speak_for_the_site_are_reserved_however_they_are_spelled() {
        for typed in
            ["admin", "ADMIN", "adm1n", "r00t", "ad-min", "s.u.pport", "harbour", "H4rbour2"]
        {
            let expected: &[&str] = if typed == "H4rbour2" { &[] } else { &["username_reserved"] };
            assert_eq!(reasons(typed), expected, "{typed}");
        }
        assert!(reasons("adminton").is_empty());
    }
}

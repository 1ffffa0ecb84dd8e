//! Checks passwords that users choose.
//!
//! The client decides how much work a check is: `zxcvbn` looks for every word at every position, and an
//! application's [`check_password`](crate::feature::Hooks::check_password) may call another service. So the
//! checks have their own threads, a deadline, and their own queue, of which one network gets a quarter.
//! Logins do not wait for them.

use std::time::Duration;

use rocket::tokio::runtime::Handle;
use rocket::tokio::time::timeout;

use crate::crypto::password::{Password, PasswordPolicy};
use crate::error::Result;
use crate::feature::Moments;
use crate::flow::door::Flow;
use crate::flow::judges::Judges;
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::text::Text;
use crate::user::{User, Username};
use crate::web::visit::Visit;

/// How long a request waits for the check of its password.
const DEADLINE: Duration = Duration::from_secs(3);

/// A password that a user chooses, as submitted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Choice<'a> {
    /// The name of the form field.
    pub field: &'static str,
    /// The submitted password.
    pub password: &'a Secret<String>,
    /// The repeated password, if the form asks for it. Its field has the same name with `_confirm` appended.
    pub confirm: Option<&'a Secret<String>>,
}

/// The user who chooses a password. The password must not be made of what others know about them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Chooser<'a> {
    /// The user's e-mail address, as typed in this form if it has a field for it.
    pub email: &'a str,
    /// The username, if the user has one.
    pub username: Option<&'a Username>,
}

impl<'a> Choice<'a> {
    /// Creates a choice from a form's field and, if the form asks for the password twice, its confirmation.
    pub fn new(
        field: &'static str,
        password: &'a Secret<String>,
        confirm: Option<&'a Secret<String>>,
    ) -> Self {
        Self { field, password, confirm }
    }
}

impl<'a> Chooser<'a> {
    /// Creates a chooser from an address and a username.
    pub fn new(email: &'a str, username: Option<&'a Username>) -> Self {
        Self { email, username }
    }
}

impl Chooser<'_> {
    /// Returns the words that the password must not be made of.
    pub(crate) fn words(self) -> Vec<String> {
        let username = self.username.map(Username::to_string);
        std::iter::once(self.email.to_owned()).chain(username).collect()
    }
}

impl<'a> From<&'a User> for Chooser<'a> {
    fn from(user: &'a User) -> Self {
        Self { email: user.email.as_str(), username: user.username.as_ref() }
    }
}

/// A password to check, with all that the checking thread needs.
struct Candidate {
    field: &'static str,
    password: Password,
    email: String,
    words: Vec<String>,
    policy: PasswordPolicy,
    moments: Moments,
}

impl Candidate {
    async fn judge(self) -> Result<FieldErrors> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let mut errors = self.policy.check(self.field, &self.password, &words);
        let own = self.moments.check_password(self.field, &self.password, &self.email);
        errors.extend(own.await?);
        Ok(errors)
    }
}

impl Flow {
    /// Parses and checks a password that a user chooses. Adds what is wrong with it to `errors`. Returns
    /// `None` only if it cannot be parsed, so look at `errors`, too.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if too many passwords are waiting to be checked. [`Rejection::Unavailable`]
    /// if a hook fails or takes longer than three seconds.
    pub async fn choose_password(
        &self,
        visit: &Visit<'_>,
        choice: Choice<'_>,
        chooser: Chooser<'_>,
        errors: &mut FieldErrors,
    ) -> Result<Option<Password>, Rejection> {
        let Choice { field, password, confirm } = choice;
        let parsed = errors.take(field, Password::parse(password));
        if let Some(chosen) = &parsed {
            let candidate = Candidate {
                field,
                password: chosen.clone(),
                email: chooser.email.to_owned(),
                words: chooser.words(),
                policy: self.policy.clone(),
                moments: self.moments.clone(),
            };
            errors.extend(self.judge_password(visit, candidate).await?);
        }
        if confirm.is_some_and(|confirm| confirm != password) {
            let field = format!("{field}_confirm");
            errors.push(&field, Text::new("password_mismatch", "The passwords don't match."));
        }
        Ok(parsed)
    }

    async fn judge_password(
        &self,
        visit: &Visit<'_>,
        candidate: Candidate,
    ) -> Result<FieldErrors, Rejection> {
        let Judges(pool) = &self.judges;
        let slot = pool.reserve_for(self.limits.network_digests(visit))?;
        let runtime = Handle::current();
        // Two timeouts: the inner one frees the thread from a hook that waits for ever, the outer one frees
        // the request from a hook that computes for ever.
        let judge = move |(): &mut ()| {
            runtime.block_on(async { timeout(DEADLINE, candidate.judge()).await })
        };
        match timeout(DEADLINE, pool.run(&slot, judge)).await {
            Ok(Ok(Ok(judged))) => Ok(judged?),
            Ok(Err(fault)) => Err(fault.into()),
            Ok(Ok(Err(_))) | Err(_) => {
                log::error!("a password was not judged within {DEADLINE:?}: a hook is too slow");
                Err(Rejection::Unavailable)
            }
        }
    }
}

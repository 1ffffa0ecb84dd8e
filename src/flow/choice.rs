//! Passwords that people choose.

use crate::crypto::hasher::Slot;
use crate::crypto::password::Password;
use crate::error::Result;
use crate::flow::Flow;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::user::User;
use crate::user::Username;

/// A password that somebody chooses, as it was submitted.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The name of its field.
    pub field: &'static str,
    /// What was typed.
    pub password: &'a Secret<String>,
    /// What was typed once more, if the form asks for it: its field ends in `_confirm`.
    pub confirm: Option<&'a Secret<String>>,
}

/// Who chooses a password: it must not be made of what others know of them.
#[derive(Clone, Copy, Debug)]
pub struct Chooser<'a> {
    /// Their address, as they typed it where they did.
    pub email: &'a str,
    /// Their username, if they go by one.
    pub username: Option<&'a Username>,
}

impl Chooser<'_> {
    /// Gives the words of their own.
    pub fn words(self) -> Vec<String> {
        let username = self.username.map(Username::to_string);
        std::iter::once(self.email.to_owned()).chain(username).collect()
    }
}

impl<'a> From<&'a User> for Chooser<'a> {
    fn from(user: &'a User) -> Self {
        Self { email: user.email.as_str(), username: user.username.as_ref() }
    }
}

impl Flow {
    /// Reads a password that somebody chooses, and adds what is wrong with it to `errors`.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when a hook fails.
    pub async fn choose_password(
        &self,
        slot: &Slot,
        choice: Choice<'_>,
        chooser: Chooser<'_>,
        errors: &mut FieldErrors,
    ) -> Result<Option<Password>, Rejection> {
        let Choice { field, password, confirm } = choice;
        let email = chooser.email;
        let parsed = errors.take(field, "password_invalid", Password::parse(password));
        if let Some(chosen) = &parsed {
            let (policy, candidate, own) = (self.policy.clone(), chosen.clone(), chooser.words());
            let check = move || {
                let own: Vec<&str> = own.iter().map(String::as_str).collect();
                policy.check(field, &candidate, &own)
            };
            errors.extend(self.hasher.run_with(slot, check).await?);
            for hook in &*self.hooks {
                errors.extend(hook.check_password(field, chosen, email).await?);
            }
        }
        if confirm.is_some_and(|confirm| confirm != password) {
            let field = format!("{field}_confirm");
            errors.push(&field, "password_mismatch", "The two passwords differ.");
        }
        Ok(parsed)
    }
}

//! The forms that links submit.

use serde::Deserialize;

use crate::crypto::hasher::PasswordHash;
use crate::flow::{Choice, Chooser, Flow};
use crate::link::mailed::OpenLink;
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::web::submission::Form;
use crate::web::visit::Visit;

/// A form with only a button.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Button {
    /// Read from the request itself, even if the form is invalid.
    #[allow(dead_code, reason = "a field of the form")]
    token: Option<Secret<String>>,
}

impl Form for Button {
    const SECRET: &'static [&'static str] = &["token"];
}

/// A form in which the user chooses a password.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewPassword {
    /// Read from the request itself, even if the form is invalid.
    #[allow(dead_code, reason = "a field of the form")]
    token: Option<Secret<String>>,
    /// The password.
    pub password: Option<Secret<String>>,
    /// The repeated password, if the form asks for it.
    pub password_confirm: Option<Secret<String>>,
}

impl Form for NewPassword {
    const SECRET: &'static [&'static str] = &["token", "password", "password_confirm"];
}

impl NewPassword {
    /// Checks and hashes the password that was chosen for the account of a link.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidInput`] if the password is not acceptable; [`Rejection::Saturated`] if too many
    /// passwords are waiting to be hashed.
    pub async fn hash(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        link: &OpenLink,
    ) -> Result<PasswordHash, Rejection> {
        let mut errors = FieldErrors::new();
        let password = self.password.clone().unwrap_or_default();
        let confirm = self.password_confirm.as_ref();
        let choice = Choice::new("password", &password, confirm);
        let username = link.user.username.as_ref();
        let chooser = Chooser::new(link.address.as_str(), username);
        let chosen = flow.choose_password(visit, choice, chooser, &mut errors).await?;
        match chosen {
            Some(chosen) if errors.is_empty() => {
                Ok(flow.hasher().hash(&flow.reserve(visit)?, &chosen).await?)
            }
            _ => Err(errors.into()),
        }
    }
}

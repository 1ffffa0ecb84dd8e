//! Parses an identity from one of several fields.

use crate::config::IdentityAttribute;
use crate::rejection::{FieldErrors, Rejection};
use crate::text::Text;
use crate::user::{Email, Identity, Username};
use crate::web::members::unknown_field;

/// The fields of a form that identify a user.
pub(crate) struct IdentityFields<'f> {
    pub(crate) email: Option<&'f str>,
    pub(crate) username: Option<&'f str>,
    /// An address or a username.
    pub(crate) identity: Option<&'f str>,
}

impl IdentityFields<'_> {
    /// Checks whether a field exists if users are identified by `known`. Without usernames, the fields for
    /// them do not exist.
    pub(crate) fn has(field: &str, known: &[IdentityAttribute]) -> bool {
        !["username", "identity"].contains(&field) || known.contains(&IdentityAttribute::Username)
    }

    /// Parses the identity in the one field that is filled in. Adds what is wrong with it to `errors`.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidInput`] for a field that this configuration does not have.
    pub(crate) fn read(
        &self,
        known: &[IdentityAttribute],
        errors: &mut FieldErrors,
    ) -> Result<Option<Identity>, Rejection> {
        let fields =
            [("email", self.email), ("username", self.username), ("identity", self.identity)];
        let typed = fields.iter().filter_map(|(name, typed)| Some((*name, (*typed)?)));
        if let Some((name, _)) = typed.clone().find(|(name, _)| !Self::has(name, known)) {
            return Err(unknown_field(name));
        }
        let mut filled = typed.filter(|(_, typed)| !typed.is_empty());
        let (field, typed) = filled.next().unwrap_or((page_field(known), ""));
        if let Some((second, _)) = filled.next() {
            errors
                .push(second, Text::new("identity_ambiguous", "Fill in only one of these fields."));
            return Ok(None);
        }
        let email = |typed| Email::parse(typed).map(Identity::Email);
        let username = |typed| Username::parse(typed).map(Identity::Username);
        Ok(match field {
            "email" => errors.take(field, email(typed)),
            "username" => errors.take(field, username(typed)),
            _ => {
                // An address contains an `@` and a username does not, so at most one of them fits.
                let read = known.iter().find_map(|attribute| match attribute {
                    IdentityAttribute::Email => email(typed).ok(),
                    IdentityAttribute::Username => username(typed).ok(),
                });
                let words = "Enter your email address or username.";
                errors.take(field, read.ok_or(Text::new("identity_invalid", words)))
            }
        })
    }
}

/// Returns the name of the field on the page.
pub(crate) fn page_field(known: &[IdentityAttribute]) -> &'static str {
    if known.contains(&IdentityAttribute::Username) { "identity" } else { "email" }
}

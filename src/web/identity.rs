//! The identity that a form names in one of several fields.

use crate::config::IdentityAttribute;
use crate::rejection::{FieldErrors, Rejection};
use crate::text::Text;
use crate::user::{Email, Identity, Username};
use crate::web::members::unknown_field;

/// The fields of a form that name a user.
pub(crate) struct IdentityFields<'f> {
    pub(crate) email: Option<&'f str>,
    pub(crate) username: Option<&'f str>,
    /// Whichever of the two it is.
    pub(crate) identity: Option<&'f str>,
}

impl IdentityFields<'_> {
    /// Returns `true` if a field is one where users go by `known`: without usernames, those for them are none.
    pub(crate) fn has(field: &str, known: &[IdentityAttribute]) -> bool {
        !["username", "identity"].contains(&field) || known.contains(&IdentityAttribute::Username)
    }

    /// Reads the identity from the one field that is filled in.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidInput`] for a field that this configuration does not have; what is wrong with
    /// one that it has is noted.
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
                // An address has an `@`, a username has none: the first that fits is the only one.
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

/// Returns the name of the page's field.
pub(crate) fn page_field(known: &[IdentityAttribute]) -> &'static str {
    if known.contains(&IdentityAttribute::Username) { "identity" } else { "email" }
}

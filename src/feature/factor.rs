//! Further factors that a user can prove.

use rocket::async_trait;

use crate::error::Result;
use crate::text::Text;
use crate::user::{Method, User};

/// A further factor, beside the password, that a user can prove at a page of its own.
///
/// Implement it for a custom second factor and add it with
/// [`Installation::factor`](crate::feature::Installation::factor). `/verify` then links to its page for users
/// who have set it up, so no feature has to know another by name.
///
/// The page of a factor begins with [`Flow::proving`](crate::flow::Flow::proving), so the same page serves
/// both pending logins and sessions. The guide on [second factors](crate::guide::second_factor) shows a
/// complete factor.
#[async_trait]
pub trait Factor: Send + Sync + 'static {
    /// Returns the method that the factor's proofs have.
    fn method(&self) -> Method;

    /// Returns the name of its page, as used with `security_url`.
    fn page(&self) -> &'static str;

    /// Returns the label of the link to its page, for example "A code from your printed list".
    fn label(&self) -> Text;

    /// Checks whether a user has set up the factor. A user who has used up all codes of a list still has.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if the store does not answer.
    async fn is_set_up(&self, user: &User) -> Result<bool>;
}

/// The factors of an application, in Rocket's managed state.
pub(crate) struct Factors(pub(crate) Vec<Box<dyn Factor>>);

impl Factors {
    /// Returns the factors that a user has set up.
    pub(crate) async fn of(&self, user: &User) -> Result<Vec<&dyn Factor>> {
        let mut found = Vec::new();
        for factor in &self.0 {
            if factor.is_set_up(user).await? {
                found.push(&**factor);
            }
        }
        Ok(found)
    }
}

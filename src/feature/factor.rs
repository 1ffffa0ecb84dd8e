//! Ways to prove who one is beside the password.

use rocket::async_trait;

use crate::error::Result;
use crate::text::Text;
use crate::user::{Method, User};

/// A way to prove who one is beside the password, with a page of its own.
///
/// `/verify` leads to the pages of the factors that its user has set up, so that no feature names another.
/// A page of a factor begins with [`Flow::proving`](crate::flow::Flow::proving): it serves logins that lack
/// a proof and sessions alike. The guide on [second factors](crate::guide::second_factor) shows a whole one.
#[async_trait]
pub trait Factor: Send + Sync + 'static {
    /// Returns the method of its proofs.
    fn method(&self) -> Method;

    /// Returns the name of its page, as for `security_url`.
    fn page(&self) -> &'static str;

    /// Returns what people call it, for a link: for example "A code from your printed list".
    fn label(&self) -> Text;

    /// Checks whether a user has set it up. A user who has used up all codes of a list still has.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) if the store does not answer.
    async fn is_set_up(&self, user: &User) -> Result<bool>;
}

/// The factors of an application: in Rocket's managed state.
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

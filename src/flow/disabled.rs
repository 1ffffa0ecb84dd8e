//! What follows a wrong password, or a right one that is disabled.

use crate::crypto::hasher::PasswordMatch;
use crate::event::Event;
use crate::flow::door::Flow;
use crate::flow::limits::failures::Tally;
use crate::rejection::Rejection;
use crate::text::Text;
use crate::user::{Method, User};
use crate::web::visit::Visit;

/// The subject of the mail that tells the owner of an account that the password is disabled.
const SUBJECT: Text = Text::new("password_disabled", "Your password is disabled");

impl Flow {
    /// Refuses a password. If it is disabled by now, tells the owner of the account, once.
    pub(super) async fn fail_password(
        &self,
        visit: &Visit<'_>,
        user: &User,
        tally: &Tally,
        verified: PasswordMatch,
    ) -> Result<Rejection, Rejection> {
        if self.limits.is_used_up(visit, tally).await?
            && self.limits.tell_disabled(visit, tally).await?
            && let Err(fault) = self.tell_owner(visit, user, tally).await
        {
            self.limits.untell_disabled(tally).await?;
            return Err(fault);
        }
        let is_wrong = verified == PasswordMatch::No;
        let reason = if is_wrong { "wrong_password" } else { "password_disabled" };
        self.fail(visit, Some(user), Method::Password.authn_via(), reason).await
    }

    async fn tell_owner(
        &self,
        visit: &Visit<'_>,
        user: &User,
        tally: &Tally,
    ) -> Result<(), Rejection> {
        let mail = self.notice(visit, &SUBJECT, user, &user.email)?;
        let mail = mail.with("where", tally.place());
        let event = Event::PasswordDisabled { user: user.id, origin: visit.origin() };
        let change = self.change(event).mail([mail]);
        Ok(change.commit(async |with| self.store.commit(with).await).await?)
    }
}

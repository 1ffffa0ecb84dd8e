//! Turns a registration into an account, or into a mail to the owner of the address.

use crate::crypto::hasher::{PasswordHash, PasswordMatch};
use crate::crypto::password::Password;
use crate::crypto::random_uuid;
use crate::datastore::Together;
use crate::datastore::lapse::Contest;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::{NewUser, Taken, UserWithPassword};
use crate::event::Event;
use crate::feature::Registration;
use crate::flow::Flow;
use crate::flow::lapse::UNCONFIRMED_FOR;
use crate::flow::username::username_taken;
use crate::rejection::Rejection;
use crate::text::Text;
use crate::user::{Email, Identity, User, UserId, Username};
use crate::web::fields::Save;
use crate::web::visit::Visit;

/// A form without errors.
pub(super) struct Checked {
    pub(super) email: Email,
    pub(super) username: Option<Username>,
    pub(super) password: Password,
    pub(super) save: Save,
}

/// Creates the account, or mails the owner of the address, with the same work.
pub(super) async fn apply(
    visit: &Visit<'_>,
    flow: &Flow,
    checked: Checked,
) -> Result<(), Rejection> {
    let Checked { email, username, password, save } = checked;
    let slot = flow.reserve(visit)?;
    let hash = flow.hasher().hash(&slot, &password).await?;
    let may_mail = flow.limits().may_mail(visit, "register", &email).await?;

    // Done before it is known whether there is an account, so that a fault does not reveal it.
    let id = UserId::from_uuid(random_uuid()?);
    let own = save(&Registration::new(id, &email, visit.now()))?;
    let identity = Identity::Email(email.clone());
    let found = flow.store().find_credentials(&identity).await?;
    let stored = found.as_ref().and_then(|found| found.password_hash.as_ref());
    let verified = flow.verify_password(&slot, &identity, &password, stored).await?;
    let username = username.as_ref();
    let applicant = Applicant { visit, flow, email: &email, username, hash: &hash, may_mail };
    let existing = match found {
        Some(found) => (found.user, verified != PasswordMatch::No),
        None => match applicant.create(id, own).await? {
            Created::Now => return Ok(()),
            Created::Meanwhile(found) => {
                let stored = found.password_hash.as_ref();
                let verified = flow.verify_password(&slot, &identity, &password, stored).await?;
                (found.user, verified != PasswordMatch::No)
            }
        },
    };
    applicant.tell_owner(existing.0, existing.1).await
}

/// A registration under way.
struct Applicant<'a> {
    visit: &'a Visit<'a>,
    flow: &'a Flow,
    email: &'a Email,
    username: Option<&'a Username>,
    hash: &'a PasswordHash,
    may_mail: bool,
}

/// The outcome of creating an account.
enum Created {
    Now,
    /// Another request created it in the meantime.
    Meanwhile(Box<UserWithPassword>),
}

impl Applicant<'_> {
    /// Creates the account, and commits the application's `own` rows with it.
    async fn create(&self, id: UserId, own: Together) -> Result<Created, Rejection> {
        let at = self.visit.now();
        let event = Event::UserRegistered { user: id, origin: self.visit.origin() };
        let new = User::new(id, self.email.clone(), at);
        let mut together = self.goes_along(&new).await?;
        if !self.flow.awaits_confirmation() {
            together.mail.push(self.mail(&Text::new("welcome", "Welcome"), id)?);
        }
        let user = NewUser {
            id,
            email: self.email.clone(),
            username: self.username.cloned(),
            password_hash: Some(self.hash.clone()),
            confirmed_at: None,
            expires_at: self.flow.awaits_confirmation().then_some(at + UNCONFIRMED_FOR),
            created_at: at,
        };
        let change = self.flow.change(event).with(own).with(together);
        let store = self.flow.store();
        match change.commit(async |with| store.create_user(&user, with).await).await? {
            Ok(_) => return Ok(Created::Now),
            Err(Taken::Username) => return Err(username_taken("username")),
            Err(Taken::Email) => {}
        }
        let identity = Identity::Email(self.email.clone());
        let found = self.flow.store().find_credentials(&identity).await?;
        found.map(|found| Created::Meanwhile(Box::new(found))).ok_or(Rejection::Unavailable)
    }

    /// Mails the owner of the account: another link while it is unconfirmed, otherwise a notice.
    ///
    /// `is_same` is `true` if the password is that of the account: the same person registered again.
    async fn tell_owner(&self, user: User, is_same: bool) -> Result<(), Rejection> {
        let (store, existing, origin) = (self.flow.store(), user.id, self.visit.origin());
        let event =
            |contested| Event::UserNotRegistered { existing, contested, origin: origin.clone() };
        // If addresses are confirmed, too many requests for mail must not keep the password in
        // place. The link that was already mailed then asks for another password.
        if user.confirmed_at.is_none()
            && self.flow.awaits_confirmation()
            && let Some(store) = store.lapse_store()
        {
            let mut links = self.goes_along(&user).await?.mail;
            if !self.may_mail {
                links.clear();
            }
            let contest = Contest {
                is_same,
                username: self.username.cloned(),
                expires_at: self.visit.now() + UNCONFIRMED_FOR,
            };
            let change = self.flow.change(event(true)).mail(links);
            if change.commit(async |with| store.contest_user(user.id, &contest, with).await).await?
            {
                return Ok(());
            }
        }
        let subject = Text::new("welcome_existing", "You already have an account");
        // The address is spelled as in the account: to some mail servers another spelling is
        // another mailbox.
        let notice = self.mail(&subject, user.id)?.concerns(Addressee::Holder);
        let change = self.flow.change(event(false)).mail(self.may_mail.then_some(notice));
        Ok(change.commit(async |with| self.flow.store().commit(with).await).await?)
    }

    /// Returns what is committed with the registration of an account. Mail goes to the address as the account
    /// spells it: to some mail servers another spelling is another mailbox.
    async fn goes_along(&self, user: &User) -> Result<Together, Rejection> {
        let at = self.visit.now();
        let registration = Registration::new(user.id, &user.email, at);
        self.flow.with_registration(&registration).await
    }

    fn mail(&self, subject: &Text, id: UserId) -> Result<NewMail, Rejection> {
        let mail = NewMail::new(subject, self.email, self.visit.now())?;
        Ok(mail.concerns(Addressee::User(id)))
    }
}

//! The worker that empties the outbox.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use rocket::futures::FutureExt;
use rocket::tokio::sync::{Mutex, Notify};
use rocket::tokio::time::{sleep, timeout};
use rocket::tokio::{pin, select};

use crate::clock::{Clock, Timestamp};
use crate::config::Span;
use crate::crypto::one_time::Token;
use crate::datastore::UserDatastore;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::{Addressee, NewLink, NewMail, OutboxMail};
use crate::datastore::user::UserWithPassword;
use crate::error::{Error, Result};
use crate::event::{Event, Origin, Signals};
use crate::mail::compose::Composer;
use crate::mail::mailer::Mailer;
use crate::mail::outage::{News, Outage};
use crate::user::{Identity, User, UserId};

/// How many mails are taken at a time. Only one, because mails that a dying worker holds are delayed.
const BATCH: u32 = 1;

/// How long a mail is hidden from other workers, and how often that time is renewed while a worker sends it.
/// A mail that a dead worker held is sent by another worker, or after a restart, when this time is over.
const LEASE: TimeDelta = TimeDelta::seconds(6);
const RENEWAL: Duration = Duration::from_secs(2);

/// How long a transport may take for one mail, so that a server that never answers does not delay the other
/// mails.
const SENDING: Duration = Duration::from_secs(60);

/// How often the outbox is read without a ring of the [`Bell`].
const PAUSE: Duration = Duration::from_secs(1);

/// The delay after the first failure. It doubles with each further failure, up to the longest.
const FIRST_DELAY: TimeDelta = TimeDelta::seconds(10);
const LONGEST_DELAY: TimeDelta = TimeDelta::hours(1);

/// When a mail is given up (RFC 5321, section 4.5.4.1: at least four to five days).
const GIVE_UP: TimeDelta = TimeDelta::days(4);

/// The least number of attempts before a mail is given up, however old it is: they take an hour and a half.
/// So a mail that waited while the application was down, or that an operator sends again, gets past a mail
/// server that delays unknown senders (greylisting, RFC 6647).
const FEWEST_ATTEMPTS: u32 = 10;

/// How often a mail that the mail server refuses permanently is tried. It should not be tried again (RFC
/// 5321, section 4.2.1), but a server that is out of order may accept it a minute later. This limit does not
/// apply to a mail that leads back to an account: the attacker who took the account over may have filled the
/// owner's mailbox for the moment.
const REFUSED_ATTEMPTS: u32 = 3;

/// Wakes the worker when there is new mail, so that it need not wait for its next look.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Wakes the worker: there is new mail.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Takes mail from the outbox, creates its link, and sends it.
///
/// Any number of workers may share a store. A mail is sent again if sending it fails or its worker dies. A
/// delivered mail is sent twice only if the worker does not record the delivery, because it dies or gives the
/// mail server up at that moment. The second mail has the same `Message-ID`, and its newer link replaces the
/// older one.
pub struct Worker {
    store: Arc<dyn UserDatastore>,
    mailer: Arc<dyn Mailer>,
    composer: Composer,
    signals: Signals,
    clock: Clock,
    bell: Bell,
    turn: Mutex<()>,
    is_closing: AtomicBool,
}

impl Worker {
    /// Creates a worker. It sends nothing yet.
    pub fn new(
        store: Arc<dyn UserDatastore>,
        mailer: Arc<dyn Mailer>,
        composer: Composer,
        signals: Signals,
        clock: Clock,
        bell: Bell,
    ) -> Self {
        Self {
            store,
            mailer,
            composer,
            signals,
            clock,
            bell,
            turn: Mutex::new(()),
            is_closing: AtomicBool::new(false),
        }
    }

    /// Sends mail until the task is dropped.
    pub async fn run(&self) {
        let mut outage = Outage::default();
        loop {
            let outcome = self.deliver_due().await;
            let fault = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
            match outage.note(outcome.is_err(), self.clock.now()) {
                Some(News::Begins) => {
                    log::error!("the outbox cannot be delivered; retrying every second: {fault}");
                }
                Some(News::Lasts(length)) => {
                    log::error!("the outbox could not be delivered for {length}: {fault}");
                }
                Some(News::IsOver(length)) => {
                    log::warn!("the outbox is delivered again, after {length}");
                }
                None => {}
            }
            select! {
                () = self.bell.0.notified() => {}
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// Starts no further mail, and waits for the one that is being sent: aborted, it would arrive late or
    /// twice.
    pub async fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        let _turn = self.turn.lock().await;
    }

    /// Sends all mail that is due now, and returns how many mails were delivered.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the outbox cannot be read.
    pub async fn deliver_due(&self) -> Result<usize> {
        let _turn = self.turn.lock().await;
        let mut delivered = 0;
        while !self.is_closing.load(Ordering::SeqCst) {
            let now = self.clock.now();
            let batch = self.store.lease_mail(now, now + LEASE, BATCH).await?;
            if batch.is_empty() {
                break;
            }
            for leased in batch {
                match self.deliver_alive(&leased.mail).await {
                    Ok(sent) => {
                        delivered += usize::from(sent);
                        self.store.delete_mail(leased.mail.id).await?;
                    }
                    Err(fault) => {
                        let id = leased.mail.id;
                        let next = next_attempt(&leased, &fault, self.clock.now());
                        match next {
                            Some(_) => log::warn!("mail {id} was not delivered: {fault}"),
                            None => log::error!("mail {id} is given up: {fault}"),
                        }
                        self.store.postpone_mail(id, next, &fault.to_string()).await?;
                    }
                }
            }
        }
        Ok(delivered)
    }

    /// Sends one mail, and renews its lease every few moments until it is sent.
    async fn deliver_alive(&self, mail: &NewMail) -> Result<bool> {
        // A panic in the application's transport or template must not end the worker.
        let delivery = AssertUnwindSafe(self.deliver(mail)).catch_unwind();
        pin!(delivery);
        loop {
            match timeout(RENEWAL, &mut delivery).await {
                Ok(delivered) => {
                    return delivered
                        .unwrap_or_else(|_| Err(Error::mail("what sends it panicked")));
                }
                Err(_) => {
                    // Giving up here would abort a conversation that may be about to succeed.
                    let until = self.clock.now() + LEASE;
                    if let Err(fault) = self.store.renew_lease(mail.id, until).await {
                        log::error!("the lease of mail {} was not renewed: {fault}", mail.id);
                    }
                }
            }
        }
    }

    /// Sends one mail. Returns `false` if it has become pointless.
    async fn deliver(&self, mail: &NewMail) -> Result<bool> {
        let now = self.clock.now();
        let account = self.recipient(mail).await?;
        let user = account.as_ref().map(|account| &account.user);
        if user.is_none() && mail.addressee != Addressee::Address {
            return Ok(false);
        }
        let Some(mail) = user.map_or_else(|| Some(mail.clone()), |user| addressed(mail, user, now))
        else {
            return Ok(false);
        };
        let mail = &mail;
        let token = match (&mail.link, user) {
            (Some(link), Some(user)) => match self.make_token(mail, link, user, now).await? {
                // A lasting link is only a part of its mail, which reports a change. That mail is
                // sent without the link.
                None if !link.lasting => return Ok(false),
                token => token,
            },
            _ => None,
        };
        let message = self.composer.compose(mail, account.as_ref(), token.as_ref(), now)?;
        match timeout(SENDING, self.mailer.send(&message)).await {
            Ok(sent) => sent?,
            Err(late) => return Err(Error::mail(late)),
        }
        let sent = mail.link.as_ref().map_or(&mail.template, |link| &link.purpose);
        let asker = mail.asker.clone().unwrap_or_default();
        let origin =
            Origin::new(self.clock.now(), asker.client).within(asker.request_id, asker.authn_via);
        let was_asked_for = mail.addressee == Addressee::Holder;
        let event =
            user.and_then(|user| Event::instructions_sent(sent, was_asked_for, user.id, origin));
        if let Some(event) = event {
            self.signals.send(&event);
        }
        Ok(true)
    }

    /// Finds the account that a mail is for, unless the mail has become pointless for it.
    async fn recipient(&self, mail: &NewMail) -> Result<Option<UserWithPassword>> {
        let account = match mail.addressee {
            Addressee::User(id) => self.find_account(id).await?,
            Addressee::Holder => {
                self.store.find_credentials(&Identity::Email(mail.to.clone())).await?
            }
            Addressee::Address => None,
        };
        Ok(account.filter(|account| is_wanted(mail, &account.user)))
    }

    async fn find_account(&self, id: UserId) -> Result<Option<UserWithPassword>> {
        let Some(user) = self.store.find_user(id).await? else {
            return Ok(None);
        };
        let found = self.store.find_credentials(&Identity::Email(user.email)).await?;
        match found.filter(|found| found.user.id == id) {
            None => Err(changed_meanwhile()),
            found => Ok(found),
        }
    }

    /// Creates the token of a mail's link, for the current state of the user. Returns `None` if the mail has
    /// waited longer than the link is valid.
    async fn make_token(
        &self,
        mail: &NewMail,
        link: &NewLink,
        user: &User,
        now: Timestamp,
    ) -> Result<Option<Token>> {
        if now - mail.created_at >= link.lifetime.delta() {
            return Ok(None);
        }
        // The epoch is that of the user as read above: no token is created if the user changed
        // since.
        let token = Token::random()?;
        let kept = OneTimeToken {
            digest: token.digest(),
            purpose: link.purpose.clone(),
            user_id: user.id,
            address: mail.to.as_str().to_owned(),
            mail_id: mail.id,
            lasting: link.lasting,
            asked_at: mail.created_at,
            expires_at: self.clock.now() + link.lifetime.delta(),
        };
        match self.store.create_token(&kept, user.epoch).await? {
            true => Ok(Some(token)),
            // Try again later, from the outbox: the change may have been the one that ended this
            // link, and then the mail is gone from there.
            false if link.lasting => Err(changed_meanwhile()),
            false => Ok(None),
        }
    }
}

/// Returns `true` if a mail still makes sense for its user. A mail that leads back to an account is sent to
/// its former owner, whatever became of the account since. So is one that reports what happened to the
/// account: if an operator locks an account that was taken over, its owner must still learn of it.
fn is_wanted(mail: &NewMail, user: &User) -> bool {
    let leads_back = leads_back(mail);
    let opens = mail.link.is_some() && !leads_back;
    let tells = mail.link.is_none() && mail.addressee.user_id().is_some();
    (user.active || leads_back || tells)
        && !(opens && user.closes_at.is_some())
        && !(mail.only_unconfirmed && user.confirmed_at.is_some())
        && mail.epoch.is_none_or(|epoch| epoch == user.epoch)
}

fn leads_back(mail: &NewMail) -> bool {
    mail.link.as_ref().is_some_and(|link| link.lasting)
}

/// Adjusts a mail to its user. Returns `None` if the account has expired.
fn addressed(mail: &NewMail, user: &User, now: Timestamp) -> Option<NewMail> {
    let mut mail = mail.clone();
    if mail.addressee == Addressee::Holder {
        // Not the spelling that was typed: some mail servers treat it as another mailbox.
        mail.to = user.email.clone();
    }
    if let (Some(link), Some(expires_at)) = (&mut mail.link, user.expires_at) {
        // Whole hours or minutes, because users read it.
        let minutes = u64::try_from((expires_at - now).num_minutes()).ok()?;
        let left = if minutes < 60 { minutes } else { minutes - minutes % 60 };
        if left == 0 {
            return None;
        }
        link.lifetime = link.lifetime.min(Span::minutes(left));
    }
    Some(mail)
}

/// The error that makes a mail wait for its next attempt.
fn changed_meanwhile() -> Error {
    Error::mail("its account changed at that moment")
}

/// Returns when a mail that failed is due again, or `None` to give it up.
fn next_attempt(leased: &OutboxMail, fault: &Error, now: Timestamp) -> Option<Timestamp> {
    let is_refused = matches!(fault, Error::MailRefused(_)) && !leads_back(&leased.mail);
    if is_refused && leased.attempts >= REFUSED_ATTEMPTS {
        return None;
    }
    if now - leased.mail.created_at > GIVE_UP && leased.attempts >= FEWEST_ATTEMPTS {
        return None;
    }
    let doublings = leased.attempts.saturating_sub(1).min(16);
    let delay = FIRST_DELAY.checked_mul(1 << doublings).unwrap_or(LONGEST_DELAY);
    Some(now + delay.min(LONGEST_DELAY))
}

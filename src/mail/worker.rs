//! The worker that empties the outbox.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::tokio::pin;
use rocket::tokio::select;
use rocket::tokio::sync::Mutex;
use rocket::tokio::sync::Notify;
use rocket::tokio::time::sleep;
use rocket::tokio::time::timeout;

use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::crypto::one_time::Token;
use crate::datastore::UserDatastore;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::NewMail;
use crate::datastore::outbox::OutboxMail;
use crate::error::Error;
use crate::error::Result;
use crate::event::Event;
use crate::event::Origin;
use crate::event::Signals;
use crate::mail::Mailer;
use crate::mail::compose::Composer;
use crate::user::Identity;
use crate::user::User;

/// How many mails are taken out at a time. One: what a worker holds when it dies comes late.
const BATCH: u32 = 1;

/// For how long a mail is hidden from other workers, and how often that is renewed while one sends
/// it. Whatever a dead worker held is sent by another one, or after a restart, within the lease.
const LEASE: TimeDelta = TimeDelta::seconds(6);
const RENEWAL: Duration = Duration::from_secs(2);

/// How long a transport may take for one mail, so that a server that never answers does not hold
/// up the others.
const SENDING: Duration = Duration::from_secs(60);

/// How often the outbox is looked at when nobody rings.
const PAUSE: Duration = Duration::from_secs(1);

/// The first delay after a failure; each further one is twice as long, up to the longest.
const FIRST_DELAY: TimeDelta = TimeDelta::seconds(10);
const LONGEST_DELAY: TimeDelta = TimeDelta::hours(1);

/// When a mail is given up (RFC 5321, section 4.5.4.1: at least four to five days).
const GIVE_UP: TimeDelta = TimeDelta::days(4);

/// Rings the worker when there is new mail, so that it need not wait for its next look.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Says that there is new mail.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Takes mail from the outbox, makes its link, and sends it.
///
/// Any number of workers may share a store. A mail whose sending fails, or whose worker dies, is
/// sent again; a mail that was delivered is sent twice only when its word of that is lost: the worker
/// dies, or gives the mail server up, between the two. It then has the same `Message-ID`, and the
/// newer link replaces the older.
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
    /// Makes a worker; nothing is sent yet.
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

    /// Sends what comes, for ever.
    pub async fn run(&self) {
        loop {
            if let Err(fault) = self.deliver_due().await {
                log::error!("the outbox could not be emptied: {fault}");
            }
            select! {
                () = self.bell.0.notified() => {}
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// Begins no other mail, and waits for the one that is being sent: cut off, it would come late
    /// or twice.
    pub async fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        let _turn = self.turn.lock().await;
    }

    /// Sends everything that is due now; says how many mails were delivered.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the outbox cannot be read.
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
                        log::warn!("mail {} was not delivered: {fault}", leased.mail.id);
                        let next = next_attempt(&leased, self.clock.now());
                        let id = leased.mail.id;
                        self.store.postpone_mail(id, next, &fault.to_string()).await?;
                    }
                }
            }
        }
        Ok(delivered)
    }

    /// Sends one mail, and says every few moments that it is still being sent.
    async fn deliver_alive(&self, mail: &NewMail) -> Result<bool> {
        let delivery = self.deliver(mail);
        pin!(delivery);
        loop {
            match timeout(RENEWAL, &mut delivery).await {
                Ok(delivered) => return delivered,
                Err(_) => {
                    // Giving up for this would cut a conversation that may be about to succeed.
                    let until = self.clock.now() + LEASE;
                    if let Err(fault) = self.store.renew_lease(mail.id, until).await {
                        log::error!("the lease of mail {} was not renewed: {fault}", mail.id);
                    }
                }
            }
        }
    }

    /// Sends one mail; false when there is no reason to any more.
    async fn deliver(&self, mail: &NewMail) -> Result<bool> {
        let user = self.recipient(mail).await?;
        let is_addressed = mail.user_id.is_none() && mail.link.is_none();
        if user.is_none() && !is_addressed {
            return Ok(false);
        }
        let token = match (&mail.link, &user) {
            (Some(_), Some(user)) => match self.make_token(mail, user).await? {
                Some(token) => Some(token),
                None => return Ok(false),
            },
            _ => None,
        };
        let message = self.composer.compose(mail, token.as_ref(), self.clock.now())?;
        match timeout(SENDING, self.mailer.send(&message)).await {
            Ok(sent) => sent?,
            Err(late) => return Err(Error::mail(late)),
        }
        let origin = Origin::new(self.clock.now(), None);
        let event = mail
            .link
            .as_ref()
            .zip(user.as_ref())
            .and_then(|(link, user)| Event::instructions_sent(&link.purpose, user.id, origin));
        if let Some(event) = event {
            self.signals.send(&event);
        }
        Ok(true)
    }

    /// Finds whom a mail is for, unless it has become pointless.
    async fn recipient(&self, mail: &NewMail) -> Result<Option<User>> {
        let user = match mail.user_id {
            Some(id) => self.store.find_user(id).await?,
            None => {
                let identity = Identity::Email(mail.to.clone());
                self.store.find_credentials(&identity).await?.map(|found| found.user)
            }
        };
        Ok(user
            .filter(|user| user.active && !(mail.only_unconfirmed && user.confirmed_at.is_some())))
    }

    /// Makes the token of a mail's link, for the user as they are now.
    async fn make_token(&self, mail: &NewMail, user: &User) -> Result<Option<Token>> {
        let Some(link) = &mail.link else {
            return Ok(None);
        };
        let token = Token::random()?;
        let kept = OneTimeToken {
            digest: token.digest(),
            purpose: link.purpose.clone(),
            user_id: user.id,
            address: mail.to.canonical(),
            mail_id: mail.id,
            expires_at: self.clock.now() + link.lifetime.delta(),
        };
        Ok(self.store.create_token(&kept).await?.then_some(token))
    }
}

/// Says when a mail that failed is due again, or never.
fn next_attempt(leased: &OutboxMail, now: Timestamp) -> Option<Timestamp> {
    if now - leased.mail.created_at > GIVE_UP {
        return None;
    }
    let doublings = leased.attempts.saturating_sub(1).min(16);
    let delay = FIRST_DELAY.checked_mul(1 << doublings).unwrap_or(LONGEST_DELAY);
    Some(now + delay.min(LONGEST_DELAY))
}

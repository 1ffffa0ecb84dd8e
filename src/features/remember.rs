//! Remembers a browser, so that its user does not have to log in again for 30 days.
//!
//! It is on by default; `Security::default().disable::<Remember>()` switches it off. The login page shows a
//! box "Remember me", and a browser is remembered only if the user ticks it; a program sends `remember`. When
//! the session has ended, the next request of a remembered browser begins another, and the user notices
//! nothing.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::config::Span;
//! use rocket_security::features::remember::Remember;
//!
//! let mut remember = Remember::default();
//! remember.lifetime = Span::hours(14 * 24);
//! let security = Security::default().enable(remember);
//! # drop(security);
//! ```
//!
//! | setting `[default.security.remember]` | default |
//! |---|---|
//! | `lifetime` | `"30days"`, at most 365 days |
//! | `window` | `"10s"`, at most 60 seconds |
//! | `preset` | `false` |
//!
//! - Routes: none. The browser asks for it at [`/login`](crate::features::login), in a form or in JSON.
//! - Templates: none.
//! - Mails: `remember_theft`.
//! - Events: `UserAuthenticated` with `remember` as `authn_via`, `RememberTheft`, `SessionEnded` (`theft`,
//!   `expired`).
//! - Refusals: none, except `unavailable` if the store does not answer.
//! - The store needs the capability [`RememberStore`].
//!
//! ```text
//! POST /login {"email": "ann@example.org", "password": "a ferry leaves at seven", "remember": true}
//!   200, Set-Cookie: security_session=…; security_remember=…; Max-Age=2592000
//! GET /me, with security_remember alone
//!   200, Set-Cookie: security_session=…; security_remember=…; Max-Age=2592000
//! ```
//!
//! # Details
//!
//! **The cookie.** The cookie `security_remember` holds a selector, which names a series, and a validator. It
//! is sealed with its own key. The store has a row for each series, with digests of both.
//!
//! **How a browser comes back.** A browser comes back if its session is missing, expired or ended, and its
//! validator is the newest of the series. A session then begins and the validator is replaced, in one
//! transaction.
//!
//! - The same checks apply as to a login. If the account was locked, or a hook refuses, the visitor stays a
//!   guest. The series stays, and the browser continues as a guest's until it is closed, or a day has passed.
//! - If a hook requires a proof, such as a second factor, the browser keeps a login that lacks it. `/login`
//!   leads to the page for that proof, and with the proof the session begins.
//! - The user is not fresh, for no [`Fresh`](crate::guard::Fresh) and for no change of a credential, until a
//!   proof at `/verify`.
//!
//! **How long it lasts.** It lasts 30 days from the login, however often it is used, also with a second factor
//! (NIST SP 800-63B-4, section 2.1.3). The session ends with it, at most ten minutes later. It ends earlier
//!
//! - with a logout, and when another user logs in;
//! - with its session, if that is ended at `/sessions` or by `rocket-security sessions end`. Ending all
//!   others of a user also ends those without a session;
//! - with every change of password, address or status, on every instance;
//! - when a user has more than `security.session.max_per_user` of them: the oldest ends.
//!
//! A session that was not used for long ends alone: the next request begins another.
//!
//! **Invalid cookies.** A cookie that is forged, expired, of another site, or whose series has ended stays in
//! the browser, which counts as a guest's. It is not removed, because the answer may be late and a newer
//! cookie may be there by then. A series that has ended is marked in the cookie `security_guest`, and the
//! store is not asked again. If the store does not answer, the request is answered with 503.
//!
//! **A stolen cookie.** If a thief comes back with a copy of the cookie, the validator is replaced, and
//! either the owner or the thief later presents one that is not the newest. That ends the series and the
//! session that it began, so both are logged out. The owner is told by mail, and an event is sent. The same
//! happens to the owner's browser if it lost the answer with the newer validator, or was restored from a
//! backup.
//!
//! **Several requests at once.** A browser that was closed may open several tabs at once, all with the same
//! validator. One request replaces it. For `window` from then on the others get the same successor and the
//! same session. This also covers an answer that was lost and requested again at once. A thief who is as
//! quick as that is not detected within `window`, but at the next replacement. Instances whose clocks differ
//! by more than `window` take one case for the other: synchronise their clocks, for example by NTP.
//!
//! **Open forms.** The anti-forgery token of a session belongs to its id, and the new session has another. A
//! form that was open in a tab all the time is refused with `csrf_failed` once. That answer brings the
//! session, and the form has to be loaded again. What the application stores with the session
//! ([`Session`](crate::Session)) belonged to the old session and is gone, except for a guest's data, which is
//! kept.
//!
//! **Links that log in** remember no browser.

use std::sync::Arc;

use chrono::TimeDelta;
use rocket::{Request, async_trait};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{Config, Span};
use crate::crypto::one_time::Digest;
use crate::crypto::remember_token::{RememberToken, Successor};
use crate::datastore::remember::{
    EndedSeries, Presented, SeriesRecord, SeriesRotated, SeriesRotation,
};
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::datastore::{RememberStore, Together};
use crate::error::{Error, Faults, Result};
use crate::event::{Event, Origin, SessionEnd};
use crate::feature::{Announcer, Feature, Installation, LoginAttempt, Remembering, Sweeping};
use crate::flow::{Entry, Flow, Return, session_ended};
use crate::rejection::Rejection;
use crate::session::remember::{Restore, Restored, Restorer};
use crate::template::{Embedded, templates};
use crate::text::Text;
use crate::user::User;
use crate::web::Site;
use crate::web::visit::Visit;

/// The feature `remember`. Its settings are `[default.security.remember]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Remember {
    /// Sets how long a browser is remembered after the login, at most 365 days. NIST SP 800-63B-4, section
    /// 2.1.3, has 30 days at most. _Default:_ `"30days"`.
    pub lifetime: Span,
    /// Sets how long a replaced validator still gets its successor and the same session, for requests that
    /// were sent at the same time: 1 to 60 seconds. _Default:_ `"10s"`.
    pub window: Span,
    /// Sets whether the box of the login page is ticked in advance. A login by JSON is remembered only if it
    /// sends `remember`. _Default:_ `false`.
    pub preset: bool,
}

impl Default for Remember {
    fn default() -> Self {
        let (lifetime, window) = (Span::hours(30 * 24), Span::new(DEFAULT_WINDOW));
        Self { lifetime, window, preset: false }
    }
}

const DEFAULT_WINDOW: std::time::Duration = std::time::Duration::from_secs(10);

/// The longest window: a thief who is as quick is not detected at once.
const LONGEST_WINDOW: TimeDelta = TimeDelta::seconds(60);

/// The longest lifetime: browsers keep a cookie for at most 400 days (RFC 6265bis, section 5.5).
const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(365);

/// How many series are ended at a time.
const BATCH: u32 = 200;

const THEFT: Text = Text::new("remember_theft", "One of your browsers was logged out");

impl<D: RememberStore> Feature<D> for Remember {
    const NAME: &'static str = "remember";
    const TEMPLATES: &'static [Embedded] = templates![; "remember_theft"];

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        if config.session.ends_for_good() {
            faults.push(Error::config(
                "session.aal",
                "requires users to log in again, but the feature remember lets browsers return \
                 without a login",
                "Disable the feature, or set session.idle and session.absolute instead of a level",
            ));
        }
        let (lifetime, window) = (self.lifetime.delta(), self.window.delta());
        if lifetime < TimeDelta::minutes(1) || lifetime > LONGEST_LIFETIME {
            faults.push(Error::config(
                "remember.lifetime",
                "is shorter than a minute or longer than 365 days",
                "Set it to \"30days\" or less",
            ));
        }
        if window < TimeDelta::seconds(1) || window > LONGEST_WINDOW {
            faults.push(Error::config(
                "remember.window",
                "is shorter than a second or longer than a minute",
                "Set it to \"10s\"",
            ));
        }
        faults.finish()
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let store: Arc<dyn RememberStore> = at.store();
        let series = Series { settings: self.clone(), store };
        at.remembering(series.clone());
        at.sweeping(series.clone());
        at.offer(Restorer(Arc::new(series)));
        Ok(())
    }
}

/// The series of a store.
#[derive(Clone)]
struct Series {
    settings: Remember,
    store: Arc<dyn RememberStore>,
}

impl Series {
    async fn find_out(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        remember_token: &RememberToken,
    ) -> Result<Restored, Rejection> {
        let now = visit.now();
        let (series, presented) =
            (remember_token.series.digest(), remember_token.validator.digest());
        let since = now - self.settings.window.delta();
        let Some((found, user)) = self.store.find_series(&series).await? else {
            return Ok(Restored::Forgotten);
        };
        if found.expires_at <= now {
            // It must not become valid again if the clock steps back.
            let ended = self.store.end_series(user.id, &series, &Together::nothing()).await?;
            let event = |it: &_| series_ended(it, SessionEnd::Expired, visit.origin());
            flow.announcer().learned(ended.iter().filter_map(event));
            return Ok(Restored::Forgotten);
        }
        if found.judge(&presented, since) == Presented::Stale {
            return self.end_stolen(visit, flow, &found, &user).await;
        }
        let entry = flow.return_remembered(visit, user.clone(), &found).await;
        let authenticated = match entry {
            Ok(Entry::Open(authenticated)) => authenticated,
            Ok(Entry::Pending(pending)) => {
                flow.hold(visit, &pending).await?;
                return Ok(Restored::Pending);
            }
            Err(fault @ (Rejection::Unavailable | Rejection::Saturated)) => return Err(fault),
            Err(_) => return Ok(Restored::Declined),
        };
        let mut successors =
            visit.site().sessions().cookies().succession().successors(remember_token);
        let Successor { remember_token: next, session } =
            successors.next().ok_or(Rejection::Unavailable)?;
        let rotation =
            SeriesRotation { series, presented, next: next.validator.digest(), now, since };
        let token = session.clone();
        match flow.come_back(visit, authenticated, &*self.store, &rotation, token).await? {
            Return::Begun(active) => Ok(Restored::Begun(next, active)),
            Return::Not(SeriesRotated::SameAgain(current)) => {
                // Another instance, with another active key, may have been first.
                let mut all =
                    std::iter::once(Successor { remember_token: next, session }).chain(successors);
                let successor =
                    all.find(|successor| successor.remember_token.validator.digest() == current);
                Ok(successor.map_or(Restored::Guest, Restored::Again))
            }
            Return::Not(SeriesRotated::Stale) => self.end_stolen(visit, flow, &found, &user).await,
            Return::Not(SeriesRotated::Unknown | SeriesRotated::Rotated(_)) => {
                Ok(Restored::Forgotten)
            }
        }
    }

    /// Ends a series whose token was copied, and tells its owner once, however many requests detect it.
    async fn end_stolen(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        found: &SeriesRecord,
        user: &User,
    ) -> Result<Restored, Rejection> {
        let theft = Event::RememberTheft { user: user.id, origin: visit.origin() };
        let mail = flow.notice(visit, &THEFT, user, &user.email)?;
        let end = async |with: &Together| self.store.end_series(user.id, &found.series, with).await;
        let event = |it: &_| series_ended(it, SessionEnd::Theft, visit.origin());
        let learned = |ended: &Option<_>| ended.as_ref().and_then(event);
        flow.change(theft).mail([mail]).commit_then(end, learned).await?;
        Ok(Restored::Forgotten)
    }
}

#[async_trait]
impl Restore for Series {
    async fn restore(&self, request: &Request<'_>, remember_token: &RememberToken) -> Restored {
        let rocket = request.rocket();
        let (Some(site), Some(flow)) = (rocket.state::<Site>(), rocket.state::<Flow>()) else {
            return Restored::Unavailable;
        };
        let restored = self.find_out(&Visit::of_guest(request, site), flow, remember_token).await;
        restored.unwrap_or(Restored::Unavailable)
    }

    async fn end(&self, remember_token: &RememberToken) -> Result<()> {
        let series = remember_token.series.digest();
        if let Some((_, user)) = self.store.find_series(&series).await? {
            self.store.end_series(user.id, &series, &Together::nothing()).await?;
        }
        Ok(())
    }

    fn is_preset(&self) -> bool {
        self.settings.preset
    }
}

#[async_trait]
impl Remembering for Series {
    async fn remember(
        &self,
        attempt: &LoginAttempt<'_>,
        at_most: u32,
    ) -> Result<Option<RememberToken>> {
        let expires_at = attempt.at + self.settings.lifetime.delta();
        let expires_at = attempt.remembered_until.map_or(expires_at, |it| it.min(expires_at));
        let remember_token = RememberToken::new(expires_at)?;
        let series = SeriesRecord {
            series: remember_token.series.digest(),
            user_id: attempt.user.id,
            epoch: attempt.user.epoch,
            validator: remember_token.validator.digest(),
            previous: None,
            proofs: attempt.proofs_to_remember(),
            created_at: attempt.at,
            rotated_at: attempt.at,
            expires_at,
        };
        // If the account has changed in the meantime, there will be no session either.
        Ok(self.store.create_series(&series, at_most).await?.then_some(remember_token))
    }

    async fn is_remembered(&self, series: &Digest) -> Result<bool> {
        Ok(self.store.find_series(series).await?.is_some())
    }

    async fn end_others(&self, kept: &SessionRecord) -> Result<Vec<EndedSession>> {
        let ended = self.store.end_other_series(kept.user_id, kept.series.as_ref()).await?;
        let session = |ended: EndedSeries| Some((ended.session?, ended.user_id));
        let ended = ended.into_iter().filter_map(session);
        Ok(ended.map(|(id, user_id)| EndedSession { id, user_id }).collect())
    }
}

#[async_trait]
impl Sweeping for Series {
    async fn sweep(&self, now: Timestamp, announcer: &Announcer) -> Result<u64> {
        let mut all = 0;
        loop {
            let ended = self.store.delete_expired_series(now, BATCH).await?;
            let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
            all += count;
            let origin = Origin::new(now, None);
            let event = |it: &_| series_ended(it, SessionEnd::Expired, origin.clone());
            let events: Vec<Event> = ended.iter().filter_map(event).collect();
            all += u64::try_from(events.len()).unwrap_or(u64::MAX);
            announcer.learned(events);
            if count < u64::from(BATCH) {
                return Ok(all);
            }
        }
    }
}

/// Returns the event about the session that ended with a series, if one did.
fn series_ended(ended: &EndedSeries, reason: SessionEnd, origin: Origin) -> Option<Event> {
    let ended = EndedSession { id: ended.session?, user_id: ended.user_id };
    Some(session_ended(&ended, reason, origin))
}

//! Remembering a browser, so that its user need not log in again.
//!
//! It has no route. [`login`](crate::features::login) asks for it: by the box "Remember me" of its page,
//! by `remember` in a form or in JSON.
//!
//! | setting `[default.security.remember]` | default |
//! |---|---|
//! | `lifetime` | `"30days"`, at most 365 days |
//! | `window` | `"10s"`, at most 60 seconds |
//! | `preset` | `false` |
//!
//! Mails: `remember_theft`. Events: `UserAuthenticated` with `remember` as `authn_via`, `RememberTheft`,
//! `SessionEnded` (`theft`, `expired`). Refusals: none; store down: `unavailable`. The store needs the
//! capability [`RememberStore`].
//!
//! ```text
//! POST /login {"email": "ann@example.org", "password": "a ferry leaves at seven", "remember": true}
//!   200, Set-Cookie: security_session=…; security_remember=…; Max-Age=2592000
//! GET /me, with security_remember alone
//!   200, Set-Cookie: security_session=…; security_remember=…; Max-Age=2592000
//! ```
//!
//! # How a browser comes back
//!
//! The cookie `security_remember` holds a selector, which names a series, and a validator, sealed with a
//! key of its own; the store has a row for each series, with digests of both. When a request comes whose
//! session is missing, over or ended, and the validator is the series' newest, a session begins and the
//! validator is replaced, in one transaction. It passes the same door as a login. If the account was locked,
//! or a hook refuses, the visitor stays a guest: the series stays, and the browser goes on as a guest's until it is
//! closed, or a day has passed. If a hook requires a proof, such as a second factor, the browser keeps a
//! login that lacks it: `/login` leads to the page for it, and with the proof the session begins.
//!
//! - **It lasts 30 days**, from the login on and however often it is used: NIST SP 800-63B-4, section
//!   2.1.3. The session ends with it, at most ten minutes later.
//! - **Who comes back is not fresh**, for no [`Fresh`](crate::guard::Fresh) and for no change of a
//!   credential, until they prove at `/verify` that it is still them.
//! - **It ends** with a logout, with its session when that is ended at `/sessions` or by
//!   `rocket-security sessions end` (all others of a user: also those without a session), with every
//!   change of password, address or status on every instance, when a user has more than
//!   `security.session.max_per_user` of them (the oldest), and when another user logs in. Only its
//!   session ends when it was not used for long: the next request begins another.
//! - **A cookie that opens nothing** (forged, expired, of another site, ended) stays where it is; its browser
//!   is a guest's. The answer may be late, and a newer cookie may be there by now. One that has ended is
//!   marked in the cookie `security_guest`, and the store is not asked again. A store that is down is 503.
//! - **Links that log in** remember no browser.
//! - A store that was stolen opens nothing, and guests store nothing.
//!
//! # A stolen cookie
//!
//! A thief with a copy of the cookie can come back with it. But then the validator is replaced, and the other
//! one of the two, owner or thief, presents one that is not the newest. That ends the series and the session
//! that was begun by it, so that both are out; the owner is told by mail, and there is an event. It can
//! be told of the owner's browser, too: when it lost the answer that brought the newer validator, or was
//! put back from a backup.
//!
//! # Several requests at once
//!
//! A browser that was closed opens several tabs at once, each with one and the same validator. One request
//! replaces it; for `window` from then on the others get what it got: the same successor, and the same
//! session. Both are derived from the validator by a key of the server's, so that it is one at all
//! instances, and nothing but digests is stored. Within `window` a thief who is as quick as that is not
//! found out; at the next replacement they are. It also covers an answer that was lost and asked for
//! again at once. Instances whose clocks differ by more than that take the one for the other: keep clocks
//! together, as by NTP.
//!
//! # Forms that were open
//!
//! A session's anti-forgery token belongs to its id, and who comes back has another. A form that stood open
//! in a tab all the while is refused with `csrf_failed` when it is sent, once: that answer brings the
//! session, and the form has to be loaded again. What an application keeps with the session
//! ([`Session`](crate::Session)) was the old one's and is gone, but for a guest's, which goes along.

use std::sync::Arc;

use chrono::TimeDelta;
use rocket::{Request, async_trait};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{Config, Span};
use crate::crypto::remember_token::{RememberToken, Successor};
use crate::datastore::remember::{
    EndedSeries, Presented, SeriesRecord, SeriesRotated, SeriesRotation,
};
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::datastore::{RememberStore, Together};
use crate::error::{Error, Faults, Result};
use crate::event::{Event, Origin, SessionEnd};
use crate::feature::{Announcer, Feature, Installation, LoginAttempt, Remembering, Sweeping};
use crate::flow::{Entry, Flow, Return};
use crate::rejection::Rejection;
use crate::session::remember::{Restore, Restored, Restorer};
use crate::template::{Embedded, templates};
use crate::text::Text;
use crate::user::User;
use crate::web::Site;
use crate::web::visit::Visit;

/// The feature `remember`; its value is `[default.security.remember]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Remember {
    /// Sets how long a browser is remembered after the login, at most 365 days. NIST SP 800-63B-4, section
    /// 2.1.3, has 30 days at most. _Default:_ `"30days"`.
    pub lifetime: Span,
    /// Sets how long a validator that was replaced still leads to its successor and to the same session, for
    /// requests that were sent at once: 1 to 60 seconds. _Default:_ `"10s"`.
    pub window: Span,
    /// Sets whether the box of the login page is ticked in advance. A login by JSON is
    /// remembered only if it says so. _Default:_ `false`.
    pub preset: bool,
}

impl Default for Remember {
    fn default() -> Self {
        let (lifetime, window) = (Span::hours(30 * 24), Span::new(DEFAULT_WINDOW));
        Self { lifetime, window, preset: false }
    }
}

const DEFAULT_WINDOW: std::time::Duration = std::time::Duration::from_secs(10);

/// The longest window: a thief who is as quick is not found out at once.
const LONGEST_WINDOW: TimeDelta = TimeDelta::seconds(60);

/// What browsers keep a cookie for at most is 400 days (RFC 6265bis, section 5.5).
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
        if config.session.ends_for_good {
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
            // No clock that steps back revives it.
            let ended = self.store.end_series(user.id, &series, &Together::nothing()).await?;
            let event =
                ended.and_then(|it| session_ended(&it, SessionEnd::Expired, visit.origin()));
            if let Some(event) = event {
                visit.site().signals().send(&event);
            }
            return Ok(Restored::Forgotten);
        }
        if found.judge(&presented, since) == Presented::Stale {
            return self.end_stolen(visit, flow, &found, &user).await;
        }
        let entry = flow.return_remembered(visit, user.clone(), found.proofs.clone()).await;
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
        let turn = SeriesRotation { series, presented, next: next.validator.digest(), now, since };
        let token = session.clone();
        match flow.come_back(visit, authenticated, &*self.store, &turn, token).await? {
            Return::Begun(active) => Ok(Restored::Begun(next, active)),
            Return::Not(SeriesRotated::SameAgain(current)) => {
                // An instance that does not have the same active key may have been first.
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

    /// Ends a series whose token was copied, and tells its owner, once however many requests find it out.
    async fn end_stolen(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        found: &SeriesRecord,
        user: &User,
    ) -> Result<Restored, Rejection> {
        let event = Event::RememberTheft { user: user.id, origin: visit.origin() };
        let mail = flow.notice(visit, &THEFT, user, &user.email)?;
        let change = flow.change(event).mail([mail]);
        let ended = change
            .commit(async |with| self.store.end_series(user.id, &found.series, with).await)
            .await?;
        let origin = visit.origin();
        if let Some(event) = ended.and_then(|it| session_ended(&it, SessionEnd::Theft, origin)) {
            visit.site().signals().send(&event);
        }
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
        // Where the account has changed meanwhile, there will be no session either.
        Ok(self.store.create_series(&series, at_most).await?.then_some(remember_token))
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
            for series in ended {
                let origin = Origin::new(now, None);
                if let Some(event) = session_ended(&series, SessionEnd::Expired, origin) {
                    announcer.noticed(&event);
                    all += 1;
                }
            }
            if count < u64::from(BATCH) {
                return Ok(all);
            }
        }
    }
}

fn session_ended(ended: &EndedSeries, reason: SessionEnd, origin: Origin) -> Option<Event> {
    let session = ended.session?;
    Some(Event::SessionEnded { user: ended.user_id, session, reason, origin })
}

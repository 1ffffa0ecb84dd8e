//! Tokens that people make for programs of theirs: named, for some scopes, shown once, and revoked at any
//! time.
//!
//! It is not enabled by default, for an application has to say which scopes there are:
//!
//! ```
//! # use rocket::get;
//! # use rocket::http::Header;
//! # use rocket::routes;
//! use rocket_security::Scoped;
//! use rocket_security::Security;
//! use rocket_security::features::personal_tokens::PersonalTokens;
//! # use rocket_security::testing::TestApp;
//! # use serde_json::json;
//!
//! rocket_security::scopes! {
//!     pub ReadReports = "reports:read", "See your reports";
//!     pub WriteReports = "reports:write", "Write reports in your name";
//! }
//!
//! #[get("/reports")]
//! fn reports(user: Scoped<ReadReports>) -> String {
//!     format!("The reports of {}", user.email)
//! }
//!
//! # rocket::async_test(async {
//! let tokens = PersonalTokens::default().scopes::<(ReadReports, WriteReports)>();
//! let security = Security::default().enable(tokens);
//! let rocket = rocket::build().attach(security).mount("/", routes![reports]);
//! # let app = TestApp::launch(rocket).await;
//! # let ann = app.log_in_as("ann@example.org").await;
//! # let body = json!({"name": "Nightly download", "scopes": ["reports:read"]});
//! # let made = ann.post_json("/personal-tokens", body).await;
//! # let token = format!("Bearer {}", made.response("token").as_str().unwrap());
//! # let request = app.client().get("/reports").header(Header::new("Authorization", token));
//! # assert_eq!(app.browser().send(request).await.body, "The reports of ann@example.org");
//! # });
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /personal-tokens` | one's tokens, the newest first, and the form | 200 `personal_tokens`, `scopes`, `csrf_token` |
//! | `POST /personal-tokens` `name`, `scopes`, `expires_in_days` | 200, with the token | 200 `token`, `personal_token`, `csrf_token` |
//! | `POST /personal-tokens/revoke` `personal_token` | 303 to `/personal-tokens` | 200 `csrf_token` |
//!
//! | setting `[default.security.personal_tokens]` | default |
//! |---|---|
//! | `prefix` | `"rspat"` |
//! | `max_per_user` | `50` |
//! | `default_lifetime` | `"90days"` |
//! | `max_lifetime` | none |
//!
//! Templates: `security/personal_tokens.html`. Mails: `personal_token_notice`. Events:
//! `PersonalTokenCreated`, `PersonalTokenRevoked`; of requests `UserFailedAuthn`, `UserUnauthenticated`,
//! `UserUnauthorized`. Refusals: `unauthenticated`, `reauth_required`, `invalid_input` (`name_invalid`,
//! `name_taken`, `scope_required`, `scope_unknown`, `lifetime_invalid`, `lifetime_too_long`,
//! `too_many_personal_tokens`, `personal_token_unknown`), `csrf_failed`, `cross_site`, `throttled`,
//! `unavailable`; of requests with a token `token_malformed`, `token_expired`, `token_scoped`,
//! `credentials_refused`, `insufficient_scope`, `conflicting_credentials`, `password_change_required`,
//! `unavailable`. The store needs the capability [`PersonalTokenStore`].
//!
//! ```text
//! GET /personal-tokens
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…", "personal_tokens": [{
//!       "id": "0f0c…", "name": "Nightly download", "scopes": ["reports:read"], "is_expired": false,
//!       "created_at": "2027-01-15T08:00:00Z", "expires_at": "2027-04-15T08:00:00Z", "last_used_at": null}],
//!       "scopes": [{"name": "reports:read", "description": "See your reports"}, …]}}
//! POST /personal-tokens {"name": "Nightly download", "scopes": ["reports:read"], "expires_in_days": 30}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…", "token": "rspat_…", "personal_token": {"id": "0f0c…", …}}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"name": ["…"]}, "reasons": ["invalid_input", "name_taken"]}}
//!   401 {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["reauth_required"], "reauth_required": true}}
//! POST /personal-tokens/revoke {"personal_token": "0f0c…"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//! ```
//!
//! # Making one
//!
//! Whoever makes one came by a session and proved within `security.freshness` that it is them: by a token
//! none is made, listed or revoked. `scopes` are some of those that the application has named, at least one:
//! in JSON a list, or a text with blanks between them, in a form also a box each, `scope.reports:read`. `expires_in_days` is a
//! whole number, or `never`; who says nothing gets `default_lifetime`. With `max_lifetime` there is no
//! `never`, and it counts for tokens that are there already, too. A name is the owner's own, 1 to 100
//! characters, and no two of theirs are alike, so that it is plain which is which. They are told by mail.
//! The token stands in that one answer, which nobody may cache, and nowhere else: the store has its SHA-256
//! digest.
//!
//! # What a request brings
//!
//! `Authorization: Bearer rspat_…` or `Authentication-Token: rspat_…`, as for an
//! [access token](crate::features::tokens): one token, once. It needs no anti-forgery token, and gets no
//! cookie. Each request asks the store, in one query; when a token was last used is written down once a
//! minute.
//!
//! **It opens what names its scopes, and nothing else**: routes with [`Scoped`](crate::Scoped), and those
//! with [`AuthVia<via::PersonalToken>`](crate::AuthVia), which take it whatever its scopes are.
//! [`AuthUser`](crate::AuthUser) and whatever else goes by `security.mechanisms` answers 401 with the reason
//! `token_scoped`, and takes nobody who sends one for a guest; guards of other ways in, such as
//! [`Paseto`](crate::Paseto) or [`BasicUser`](crate::BasicUser), do not know it. So it cannot stand among [`security.mechanisms`](crate::config::Config::mechanisms), and our own pages do not
//! take it either. It is never [`Fresh`](crate::Fresh). A token gives no more than its owner may do at that
//! moment: roles are looked up with it.
//!
//! # When it ends
//!
//! At its time; when its owner, or an operator by `rocket-security personal-tokens revoke`, revokes it; and
//! with **every change of the account**: password, address, username, a second factor, switching it off,
//! closing it. That is what a change of a password is for: whoever had a way in has none any more, and
//! programs get new tokens. With the next request it is over, on every instance. One that has expired is
//! listed for 30 more days, so that its owner finds out why a program has stopped, and is deleted then.
//!
//! # For scanners
//!
//! A token is the prefix, `_`, and 49 characters: 43 hold 256 random bits, the last 6 a CRC-32 (that of
//! zlib) over all that is before them; both are numbers to the base of 62, with the digits `0-9A-Za-z` in
//! this order, the highest first. Scanners of repositories and logs find them by
//!
//! ```text
//! \brspat_[0-9A-Za-z]{49}\b
//! ```
//!
//! and tell by the checksum what only looks like one. So do we, before the store is asked. An application
//! that others run, too, has a prefix of its own. Another prefix is another kind of token: those that were
//! made before are refused from then on, until it is set back.
//!
//! There is no limit on guesses, for there is nothing to guess: of 2^256 tokens a user has 50.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chrono::TimeDelta;
use rocket::Build;
use rocket::Request;
use rocket::Rocket;
use rocket::Route;
use rocket::State;
use rocket::async_trait;
use rocket::get;
use rocket::post;
use rocket::routes;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::clock::in_words;
use crate::config::Span;
use crate::crypto::one_time::Token;
use crate::crypto::personal_token;
use crate::crypto::random_uuid;
use crate::datastore::PersonalTokenStore;
use crate::datastore::outbox::NewMail;
use crate::datastore::personal_token::Creation;
use crate::datastore::personal_token::PersonalTokenRecord;
use crate::error::Error;
use crate::error::Result;
use crate::event::Event;
use crate::feature::Announcer;
use crate::feature::Feature;
use crate::feature::Hooks;
use crate::flow::Flow;
use crate::flow::once::Admitted;
use crate::flow::once::Bearer;
use crate::guard::mechanism::Mechanism;
use crate::guard::mechanism::PERSONAL_TOKEN;
use crate::guard::mechanism::register;
use crate::guard::scoped::Grantable;
use crate::rejection::FieldErrors;
use crate::rejection::Rejection;
use crate::rejection::TokenFault;
use crate::secret::Secret;
use crate::template::Embedded;
use crate::user::KnownScope;
use crate::user::ScopeName;
use crate::user::ScopeSet;
use crate::user::User;
use crate::web::Web;
use crate::web::bearer;
use crate::web::challenge;
use crate::web::next::Next;
use crate::web::page::Notice;
use crate::web::page::Page;
use crate::web::reply::Answer;
use crate::web::reply::Reply;
use crate::web::submission::Flag;
use crate::web::submission::Form;
use crate::web::submission::Submission;
use crate::web::submission::unknown_field;
use crate::web::visit::Visit;

/// The feature `personal_tokens`; its value is `[default.security.personal_tokens]`. `S` are the scopes that
/// tokens can be made for, without which it cannot be enabled.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
#[non_exhaustive]
pub struct PersonalTokens<S = Unnamed> {
    /// How tokens begin, before a `_`: 2 to 20 lower-case letters and digits, a letter first. _Default:_
    /// `"rspat"`.
    pub prefix: String,
    /// How many a user may have, those that have expired and are still listed among them. _Default:_ `50`.
    pub max_per_user: u32,
    /// How long one lasts whose owner does not say. _Default:_ `"90days"`.
    pub default_lifetime: Span,
    /// How long one may last at most, those that are there already included; without it as long as its owner
    /// wants. _Default:_ none.
    pub max_lifetime: Option<Span>,
    #[serde(skip)]
    scopes: PhantomData<fn() -> S>,
}

/// No scopes yet: what [`PersonalTokens::scopes`] replaces.
#[derive(Clone, Copy, Debug)]
pub enum Unnamed {}

impl PersonalTokens {
    /// Names the scopes that tokens can be made for: one, or a tuple of up to twelve.
    pub fn scopes<S: ScopeSet>(self) -> PersonalTokens<S> {
        self.about()
    }
}

impl<S> PersonalTokens<S> {
    /// Gives the same settings for other scopes.
    fn about<T>(&self) -> PersonalTokens<T> {
        PersonalTokens {
            prefix: self.prefix.clone(),
            max_per_user: self.max_per_user,
            default_lifetime: self.default_lifetime,
            max_lifetime: self.max_lifetime,
            scopes: PhantomData,
        }
    }
}

impl Default for PersonalTokens {
    fn default() -> Self {
        Self {
            prefix: "rspat".to_owned(),
            max_per_user: 50,
            default_lifetime: Span::hours(90 * 24),
            max_lifetime: None,
            scopes: PhantomData,
        }
    }
}

impl<S> Clone for PersonalTokens<S> {
    fn clone(&self) -> Self {
        self.about()
    }
}

impl<S> fmt::Debug for PersonalTokens<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonalTokens")
            .field("prefix", &self.prefix)
            .field("max_per_user", &self.max_per_user)
            .field("default_lifetime", &self.default_lifetime)
            .field("max_lifetime", &self.max_lifetime)
            .finish_non_exhaustive()
    }
}

const PAGE: Embedded = (
    "security/personal_tokens.html",
    include_str!("../../templates/security/personal_tokens.html"),
);

const TEMPLATES: &[Embedded] = &[
    PAGE,
    (
        "security/email/personal_token_notice.txt",
        include_str!("../../templates/security/email/personal_token_notice.txt"),
    ),
    (
        "security/email/personal_token_notice.html",
        include_str!("../../templates/security/email/personal_token_notice.html"),
    ),
];

const NOTICE_SUBJECT: &str = "A personal access token was made";

const REVOKED: Notice = Notice::success("That token is revoked. Whoever has it gets in no more.");

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// The longest that anybody can ask for.
const MAX_DAYS: u32 = 3_650;

/// What the page offers, in days.
const OFFERED_DAYS: [u32; 4] = [7, 30, 90, 365];

/// How the name of a scope's box begins.
const BOX: &str = "scope.";

/// Use is noted no more often.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// How long one that has expired is still listed.
const KEPT: TimeDelta = TimeDelta::days(30);

impl<D: PersonalTokenStore, S: ScopeSet> Feature<D> for PersonalTokens<S> {
    const NAME: &'static str = "personal_tokens";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;
    const SENDS_MAIL: bool = true;

    fn check(&self) -> Result<()> {
        let is_plain = self.prefix.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        let begins = self.prefix.starts_with(|first: char| first.is_ascii_lowercase());
        if !is_plain || !begins || !(2..=20).contains(&self.prefix.len()) {
            return Err(Error::config(
                "personal_tokens.prefix",
                "cannot begin a token",
                "Use 2 to 20 lower-case letters and digits, a letter first, for example \"rspat\"",
            ));
        }
        if self.max_per_user == 0 {
            return Err(Error::config(
                "personal_tokens.max_per_user",
                "is 0, so that nobody could make one",
                "Set it to 50, or do not enable the feature",
            ));
        }
        if self.max_lifetime.is_some_and(|longest| longest < self.default_lifetime) {
            return Err(Error::config(
                "personal_tokens.default_lifetime",
                "is longer than personal_tokens.max_lifetime",
                "Set it to the same, or less",
            ));
        }
        if self.max_lifetime.is_some_and(|longest| longest < Span::hours(24)) {
            return Err(Error::config(
                "personal_tokens.max_lifetime",
                "is shorter than a day, and people say in days how long one lasts",
                "Set it to \"1day\" or more, or leave it out",
            ));
        }
        Ok(())
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![
            ("personal_tokens", "/personal-tokens".to_owned()),
            ("revoke_personal_token", "/personal-tokens/revoke".to_owned()),
        ]
    }

    fn routes(&self) -> Vec<Route> {
        routes![show, create, revoke]
    }

    fn manage(&self, store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build> {
        let desk =
            Desk { settings: self.about(), scopes: S::scopes(), store: Arc::<D>::clone(store) };
        let rocket = rocket.manage(Grantable(desk.scopes.clone())).manage(desk.clone());
        register(rocket, desk)
    }

    fn hooks(&self, store: &Arc<D>) -> Option<Box<dyn Hooks>> {
        Some(Box::new(Sweep(Arc::<D>::clone(store))))
    }
}

/// What is submitted to `/personal-tokens`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CreateForm {
    name: String,
    scopes: Names,
    expires_in_days: Days,
    /// The boxes of a form, each with the name of its scope; anything else is refused.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Form for CreateForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Names of scopes: a list, or a text with blanks between them (RFC 6749, section 3.3).
#[derive(Default, Deserialize)]
#[serde(from = "Sent")]
struct Names(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    List(Vec<String>),
    Text(String),
}

impl From<Sent> for Names {
    fn from(sent: Sent) -> Self {
        Self(match sent {
            Sent::List(names) => names,
            Sent::Text(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// How long a token is to last.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Days {
    /// Its owner does not say.
    #[default]
    Unsaid,
    After(u32),
    Never,
    /// Something that is no number of days.
    Wrong,
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |days: Option<u32>| match days {
            Some(days) if (1..=MAX_DAYS).contains(&days) => Self::After(days),
            _ => Self::Wrong,
        };
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Unsaid,
            Value::String(text) if text.is_empty() => Self::Unsaid,
            Value::String(text) if text == "never" => Self::Never,
            Value::String(text) => number(text.parse().ok()),
            Value::Number(days) => number(days.as_u64().and_then(|days| days.try_into().ok())),
            _ => Self::Wrong,
        })
    }
}

/// What is submitted to `/personal-tokens/revoke`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RevokeForm {
    personal_token: String,
}

impl Form for RevokeForm {
    const SECRET: &'static [&'static str] = &[];
}

#[get("/personal-tokens")]
async fn show(visit: Visit<'_>, flow: &State<Flow>, desk: &State<Desk>) -> Answer {
    let active = flow.require_user(&visit).await?;
    let listed = desk.list(&visit, &active.user).await?;
    Ok(Reply::page(desk.page(&listed)).with("personal_tokens", listed).with("scopes", &desk.scopes))
}

#[post("/personal-tokens", data = "<submitted>")]
async fn create(
    visit: Visit<'_>,
    flow: &State<Flow>,
    desk: &State<Desk>,
    submitted: Submission<CreateForm>,
) -> Answer {
    let typed = submitted.typed();
    match desk.create(&visit, flow, submitted).await {
        Ok((token, made)) => {
            let active = flow.require_user(&visit).await?;
            let listed = desk.list(&visit, &active.user).await?;
            let page = desk.page(&listed).with("token", token.expose()).with("made", &made);
            Ok(Reply::page(page).with("token", token.expose()).with("personal_token", made))
        }
        Err(rejection) => {
            let active = flow.require_user(&visit).await?;
            let listed = desk.list(&visit, &active.user).await?;
            Err(desk.page(&listed).typed(typed).refuse(rejection))
        }
    }
}

#[post("/personal-tokens/revoke", data = "<submitted>")]
async fn revoke(
    visit: Visit<'_>,
    flow: &State<Flow>,
    desk: &State<Desk>,
    submitted: Submission<RevokeForm>,
) -> Answer {
    match desk.revoke(&visit, flow, submitted).await {
        Ok(()) => {
            let next = visit.url("personal_tokens").unwrap_or_else(Next::home);
            Ok(Reply::redirect(next).notice(REVOKED))
        }
        Err(rejection) => {
            let active = flow.require_user(&visit).await?;
            let listed = desk.list(&visit, &active.user).await?;
            Err(desk.page(&listed).refuse(rejection))
        }
    }
}

/// Where tokens are made, listed, revoked and looked at.
#[derive(Clone)]
struct Desk {
    settings: PersonalTokens,
    scopes: Vec<KnownScope>,
    store: Arc<dyn PersonalTokenStore>,
}

/// A token, as its owner sees it.
#[derive(Debug, Serialize)]
struct Listed {
    id: Uuid,
    name: String,
    scopes: Vec<ScopeName>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    is_expired: bool,
    last_used_at: Option<Timestamp>,
}

impl Desk {
    async fn list(&self, visit: &Visit<'_>, user: &User) -> Result<Vec<Listed>, Rejection> {
        let now = visit.clock().now();
        let theirs = self.store.list_personal_tokens(user.id).await?;
        Ok(theirs.into_iter().map(|token| self.listed(token, now)).collect())
    }

    fn listed(&self, token: PersonalTokenRecord, now: Timestamp) -> Listed {
        let expires_at = self.end_of(&token);
        Listed {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            created_at: token.created_at,
            expires_at,
            is_expired: expires_at.is_some_and(|end| end <= now),
            last_used_at: token.last_used_at,
        }
    }

    /// Says when a token ends: what is configured since it was made counts, too.
    fn end_of(&self, token: &PersonalTokenRecord) -> Option<Timestamp> {
        let longest = self.settings.max_lifetime;
        let at_last = longest.and_then(|it| token.created_at.checked_add_signed(it.delta()));
        [token.expires_at, at_last].into_iter().flatten().min()
    }

    /// Makes a token for whoever is logged in, and tells them by mail.
    async fn create(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        submitted: Submission<CreateForm>,
    ) -> Result<(Secret<String>, Listed), Rejection> {
        let form = submitted.read()?;
        let user = &flow.require_fresh(visit).await?.user;
        flow.limits().admit(visit, "personal_tokens").await?;
        let (secret, token) = self.describe(visit, user, form)?;
        let (id, origin) = (token.id, visit.origin());
        let event = Event::PersonalTokenCreated { user: user.id, token: id, origin };
        let mail = self.notice(visit, flow, user, &token)?;
        let together = flow.along(&event, vec![mail]).await?;
        let at_most = self.settings.max_per_user;
        match self.store.create_personal_token(&token, at_most, &together).await? {
            Creation::Created => {}
            Creation::TooMany => {
                let text = format!("You have {at_most} tokens already. Revoke one of them first.");
                return Err(FieldErrors::one("", "too_many_personal_tokens", text).into());
            }
            Creation::NameTaken => {
                let text = "You have a token of this name already.";
                return Err(FieldErrors::one("name", "name_taken", text).into());
            }
            Creation::AccountChanged => return Err(Rejection::Unauthenticated),
        }
        flow.told(&event);
        let text = personal_token::reveal(&self.settings.prefix, &secret);
        Ok((text, self.listed(token, visit.clock().now())))
    }

    /// Makes a token of what was submitted.
    fn describe(
        &self,
        visit: &Visit<'_>,
        user: &User,
        form: CreateForm,
    ) -> Result<(Token, PersonalTokenRecord), Rejection> {
        let now = visit.clock().now();
        let mut errors = FieldErrors::new();
        let name = errors.take("name", "name_invalid", read_name(&form.name));
        let scopes = self.choose_scopes(form.scopes.0, &form.others, &mut errors)?;
        let expires_at = self.choose_end(form.expires_in_days, now, &mut errors);
        let (Some(name), true) = (name, errors.is_empty()) else {
            return Err(errors.into());
        };
        let (secret, id) = (Token::random()?, random_uuid()?);
        let token = PersonalTokenRecord {
            digest: secret.digest(),
            id,
            user_id: user.id,
            epoch: user.epoch,
            name,
            scopes,
            created_at: now,
            expires_at,
            last_used_at: None,
        };
        Ok((secret, token))
    }

    /// Gives the scopes that were named or ticked, in the order in which the application has them.
    fn choose_scopes(
        &self,
        mut chosen: Vec<String>,
        boxes: &BTreeMap<String, Value>,
        errors: &mut FieldErrors,
    ) -> Result<Vec<ScopeName>, Rejection> {
        for (field, value) in boxes {
            let name = field.strip_prefix(BOX).ok_or_else(|| unknown_field(field))?;
            if Flag::deserialize(value).map_err(|_| unknown_field(field))?.0 {
                chosen.push(name.to_owned());
            }
        }
        let is_known = |name: &&String| self.scopes.iter().any(|scope| scope.name == **name);
        if chosen.is_empty() {
            errors.push("scopes", "scope_required", "Say what the token is for.");
        } else if !chosen.iter().all(|name| is_known(&name)) {
            errors.push("scopes", "scope_unknown", "No token can be made for one of these scopes.");
        }
        let known = self.scopes.iter().map(|scope| scope.name);
        let known = known.filter(|known| chosen.iter().any(|name| name == known));
        Ok(known.filter_map(|name| ScopeName::parse(name).ok()).collect())
    }

    /// Gives when a token ends that is to last that long.
    fn choose_end(
        &self,
        days: Days,
        now: Timestamp,
        errors: &mut FieldErrors,
    ) -> Option<Timestamp> {
        let longest = self.settings.max_lifetime;
        let lifetime = match days {
            Days::Unsaid => Some(self.settings.default_lifetime.delta()),
            Days::After(days) => Some(TimeDelta::days(days.into())),
            Days::Never => None,
            Days::Wrong => {
                let text = format!("Give a number of days up to {MAX_DAYS}, or never.");
                errors.push("expires_in_days", "lifetime_invalid", text);
                return None;
            }
        };
        if let Some(longest) = longest
            && lifetime.is_none_or(|lifetime| lifetime > longest.delta())
        {
            let text = format!("A token lasts {longest} at most.");
            errors.push("expires_in_days", "lifetime_too_long", text);
        }
        lifetime.map(|lifetime| now + lifetime)
    }

    fn notice(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        user: &User,
        token: &PersonalTokenRecord,
    ) -> Result<NewMail, Rejection> {
        let (template, to) = ("personal_token_notice", &user.email);
        let mail = flow.notice(visit, template, NOTICE_SUBJECT, user, to)?;
        let scopes: Vec<&str> = token.scopes.iter().map(ScopeName::as_str).collect();
        let end = self.end_of(token).map_or_else(|| "never".to_owned(), in_words);
        let mail = mail.with("token_name", token.name.clone());
        Ok(mail.with("token_scopes", scopes.join(", ")).with("token_end", end))
    }

    async fn revoke(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        submitted: Submission<RevokeForm>,
    ) -> Result<(), Rejection> {
        let form = submitted.read()?;
        let user = flow.require_user(visit).await?.user.id;
        let token = Uuid::parse_str(&form.personal_token).map_err(|_| unknown())?;
        let event = Event::PersonalTokenRevoked { user, token, origin: visit.origin() };
        let together = flow.along(&event, Vec::new()).await?;
        if !self.store.revoke_personal_token(user, token, &together).await? {
            return Err(unknown());
        }
        flow.told(&event);
        Ok(())
    }

    fn page(&self, listed: &[Listed]) -> Page {
        let shown: Vec<_> = listed.iter().map(Shown::of).collect();
        let boxes = self.scopes.iter().map(ScopeBox::of).collect::<Vec<_>>();
        let longest = self.settings.max_lifetime;
        let fits = |days: &u32| longest.is_none_or(|it| it >= Span::hours(u64::from(*days) * 24));
        let offered: Vec<u32> = OFFERED_DAYS.into_iter().filter(fits).collect();
        Page::new(PAGE.0)
            .with("personal_tokens", shown)
            .with("scopes", boxes)
            .with("offered_days", offered)
            .with("default_lifetime", self.settings.default_lifetime.to_string())
            .with("has_never", longest.is_none())
    }

    /// Notes that a token was used, which keeps nobody from using it.
    async fn note_use(&self, token: &PersonalTokenRecord, now: Timestamp) {
        let before = now - TOUCH_INTERVAL;
        if token.last_used_at.is_some_and(|at| at > before) {
            return;
        }
        if let Err(fault) = self.store.touch_personal_token(&token.digest, now, before).await {
            log::warn!("the use of a token could not be noted: {fault}");
        }
    }
}

#[async_trait]
impl Mechanism for Desk {
    fn name(&self) -> &'static str {
        PERSONAL_TOKEN
    }

    fn is_present(&self, request: &Request<'_>) -> bool {
        let prefix = self.settings.prefix.as_str();
        bearer::in_headers(request).any(|text| personal_token::begins(prefix, text))
    }

    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
        let rocket = request.rocket();
        let (Some(flow), Some(web)) = (rocket.state::<Flow>(), rocket.state::<Web>()) else {
            return Err(Rejection::Unavailable);
        };
        let text = bearer::the_one_brought(request)?;
        let token = personal_token::parse(&self.settings.prefix, text)
            .ok_or(Rejection::TokenRefused(TokenFault::Malformed))?;
        let found = self.store.find_personal_token(&token.digest()).await?;
        let (token, user) = found.ok_or(Rejection::CredentialsRefused)?;
        let now = web.clock().now();
        if self.end_of(&token).is_some_and(|end| end <= now) {
            return Err(Rejection::TokenRefused(TokenFault::Expired));
        }
        let bearer = Bearer::new(token.epoch, PERSONAL_TOKEN).scopes(token.scopes.clone());
        let admitted = flow.admit_bearer(request, user, bearer).await?;
        self.note_use(&token, now).await;
        Ok(admitted)
    }

    fn needs_csrf(&self, _request: &Request<'_>) -> bool {
        // No browser sends it by itself.
        false
    }

    fn challenge(&self, refused: Option<&Rejection>) -> Option<String> {
        Some(challenge::bearer(refused))
    }
}

/// Deletes what is over.
struct Sweep(Arc<dyn PersonalTokenStore>);

#[async_trait]
impl Hooks for Sweep {
    async fn sweep(&self, now: Timestamp, _announcer: &Announcer) -> Result<u64> {
        self.0.delete_expired_personal_tokens(now - KEPT).await
    }
}

/// A token, as the page words it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: &'a Listed,
    since: String,
    until: Option<String>,
    last_used: Option<String>,
}

impl<'a> Shown<'a> {
    fn of(listed: &'a Listed) -> Self {
        Self {
            since: in_words(listed.created_at),
            until: listed.expires_at.map(in_words),
            last_used: listed.last_used_at.map(in_words),
            listed,
        }
    }
}

/// A scope, as the page has a box for it.
#[derive(Serialize)]
struct ScopeBox {
    field: String,
    name: &'static str,
    description: &'static str,
}

impl ScopeBox {
    fn of(scope: &KnownScope) -> Self {
        let KnownScope { name, description } = *scope;
        Self { field: format!("{BOX}{name}"), name, description }
    }
}

fn unknown() -> Rejection {
    let text = "There is no such token any more.";
    FieldErrors::one("personal_token", "personal_token_unknown", text).into()
}

/// Reads what somebody calls a token.
fn read_name(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    let fits = (1..=MAX_NAME).contains(&name.chars().count());
    if !fits || name.contains(char::is_control) {
        return Err("Give it a name of 1 to 100 characters, in one line.");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::features::personal_tokens::CreateForm;
    use crate::features::personal_tokens::Days;
    use crate::features::personal_tokens::read_name;

    #[test]
    fn a_name_is_one_line_of_a_hundred_characters() {
        let longest = "\u{e9}".repeat(100);
        assert_eq!(read_name("  Nightly download "), Ok("Nightly download".to_owned()));
        assert_eq!(read_name(&longest), Ok(longest.clone()));
        for text in ["", "  ", "two\nlines", "a\u{7}", &format!("{longest}x")] {
            assert!(read_name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn how_long_it_lasts_is_a_number_of_days_or_never() {
        let read = |days| {
            let form: CreateForm =
                serde_json::from_value(json!({"expires_in_days": days})).unwrap();
            form.expires_in_days
        };
        assert_eq!(read(json!(30)), Days::After(30));
        assert_eq!(read(json!("30")), Days::After(30));
        assert_eq!(read(json!("never")), Days::Never);
        assert_eq!(read(json!("")), Days::Unsaid);
        for wrong in [json!(0), json!(-1), json!(1.5), json!("soon"), json!(3_651), json!([7])] {
            assert_eq!(read(wrong.clone()), Days::Wrong, "{wrong}");
        }
    }

    #[test]
    fn scopes_are_a_list_or_a_text() {
        for scopes in [json!(["a", "b"]), json!("a b"), json!(" a  b ")] {
            let form: CreateForm = serde_json::from_value(json!({"scopes": scopes})).unwrap();
            assert_eq!(form.scopes.0, ["a", "b"]);
        }
    }
}

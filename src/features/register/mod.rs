//! Lets visitors create an account.
//!
//! It is on by default; `Security::default().disable::<Register>()` switches it off, and `admission =
//! "by-invitation"` closes it for everyone without an invitation. The visitor sees a form at `/register`, and
//! then the login page, which asks them to open the mail that was sent. A form can have your own fields,
//! which are saved together with the account.
//!
//! ```
//! use rocket_security::Security;
//! use rocket_security::features::register::{Admission, Register};
//!
//! let mut register = Register::default();
//! register.admission = Admission::ByInvitation;
//! let security = Security::default().enable(register);
//! # drop(security);
//! ```
//!
//! | route | page | JSON |
//! |---|---|---|
//! | `GET /register` | the form; logged in: 303 to the home page | 200 `csrf_token`; logged in: 400 |
//! | `POST /register` `email`, `username`, `password`, `password_confirm`, `next`, fields of the application | 303 to `post_register_view` | 200 `csrf_token` |
//!
//! | setting `[default.security.register]` | default |
//! |---|---|
//! | `admission` | `"open"`; `"by-invitation"` and `"closed"` refuse every registration here |
//! | `post_register_view` | the login page |
//! | `username_required` | `true` |
//!
//! - Templates: `security/register.html`.
//! - Mails: `welcome_existing` to the owner of an address that already has an account, which also says if
//!   that account is closed or has no password; `welcome` if addresses are not confirmed, because the feature
//!   [`confirm`](crate::features::confirm) is off.
//! - Events: `UserRegistered`, `UserNotRegistered`.
//! - Refusals: `invalid_input` (`email_invalid`, `username_invalid`, `username_reserved`, `username_taken`,
//!   `password_too_short`, `password_blocklisted`, `password_mismatch`, `required`, `too_long`),
//!   `registration_closed`, `already_authenticated`, `csrf_failed`, `cross_site`, `throttled`, `saturated`,
//!   `unavailable`.
//!
//! ```text
//! POST /register {"email": "ann@example.org", "password": "a ferry leaves at seven"}
//!   200 {"meta": {"code": 200}, "response": {"csrf_token": "…"}}
//!   400 {"meta": {"code": 400}, "response": {"errors": ["…"], "field_errors": {"password": ["…"]}, "reasons": ["invalid_input", "password_too_short"]}}
//! ```
//!
//! # Details
//!
//! **Who may register.** If `admission` is not `"open"`, both routes are answered with 403 and the reason
//! `registration_closed`, and say why. Templates do not find `register` among `features`, so the links to it
//! disappear. Existing accounts and links that were already mailed keep working.
//!
//! **Your own fields.** [`Register::asking`] adds the fields of a [`RegistrationFields`] to the page and to
//! the JSON. They are committed in the same transaction as the new user. The guide on
//! [pages](crate::guide::pages) and the example `together` show how.
//!
//! **An address that already has an account** gets the same answer, "check your mail", after the same work.
//! If an unconfirmed address is registered twice, neither password stays: the newest confirmation link asks
//! its reader to choose one. The account then exists for two more days. It takes the username of the newest
//! registration, while the fields of the application keep the values of the first.
//!
//! **Usernames.** The form has a field `username` if `security.identity` contains `"username"`. Usernames are
//! public, so a registration with a taken username is told so, whatever its address. The name is checked
//! before the address, and is held for three days whether the address has an account or not. A second
//! registration with the same name is also told that it is taken, and to look for the mail.
//!
//! The reasoning is in SECURITY.md.

mod account;
mod form;
mod terms;

use std::fmt;
use std::marker::PhantomData;

use rocket::{Route, routes};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{Faults, Result};
use crate::feature::{Feature, Installation};
use crate::features::register::terms::Terms;
use crate::flow::username::UsernamesRequired;
use crate::template::{Embedded, templates};
use crate::web::fields::{NoFields, OwnFields, RegistrationFields, check_names};
use crate::web::view::View;

pub use crate::features::register::terms::Admission;

/// The feature `register`. Its settings are `[default.security.register]`. `F` are the application's own
/// fields.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
#[non_exhaustive]
pub struct Register<F = NoFields> {
    /// Sets who may register. _Default:_ `"open"`.
    pub admission: Admission,
    /// Sets where to go after registering. _Default:_ the login page.
    pub post_register_view: Option<View>,
    /// Sets whether an account must have a username, if usernames are enabled. _Default:_ `true`.
    pub username_required: bool,
    #[serde(skip)]
    fields: PhantomData<fn() -> F>,
}

impl Register {
    /// Creates the feature with the application's own fields `F`. Enabling it replaces the default
    /// registration.
    ///
    /// ```
    /// # use rocket_security::RegistrationFields;
    /// # use rocket_security::Security;
    /// # use rocket_security::features::register::Register;
    /// fn security<Profile: RegistrationFields>() -> Security {
    ///     Security::default().enable(Register::asking::<Profile>())
    /// }
    /// ```
    pub fn asking<F: RegistrationFields>() -> Register<F> {
        Register::new()
    }
}

impl<F> Register<F> {
    fn new() -> Self {
        Self {
            admission: Admission::default(),
            post_register_view: None,
            username_required: true,
            fields: PhantomData,
        }
    }
}

impl Default for Register {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> Clone for Register<F> {
    fn clone(&self) -> Self {
        Self { post_register_view: self.post_register_view.clone(), fields: PhantomData, ..*self }
    }
}

impl<F> fmt::Debug for Register<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register")
            .field("admission", &self.admission)
            .field("post_register_view", &self.post_register_view)
            .field("username_required", &self.username_required)
            .finish_non_exhaustive()
    }
}

const TEMPLATES: &[Embedded] = templates![form::PAGE; "welcome", "welcome_existing"];

impl<D, F: RegistrationFields> Feature<D> for Register<F> {
    const NAME: &'static str = "register";
    const TEMPLATES: &'static [Embedded] = TEMPLATES;

    fn check(&self, config: &Config) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(config.require_mail());
        faults.note(check_names::<F>(FIELDS));
        faults.finish()
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        let next = self.post_register_view.as_ref().map_or("/login", View::as_str);
        vec![("register", "/register".to_owned()), ("after_register", next.to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![form::show, form::submit]
    }

    fn is_offered(&self) -> bool {
        self.admission == Admission::Open
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        let Self { admission, username_required, .. } = *self;
        if username_required {
            at.offer(UsernamesRequired);
        }
        at.manage(Terms { admission, username_required, own: OwnFields::of::<F>() });
        Ok(())
    }
}

/// The names that an application's own fields cannot have: those of our fields, and reserved ones.
const FIELDS: &[&str] =
    &["email", "username", "password", "password_confirm", "remember", "next", "csrf_token"];

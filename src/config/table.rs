//! The table `[default.security]` itself: its keys, and what they are in their absence.

use rocket::figment::Figment;
use serde::Deserialize;
use url::Url;

use crate::config::cookies::CookiesConfig;
use crate::config::csrf::CsrfConfig;
use crate::config::error_style::ErrorStyle;
use crate::config::identity::{IdentityAttribute, UsernameConfig};
use crate::config::keys::Keys;
use crate::config::launch::{MigrateConfig, RolesConfig};
use crate::config::mail::MailConfig;
use crate::config::password::PasswordConfig;
use crate::config::paths::{Paths, RequireGuard};
use crate::config::proxies::{ProxyHeader, ProxyNetwork};
use crate::config::read::is_debug;
use crate::config::redirects::{Origins, RedirectBehavior};
use crate::config::session::SessionConfig;
use crate::config::span::Span;
use crate::config::throttle::ThrottleConfig;
use crate::config::tokens::TokensConfig;
use crate::error::{Error, Result};

/// The keys of `[default.security]` that belong to no single feature.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Config {
    /// Where the application is reached from outside: scheme, host and port, nothing else. Every
    /// link in a mail begins with it, and cookies are `Secure` when it is `https`.
    /// _Default:_ `http://127.0.0.1:<port>` in the debug profile; required in any other.
    pub base_url: Option<Url>,
    /// The name of the site, for pages and mails. _Default:_ `"This site"`.
    pub site_name: String,
    /// The keys that everything is derived from, as PASERK `k4.local.…`, the active one first;
    /// the others are still accepted. One text or a list.
    /// _Default:_ Rocket's `secret_key`; in the debug profile keys are made once and kept in
    /// `security.keys` beside the database.
    pub keys: Keys,
    /// The settings that may give up protection outside the debug profile: any of `"base_url"` (plain
    /// `http`), `"mail.url"` (mail that reaches nobody), `"password.min_length"` (below 15),
    /// `"throttle.enabled"` and `"throttle.scale"` (few or no limits on attempts). A launch stops at one
    /// that is not named here. _Default:_ none.
    pub allow_insecure: Vec<String>,
    /// The addresses and networks of the reverse proxies that name the client in
    /// [`proxy_header`](Self::proxy_header), such as `["10.0.0.5", "fd00::/8"]`. An empty list says that
    /// there are none. _Default:_ none, and the client is the peer that opened the connection; required
    /// outside the debug profile when `base_url` is `https` and Rocket does not speak TLS itself.
    pub trusted_proxies: Option<Vec<ProxyNetwork>>,
    /// The header in which trusted proxies name the client: a list of addresses such as
    /// `"X-Forwarded-For"`, a single one such as `"X-Real-IP"`, or `"Forwarded"` (RFC 7239). The proxy has
    /// to append to the header or replace it. One that hands on what the client sent lets the client
    /// choose its address, so no other header is read. _Default:_ `"X-Forwarded-For"`.
    pub proxy_header: ProxyHeader,
    /// What happens to the schema of the database at a launch. _Default:_ `"on-launch"`.
    pub migrate: MigrateConfig,
    /// What happens at a launch to a role that a guard names and the store does not have.
    /// _Default:_ `"create"` in the debug profile, `"check"` in any other.
    pub roles: Option<RolesConfig>,
    /// How mail is sent.
    pub mail: MailConfig,
    /// What a user goes by, in the order in which a login that does not say what it names is tried:
    /// `"email"`, or `"email"` and `"username"` in either order. With `"username"` among them, accounts
    /// have usernames, which everybody may learn of. `"email"` cannot be left out: every account has an
    /// address, but an account that was made by an invitation may lack a username.
    /// _Default:_ `["email"]`.
    pub identity: Vec<IdentityAttribute>,
    /// The mechanisms by which a request may be authenticated where a guard names none. All credentials of a
    /// request have to be valid and belong to one user: an invalid one is refused, and two users are 400
    /// `conflicting_credentials`. The first mechanism in this order that the request brings decides whether an
    /// unsafe request needs the anti-forgery token. `"session"` is the cookie of a login, `"token"` a token of the
    /// feature [`tokens`](crate::features::tokens), `"ticket"` one of the feature
    /// [`tickets`](crate::features::tickets), `"basic"` a password with each request, by the feature
    /// [`basic`](crate::features::basic). A mechanism of the application's own is named by its
    /// [name](crate::guard::mechanism::Mechanism::name).
    /// _Default:_ `["session", "token", "ticket"]`.
    pub mechanisms: Vec<String>,
    /// How usernames are chosen, where there are any.
    pub username: UsernameConfig,
    /// How passwords are chosen and hashed.
    pub password: PasswordConfig,
    /// How long a session lasts.
    pub session: SessionConfig,
    /// What our cookies are called, and where browsers send them.
    pub cookies: CookiesConfig,
    /// How many attempts are allowed.
    pub throttle: ThrottleConfig,
    /// What tokens for programs are made and read with.
    pub tokens: TokensConfig,
    /// How long after a proof a user may change credentials on our own pages without another proof.
    /// _Default:_ `"10m"`.
    pub freshness: Span,
    /// The origins, beside this site, at which a page may be that people are led to: by `next`, and
    /// by settings like `post_login_view`. Scheme, host and port exactly, as
    /// `["https://app.example.org"]`; `https` outside the debug profile. List only
    /// sites that you trust: they can show any page to users who have just logged in here. _Default:_ none.
    pub redirect_origins: Origins,
    /// Where mailed links lead. _Default:_ `"pages"`.
    pub redirect_behavior: RedirectBehavior,
    /// In which dialect programs are told that they are refused, by guards and by our routes:
    /// `"flask-security"`, `"fastapi"`, `"praetorian"` or `"problem+json"`. Successes and pages
    /// are the same in all. [`guide::migration`](crate::guide::migration) has the table.
    /// _Default:_ `"flask-security"`.
    pub error_style: ErrorStyle,
    /// How forged requests are told, for applications that run in the browser.
    pub csrf: CsrfConfig,
    /// Where the launch stops because of a route that names none of our guards: `true` for all of the
    /// application, or a list of paths such as `["/admin", "/api"]`, each with everything below it.
    /// [`Public`](crate::Public) counts as one, and so does an application's own guard that
    /// [says what it demands](crate::guard::demands). [`guide::access_map`](crate::guide::access_map)
    /// says what is seen. _Default:_ `false`.
    pub require_guard: RequireGuard,
    /// Paths of routes that are meant for everybody and cannot say so in a signature, such as those of
    /// a `FileServer`, each with everything below it: for `require_guard`, they need no guard. Those
    /// that have one keep it. _Default:_ none.
    pub public: Paths,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: None,
            site_name: "This site".into(),
            keys: Keys::default(),
            trusted_proxies: None,
            proxy_header: ProxyHeader::default(),
            migrate: MigrateConfig::default(),
            allow_insecure: Vec::new(),
            roles: None,
            mail: MailConfig::default(),
            identity: vec![IdentityAttribute::Email],
            mechanisms: ["session", "token", "ticket"].map(str::to_owned).to_vec(),
            username: UsernameConfig::default(),
            password: PasswordConfig::default(),
            session: SessionConfig::default(),
            cookies: CookiesConfig::default(),
            throttle: ThrottleConfig::default(),
            tokens: TokensConfig::default(),
            freshness: Span::minutes(10),
            redirect_origins: Origins::default(),
            redirect_behavior: RedirectBehavior::default(),
            error_style: ErrorStyle::default(),
            csrf: CsrfConfig::default(),
            require_guard: RequireGuard::default(),
            public: Paths::default(),
        }
    }
}

impl Config {
    /// Checks whether users are identified by this attribute.
    pub fn identifies_by(&self, attribute: IdentityAttribute) -> bool {
        self.identity.contains(&attribute)
    }

    /// Returns `base_url`, or in its absence the loopback address of the server.
    pub fn base_url_or_local(&self, figment: &Figment) -> Result<Url> {
        if let Some(url) = &self.base_url {
            return Ok(url.clone());
        }
        let port: u16 = figment.extract_inner("port").unwrap_or(8000);
        Url::parse(&format!("http://127.0.0.1:{port}"))
            .map_err(|fault| Error::config("base_url", fault.to_string(), "Set it"))
    }

    /// Returns `roles`, or in its absence what the profile has.
    pub fn roles_or_default(&self, figment: &Figment) -> RolesConfig {
        let default = if is_debug(figment) { RolesConfig::Create } else { RolesConfig::Check };
        self.roles.unwrap_or(default)
    }

    /// Refuses a feature that sends mail where nothing says how.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for `mail.url`.
    pub fn require_mail(&self) -> Result<()> {
        if !self.mail.lacks_transport {
            return Ok(());
        }
        Err(Error::config(
            "mail.url",
            "is missing, and features that are enabled send mail",
            "Set it to your mail server, for example \"smtps://user:password@mail.example.org\"",
        ))
    }

    /// Refuses the feature of that name where users have no usernames.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for `identity`.
    pub fn require_usernames(&self, feature: &str) -> Result<()> {
        if self.identifies_by(IdentityAttribute::Username) {
            return Ok(());
        }
        Err(Error::config(
            "identity",
            format!("lacks \"username\", without which the feature {feature} has no point"),
            "Set it to [\"email\", \"username\"], or do not enable the feature",
        ))
    }

    /// Refuses a feature whose mailed links lead to a page of a single-page application, unless the setting at
    /// `key` names that page.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for `key`, if `redirect_behavior` is `"spa"`.
    pub fn require_view(&self, key: &str, is_named: bool) -> Result<()> {
        if is_named || self.redirect_behavior != RedirectBehavior::Spa {
            return Ok(());
        }
        Err(Error::config(
            key,
            "is missing, and redirect_behavior is \"spa\"",
            "Set it to the page of your application that a mailed link leads to, for example \
             \"/app/link\", or do not enable the feature",
        ))
    }
}

//! The table `[default.security]`: its keys and their defaults.

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

/// The settings of `[default.security]` that belong to no single feature.
///
/// Write them in `Rocket.toml`, set them in the environment
/// (`ROCKET_SECURITY={base_url="https://example.org"}`), or merge them into the figment of `rocket::custom`.
/// An unknown key and an invalid value stop the launch, with a message that names the key and the cure.
///
/// ```
/// use rocket::figment::providers::Format;
/// use rocket::figment::providers::Toml;
/// use rocket_security::Config;
///
/// let settings = r#"
///     [default.security]
///     base_url = "https://example.org"
///     freshness = "5m"
/// "#;
/// let figment = rocket::Config::figment().merge(Toml::string(settings).nested());
/// let config = Config::from_figment(&figment)?;
/// assert_eq!(config.freshness.to_string(), "5 minutes");
/// assert_eq!(config.password.min_length, 15);
/// # Ok::<_, rocket_security::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Config {
    /// Sets the address at which users reach the application: scheme, host and port, nothing else. Every link
    /// in a mail begins with it, and cookies are `Secure` if it is `https`. An invalid value stops the
    /// launch. _Default:_ `http://127.0.0.1:<port>` in the debug profile; required in any other.
    pub base_url: Option<Url>,
    /// Sets the name of the site in pages and mails. _Default:_ `"This site"`.
    pub site_name: String,
    /// Sets the keys that all other keys are derived from, as PASERK `k4.local.…`: one text or a list. The
    /// first key is the active one, and what was made with the others is still accepted. An invalid key stops
    /// the launch. _Default:_ Rocket's `secret_key`; in the debug profile, keys are generated once and kept
    /// in `security.keys` beside the database; required in any other profile without a `secret_key`.
    pub keys: Keys,
    /// Lists the settings that may weaken protection outside the debug profile: `"base_url"` (plain `http`),
    /// `"mail.url"` (mail that reaches no recipient), `"password.min_length"` (below 15), `"throttle.enabled"`
    /// (no limits on attempts) and `"throttle.scale"` (above 10). Unless it is listed here, such a setting
    /// stops the launch, and so does an unknown name in this list. _Default:_ none.
    pub allow_insecure: Vec<String>,
    /// Sets the addresses and networks of the reverse proxies that name the client in
    /// [`proxy_header`](Self::proxy_header), such as `["10.0.0.5", "fd00::/8"]`. An empty list declares that
    /// there are none. An invalid value stops the launch. _Default:_ none, and the client is the peer that
    /// opened the connection; required outside the debug profile if `base_url` is `https` and Rocket does not
    /// speak TLS itself.
    pub trusted_proxies: Option<Vec<ProxyNetwork>>,
    /// Sets the header in which trusted proxies name the client: a list of addresses such as
    /// `"X-Forwarded-For"`, a single address such as `"X-Real-IP"`, or `"Forwarded"` (RFC 7239). No other
    /// header is read. The proxy must append to the header or replace it: a proxy that passes on the header
    /// that the client sent lets the client choose its own address. An invalid value stops the launch.
    /// _Default:_ `"X-Forwarded-For"`.
    pub proxy_header: ProxyHeader,
    /// Sets what a launch does about the database schema: `"on-launch"` or `"check"`. _Default:_
    /// `"on-launch"`.
    pub migrate: MigrateConfig,
    /// Sets what a launch does about a role that a guard names and the store lacks: `"create"`, `"check"` or
    /// `"ignore"`. _Default:_ `"create"` in the debug profile, `"check"` in any other.
    pub roles: Option<RolesConfig>,
    /// Sets how mail is sent.
    pub mail: MailConfig,
    /// Sets what identifies a user: `["email"]`, or `"email"` and `"username"` in either order. A login that
    /// does not say which of the two it names is tried in this order. With `"username"`, accounts have
    /// usernames, which are public. `"email"` is required: every account has an address, but an account that
    /// was created by an invitation may lack a username. An invalid value stops the launch. _Default:_
    /// `["email"]`.
    pub identity: Vec<IdentityAttribute>,
    /// Sets the mechanisms that may authenticate a request, unless a guard names its own. All credentials of
    /// a request must be valid and belong to one user: an invalid one is refused, and two users are answered
    /// with 400 `conflicting_credentials`. The first mechanism in this order that the request uses decides
    /// whether an unsafe request needs the CSRF token.
    ///
    /// `"session"` is the session cookie, `"token"` a token of the feature
    /// [`tokens`](crate::features::tokens), `"ticket"` a ticket of the feature
    /// [`tickets`](crate::features::tickets), and `"basic"` a password with each request, by the feature
    /// [`basic`](crate::features::basic). A custom mechanism is listed by its
    /// [name](crate::guard::mechanism::Mechanism::name). An empty list and an unknown name stop the launch.
    /// _Default:_ `["session", "token", "ticket"]`.
    pub mechanisms: Vec<String>,
    /// Sets which usernames may be chosen, if accounts have usernames.
    pub username: UsernameConfig,
    /// Sets which passwords may be chosen, and how they are hashed.
    pub password: PasswordConfig,
    /// Sets how long a session lasts.
    pub session: SessionConfig,
    /// Sets the names of the cookies, and where browsers send them.
    pub cookies: CookiesConfig,
    /// Sets how many attempts are allowed.
    pub throttle: ThrottleConfig,
    /// Sets how tokens for programs are issued and verified.
    pub tokens: TokensConfig,
    /// Sets how long after proving who they are users may change credentials on the pages of the features
    /// without proving it again. From 1 second to 10 years. _Default:_ `"10m"`.
    pub freshness: Span,
    /// Sets the origins, beside this site, that users may be redirected to, by `next` and by settings such as
    /// `post_login_view`: exact scheme, host and port, as `["https://app.example.org"]`. Outside the debug
    /// profile they must be `https`. List only sites that you trust: they can show any page to users who have
    /// just logged in here. An invalid value stops the launch. _Default:_ none.
    pub redirect_origins: Origins,
    /// Sets where mailed links lead: to the pages of the features (`"pages"`), or to a single-page
    /// application (`"spa"`). _Default:_ `"pages"`.
    pub redirect_behavior: RedirectBehavior,
    /// Sets the format in which guards and the routes of the features tell programs that a request is
    /// refused: `"flask-security"`, `"fastapi"`, `"praetorian"` or `"problem+json"`. Successes and pages are
    /// the same in all of them. [`guide::migration`](crate::guide::migration) compares them. An invalid value
    /// stops the launch. _Default:_ `"flask-security"`.
    pub error_style: ErrorStyle,
    /// Sets the protection against forged requests (CSRF) for applications that run in the browser.
    pub csrf: CsrfConfig,
    /// Sets where a route without a guard stops the launch: `true` for the whole application, or a list of
    /// paths such as `["/admin", "/api"]`, each with everything below it. [`Public`](crate::Public) counts as
    /// a guard, and so does a custom guard that [declares what it demands](crate::guard::demands). See
    /// [`guide::access_map`](crate::guide::access_map) for what is recognised. _Default:_ `false`.
    pub require_guard: RequireGuard,
    /// Lists paths of public routes that cannot say so in a signature, such as those of a `FileServer`, each
    /// with everything below it. `require_guard` does not ask them for a guard; a route that has a guard
    /// keeps it. `"/"` and an invalid path stop the launch. _Default:_ none.
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

    /// Returns `base_url`, or the loopback address of the server if it is not set.
    pub fn base_url_or_local(&self, figment: &Figment) -> Result<Url> {
        if let Some(url) = &self.base_url {
            return Ok(url.clone());
        }
        let port: u16 = figment.extract_inner("port").unwrap_or(8000);
        Url::parse(&format!("http://127.0.0.1:{port}"))
            .map_err(|fault| Error::config("base_url", fault.to_string(), "Set it"))
    }

    /// Returns `roles`, or the default of the profile if it is not set.
    pub fn roles_or_default(&self, figment: &Figment) -> RolesConfig {
        let default = if is_debug(figment) { RolesConfig::Create } else { RolesConfig::Check };
        self.roles.unwrap_or(default)
    }

    /// Refuses a feature that sends mail if no mail transport is configured.
    pub fn require_mail(&self) -> Result<()> {
        if !self.mail.lacks_transport {
            return Ok(());
        }
        Err(Error::config(
            "mail.url",
            "is missing, but enabled features send mail",
            "Set it to your mail server, for example \"smtps://user:password@mail.example.org\"",
        ))
    }

    /// Refuses the feature `feature` if users have no usernames.
    pub fn require_usernames(&self, feature: &str) -> Result<()> {
        if self.identifies_by(IdentityAttribute::Username) {
            return Ok(());
        }
        Err(Error::config(
            "identity",
            format!("lacks \"username\", which the feature {feature} needs"),
            "Set it to [\"email\", \"username\"], or do not enable the feature",
        ))
    }

    /// Refuses a feature whose mailed links lead to a page of a single-page application, unless the setting
    /// `key` names that page.
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

//! `[default.security]`: the configuration that belongs to no single feature.
//!
//! A feature's own settings live in the table of its name, for example `[default.security.login]`,
//! and are documented with the feature.

mod cookies;
mod csrf;
mod error_style;
mod identity;
mod keys;
mod mail;
mod password;
mod paths;
mod proxies;
mod read;
mod redirects;
mod session;
mod span;
mod throttle;
mod token_keys;
mod tokens;

pub(crate) use crate::config::paths::is_at_or_below;
pub(crate) use crate::config::read::{explain, is_debug};

pub use crate::config::cookies::{CookiesConfig, SameSiteConfig};
pub use crate::config::csrf::{CookieName, CsrfConfig, ScriptOrigins};
pub use crate::config::error_style::ErrorStyle;
pub use crate::config::identity::{IdentityAttribute, UsernameConfig};
pub use crate::config::keys::Keys;
pub use crate::config::mail::MailConfig;
pub use crate::config::password::PasswordConfig;
pub use crate::config::paths::{Paths, RequireGuard};
pub use crate::config::proxies::{ProxyHeader, ProxyNetwork};
pub use crate::config::read::{check_keys, from_figment_error, instead_of, read_table};
pub use crate::config::redirects::{Origins, RedirectBehavior, read_url};
pub use crate::config::session::SessionConfig;
pub use crate::config::span::Span;
pub use crate::config::throttle::ThrottleConfig;
pub use crate::config::token_keys::{KeySource, TokenKeyConfig, TokenKeysConfig};
pub use crate::config::tokens::{
    Allowance, OneOrMany, RefreshIn, TokenCheck, TokenPurpose, TokenSource, TokensConfig,
    TrustedConfig,
};

use rocket::figment::Figment;
use serde::Deserialize;
use url::Url;

use crate::error::{Error, Faults, Result};

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
    /// address, and not every one a username, such as that of somebody who was invited.
    /// _Default:_ `["email"]`.
    pub identity: Vec<IdentityAttribute>,
    /// By what a request may say who it is from where a guard does not say so itself. Whatever it brings of
    /// these has to be good and to mean one user: a bad one is refused, and two users are 400
    /// `conflicting_credentials`. The first in this order says how the user came, and with it whether an
    /// unsafe request needs the anti-forgery token. `"session"` is the cookie of whoever logged in, `"token"` a token of the feature [`tokens`](crate::features::tokens),
    /// `"ticket"` one of the feature [`tickets`](crate::features::tickets),
    /// `"basic"` a password with each request, by the feature [`basic`](crate::features::basic); a mechanism
    /// of the application's own goes by its [name](crate::guard::mechanism::Mechanism::name).
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
    /// For how long somebody who proved who they are may change credentials without proving it
    /// again, on our own pages. _Default:_ `"10m"`.
    pub freshness: Span,
    /// The origins, beside this site, at which a page may be that people are led to: by `next`, and
    /// by settings like `post_login_view`. Scheme, host and port exactly, as
    /// `["https://app.example.org"]`; `https` outside the debug profile. Whoever controls one of them
    /// can show people who have just logged in here whatever they like. _Default:_ none.
    pub redirect_origins: Origins,
    /// Where mailed links lead. _Default:_ `"pages"`.
    pub redirect_behavior: RedirectBehavior,
    /// In which dialect programs are told that they are refused, by guards and by our routes:
    /// `"flask-security"`, `"seed-fastapi"`, `"seed-praetorian"` or `"problem+json"`. Successes and pages
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

/// `security.migrate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MigrateConfig {
    /// It is brought up to date.
    #[default]
    OnLaunch,
    /// It is left alone, and the launch stops unless it is up to date: for a database role that
    /// may not change the schema. `rocket-security migrate` does, with one that may.
    Check,
}

/// `security.roles`: what becomes of a role that a guard names and the store does not have. Which
/// guards are looked at stands in [`guard`](crate::guard). In a store that is no
/// [`RoleStore`](crate::datastore::RoleStore), roles are neither created nor checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RolesConfig {
    /// It is made, before the first request is answered. Nobody has it until it is granted.
    Create,
    /// The launch stops, and says which role and how to make it: a name that is misspelt in the
    /// program, or in the store, is found before anybody is refused because of it.
    Check,
    /// Nothing: nobody gets past the guard until there is such a role and somebody has it.
    Ignore,
}

impl Config {
    /// Reads `[default.security]`, without the tables of the features.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for each value that is wrong, naming the key and the cure.
    pub fn from_figment(figment: &Figment) -> Result<Self> {
        let mut faults = Faults::default();
        let config = Self::read(figment, &mut faults);
        faults.finish().map(|()| config)
    }

    /// Reads the same and notes every fault. What cannot be read has its default.
    pub(crate) fn read(figment: &Figment, faults: &mut Faults) -> Self {
        let config: Option<Self> = read_table(&figment.focus("security"), "", faults);
        let config = config.unwrap_or_default();
        faults.end_reading();
        config.check(figment, faults);
        config
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

    fn check(&self, figment: &Figment, faults: &mut Faults) {
        let debug = is_debug(figment);
        // One that is missing is told as that.
        let is_https = self.base_url.as_ref().map_or(!debug, |url| url.scheme() == "https");
        faults.note(self.check_base_url(figment));
        faults.note(self.check_identity());
        faults.note(self.username.check());
        self.check_cookies(faults);
        faults.note(self.csrf.check(is_https));
        self.tokens.check(is_https, faults);
        faults.note(self.redirect_origins.check("redirect_origins", debug));
        faults.note(self.csrf.origins.check("csrf.origins", debug));
        faults.note(self.require_guard.check("require_guard"));
        faults.note(self.check_public());
        faults.note(self.check_mechanisms());
        self.password.check(debug, faults);
        faults.note(self.throttle.check());
        self.session.check(faults);
    }

    fn check_cookies(&self, faults: &mut Faults) {
        faults.note(self.cookies.check(self.base_url.as_ref()));
        faults.note(self.cookies.check_other("csrf.cookie", self.csrf.cookie.as_ref()));
        faults.note(self.cookies.check_other("tokens.cookie", self.tokens.cookie.as_ref()));
    }

    fn check_base_url(&self, figment: &Figment) -> Result<()> {
        match &self.base_url {
            Some(url) => check_base_url(url),
            None if is_debug(figment) => Ok(()),
            None => Err(Error::config(
                "base_url",
                "is missing",
                "Set it to the address people use, for example \"https://example.org\"",
            )),
        }
    }

    /// Gives `roles`, or in its absence what the profile has.
    pub fn roles_or_default(&self, figment: &Figment) -> RolesConfig {
        let default = if is_debug(figment) { RolesConfig::Create } else { RolesConfig::Check };
        self.roles.unwrap_or(default)
    }

    fn check_identity(&self) -> Result<()> {
        let is_repeated = |(at, one): (usize, &IdentityAttribute)| {
            self.identity.iter().take(at).any(|before| before == one)
        };
        let fault = if self.identity.is_empty() {
            Some("is empty")
        } else if self.identity.iter().enumerate().any(is_repeated) {
            Some("says the same twice")
        } else if !self.identifies_by(IdentityAttribute::Email) {
            Some("lacks \"email\", and an account without a username could not log in")
        } else {
            None
        };
        if let Some(fault) = fault {
            let cure =
                "Set it to [\"email\"], [\"email\", \"username\"], or [\"username\", \"email\"]";
            return Err(Error::config("identity", fault, cure));
        }
        Ok(())
    }

    fn check_public(&self) -> Result<()> {
        let mut faults = Faults::default();
        if self.public.are_everything() {
            faults.push(Error::config(
                "public",
                "names \"/\", below which everything is",
                "Name the routes, for example \"/<path..>\" of a FileServer at the root",
            ));
        }
        faults.note(self.public.check("public"));
        faults.finish()
    }

    /// Whether there are mechanisms of these names is known once the features are.
    fn check_mechanisms(&self) -> Result<()> {
        if !self.mechanisms.is_empty() {
            return Ok(());
        }
        Err(Error::config(
            "mechanisms",
            "is empty, and nobody could get past a guard",
            "Set it to [\"session\", \"token\"], or to those of them that are wanted",
        ))
    }

    /// Tells whether that is among what a user goes by.
    pub fn identifies_by(&self, attribute: IdentityAttribute) -> bool {
        self.identity.contains(&attribute)
    }

    /// Gives `base_url`, or in its absence the loopback address of the server.
    pub fn base_url_or_local(&self, figment: &Figment) -> Result<Url> {
        if let Some(url) = &self.base_url {
            return Ok(url.clone());
        }
        let port: u16 = figment.extract_inner("port").unwrap_or(8000);
        Url::parse(&format!("http://127.0.0.1:{port}"))
            .map_err(|fault| Error::config("base_url", fault.to_string(), "Set it"))
    }
}

fn check_base_url(url: &Url) -> Result<()> {
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if is_origin {
        return Ok(());
    }
    Err(Error::config(
        "base_url",
        format!("\"{url}\" is not scheme, host and port alone"),
        "Write it like \"https://example.org\"",
    ))
}

#[cfg(test)]
mod tests {
    use rocket::figment::Figment;

    use crate::config::Config;

    fn faults_of(profile: &str, toml: &str) -> String {
        use rocket::figment::providers::{Format, Toml};
        let figment = Figment::from(rocket::Config::default())
            .merge(Toml::string(toml).nested())
            .select(profile);
        match Config::from_figment(&figment) {
            Ok(_) => String::new(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn release_asks_for_a_base_url_and_says_how() {
        let fault = faults_of("release", "");
        assert!(fault.starts_with("security.base_url: is missing. Set it"), "{fault}");
        assert_eq!(faults_of("debug", ""), "");
    }

    #[test]
    fn each_wrong_entry_is_named_by_the_place_where_it_stands() {
        let faults = faults_of(
            "debug",
            "[debug.security]\n\
             public = [7, \"here\"]\n\
             trusted_proxies = [\"x\", \"::1\", [1], \"y\"]\n\
             [[debug.security.tokens.trusted]]\n\
             iss = \"a\"\nkey = \"x\"\nallow = [\"everything\", \"no-sub\", \"nothing\"]\n\
             [[debug.security.tokens.trusted]]\n\
             iss = \"b\"\nkey = \"x\"\nallow = [\"everything\"]\ncolour = 1\n\
             [[debug.security.tokens.trusted]]\n\
             key = \"x\"\n",
        );
        let mut keys: Vec<&str> =
            faults.lines().map(|line| line.split(": ").next().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "security.public[0]",
                "security.tokens.trusted[0].allow[0]",
                "security.tokens.trusted[0].allow[2]",
                "security.tokens.trusted[1].allow[0]",
                "security.tokens.trusted[1].colour",
                "security.tokens.trusted[2]",
                "security.trusted_proxies[0]",
                "security.trusted_proxies[2]",
                "security.trusted_proxies[3]",
            ],
            "{faults}"
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key() {
        let fault = faults_of("debug", "[debug.security.session]\nidle = \"soon\"");
        assert!(fault.starts_with("security.session.idle: is wrong"), "{fault}");
        let fault = faults_of("debug", "[debug.security.session]\nidel = \"1h\"");
        assert!(fault.starts_with("security.session.idel: is not a setting"), "{fault}");
    }

    #[test]
    fn a_secret_that_is_no_text_is_not_quoted() {
        const NUMBER: &str = "1234567890123456";
        for (line, fault) in [
            (
                "tokens.passphrase = N",
                "tokens.passphrase: is wrong: it is no text. Write it in quotes",
            ),
            ("tokens.passphrase = [N]", "tokens.passphrase: is wrong: it is no text. Write it"),
            ("tokens.keys = N", "tokens.keys: is wrong: it is neither a key as text nor a table"),
            ("tokens.keys = N.5", "tokens.keys: is wrong: it is neither a key as text nor a table"),
            (
                "tokens.keys = [N]",
                "tokens.keys[0]: is wrong: it is neither a key as text nor a table",
            ),
            ("tokens.keys = { key = N }", "tokens.keys.key: is wrong: it is no text"),
            ("tokens.keys = [{ key = N }]", "tokens.keys[0].key: is wrong: it is no text"),
            ("mail.url = N", "mail.url: is wrong: it is no text. Write it in quotes"),
            ("mail.url = { N = N }", "mail.url: is wrong: it is no text. Write it in quotes"),
            ("mail = \"smtps://user:N@example.org\"", "mail: is wrong: it is no table. Correct it"),
            ("tokens = N", "tokens: is wrong: it is no table. Correct it"),
            ("keys = N", "keys: is wrong: it is neither a key as text nor a list"),
        ] {
            let line = line.replace('N', NUMBER);
            let told = faults_of("debug", &format!("[debug.security]\n{line}"));
            assert!(told.starts_with(&format!("security.{fault}")), "{line}: {told}");
            assert!(!told.contains(NUMBER), "{line}: {told}");
        }
    }

    #[test]
    fn what_a_user_goes_by_is_named_once_and_known() {
        for (identity, fault) in [
            ("[]", "security.identity: is empty. Set it to"),
            ("[\"email\", \"email\"]", "security.identity: says the same twice. Set it to"),
            ("[\"username\"]", "security.identity: lacks \"email\", and"),
            ("[\"email\", \"phone\"]", "security.identity"),
            ("\"email\"", "security.identity"),
        ] {
            let told = faults_of("debug", &format!("[debug.security]\nidentity = {identity}"));
            assert!(told.starts_with(fault), "{told}");
        }
        for identity in ["[\"email\"]", "[\"email\", \"username\"]", "[\"username\", \"email\"]"] {
            let told = faults_of("debug", &format!("[debug.security]\nidentity = {identity}"));
            assert_eq!(told, "");
        }
        let told = faults_of("debug", "[debug.security.username]\nmax_length = 65");
        assert!(told.starts_with("security.username: has lengths"), "{told}");
    }

    #[test]
    fn a_base_url_with_a_path_is_refused() {
        let fault = faults_of("debug", "[debug.security]\nbase_url = \"https://example.org/app\"");
        assert!(fault.contains("Write it like"), "{fault}");
    }

    #[test]
    fn a_cheap_hash_is_refused_outside_debug() {
        let cheap = "[default.security]\nbase_url = \"https://example.org\"\n\
                     [default.security.password]\nmemory = 8\niterations = 1";
        assert!(faults_of("release", cheap).starts_with("security.password.memory"));
        assert_eq!(faults_of("debug", cheap), "");
    }
}

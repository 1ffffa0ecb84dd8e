//! `[default.security]`: the configuration that belongs to no single feature.
//!
//! A feature's own settings live in the table of its name, for example `[default.security.login]`,
//! and are documented with the feature.

mod span;

pub use crate::config::span::Span;

use ipnet::IpNet;
use rocket::figment::Figment;
use rocket::figment::value::Dict;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error as _;
use url::Url;

use crate::error::Error;
use crate::error::Result;
use crate::secret::Secret;

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
    /// The networks of the reverse proxies whose `X-Forwarded-For` is believed.
    /// _Default:_ none: the client is whoever opened the connection.
    pub trusted_proxies: Vec<IpNet>,
    /// What happens to the schema of the database at a launch. _Default:_ `"on-launch"`.
    pub migrate: MigrateConfig,
    /// How mail is sent.
    pub mail: MailConfig,
    /// How passwords are chosen and hashed.
    pub password: PasswordConfig,
    /// How long a session lasts.
    pub session: SessionConfig,
    /// How many attempts are allowed.
    pub throttle: ThrottleConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: None,
            site_name: "This site".into(),
            keys: Keys::default(),
            trusted_proxies: Vec::new(),
            migrate: MigrateConfig::default(),
            mail: MailConfig::default(),
            password: PasswordConfig::default(),
            session: SessionConfig::default(),
            throttle: ThrottleConfig::default(),
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

/// `[default.security.mail]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MailConfig {
    /// `smtp://host:port`, `smtps://user:password@host`, or `file:DIR`.
    /// _Default:_ `file:security-mail` in the debug profile; required in any other when a feature
    /// sends mail.
    pub url: Option<Secret<String>>,
    /// The sender of every mail, `name@example.org` or `Name <name@example.org>`.
    /// _Default:_ `no-reply@` and the host of `base_url`.
    pub from: Option<String>,
}

/// `[default.security.password]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PasswordConfig {
    /// The fewest characters a new password may have, counted in code points; at least 8.
    /// _Default:_ 15 (NIST SP 800-63B-4, section 3.1.1.2, for a password as the only factor).
    pub min_length: usize,
    /// The memory that one hash takes, in KiB. _Default:_ 19456 (OWASP's first choice).
    pub memory: u32,
    /// How often the memory is passed over. _Default:_ 2.
    pub iterations: u32,
    /// The lanes of one hash. _Default:_ 1.
    pub parallelism: u32,
    /// The threads that hash. _Default:_ one for each core.
    pub threads: Option<usize>,
    /// How many passwords may wait for a thread before a login is answered with 503.
    /// _Default:_ 32 for each thread.
    pub queue: Option<usize>,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self {
            min_length: 15,
            memory: 19_456,
            iterations: 2,
            parallelism: 1,
            threads: None,
            queue: None,
        }
    }
}

/// `[default.security.session]`. The defaults are those of NIST SP 800-63B-4 for AAL2, section
/// 2.2.3.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How long a session lasts without a request. _Default:_ `"1h"`.
    pub idle: Span,
    /// How long a session lasts at most. _Default:_ `"24h"`.
    pub absolute: Span,
    /// How many sessions a user may have; the oldest gives way. _Default:_ 20.
    pub max_per_user: u32,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { idle: Span::hours(1), absolute: Span::hours(24), max_per_user: 20 }
    }
}

/// `[default.security.throttle]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ThrottleConfig {
    /// Whether attempts are limited at all. _Default:_ `true`.
    pub enabled: bool,
    /// Multiplies every limit. For load tests. _Default:_ 1.
    pub scale: u32,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { enabled: true, scale: 1 }
    }
}

impl Config {
    /// Reads `[default.security]`, without the tables of the features.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a value that is wrong, naming the key and the cure.
    pub fn from_figment(figment: &Figment) -> Result<Self> {
        let config: Self =
            figment.focus("security").extract().map_err(|fault| from_figment_error("", &fault))?;
        config.check(is_debug(figment))?;
        Ok(config)
    }

    fn check(&self, debug: bool) -> Result<()> {
        if let Some(url) = &self.base_url {
            check_base_url(url)?;
        } else if !debug {
            return Err(Error::config(
                "base_url",
                "is missing",
                "Set it to the address people use, for example \"https://example.org\"",
            ));
        }
        if self.password.min_length < 8 {
            return Err(Error::config(
                "password.min_length",
                "is below 8",
                "Set it to 15, or to no less than 8 where a second factor is enforced",
            ));
        }
        if !debug && !self.password.is_strong() {
            return Err(Error::config(
                "password.memory",
                "together with password.iterations makes a hash that is too cheap",
                "Remove both for memory = 19456 and iterations = 2, or choose no less",
            ));
        }
        if self.throttle.scale == 0 {
            return Err(Error::config("throttle.scale", "is 0", "Set it to 1 or more"));
        }
        if self.session.max_per_user == 0 {
            return Err(Error::config("session.max_per_user", "is 0", "Set it to 1 or more"));
        }
        if self.session.idle > self.session.absolute {
            return Err(Error::config(
                "session.idle",
                "is longer than session.absolute",
                "Make it shorter, or the other longer",
            ));
        }
        Ok(())
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

impl PasswordConfig {
    /// Tells whether a hash costs no less than OWASP's cheapest recommendation (Password Storage
    /// Cheat Sheet: m=7168, t=5 up to m=47104, t=1; the products lie above 35840).
    fn is_strong(&self) -> bool {
        let cost = u64::from(self.memory) * u64::from(self.iterations);
        self.memory >= 7_168 && cost >= 35_840
    }
}

/// Tells whether the profile is `debug`, the only one in which defaults may be made up.
pub fn is_debug(figment: &Figment) -> bool {
    *figment.profile() == rocket::Config::DEBUG_PROFILE
}

/// Refuses keys of `[default.security]` that mean nothing, for they are misspelt ones.
///
/// # Errors
///
/// [`Error::Config`] naming the key and the ones that exist.
pub fn check_keys(figment: &Figment, features: &[&str]) -> Result<()> {
    let Ok(given) = figment.extract_inner::<Dict>("security") else {
        return Ok(());
    };
    let own = [
        "base_url",
        "site_name",
        "keys",
        "trusted_proxies",
        "migrate",
        "mail",
        "password",
        "session",
        "throttle",
    ];
    let known: Vec<&str> = own.iter().chain(features).copied().collect();
    match given.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Error::config(
            key,
            "is not a setting, or belongs to a feature that is not enabled",
            format!("Remove it, or use one of: {}", known.join(", ")),
        )),
    }
}

/// Turns a failure to read the table `table` of the configuration into our own words.
pub fn from_figment_error(table: &str, fault: &rocket::figment::Error) -> Error {
    let mut path: Vec<&str> = fault.path.iter().map(String::as_str).collect();
    path.insert(0, table);
    if let rocket::figment::error::Kind::UnknownField(field, _) = &fault.kind {
        path.push(field);
    }
    path.retain(|part| !part.is_empty());
    path.dedup();
    let key = path.join(".");
    let place = fault.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => source.to_string(),
        None => metadata.name.to_string(),
    });
    let cure = place.map_or("Correct it".to_owned(), |place| format!("Correct it in {place}"));
    Error::config(key, format!("is wrong: {}", fault.kind), cure)
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

/// Keys as PASERK texts, the active one first.
#[derive(Debug, Clone, Default)]
pub struct Keys(pub Vec<Secret<String>>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMany {
            One(Secret<String>),
            Many(Vec<Secret<String>>),
        }
        match OneOrMany::deserialize(deserializer) {
            Ok(OneOrMany::One(key)) => Ok(Self(vec![key])),
            Ok(OneOrMany::Many(keys)) => Ok(Self(keys)),
            Err(_) => Err(D::Error::custom("neither a key as text nor a list of them")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rocket::figment::Figment;

    use crate::config::Config;

    fn faults_of(profile: &str, toml: &str) -> String {
        use rocket::figment::providers::Format;
        use rocket::figment::providers::Toml;
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
    fn a_wrong_value_is_named_with_its_key() {
        let fault = faults_of("debug", "[debug.security.session]\nidle = \"soon\"");
        assert!(fault.starts_with("security.session.idle: is wrong"), "{fault}");
        let fault = faults_of("debug", "[debug.security.session]\nidel = \"1h\"");
        assert!(fault.starts_with("security.session.idel: is wrong"), "{fault}");
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

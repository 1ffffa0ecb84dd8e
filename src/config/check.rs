//! Reads the table `[default.security]`, and refuses invalid values.

use rocket::figment::Figment;
use url::Url;

use crate::config::identity::IdentityAttribute;
use crate::config::read::{is_debug, read_table};
use crate::config::table::Config;
use crate::error::{Error, Faults, Result};

impl Config {
    /// Reads `[default.security]`, without the tables of the features.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for each invalid value, naming the key and the cure.
    pub fn from_figment(figment: &Figment) -> Result<Self> {
        let mut faults = Faults::default();
        let config = Self::read(figment, &mut faults);
        faults.finish().map(|()| config)
    }

    /// Reads the same and collects every error in `faults`. A value that cannot be read is replaced by its
    /// default.
    pub(crate) fn read(figment: &Figment, faults: &mut Faults) -> Self {
        let config: Option<Self> = read_table(&figment.focus("security"), "", faults);
        let config = config.unwrap_or_default();
        faults.end_reading();
        config.check(figment, faults);
        config
    }

    /// Checks that a release that is reached by https, but does not speak TLS itself, says which proxy does.
    /// Without `trusted_proxies` the limits on attempts would count all visitors as one network.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if `security.trusted_proxies` is missing. An empty list is accepted.
    pub(crate) fn check_proxies(&self, figment: &Figment, base_url: &Url) -> Result<()> {
        let speaks_tls = || figment.extract::<rocket::Config>().is_ok_and(|it| it.tls_enabled());
        let is_answered = self.trusted_proxies.is_some();
        if is_answered || is_debug(figment) || base_url.scheme() != "https" || speaks_tls() {
            return Ok(());
        }
        Err(Error::config(
            "trusted_proxies",
            "is missing, but base_url is https and Rocket does not handle TLS itself",
            "Set it to the addresses of your reverse proxy, for example [\"10.0.0.5\"], \
             or to [] if there is none",
        ))
    }

    fn check(&self, figment: &Figment, faults: &mut Faults) {
        let debug = is_debug(figment);
        // A missing `base_url` is reported by `check_base_url`, not here.
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

    fn check_identity(&self) -> Result<()> {
        let is_repeated = |(at, one): (usize, &IdentityAttribute)| {
            self.identity.iter().take(at).any(|before| before == one)
        };
        let fault = if self.identity.is_empty() {
            Some("is empty")
        } else if self.identity.iter().enumerate().any(is_repeated) {
            Some("has a duplicate value")
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
                "names \"/\", which covers every route",
                "Name the routes, for example \"/<path..>\" of a FileServer at the root",
            ));
        }
        faults.note(self.public.check("public"));
        faults.finish()
    }

    /// The names themselves are checked later, when the features are known.
    fn check_mechanisms(&self) -> Result<()> {
        if !self.mechanisms.is_empty() {
            return Ok(());
        }
        Err(Error::config(
            "mechanisms",
            "is empty, so every guard would refuse every request",
            "Set it to [\"session\", \"token\"], or to those of them that are wanted",
        ))
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
        format!("\"{url}\" is not just a scheme, host and port"),
        "Write it like \"https://example.org\"",
    ))
}

#[cfg(test)]
mod tests {
    use rocket::figment::Figment;

    use crate::config::table::Config;

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
                "tokens.passphrase: is wrong: it is not text. Write it in quotes",
            ),
            ("tokens.passphrase = [N]", "tokens.passphrase: is wrong: it is not text. Write it"),
            ("tokens.keys = N", "tokens.keys: is wrong: it is neither a key as text nor a table"),
            ("tokens.keys = N.5", "tokens.keys: is wrong: it is neither a key as text nor a table"),
            (
                "tokens.keys = [N]",
                "tokens.keys[0]: is wrong: it is neither a key as text nor a table",
            ),
            ("tokens.keys = { key = N }", "tokens.keys.key: is wrong: it is not text"),
            ("tokens.keys = [{ key = N }]", "tokens.keys[0].key: is wrong: it is not text"),
            ("mail.url = N", "mail.url: is wrong: it is not text. Write it in quotes"),
            ("mail.url = { N = N }", "mail.url: is wrong: it is not text. Write it in quotes"),
            (
                "mail = \"smtps://user:N@example.org\"",
                "mail: is wrong: it is not a table. \
            Correct it",
            ),
            ("tokens = N", "tokens: is wrong: it is not a table. Correct it"),
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
            ("[\"email\", \"email\"]", "security.identity: has a duplicate value. Set it to"),
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
        assert!(told.starts_with("security.username: has impossible lengths"), "{told}");
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

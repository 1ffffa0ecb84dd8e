//! `[default.security.cookies]`.

use rocket::http::SameSite;
use serde::Deserialize;
use url::Url;

use crate::config::csrf::CookieName;
use crate::error::{Error, Faults, Result};

/// `[default.security.cookies]`: the names of the cookies, and where browsers send them.
///
/// Cookies ignore ports, so two applications on one host share them. Set another `name` in one of the two,
/// and neither overwrites the cookies of the other.
///
/// If `base_url` is `https`, every name gets the prefix `__Host-`, so that no neighbouring host can set the
/// cookie. Browsers accept this prefix only without `domain` and with the path `/`. If either of them is set,
/// the prefix is `__Secure-`, and the launch logs a notice.
///
/// ```toml
/// [default.security.cookies]
/// name = "shop"
/// same_site = "Strict"
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CookiesConfig {
    /// Sets how the names of all cookies begin: `"shop"` makes `shop_session`. At most 64 characters that a
    /// cookie's name may have, without a prefix such as `__Host-`. An invalid value stops the launch.
    /// _Default:_ `"security"`.
    pub name: String,
    /// Sets the full name of the session cookie, without prefix. An invalid value stops the launch.
    /// _Default:_ `name` followed by `_session`.
    pub session: Option<String>,
    /// Sets the full name of the cookie of the feature [`remember`](crate::features::remember), without
    /// prefix. An invalid value stops the launch. _Default:_ `name` followed by `_remember`.
    pub remember: Option<String>,
    /// Sets the domain that receives the cookies together with all its subdomains, such as `"example.org"`.
    /// It must be the host of `base_url` or a parent domain of it; an invalid value stops the launch.
    /// _Default:_ none: the host of `base_url` alone.
    pub domain: Option<String>,
    /// Sets the path below which browsers send the cookies. It must cover every page of the application, as
    /// browsers see it. An invalid value stops the launch. _Default:_ `"/"`.
    pub path: String,
    /// Sets whether browsers send the cookies with requests that other sites start: `"Lax"`, `"Strict"`, or
    /// `"None"`, which needs an https `base_url`. With `"Strict"`, a user who follows a link from another
    /// site arrives as a guest. An invalid value stops the launch. _Default:_ `"Lax"`.
    pub same_site: SameSiteConfig,
}

impl Default for CookiesConfig {
    fn default() -> Self {
        Self {
            name: "security".to_owned(),
            session: None,
            remember: None,
            domain: None,
            path: "/".to_owned(),
            same_site: SameSiteConfig::default(),
        }
    }
}

/// `security.cookies.same_site`: when browsers send the cookies (RFC 6265bis, section 4.1.2.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub enum SameSiteConfig {
    /// Browsers send the cookies with requests from this site, and when the user follows a link to it.
    #[default]
    Lax,
    /// Browsers send the cookies only with requests from this site.
    Strict,
    /// Browsers send the cookies with every request.
    None,
}

impl SameSiteConfig {
    /// Returns the attribute of the cookies.
    pub(crate) fn attribute(self) -> SameSite {
        match self {
            Self::Lax => SameSite::Lax,
            Self::Strict => SameSite::Strict,
            Self::None => SameSite::None,
        }
    }

    /// Returns the attribute of cookies that only requests from this site need.
    pub(crate) fn strictest(self) -> SameSite {
        if self == Self::None { SameSite::None } else { SameSite::Strict }
    }
}

impl CookiesConfig {
    /// Returns `true` if browsers keep the cookies to one host.
    pub(crate) fn are_bound_to_host(&self) -> bool {
        self.domain.is_none() && self.path == "/"
    }

    /// Returns the name of the session cookie, without prefix.
    pub(crate) fn session_name(&self) -> String {
        self.session.clone().unwrap_or_else(|| format!("{}_session", self.name))
    }

    pub(crate) fn remember_name(&self) -> String {
        self.remember.clone().unwrap_or_else(|| format!("{}_remember", self.name))
    }

    /// Checks these settings, except for the cookie names that are set elsewhere.
    pub(super) fn check(&self, base_url: Option<&Url>) -> Result<()> {
        let mut faults = Faults::default();
        faults.note(self.check_names());
        faults.note(self.check_domain(base_url));
        let is_path = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        if !self.path.starts_with('/') || !self.path.bytes().all(is_path) {
            faults.push(Error::config(
                "cookies.path",
                format!("is \"{}\", which is not a path", self.path),
                "Write it like \"/\" or \"/shop\"",
            ));
        }
        if self.same_site == SameSiteConfig::None
            && base_url.is_none_or(|it| it.scheme() != "https")
        {
            faults.push(Error::config(
                "cookies.same_site",
                "is \"None\", which browsers accept over https only, and base_url is not https",
                "Set base_url to an https address, or same_site to \"Lax\"",
            ));
        }
        faults.finish()
    }

    fn check_names(&self) -> Result<()> {
        let mut faults = Faults::default();
        let named = [("name", Some(&self.name)), ("session", self.session.as_ref())];
        for (key, name) in named.into_iter().chain([("remember", self.remember.as_ref())]) {
            let key = format!("cookies.{key}");
            match name {
                Some(name) if !CookieName::is_token(name) => faults.push(no_name(&key, name)),
                Some(name) if CookieName::has_prefix(name) => faults.push(prefixed(&key, name)),
                _ => {}
            }
        }
        faults.finish()?;
        let own = |last| format!("{}_{last}", self.name);
        let mut names = vec![self.session_name(), self.remember_name()];
        names.extend(OTHERS.map(own));
        names.sort_unstable();
        match names.array_windows().find(|[one, next]| one == next) {
            None => Ok(()),
            Some([name, _]) => Err(Error::config(
                "cookies",
                format!("calls two cookies \"{name}\""),
                "Give `session` and `remember` different names",
            )),
        }
    }

    /// Checks the name of a cookie that is set elsewhere. Refuses a name that is one of our own, and a prefix
    /// that these settings do not fulfil.
    pub(super) fn check_other(&self, key: &str, other: Option<&CookieName>) -> Result<()> {
        let Some(other) = other else {
            return Ok(());
        };
        let own = OTHERS.map(|last| format!("{}_{last}", self.name));
        let mut own = own.into_iter().chain([self.session_name(), self.remember_name()]);
        if own.any(|name| name == other.bare()) {
            return Err(Error::config(
                key,
                format!("is \"{}\", which is one of our own cookies", other.as_str()),
                "Choose another name",
            ));
        }
        if other.is_host_prefixed() && !self.are_bound_to_host() {
            return Err(Error::config(
                key,
                "begins with \"__Host-\", and cookies.domain or cookies.path is set",
                "Choose a name without that prefix",
            ));
        }
        Ok(())
    }

    fn check_domain(&self, base_url: Option<&Url>) -> Result<()> {
        let Some(domain) = &self.domain else {
            return Ok(());
        };
        let host = base_url.and_then(Url::domain).unwrap_or_default();
        let is_above = |host: &str| {
            host.strip_suffix(domain.as_str()).is_some_and(|it| it.is_empty() || it.ends_with('.'))
        };
        if !domain.is_empty() && domain.contains('.') && !domain.starts_with('.') && is_above(host)
        {
            return Ok(());
        }
        Err(Error::config(
            "cookies.domain",
            format!("is \"{domain}\", which is neither the host of base_url nor a domain above it"),
            "Write it like \"example.org\", without a dot in front, or remove it",
        ))
    }
}

/// The endings of the names of our other cookies.
const OTHERS: [&str; 9] =
    ["guest", "link", "notice", "form", "data", "guest_data", "next", "refresh", "token"];

fn no_name(key: &str, name: &str) -> Error {
    let fault = format!("is \"{name}\", which cannot be the name of a cookie");
    Error::config(key, fault, "Use letters, digits, `-` and `_`, 64 at most")
}

fn prefixed(key: &str, name: &str) -> Error {
    let fault = format!("is \"{name}\": the prefix is added automatically");
    Error::config(key, fault, "Remove the prefix")
}

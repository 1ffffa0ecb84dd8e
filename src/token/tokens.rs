//! What issues tokens.

use std::sync::Arc;

use url::Url;

use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::keys::Keyring;
use crate::error::Result;
use crate::token::document::PublicKeys;
use crate::token::families::BeginsFamilies;
use crate::token::issue::TokenBuilder;
use crate::token::kind::{Access, TokenKind, is_taken};
use crate::token::ring::{Ring, TokenKeyInfo};
use crate::token::subject::{Holder, Subject};
use crate::token::verify::Verifier;

/// Issues tokens. It is a guard, and stands in Rocket's managed state.
///
/// ```
/// # use rocket::post;
/// use rocket_security::AuthVia;
/// use rocket_security::Rejection;
/// use rocket_security::TokenIssuer;
/// use rocket_security::via;
/// # use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Claims {
///     plan: &'static str,
/// }
///
/// #[post("/report-token")]
/// fn token(user: AuthVia<via::SessionCookie>, tokens: &TokenIssuer) -> Result<String, Rejection> {
///     Ok(tokens.access(&user).claims(Claims { plan: "free" }).issue()?)
/// }
/// ```
///
/// The token ends with the session: with the logout, at once. If it were made for any user, as an
/// [`AuthUser`](crate::AuthUser), a program could have its next one made by its last for as long as its
/// login goes on.
///
/// As a guard it is `&TokenIssuer`, and lets everybody in; without [`Security`](crate::Security) the launch stops.
#[derive(Clone)]
pub struct TokenIssuer {
    pub(super) ring: Arc<Ring>,
    /// What begins families, if a feature does.
    pub(super) families: Option<Arc<dyn BeginsFamilies>>,
}

impl TokenIssuer {
    /// Reads the keys of `security.tokens`, and derives one from `keyring` where there is none that issues
    /// local tokens. Without a keyring the configured keys are all.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a key that is none and for a file that cannot be read, naming the setting
    /// and the cure.
    pub fn new(
        config: &Config,
        base_url: &Url,
        keyring: Option<&Keyring>,
        clock: Clock,
    ) -> Result<Self> {
        let ring = Arc::new(Ring::new(config, base_url, keyring, clock)?);
        Ok(Self { ring, families: None })
    }

    /// Returns what verifies the tokens that this issues.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(Arc::clone(&self.ring))
    }

    /// Begins an access token for a user, which ends with the login that they ask by: with the session of an
    /// [`AuthUser`](crate::AuthUser) who came by one, or with the program's login that their own access token
    /// belongs to. For a [`User`](crate::User) it ends with a change of the account, and its `exp`, alone.
    pub fn access(&self, holder: &impl Holder) -> TokenBuilder<'_, Access> {
        TokenBuilder::new(&self.ring, holder.into())
    }

    /// Begins a token of an application's own kind, about a user, as for [`access`](Self::access), or about
    /// anything else, by its text.
    ///
    /// The name of the kind is looked at when the program is compiled: this one is the framework's.
    ///
    /// ```compile_fail,E0080
    /// # use rocket_security::token::TokenKind;
    /// # use rocket_security::token::TokenIssuer;
    /// struct Mine;
    /// impl TokenKind for Mine {
    ///     const NAME: &'static str = "access";
    /// }
    /// fn issue(tokens: &TokenIssuer) {
    ///     let _ = tokens.of::<Mine>("ann");
    /// }
    /// # std::hint::black_box(issue as fn(&TokenIssuer));
    /// ```
    pub fn of<K: TokenKind>(&self, subject: impl Into<Subject>) -> TokenBuilder<'_, K> {
        const { assert!(!is_taken(K::NAME), "this name of a kind is the framework's") };
        TokenBuilder::new(&self.ring, subject.into())
    }

    /// Returns the document of the public keys, for others who verify our signed tokens.
    pub fn public_keys(&self) -> PublicKeys {
        self.ring.public_keys()
    }

    /// Lists the keys, our own first.
    pub fn keys(&self) -> Vec<TokenKeyInfo> {
        self.ring.list()
    }
}

// What is fuzzed: each takes any bytes and must neither panic nor accept what it should not. The
// suite runs the same on bytes of its own making (tests/it/token/token_properties.rs).

use std::sync::LazyLock;

use rocket_security::clock::Clock;
use rocket_security::config::{TokenKeyConfig, TokenKeysConfig};
use rocket_security::crypto::keys::{Keyring, Purpose};
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::paseto::Sealer;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::token::Access;
use rocket_security::{Config, Secret, TokenIssuer};
use serde_json::{Map, Value};

const ISSUER: &str = "https://app.example";
const ASSERTION: &str = "rocket-security:access";

/// Not secret: it stands here.
const LOCAL: &str = "k4.local.S-C5MeaOJwLXBf9lQowoT0zMNMgLWZb0vt9njSgQGeE";
const PAIR: &str = "k4.secret.5FWJwPOJtZNN4ZWMNUxdBFeltNBurd2Lk0TWggpymtAU_5htBBYwnv4pvFv3KJmsV9TrutO6q70iDV3Q-TgFHg";
const MASTER: &str = "k4.local.qmMwdTgzhPlqS8Hc-JQMSg9YFBqFv1_w_LbT4HMZ3gs";

static TOKENS: LazyLock<TokenIssuer> = LazyLock::new(|| {
    let mut config = Config::default();
    config.tokens.keys = TokenKeysConfig(vec![text(LOCAL), text(PAIR)]);
    let base_url = ISSUER.parse().expect("it is a URL");
    TokenIssuer::new(&config, &base_url, Some(&keyring()), Clock::default())
        .expect("the keys are good")
});

static SEALER: LazyLock<Sealer> =
    LazyLock::new(|| Sealer::new(&keyring(), Purpose::Session).expect("the key is good"));

fn text(key: &str) -> TokenKeyConfig {
    serde_json::from_value(Value::from(key)).expect("a text is a key")
}

fn keyring() -> Keyring {
    Keyring::from_paserk(&[Secret::new(MASTER.to_owned())]).expect("the key is good")
}

/// A token as somebody sends it. Nobody but us makes one that is accepted.
pub(crate) fn token(data: &[u8]) {
    let Ok(token) = std::str::from_utf8(data) else { return };
    assert!(TOKENS.verifier().verify::<Map<String, Value>, Access>(token).is_err());
}

/// What is inside a token of somebody who has the key.
pub(crate) fn claims(data: &[u8]) {
    let Ok(payload) = std::str::from_utf8(data) else { return };
    let Ok(key) = TokenKey::parse(LOCAL, None, None) else { return };
    let token = key.seal(payload, "", ASSERTION).expect("anything can be sealed");
    if let Ok(verified) = TOKENS.verifier().verify::<Map<String, Value>, Access>(&token) {
        assert_eq!(verified.issuer(), ISSUER);
        assert!(verified.audience().iter().any(|audience| audience == ISSUER));
        assert!(verified.expires_at().is_some() && verified.subject().is_some());
    }
}

/// A footer of somebody who has the key.
pub(crate) fn footer(data: &[u8]) {
    let Ok(footer) = std::str::from_utf8(data) else { return };
    let Ok(key) = TokenKey::parse(LOCAL, None, None) else { return };
    let token = key.seal("{}", footer, ASSERTION).expect("anything can be sealed");
    assert!(TOKENS.verifier().verify::<Map<String, Value>, Access>(&token).is_err());
}

/// The text of a key.
pub(crate) fn key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match TokenKey::parse(text, None, None) {
        Ok(key) => {
            let again = TokenKey::parse(key.to_paserk().expose(), None, None);
            assert!(again.is_ok_and(|again| again.id() == key.id()));
        }
        // A key is no shorter than 32 bytes, and no word of ours is as long.
        Err(fault) => {
            let fault = fault.to_string();
            let mut words = text.split_whitespace().filter(|word| word.len() >= 32);
            assert!(!words.any(|word| fault.contains(word)));
        }
    }
}

/// A cookie of ours as somebody sends it.
pub(crate) fn cookie(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(SEALER.open::<Value>(text).is_none());
    if let Some(token) = Token::parse(text) {
        assert_eq!(token.reveal(), text);
    }
}

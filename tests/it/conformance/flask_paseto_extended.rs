//! flask-paseto-extended 0.6: an issuer, a verifier, a session cookie and a remembering cookie.
//!
//! | case | mark | what |
//! |---|---|---|
//! | A-I1 | different on purpose | everything set: a token that the public key verifies; `kid` is the public id |
//! | A-I2 | same | an issuer and a key are enough |
//! | A-I3 | different on purpose | nothing is set up after the launch |
//! | A-I4 | same | two keys as PEM |
//! | A-I5 | stricter | an issuer beside a key of our own |
//! | A-I6 | stricter | a key of version 4 and one of version 3 |
//! | A-I7 | different on purpose | an issuer that is missing or is none |
//! | A-I8 | stricter | switches for `iss`, `iat` and `kid` |
//! | A-I9 | stricter | lifetimes that are none |
//! | A-I10 | different on purpose | a serializer |
//! | A-I11 | different on purpose | keys that are none |
//! | A-I12 | different on purpose | two keys and an id that is unknown |
//! | A-I13 | same | claims that cannot be written |
//! | A-V1 | different on purpose | callbacks that nobody set |
//! | A-V2 | same | one public key, and one of each version |
//! | A-V3 | different on purpose | the token of another key: 401, not 200 |
//! | A-V4 | different on purpose | a guard without a verifier: no launch, not 500 |
//! | A-V5 | stricter | a leeway that is none |
//! | A-V6 | different on purpose | a deserializer |
//! | A-V7 | stricter | trusted keys that are none |
//! | A-B1 | stricter | login, guarded route, logout: the token ends, too |
//! | A-B2 | different on purpose | no login: 401, not 200 |
//! | A-S1 | same | login, guarded page, logout by the session cookie |
//! | A-S2 | stricter | the cookie is of version 4 alone |
//! | A-S3 | different on purpose | no secret: no launch, not 500 |
//! | A-S4 | different on purpose | a secret of a wrong length: no launch, not 500 |
//! | A-S5 | same | another secret: a guest |
//! | A-S6 | stricter | a foreign token in the cookie: no guest where somebody is asked for |
//! | A-S7 | stricter | a version of the cookie that is none |
//! | A-R1 | same | login, guard and logout with remembering |
//! | A-R2 | same | how long, by configuration |
//! | A-R3 | different on purpose | how long, by the call |
//! | A-R4 | different on purpose | a length that is none: no launch, not 500 |
//! | A-R5 | same | the remembering cookie alone logs in |
//! | A-R6 | stricter | the remembering cookie is of version 4 alone |
//! | A-R7 | stricter | a key of its own, always |
//! | A-R8, A-R9 | stricter | a version of the cookie that is none |
//! | A-R10 | same | a key of another type |
//! | A-R11, A-R12 | different on purpose | no secret, or a bad one: no launch, not 500 |

use chrono::TimeDelta;
use rocket::http::Status;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::keys::Keyring;
use rocket_security::features::remember::Remember;
use rocket_security::rejection::TokenFault;
use rocket_security::security::keyring;
use rocket_security::testing::PASSWORD;
use rocket_security::token::Access;
use rocket_security::{Config, Secret, TokenIssuer};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::conformance::{fault_of, fault_of_feature};
use crate::support::bearer::bearer;
use crate::support::launching::try_launch;
use crate::support::program::{get_with, token_of};
use crate::support::remembered::remembered;
use crate::support::tokens::{
    ISSUER, fault, forge, good_claims, issuer, key, public_half, refusal, user,
};
use crate::support::{ANN, app, app_with, rocket, with_ann};

const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEILSwD1PhDQ/CGjJ4t95NmdcUDmm8uA5ulIIJta1kXDsn
-----END PRIVATE KEY-----";

const OTHER_PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAP36S6YO2zNxyqllujmUJnlHSFNfVoW16ao6uhqLcmu
-----END PRIVATE KEY-----";

/// The settings of a flask-paseto-extended issuer, as `guide::tokens` has them.
const ALLOW: &str = "[\"unbound\", \"no-sub\", \"no-aud\", \"no-iat\", \"no-nbf\", \"no-jti\"]";

fn trusting(key: &str, more: &str) -> String {
    format!(
        "[[default.security.tokens.trusted]]\niss = \"https://issuer.example\"\n\
         key = \"{key}\"\nallow = {ALLOW}\n{more}"
    )
}

/// A-I1, different on purpose: `kid` is the id of the public half, which whoever verifies can compute;
/// theirs is that of the secret one.
#[test]
fn a_token_of_an_issuer_with_everything_set_is_verified_by_its_public_key() {
    let secret = key(TokenPurpose::Public);
    let us = issuer(&format!(
        "keys = \"{secret}\"\nissuer = \"https://issuer.example\"\naudience = \"{ISSUER}\"\n\
         lifetime = \"1h\"\nleeway = \"10s\""
    ));
    let token = us.tokens.access(&user()).claims(json!({"plan": "free"})).issue().unwrap();
    let them = issuer(&format!(
        "[[default.security.tokens.trusted]]\niss = \"https://issuer.example\"\nkey = \"{}\"",
        public_half(&secret)
    ));
    let read = them.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    assert_eq!(read.claims["plan"], "free");
    let kid = read.footer()["kid"].as_str().unwrap();
    assert!(kid.starts_with("k4.pid."), "{kid}");
}

/// A-I2, same.
#[test]
fn an_issuer_and_a_key_are_enough() {
    let us = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Public)));
    let token = us.tokens.access(&user()).issue().unwrap();
    assert!(token.starts_with("v4.public."));
    assert_eq!(fault(&us, &token), None);
}

/// A-I3, different on purpose: the fairing reads the keys once, at the launch, so that no request finds
/// an issuer that is not set up yet.
#[rocket::async_test]
async fn an_application_has_its_issuer_from_the_launch_on() {
    let app = app().await;
    let tokens = app.client().rocket().state::<TokenIssuer>().unwrap();
    assert!(tokens.access(&app.user(ANN).await).issue().is_ok());
}

/// A-I4, same.
#[test]
fn two_keys_are_given_as_pem() {
    let us = issuer(&format!("keys = [\"\"\"{PEM}\"\"\", \"\"\"{OTHER_PEM}\"\"\"]"));
    let token = us.tokens.access(&user()).issue().unwrap();
    assert_eq!(fault(&us, &token), None);
    assert_eq!(us.tokens.public_keys().keys.len(), 2);
}

/// A-I5, stricter: what says nothing is refused, for somebody thinks that it does.
#[test]
fn an_issuer_beside_a_key_of_our_own_is_refused() {
    let secret = key(TokenPurpose::Public);
    let said = refusal(&format!("keys = [{{ key = \"{secret}\", iss = \"x\" }}]"));
    assert!(said.starts_with("security.tokens.keys"), "{said}");
    assert!(said.contains("iss") && !said.contains(&secret), "{said}");
}

/// A-I6, stricter: version 3 is for deployments that have such tokens, with the cargo feature
/// `legacy-paseto`.
#[test]
fn a_key_of_version_3_stands_beside_one_of_version_4_where_that_is_compiled() {
    let local = key(TokenPurpose::Local).replace("k4.local.", "");
    let third = format!("k3.secret.{local}{}", &local[..21]);
    let said = refusal(&format!("keys = [\"{}\", \"{third}\"]", key(TokenPurpose::Public)));
    assert_eq!(said.is_empty(), cfg!(feature = "legacy-paseto"), "{said}");
}

/// A-I7, different on purpose: without an issuer it is `base_url`, which every application has. What is
/// no name is refused alike.
#[test]
fn an_issuer_is_a_name_and_by_default_the_base_url() {
    let us = issuer("");
    let token = us.tokens.access(&user()).issue().unwrap();
    let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    assert_eq!(read.issuer(), ISSUER);
    for none in ["\"\"", "0", "1", "[]", "{}"] {
        let said = refusal(&format!("issuer = {none}"));
        assert!(said.starts_with("security.tokens.issuer: is "), "{none}: {said}");
    }
}

/// A-I8, stricter: a token always says who issued it, when, and under which key. Whoever tries to
/// switch that off is told that there is no such switch.
#[test]
fn nothing_switches_off_who_issued_a_token_when_and_with_which_key() {
    for switch in ["use_iss", "use_iat", "use_kid"] {
        for value in ["true", "false", "\"True\"", "\"\"", "[]", "{}", "100"] {
            let said = refusal(&format!("{switch} = {value}"));
            assert!(said.starts_with(&format!("security.tokens.{switch}: ")), "{said}");
        }
    }
}

/// A-I9, stricter: theirs takes 0 for a token that never expires.
#[test]
fn a_lifetime_that_is_none_stops_the_launch() {
    for none in ["-1", "-3600", "0", "3600", "\"3600\"", "\"0s\"", "\"-1h\"", "[]", "{}"] {
        let said = refusal(&format!("lifetime = {none}"));
        assert!(said.starts_with("security.tokens.lifetime: is wrong"), "{none}: {said}");
    }
}

/// A-I10, different on purpose: claims are any type that serde writes, as JSON, which every verifier
/// reads.
#[test]
fn there_is_no_serializer_to_set() {
    for any in ["1", "\"json\"", "{ dumps = \"x\" }"] {
        let said = refusal(&format!("serializer = {any}"));
        assert!(said.starts_with("security.tokens.serializer: "), "{said}");
    }
}

/// A-I11, different on purpose: encrypted tokens have keys here, too, and no keys at all means one that
/// is derived. All else that is no key is refused, each with its own sentence.
#[test]
fn keys_that_are_none_stop_the_launch() {
    let local = key(TokenPurpose::Local);
    assert_eq!(refusal(&format!("keys = \"{local}\"")), "");
    assert_eq!(refusal("keys = []"), "");
    let none: [&str; 8] = [
        "purpose = \"public\"\nkeys = []",
        "keys = [{}]",
        "keys = \"k4.secret.AAAA\"",
        "keys = [{ key = \"k4.secret.AAAA\", version = \"xxx\" }]",
        &format!("keys = [{{ key = \"\"\"{PEM}\"\"\", version = 0 }}]"),
        "keys = [{ version = 4 }]",
        "keys = [{ key = \"no PEM\", version = 4 }]",
        &format!("keys = \"{}\"", public_half(&key(TokenPurpose::Public)).replace("k4", "k9")),
    ];
    for settings in none {
        let said = refusal(settings);
        assert!(said.starts_with("security.tokens."), "{settings}: {said}");
    }
}

/// A-I12, different on purpose: the first key issues, so that no caller has to know ids, and a rotation
/// changes the configuration alone.
#[test]
fn of_two_keys_the_first_issues() {
    let (first, second) = (key(TokenPurpose::Public), key(TokenPurpose::Public));
    let us = issuer(&format!("keys = [\"{first}\", \"{second}\"]"));
    let token = us.tokens.access(&user()).issue().unwrap();
    let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    assert_eq!(read.key_id(), us.tokens.public_keys().keys[0].kid);
    let said = us.tokens.access(&user()).footer(json!({"kid": "k4.pid.x"})).issue();
    assert!(said.is_err(), "nobody names the key by themselves");
}

/// Cannot be written.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no"))
    }
}

/// A-I13, same.
#[test]
fn claims_that_cannot_be_written_are_an_error() {
    let us = issuer("");
    assert!(us.tokens.access(&user()).claims(Unwritable).issue().is_err());
}

/// A-V1, different on purpose: where tokens come from and what a refusal says is settled without any
/// callback.
#[rocket::async_test]
async fn a_guard_needs_no_callback() {
    let app = app().await;
    let answer = app.browser().get_json("/me").await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["unauthenticated".into()])
    );
}

/// A-V2, same; version 3 with the cargo feature `legacy-paseto`.
#[test]
fn a_verifier_has_one_key_or_several() {
    let secret = key(TokenPurpose::Public);
    let us = issuer(&trusting(&public_half(&secret), ""));
    let claims = json!({"iss": "https://issuer.example", "exp": "2999-01-01T00:00:00+00:00"});
    assert_eq!(fault(&us, &forge(&secret, &claims, "", "")), None);
    let local = key(TokenPurpose::Local).replace("k4.local.", "k3.local.");
    let both = format!("{}\n{}", trusting(&public_half(&secret), ""), trusting(&local, ""));
    assert_eq!(refusal(&both).is_empty(), cfg!(feature = "legacy-paseto"));
}

/// A-V3, different on purpose: a refusal is 401 and not a page of 200, for programs go by the status.
#[rocket::async_test]
async fn a_token_of_another_key_is_401() {
    let app = app_with(json!({"tokens": {"keys": key(TokenPurpose::Public)}})).await;
    let foreign = issuer(&format!("keys = \"{}\"", key(TokenPurpose::Public)));
    let token = foreign.tokens.access(&user()).issue().unwrap();
    let answer = get_with(&app, "/me", bearer(&token)).await;
    assert_eq!(answer.status, Status::Unauthorized);
    assert_eq!(answer.reasons(), ["token_key_unknown"]);
}

/// A-V4, different on purpose: what would be 500 at the first request stops the launch.
#[rocket::async_test]
async fn a_guard_without_its_verifier_stops_the_launch() {
    #[rocket::get("/")]
    fn guarded(_user: rocket_security::AuthVia<rocket_security::via::BearerToken>) {}
    let rocket = rocket::build().mount("/", rocket::routes![guarded]);
    let fault = try_launch(rocket, json!({})).await.unwrap_err();
    assert!(fault.contains("SentinelAborts"), "{fault}");
}

/// A-V5, stricter: a leeway also has an upper end, for a long one keeps expired tokens alive.
#[test]
fn a_leeway_that_is_none_stops_the_launch() {
    for none in ["-1", "-3600", "\"3600\"", "\"-1s\"", "[]", "{}", "\"1h\""] {
        let said = refusal(&format!("leeway = {none}"));
        assert!(said.starts_with("security.tokens.leeway: is wrong"), "{none}: {said}");
    }
    assert_eq!(refusal("leeway = \"0s\""), "");
}

/// A-V6, different on purpose: as A-I10.
#[test]
fn there_is_no_deserializer_to_set() {
    let said = refusal("deserializer = \"json\"");
    assert!(said.starts_with("security.tokens.deserializer: "), "{said}");
}

/// A-V7, stricter: a secret key is not for a verifier, and each key has to name its issuer, who is
/// compared.
#[test]
fn trusted_keys_that_are_none_stop_the_launch() {
    let secret = key(TokenPurpose::Public);
    for key in [secret.as_str(), "", "k4.public.AAAA", "k4.pid.AAAA", "no PEM"] {
        let said = refusal(&trusting(key, ""));
        assert!(said.starts_with("security.tokens.trusted[0].key: "), "{key}: {said}");
    }
    for iss in ["", "iss = \"\"", "iss = 0", "iss = []", "iss = {}"] {
        let settings = format!(
            "[[default.security.tokens.trusted]]\n{iss}\nkey = \"{}\"",
            public_half(&secret)
        );
        assert!(refusal(&settings).starts_with("security.tokens.trusted"), "{iss}");
    }
    let us = issuer(&trusting(&public_half(&secret), ""));
    let token = forge(&secret, &good_claims(&us, "https://issuer.exmaple"), "", "");
    assert_eq!(fault(&us, &token), Some(TokenFault::WrongIssuer));
}

/// A-B1, stricter: their token outlives the logout. The footer names the key.
#[rocket::async_test]
async fn a_login_gives_a_token_for_guarded_routes_until_the_logout() {
    let app = with_ann(app_with(json!({"tokens": {"keys": key(TokenPurpose::Public)}}))).await;
    let browser = app.browser();
    let token = token_of(&browser).await;
    assert!(token.starts_with("v4.public.") && token.split('.').count() == 4, "{token}");
    assert_eq!(get_with(&app, "/me", bearer(&token)).await.body, ANN);
    browser.log_out().await;
    assert_eq!(get_with(&app, "/me", bearer(&token)).await.status, Status::Unauthorized);
}

/// A-B2, different on purpose: as A-V3.
#[rocket::async_test]
async fn without_a_login_a_program_gets_401() {
    let answer = app().await.browser().get_json("/me").await;
    assert_eq!(answer.status, Status::Unauthorized);
    assert!(answer.header("WWW-Authenticate").is_some());
}

/// A-S1, same.
#[rocket::async_test]
async fn the_session_cookie_carries_a_login_to_the_logout() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    assert_eq!(ann.get("/me").await.body, ANN);
    assert_eq!(ann.log_out().await.status, Status::Ok);
    assert_eq!(ann.get("/me").await.status, Status::SeeOther);
}

/// A-S2, stricter: nobody else reads the cookie, so that no older version is needed. What it holds opens
/// one row of the store, and nothing without it.
#[rocket::async_test]
async fn the_session_cookie_is_of_version_4() {
    let app = app().await;
    let cookie = app.log_in_as(ANN).await.cookie("security_session").unwrap();
    assert!(cookie.starts_with("v4.local."), "{cookie}");
}

fn keyring_of_release(settings: Value) -> String {
    let settings_with_url = {
        let mut settings = settings;
        settings["base_url"] = json!("https://app.example");
        settings
    };
    let figment = rocket::figment::Figment::from(rocket::Config::release_default())
        .merge(("security", settings_with_url))
        .select("release");
    let config = Config::from_figment(&figment);
    let made = config.and_then(|config| keyring(&config, &figment));
    made.err().map(|fault| fault.to_string()).unwrap_or_default()
}

/// A-S3, different on purpose: what would be 500 at the first login stops the launch; in development a
/// key is made.
#[test]
fn no_secret_stops_the_launch() {
    let said = keyring_of_release(json!({}));
    assert!(said.starts_with("security.keys: is missing"), "{said}");
}

/// A-S4, different on purpose: likewise.
#[test]
fn a_secret_of_a_wrong_length_stops_the_launch() {
    let long = "x".repeat(65);
    for short in ["", "secret", "k4.local.AAAA", long.as_str()] {
        assert!(Keyring::from_paserk(&[Secret::new(short.to_owned())]).is_err(), "{short}");
        let said = keyring_of_release(json!({"keys": short}));
        assert!(said.starts_with("security.keys"), "{short}: {said}");
    }
}

/// A-S5, same.
#[rocket::async_test]
async fn under_another_secret_a_visitor_is_a_guest() {
    let one = app_with(json!({"keys": key(TokenPurpose::Local)})).await;
    let cookie = one.log_in_as(ANN).await.cookie("security_session").unwrap();
    let one = one.restart_with(rocket(), json!({"keys": key(TokenPurpose::Local)})).await;
    let ann = one.browser();
    ann.set_cookie("security_session", &cookie);
    assert_eq!(ann.get("/welcome").await.body, "welcome");
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
}

/// A-S6, stricter: theirs takes a forged cookie for a guest's everywhere. So do we where guests are
/// welcome anyway, and nowhere else.
#[rocket::async_test]
async fn a_foreign_token_in_the_session_cookie_is_nobody_s() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = app.client().rocket().state::<TokenIssuer>().unwrap().access(&ann).issue().unwrap();
    let browser = app.browser();
    browser.set_cookie("security_session", &token);
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    assert_eq!(browser.get("/login").await.status, Status::Ok, "and never 500");
}

/// A-S7, stricter: there is no version to choose.
#[test]
fn the_session_cookie_has_no_version_to_set() {
    for none in [json!(0), json!(5), json!(100), json!("xxx"), json!({}), json!([])] {
        let said = fault_of(json!({"session": {"paseto_version": none}}));
        assert!(said.starts_with("security.session.paseto_version: "), "{said}");
    }
}

/// A-R1, same; and the logout ends it on the server, too.
#[rocket::async_test]
async fn whoever_is_remembered_logs_in_and_out_like_anybody() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let remember_token = ann.cookie("security_remember").unwrap();
    assert_eq!(ann.get("/me").await.body, ANN);
    ann.log_out().await;
    let thief = app.browser();
    thief.set_cookie("security_remember", &remember_token);
    assert_eq!(thief.get_json("/me").await.status, Status::Unauthorized);
}

/// A-R2, same; and the store holds to it as well as the browser.
#[rocket::async_test]
async fn how_long_a_browser_is_remembered_is_configured() {
    let app = app_with(json!({"remember": {"lifetime": "2days"}})).await;
    let ann = remembered(&app, ANN).await;
    ann.restart();
    app.clock().advance(TimeDelta::days(3));
    assert_eq!(ann.get_json("/me").await.status, Status::Unauthorized);
}

/// A-R3, different on purpose: a request says whether, never for how long.
#[rocket::async_test]
async fn a_login_says_whether_to_remember() {
    let app = app().await;
    assert!(remembered(&app, ANN).await.cookie("security_remember").is_some());
    assert_eq!(app.log_in_as(ANN).await.cookie("security_remember"), None);
    let body = json!({"email": ANN, "password": PASSWORD, "remember": 3600});
    assert_eq!(app.browser().post_json("/login", body).await.status, Status::BadRequest);
}

/// A-R4, different on purpose: what would be 500 at the first login stops the launch.
#[test]
fn a_length_of_remembering_that_is_none_stops_the_launch() {
    for none in [json!("1"), json!(1), json!("0s"), json!([])] {
        let said = fault_of_feature::<Remember>(json!({"lifetime": none}));
        assert!(said.starts_with("security.remember.lifetime: "), "{said}");
    }
}

/// A-R5, same.
#[rocket::async_test]
async fn the_remembering_cookie_alone_logs_in() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    let again = app.browser();
    again.set_cookie("security_remember", &ann.cookie("security_remember").unwrap());
    assert_eq!(again.get("/me").await.body, ANN);
}

/// A-R6, stricter: as A-S2.
#[rocket::async_test]
async fn the_remembering_cookie_is_of_version_4() {
    let app = app().await;
    let cookie = remembered(&app, ANN).await.cookie("security_remember").unwrap();
    assert!(cookie.starts_with("v4.local."), "{cookie}");
    assert!(!cookie.contains(&app.user(ANN).await.id.to_string()), "{cookie}");
}

/// A-R7, stricter: every cookie has a key of its own, derived, so that none serves as another.
#[rocket::async_test]
async fn the_session_and_the_remembering_cookie_do_not_stand_for_each_other() {
    let app = app().await;
    let ann = remembered(&app, ANN).await;
    for (from, to) in
        [("security_session", "security_remember"), ("security_remember", "security_session")]
    {
        let swapped = app.browser();
        swapped.set_cookie(to, &ann.cookie(from).unwrap());
        let answer = swapped.get_json("/me").await;
        assert_eq!(answer.status, Status::Unauthorized, "{from} as {to}");
    }
}

/// A-R8, A-R9, stricter: as A-S7.
#[test]
fn the_remembering_cookie_has_no_version_to_set() {
    for none in [json!(0), json!(5), json!(100), json!("xxx"), json!({}), json!([])] {
        let said = fault_of_feature::<Remember>(json!({"paseto_version": none}));
        assert!(said.starts_with("security.remember.paseto_version: "), "{said}");
    }
}

/// A-R10, same.
#[test]
fn a_key_of_another_type_stops_the_launch() {
    for none in [json!(7), json!({}), json!([7]), json!(true)] {
        let said = fault_of(json!({"keys": none}));
        assert!(said.starts_with("security.keys: is wrong"), "{said}");
    }
}

/// A-R11, A-R12, different on purpose: as A-S3 and A-S4, for the same keys serve both.
#[test]
fn without_a_good_secret_nobody_is_remembered_for_nothing_launches() {
    assert!(keyring_of_release(json!({})).starts_with("security.keys: is missing"));
    assert!(keyring_of_release(json!({"keys": "x".repeat(31)})).starts_with("security.keys"));
}

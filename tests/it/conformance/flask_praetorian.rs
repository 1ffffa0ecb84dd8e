//! flask-praetorian 1.6: one token that is shown and refreshed, roles, and mails that carry tokens.
//!
//! Its statuses are 401, 403 and, for a token that is refreshed too early, 425. Ours for a token that is good
//! no more is 401; 403 is had by `error_style = "praetorian"` (`tests/it/web/error_style.rs`).
//!
//! | case | mark | what |
//! |---|---|---|
//! | C-P1, C-P2 | different on purpose | one scheme of hashes, which verifies right and wrong |
//! | C-P3 | stricter | a login: good, unknown, wrong |
//! | C-U1, C-U7 | same | a store that is complete is taken as it is |
//! | C-U2 to C-U6 | different on purpose | one that lacks something does not compile |
//! | C-T1 | same | claims that are missing |
//! | C-T2 | same | a token that is denied |
//! | C-T3 | same | an access token that has expired |
//! | C-T4 | different on purpose | nobody refreshes too early |
//! | C-T5 | same | a refresh token that has expired |
//! | C-T6, C-T7 | stricter | a mailed token is no access token |
//! | C-T8 | same | a good access token |
//! | C-T9 | stricter | a good refresh token, once |
//! | C-T10 | same | a good confirmation |
//! | C-E1 | different on purpose | the claims, without the roles |
//! | C-E2, C-E3 | same | lifetimes by the call, of a type |
//! | C-E4 | same | an access token lasts no longer than its refresh token |
//! | C-E5 | same | nobody issues for somebody switched off |
//! | C-E6, C-E7 | same | own claims, and none that are reserved |
//! | C-E8 | different on purpose | a token without an end is of a kind that says so |
//! | C-E9 | same | an id is a text |
//! | C-R1 | same | refreshing: other times, the same end, the same user |
//! | C-R2, C-R3 | different on purpose | how long the next one lasts is configured, and cut at the end |
//! | C-R4, C-R5 | stricter | nobody refreshes for somebody switched off, or deleted |
//! | C-R6 | different on purpose | own claims are of tokens that an application issues |
//! | C-X1 | stricter | a token in the header |
//! | C-X2 | stricter | a token in a cookie |
//! | C-X3 | different on purpose | a header is the scheme and the token |
//! | C-M1 | same | a mail is written and in the outbox |
//! | C-M2 | different on purpose | a sender that is missing is made up, and one that is none refused |
//! | C-M3 | stricter | a reset's token finds its user, once |
//! | C-M4, C-M5 | stricter | a confirmation's token finds its user, once, in time |
//! | C-H1, C-H2 | different on purpose | an outdated hash is replaced at the login, always |
//! | C-D1 | same | a guest, and whoever is somebody |
//! | C-D2 | same | nobody: none, malformed, expired; somebody: by header and cookie |
//! | C-D3 | same | all of some roles |
//! | C-D4 | same | any of some roles |
//! | C-Z1 | different on purpose | what a request is about stands in its guards |
//! | C-Z2 | stricter | a token without a user |
//! | C-Z3 | different on purpose | roles are those of this moment |
//! | C-Z4 | same | own claims are apart from the reserved |
//! | C-Z5 | stricter | lengths of time |
//! | C-Z6 | same | claims are what JSON can hold |
//! | C-Z7 | same | the user model that comes with it |

use std::time::Duration;

use chrono::TimeDelta;
use rocket::http::{Header, Status};
use rocket::{get, routes};
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::rejection::TokenFault;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::token::{Access, Lifetime, Refresh};
use rocket_security::{AuthUser, Config, MemoryDatastore, RoleName, Security, TokenKind, Verifier};
use serde_json::{Map, Value, json};

use crate::conformance::fault_of;
use crate::support::bearer::{bearer, deny, issuer as issuer_of, read};
use crate::support::links::{confirmation_link, reset_link};
use crate::support::program::{Pair, get_with, log_in_program, pair_in, refresh, token_of};
use crate::support::tokens::{
    ASSERTION, ISSUER, fault, forge, good_claims, issuer, key, refusal, user,
};
use crate::support::users::{change_user, credentials_of};
use crate::support::{ANN, CHOSEN, app, app_with, rocket, with_ann};

/// C-P1, C-P2, different on purpose: Argon2id, where theirs has PBKDF2 of 25,000 rounds.
#[rocket::async_test]
async fn a_password_is_hashed_with_argon2id_and_verified() {
    let app = with_ann(app()).await;
    assert!(app.hash(PASSWORD).await.as_str().starts_with("$argon2id$"));
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, "a wrong password").await.status, Status::BadRequest);
}

/// C-P3, stricter: an unknown name costs a hash, too, so that no clock tells it from a wrong password.
#[rocket::async_test]
async fn an_unknown_name_and_a_wrong_password_are_one_and_cost_the_same() {
    let app = with_ann(app()).await;
    let mut costs = Vec::new();
    let mut bodies = Vec::new();
    for email in [ANN, "nobody@example.org"] {
        let before = app.hashes();
        let answer = app.browser().log_in(email, "a wrong password").await;
        costs.push(app.hashes() - before);
        bodies.push((answer.status, answer.body));
    }
    assert_eq!(costs, [1, 1]);
    assert_eq!(bodies[0], bodies[1]);
}

/// C-U1, C-U7, same: a store is a value, however it is made. C-U2 to C-U6, different on purpose: one that
/// lacks a method does not compile, and neither does a feature on a store that lacks what it needs
/// (`Security::enable` has the examples).
#[rocket::async_test]
async fn a_store_that_is_complete_is_taken_as_it_is() {
    let security = Security::with_default_features(MemoryDatastore::new());
    let app = TestApp::launch(rocket::build().attach(security)).await;
    assert_eq!(app.log_in_as(ANN).await.get("/login").await.status, Status::SeeOther);
}

/// C-T1, same; theirs has a claim for the limit of refreshing, which our refresh tokens keep apart.
#[test]
fn a_token_that_lacks_a_claim_is_refused() {
    let own = key(TokenPurpose::Local);
    let us = issuer(&format!("keys = \"{own}\""));
    for name in ["jti", "sub", "exp", "iat", "nbf", "aud", "iss"] {
        let mut claims = good_claims(&us, ISSUER);
        claims.as_object_mut().unwrap().remove(name);
        let token = forge(&own, &claims, "", ASSERTION);
        assert_eq!(fault(&us, &token), Some(TokenFault::MissingClaim(name)));
    }
}

/// C-T2, same; the store keeps which are denied, where theirs has a callback.
#[rocket::async_test]
async fn a_token_that_is_denied_is_refused() {
    let app = with_ann(app()).await;
    let pair = log_in_program(&app).await;
    assert!(deny::<Access>(&app, &pair.access).await);
    assert_eq!(get_with(&app, "/me", bearer(&pair.access)).await.status, Status::Unauthorized);
}

/// C-T3, same.
#[test]
fn an_access_token_that_has_expired_is_refused() {
    let us = issuer("");
    let token = us.tokens.access(&user()).issue().unwrap();
    us.clock.advance(TimeDelta::minutes(16));
    assert_eq!(fault(&us, &token), Some(TokenFault::Expired));
}

/// C-T4, different on purpose: a program that refreshes before it has to is no danger, and an access token
/// cannot be refreshed at all.
#[rocket::async_test]
async fn nobody_refreshes_too_early() {
    let app = with_ann(app()).await;
    let pair = log_in_program(&app).await;
    assert_eq!(refresh(&app, &pair.access).await.status, Status::BadRequest);
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::Ok);
}

/// C-T5, same.
#[rocket::async_test]
async fn a_refresh_token_that_has_expired_is_refused() {
    let app = with_ann(app()).await;
    let pair = log_in_program(&app).await;
    app.clock().advance(TimeDelta::days(31));
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::BadRequest);
}

/// C-T6, C-T7, stricter: what is mailed is of another make altogether, random and kept as a digest.
#[rocket::async_test]
async fn a_mailed_token_is_no_access_token() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let token = link.strip_prefix("/reset/").unwrap();
    let answer = get_with(&app, "/me", bearer(token)).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["token_malformed".into()])
    );
}

/// C-T8, same.
#[rocket::async_test]
async fn a_good_access_token_opens_a_route() {
    let app = with_ann(app()).await;
    let token = token_of(&app.browser()).await;
    assert_eq!(get_with(&app, "/me", bearer(&token)).await.body, ANN);
}

/// C-T9, stricter: theirs refreshes any number of times with one token.
#[rocket::async_test]
async fn a_good_refresh_token_gives_the_next_two_once() {
    let app = with_ann(app()).await;
    let pair = log_in_program(&app).await;
    app.clock().advance(TimeDelta::minutes(16));
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    assert_eq!(get_with(&app, "/me", bearer(&next.access)).await.body, ANN);
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::BadRequest);
}

/// C-T10, same.
#[rocket::async_test]
async fn a_good_confirmation_confirms() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

/// C-E1, different on purpose: roles are not in it, for they are asked of the store with each request; the
/// limit of refreshing is that of another token.
#[test]
fn a_token_says_whose_it_is_from_when_and_until_when() {
    let (us, ann) = (issuer(""), user());
    let token = us.tokens.access(&ann).issue().unwrap();
    let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    let (from, to) = (read.issued_at().unwrap(), read.expires_at().unwrap());
    assert_eq!(to - from, TimeDelta::minutes(15));
    assert_eq!(read.subject(), Some(ann.id.to_string().as_str()));
    assert!(read.id().is_some());
    assert_eq!(read.claims.get("rls"), None);
}

/// C-E2, C-E3, same: a length or a moment, and nothing that has to be read first.
#[test]
fn a_call_says_how_long_a_token_lasts() {
    let us = issuer("");
    let until = us.clock.now() + TimeDelta::days(2);
    for (lifetime, lasts) in [
        (Lifetime::After(Duration::from_secs(60)), TimeDelta::minutes(1)),
        (Lifetime::At(until), TimeDelta::days(2)),
    ] {
        let token = us.tokens.access(&user()).lifetime(lifetime).issue().unwrap();
        let read = us.tokens.verifier().verify::<Value, Access>(&token).ok().unwrap();
        let made = read.expires_at().unwrap() - read.issued_at().unwrap();
        assert!((made - lasts).abs() <= TimeDelta::seconds(1), "{made}");
    }
}

/// C-E4, same.
#[rocket::async_test]
async fn an_access_token_lasts_no_longer_than_its_refresh_token() {
    let settings = json!({"tokens": {"lifetime": "10h", "refresh_idle": "1h"}});
    let app = with_ann(app_with(settings)).await;
    let pair = log_in_program(&app).await;
    app.clock().advance(TimeDelta::minutes(62));
    assert_eq!(get_with(&app, "/me", bearer(&pair.access)).await.status, Status::Unauthorized);
}

/// C-E5, same.
#[rocket::async_test]
async fn nobody_issues_a_token_for_somebody_switched_off() {
    let app = with_ann(app()).await;
    let ann = app.user(ANN).await;
    let change = UserChange::active(false);
    let ann = change_user(&app, &ann, &change).await;
    assert!(issuer_of(&app).access(&ann).issue().is_err());
}

/// C-E6, C-E7, same.
#[test]
fn own_claims_are_kept_and_reserved_ones_refused() {
    let us = issuer("");
    let duties = json!({"duties": ["jester", "cook"]});
    let token = us.tokens.access(&user()).claims(&duties).issue().unwrap();
    let read = us.tokens.verifier().verify::<Value, Access>(&token).ok().unwrap();
    assert_eq!(read.claims, duties);
    assert!(us.tokens.access(&user()).claims(json!({"exp": "nice try"})).issue().is_err());
}

/// C-E8, different on purpose: a million days are no lifetime of an access token; a kind of the
/// application's own may have no end.
#[test]
fn an_eternal_token_is_of_a_kind_that_says_so() {
    struct Eternal;
    impl TokenKind for Eternal {
        const NAME: &'static str = "eternal";
        const LIFETIME: Option<Lifetime> = Some(Lifetime::Never);
    }
    let us = issuer("");
    assert!(us.tokens.access(&user()).lifetime(Lifetime::Never).issue().is_err());
    let token = us.tokens.of::<Eternal>("somebody").issue().unwrap();
    let read = us.tokens.verifier().verify::<Value, Eternal>(&token).ok().unwrap();
    assert_eq!(read.expires_at(), None);
}

/// C-E9, same.
#[test]
fn an_id_is_written_as_text() {
    let (us, ann) = (issuer(""), user());
    let token = us.tokens.access(&ann).session(random_uuid().unwrap()).issue().unwrap();
    let read = us.tokens.verifier().verify::<Value, Access>(&token).ok().unwrap();
    assert_eq!(read.subject().unwrap().parse(), Ok(ann.id));
}

/// C-R1, same; each has an id of its own, where theirs keeps one.
#[rocket::async_test]
async fn refreshing_gives_other_times_the_same_end_and_the_same_user() {
    let app =
        with_ann(app_with(json!({"tokens": {"refresh_lifetime": "2h", "refresh_idle": "2h"}})))
            .await;
    let both =
        |pair: &Pair| (read::<Access>(&app, &pair.access), read::<Refresh>(&app, &pair.refresh));
    let first = both(&log_in_program(&app).await);
    let pair = log_in_program(&app).await;
    let before = both(&pair);
    app.clock().advance(TimeDelta::minutes(10));
    let after = both(&pair_in(&refresh(&app, &pair.refresh).await));
    assert_eq!(
        after.0.issued_at().unwrap() - before.0.issued_at().unwrap(),
        TimeDelta::minutes(10)
    );
    assert_eq!(after.1.expires_at(), before.1.expires_at(), "the login ends when it would have");
    assert_eq!(after.0.subject(), before.0.subject());
    assert_ne!(after.0.id(), before.0.id());
    assert_ne!(first.1.id(), before.1.id());
}

/// C-R2, C-R3, different on purpose: a caller asks for nothing; what is configured holds, and no token
/// outlasts its login.
#[rocket::async_test]
async fn a_refreshed_token_lasts_as_configured_and_no_longer_than_its_login() {
    let settings =
        json!({"tokens": {"lifetime": "1h", "refresh_lifetime": "90m", "refresh_idle": "90m"}});
    let app = with_ann(app_with(settings)).await;
    let pair = log_in_program(&app).await;
    app.clock().advance(TimeDelta::minutes(59));
    let next = pair_in(&refresh(&app, &pair.refresh).await);
    let token = read::<Access>(&app, &next.access);
    let lasts = token.expires_at().unwrap() - token.issued_at().unwrap();
    assert!(lasts <= TimeDelta::minutes(32), "{lasts}");
}

/// C-R4, C-R5, stricter: their access tokens are over with it, too.
#[rocket::async_test]
async fn nobody_refreshes_for_somebody_switched_off_or_deleted() {
    let app = with_ann(app()).await;
    let ann = app.user(ANN).await;
    let pair = log_in_program(&app).await;
    change_user(&app, &ann, &UserChange::active(false)).await;
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::BadRequest);
    change_user(&app, &ann, &UserChange::active(true)).await;
    let pair = log_in_program(&app).await;
    app.store().delete_user(ann.id, &Together::nothing()).await.unwrap();
    assert_eq!(refresh(&app, &pair.refresh).await.status, Status::BadRequest);
    assert_eq!(get_with(&app, "/me", bearer(&pair.access)).await.status, Status::Unauthorized);
}

/// C-R6, different on purpose: what an application says of a user it says anew, in a token that it issues
/// itself; what is refreshed has the framework's claims alone.
#[rocket::async_test]
async fn a_refreshed_token_has_the_framework_s_claims_alone() {
    let app = with_ann(app()).await;
    let next = pair_in(&refresh(&app, &log_in_program(&app).await.refresh).await);
    let verifier = app.client().rocket().state::<Verifier>().unwrap();
    let token = verifier.verify::<Map<String, Value>, Access>(&next.access).unwrap();
    assert!(token.claims.is_empty(), "{:?}", token.claims);
}

/// C-X1, stricter: theirs takes a scheme without a blank behind it, and ignores what follows the token.
#[rocket::async_test]
async fn a_token_is_read_from_the_header() {
    let app = with_ann(app()).await;
    let token = token_of(&app.browser()).await;
    for (header, status) in [
        (format!("Bearer {token}"), Status::Ok),
        (format!("Bearer{token}"), Status::Unauthorized),
        (format!("Bearer {token} and more"), Status::Unauthorized),
        (token.clone(), Status::Unauthorized),
    ] {
        let answer = get_with(&app, "/me", Header::new("Authorization", header)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

/// C-X2, stricter: theirs looks into a cookie by default and asks nothing more of whoever is led here from
/// elsewhere. Ours does where that is configured, and what changes something then needs the anti-forgery token.
#[rocket::async_test]
async fn a_token_is_read_from_a_cookie_where_that_is_configured() {
    for (sources, status) in [
        (json!(["authorization"]), Status::Unauthorized),
        (json!(["authorization", "cookie"]), Status::Ok),
    ] {
        let settings = json!({"tokens": {"sources": sources}});
        let app = with_ann(app_with(settings)).await;
        let browser = app.browser();
        browser.set_cookie("security_token", &token_of(&app.browser()).await);
        let answer = browser.get_json("/me").await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if status == Status::Ok {
            assert_eq!(answer.body, ANN);
            let made = browser.post_raw("/thing", "application/json", b"{}").await;
            assert_eq!(made.reasons(), ["csrf_failed"], "{}", made.body);
        }
        browser.set_cookie("security_token", "iammalformed");
        assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    }
}

/// C-X3, different on purpose: what a header holds is short enough to write.
#[rocket::async_test]
async fn a_header_is_the_scheme_and_the_token() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    token_of(&browser).await;
    let sessions = browser.get_json("/sessions").await.response("sessions");
    let session = sessions[0]["id"].as_str().unwrap().parse().unwrap();
    let ann = app.user(ANN).await;
    let made = issuer_of(&app).access(&ann).session(session).claims(json!({"duties": ["cook"]}));
    let token = made.lifetime(Duration::from_secs(60)).issue().unwrap();
    let header = Header::new("Authorization", format!("Bearer {token}"));
    assert_eq!(get_with(&app, "/me", header).await.body, ANN);
}

/// C-M1, same; and a mail that fails is tried again, where theirs says nothing of it.
#[rocket::async_test]
async fn a_mail_is_written_with_subject_link_and_sender() {
    let app = with_ann(app()).await;
    reset_link(&app, ANN).await;
    let mail = app.newest_mail_to(ANN).await;
    assert!(!mail.subject.is_empty());
    let link = mail.link.as_deref().unwrap();
    assert!(mail.text.contains(link) && mail.html.contains("href=\""), "{}", mail.html);
}

/// C-M2, different on purpose: without one, mail is from the site; what is no address stops the launch.
#[rocket::async_test]
async fn a_sender_is_made_up_and_one_that_is_none_stops_the_launch() {
    let app = with_ann(app()).await;
    reset_link(&app, ANN).await;
    let figment = rocket::figment::Figment::from(rocket::Config::debug_default())
        .merge(("security.mail.from", 7));
    assert!(Config::from_figment(&figment).is_err());
    assert!(fault_of(json!({"mail": {"sender": ANN}})).starts_with("security.mail.sender: "));
}

/// C-M3, stricter: theirs is good for any number of resets, also after the password was changed.
#[rocket::async_test]
async fn a_reset_s_token_finds_its_user_once() {
    let app = with_ann(app()).await;
    let link = reset_link(&app, ANN).await;
    let as_confirmation = link.replace("/reset/", "/confirm/");
    let refused = app.browser().post_json(&as_confirmation, json!({})).await;
    assert_eq!(refused.reasons(), ["invalid_link"]);
    let body = json!({"password": CHOSEN});
    assert_eq!(app.browser().post_json(&link, body.clone()).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, CHOSEN).await.status, Status::Ok);
    assert_eq!(app.browser().post_json(&link, body).await.reasons(), ["invalid_link"]);
}

/// C-M4, C-M5, stricter: likewise.
#[rocket::async_test]
async fn a_confirmation_s_token_finds_its_user_once_and_in_time() {
    for (hours, status) in [(0, Status::Ok), (24, Status::BadRequest)] {
        let app = app().await;
        let link = confirmation_link(&app, ANN).await;
        let as_reset = link.replace("/confirm/", "/reset/");
        let refused = app.browser().post_json(&as_reset, json!({"password": CHOSEN})).await;
        assert_eq!(refused.reasons(), ["invalid_link"]);
        app.clock().advance(TimeDelta::hours(hours));
        assert_eq!(app.browser().post_json(&link, json!({})).await.status, status);
        assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::BadRequest);
    }
}

/// C-H1, C-H2, different on purpose: nobody has to switch it on, and nobody is turned away for an old hash.
#[rocket::async_test]
async fn an_outdated_hash_is_replaced_by_the_right_password_alone() {
    let app = with_ann(app()).await;
    let app = app.restart_with(rocket(), json!({"password": {"memory": 16}})).await;
    let hash = async || credentials_of(&app, ANN).await.password_hash.unwrap().as_str().to_owned();
    let before = hash().await;
    app.browser().log_in(ANN, "a wrong password").await;
    assert_eq!(hash().await, before);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
    assert!(hash().await.contains("m=16,"));
}

/// C-D1, same.
#[rocket::async_test]
async fn a_guest_is_welcome_where_the_route_says_so() {
    let app = with_ann(app()).await;
    let token = token_of(&app.browser()).await;
    assert_eq!(app.browser().get("/").await.body, "a guest");
    assert_eq!(get_with(&app, "/", bearer(&token)).await.body, ANN);
    assert_eq!(get_with(&app, "/", bearer("bad")).await.status, Status::Unauthorized);
}

/// C-D2, same; the cookie is that of a session.
#[rocket::async_test]
async fn somebody_is_asked_for() {
    let app = with_ann(app()).await;
    let browser = app.browser();
    let token = token_of(&browser).await;
    assert_eq!(app.browser().get_json("/me").await.status, Status::Unauthorized);
    for header in ["bad_structure iammalformed", "Bearer iammalformed"] {
        let header = Header::new("Authorization", header);
        assert_eq!(get_with(&app, "/me", header).await.status, Status::Unauthorized);
    }
    assert_eq!(get_with(&app, "/me", bearer(&token)).await.body, ANN);
    assert_eq!(browser.get("/me").await.body, ANN);
    app.clock().advance(TimeDelta::minutes(16));
    assert_eq!(get_with(&app, "/me", bearer(&token)).await.status, Status::Unauthorized);
}

async fn statuses(app: &TestApp, roles: &[&str]) -> [u16; 3] {
    for role in roles {
        app.grant(ANN, role).await;
    }
    let token = token_of(&app.browser()).await;
    let mut statuses = [0; 3];
    for (status, path) in statuses.iter_mut().zip(["/admin", "/both", "/drafts"]) {
        *status = get_with(app, path, bearer(&token)).await.status.code;
    }
    statuses
}

/// C-D3, C-D4, same: all of some roles, any of them; a guard for roles also asks for somebody.
#[rocket::async_test]
async fn roles_are_asked_for_all_or_any() {
    let app = with_ann(app()).await;
    assert_eq!(statuses(&app, &[]).await, [403, 403, 403]);
    assert_eq!(statuses(&app, &["editor"]).await, [403, 403, 200]);
    assert_eq!(statuses(&app, &["admin"]).await, [200, 200, 200]);
    for path in ["/admin", "/both", "/drafts"] {
        assert_eq!(app.browser().get_json(path).await.status, Status::Unauthorized);
    }
}

#[get("/whose")]
fn whose(user: AuthUser) -> String {
    format!("{} {}", user.email, user.roles.len())
}

/// C-Z1, different on purpose: there is no state of a request beside its guards to add to or to forget.
#[rocket::async_test]
async fn nothing_of_a_request_is_left_in_the_next() {
    let rocket = rocket::build().attach(Security::default()).mount("/", routes![whose]);
    let app = TestApp::launch(rocket).await;
    app.grant(ANN, "editor").await;
    app.user("bob@example.org").await;
    let (ann, bob) = (app.log_in_as(ANN).await, app.log_in_as("bob@example.org").await);
    for _ in 0..2 {
        assert_eq!(ann.get("/whose").await.body, "ann@example.org 1");
        assert_eq!(bob.get("/whose").await.body, "bob@example.org 0");
        assert_eq!(app.browser().get_json("/whose").await.status, Status::Unauthorized);
    }
}

/// C-Z2, stricter: theirs lets whoever was deleted go on until the token expires.
#[rocket::async_test]
async fn a_token_without_a_user_is_refused() {
    let own = key(TokenPurpose::Local);
    let app = app_with(json!({"tokens": {"keys": own, "issuer": ISSUER}})).await;
    let ann = app.user(ANN).await;
    let token = token_of(&app.browser()).await;
    let mut claims = good_claims(&issuer(""), ISSUER);
    claims["epoch"] = json!(0);
    let of_nobody = bearer(&forge(&own, &claims, "", ASSERTION));
    assert_eq!(get_with(&app, "/me", of_nobody).await.status, Status::Unauthorized);
    app.store().delete_user(ann.id, &Together::nothing()).await.unwrap();
    assert_eq!(get_with(&app, "/me", bearer(&token)).await.status, Status::Unauthorized);
}

/// C-Z3, different on purpose: theirs has the roles of when the token was made.
#[rocket::async_test]
async fn roles_are_those_of_this_moment() {
    let app = with_ann(app()).await;
    let ann = app.grant(ANN, "admin").await;
    let token = token_of(&app.browser()).await;
    assert_eq!(get_with(&app, "/admin", bearer(&token)).await.status, Status::Ok);
    let admin = RoleName::parse("admin").unwrap();
    app.roles().revoke_role(ann.id, &admin, &Together::nothing()).await.unwrap();
    assert_eq!(get_with(&app, "/admin", bearer(&token)).await.status, Status::Forbidden);
}

/// C-Z4, same.
#[test]
fn own_claims_are_apart_from_those_of_the_framework() {
    let us = issuer("");
    let token = us.tokens.access(&user()).claims(json!({"duties": 1})).issue().unwrap();
    let read = us.tokens.verifier().verify::<Map<String, Value>, Access>(&token).ok().unwrap();
    assert_eq!(read.claims.keys().collect::<Vec<_>>(), ["duties"]);
}

/// C-Z5, stricter: theirs drops without a word what follows the first part that it does not understand.
#[test]
fn a_length_of_time_is_understood_as_a_whole_or_not_at_all() {
    for good in ["1day 2h", "30m", "5 minutes 3 days", "2weeks"] {
        assert_eq!(refusal(&format!("lifetime = \"{good}\"")), "", "{good}");
    }
    for bad in ["12 dogs", "", "1 day 2 dogs", "soon", "1", "-1h"] {
        let said = refusal(&format!("lifetime = \"{bad}\""));
        assert!(said.starts_with("security.tokens.lifetime: is wrong"), "{bad}: {said}");
    }
}

/// C-Z6, same.
#[test]
fn claims_are_what_json_can_hold() {
    let us = issuer("");
    let good = json!({"a": [1, "b", null, 2.5, {"c": true}]});
    assert!(us.tokens.access(&user()).claims(good).issue().is_ok());
    let by_pair = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(us.tokens.access(&user()).claims(by_pair).issue().is_err());
}

/// C-Z7, same.
#[rocket::async_test]
async fn the_users_that_come_with_it_log_in() {
    let app = with_ann(app()).await;
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.response("user")["email"], ANN);
}

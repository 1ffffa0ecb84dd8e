//! Tokens that a login gives, and what they open.

use std::time::Duration;

use chrono::TimeDelta;
use rocket::http::{ContentType, Header, Status};
use rocket::{Build, Rocket, async_trait, get, post, routes};
use rocket_security::config::TokenPurpose;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::feature::{LoginAttempt, Required, Verdict};
use rocket_security::features::tokens::Tokens;
use rocket_security::testing::{Answer, PASSWORD, TestApp};
use rocket_security::token::Lifetime;
use rocket_security::{AuthUser, AuthVia, Fresh, Hooks, Maybe, Result, Security, via};
use serde_json::{Value, json};

use crate::support::bearer::{bearer, begin_session, issuer};
use crate::support::launching::try_launch_on;
use crate::support::program::{
    LOGIN, assert_token_refused, credentials, get, get_with, get_with_all, post, token_of,
};
use crate::support::tokens::{
    ASSERTION, Download, ISSUER, PARTNER, forge, good_claims_at, key, public_half,
};
use crate::support::users::change_user;
use crate::support::{ANN, BOB, CHOSEN, admin, me, sql, with_ann};

#[post("/me")]
fn change_me(user: AuthUser) -> String {
    user.email.to_string()
}

#[get("/facts")]
fn facts(user: AuthVia<via::BearerToken>) -> String {
    let (at, session) = (user.authenticated_at().is_some(), user.session_id().is_some());
    format!("{} {} {at} {session}", user.mechanism(), user.authn_via())
}

#[get("/fresh")]
fn fresh(_user: Fresh<5>) -> &'static str {
    "fresh"
}

#[get("/maybe")]
fn maybe(user: Maybe<AuthUser>) -> String {
    user.0.map_or("a guest".to_owned(), |user| user.email.to_string())
}

fn rocket(security: Security) -> Rocket<Build> {
    rocket::build().attach(security).mount("/", routes![me, change_me, facts, admin, fresh, maybe])
}

async fn app_with(settings: Value) -> TestApp {
    with_ann(TestApp::launch_with(rocket(Security::default()), settings)).await
}

async fn app() -> TestApp {
    app_with(json!({})).await
}

fn token_in(answer: &Answer) -> Option<String> {
    answer.response("user")["authentication_token"].as_str().map(str::to_owned)
}

async fn assert_accepted(app: &TestApp, token: &str) {
    let answer = get(app, "/me", token).await;
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, ANN));
}

async fn assert_refused(app: &TestApp, token: &str, reason: &str) {
    assert_token_refused(&get(app, "/me", token).await, reason);
}

#[rocket::async_test]
async fn a_login_gives_a_token_to_a_program_that_asks_for_one() {
    let app = app().await;
    let program = post(&app, LOGIN, credentials()).await;
    assert_eq!(program.header("Cache-Control"), Some("no-store"));
    let form = app.browser().header("Accept", "application/json");
    let fields = [("email", ANN), ("password", PASSWORD)];
    let form = form.post_form("/login?include_auth_token=", &fields).await;
    for answer in [program, form] {
        assert_eq!(answer.status, Status::Ok, "{}", answer.body);
        assert_eq!(answer.response("user")["email"], ANN);
        let token = token_in(&answer).unwrap();
        assert!(token.starts_with("v4.local."), "{token}");
        assert_accepted(&app, &token).await;
    }
}

#[rocket::async_test]
async fn nobody_else_gets_one() {
    let app = app().await;
    let ann = app.browser();
    let plain = ann.post_json("/login", credentials()).await;
    assert_eq!((plain.status, token_in(&plain)), (Status::Ok, None), "who does not ask");
    for answer in [ann.get_json(LOGIN).await, ann.get_json("/verify?include_auth_token").await] {
        assert_eq!((answer.status, token_in(&answer)), (Status::Ok, None), "a GET");
    }
    let again = ann.post_json(LOGIN, credentials()).await;
    assert_eq!((again.status, token_in(&again)), (Status::BadRequest, None));
    let wrong = json!({"email": ANN, "password": "a wrong password"});
    let wrong = app.browser().post_json(LOGIN, wrong).await;
    assert_eq!(wrong.status, Status::BadRequest);
    assert!(!wrong.body.contains("v4."), "{}", wrong.body);
    let page = app.browser().post_form(LOGIN, &[("email", ANN), ("password", PASSWORD)]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/"));
    assert!(!page.body.contains("v4."), "{}", page.body);
}

/// Wants a second factor.
pub(crate) struct SecondFactor;

#[async_trait]
impl Hooks for SecondFactor {
    async fn before_login(&self, _attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        Ok(Verdict::Require(Required::proof("verify", "totp")))
    }
}

#[rocket::async_test]
async fn nor_does_whoever_has_not_passed_every_hook() {
    let app = with_ann(TestApp::launch(rocket(Security::default().hooks(SecondFactor)))).await;
    let answer = app.browser().post_json(LOGIN, credentials()).await;
    assert_eq!(answer.response("tf_required"), true);
    assert!(!answer.body.contains("v4."), "{}", answer.body);
}

#[rocket::async_test]
async fn without_the_feature_neither_the_parameter_nor_a_token_says_anything() {
    let security = Security::default().disable::<Tokens>();
    let rocket = rocket::build().attach(security).mount("/", routes![me, maybe]);
    let app = TestApp::launch(rocket).await;
    let ann = app.user(ANN).await;
    let answer = app.browser().post_json(LOGIN, credentials()).await;
    assert_eq!((answer.status, token_in(&answer)), (Status::Ok, None));
    let token = issuer(&app).access(&ann).issue().unwrap();
    let answer = get(&app, "/me", &token).await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["unauthenticated".into()])
    );
    assert_eq!(answer.headers("WWW-Authenticate").collect::<Vec<_>>(), ["Session realm=\"login\""]);
    assert_eq!(get(&app, "/maybe", &token).await.body, "a guest");
}

#[rocket::async_test]
async fn a_signed_token_is_as_good_as_an_encrypted_one() {
    let app = app_with(json!({"tokens": {"keys": key(TokenPurpose::Public)}})).await;
    let token = token_of(&app.browser()).await;
    assert!(token.starts_with("v4.public."), "{token}");
    assert_accepted(&app, &token).await;
}

#[rocket::async_test]
async fn a_token_opens_what_its_user_may_do_at_this_moment() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    assert_eq!(get(&app, "/facts", &token).await.body, "token token true true");
    assert_eq!(get(&app, "/maybe", &token).await.body, ANN);
    assert_eq!(get(&app, "/admin", &token).await.status, Status::Forbidden);
    let ann = app.grant(ANN, "admin").await;
    assert_eq!(get(&app, "/admin", &token).await.body, "the administration");
    let admin = "admin".parse().unwrap();
    app.roles().revoke_role(ann.id, &admin, &Together::nothing()).await.unwrap();
    assert_eq!(get(&app, "/admin", &token).await.status, Status::Forbidden);
}

#[rocket::async_test]
async fn it_may_come_in_either_header_once_and_nowhere_else() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    let authorization = |value: String| Header::new("Authorization", value);
    let own = || Header::new("Authentication-Token", token.clone());
    for header in [
        authorization(format!("Bearer {token}")),
        authorization(format!("bearer  {token}")),
        authorization(format!("BEARER {token}")),
        own(),
    ] {
        assert_eq!(get_with(&app, "/me", header).await.body, ANN);
    }
    for headers in [
        vec![bearer(&token), own()],
        vec![bearer(&token), bearer(&token)],
        vec![own(), own()],
        vec![bearer(&token), authorization("Basic YTpi".to_owned())],
        vec![bearer("forged"), own()],
    ] {
        let answer = get_with_all(&app, "/me", &headers).await;
        assert_eq!(answer.status, Status::BadRequest, "{}", answer.body);
        assert_eq!(answer.reasons(), ["conflicting_credentials"]);
    }
    // A proxy may want `Authorization` for itself.
    let headers = [own(), authorization("Basic YTpi".to_owned())];
    assert_eq!(get_with_all(&app, "/me", &headers).await.body, ANN);
    for path in ["access_token", "authentication_token", "auth_token", "token"] {
        let answer = app.browser().get_json(&format!("/me?{path}={token}")).await;
        assert_eq!(answer.reasons(), ["unauthenticated"], "{path}");
        let form = app.browser().post_form_as_is("/me", &[(path, &token)]).await;
        assert_eq!(form.status, Status::SeeOther, "{path}");
    }
}

#[rocket::async_test]
async fn no_request_with_a_token_gets_a_cookie_or_needs_an_anti_forgery_token() {
    let app = app().await;
    let ann = app.browser();
    let token = token_of(&ann).await;
    let post = || app.client().post("/me").header(ContentType::Form);
    let answer = app.browser().send(post().header(bearer(&token))).await;
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, ANN));
    assert_eq!(answer.headers("Set-Cookie").count(), 0);
    let foreign = app.browser().header("Origin", "https://elsewhere.example");
    assert_eq!(foreign.send(post().header(bearer(&token))).await.status, Status::Ok);
    assert_eq!(ann.send(post()).await.status, Status::BadRequest, "the cookie alone needs one");
    let answer = get(&app, "/me", &token).await;
    assert_eq!(answer.headers("Set-Cookie").count(), 0);
}

#[rocket::async_test]
async fn a_session_and_a_token_are_never_mixed() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    let bob = app.log_in_as(BOB).await;
    let get = |path: &'static str| app.client().get(path).header(bearer(&token));
    app.grant(BOB, "admin").await;
    for path in ["/me", "/admin", "/maybe"] {
        let answer = bob.send(get(path).header(Header::new("Accept", "application/json"))).await;
        assert_eq!(answer.status, Status::BadRequest, "{path}: {}", answer.body);
        assert_eq!(answer.reasons(), ["conflicting_credentials"], "{path}");
        let challenge = "Bearer realm=\"login\", error=\"invalid_request\"";
        assert_eq!(answer.header("WWW-Authenticate"), Some(challenge), "{path}");
    }
    assert_eq!(bob.send(get("/facts")).await.body, "token token true true");
    let ann = app.browser();
    ann.log_in(ANN, PASSWORD).await;
    assert_eq!(ann.send(get("/me")).await.body, ANN);
    assert_eq!(app.browser().send(get("/admin")).await.status, Status::Forbidden);
}

#[rocket::async_test]
async fn a_token_lasts_a_quarter_of_an_hour_and_is_as_old_as_its_login() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    assert_eq!(get(&app, "/fresh", &token).await.body, "fresh");
    app.clock().advance(TimeDelta::minutes(6));
    let stale = get(&app, "/fresh", &token).await;
    assert_eq!(
        (stale.status, stale.reasons()),
        (Status::Unauthorized, vec!["reauth_required".into()])
    );
    let error = "error=\"insufficient_user_authentication\"";
    let challenge = format!("Bearer realm=\"login\", {error}, max_age=300");
    assert_eq!(stale.headers("WWW-Authenticate").collect::<Vec<_>>(), [challenge]);
    app.clock().advance(TimeDelta::minutes(8));
    assert_accepted(&app, &token).await;
    app.clock().advance(TimeDelta::seconds(91));
    assert_refused(&app, &token, "token_expired").await;
}

#[rocket::async_test]
async fn that_nobody_uses_its_session_ends_no_token_of_a_login() {
    let app = app_with(json!({"tokens": {"lifetime": "30h"}})).await;
    let token = token_of(&app.browser()).await;
    for _ in 0..2 {
        app.clock().advance(TimeDelta::hours(14));
        app.sweep().await;
        assert_accepted(&app, &token).await;
    }
    app.clock().advance(TimeDelta::hours(3));
    assert_refused(&app, &token, "token_expired").await;
}

#[rocket::async_test]
async fn none_of_a_session_that_is_too_old_is_good() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let session = begin_session(&app, &ann, 0).await;
    let lasts = Lifetime::After(Duration::from_secs(48 * 3_600));
    let token = issuer(&app).access(&ann).session(session.id).lifetime(lasts).issue().unwrap();
    app.clock().advance(TimeDelta::hours(23));
    assert_accepted(&app, &token).await;
    app.clock().advance(TimeDelta::hours(1));
    assert_refused(&app, &token, "credentials_refused").await;
}

#[rocket::async_test]
async fn what_our_key_did_not_make_as_an_access_token_is_refused() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let token = token_of(&app.browser()).await;
    let (head, last) = token.split_at(token.len() / 2);
    let changed = format!("{head}{}", last.replace(|c: char| c.is_ascii_lowercase(), "A"));
    let other = app_with(json!({"keys": key(TokenPurpose::Local)})).await;
    let of_another_key = token_of(&other.browser()).await;
    let of_another_kind = issuer(&app).of::<Download>(&ann).issue().unwrap();
    assert_refused(&app, &of_another_kind, "token_forged").await;
    assert_refused(&app, &of_another_key, "token_key_unknown").await;
    for token in [changed.as_str(), "", "forged", "a b", "v4.local.", "v4.public.AAAA", "Bearer"] {
        let answer = get(&app, "/me", token).await;
        assert_eq!(answer.status, Status::Unauthorized, "{token}: {}", answer.body);
    }
    for token in ["v4.local.".repeat(3_000), "\u{e9}\u{1f980}".to_owned(), "\"\\\t".to_owned()] {
        let answer = get(&app, "/me", &token).await;
        assert_eq!(answer.status, Status::Unauthorized, "{}", answer.body);
    }
    assert_eq!(get(&app, "/maybe", "forged").await.status, Status::Unauthorized, "no guest");
    for about in ["somebody", &ann.id.to_string()] {
        // Whatever claims an application gives them, they are no user's.
        let token = issuer(&app).of::<Download>(about).issue().unwrap();
        assert_refused(&app, &token, "token_forged").await;
    }
}

#[rocket::async_test]
async fn whoever_brings_a_token_in_a_header_is_refused_in_json_unless_it_prefers_a_page() {
    let app = app().await;
    let headers = [bearer("bad"), Header::new("Authentication-Token", "bad")];
    for header in headers {
        for accept in [None, Some("*/*"), Some("text/plain, */*;q=0.5"), Some("application/json")] {
            let mut request = app.client().get("/me").header(header.clone());
            if let Some(accept) = accept {
                request.add_header(Header::new("Accept", accept));
            }
            let answer = app.browser().send(request).await;
            assert_eq!(answer.reasons(), ["token_malformed"], "{accept:?}: {}", answer.body);
        }
        for accept in ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"] {
            let request = app.client().get("/me").header(header.clone());
            let answer = app.browser().send(request.header(Header::new("Accept", accept))).await;
            assert_eq!(answer.status, Status::Unauthorized, "{accept}");
            assert!(answer.header("Content-Type").unwrap().starts_with("text/html"), "{accept}");
        }
    }
    // A password is asked for by browsers, too, and a cookie is sent by them.
    for header in [Header::new("Authorization", "Basic YTpi"), Header::new("Cookie", "a=b")] {
        let request = app.client().get("/me").header(header);
        let answer = app.browser().send(request.header(Header::new("Accept", "*/*"))).await;
        assert_eq!(answer.location(), "/login?next=%2Fme");
    }
}

#[rocket::async_test]
async fn a_trusted_issuer_s_token_is_no_user_s_of_ours() {
    let foreign = key(TokenPurpose::Public);
    let trusted = json!([{"iss": PARTNER, "key": public_half(&foreign)}]);
    let app = app_with(json!({"tokens": {"trusted": trusted, "audience": ISSUER}})).await;
    let ann = app.user(ANN).await;
    let mut claims = good_claims_at(app.clock().now(), PARTNER);
    claims["sub"] = json!(ann.id.to_string());
    claims["epoch"] = json!(ann.epoch);
    let token = forge(&foreign, &claims, "", ASSERTION);
    assert_refused(&app, &token, "token_issuer_wrong").await;
    assert_accepted(&app, &token_of(&app.browser()).await).await;
}

#[rocket::async_test]
async fn a_token_ends_with_its_session_and_no_other() {
    let app = app().await;
    let (one, two, three) = (app.browser(), app.browser(), app.browser());
    let of_one = token_of(&one).await;
    let of_two = token_of(&two).await;
    let of_three = token_of(&three).await;
    one.log_out().await;
    assert_refused(&app, &of_one, "credentials_refused").await;
    assert_accepted(&app, &of_two).await;
    two.post_json("/sessions/end-others", json!({})).await;
    assert_refused(&app, &of_three, "credentials_refused").await;
    assert_accepted(&app, &of_two).await;
}

#[rocket::async_test]
async fn whoever_proves_it_again_may_have_another_and_the_old_one_is_over() {
    let app = app().await;
    let ann = app.browser();
    let first = token_of(&ann).await;
    app.clock().advance(TimeDelta::minutes(6));
    let password = json!({"password": PASSWORD});
    let second = ann.post_json("/verify?include_auth_token", password).await;
    let second = token_in(&second).unwrap();
    assert_refused(&app, &first, "credentials_refused").await;
    assert_eq!(get(&app, "/fresh", &second).await.body, "fresh");
    let change = json!({"password": PASSWORD, "new_password": CHOSEN});
    let third = ann.post_json("/change?include_auth_token", change).await;
    let third = token_in(&third).unwrap();
    assert_refused(&app, &second, "credentials_refused").await;
    assert_accepted(&app, &third).await;
}

#[rocket::async_test]
async fn a_change_of_the_account_ends_every_token_of_it() {
    let app = app().await;
    let mut ann = app.user(ANN).await;
    for change in [
        UserChange::password(app.hash(CHOSEN).await),
        UserChange::active(false),
        UserChange::closing(app.clock().now()),
    ] {
        let session = begin_session(&app, &ann, 0).await;
        let tied = issuer(&app).access(&ann).session(session.id).issue().unwrap();
        let loose = issuer(&app).access(&ann).issue().unwrap();
        for token in [&tied, &loose] {
            assert_accepted(&app, token).await;
        }
        assert_eq!(get(&app, "/fresh", &tied).await.status, Status::Ok);
        assert_eq!(get(&app, "/fresh", &loose).await.reasons(), ["reauth_required"]);
        change_user(&app, &ann, &change).await;
        for token in [&tied, &loose] {
            assert_refused(&app, token, "credentials_refused").await;
        }
        for back in [UserChange::active(true), UserChange::reopened()] {
            let changed = app.store().update_user(ann.id, &back, &Together::nothing()).await;
            ann = changed.unwrap().unwrap_or(ann);
        }
        for token in [&tied, &loose] {
            assert_refused(&app, token, "credentials_refused").await;
        }
        ann = app.store().find_user(ann.id).await.unwrap().unwrap();
    }
    app.store().delete_user(ann.id, &Together::nothing()).await.unwrap();
}

#[rocket::async_test]
async fn another_instance_refuses_it_with_the_very_next_request() {
    let settings = json!({"keys": key(TokenPurpose::Local)});
    let app = app_with(settings.clone()).await;
    let second = rocket(Security::default());
    let second = try_launch_on(app.database(), second, settings).await.unwrap();
    let status_of =
        async |token: &str| second.get("/me").header(bearer(token)).dispatch().await.status();
    let ann = app.browser();
    let token = token_of(&ann).await;
    assert_eq!(status_of(&token).await, Status::Ok);
    ann.log_out().await;
    assert_eq!(status_of(&token).await, Status::Unauthorized);
    let token = token_of(&app.browser()).await;
    assert_eq!(status_of(&token).await, Status::Ok);
    change_user(&app, &app.user(ANN).await, &UserChange::active(false)).await;
    assert_eq!(status_of(&token).await, Status::Unauthorized);
}

#[cfg(feature = "cli")]
#[rocket::async_test]
async fn an_operator_who_ends_a_session_ends_its_token() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    assert_accepted(&app, &token).await;
    let place = crate::support::operator::Place::beside(app.database());
    place.run(&format!("sessions end {ANN} --all")).succeeded();
    assert_refused(&app, &token, "credentials_refused").await;
}

#[rocket::async_test]
async fn a_store_that_does_not_answer_is_503() {
    let app = app().await;
    let token = token_of(&app.browser()).await;
    let rename = |from, to| format!("ALTER TABLE security_{from} RENAME TO security_{to}");
    sql::execute(app.database(), &rename("refresh", "elsewhere")).await;
    let answer = get(&app, "/me", &token).await;
    assert_eq!(answer.status, Status::ServiceUnavailable, "{}", answer.body);
    assert!(answer.header("Retry-After").is_some());
    sql::execute(app.database(), &rename("elsewhere", "refresh")).await;
    assert_accepted(&app, &token).await;
}

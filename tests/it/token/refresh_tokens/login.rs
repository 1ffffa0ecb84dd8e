//! What a program logs in by, and what it gets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::token::Refresh;
use rocket_security::{Rejection, Security, TokenIssuer};
use serde_json::{Value, json};

use crate::support::bearer::{issuer, read};
use crate::support::program::{Pair, credentials, log_in_program, pair_in, post, refresh};
use crate::support::users::change_user;
use crate::support::{ANN, with_ann};
use crate::token::bearer::SecondFactor;
use crate::token::refresh_tokens::{
    app, app_with, assert_refused, families, is_accepted, log_in, rocket,
};

#[rocket::async_test]
async fn a_login_and_a_program_get_two_tokens_that_are_of_use() {
    let app = app().await;
    let ann = app.browser();
    for pair in [log_in(&ann).await, log_in_program(&app).await] {
        assert!(is_accepted(&app, &pair.access).await);
        assert!(!is_accepted(&app, &pair.refresh).await, "a refresh token is no access token");
        assert_eq!(refresh(&app, &pair.access).await.status, Status::BadRequest);
        let answer = refresh(&app, &pair.refresh).await;
        assert_eq!(answer.response("token_type"), "Bearer");
        assert_eq!(answer.response("expires_in"), 900);
        assert_eq!(answer.response("user")["email"], ANN);
        assert_eq!(answer.response("csrf_token"), Value::Null);
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(answer.headers("Set-Cookie").count(), 0);
        let next = pair_in(&answer);
        assert!(is_accepted(&app, &next.access).await);
        assert_ne!(next, pair);
        let (old, new) =
            (read::<Refresh>(&app, &pair.refresh), read::<Refresh>(&app, &next.refresh));
        assert_eq!((old.family(), old.session()), (new.family(), new.session()));
        assert!(old.family().is_some() && old.id() != new.id());
    }
    let begun = families(&app).await;
    assert_eq!(begun.iter().filter(|family| family.session_id.is_some()).count(), 1);
}

#[rocket::async_test]
async fn a_program_may_send_forms_and_is_answered_in_json() {
    let app = app().await;
    let ann = app.browser();
    let fields = [("email", ANN), ("password", PASSWORD)];
    let pair = pair_in(&ann.post_form("/token", &fields).await);
    let next = ann.post_form("/refresh-token", &[("refresh_token", &pair.refresh)]).await;
    let next = pair_in(&next);
    assert!(is_accepted(&app, &next.access).await);
    let again = ann.post_form("/refresh-token", &[("refresh_token", &pair.refresh)]).await;
    assert_refused(&again, "refresh_token_reused");
    let forged = ann.post_form_as_is("/token", &fields).await;
    assert_eq!((forged.status, forged.reasons()), (Status::BadRequest, vec!["csrf_failed".into()]));
    let wrong = [("email", ANN), ("password", "a wrong password")];
    let wrong = app.browser().post_form("/token", &wrong).await;
    assert_eq!(wrong.reasons(), ["invalid_credentials"]);
    assert!(wrong.location().is_empty() || wrong.header("Location").is_none());
}

#[rocket::async_test]
async fn of_40_logins_at_once_20_programs_remain() {
    let settings = json!({"throttle": {"scale": 100}});
    let app = with_ann(TestApp::launch_with(rocket(Security::default()), settings)).await;
    // A machine that has much else to do may let some wait for the database too long: whoever is told so
    // may be logged in all the same, and has no token of it.
    let lost = AtomicUsize::new(0);
    let log_in = async || loop {
        let answer = post(&app, "/token", credentials()).await;
        if answer.status != Status::ServiceUnavailable {
            return pair_in(&answer);
        }
        lost.fetch_add(1, Ordering::Relaxed);
    };
    let pairs = join_all((0..40).map(|_| log_in())).await;
    assert_eq!(families(&app).await.len(), 20);
    let mut good = 0;
    for pair in &pairs {
        good += usize::from(is_accepted(&app, &pair.access).await);
    }
    let lost = lost.into_inner();
    assert!(good <= 20 && good + lost >= 20, "{good} of 40 are good, and {lost} were lost");
}

#[rocket::async_test]
async fn a_program_cannot_log_in_past_a_second_factor_or_a_password_that_is_to_be_changed() {
    let app = with_ann(TestApp::launch(rocket(Security::default().hooks(SecondFactor)))).await;
    let answer = post(&app, "/token", credentials()).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert_eq!(answer.reasons(), ["invalid_credentials"]);
    assert!(!answer.body.contains("v4."));
    let app = self::app().await;
    let ann = app.user(ANN).await;
    change_user(&app, &ann, &UserChange::must_change()).await;
    let answer = post(&app, "/token", credentials()).await;
    assert_eq!(answer.reasons(), ["password_change_required"]);
    assert_eq!(families(&app).await, []);
}

#[rocket::async_test]
async fn an_application_logs_programs_in_by_itself() {
    let app = app().await;
    let ann = app.user(ANN).await;
    let tokens: &TokenIssuer = issuer(&app);
    let pair = tokens.refresh(&ann).device("The kitchen's display").issue().await.unwrap();
    let (access, token) = (pair.access.expose(), pair.refresh.expose());
    assert!(is_accepted(&app, access).await);
    let [family] = families(&app).await.try_into().unwrap();
    assert_eq!(family.user_agent.as_deref(), Some("The kitchen's display"));
    assert!(
        pair_in(&refresh(&app, token).await)
            != Pair { access: access.clone(), refresh: token.clone() }
    );
    let gone = rocket_security::crypto::random_uuid().unwrap();
    let fault = tokens.refresh(&ann).session(gone).issue().await.err().unwrap();
    assert_eq!(Rejection::from(fault), Rejection::CredentialsRefused);
    change_user(&app, &ann, &UserChange::active(false)).await;
    assert!(tokens.refresh(&ann).issue().await.is_err());
}

#[rocket::async_test]
async fn an_access_token_lasts_no_longer_than_its_family() {
    let app = app_with(json!({
        "lifetime": "10h", "refresh_idle": "2h", "refresh_lifetime": "3h",
    }))
    .await;
    let pair = log_in_program(&app).await;
    app.clock().advance(TimeDelta::from_std(Duration::from_secs(7_140)).unwrap());
    assert!(is_accepted(&app, &pair.access).await);
    app.clock().advance(TimeDelta::minutes(1));
    assert!(!is_accepted(&app, &pair.access).await, "over to the second");
}

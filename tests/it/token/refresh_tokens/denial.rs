//! Single tokens that are taken back, and whether it is asked.

use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::{State, async_trait, get};
use rocket_security::config::TokenPurpose;
use rocket_security::datastore::user::UserChange;
use rocket_security::datastore::{Denylist, SqlxDatastore, Together};
use rocket_security::event::Origin;
use rocket_security::programs::Programs;
use rocket_security::rejection::TokenFault;
use rocket_security::testing::TestApp;
use rocket_security::token::{Access, NoClaims, Refresh, VerifiedToken};
use rocket_security::web::Site;
use rocket_security::{Hooks, Rejection, Result, Security, User, Verifier};
use serde_json::{Value, json};

use crate::support::bearer::{deny, issuer, read};
use crate::support::program::{log_in_program, refresh};
use crate::support::store::store_on;
use crate::support::tokens::{
    ASSERTION, Download, ISSUER, PARTNER, forge, good_claims_at, key, public_half,
};
use crate::support::users::change_user;
use crate::support::{ANN, sql, with_ann};
use crate::token::refresh_tokens::{app, app_with, assert_refused, families, is_accepted, rocket};

/// What a guard that needs the token alone asks.
#[get("/checked/<kind>/<token>")]
pub(super) async fn checked(
    kind: &str,
    token: &str,
    programs: &State<Programs>,
    site: &State<Site>,
    verifier: &State<Verifier>,
) -> Result<&'static str, Rejection> {
    if kind == "access" {
        let token = verifier.verify::<NoClaims, Access>(token).map_err(Rejection::TokenRefused)?;
        programs.check_token(site, &token).await?;
    } else {
        let token = verifier.verify::<Value, Download>(token).map_err(Rejection::TokenRefused)?;
        programs.check_token(site, &token).await?;
    }
    Ok("good")
}

/// Denies a token while somebody asks for its successor, once there is one.
struct Denying(Arc<OnceLock<(SqlxDatastore, VerifiedToken<NoClaims, Refresh>)>>);

#[async_trait]
impl Hooks for Denying {
    async fn session_checked(&self, user: &User) -> Result<Option<Rejection>> {
        if let Some((store, token)) = self.0.get() {
            let until = token.denied_until(user.created_at);
            store.deny(token.id().unwrap(), until, &Together::nothing()).await?;
        }
        Ok(None)
    }
}

#[rocket::async_test]
async fn a_token_that_is_denied_while_it_is_presented_has_no_successor() {
    let denied = Arc::new(OnceLock::new());
    let security = Security::default().hooks(Denying(Arc::clone(&denied)));
    let app = with_ann(TestApp::launch(rocket(security))).await;
    let (pair, begun) = (log_in_program(&app).await, families(&app).await);
    let store = store_on(app.database()).await;
    assert!(denied.set((store, read(&app, &pair.refresh))).is_ok());
    for _ in 0..2 {
        assert_refused(&refresh(&app, &pair.refresh).await, "refresh_token_ended");
    }
    assert_eq!(families(&app).await, begun, "nothing was replaced");
    assert!(app.mail().await.is_empty(), "and it is no theft");
}

async fn is_good(app: &TestApp, kind: &str, token: &str) -> bool {
    app.browser().get_json(&format!("/checked/{kind}/{token}")).await.status == Status::Ok
}

#[rocket::async_test]
async fn how_often_it_is_asked_whether_a_token_is_good_can_be_chosen_by_kind() {
    for (setting, at_once, within, later) in [
        ("always", false, false, false),
        ("cached(30s)", true, true, false),
        ("never", true, true, true),
    ] {
        let check = json!({"check": {"access": setting, "download": setting}});
        let app = app_with(check).await;
        let ann = app.user(ANN).await;
        let pair = log_in_program(&app).await;
        let download = issuer(&app).of::<Download>(&ann).issue().unwrap();
        for (kind, token) in [("access", &pair.access), ("download", &download)] {
            assert!(is_good(&app, kind, token).await, "{setting}");
        }
        // By another process, of which this one hears nothing.
        change_user(&app, &ann, &UserChange::active(true)).await;
        for (wait, expected) in [(0, at_once), (29, within), (2, later)] {
            app.clock().advance(TimeDelta::seconds(wait));
            for (kind, token) in [("access", &pair.access), ("download", &download)] {
                assert_eq!(is_good(&app, kind, token).await, expected, "{setting} after {wait}");
            }
        }
        assert!(!is_accepted(&app, &pair.access).await, "a guard that needs the user asks anyway");
    }
}

#[rocket::async_test]
async fn a_token_about_something_else_is_good_until_it_is_denied() {
    let app = app().await;
    let (one, other) = (
        issuer(&app).of::<Download>("report.pdf").issue().unwrap(),
        issuer(&app).of::<Download>("report.pdf").issue().unwrap(),
    );
    assert!(is_good(&app, "download", &one).await);
    assert!(deny::<Download>(&app, &one).await);
    assert!(!is_good(&app, "download", &one).await);
    assert!(is_good(&app, "download", &other).await);
    app.clock().advance(TimeDelta::minutes(15));
    app.sweep().await;
    assert_eq!(sql::count(app.database(), "security_denylist").await, 1);
    app.clock().advance(TimeDelta::minutes(11));
    app.sweep().await;
    assert_eq!(sql::count(app.database(), "security_denylist").await, 0);
}

#[rocket::async_test]
async fn a_token_without_an_id_cannot_be_denied_and_harms_no_other_of_its_issuer() {
    let foreign = key(TokenPurpose::Public);
    let public = public_half(&foreign);
    let trusted = json!([{"iss": PARTNER, "key": public, "allow": ["no-jti"]}]);
    let app = app_with(json!({"trusted": trusted, "audience": ISSUER})).await;
    let now = app.clock().now();
    let [one, other] = ["one", "other"].map(|sub| {
        let mut claims = good_claims_at(now, PARTNER);
        claims["sub"] = json!(sub);
        claims.as_object_mut().unwrap().remove("jti");
        forge(&foreign, &claims, "", ASSERTION)
    });
    let token = read::<Access>(&app, &one);
    assert_eq!(token.denied_as(), None);
    let programs: &Programs = app.client().rocket().state().unwrap();
    let refused = programs.deny_token(Origin::new(now, None), &token).await;
    assert_eq!(refused.unwrap_err(), Rejection::TokenRefused(TokenFault::MissingClaim("jti")));
    for token in [&one, &other] {
        assert!(is_good(&app, "access", token).await);
    }
}

//! What proofs are worth: levels, freshness, and what tokens say of them.

use chrono::TimeDelta;
use rocket::http::{Header, Status};
use rocket::{State, async_trait, get, post, routes};
use rocket_security::datastore::Together;
use rocket_security::flow::Flow;
use rocket_security::testing::{PASSWORD, TestApp};
use rocket_security::token::{Access, NoClaims};
use rocket_security::user::{Identity, Method, Proof, Proofs, User};
use rocket_security::web::reply::HandlerResult as Reply;
use rocket_security::web::visit::Visit;
use rocket_security::{
    Assured, AuthUser, AuthVia, Email, Fresh, Hooks, Rejection, Result, Security, TokenIssuer, Two,
    Verifier, via,
};
use serde_json::{Map, Value, json};

use crate::support::launching::{launches, try_launch};
use crate::support::users::new_user;
use crate::support::with_ann;

use crate::login::codes::{CODE, Codes, app, half_in, rocket, send};

#[rocket::async_test]
async fn a_code_makes_a_session_worth_two_factors() {
    let app = app().await;
    app.user("one@example.org").await;
    let one = app.browser();
    one.log_in("one@example.org", PASSWORD).await;
    let answer = one.get_json("/payroll").await;
    assert_eq!(
        (answer.status, answer.reasons()),
        (Status::Unauthorized, vec!["second_factor_required".into()])
    );
    assert_eq!(
        (answer.response("reauth_required"), answer.response("acr_values")),
        (json!(true), json!("aal2"))
    );
    let page = one.get("/payroll").await;
    assert_eq!(
        (page.status, page.location()),
        (Status::SeeOther, "/verify?next=%2Fpayroll&acr_values=aal2")
    );
    let answer = send(&one, CODE).await;
    assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    assert_eq!(one.get("/payroll").await.body, "one@example.org aal2");
    assert_eq!(one.get("/how").await.body, "password: pwd printed_code mfa");
}

#[rocket::async_test]
async fn a_proof_in_a_session_makes_it_fresh_and_leads_back() {
    let app = app().await;
    let ann = app.browser();
    half_in(&ann).await;
    send(&ann, CODE).await;
    app.clock().advance(TimeDelta::minutes(6));
    assert_eq!(ann.get_json("/safe").await.status, Status::Unauthorized);
    let before = ann.cookie("security_session");
    let page = ann.post_form("/code", &[("code", CODE), ("next", "/safe")]).await;
    assert_eq!((page.status, page.location()), (Status::SeeOther, "/safe"));
    assert_ne!(ann.cookie("security_session"), before, "another id");
    assert_eq!(ann.get("/safe").await.body, "the safe");
}

#[get("/issue/assured")]
fn by_assured(user: Assured<Two>, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[get("/issue/fresh")]
fn by_fresh(user: Fresh<5>, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[get("/issue/via")]
fn by_via(user: AuthVia<via::SessionCookie>, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.access(&user).issue()?)
}

#[get("/issue/program")]
async fn by_program(user: AuthUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).issue().await?.access.expose().clone())
}

#[get("/issue/beyond")]
async fn by_program_beyond(user: AuthUser, tokens: &TokenIssuer) -> Result<String, Rejection> {
    Ok(tokens.refresh(&user).beyond_login().issue().await?.access.expose().clone())
}

#[rocket::async_test]
async fn tokens_say_what_was_proved_whichever_guard_the_user_came_by() {
    let rocket = rocket(Security::default().enable(Codes {}))
        .mount("/", routes![by_assured, by_fresh, by_via, by_program, by_program_beyond]);
    let app = with_ann(TestApp::launch(rocket)).await;
    let ann = app.browser();
    half_in(&ann).await;
    send(&ann, CODE).await;
    for route in ["assured", "fresh", "via", "program", "beyond"] {
        let token = ann.get(&format!("/issue/{route}")).await.body;
        let verifier = app.client().rocket().state::<Verifier>().unwrap();
        let token = verifier.verify::<NoClaims, Access>(&token).unwrap();
        assert_eq!(token.amr(), ["pwd", "printed_code", "mfa"], "{route}");
        assert_eq!(token.acr(), Some("aal2"), "{route}");
    }
}

/// Says in every token how many proofs there were.
struct Counting;

#[async_trait]
impl Hooks for Counting {
    async fn token_claims(&self, _user: &User, proofs: &Proofs) -> Result<Map<String, Value>> {
        Ok(Map::from_iter([("proofs".to_owned(), proofs.iter().count().into())]))
    }
}

#[rocket::async_test]
async fn a_hook_adds_claims_to_the_tokens_of_every_login_and_of_refreshing() {
    let security = Security::default().enable(Codes {}).hooks(Counting);
    let app = TestApp::launch(rocket(security)).await;
    app.user("one@example.org").await;
    let body = json!({"email": "one@example.org", "password": PASSWORD});
    let program = app.browser().post_json("/token", body.clone()).await.response("user");
    let person = app.browser().post_json("/login?include_auth_token", body).await.response("user");
    let refresh = json!({"refresh_token": program["refresh_token"]});
    let next = app.browser().post_json("/refresh-token", refresh).await.response("user");
    let verifier = app.client().rocket().state::<Verifier>().unwrap();
    for user in [program, person, next] {
        let access = user["authentication_token"].as_str().unwrap();
        let token = verifier.verify::<Value, rocket_security::token::Access>(access).unwrap();
        assert_eq!(token.claims, json!({"proofs": 1}));
    }
}

/// Lets in by a smart card, which stands for whatever an application has beside passwords.
#[post("/card/<email>")]
async fn card(visit: Visit<'_>, flow: &State<Flow>, email: &str) -> Reply {
    let identity = Identity::Email(Email::parse(email).unwrap());
    let user = flow.store().find_credentials(&identity).await?.unwrap().user;
    let proof = Proof::new(Method::custom("smart_card"), visit.origin().at);
    let entry = flow.enter(&visit, user, proof).await?;
    Ok(flow.finish(&visit, entry).await?)
}

/// Fault: a user without a password was fresh for ten minutes after the login and never again.
#[rocket::async_test]
async fn a_user_without_a_password_becomes_fresh_again_by_another_factor() {
    let security = Security::default().enable(Codes {});
    let app = TestApp::launch(rocket(security).mount("/", routes![card])).await;
    let now = app.clock().now();
    let mut user = new_user("one.card@example.org", now);
    user.confirmed_at = Some(now);
    app.store().create_user(&user, &Together::nothing()).await.unwrap().unwrap();
    let one = app.browser();
    let answer = one.post_json("/card/one.card@example.org", json!({})).await;
    assert_eq!((answer.status, answer.response("tf_required")), (Status::Ok, json!(false)));
    assert_eq!(one.get("/how").await.body, "smart_card: smart_card");
    assert_eq!(one.get("/safe").await.body, "the safe");
    app.clock().advance(TimeDelta::minutes(6));
    assert_eq!(one.get("/safe").await.location(), "/verify?next=%2Fsafe");
    let page = one.get("/verify?next=%2Fsafe").await;
    assert!(page.body.contains("code?next=%2Fsafe") && page.body.contains("Use a code"));
    assert!(!page.body.contains("name=\"password\""), "there is none to type");
    let factors = one.get_json("/verify").await.response("factors");
    assert_eq!(factors, json!([{"method": "printed_code", "label": "Use a code", "url": "/code"}]));
    let answer = one.post_json("/verify", json!({"password": PASSWORD})).await;
    assert_eq!(answer.reasons(), ["invalid_input", "invalid_password"]);
    assert_eq!(send(&one, CODE).await.status, Status::Ok);
    assert_eq!(one.get("/safe").await.body, "the safe");
}

#[rocket::async_test]
async fn two_factors_are_asked_for_only_where_there_can_be_two() {
    assert!(launches(rocket(Security::default().enable(Codes {})), json!({})).await);
    let stopped = try_launch(rocket(Security::default()), json!({})).await.unwrap_err();
    assert!(stopped.contains("SentinelAborts"), "{stopped}");
}

#[rocket::async_test]
async fn tokens_say_what_was_proved() {
    let app = app().await;
    app.user("one@example.org").await;
    let body = json!({"email": "one@example.org", "password": PASSWORD});
    let one = app.browser().post_json("/token", body).await.response("user");
    let ann = app.browser();
    half_in(&ann).await;
    let answer = ann.post_json("/code?include_auth_token", json!({"code": CODE})).await;
    let two = answer.response("user");
    let verifier = app.client().rocket().state::<Verifier>().unwrap();
    for (user, amr, acr) in
        [(one, vec!["pwd"], "aal1"), (two, vec!["pwd", "printed_code", "mfa"], "aal2")]
    {
        let access = user["authentication_token"].as_str().unwrap().to_owned();
        let token = verifier.verify::<Value, rocket_security::token::Access>(&access).unwrap();
        assert_eq!(
            (token.amr(), token.acr()),
            (&*amr.iter().map(ToString::to_string).collect::<Vec<_>>(), Some(acr))
        );
        assert_eq!(token.claims, json!({}));
        let header = Header::new("Authorization", format!("Bearer {access}"));
        let answer = app.browser().send(app.client().get("/payroll").header(header)).await;
        if acr == "aal2" {
            assert_eq!(answer.status, Status::Ok, "{}", answer.body);
            continue;
        }
        let challenge = answer.header("WWW-Authenticate").unwrap();
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.contains("acr_values=\"aal2\""), "{challenge}");
        // Refreshing proves nothing.
        let refresh = json!({"refresh_token": user["refresh_token"]});
        let next = app.browser().post_json("/refresh-token", refresh).await.response("user");
        let next = next["authentication_token"].as_str().unwrap().to_owned();
        let token = verifier.verify::<Value, rocket_security::token::Access>(&next).unwrap();
        assert_eq!(token.acr(), Some("aal1"));
    }
}

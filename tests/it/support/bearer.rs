//! Requests with tokens.

use chrono::TimeDelta;
use rocket::http::{Header, Status};
use rocket::local::asynchronous::LocalRequest;
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::Together;
use rocket_security::datastore::session::{Replaces, SessionRecord};
use rocket_security::event::Origin;
use rocket_security::programs::Programs;
use rocket_security::testing::TestApp;
use rocket_security::token::{NoClaims, VerifiedToken};
use rocket_security::user::{Method, Proof, Proofs};
use rocket_security::{TokenIssuer, TokenKind, User, Verifier};
use serde_json::json;

/// The header of a token.
pub(crate) fn bearer(token: &str) -> Header<'static> {
    Header::new("Authorization", format!("Bearer {token}"))
}

/// The header of a token of that user, who logged in that many minutes ago.
pub(crate) async fn token(app: &TestApp, user: &User, minutes: i64) -> Header<'static> {
    let session = begin_session(app, user, minutes).await;
    bearer(&issuer(app).access(user).session(session.id).issue().unwrap())
}

/// The header of a token that nobody issued.
pub(crate) fn forged() -> Header<'static> {
    bearer("forged")
}

/// What the application issues tokens by.
pub(crate) fn issuer(app: &TestApp) -> &TokenIssuer {
    app.client().rocket().state().unwrap()
}

/// Reads a token as the application does.
pub(crate) fn read<K: TokenKind>(app: &TestApp, token: &str) -> VerifiedToken<NoClaims, K> {
    let verifier: &Verifier = app.client().rocket().state().unwrap();
    verifier.verify(token).unwrap()
}

/// Denies a token, and tells whether it was not denied before.
pub(crate) async fn deny<K: TokenKind>(app: &TestApp, token: &str) -> bool {
    let programs: &Programs = app.client().rocket().state().unwrap();
    let origin = Origin::new(app.clock().now(), None);
    programs.deny_token(origin, &read::<K>(app, token)).await.unwrap()
}

/// Begins a session of a user who proved that many minutes ago who they are.
pub(crate) async fn begin_session(app: &TestApp, user: &User, minutes: i64) -> SessionRecord {
    let now = app.clock().now();
    let session = SessionRecord::new(
        Token::random().unwrap().digest(),
        random_uuid().unwrap(),
        user.id,
        user.epoch,
        Proofs::from(Proof::new(Method::Password, now - TimeDelta::minutes(minutes))),
        now,
    );
    let begun = app
        .store()
        .begin_session(&session, Replaces::Nothing, 20, &Together::nothing())
        .await
        .unwrap();
    assert!(begun.is_some(), "{} may begin no session", user.email);
    session
}

/// The text of a personal access token of that user, for these scopes.
pub(crate) async fn personal_token(app: &TestApp, email: &str, scopes: &[&str]) -> String {
    let browser = app.log_in_as(email).await;
    let body = json!({"name": scopes.join(" and "), "scopes": scopes});
    let made = browser.post_json("/personal-tokens", body).await;
    assert_eq!(made.status, Status::Ok, "{}", made.body);
    made.response("token").as_str().unwrap().to_owned()
}

/// What a handshake has (RFC 6455, section 4.1), beside being a GET.
pub(crate) const HANDSHAKE: [(&str, &str); 3] = [
    ("Connection", "keep-alive, Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Makes a request one.
pub(crate) fn as_handshake<'c>(request: LocalRequest<'c>) -> LocalRequest<'c> {
    let headers = HANDSHAKE.map(|(name, value)| Header::new(name, value));
    headers.into_iter().fold(request, LocalRequest::header)
}

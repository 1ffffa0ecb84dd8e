//! Helpers of the sentences: users, times, mails, and short calls to a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::hasher::PasswordHash;
use crate::crypto::one_time::{Digest, Token};
use crate::crypto::random_uuid;
use crate::datastore::attempt::{BackOff, Charge};
use crate::datastore::lapse::Contest;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::session::{Replaces, SessionRecord};
use crate::datastore::user::{NewUser, UserChange};
use crate::datastore::{StoreConnection, Together, UserDatastore};
use crate::user::{
    Email, Identity, Method, PermissionName, Proof, Proofs, RoleName, User, UserId, Username,
};

pub(super) const BACK_OFF: BackOff =
    BackOff { from: 5, first_delay: TimeDelta::seconds(10), longest_delay: TimeDelta::seconds(45) };

/// Returns the time that many seconds after a fixed moment, which is not a whole second but has microseconds.
pub(super) fn at(seconds: i64) -> Timestamp {
    let zero = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
    zero + TimeDelta::seconds(seconds)
}

pub(super) fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

pub(super) fn username(text: &str) -> Username {
    Username::parse(text).unwrap()
}

pub(super) fn role_name(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

pub(super) fn permission_name(text: &str) -> PermissionName {
    PermissionName::parse(text).unwrap()
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(format!("$argon2id$v=19$m=19456,t=2,p=1${text}"))
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn digest() -> Digest {
    Token::random().unwrap().digest()
}

pub(super) fn some_user_id() -> UserId {
    UserId::from_uuid(random_uuid().unwrap())
}

pub(super) fn change(set: impl FnOnce(&mut UserChange)) -> UserChange {
    let mut change = UserChange::default();
    set(&mut change);
    change
}

pub(super) fn new_user(address: &str) -> NewUser {
    NewUser {
        id: some_user_id(),
        email: email(address),
        username: None,
        password_hash: Some(hash("first")),
        confirmed_at: None,
        expires_at: None,
        created_at: at(0),
    }
}

pub(super) async fn user(store: &Arc<impl UserDatastore>, address: &str) -> User {
    let made = store.create_user(&new_user(address), &Together::nothing()).await.unwrap();
    made.unwrap()
}

/// Returns another registration, by another person and without a username.
pub(super) fn contested() -> Contest {
    Contest { is_same: false, username: None, expires_at: at(900) }
}

/// Returns a new user with that address and username.
pub(super) fn new_user_named(address: &str, name: &str) -> NewUser {
    NewUser { username: Some(username(name)), ..new_user(address) }
}

pub(super) async fn user_named(store: &Arc<impl UserDatastore>, address: &str, name: &str) -> User {
    let new = new_user_named(address, name);
    store.create_user(&new, &Together::nothing()).await.unwrap().unwrap()
}

/// Grants a user roles, created if need be, if the store has roles. Returns the granted roles.
pub(super) async fn grant(
    store: &Arc<impl UserDatastore>,
    user: &User,
    names: &[&str],
) -> Vec<RoleName> {
    let Some(roles) = store.role_store() else {
        return Vec::new();
    };
    let names: Vec<RoleName> = names.iter().map(|name| role_name(name)).collect();
    for role in &names {
        roles.create_role(role, "").await.unwrap();
        assert!(roles.grant_role(user.id, role, &Together::nothing()).await.unwrap());
    }
    names
}

pub(super) async fn confirmed_user(store: &Arc<impl UserDatastore>, address: &str) -> User {
    let new = NewUser { confirmed_at: Some(at(0)), ..new_user(address) };
    store.create_user(&new, &Together::nothing()).await.unwrap().unwrap()
}

/// Finds a user and the hash of their password by the typed identity.
pub(super) async fn find(
    store: &Arc<impl UserDatastore>,
    typed: &str,
) -> Option<(User, Option<PasswordHash>)> {
    let identity = Identity::Email(email(typed));
    let found = store.find_credentials(&identity).await.unwrap();
    found.map(|found| (found.user, found.password_hash))
}

/// Finds a user by username.
pub(super) async fn find_named(store: &Arc<impl UserDatastore>, typed: &str) -> Option<User> {
    let identity = Identity::Username(username(typed));
    store.find_credentials(&identity).await.unwrap().map(|found| found.user)
}

/// Returns the proofs of a login by password at that time.
pub(super) fn password_at(time: Timestamp) -> Proofs {
    Proofs::from(Proof::new(Method::Password, time))
}

pub(super) fn session_of(user: &User) -> SessionRecord {
    SessionRecord {
        digest: digest(),
        id: random_uuid().unwrap(),
        user_id: user.id,
        epoch: user.epoch,
        proofs: password_at(at(0)),
        client: Some(ip("192.0.2.1")),
        user_agent: Some("Browser/1.0".to_owned()),
        created_at: at(0),
        last_seen_at: at(0),
        series: None,
    }
}

pub(super) async fn begin(store: &Arc<impl UserDatastore>, session: &SessionRecord) {
    assert!(
        store
            .begin_session(session, Replaces::Nothing, 20, &Together::nothing())
            .await
            .unwrap()
            .is_some()
    );
}

pub(super) async fn find_session(
    store: &Arc<impl UserDatastore>,
    session: &SessionRecord,
) -> Option<(SessionRecord, User)> {
    store.find_session(&session.digest).await.unwrap()
}

pub(super) async fn assert_refused(store: &Arc<impl UserDatastore>, session: &SessionRecord) {
    assert!(
        store
            .begin_session(session, Replaces::Nothing, 20, &Together::nothing())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(find_session(store, session).await, None);
}

pub(super) fn token_of(user: &User) -> OneTimeToken {
    OneTimeToken {
        digest: digest(),
        purpose: "confirm".to_owned(),
        user_id: user.id,
        address: user.email.canonical(),
        mail_id: random_uuid().unwrap(),
        lasting: false,
        asked_at: at(0),
        expires_at: at(3_600),
    }
}

/// Returns a token of that purpose. A user has only one token of each purpose.
pub(super) fn token_for(user: &User, purpose: impl Display) -> OneTimeToken {
    OneTimeToken { purpose: purpose.to_string(), ..token_of(user) }
}

pub(super) async fn create(store: &Arc<impl UserDatastore>, token: &OneTimeToken) {
    let user = store.find_user(token.user_id).await.unwrap().unwrap();
    if token.lasting {
        push_mail_of(store, token).await;
    }
    assert!(store.create_token(token, user.epoch).await.unwrap());
    if token.lasting {
        store.delete_mail(token.mail_id).await.unwrap();
    }
}

/// Stores the mail of a token: a lasting token is created only for a waiting mail.
/// Puts a mail into the outbox that belongs to no change.
pub(super) async fn push(store: &Arc<impl UserDatastore>, mail: &NewMail) {
    store.commit(&Together::mail(vec![mail.clone()])).await.unwrap();
}

pub(super) async fn push_mail_of(store: &Arc<impl UserDatastore>, token: &OneTimeToken) {
    let waits = NewMail { id: token.mail_id, ..mail("waits@example.org") };
    push(store, &waits).await;
}

pub(super) async fn find_token(
    store: &Arc<impl UserDatastore>,
    token: &OneTimeToken,
) -> Option<OneTimeToken> {
    store.find_token(&token.digest, &token.purpose, at(1)).await.unwrap()
}

/// Uses up a token for a change that applies to every user, with a mail.
pub(super) async fn consume(
    store: &Arc<impl UserDatastore>,
    digest: &Digest,
    purpose: &str,
    now: Timestamp,
) -> Option<User> {
    let together = Together::mail(vec![mail("ann@example.org")]);
    let change = UserChange::active(true);
    store.consume_token(digest, purpose, now, &change, &together).await.unwrap()
}

pub(super) fn mail(to: &str) -> NewMail {
    NewMail {
        id: random_uuid().unwrap(),
        template: "welcome".to_owned(),
        subject: "Welcome".to_owned(),
        to: email(to),
        addressee: Addressee::Address,
        only_unconfirmed: false,
        epoch: None,
        link: None,
        context: BTreeMap::new(),
        created_at: at(0),
        asker: None,
    }
}

/// A connection that no store has.
struct Foreign;

impl StoreConnection for Foreign {}

/// Returns a mail that could be sent, and work that cannot run.
pub(super) fn foreign() -> Together {
    Together::mail(vec![mail("ann@example.org")])
        .and(|_: &mut Foreign| Box::pin(async { unreachable!("nobody has such a connection") }))
}

/// Returns the ids of the waiting mails. Leases them for this, and makes them due again at once.
pub(super) async fn outbox(store: &Arc<impl UserDatastore>) -> BTreeSet<Uuid> {
    let leased = store.lease_mail(at(1_000_000), at(0), 1_000).await.unwrap();
    leased.iter().map(|leased| leased.mail.id).collect()
}

pub(super) async fn charge(
    store: &Arc<impl UserDatastore>,
    key: &Digest,
    now: Timestamp,
) -> Charge {
    store.charge_attempt(key, &BACK_OFF, now).await.unwrap()
}

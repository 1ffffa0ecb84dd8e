//! Credentials besides the password: stored and found.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::crypto::random_uuid;
use crate::datastore::credential::{
    CredentialChange, CredentialRecord, CredentialUse, CredentialsUnchanged,
};
use crate::datastore::user::UserChange;
use crate::datastore::{CredentialStore, Together, UserDatastore};
use crate::testing::contract::makers::{at, change, digest, grant, hash, some_user_id, user};
use crate::testing::contract::run::{CALLERS, all_at_once};
use crate::user::{CredentialKind, User};

section! {
    credentials in __contract_credentials:
    every_part_of_a_credential_is_kept,
    a_credential_is_found_by_its_lookup_with_its_user_and_their_roles,
    a_lookup_is_that_of_one_kind,
    a_user_sees_their_own_credentials_the_oldest_first,
    a_change_of_the_user_leaves_their_credentials_alone,
    a_deleted_user_takes_their_credentials_along,
    no_credential_outlives_a_deletion_that_was_under_way_with_it,
}

pub(super) const TOTP: CredentialKind = CredentialKind::TOTP;

pub(super) const PASSKEY: CredentialKind = CredentialKind::PASSKEY;

/// Returns a credential of that user and kind, with a lookup and data.
pub(super) fn credential_of(user: &User, kind: CredentialKind) -> CredentialRecord {
    let record = CredentialRecord::new(random_uuid().unwrap(), user.id, kind, at(0));
    record.name("My phone").lookup(digest()).data("{\"key\": 1}").counter(7)
}

/// Returns a change at the user's current epoch.
pub(super) fn change_of(user: &User) -> CredentialChange {
    CredentialChange::unless_changed_since(user.epoch)
}

pub(super) async fn try_change(
    store: &Arc<impl CredentialStore>,
    user: &User,
    change: &CredentialChange,
) -> Result<User, CredentialsUnchanged> {
    store.change_credentials(user.id, change, &Together::nothing()).await.unwrap()
}

/// Adds a credential, and returns the changed user.
pub(super) async fn add(
    store: &Arc<impl CredentialStore>,
    user: &User,
    credential: &CredentialRecord,
) -> User {
    try_change(store, user, &change_of(user).adding(credential.clone())).await.unwrap()
}

pub(super) async fn list(store: &Arc<impl CredentialStore>, user: &User) -> Vec<CredentialRecord> {
    store.list_credentials(user.id).await.unwrap()
}

pub(super) async fn find(
    store: &Arc<impl CredentialStore>,
    credential: &CredentialRecord,
) -> Option<CredentialRecord> {
    let lookup = credential.lookup.unwrap();
    let found = store.find_credential(&credential.kind, &lookup).await.unwrap();
    found.map(|(credential, _)| credential)
}

pub async fn every_part_of_a_credential_is_kept(store: &Arc<impl UserDatastore + CredentialStore>) {
    let ann = user(store, "ann@example.org").await;
    let micro = TimeDelta::microseconds(1);
    let mut full = credential_of(&ann, CredentialKind::parse(&"_z9".repeat(10)).unwrap())
        .name("\u{1f980}".repeat(100))
        .data("\u{e9}\u{1f511}'; DROP TABLE security_users; --".repeat(600))
        .counter(i64::MAX);
    full.created_at = at(1) + micro;
    full.last_used_at = Some(at(2) + micro);
    let bare = CredentialRecord::new(random_uuid().unwrap(), ann.id, TOTP, at(2)).counter(i64::MIN);
    let name = "\u{41c}\u{43e}\u{439} \u{43a}\u{43b}\u{44e}\u{447} \"\\%_";
    let named = credential_of(&ann, PASSKEY).name(name).data("x".repeat(65_535));
    let named = CredentialRecord { created_at: at(3), ..named };
    let all = [full, bare, named];
    let change = all.iter().cloned().fold(change_of(&ann), CredentialChange::adding);
    try_change(store, &ann, &change).await.unwrap();
    assert_eq!(list(store, &ann).await, all);
    for credential in all.iter().filter(|credential| credential.lookup.is_some()) {
        assert_eq!(find(store, credential).await.as_ref(), Some(credential));
    }
}

pub async fn a_credential_is_found_by_its_lookup_with_its_user_and_their_roles(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let passkey = credential_of(&ann, PASSKEY);
    add(store, &ann, &passkey).await;
    add(store, &bob, &credential_of(&bob, PASSKEY)).await;
    let roles = grant(store, &ann, &["admin", "editor"]).await;
    let lookup = passkey.lookup.unwrap();
    let (found, owner) = store.find_credential(&PASSKEY, &lookup).await.unwrap().unwrap();
    assert_eq!(found, passkey);
    assert_eq!(Some(&owner), store.find_user(ann.id).await.unwrap().as_ref());
    assert_eq!(owner.roles, roles);
    assert_eq!(store.find_credential(&PASSKEY, &digest()).await.unwrap(), None);
    // The store does not check whether the account is open.
    let off = UserChange::active(false);
    let off = store.update_user(ann.id, &off, &Together::nothing()).await.unwrap().unwrap();
    let (_, owner) = store.find_credential(&PASSKEY, &lookup).await.unwrap().unwrap();
    assert_eq!(owner, off);
}

pub async fn a_lookup_is_that_of_one_kind(store: &Arc<impl UserDatastore + CredentialStore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let passkey = credential_of(&ann, PASSKEY);
    let lookup = passkey.lookup.unwrap();
    let provider = credential_of(&bob, CredentialKind::PROVIDER).lookup(lookup);
    add(store, &ann, &passkey).await;
    add(store, &bob, &provider).await;
    assert_eq!(find(store, &passkey).await, Some(passkey));
    assert_eq!(find(store, &provider).await, Some(provider));
    assert_eq!(store.find_credential(&TOTP, &lookup).await.unwrap(), None);
}

pub async fn a_user_sees_their_own_credentials_the_oldest_first(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    add(store, &bob, &credential_of(&bob, PASSKEY)).await;
    let [mut first, mut second, mut third] = [PASSKEY, TOTP, PASSKEY].map(|kind| {
        let credential = credential_of(&ann, kind);
        CredentialRecord { lookup: None, ..credential }
    });
    (first.created_at, second.created_at, third.created_at) = (at(-3), at(-2), at(-1));
    let ann = add(store, &ann, &second).await;
    let both = change_of(&ann).adding(third.clone()).adding(first.clone());
    let ann = try_change(store, &ann, &both).await.unwrap();
    assert_eq!(list(store, &ann).await, [first, second, third]);
    assert_eq!(store.list_credentials(some_user_id()).await.unwrap(), []);
}

pub async fn a_change_of_the_user_leaves_their_credentials_alone(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let totp = credential_of(&ann, TOTP);
    let ann = add(store, &ann, &totp).await;
    for change in [
        UserChange::password(hash("another")),
        UserChange::active(false),
        UserChange::active(true),
        change(|it| it.must_change = Some(true)),
    ] {
        let changed = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap();
        assert_eq!(list(store, &changed.unwrap()).await, std::slice::from_ref(&totp));
    }
    let used = CredentialUse::of(&totp, 8, at(5));
    assert!(store.use_credential(&used).await.unwrap());
}

pub async fn a_deleted_user_takes_their_credentials_along(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (mine, of_bob) = (credential_of(&ann, PASSKEY), credential_of(&bob, PASSKEY));
    add(store, &ann, &mine).await;
    let bob = add(store, &bob, &of_bob).await;
    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert_eq!((find(store, &mine).await, list(store, &ann).await), (None, Vec::new()));
    assert_eq!(find(store, &of_bob).await, Some(of_bob));
    // Its lookup is free again.
    let same = credential_of(&bob, PASSKEY).lookup(mine.lookup.unwrap());
    add(store, &bob, &same).await;
}

pub async fn no_credential_outlives_a_deletion_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (id, deletes) = (ann.id, CALLERS / 2);
    all_at_once(store, CALLERS, move |store, number| {
        let ann = ann.clone();
        async move {
            if number == deletes {
                assert!(store.delete_user(id, &Together::nothing()).await.unwrap());
            } else {
                let change = change_of(&ann).adding(credential_of(&ann, PASSKEY));
                let changed = try_change(&store, &ann, &change).await;
                assert_ne!(changed, Err(CredentialsUnchanged::Taken));
            }
        }
    })
    .await;
    assert_eq!(store.list_credentials(id).await.unwrap(), []);
}

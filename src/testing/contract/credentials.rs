//! Credentials beside the password: found, used and spent.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::crypto::random_uuid;
use crate::datastore::credential::{
    CredentialChange, CredentialRecord, CredentialUse, CredentialsUnchanged, Ended,
};
use crate::datastore::user::UserChange;
use crate::datastore::{CredentialStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, change, digest, find_session, grant, hash, mail, outbox, session_of, some_user_id,
    user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::{CredentialKind, User};

section! {
    credentials in __contract_credentials:
    every_part_of_a_credential_is_kept,
    a_credential_is_found_by_its_lookup_with_its_user_and_their_roles,
    a_lookup_is_that_of_one_kind,
    a_user_sees_their_own_credentials_the_oldest_first,
    a_use_is_noted_with_the_counter_and_what_was_sealed_again,
    a_use_counts_for_its_user_and_the_counter_that_was_read_alone,
    of_parallel_uses_of_one_counter_one_counts,
    a_credential_is_spent_once_and_by_its_user_alone,
    of_parallel_spends_one_counts,
    a_user_renames_their_own_credential_and_no_other_s,
    using_spending_and_renaming_end_nothing_else,
    what_was_ended_is_neither_used_nor_spent_nor_renamed,
    nothing_under_way_with_a_change_brings_a_credential_back,
    a_change_of_the_user_leaves_their_credentials_alone,
    a_deleted_user_takes_their_credentials_along,
    no_credential_outlives_a_deletion_that_was_under_way_with_it,
}

const TOTP: CredentialKind = CredentialKind::TOTP;
const PASSKEY: CredentialKind = CredentialKind::PASSKEY;
const CODE: CredentialKind = CredentialKind::RECOVERY_CODE;

/// A credential of that user and kind, with a lookup and data.
pub(super) fn credential_of(user: &User, kind: CredentialKind) -> CredentialRecord {
    let record = CredentialRecord::new(random_uuid().unwrap(), user.id, kind, at(0));
    record.name("My phone").lookup(digest()).data("{\"key\": 1}").counter(7)
}

/// A change at the epoch that the user has.
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

/// Adds a credential, and returns the user as changed.
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
    // Whether the account is open is not the store's to judge.
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

pub async fn a_use_is_noted_with_the_counter_and_what_was_sealed_again(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (totp, other) = (credential_of(&ann, TOTP), credential_of(&ann, TOTP));
    let ann = add(store, &ann, &other).await;
    let ann = add(store, &ann, &totp).await;
    let now = at(5) + TimeDelta::microseconds(1);
    let mut expected = totp.clone();
    for (counter, data) in [(8, None), (i64::MAX, Some("sealed again")), (-1, None), (-1, None)] {
        let mut used = CredentialUse::of(&expected, counter, now);
        if let Some(data) = data {
            used = used.data(data);
            expected = expected.data(data);
        }
        assert!(store.use_credential(&used).await.unwrap(), "{used:?}");
        expected = expected.counter(counter);
        expected.last_used_at = Some(now);
        assert_eq!(find(store, &totp).await.as_ref(), Some(&expected));
    }
    assert_eq!(find(store, &other).await, Some(other));
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann));
}

pub async fn a_use_counts_for_its_user_and_the_counter_that_was_read_alone(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let totp = credential_of(&ann, TOTP);
    add(store, &ann, &totp).await;
    let used = CredentialUse::of(&totp, 9, at(5)).data("sealed again");
    for refused in [
        CredentialUse { user: bob.id, ..used.clone() },
        CredentialUse { id: random_uuid().unwrap(), ..used.clone() },
        CredentialUse { counter_read: totp.counter - 1, ..used.clone() },
        CredentialUse { counter_read: totp.counter + 1, ..used.clone() },
    ] {
        assert!(!store.use_credential(&refused).await.unwrap(), "{refused:?}");
    }
    assert_eq!(find(store, &totp).await, Some(totp));
    assert!(store.use_credential(&used).await.unwrap());
    assert!(!store.use_credential(&used).await.unwrap());
}

pub async fn of_parallel_uses_of_one_counter_one_counts(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let totp = credential_of(&ann, TOTP);
    add(store, &ann, &totp).await;
    let read = totp.clone();
    let answers = all_at_once(store, CALLERS, move |store, number| {
        let counter = read.counter + 1 + i64::try_from(number).unwrap();
        let used = CredentialUse::of(&read, counter, at(5));
        async move { store.use_credential(&used).await.unwrap().then_some(counter) }
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(find(store, &totp).await.map(|found| found.counter), winners.first().copied());
}

pub async fn a_credential_is_spent_once_and_by_its_user_alone(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let codes = [CODE, CODE].map(|kind| credential_of(&ann, kind));
    let [one, other] = codes.clone();
    let ann = add(store, &ann, &one).await;
    let ann = add(store, &ann, &other).await;
    let with_mail = || Together::mail(vec![mail("ann@example.org")]);
    assert!(!store.spend_credential(bob.id, one.id, &with_mail()).await.unwrap());
    let unknown = random_uuid().unwrap();
    assert!(!store.spend_credential(ann.id, unknown, &with_mail()).await.unwrap());
    assert_eq!(outbox(store).await.len(), 0);
    assert!(store.spend_credential(ann.id, one.id, &with_mail()).await.unwrap());
    assert!(!store.spend_credential(ann.id, one.id, &with_mail()).await.unwrap());
    assert_eq!(outbox(store).await.len(), 1);
    assert_eq!(list(store, &ann).await, [other]);
}

pub async fn of_parallel_spends_one_counts(store: &Arc<impl UserDatastore + CredentialStore>) {
    let ann = user(store, "ann@example.org").await;
    let code = credential_of(&ann, CODE);
    add(store, &ann, &code).await;
    let spent = all_at_once(store, CALLERS, move |store, _| {
        let (user, id) = (code.user_id, code.id);
        async move {
            let together = Together::mail(vec![mail("ann@example.org")]);
            store.spend_credential(user, id, &together).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&spent, &true), 1);
    assert_eq!(outbox(store).await.len(), 1);
}

pub async fn a_user_renames_their_own_credential_and_no_other_s(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (passkey, other) = (credential_of(&ann, PASSKEY), credential_of(&ann, PASSKEY));
    let ann = add(store, &ann, &passkey).await;
    let ann = add(store, &ann, &other).await;
    let longest = "\u{1f980}".repeat(100);
    for name in ["\u{41a}\u{43b}\u{44e}\u{447} '1'", "", "a", "a", "A", &longest] {
        assert!(store.rename_credential(ann.id, passkey.id, name).await.unwrap(), "{name}");
        let expected = passkey.clone().name(name);
        assert_eq!(find(store, &passkey).await, Some(expected));
    }
    for (user, id) in [(bob.id, passkey.id), (ann.id, random_uuid().unwrap())] {
        assert!(!store.rename_credential(user, id, "another's").await.unwrap());
    }
    assert_eq!(find(store, &passkey).await.unwrap().name, longest);
    assert_eq!(find(store, &other).await, Some(other));
}

pub async fn using_spending_and_renaming_end_nothing_else(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (totp, code) = (credential_of(&ann, TOTP), credential_of(&ann, CODE));
    let ann = add(store, &ann, &totp).await;
    let ann = add(store, &ann, &code).await;
    let session = session_of(&ann);
    begin(store, &session).await;
    assert!(store.use_credential(&CredentialUse::of(&totp, 8, at(5))).await.unwrap());
    assert!(store.rename_credential(ann.id, totp.id, "Mine").await.unwrap());
    assert!(store.spend_credential(ann.id, code.id, &Together::nothing()).await.unwrap());
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
}

pub async fn what_was_ended_is_neither_used_nor_spent_nor_renamed(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let totp = credential_of(&ann, TOTP);
    let ann = add(store, &ann, &totp).await;
    let ending = change_of(&ann).ending(Ended::One(totp.id));
    let ann = try_change(store, &ann, &ending).await.unwrap();
    assert!(!store.use_credential(&CredentialUse::of(&totp, 8, at(5))).await.unwrap());
    assert!(!store.rename_credential(ann.id, totp.id, "Mine").await.unwrap());
    assert!(!store.spend_credential(ann.id, totp.id, &Together::nothing()).await.unwrap());
    assert_eq!((find(store, &totp).await, list(store, &ann).await), (None, Vec::new()));
}

pub async fn nothing_under_way_with_a_change_brings_a_credential_back(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let id = ann.id;
    let theirs: Vec<_> = (0..CALLERS).map(|_| credential_of(&ann, CODE)).collect();
    let adding = theirs.iter().cloned().fold(change_of(&ann), CredentialChange::adding);
    let ann = try_change(store, &ann, &adding).await.unwrap();
    let answers = all_at_once(store, CALLERS, move |store, number| {
        let (ann, credential) = (ann.clone(), theirs[number].clone());
        async move {
            if number == CALLERS / 2 {
                let ending = change_of(&ann).ending(Ended::Kind(CODE));
                return try_change(&store, &ann, &ending).await.is_ok();
            }
            match number % 3 {
                0 => store.rename_credential(ann.id, credential.id, "Mine").await.is_ok(),
                1 => {
                    let used = CredentialUse::of(&credential, 8, at(5)).data("sealed again");
                    store.use_credential(&used).await.is_ok()
                }
                _ => {
                    let nothing = Together::nothing();
                    store.spend_credential(ann.id, credential.id, &nothing).await.is_ok()
                }
            }
        }
    })
    .await;
    assert_eq!(count(&answers, &true), CALLERS);
    assert_eq!(store.list_credentials(id).await.unwrap(), []);
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
    // What it was found by is free.
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

//! Credentials besides the password: used, spent and renamed.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::crypto::random_uuid;
use crate::datastore::credential::{CredentialChange, CredentialUse, Ended};
use crate::datastore::{CredentialStore, Together, UserDatastore};
use crate::testing::contract::credentials::{
    PASSKEY, TOTP, add, change_of, credential_of, find, list, try_change,
};
use crate::testing::contract::makers::{at, begin, find_session, mail, outbox, session_of, user};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::CredentialKind;

section! {
    credential_uses in __contract_credential_uses:
    a_use_is_noted_with_the_counter_and_what_was_sealed_again,
    a_use_counts_for_its_user_and_the_counter_that_was_read_alone,
    of_parallel_uses_of_one_counter_one_counts,
    a_credential_is_spent_once_and_by_its_user_alone,
    of_parallel_spends_one_counts,
    a_user_renames_their_own_credential_and_no_other_s,
    using_spending_and_renaming_end_nothing_else,
    what_was_ended_is_neither_used_nor_spent_nor_renamed,
    nothing_under_way_with_a_change_brings_a_credential_back,
}

const CODE: CredentialKind = CredentialKind::RECOVERY_CODE;

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

//! Denied tokens.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::datastore::denylist::MAX_JTI_BYTES;
use crate::datastore::{Denylist, Together, UserDatastore};
use crate::testing::contract::makers::{at, mail, outbox};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    denylist in __contract_denylist:
    a_token_is_denied_once_and_alone,
    of_parallel_denials_of_one_token_one_counts,
    ids_are_told_apart_byte_for_byte,
    denials_of_tokens_that_have_expired_are_swept,
    a_token_can_be_denied_for_a_thousand_years,
    a_token_that_is_denied_again_is_until_the_later_end,
    of_parallel_denials_of_one_token_the_latest_end_counts,
}

async fn deny(store: &Arc<impl Denylist>, jti: &str, second: i64) -> bool {
    store.deny(jti, at(second), &Together::nothing()).await.unwrap()
}

pub async fn a_token_is_denied_once_and_alone(store: &Arc<impl UserDatastore + Denylist>) {
    assert!(!store.is_denied("0f0c").await.unwrap());
    for expected in [true, false] {
        let together = Together::mail(vec![mail("ann@example.org")]);
        assert_eq!(store.deny("0f0c", at(100), &together).await.unwrap(), expected);
        assert!(store.is_denied("0f0c").await.unwrap());
        assert_eq!(outbox(store).await.len(), 1);
    }
    assert!(!store.is_denied("0f0d").await.unwrap());
}

pub async fn of_parallel_denials_of_one_token_one_counts(
    store: &Arc<impl UserDatastore + Denylist>,
) {
    let answers = all_at_once(store, CALLERS, |store, _| async move {
        let together = Together::mail(vec![mail("ann@example.org")]);
        store.deny("0f0c", at(100), &together).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
    assert_eq!(outbox(store).await.len(), 1);
}

pub async fn ids_are_told_apart_byte_for_byte(store: &Arc<impl UserDatastore + Denylist>) {
    let longest = "a".repeat(MAX_JTI_BYTES);
    assert!(deny(store, "abc", 100).await);
    assert!(deny(store, &longest, 100).await);
    for other in ["ABC", "ab", "abcd", "", "a%"] {
        assert!(!store.is_denied(other).await.unwrap(), "{other}");
    }
    assert!(store.is_denied(&longest).await.unwrap());
}

pub async fn denials_of_tokens_that_have_expired_are_swept(
    store: &Arc<impl UserDatastore + Denylist>,
) {
    for (jti, second) in [("one", 99), ("two", 100), ("three", 101)] {
        assert!(deny(store, jti, second).await);
    }
    assert_eq!(store.delete_expired_denials(at(100), 1).await.unwrap(), 1);
    assert_eq!(store.delete_expired_denials(at(100), 5).await.unwrap(), 1);
    let late = at(101) - TimeDelta::microseconds(1);
    assert_eq!(store.delete_expired_denials(late, 5).await.unwrap(), 0);
    for (jti, expected) in [("one", false), ("two", false), ("three", true)] {
        assert_eq!(store.is_denied(jti).await.unwrap(), expected, "{jti}");
    }
}

/// The longest time that any token may last. MySQL has a type for times that ends with the year 2038.
pub async fn a_token_can_be_denied_for_a_thousand_years(
    store: &Arc<impl UserDatastore + Denylist>,
) {
    let years = |years: i64| at(0) + TimeDelta::days(365 * years);
    for (jti, until) in [("a century", years(100)), ("a millennium", years(1_000))] {
        let nothing = Together::nothing();
        assert!(store.deny(jti, until, &nothing).await.unwrap(), "{jti}");
        assert!(!store.deny(jti, until, &nothing).await.unwrap(), "{jti}");
    }
    assert_eq!(store.delete_expired_denials(years(20), 5).await.unwrap(), 0);
    for jti in ["a century", "a millennium"] {
        assert!(store.is_denied(jti).await.unwrap(), "{jti}");
    }
}

pub async fn a_token_that_is_denied_again_is_until_the_later_end(
    store: &Arc<impl UserDatastore + Denylist>,
) {
    for (jti, first, again) in [("longer", 100, 200), ("shorter", 200, 100), ("alike", 200, 200)] {
        assert!(deny(store, jti, first).await);
        assert!(!deny(store, jti, again).await, "{jti}");
    }
    assert!(deny(store, "another", 100).await);
    assert_eq!(store.delete_expired_denials(at(199), 5).await.unwrap(), 1);
    for jti in ["longer", "shorter", "alike"] {
        assert!(store.is_denied(jti).await.unwrap(), "{jti}");
    }
    assert_eq!(store.delete_expired_denials(at(200), 5).await.unwrap(), 3);
    assert!(deny(store, "longer", 300).await, "what is swept can be denied anew");
}

pub async fn of_parallel_denials_of_one_token_the_latest_end_counts(
    store: &Arc<impl UserDatastore + Denylist>,
) {
    let answers = all_at_once(store, CALLERS, |store, caller| async move {
        let second = 100 + i64::try_from(caller).unwrap();
        store.deny("0f0c", at(second), &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
    let latest = at(99 + i64::try_from(CALLERS).unwrap());
    let before = latest - TimeDelta::microseconds(1);
    assert_eq!(store.delete_expired_denials(before, 5).await.unwrap(), 0);
    assert_eq!(store.delete_expired_denials(latest, 5).await.unwrap(), 1);
}

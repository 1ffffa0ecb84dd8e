//! Attempts.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::datastore::UserDatastore;
use crate::datastore::attempt::{BackOff, Charge};
use crate::testing::contract::makers::{BACK_OFF, at, charge, digest};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    attempts in __contract_attempts:
    attempts_are_delayed_from_the_number_given,
    the_first_attempt_can_be_the_one_that_is_followed_by_a_delay,
    delays_double_up_to_the_longest,
    an_attempt_while_blocked_is_not_counted,
    an_attempt_without_delay_blocks_no_caller_whose_clock_is_behind,
    of_parallel_attempts_no_more_than_may_be_made_are,
    of_parallel_attempts_after_a_delay_one_is_made,
    cleared_attempts_are_forgotten,
    keys_are_charged_apart,
    events_are_counted_from_the_first_until_the_window_ends,
    looking_at_events_counts_none,
    of_parallel_events_the_limit_is_let_through,
    of_parallel_events_after_a_window_the_limit_is_let_through,
    a_limit_of_none_lets_nothing_through,
    old_attempts_are_swept,
    what_was_counted_at_the_very_time_is_swept_and_nothing_later,
    an_attempt_that_still_blocks_is_not_swept,
    a_window_that_lasts_is_not_swept,
}

pub async fn looking_at_events_counts_none(store: &Arc<impl UserDatastore>) {
    let key = digest();
    let has = async |count, now| store.has_counted(&key, count, now).await.unwrap();
    assert!(!has(1, at(0)).await);
    let window = TimeDelta::seconds(60);
    for _ in 0..2 {
        store.count_event(&key, 5, window, at(0)).await.unwrap();
    }
    for _ in 0..3 {
        assert!(has(2, at(59)).await);
        assert!(!has(3, at(59)).await);
    }
    assert!(!has(1, at(60)).await, "the window is over");
    assert!(!store.has_counted(&digest(), 1, at(0)).await.unwrap(), "another key");
    store.clear_attempts(&key).await.unwrap();
    assert!(!has(1, at(0)).await);
}

pub async fn attempts_are_delayed_from_the_number_given(store: &Arc<impl UserDatastore>) {
    let key = digest();
    for _ in 0..5 {
        assert_eq!(charge(store, &key, at(0)).await, Charge::Allowed);
    }
    assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(store, &key, at(9)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(store, &key, at(10)).await, Charge::Allowed);
}

pub async fn the_first_attempt_can_be_the_one_that_is_followed_by_a_delay(
    store: &Arc<impl UserDatastore>,
) {
    let key = digest();
    let back_off = BackOff { from: 1, ..BACK_OFF };
    let charge = async |now| store.charge_attempt(&key, &back_off, now).await.unwrap();
    assert_eq!(charge(at(0)).await, Charge::Allowed);
    assert_eq!(charge(at(0)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(at(10)).await, Charge::Allowed);
    assert_eq!(charge(at(10)).await, Charge::BlockedUntil(at(30)));
}

pub async fn delays_double_up_to_the_longest(store: &Arc<impl UserDatastore>) {
    let key = digest();
    for _ in 0..4 {
        charge(store, &key, at(0)).await;
    }
    let mut now = at(0);
    for delay in [10, 20, 40, 45, 45] {
        assert_eq!(charge(store, &key, now).await, Charge::Allowed);
        let until = now + TimeDelta::seconds(delay);
        assert_eq!(charge(store, &key, now).await, Charge::BlockedUntil(until));
        now = until;
    }
}

pub async fn an_attempt_while_blocked_is_not_counted(store: &Arc<impl UserDatastore>) {
    let key = digest();
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    for second in 0..10 {
        assert_eq!(charge(store, &key, at(second)).await, Charge::BlockedUntil(at(10)));
    }
    assert_eq!(charge(store, &key, at(10)).await, Charge::Allowed);
    assert_eq!(charge(store, &key, at(10)).await, Charge::BlockedUntil(at(30)));
}

pub async fn an_attempt_without_delay_blocks_no_caller_whose_clock_is_behind(
    store: &Arc<impl UserDatastore>,
) {
    // Of two concurrent callers, the one that read the clock last may be charged first.
    let key = digest();
    for number in 0..5 {
        let now = at(0) - TimeDelta::microseconds(number);
        assert_eq!(charge(store, &key, now).await, Charge::Allowed, "{number}");
    }
}

pub async fn of_parallel_attempts_no_more_than_may_be_made_are(store: &Arc<impl UserDatastore>) {
    let key = digest();
    let answers =
        all_at_once(
            store,
            CALLERS,
            move |store, _| async move { charge(&store, &key, at(0)).await },
        )
        .await;
    assert_eq!(count(&answers, &Charge::Allowed), 5);
    assert_eq!(count(&answers, &Charge::BlockedUntil(at(10))), CALLERS - 5);
}

pub async fn of_parallel_attempts_after_a_delay_one_is_made(store: &Arc<impl UserDatastore>) {
    let key = digest();
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    let answers =
        all_at_once(
            store,
            CALLERS,
            move |store, _| async move { charge(&store, &key, at(10)).await },
        )
        .await;
    assert_eq!(count(&answers, &Charge::Allowed), 1);
    assert_eq!(count(&answers, &Charge::BlockedUntil(at(30))), CALLERS - 1);
}

pub async fn cleared_attempts_are_forgotten(store: &Arc<impl UserDatastore>) {
    let key = digest();
    store.clear_attempts(&key).await.unwrap();
    for _ in 0..2 {
        for _ in 0..5 {
            assert_eq!(charge(store, &key, at(0)).await, Charge::Allowed);
        }
        assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
        store.clear_attempts(&key).await.unwrap();
    }
}

pub async fn keys_are_charged_apart(store: &Arc<impl UserDatastore>) {
    let (key, other) = (digest(), digest());
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(store, &other, at(0)).await, Charge::Allowed);
    store.clear_attempts(&other).await.unwrap();
    assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
}

pub async fn events_are_counted_from_the_first_until_the_window_ends(
    store: &Arc<impl UserDatastore>,
) {
    let (key, other) = (digest(), digest());
    let count =
        async |key, now| store.count_event(key, 3, TimeDelta::seconds(60), now).await.unwrap();
    for first in [0, 60, 200] {
        for second in [0, 20, 40] {
            assert_eq!(count(&key, at(first + second)).await, Charge::Allowed);
        }
        let end = Charge::BlockedUntil(at(first + 60));
        assert_eq!(count(&key, at(first + 40)).await, end);
        assert_eq!(count(&key, at(first + 59)).await, end);
    }
    assert_eq!(count(&other, at(259)).await, Charge::Allowed);
}

pub async fn of_parallel_events_the_limit_is_let_through(store: &Arc<impl UserDatastore>) {
    let key = digest();
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.count_event(&key, 7, TimeDelta::seconds(60), at(0)).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &Charge::Allowed), 7);
    assert_eq!(count(&answers, &Charge::BlockedUntil(at(60))), CALLERS - 7);
}

pub async fn of_parallel_events_after_a_window_the_limit_is_let_through(
    store: &Arc<impl UserDatastore>,
) {
    let key = digest();
    let window = TimeDelta::seconds(60);
    for _ in 0..7 {
        store.count_event(&key, 7, window, at(0)).await.unwrap();
    }
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.count_event(&key, 7, window, at(60)).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &Charge::Allowed), 7);
    assert_eq!(count(&answers, &Charge::BlockedUntil(at(120))), CALLERS - 7);
}

pub async fn a_limit_of_none_lets_nothing_through(store: &Arc<impl UserDatastore>) {
    let key = digest();
    for _ in 0..2 {
        let counted = store.count_event(&key, 0, TimeDelta::seconds(60), at(0)).await.unwrap();
        assert_eq!(counted, Charge::BlockedUntil(at(60)));
    }
}

pub async fn old_attempts_are_swept(store: &Arc<impl UserDatastore>) {
    let (old, other, young) = (digest(), digest(), digest());
    for key in [&old, &other, &young] {
        for _ in 0..3 {
            charge(store, key, at(0)).await;
        }
    }
    charge(store, &young, at(1_000)).await;
    assert_eq!(store.delete_old_attempts(at(500)).await.unwrap(), 2);
    assert_eq!(store.delete_old_attempts(at(500)).await.unwrap(), 0);
    for key in [&old, &other] {
        for _ in 0..5 {
            assert_eq!(charge(store, key, at(1_001)).await, Charge::Allowed);
        }
    }
    assert_eq!(charge(store, &young, at(1_001)).await, Charge::Allowed);
    assert_eq!(charge(store, &young, at(1_001)).await, Charge::BlockedUntil(at(1_011)));
}

pub async fn what_was_counted_at_the_very_time_is_swept_and_nothing_later(
    store: &Arc<impl UserDatastore>,
) {
    let key = digest();
    charge(store, &key, at(0)).await;
    let micro = TimeDelta::microseconds(1);
    assert_eq!(store.delete_old_attempts(at(0) - micro).await.unwrap(), 0);
    assert_eq!(store.delete_old_attempts(at(0)).await.unwrap(), 1);
}

pub async fn an_attempt_that_still_blocks_is_not_swept(store: &Arc<impl UserDatastore>) {
    let key = digest();
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    assert_eq!(store.delete_old_attempts(at(5)).await.unwrap(), 0);
    assert_eq!(charge(store, &key, at(6)).await, Charge::BlockedUntil(at(10)));
}

pub async fn a_window_that_lasts_is_not_swept(store: &Arc<impl UserDatastore>) {
    let key = digest();
    let count = async |now| store.count_event(&key, 1, TimeDelta::seconds(60), now).await.unwrap();
    assert_eq!(count(at(0)).await, Charge::Allowed);
    assert_eq!(store.delete_old_attempts(at(59)).await.unwrap(), 0);
    assert_eq!(count(at(59)).await, Charge::BlockedUntil(at(60)));
    assert_eq!(store.delete_old_attempts(at(60)).await.unwrap(), 1);
}

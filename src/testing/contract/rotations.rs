//! Rotations: the token of a family is replaced by its successor.

use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::datastore::refresh::{FamilyRecord, FamilyRotated, FamilyRotation};
use crate::datastore::{RefreshStore, Together, UserDatastore};
use crate::testing::contract::makers::{at, user};
use crate::testing::contract::refresh::{begin_family, family_of, find, id, rotate, rotation};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    rotations in __contract_rotations:
    a_rotation_replaces_the_token_and_nothing_else,
    a_token_that_was_replaced_is_told_its_successor_for_a_while_or_is_used_again,
    a_family_that_is_over_or_anothers_rotates_for_nobody,
    a_token_that_was_denied_meanwhile_is_replaced_by_none,
    of_parallel_rotations_of_one_token_one_counts,
    of_parallel_rotations_with_time_for_others_all_are_told_the_same_successor,
}

pub async fn a_rotation_replaces_the_token_and_nothing_else(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (family, other) = (family_of(&ann), family_of(&ann));
    for family in [&family, &other] {
        assert!(begin_family(store, family).await);
    }
    let rotation = rotation(&family, family.token_id, 50);
    assert_eq!(rotate(store, &rotation).await, FamilyRotated::Next);
    let rotated = FamilyRecord {
        token_id: rotation.next,
        previous_id: Some(family.token_id),
        rotated_at: at(50),
        idle_expires_at: at(1_050),
        ..family.clone()
    };
    assert_eq!(find(store, &family).await, Some(rotated));
    assert_eq!(find(store, &other).await, Some(other));
}

pub async fn a_token_that_was_replaced_is_told_its_successor_for_a_while_or_is_used_again(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let family = family_of(&ann);
    assert!(begin_family(store, &family).await);
    let first = family.token_id;
    let to_second = rotation(&family, first, 100);
    assert_eq!(rotate(store, &to_second).await, FamilyRotated::Next);
    let within = |presented, second| {
        let since = Some(at(second) - TimeDelta::seconds(10));
        FamilyRotation { since, ..rotation(&family, presented, second) }
    };
    let successor = async |presented, second| match rotate(store, &within(presented, second)).await
    {
        FamilyRotated::SameAgain(family) => Some(family.token_id),
        FamilyRotated::Reused => None,
        other => panic!("{other:?}"),
    };
    for moment in [95, 100, 109] {
        assert_eq!(successor(first, moment).await, Some(to_second.next));
    }
    assert_eq!(successor(first, 110).await, None);
    assert_eq!(successor(id(), 101).await, None);
    assert_eq!(rotate(store, &rotation(&family, first, 101)).await, FamilyRotated::Reused);
    let to_third = rotation(&family, to_second.next, 102);
    assert_eq!(
        rotate(store, &to_third).await,
        FamilyRotated::Next,
        "what was refused changed nothing"
    );
    assert_eq!(successor(to_second.next, 103).await, Some(to_third.next));
    assert_eq!(successor(first, 103).await, None, "the one before the previous one");
}

pub async fn a_family_that_is_over_or_anothers_rotates_for_nobody(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (idle, old) = (family_of(&ann), FamilyRecord { expires_at: at(500), ..family_of(&ann) });
    let old = FamilyRecord { idle_expires_at: at(500), ..old };
    for family in [&idle, &old] {
        assert!(begin_family(store, family).await);
    }
    let on_time = rotation(&idle, idle.token_id, 999);
    for wrong in [
        FamilyRotation { family: id(), ..on_time },
        FamilyRotation { user_id: bob.id, ..on_time },
        FamilyRotation { epoch: 7, ..on_time },
        rotation(&idle, idle.token_id, 1_000),
        rotation(&idle, id(), 1_000),
        rotation(&old, old.token_id, 500),
    ] {
        assert_eq!(rotate(store, &wrong).await, FamilyRotated::Over, "{wrong:?}");
    }
    assert_eq!(find(store, &idle).await, Some(idle.clone()));
    assert_eq!(rotate(store, &on_time).await, FamilyRotated::Next);
}

pub async fn a_token_that_was_denied_meanwhile_is_replaced_by_none(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (family, other) = (family_of(&ann), family_of(&ann));
    for family in [&family, &other] {
        assert!(begin_family(store, family).await);
    }
    let deny = async |token: Uuid| {
        let token = token.to_string();
        assert!(store.deny(&token, at(9_000), &Together::nothing()).await.unwrap());
    };
    deny(family.token_id).await;
    let denied = rotation(&family, family.token_id, 50);
    assert_eq!(rotate(store, &denied).await, FamilyRotated::Over);
    assert_eq!(find(store, &family).await.as_ref(), Some(&family), "nothing has changed");

    // Nor does a token that was replaced a moment ago get its successor once more.
    let replaced = rotation(&other, other.token_id, 50);
    assert_eq!(rotate(store, &replaced).await, FamilyRotated::Next);
    deny(other.token_id).await;
    let again = FamilyRotation { since: Some(at(45)), ..rotation(&other, other.token_id, 51) };
    assert_eq!(rotate(store, &again).await, FamilyRotated::Over);
    let next = rotation(&other, replaced.next, 60);
    assert_eq!(rotate(store, &next).await, FamilyRotated::Next, "the other one is good");
}

pub async fn of_parallel_rotations_of_one_token_one_counts(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let family = family_of(&ann);
    assert!(begin_family(store, &family).await);
    let answers = all_at_once(store, CALLERS, move |store, _| {
        let rotation = rotation(&family, family.token_id, 1);
        async move { store.rotate_family(&rotation).await.unwrap() }
    })
    .await;
    assert_eq!(count(&answers, &FamilyRotated::Next), 1);
    assert_eq!(count(&answers, &FamilyRotated::Reused), CALLERS - 1);
}

pub async fn of_parallel_rotations_with_time_for_others_all_are_told_the_same_successor(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let family = family_of(&ann);
    assert!(begin_family(store, &family).await);
    let presented = family.clone();
    let answers = all_at_once(store, CALLERS, move |store, _| {
        let rotation =
            FamilyRotation { since: Some(at(-9)), ..rotation(&presented, presented.token_id, 1) };
        async move {
            match store.rotate_family(&rotation).await.unwrap() {
                FamilyRotated::Next => rotation.next,
                FamilyRotated::SameAgain(family) => family.token_id,
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    let newest = find(store, &family).await.unwrap().token_id;
    assert_eq!(count(&answers, &newest), CALLERS);
}

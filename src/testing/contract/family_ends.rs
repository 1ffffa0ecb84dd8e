//! The ends of families of refresh tokens.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::datastore::refresh::{FamilyRecord, FamilyRotated};
use crate::datastore::session::{Replaces, SessionRecord};
use crate::datastore::user::UserChange;
use crate::datastore::{RefreshStore, Together, UserDatastore};
use crate::testing::contract::makers::{at, begin, mail, outbox, session_of, user};
use crate::testing::contract::refresh::{
    begin_family, ended, family_of, find, in_session, lives, rotate, rotation, with_session,
};
use crate::testing::contract::run::{CALLERS, all_at_once};

section! {
    family_ends in __contract_family_ends:
    a_family_ends_once_and_for_its_user_alone,
    a_session_that_is_ended_takes_its_families_along,
    a_session_that_gives_way_takes_its_families_along,
    a_session_that_is_over_leaves_its_families,
    no_family_outlives_the_end_of_its_session_that_was_under_way_with_it,
    a_change_of_its_user_ends_every_family,
    no_family_outlives_a_change_that_was_under_way_with_it,
    a_deleted_user_takes_their_families_along,
    families_that_are_over_are_swept,
}

pub async fn a_family_ends_once_and_for_its_user_alone(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (family, other) = (family_of(&ann), family_of(&ann));
    for family in [&family, &other] {
        assert!(begin_family(store, family).await);
    }
    for (who, expected) in [(&bob, false), (&ann, true), (&ann, false)] {
        let together = Together::mail(vec![mail("ann@example.org")]);
        assert_eq!(store.end_family(who.id, family.id, &together).await.unwrap(), expected);
    }
    assert_eq!(outbox(store).await.len(), 1);
    assert!(!lives(store, &family).await);
    assert!(lives(store, &other).await);
}

pub async fn a_session_that_is_ended_takes_its_families_along(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (family, session) = with_session(store, &ann).await;
    let second = in_session(&ann, &session);
    let ((other, _), alone) = (with_session(store, &ann).await, family_of(&ann));
    for family in [&second, &alone] {
        assert!(begin_family(store, family).await);
    }
    assert!(store.end_session(&session.digest, &Together::nothing()).await.unwrap());
    for (family, expected) in [(&family, false), (&second, false), (&other, true), (&alone, true)] {
        assert_eq!(lives(store, family).await, expected);
    }
}

pub async fn a_session_that_gives_way_takes_its_families_along(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (family, _) = with_session(store, &ann).await;
    let next = SessionRecord { created_at: at(1), ..session_of(&ann) };
    store.begin_session(&next, Replaces::Nothing, 1, &Together::nothing()).await.unwrap().unwrap();
    assert!(!lives(store, &family).await);
}

pub async fn a_session_that_is_over_leaves_its_families(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (family, _) = with_session(store, &ann).await;
    let swept = store.delete_ended_sessions(at(10), at(-10), 100).await.unwrap();
    assert_eq!(swept.len(), 1);
    assert_eq!(find(store, &family).await, Some(family));
}

pub async fn no_family_outlives_the_end_of_its_session_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    for _ in 0..4 {
        let session = session_of(&ann);
        begin(store, &session).await;
        let (owner, ending) = (ann.clone(), session.clone());
        all_at_once(store, CALLERS, move |store, number| {
            let (family, digest) = (in_session(&owner, &ending), ending.digest);
            async move {
                if number == CALLERS / 2 {
                    store.end_session(&digest, &Together::nothing()).await.unwrap();
                } else {
                    store.begin_family(&family, 100, &Together::nothing()).await.unwrap();
                }
            }
        })
        .await;
        assert_eq!(store.list_families(ann.id).await.unwrap(), []);
    }
}

pub async fn a_change_of_its_user_ends_every_family(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let ((family, _), (bobs, _)) =
        (with_session(store, &ann).await, with_session(store, &bob).await);
    let alone = family_of(&ann);
    assert!(begin_family(store, &alone).await);
    let change = UserChange::active(true);
    store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    for (family, expected) in [(&family, false), (&alone, false), (&bobs, true)] {
        assert_eq!(lives(store, family).await, expected);
    }
    assert_eq!(store.list_families(ann.id).await.unwrap(), []);
    assert_eq!(rotate(store, &rotation(&alone, alone.token_id, 1)).await, FamilyRotated::Over);
}

pub async fn no_family_outlives_a_change_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let owner = ann.clone();
    all_at_once(store, CALLERS, move |store, number| {
        let (family, id) = (family_of(&owner), owner.id);
        async move {
            if number == CALLERS / 2 {
                let change = UserChange::active(true);
                store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap();
            } else {
                store.begin_family(&family, 100, &Together::nothing()).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(store.list_families(ann.id).await.unwrap(), []);
}

pub async fn a_deleted_user_takes_their_families_along(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let ((family, _), (bobs, _)) =
        (with_session(store, &ann).await, with_session(store, &bob).await);
    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert!(!lives(store, &family).await);
    assert!(lives(store, &bobs).await);
    assert_eq!(store.delete_expired_families(at(2_000), 100).await.unwrap(), [ended(&bobs)]);
}

pub async fn families_that_are_over_are_swept(store: &Arc<impl UserDatastore + RefreshStore>) {
    let ann = user(store, "ann@example.org").await;
    let mut all = Vec::new();
    for idle_expires_at in [at(999), at(1_000), at(1_000) + TimeDelta::microseconds(1)] {
        let family = FamilyRecord { idle_expires_at, ..family_of(&ann) };
        assert!(begin_family(store, &family).await);
        all.push(family);
    }
    let mut swept = store.delete_expired_families(at(1_000), 1).await.unwrap();
    assert_eq!(swept.len(), 1, "at most as many as asked for");
    swept.extend(store.delete_expired_families(at(1_000), 5).await.unwrap());
    assert_eq!(store.delete_expired_families(at(1_000), 5).await.unwrap(), []);
    swept.sort();
    let mut over: Vec<_> = all[..2].iter().map(ended).collect();
    over.sort();
    assert_eq!(swept, over);
    assert!(lives(store, &all[2]).await);
}

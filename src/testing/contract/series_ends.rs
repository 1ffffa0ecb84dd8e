//! The ends of series, with their sessions.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::datastore::remember::{EndedSeries, SeriesRecord, SeriesRotated};
use crate::datastore::session::{EndedSession, Replaces, SessionRecord};
use crate::datastore::user::UserChange;
use crate::datastore::{RememberStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, digest, find_session, mail, outbox, session_of, user,
};
use crate::testing::contract::remember::{find, naming, rotate, rotation, series_of, with_session};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    series_ends in __contract_series_ends:
    a_session_that_ends_takes_its_series_along,
    a_session_that_gives_way_takes_its_series_along,
    a_series_ends_once_and_with_its_session,
    all_other_series_end_with_their_sessions,
    a_change_of_its_user_ends_every_series,
    no_turn_outlives_a_change_that_was_under_way_with_it,
    no_session_outlives_the_end_of_its_series_that_was_under_way_with_it,
    a_deleted_user_takes_their_series_along,
    expired_series_are_swept_with_their_sessions,
}

fn ended(series: &SeriesRecord, session: Option<&SessionRecord>) -> EndedSeries {
    EndedSeries { user_id: series.user_id, session: session.map(|session| session.id) }
}

pub async fn a_session_that_ends_takes_its_series_along(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (series, session) = with_session(store, &ann).await;
    let (other, _) = with_session(store, &ann).await;
    assert!(store.end_session(&session.digest, &Together::nothing()).await.unwrap());
    assert_eq!(find(store, &series).await, None);
    assert!(find(store, &other).await.is_some());
}

pub async fn a_session_that_gives_way_takes_its_series_along(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (series, session) = with_session(store, &ann).await;
    let next = SessionRecord { created_at: at(1), ..session_of(&ann) };
    let evicted = store
        .begin_session(&next, Replaces::Nothing, 1, &Together::nothing())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(evicted, [EndedSession { id: session.id, user_id: ann.id }]);
    assert_eq!(find(store, &series).await, None);
}

pub async fn a_series_ends_once_and_with_its_session(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (series, session) = with_session(store, &ann).await;
    let (other, others) = with_session(store, &ann).await;
    let nothing = Together::nothing();
    assert_eq!(store.end_series(bob.id, &series.series, &nothing).await.unwrap(), None);
    let (id, key) = (ann.id, series.series);
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        let together = Together::mail(vec![mail("ann@example.org")]);
        store.end_series(id, &key, &together).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &Some(ended(&series, Some(&session)))), 1);
    assert_eq!(count(&answers, &None), CALLERS - 1);
    assert_eq!(outbox(store).await.len(), 1);
    assert_eq!(find_session(store, &session).await, None);
    assert!(find(store, &other).await.is_some());
    assert!(find_session(store, &others).await.is_some());
}

pub async fn all_other_series_end_with_their_sessions(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (kept, session) = with_session(store, &ann).await;
    let (other, others) = with_session(store, &ann).await;
    let without = series_of(&ann);
    assert!(store.create_series(&without, 20).await.unwrap());
    let (bobs, _) = with_session(store, &bob).await;
    let mut answer = store.end_other_series(ann.id, Some(&kept.series)).await.unwrap();
    answer.sort();
    assert_eq!(answer, [ended(&without, None), ended(&other, Some(&others))]);
    assert_eq!(find_session(store, &others).await, None);
    assert!(find_session(store, &session).await.is_some());
    assert!(find(store, &kept).await.is_some());
    let answer = store.end_other_series(ann.id, None).await.unwrap();
    assert_eq!(answer, [ended(&kept, Some(&session))]);
    assert!(find(store, &bobs).await.is_some());
}

pub async fn a_change_of_its_user_ends_every_series(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (series, session) = with_session(store, &ann).await;
    let (bobs, _) = with_session(store, &bob).await;
    let change = UserChange::active(true);
    let nothing = Together::nothing();
    let changed = store.update_user(ann.id, &change, &nothing).await.unwrap().unwrap();
    assert_eq!(find(store, &series).await, None);
    assert_eq!(find_session(store, &session).await, None);
    for user in [&ann, &changed] {
        let rotation = rotation(&series, series.validator, digest(), 1);
        assert_eq!(rotate(store, &rotation, &naming(user, &series)).await, SeriesRotated::Unknown);
    }
    assert!(find(store, &bobs).await.is_some());
}

pub async fn no_turn_outlives_a_change_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let mut all = Vec::new();
    for _ in 0..CALLERS {
        all.push(with_session(store, &ann).await.0);
    }
    let (rotated, changes, id) = (all.clone(), CALLERS / 2, ann.id);
    all_at_once(store, CALLERS, move |store, number| {
        let (series, session) = (rotated[number].clone(), naming(&ann, &rotated[number]));
        async move {
            if number == changes {
                let change = UserChange::active(true);
                store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap();
            } else {
                rotate(&store, &rotation(&series, series.validator, digest(), 1), &session).await;
            }
        }
    })
    .await;
    assert_eq!(store.list_sessions(id).await.unwrap(), []);
    for series in &all {
        assert_eq!(find(store, series).await, None);
    }
}

pub async fn no_session_outlives_the_end_of_its_series_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (series, _) = with_session(store, &ann).await;
    let (named, id, ends) = (series.clone(), ann.id, CALLERS / 2);
    all_at_once(store, CALLERS, move |store, number| {
        let (series, session) = (named.clone(), naming(&ann, &named));
        async move {
            let nothing = Together::nothing();
            if number == ends {
                store.end_series(id, &series.series, &nothing).await.unwrap().unwrap();
            } else if number % 2 == 0 {
                store.begin_session(&session, Replaces::Nothing, 100, &nothing).await.unwrap();
            } else {
                rotate(&store, &rotation(&series, series.validator, digest(), 1), &session).await;
            }
        }
    })
    .await;
    assert_eq!(store.list_sessions(id).await.unwrap(), []);
    assert_eq!(find(store, &series).await, None);
}

pub async fn a_deleted_user_takes_their_series_along(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let ((series, _), (bobs, _)) =
        (with_session(store, &ann).await, with_session(store, &bob).await);
    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert_eq!(find(store, &series).await, None);
    assert!(find(store, &bobs).await.is_some());
    assert_eq!(store.delete_expired_series(at(2_000_000), 100).await.unwrap().len(), 1);
}

pub async fn expired_series_are_swept_with_their_sessions(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let mut all = Vec::new();
    for expires_at in [at(999), at(1_000), at(1_000) + TimeDelta::microseconds(1)] {
        let series = SeriesRecord { expires_at, ..series_of(&ann) };
        assert!(store.create_series(&series, 20).await.unwrap());
        let session = naming(&ann, &series);
        begin(store, &session).await;
        all.push((series, session));
    }
    let mut swept = store.delete_expired_series(at(1_000), 1).await.unwrap();
    assert_eq!(swept.len(), 1, "at most as many as asked for");
    swept.extend(store.delete_expired_series(at(1_000), 5).await.unwrap());
    assert_eq!(store.delete_expired_series(at(1_000), 5).await.unwrap(), []);
    swept.sort();
    let mut over: Vec<_> = all[..2].iter().map(|(it, session)| ended(it, Some(session))).collect();
    over.sort();
    assert_eq!(swept, over);
    let mut remain = Vec::new();
    for (series, session) in &all {
        let lives = find_session(store, session).await.is_some();
        assert_eq!(find(store, series).await.is_some(), lives);
        remain.push(lives);
    }
    assert_eq!(remain, [false, false, true]);
}

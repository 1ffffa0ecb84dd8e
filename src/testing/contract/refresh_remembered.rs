//! Families of refresh tokens that began in a session of a remembered browser.

use std::sync::Arc;

use crate::datastore::refresh::FamilyRecord;
use crate::datastore::remember::{SeriesRecord, SeriesRotated, SeriesRotation};
use crate::datastore::session::{Replaces, SessionRecord};
use crate::datastore::{RefreshStore, RememberStore, Together, UserDatastore};
use crate::testing::contract::makers::{at, begin, digest, password_at, session_of, user};
use crate::testing::contract::refresh::{begin_family, family_of, find, in_session, lives};
use crate::testing::contract::run::{CALLERS, all_at_once};
use crate::user::User;

section! {
    refresh_remembered in __contract_refresh_remembered:
    a_session_that_is_ended_takes_those_of_its_browser_before_along,
    a_session_that_gives_way_or_is_replaced_takes_those_of_its_browser_before_along,
    a_series_that_is_ended_takes_its_families_along,
    a_series_that_expires_leaves_its_families,
    a_series_that_gives_way_leaves_its_families_and_they_name_it_no_more,
    no_family_outlives_the_end_of_its_series_that_was_under_way_with_it,
}

/// Remembers a browser whose first session begins a family, and lets the browser return in a second session.
/// Returns the series, the second session and the family.
async fn come_back(
    store: &Arc<impl UserDatastore + RefreshStore + RememberStore>,
    user: &User,
) -> (SeriesRecord, SessionRecord, FamilyRecord) {
    let series = SeriesRecord {
        series: digest(),
        user_id: user.id,
        epoch: user.epoch,
        validator: digest(),
        previous: None,
        proofs: password_at(at(0)),
        created_at: at(0),
        rotated_at: at(0),
        expires_at: at(500),
    };
    assert!(store.create_series(&series, 100).await.unwrap());
    let first = SessionRecord { series: Some(series.series), ..session_of(user) };
    begin(store, &first).await;
    let family = in_session(user, &first);
    assert!(begin_family(store, &family).await);
    let family = FamilyRecord { series: Some(series.series), ..family };
    let second = SessionRecord { series: Some(series.series), ..session_of(user) };
    let rotation = SeriesRotation {
        series: series.series,
        presented: series.validator,
        next: digest(),
        now: at(1),
        since: at(0),
    };
    let rotated = store.rotate_series(&rotation, &second, 100, &Together::nothing()).await.unwrap();
    assert_eq!(rotated, SeriesRotated::Rotated(Vec::new()));
    assert_eq!(find(store, &family).await.as_ref(), Some(&family), "coming back ends nothing");
    (series, second, family)
}

pub async fn a_session_that_is_ended_takes_those_of_its_browser_before_along(
    store: &Arc<impl UserDatastore + RefreshStore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (_, session, family) = come_back(store, &ann).await;
    let (_, _, other) = come_back(store, &ann).await;
    let alone = family_of(&ann);
    assert!(begin_family(store, &alone).await);
    assert!(store.end_session(&session.digest, &Together::nothing()).await.unwrap());
    for (family, expected) in [(&family, false), (&other, true), (&alone, true)] {
        assert_eq!(lives(store, family).await, expected);
    }
}

pub async fn a_session_that_gives_way_or_is_replaced_takes_those_of_its_browser_before_along(
    store: &Arc<impl UserDatastore + RefreshStore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (series, _, of_replaced) = come_back(store, &ann).await;
    let next = SessionRecord { series: Some(series.series), ..session_of(&ann) };
    begin(store, &next).await;
    assert!(!lives(store, &of_replaced).await);
    let (_, _, of_evicted) = come_back(store, &ann).await;
    let newest = SessionRecord { created_at: at(9), ..session_of(&ann) };
    store
        .begin_session(&newest, Replaces::Nothing, 1, &Together::nothing())
        .await
        .unwrap()
        .unwrap();
    assert!(!lives(store, &of_evicted).await);
}

pub async fn a_series_that_is_ended_takes_its_families_along(
    store: &Arc<impl UserDatastore + RefreshStore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (series, _, family) = come_back(store, &ann).await;
    let (kept, _, of_kept) = come_back(store, &ann).await;
    let (_, _, of_other) = come_back(store, &ann).await;
    let (_, _, of_bob) = come_back(store, &bob).await;
    let nothing = Together::nothing();
    assert_eq!(store.end_series(bob.id, &series.series, &nothing).await.unwrap(), None);
    assert!(lives(store, &family).await);
    // The sessions were not used meanwhile.
    store.delete_ended_sessions(at(10), at(-10), 100).await.unwrap();
    assert!(store.end_series(ann.id, &series.series, &nothing).await.unwrap().is_some());
    assert!(!lives(store, &family).await);
    store.end_other_series(ann.id, Some(&kept.series)).await.unwrap();
    for (family, expected) in [(&of_other, false), (&of_kept, true), (&of_bob, true)] {
        assert_eq!(lives(store, family).await, expected);
    }
}

pub async fn a_series_that_expires_leaves_its_families(
    store: &Arc<impl UserDatastore + RefreshStore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (_, session, family) = come_back(store, &ann).await;
    let second = in_session(&ann, &session);
    assert!(begin_family(store, &second).await);
    assert_eq!(store.delete_expired_series(at(500), 5).await.unwrap().len(), 1);
    for family in [&family, &second] {
        assert!(lives(store, family).await);
    }
}

pub async fn a_series_that_gives_way_leaves_its_families_and_they_name_it_no_more(
    store: &Arc<impl UserDatastore + RefreshStore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (series, session, family) = come_back(store, &ann).await;
    let of_session = in_session(&ann, &session);
    assert!(begin_family(store, &of_session).await);
    let next = SeriesRecord { series: digest(), created_at: at(9), ..series };
    assert!(store.create_series(&next, 1).await.unwrap());
    let family = FamilyRecord { series: None, ..family };
    for family in [&family, &of_session] {
        assert_eq!(find(store, family).await.as_ref(), Some(family));
    }
    assert!(store.end_session(&session.digest, &Together::nothing()).await.unwrap());
    assert!(!lives(store, &of_session).await);
    assert!(lives(store, &family).await);
}

pub async fn no_family_outlives_the_end_of_its_series_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + RefreshStore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    for _ in 0..4 {
        let (series, session, _) = come_back(store, &ann).await;
        let owner = ann.clone();
        all_at_once(store, CALLERS, move |store, number| {
            let (family, user) = (in_session(&owner, &session), owner.id);
            let (series, digest) = (series.series, session.digest);
            async move {
                let nothing = Together::nothing();
                match number {
                    10 => drop(store.end_series(user, &series, &nothing).await.unwrap()),
                    20 => drop(store.end_session(&digest, &nothing).await.unwrap()),
                    _ => drop(store.begin_family(&family, 100, &nothing).await.unwrap()),
                }
            }
        })
        .await;
        assert_eq!(store.list_families(ann.id).await.unwrap(), []);
    }
}

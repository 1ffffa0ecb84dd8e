//! Logins.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::datastore::track::TrackedLogins;
use crate::datastore::{Together, TrackStore, UserDatastore};
use crate::testing::contract::makers::{at, ip, some_user_id, user};
use crate::testing::contract::run::{CALLERS, all_at_once};

section! {
    track in __contract_track:
    a_first_login_is_current_and_has_no_last,
    a_further_login_makes_the_current_one_the_last,
    nothing_is_known_of_who_never_logged_in,
    a_login_of_nobody_is_not_kept,
    parallel_logins_are_all_counted,
    a_deleted_user_takes_their_logins_along,
    no_login_outlives_a_deletion_that_was_under_way_with_it,
}

pub async fn a_first_login_is_current_and_has_no_last(
    store: &Arc<impl UserDatastore + TrackStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let client = Some(ip("2001:db8::7"));
    let now = at(1) + TimeDelta::microseconds(1);
    store.record_login(ann.id, now, client).await.unwrap();
    let expected = TrackedLogins {
        current_login_at: now,
        current_login_ip: client,
        last_login_at: None,
        last_login_ip: None,
        login_count: 1,
    };
    assert_eq!(store.find_track(ann.id).await.unwrap(), Some(expected));
}

pub async fn a_further_login_makes_the_current_one_the_last(
    store: &Arc<impl UserDatastore + TrackStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let clients = [Some(ip("2001:db8::7")), None, Some(ip("192.0.2.7"))];
    for (now, client) in (1..).map(at).zip(clients) {
        store.record_login(ann.id, now, client).await.unwrap();
    }
    let expected = TrackedLogins {
        current_login_at: at(3),
        current_login_ip: Some(ip("192.0.2.7")),
        last_login_at: Some(at(2)),
        last_login_ip: None,
        login_count: 3,
    };
    assert_eq!(store.find_track(ann.id).await.unwrap(), Some(expected));
    store.record_login(ann.id, at(4), None).await.unwrap();
    let track = store.find_track(ann.id).await.unwrap().unwrap();
    assert_eq!(track.current_login_ip, None);
    assert_eq!(track.last_login_ip, Some(ip("192.0.2.7")));
}

pub async fn nothing_is_known_of_who_never_logged_in(store: &Arc<impl UserDatastore + TrackStore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    store.record_login(bob.id, at(1), None).await.unwrap();
    assert_eq!(store.find_track(ann.id).await.unwrap(), None);
    assert_eq!(store.find_track(some_user_id()).await.unwrap(), None);
}

pub async fn a_login_of_nobody_is_not_kept(store: &Arc<impl UserDatastore + TrackStore>) {
    let nobody = some_user_id();
    // The contract leaves open whether this is an error.
    let _ = store.record_login(nobody, at(1), None).await;
    assert_eq!(store.find_track(nobody).await.unwrap(), None);
}

pub async fn parallel_logins_are_all_counted(store: &Arc<impl UserDatastore + TrackStore>) {
    let id = user(store, "ann@example.org").await.id;
    all_at_once(store, CALLERS, move |store, _| async move {
        store.record_login(id, at(1), None).await.unwrap();
    })
    .await;
    let track = store.find_track(id).await.unwrap().unwrap();
    assert_eq!(track.login_count, 32);
    assert_eq!(track.last_login_at, Some(at(1)));
}

pub async fn a_deleted_user_takes_their_logins_along(store: &Arc<impl UserDatastore + TrackStore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    for id in [ann.id, bob.id] {
        store.record_login(id, at(1), None).await.unwrap();
    }
    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert_eq!(store.find_track(ann.id).await.unwrap(), None);
    assert!(store.find_track(bob.id).await.unwrap().is_some());
}

pub async fn no_login_outlives_a_deletion_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + TrackStore>,
) {
    let id = user(store, "ann@example.org").await.id;
    let deletes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| async move {
        if number == deletes {
            assert!(store.delete_user(id, &Together::nothing()).await.unwrap());
        } else {
            // A login of a deleted user may be an error.
            let _ = store.record_login(id, at(1), None).await;
        }
    })
    .await;
    assert_eq!(store.find_track(id).await.unwrap(), None);
}

//! Series, by which browsers are remembered.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::crypto::one_time::Digest;
use crate::datastore::remember::{SeriesRecord, SeriesRotated, SeriesRotation};
use crate::datastore::session::{EndedSession, SessionRecord};
use crate::datastore::user::UserChange;
use crate::datastore::{RememberStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    assert_refused, at, begin, digest, find_session, mail, outbox, password_at, session_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::{Method, Proof, Proofs, User};

section! {
    remember in __contract_remember:
    a_series_is_found_as_begun_with_its_user,
    no_series_begins_for_whoever_may_not_log_in,
    the_oldest_series_beyond_the_maximum_ends_and_its_session_goes_on,
    of_parallel_series_the_maximum_remains,
    a_turn_replaces_the_validator_and_begins_the_session,
    a_session_of_a_series_takes_the_place_of_the_one_before,
    a_previous_validator_is_told_its_successor_for_a_while,
    a_series_turns_for_nobody_when_it_has_expired_or_is_anothers,
    what_goes_together_with_a_turn_is_committed_with_it_alone,
    of_parallel_callers_with_one_validator_one_turns_the_series_and_all_others_follow,
    a_turn_ends_the_oldest_session_beyond_the_maximum,
    no_session_names_a_series_that_is_gone_or_anothers,
}

/// How long a previous validator is accepted as the same browser's.
const WINDOW: TimeDelta = TimeDelta::seconds(10);

pub(super) fn series_of(user: &User) -> SeriesRecord {
    SeriesRecord {
        series: digest(),
        user_id: user.id,
        epoch: user.epoch,
        validator: digest(),
        previous: None,
        proofs: password_at(at(0)),
        created_at: at(0),
        rotated_at: at(0),
        expires_at: at(1_000_000),
    }
}

/// Begins a series, and a session that names it.
pub(super) async fn with_session(
    store: &Arc<impl UserDatastore + RememberStore>,
    user: &User,
) -> (SeriesRecord, SessionRecord) {
    let series = series_of(user);
    assert!(store.create_series(&series, 100).await.unwrap());
    let session = naming(user, &series);
    begin(store, &session).await;
    (series, session)
}

pub(super) fn naming(user: &User, series: &SeriesRecord) -> SessionRecord {
    SessionRecord { series: Some(series.series), ..session_of(user) }
}

/// Presents a validator of a series at that second.
pub(super) fn rotation(
    series: &SeriesRecord,
    presented: Digest,
    next: Digest,
    second: i64,
) -> SeriesRotation {
    let now = at(second);
    SeriesRotation { series: series.series, presented, next, now, since: now - WINDOW }
}

pub(super) async fn rotate(
    store: &Arc<impl RememberStore>,
    rotation: &SeriesRotation,
    session: &SessionRecord,
) -> SeriesRotated {
    store.rotate_series(rotation, session, 100, &Together::nothing()).await.unwrap()
}

pub(super) async fn find(
    store: &Arc<impl RememberStore>,
    series: &SeriesRecord,
) -> Option<SeriesRecord> {
    store.find_series(&series.series).await.unwrap().map(|(found, _)| found)
}

pub async fn a_series_is_found_as_begun_with_its_user(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "Ann@example.org").await;
    let micro = TimeDelta::microseconds(1);
    let series = SeriesRecord { created_at: at(1) + micro, rotated_at: at(2), ..series_of(&ann) };
    assert!(store.create_series(&series, 20).await.unwrap());
    assert_eq!(store.find_series(&series.series).await.unwrap(), Some((series, ann)));
    assert_eq!(store.find_series(&digest()).await.unwrap(), None);
}

pub async fn no_series_begins_for_whoever_may_not_log_in(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let nothing = Together::nothing();
    let off = UserChange::active(false);
    let locked = store.update_user(ann.id, &off, &nothing).await.unwrap().unwrap();
    for user in [&ann, &locked] {
        assert!(!store.create_series(&series_of(user), 20).await.unwrap());
    }
    store.delete_user(ann.id, &nothing).await.unwrap();
    let series = series_of(&locked);
    assert!(!store.create_series(&series, 20).await.unwrap());
    assert_eq!(find(store, &series).await, None);
}

pub async fn the_oldest_series_beyond_the_maximum_ends_and_its_session_goes_on(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (bobs, _) = with_session(store, &bob).await;
    let (oldest, session) = with_session(store, &ann).await;
    // The clock of another instance is ahead.
    let ahead = SeriesRecord { created_at: at(100), ..series_of(&ann) };
    let newest = SeriesRecord { created_at: at(1), ..series_of(&ann) };
    for series in [&ahead, &newest] {
        assert!(store.create_series(series, 2).await.unwrap());
    }
    assert_eq!(find(store, &oldest).await, None);
    for series in [&bobs, &ahead, &newest] {
        assert!(find(store, series).await.is_some());
    }
    let goes_on = SessionRecord { series: None, ..session.clone() };
    assert_eq!(find_session(store, &session).await.map(|(found, _)| found), Some(goes_on));
}

pub async fn of_parallel_series_the_maximum_remains(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let all: Vec<_> = (0..CALLERS).map(|_| series_of(&ann)).collect();
    let begun = all.clone();
    let answers = all_at_once(store, CALLERS, move |store, number| {
        let series = begun[number].clone();
        async move { store.create_series(&series, 5).await.unwrap() }
    })
    .await;
    assert_eq!(count(&answers, &true), CALLERS);
    let mut remain = 0;
    for series in &all {
        remain += usize::from(find(store, series).await.is_some());
    }
    assert_eq!(remain, 5);
}

pub async fn a_turn_replaces_the_validator_and_begins_the_session(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let series = series_of(&ann);
    assert!(store.create_series(&series, 20).await.unwrap());
    let remembered = Proofs::from(Proof::new(Method::Remembered, at(50)));
    let never = SessionRecord { proofs: remembered, ..naming(&ann, &series) };
    let rotation = rotation(&series, series.validator, digest(), 50);
    assert_eq!(rotate(store, &rotation, &never).await, SeriesRotated::Rotated(Vec::new()));
    let rotated = SeriesRecord {
        validator: rotation.next,
        previous: Some(rotation.presented),
        rotated_at: at(50),
        ..series.clone()
    };
    assert_eq!(find(store, &series).await, Some(rotated));
    assert_eq!(find_session(store, &never).await, Some((never.clone(), ann)));
}

pub async fn a_session_of_a_series_takes_the_place_of_the_one_before(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (series, first) = with_session(store, &ann).await;
    let (other, others) = with_session(store, &ann).await;
    let (second, third) = (naming(&ann, &series), naming(&ann, &series));
    let rotation = rotation(&series, series.validator, digest(), 1);
    assert_eq!(rotate(store, &rotation, &second).await, SeriesRotated::Rotated(Vec::new()));
    assert_eq!(find_session(store, &first).await, None);
    // A session that begins without a rotation does the same.
    begin(store, &third).await;
    assert_eq!(find_session(store, &second).await, None);
    for (series, session) in [(&series, &third), (&other, &others)] {
        assert!(find(store, series).await.is_some());
        assert!(find_session(store, session).await.is_some());
    }
}

pub async fn a_previous_validator_is_told_its_successor_for_a_while(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let series = series_of(&ann);
    assert!(store.create_series(&series, 20).await.unwrap());
    let (first, second, third) = (series.validator, digest(), digest());
    let session = naming(&ann, &series);
    rotate(store, &rotation(&series, first, second, 100), &session).await;
    let tell = async |presented, second| {
        rotate(store, &rotation(&series, presented, digest(), second), &naming(&ann, &series)).await
    };
    for moment in [95, 100, 109] {
        assert_eq!(tell(first, moment).await, SeriesRotated::SameAgain(second));
    }
    assert_eq!(tell(first, 110).await, SeriesRotated::Stale);
    assert_eq!(tell(digest(), 101).await, SeriesRotated::Stale);
    assert!(find_session(store, &session).await.is_some(), "nothing has changed");
    rotate(store, &rotation(&series, second, third, 102), &naming(&ann, &series)).await;
    assert_eq!(tell(second, 103).await, SeriesRotated::SameAgain(third));
    assert_eq!(tell(first, 103).await, SeriesRotated::Stale, "the one before the previous one");
}

pub async fn a_series_turns_for_nobody_when_it_has_expired_or_is_anothers(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let series = SeriesRecord { expires_at: at(100), ..series_of(&ann) };
    assert!(store.create_series(&series, 20).await.unwrap());
    let on_time = rotation(&series, series.validator, digest(), 99);
    let unknown = SeriesRotation { series: digest(), ..on_time };
    assert_eq!(rotate(store, &unknown, &naming(&ann, &series)).await, SeriesRotated::Unknown);
    assert_eq!(rotate(store, &on_time, &naming(&bob, &series)).await, SeriesRotated::Unknown);
    let other = SessionRecord { epoch: 7, ..naming(&ann, &series) };
    assert_eq!(rotate(store, &on_time, &other).await, SeriesRotated::Unknown);
    let late = rotation(&series, series.validator, digest(), 100);
    assert_eq!(rotate(store, &late, &naming(&ann, &series)).await, SeriesRotated::Unknown);
    assert_eq!(find(store, &series).await, Some(series.clone()));
    let session = naming(&ann, &series);
    assert_eq!(rotate(store, &on_time, &session).await, SeriesRotated::Rotated(Vec::new()));
    let late = rotation(&series, series.validator, digest(), 101);
    assert_eq!(rotate(store, &late, &naming(&ann, &series)).await, SeriesRotated::Unknown);
}

pub async fn what_goes_together_with_a_turn_is_committed_with_it_alone(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let series = series_of(&ann);
    assert!(store.create_series(&series, 20).await.unwrap());
    let (first, second) = (series.validator, digest());
    for (presented, second) in [(first, second), (first, second), (digest(), digest())] {
        let rotation = rotation(&series, presented, second, 1);
        let together = Together::mail(vec![mail("ann@example.org")]);
        store.rotate_series(&rotation, &naming(&ann, &series), 20, &together).await.unwrap();
        assert_eq!(outbox(store).await.len(), 1);
    }
}

pub async fn of_parallel_callers_with_one_validator_one_turns_the_series_and_all_others_follow(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let series = series_of(&ann);
    assert!(store.create_series(&series, 20).await.unwrap());
    let (next, session) = (digest(), naming(&ann, &series));
    let (rotation, begun) = (rotation(&series, series.validator, next, 1), session.clone());
    let answers = all_at_once(store, CALLERS, move |store, _| {
        // Each caller has its own public id; the id in the cookie is derived.
        let session = SessionRecord { id: session_of(&ann).id, ..begun.clone() };
        async move {
            let together = Together::mail(vec![mail("ann@example.org")]);
            store.rotate_series(&rotation, &session, 20, &together).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&answers, &SeriesRotated::Rotated(Vec::new())), 1);
    assert_eq!(count(&answers, &SeriesRotated::SameAgain(next)), CALLERS - 1);
    assert_eq!(outbox(store).await.len(), 1);
    assert_eq!(store.list_sessions(series.user_id).await.unwrap().len(), 1);
    assert!(find_session(store, &session).await.is_some());
}

pub async fn a_turn_ends_the_oldest_session_beyond_the_maximum(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (series, _) = with_session(store, &ann).await;
    let (oldest, newest) = (session_of(&ann), session_of(&ann));
    begin(store, &oldest).await;
    begin(store, &SessionRecord { created_at: at(2), ..newest.clone() }).await;
    let session = naming(&ann, &series);
    let rotation = rotation(&series, series.validator, digest(), 3);
    let rotated = store.rotate_series(&rotation, &session, 2, &Together::nothing()).await.unwrap();
    assert_eq!(
        rotated,
        SeriesRotated::Rotated(vec![EndedSession { id: oldest.id, user_id: ann.id }])
    );
    assert!(find_session(store, &newest).await.is_some());
    assert!(find_session(store, &session).await.is_some());
}

pub async fn no_session_names_a_series_that_is_gone_or_anothers(
    store: &Arc<impl UserDatastore + RememberStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (series, _) = with_session(store, &ann).await;
    assert_refused(store, &naming(&bob, &series)).await;
    store.end_series(ann.id, &series.series, &Together::nothing()).await.unwrap().unwrap();
    assert_refused(store, &naming(&ann, &series)).await;
}

//! Sessions.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::clock::NEVER;
use crate::datastore::session::{EndedSession, Replaces, SessionRecord};
use crate::datastore::user::UserChange;
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    assert_refused, at, begin, digest, find_session, ip, password_at, session_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::User;

section! {
    sessions in __contract_sessions:
    a_session_is_found_as_begun,
    a_session_of_an_unknown_client_is_found_as_begun,
    an_unknown_session_is_not_found,
    a_session_is_found_by_its_public_id_for_its_own_user,
    by_its_public_id_a_session_is_not_found_once_it_ended,
    no_session_begins_for_a_user_who_is_gone,
    no_session_begins_for_a_user_who_is_switched_off,
    no_session_begins_in_another_epoch,
    no_session_outlives_a_change_that_was_under_way_with_it,
    the_oldest_session_beyond_the_maximum_ends,
    a_session_just_begun_is_never_the_one_that_ends,
    of_parallel_sessions_the_maximum_remains,
    parallel_sessions_of_many_users_do_not_hinder_each_other,
    a_use_is_noted_unless_one_was_noted_since,
    a_use_of_an_unknown_session_is_no_fault,
    a_session_that_expired_is_used_no_more,
    a_session_in_use_does_not_expire,
    a_session_ends_once_and_alone,
    a_use_under_way_with_the_end_does_not_bring_the_session_back,
    ended_sessions_are_swept,
}

pub async fn a_session_is_found_as_begun(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "Ann@example.org").await;
    for client in ["2001:db8::7", "::ffff:192.0.2.7", "192.0.2.7"] {
        let session = SessionRecord {
            proofs: password_at(at(2) + TimeDelta::milliseconds(2)),
            client: Some(ip(client)),
            user_agent: Some("\u{1f980}".repeat(255)),
            created_at: at(1) + TimeDelta::microseconds(1),
            last_seen_at: at(3),
            ..session_of(&ann)
        };
        begin(store, &session).await;
        assert_eq!(find_session(store, &session).await, Some((session, ann.clone())));
    }
}

pub async fn a_session_of_an_unknown_client_is_found_as_begun(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let session = SessionRecord { client: None, user_agent: None, ..session_of(&ann) };
    begin(store, &session).await;
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
}

pub async fn an_unknown_session_is_not_found(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    begin(store, &session_of(&ann)).await;
    assert_eq!(store.find_session(&digest()).await.unwrap(), None);
}

pub async fn a_session_is_found_by_its_public_id_for_its_own_user(store: &Arc<impl UserDatastore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (first, second, of_bob) = (session_of(&ann), session_of(&ann), session_of(&bob));
    for session in [&first, &second, &of_bob] {
        begin(store, session).await;
    }
    for (session, whose) in [(&first, &ann), (&second, &ann), (&of_bob, &bob)] {
        let found = store.find_session_of(whose.id, session.id).await.unwrap();
        assert_eq!(found, Some((session.clone(), whose.clone())));
    }
    assert_eq!(store.find_session_of(bob.id, first.id).await.unwrap(), None);
    assert_eq!(store.find_session_of(ann.id, of_bob.id).await.unwrap(), None);
    assert_eq!(store.find_session_of(ann.id, session_of(&ann).id).await.unwrap(), None);
}

pub async fn by_its_public_id_a_session_is_not_found_once_it_ended(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (ended, other) = (session_of(&ann), session_of(&ann));
    begin(store, &ended).await;
    begin(store, &other).await;
    assert!(store.end_session(&ended.digest, &Together::nothing()).await.unwrap());
    assert_eq!(store.find_session_of(ann.id, ended.id).await.unwrap(), None);
    assert!(store.find_session_of(ann.id, other.id).await.unwrap().is_some());
    let change = UserChange::active(false);
    store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!(store.find_session_of(ann.id, other.id).await.unwrap(), None);
}

pub async fn no_session_begins_for_a_user_who_is_gone(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    store.delete_user(ann.id, &Together::nothing()).await.unwrap();
    assert_refused(store, &session_of(&ann)).await;
}

pub async fn no_session_begins_for_a_user_who_is_switched_off(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let change = UserChange::active(false);
    let ann = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_refused(store, &session_of(&ann)).await;
}

pub async fn no_session_begins_in_another_epoch(store: &Arc<impl UserDatastore>) {
    let before = user(store, "ann@example.org").await;
    let change = UserChange::active(true);
    let ann = store.update_user(before.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_refused(store, &session_of(&before)).await;
    assert_refused(store, &SessionRecord { epoch: 2, ..session_of(&ann) }).await;
    begin(store, &session_of(&ann)).await;
}

pub async fn no_session_outlives_a_change_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let sessions: Vec<_> = (0..CALLERS).map(|_| session_of(&ann)).collect();
    let begun = sessions.clone();
    let changes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| {
        let session = begun[number].clone();
        async move {
            if number == changes {
                let (id, change) = (session.user_id, UserChange::active(true));
                store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap();
            } else {
                store
                    .begin_session(&session, Replaces::Nothing, 100, &Together::nothing())
                    .await
                    .unwrap();
            }
        }
    })
    .await;
    for session in sessions {
        assert_eq!(find_session(store, &session).await, None);
    }
}

pub async fn the_oldest_session_beyond_the_maximum_ends(store: &Arc<impl UserDatastore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let oldest = SessionRecord { created_at: at(0), ..session_of(&bob) };
    begin(store, &oldest).await;
    let began_at = |created_at| SessionRecord { created_at, ..session_of(&ann) };
    let micro = TimeDelta::microseconds(1);
    // Not in the order of their times, and two as close together as times can be.
    let sessions = [began_at(at(2)), began_at(at(1)), began_at(at(1) + micro)];
    let mut evicted = Vec::new();
    for session in &sessions {
        let ended =
            store.begin_session(session, Replaces::Nothing, 2, &Together::nothing()).await.unwrap();
        evicted.extend(ended.unwrap());
    }
    assert_eq!(evicted, [ended_of(&sessions[1])]);
    let listed = store.list_sessions(ann.id).await.unwrap();
    assert_eq!(listed, [sessions[0].clone(), sessions[2].clone()], "the newest first");
    assert_eq!(store.list_sessions(bob.id).await.unwrap(), std::slice::from_ref(&oldest));
    let mut remain = Vec::new();
    for session in &sessions {
        remain.push(find_session(store, session).await.is_some());
    }
    assert_eq!(remain, [true, false, true]);
    assert!(find_session(store, &oldest).await.is_some());
}

pub async fn a_session_just_begun_is_never_the_one_that_ends(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    // The clock of another instance is ahead.
    let ahead = SessionRecord { created_at: at(100), ..session_of(&ann) };
    begin(store, &ahead).await;
    let mine = SessionRecord { created_at: at(1), ..session_of(&ann) };
    assert!(
        store
            .begin_session(&mine, Replaces::Nothing, 1, &Together::nothing())
            .await
            .unwrap()
            .is_some()
    );
    assert!(find_session(store, &mine).await.is_some());
    assert!(find_session(store, &ahead).await.is_none());
}

pub async fn of_parallel_sessions_the_maximum_remains(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let sessions: Vec<_> = (0..40).map(|_| session_of(&ann)).collect();
    let begun = sessions.clone();
    let answers = all_at_once(store, 40, move |store, number| {
        let session = begun[number].clone();
        async move {
            store
                .begin_session(&session, Replaces::Nothing, 20, &Together::nothing())
                .await
                .unwrap()
                .is_some()
        }
    })
    .await;
    assert_eq!(count(&answers, &true), 40);
    let mut remain = 0;
    for session in &sessions {
        remain += usize::from(find_session(store, session).await.is_some());
    }
    assert_eq!(remain, 20);
}

pub async fn parallel_sessions_of_many_users_do_not_hinder_each_other(
    store: &Arc<impl UserDatastore>,
) {
    let mut users = Vec::new();
    for number in 0..8 {
        users.push(user(store, &format!("user{number}@example.org")).await);
    }
    let sessions: Vec<_> = (0..160).map(|number| session_of(&users[number % 8])).collect();
    let begun = sessions.clone();
    let answers = all_at_once(store, 16, move |store, caller| {
        let begun: Vec<_> = begun.iter().skip(caller).step_by(16).cloned().collect();
        async move {
            for session in begun {
                assert!(
                    store
                        .begin_session(&session, Replaces::Nothing, 2, &Together::nothing())
                        .await
                        .unwrap()
                        .is_some()
                );
            }
        }
    })
    .await;
    assert_eq!(answers.len(), 16);
    let mut remain = 0;
    for session in &sessions {
        remain += usize::from(find_session(store, session).await.is_some());
    }
    assert_eq!(remain, 16);
}

pub async fn a_use_is_noted_unless_one_was_noted_since(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let micro = TimeDelta::microseconds(1);
    let session = SessionRecord { last_seen_at: at(60), ..session_of(&ann) };
    begin(store, &session).await;
    let touch = async |now, unless_since| {
        store.touch_session(&session.digest, now, unless_since).await.unwrap();
        find_session(store, &session).await.unwrap().0
    };
    assert_eq!(touch(at(90), at(60) - micro).await, session);
    let seen = SessionRecord { last_seen_at: at(121), ..session.clone() };
    assert_eq!(touch(at(121), at(60) + micro).await, seen);
    // Exactly at that moment is not after it.
    let seen = SessionRecord { last_seen_at: at(182), ..session.clone() };
    assert_eq!(touch(at(182), at(121)).await, seen);
}

pub async fn a_use_of_an_unknown_session_is_no_fault(store: &Arc<impl UserDatastore>) {
    let unknown = digest();
    store.touch_session(&unknown, at(1), at(0)).await.unwrap();
    assert_eq!(store.find_session(&unknown).await.unwrap(), None);
}

fn used_at(user: &User, seconds: i64) -> SessionRecord {
    SessionRecord { created_at: at(seconds), last_seen_at: at(seconds), ..session_of(user) }
}

pub async fn a_session_that_expired_is_used_no_more(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    for (idle, begun) in [(at(60), at(0)), (at(0), at(60))] {
        let session = used_at(&ann, 60);
        begin(store, &session).await;
        store.expire_session(&session.digest, idle, begun).await.unwrap();
        store.touch_session(&session.digest, at(120), at(60)).await.unwrap();
        let expired = SessionRecord { last_seen_at: NEVER, ..session.clone() };
        assert_eq!(find_session(store, &session).await, Some((expired, ann.clone())));
        assert!(store.end_session(&session.digest, &Together::nothing()).await.unwrap());
    }
}

pub async fn a_session_in_use_does_not_expire(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let session = used_at(&ann, 60);
    begin(store, &session).await;
    store.expire_session(&session.digest, at(59), at(59)).await.unwrap();
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
}

pub async fn a_session_ends_once_and_alone(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let (ended, other) = (session_of(&ann), session_of(&ann));
    begin(store, &ended).await;
    begin(store, &other).await;
    let digest = ended.digest;
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.end_session(&digest, &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
    assert_eq!(find_session(store, &ended).await, None);
    assert!(find_session(store, &other).await.is_some());
}

pub async fn a_use_under_way_with_the_end_does_not_bring_the_session_back(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    let (digest, ends) = (session.digest, CALLERS / 2);
    all_at_once(store, CALLERS, move |store, number| async move {
        if number == ends {
            assert!(store.end_session(&digest, &Together::nothing()).await.unwrap());
        } else {
            store.touch_session(&digest, at(61), at(60)).await.unwrap();
        }
    })
    .await;
    assert_eq!(find_session(store, &session).await, None);
}

fn ended_of(session: &SessionRecord) -> EndedSession {
    EndedSession { id: session.id, user_id: session.user_id }
}

pub async fn ended_sessions_are_swept(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let (before, after) = (TimeDelta::microseconds(-1), TimeDelta::microseconds(1));
    let (idle, begun) = (at(2_000), at(1_000));
    let with =
        |last_seen_at, created_at| SessionRecord { last_seen_at, created_at, ..session_of(&ann) };
    let is_idle = with(idle + before, begun + after);
    let is_old = with(idle + after, begun + before);
    let is_just_idle = with(idle, begun + after);
    let is_just_old = with(idle + after, begun);
    let lives = with(idle + after, begun + after);
    for session in [&is_idle, &is_old, &is_just_idle, &is_just_old, &lives] {
        begin(store, session).await;
    }
    let mut ended = store.delete_ended_sessions(idle, begun, 3).await.unwrap();
    assert_eq!(ended.len(), 3, "at most as many as asked for");
    ended.extend(store.delete_ended_sessions(idle, begun, 3).await.unwrap());
    assert_eq!(store.delete_ended_sessions(idle, begun, 3).await.unwrap(), []);
    ended.sort();
    let mut over = [&is_idle, &is_old, &is_just_idle, &is_just_old].map(ended_of);
    over.sort();
    assert_eq!(ended, over);
    for session in [&is_idle, &is_old, &is_just_idle, &is_just_old] {
        assert_eq!(find_session(store, session).await, None);
    }
    assert!(find_session(store, &lives).await.is_some());
}

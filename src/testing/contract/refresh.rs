//! Families of refresh tokens, and the bearers of tokens.

use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::crypto::random_uuid;
use crate::datastore::refresh::{
    EndedFamily, FamilyRecord, LivesBy, Rotated, Rotation, TokenTrace,
};
use crate::datastore::session::SessionRecord;
use crate::datastore::user::{NewUser, UserChange};
use crate::datastore::{RefreshStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, ip, mail, new_user, outbox, password_at, session_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::{Method, Proof, User};

section! {
    refresh in __contract_refresh:
    a_family_is_found_as_begun_with_its_user,
    no_family_begins_for_whoever_may_not_log_in_or_in_a_session_that_is_gone,
    whoever_has_a_family_has_their_account_for_good,
    the_oldest_family_beyond_the_maximum_ends,
    families_that_are_over_make_none_give_way,
    of_parallel_families_the_maximum_remains,
    a_bearer_is_found_by_what_their_token_lives_by,
    a_denied_token_has_no_bearer,
    a_rotation_replaces_the_token_and_nothing_else,
    a_token_that_was_replaced_is_told_its_successor_for_a_while_or_is_used_again,
    a_family_that_is_over_or_anothers_rotates_for_nobody,
    a_token_that_was_denied_meanwhile_is_replaced_by_none,
    of_parallel_rotations_of_one_token_one_counts,
    of_parallel_rotations_with_time_for_others_all_are_told_the_same_successor,
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

fn id() -> Uuid {
    random_uuid().unwrap()
}

pub(super) fn family_of(user: &User) -> FamilyRecord {
    FamilyRecord {
        id: id(),
        user_id: user.id,
        epoch: user.epoch,
        token_id: id(),
        previous_id: None,
        session_id: None,
        series: None,
        proofs: password_at(at(0)),
        client: Some(ip("192.0.2.1")),
        user_agent: Some("Program/1.0".to_owned()),
        created_at: at(0),
        rotated_at: at(0),
        idle_expires_at: at(1_000),
        expires_at: at(10_000),
    }
}

pub(super) fn in_session(user: &User, session: &SessionRecord) -> FamilyRecord {
    FamilyRecord { session_id: Some(session.id), ..family_of(user) }
}

pub(super) async fn begin_family(store: &Arc<impl RefreshStore>, family: &FamilyRecord) -> bool {
    store.begin_family(family, 100, &Together::nothing()).await.unwrap().is_some()
}

/// A family that has begun in a session that has.
async fn with_session(
    store: &Arc<impl UserDatastore + RefreshStore>,
    user: &User,
) -> (FamilyRecord, SessionRecord) {
    let session = session_of(user);
    begin(store, &session).await;
    let family = in_session(user, &session);
    assert!(begin_family(store, &family).await);
    (family, session)
}

fn trace(family: &FamilyRecord) -> TokenTrace {
    let session = family.session_id;
    TokenTrace { user: family.user_id, family: Some(family.id), session, jti: "0f0c".to_owned() }
}

pub(super) async fn find(
    store: &Arc<impl RefreshStore>,
    family: &FamilyRecord,
) -> Option<FamilyRecord> {
    match store.find_bearer(&trace(family)).await.unwrap() {
        Some((_, LivesBy::Family(found))) => Some(found),
        None => None,
        other => panic!("a token of a family lives by {other:?}"),
    }
}

pub(super) async fn lives(store: &Arc<impl RefreshStore>, family: &FamilyRecord) -> bool {
    find(store, family).await.is_some()
}

/// Presents a token of a family at that second, to whom nobody is told a successor.
fn rotation(family: &FamilyRecord, presented: Uuid, second: i64) -> Rotation {
    Rotation {
        family: family.id,
        user_id: family.user_id,
        epoch: family.epoch,
        presented,
        next: id(),
        now: at(second),
        idle_expires_at: at(second + 1_000),
        since: None,
    }
}

async fn rotate(store: &Arc<impl RefreshStore>, rotation: &Rotation) -> Rotated {
    store.rotate_family(rotation).await.unwrap()
}

fn ended(family: &FamilyRecord) -> EndedFamily {
    EndedFamily { id: family.id, user_id: family.user_id }
}

pub async fn a_family_is_found_as_begun_with_its_user(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "Ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    let micro = TimeDelta::microseconds(1);
    let family = FamilyRecord {
        created_at: at(1) + micro,
        proofs: password_at(at(2)).and(Proof::new(Method::custom("smart_card"), at(3))),
        rotated_at: at(3),
        previous_id: Some(id()),
        ..in_session(&ann, &session)
    };
    let bare = FamilyRecord { client: None, user_agent: None, ..family_of(&ann) };
    for family in [&family, &bare] {
        assert!(begin_family(store, family).await);
        let found = store.find_bearer(&trace(family)).await.unwrap();
        assert_eq!(found, Some((ann.clone(), LivesBy::Family(family.clone()))));
        assert_eq!(store.find_family(family.id).await.unwrap().as_ref(), Some(family));
    }
    assert_eq!(store.list_families(ann.id).await.unwrap(), [family, bare]);
    assert_eq!(find(store, &family_of(&ann)).await, None);
    assert_eq!(store.find_family(id()).await.unwrap(), None);
}

pub async fn no_family_begins_for_whoever_may_not_log_in_or_in_a_session_that_is_gone(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (gone, of_bob) = (session_of(&ann), session_of(&bob));
    begin(store, &of_bob).await;
    for session in [&gone, &of_bob] {
        assert!(!begin_family(store, &in_session(&ann, session)).await);
    }
    let nothing = Together::nothing();
    let off = UserChange::active(false);
    let locked = store.update_user(ann.id, &off, &nothing).await.unwrap().unwrap();
    for user in [&ann, &locked] {
        let together = Together::mail(vec![mail("ann@example.org")]);
        assert_eq!(store.begin_family(&family_of(user), 20, &together).await.unwrap(), None);
    }
    assert!(outbox(store).await.is_empty());
    store.delete_user(ann.id, &nothing).await.unwrap();
    assert!(!begin_family(store, &family_of(&locked)).await);
    assert_eq!(store.list_families(ann.id).await.unwrap(), []);
}

pub async fn whoever_has_a_family_has_their_account_for_good(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let new = NewUser { expires_at: Some(at(900)), ..new_user("ann@example.org") };
    let ann = store.create_user(&new, &Together::nothing()).await.unwrap().unwrap();
    assert!(begin_family(store, &family_of(&ann)).await);
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().expires_at, None);
}

pub async fn the_oldest_family_beyond_the_maximum_ends(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (bobs, oldest) = (family_of(&bob), family_of(&ann));
    // Another instance's clock is ahead.
    let ahead = FamilyRecord { created_at: at(100), ..family_of(&ann) };
    let newest = FamilyRecord { created_at: at(1), ..family_of(&ann) };
    let nothing = Together::nothing();
    for family in [&bobs, &oldest, &ahead] {
        assert_eq!(store.begin_family(family, 2, &nothing).await.unwrap(), Some(Vec::new()));
    }
    let evicted = store.begin_family(&newest, 2, &nothing).await.unwrap();
    assert_eq!(evicted, Some(vec![ended(&oldest)]));
    assert!(!lives(store, &oldest).await);
    for family in [&bobs, &ahead, &newest] {
        assert!(lives(store, family).await);
    }
}

pub async fn families_that_are_over_make_none_give_way(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (old, live) = (family_of(&ann), family_of(&ann));
    let over = FamilyRecord { created_at: at(1), idle_expires_at: at(2), ..family_of(&ann) };
    let also_over = FamilyRecord { created_at: at(1), idle_expires_at: at(3), ..family_of(&ann) };
    let newest = FamilyRecord { created_at: at(3), ..family_of(&ann) };
    for family in [&old, &live, &over, &also_over] {
        assert!(begin_family(store, family).await);
    }
    let begun = store.begin_family(&newest, 3, &Together::nothing()).await.unwrap();
    assert_eq!(begun, Some(Vec::new()));
    for family in [&old, &live, &newest] {
        assert!(lives(store, family).await);
    }
    let swept = store.delete_expired_families(at(3), 5).await.unwrap();
    assert_eq!(swept.len(), 2, "they are still there to be told of");
}

pub async fn of_parallel_families_the_maximum_remains(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let owner = ann.clone();
    let answers = all_at_once(store, CALLERS, move |store, _| {
        let family = family_of(&owner);
        async move { store.begin_family(&family, 5, &Together::nothing()).await.unwrap().is_some() }
    })
    .await;
    assert_eq!(count(&answers, &true), CALLERS);
    assert_eq!(store.list_families(ann.id).await.unwrap().len(), 5);
}

pub async fn a_bearer_is_found_by_what_their_token_lives_by(
    store: &Arc<impl UserDatastore + RefreshStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (family, session) = with_session(store, &ann).await;
    let of = |owner: &User, family, session| TokenTrace {
        user: owner.id,
        family,
        session,
        jti: "0f0c".to_owned(),
    };
    let find = async |trace: TokenTrace| store.find_bearer(&trace).await.unwrap();
    let found = find(of(&ann, None, Some(session.id))).await;
    assert_eq!(found, Some((ann.clone(), LivesBy::Session(session.clone()))));
    assert_eq!(find(of(&ann, None, None)).await, Some((ann.clone(), LivesBy::User)));
    for trace in [
        of(&bob, Some(family.id), None),
        of(&bob, None, Some(session.id)),
        of(&ann, Some(session.id), Some(session.id)),
        of(&ann, Some(id()), Some(session.id)),
        of(&ann, None, Some(family.id)),
        TokenTrace { user: session_of(&bob).user_id, ..of(&ann, Some(family.id), None) },
    ] {
        assert_eq!(find(trace.clone()).await, None, "{trace:?}");
    }
}

pub async fn a_denied_token_has_no_bearer(store: &Arc<impl UserDatastore + RefreshStore>) {
    let ann = user(store, "ann@example.org").await;
    let (family, session) = with_session(store, &ann).await;
    let traces = [(Some(family.id), Some(session.id)), (None, Some(session.id)), (None, None)];
    let denied = id().to_string();
    assert!(store.deny(&denied, at(100), &Together::nothing()).await.unwrap());
    for (family, session) in traces {
        let good = TokenTrace { user: ann.id, family, session, jti: id().to_string() };
        let bad = TokenTrace { jti: denied.clone(), ..good.clone() };
        assert!(store.find_bearer(&good).await.unwrap().is_some());
        assert_eq!(store.find_bearer(&bad).await.unwrap(), None);
    }
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
    assert_eq!(rotate(store, &rotation).await, Rotated::Next);
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
    assert_eq!(rotate(store, &to_second).await, Rotated::Next);
    let within = |presented, second| {
        let since = Some(at(second) - TimeDelta::seconds(10));
        Rotation { since, ..rotation(&family, presented, second) }
    };
    let successor = async |presented, second| match rotate(store, &within(presented, second)).await
    {
        Rotated::SameAgain(family) => Some(family.token_id),
        Rotated::Reused => None,
        other => panic!("{other:?}"),
    };
    for moment in [95, 100, 109] {
        assert_eq!(successor(first, moment).await, Some(to_second.next));
    }
    assert_eq!(successor(first, 110).await, None);
    assert_eq!(successor(id(), 101).await, None);
    assert_eq!(rotate(store, &rotation(&family, first, 101)).await, Rotated::Reused);
    let to_third = rotation(&family, to_second.next, 102);
    assert_eq!(rotate(store, &to_third).await, Rotated::Next, "what was refused changed nothing");
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
        Rotation { family: id(), ..on_time },
        Rotation { user_id: bob.id, ..on_time },
        Rotation { epoch: 7, ..on_time },
        rotation(&idle, idle.token_id, 1_000),
        rotation(&idle, id(), 1_000),
        rotation(&old, old.token_id, 500),
    ] {
        assert_eq!(rotate(store, &wrong).await, Rotated::Over, "{wrong:?}");
    }
    assert_eq!(find(store, &idle).await, Some(idle.clone()));
    assert_eq!(rotate(store, &on_time).await, Rotated::Next);
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
    assert_eq!(rotate(store, &denied).await, Rotated::Over);
    assert_eq!(find(store, &family).await.as_ref(), Some(&family), "nothing has changed");

    // Neither is the successor of one that was replaced a moment ago told once more.
    let replaced = rotation(&other, other.token_id, 50);
    assert_eq!(rotate(store, &replaced).await, Rotated::Next);
    deny(other.token_id).await;
    let again = Rotation { since: Some(at(45)), ..rotation(&other, other.token_id, 51) };
    assert_eq!(rotate(store, &again).await, Rotated::Over);
    let next = rotation(&other, replaced.next, 60);
    assert_eq!(rotate(store, &next).await, Rotated::Next, "the other one is good");
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
    assert_eq!(count(&answers, &Rotated::Next), 1);
    assert_eq!(count(&answers, &Rotated::Reused), CALLERS - 1);
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
            Rotation { since: Some(at(-9)), ..rotation(&presented, presented.token_id, 1) };
        async move {
            match store.rotate_family(&rotation).await.unwrap() {
                Rotated::Next => rotation.next,
                Rotated::SameAgain(family) => family.token_id,
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    let newest = find(store, &family).await.unwrap().token_id;
    assert_eq!(count(&answers, &newest), CALLERS);
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
    store.begin_session(&next, 1, &Together::nothing()).await.unwrap().unwrap();
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
    assert_eq!(rotate(store, &rotation(&alone, alone.token_id, 1)).await, Rotated::Over);
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

//! Families of refresh tokens, and the bearers of tokens.

use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::crypto::random_uuid;
use crate::datastore::refresh::{
    EndedFamily, FamilyRecord, FamilyRotated, FamilyRotation, LivesBy, TokenTrace,
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
}

pub(super) fn id() -> Uuid {
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

/// Begins a session and a family in it.
pub(super) async fn with_session(
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

/// Presents a token of a family at that second. No replaced token gets its successor again.
pub(super) fn rotation(family: &FamilyRecord, presented: Uuid, second: i64) -> FamilyRotation {
    FamilyRotation {
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

pub(super) async fn rotate(
    store: &Arc<impl RefreshStore>,
    rotation: &FamilyRotation,
) -> FamilyRotated {
    store.rotate_family(rotation).await.unwrap()
}

pub(super) fn ended(family: &FamilyRecord) -> EndedFamily {
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
    // The clock of another instance is ahead.
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

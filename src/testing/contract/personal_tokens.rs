//! Personal access tokens.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::datastore::personal_token::{Creation, PersonalTokenRecord};
use crate::datastore::user::UserChange;
use crate::datastore::{PersonalTokenStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    at, change, digest, grant, hash, mail, outbox, some_user_id, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::{ScopeName, User};

section! {
    personal_tokens in __contract_personal_tokens:
    a_token_is_found_by_its_digest_with_its_user_and_their_roles,
    every_part_of_a_token_is_kept,
    a_user_sees_their_own_tokens_the_newest_first,
    a_second_token_of_one_name_is_refused_and_of_another_user_is_not,
    a_user_has_no_more_than_they_may,
    of_parallel_tokens_no_more_than_the_maximum_are_kept,
    of_parallel_tokens_of_one_name_one_is_kept,
    a_token_of_an_account_that_changed_meanwhile_is_not_kept,
    use_is_noted_unless_it_was_lately,
    a_user_revokes_their_own_token_and_no_other_s,
    of_parallel_revocations_one_counts,
    what_is_handed_over_is_committed_with_a_token_and_with_its_end,
    every_change_of_a_user_ends_their_tokens,
    no_token_outlives_a_change_that_was_under_way_with_it,
    a_deleted_user_takes_their_tokens_along,
    no_token_outlives_a_deletion_that_was_under_way_with_it,
    tokens_that_expired_are_found_until_they_are_deleted,
}

fn token_of(user: &User, name: &str) -> PersonalTokenRecord {
    PersonalTokenRecord {
        digest: digest(),
        id: some_user_id().as_uuid(),
        user_id: user.id,
        epoch: user.epoch,
        name: name.to_owned(),
        scopes: vec![ScopeName::parse("reports:read").unwrap()],
        created_at: at(0),
        expires_at: Some(at(1_000)),
        last_used_at: None,
    }
}

async fn try_create(
    store: &Arc<impl PersonalTokenStore>,
    token: &PersonalTokenRecord,
    max_per_user: u32,
) -> Creation {
    store.create_personal_token(token, max_per_user, &Together::nothing()).await.unwrap()
}

/// Stores a token of that user.
pub(super) async fn create(
    store: &Arc<impl PersonalTokenStore>,
    user: &User,
    name: &str,
) -> PersonalTokenRecord {
    let token = token_of(user, name);
    assert_eq!(try_create(store, &token, 100).await, Creation::Created);
    token
}

async fn find(
    store: &Arc<impl PersonalTokenStore>,
    token: &PersonalTokenRecord,
) -> Option<PersonalTokenRecord> {
    store.find_personal_token(&token.digest).await.unwrap().map(|(token, _)| token)
}

pub async fn a_token_is_found_by_its_digest_with_its_user_and_their_roles(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let token = create(store, &ann, "nightly").await;
    create(store, &bob, "nightly").await;
    let roles = grant(store, &ann, &["admin", "editor"]).await;
    let (found, owner) = store.find_personal_token(&token.digest).await.unwrap().unwrap();
    assert_eq!(found, token);
    assert_eq!((owner.id, owner.roles), (ann.id, roles));
    assert_eq!(store.find_personal_token(&digest()).await.unwrap(), None);
}

pub async fn every_part_of_a_token_is_kept(store: &Arc<impl UserDatastore + PersonalTokenStore>) {
    let ann = user(store, "ann@example.org").await;
    let scopes = ["reports:read", "https://example.org/a?b=<c>&'d'", "x"];
    let full = PersonalTokenRecord {
        name: "\u{1f980}".repeat(100),
        scopes: scopes.map(|name| ScopeName::parse(name).unwrap()).to_vec(),
        expires_at: Some(at(7) + TimeDelta::microseconds(1)),
        last_used_at: Some(at(3) + TimeDelta::microseconds(1)),
        ..token_of(&ann, "")
    };
    let bare = PersonalTokenRecord {
        scopes: Vec::new(),
        expires_at: None,
        ..token_of(&ann, "'; DROP TABLE security_users; --")
    };
    let lasting = PersonalTokenRecord {
        expires_at: Some(at(0) + TimeDelta::days(36_500)),
        ..token_of(&ann, "for a century")
    };
    for token in [full, bare, lasting] {
        assert_eq!(try_create(store, &token, 100).await, Creation::Created);
        assert_eq!(find(store, &token).await, Some(token));
    }
}

pub async fn a_user_sees_their_own_tokens_the_newest_first(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    create(store, &bob, "bob's").await;
    let mut theirs = Vec::new();
    for (name, seconds) in [("first", 1), ("last", 3), ("second", 2)] {
        let token = PersonalTokenRecord { created_at: at(seconds), ..token_of(&ann, name) };
        assert_eq!(try_create(store, &token, 100).await, Creation::Created);
        theirs.push(token);
    }
    let listed = store.list_personal_tokens(ann.id).await.unwrap();
    assert_eq!(listed, [theirs[1].clone(), theirs[2].clone(), theirs[0].clone()]);
    assert_eq!(store.list_personal_tokens(some_user_id()).await.unwrap(), []);
}

pub async fn a_second_token_of_one_name_is_refused_and_of_another_user_is_not(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let first = create(store, &ann, "nightly").await;
    let second = token_of(&ann, "nightly");
    assert_eq!(try_create(store, &second, 100).await, Creation::NameTaken);
    assert_eq!(find(store, &second).await, None);
    create(store, &ann, "Nightly").await;
    create(store, &bob, "nightly").await;
    assert!(store.revoke_personal_token(ann.id, first.id, &Together::nothing()).await.unwrap());
    assert_eq!(try_create(store, &second, 100).await, Creation::Created);
}

pub async fn a_user_has_no_more_than_they_may(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    for name in ["one", "two"] {
        assert_eq!(try_create(store, &token_of(&ann, name), 2).await, Creation::Created);
    }
    assert_eq!(try_create(store, &token_of(&ann, "three"), 2).await, Creation::TooMany);
    assert_eq!(try_create(store, &token_of(&bob, "one"), 2).await, Creation::Created);
    assert_eq!(store.list_personal_tokens(ann.id).await.unwrap().len(), 2);
}

pub async fn of_parallel_tokens_no_more_than_the_maximum_are_kept(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let id = ann.id;
    let answers = all_at_once(store, CALLERS, move |store, number| {
        let token = token_of(&ann, &number.to_string());
        async move { try_create(&store, &token, 10).await }
    })
    .await;
    assert_eq!(count(&answers, &Creation::Created), 10);
    assert_eq!(count(&answers, &Creation::TooMany), CALLERS - 10);
    assert_eq!(store.list_personal_tokens(id).await.unwrap().len(), 10);
}

pub async fn of_parallel_tokens_of_one_name_one_is_kept(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let id = ann.id;
    let answers = all_at_once(store, CALLERS, move |store, _| {
        let token = token_of(&ann, "nightly");
        async move { try_create(&store, &token, 100).await }
    })
    .await;
    assert_eq!(count(&answers, &Creation::Created), 1);
    assert_eq!(count(&answers, &Creation::NameTaken), CALLERS - 1);
    assert_eq!(store.list_personal_tokens(id).await.unwrap().len(), 1);
}

pub async fn a_token_of_an_account_that_changed_meanwhile_is_not_kept(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let nobody = PersonalTokenRecord { user_id: some_user_id(), ..token_of(&ann, "nightly") };
    assert_eq!(try_create(store, &nobody, 100).await, Creation::AccountChanged);
    let nothing = Together::nothing();
    let old = token_of(&ann, "nightly");
    let change = UserChange::password(hash("another"));
    let ann = store.update_user(ann.id, &change, &nothing).await.unwrap().unwrap();
    assert_eq!(try_create(store, &old, 100).await, Creation::AccountChanged);
    for change in [UserChange::active(false), UserChange::closing(at(9))] {
        let changed = store.update_user(ann.id, &change, &nothing).await.unwrap().unwrap();
        let token = token_of(&changed, "nightly");
        assert_eq!(try_create(store, &token, 100).await, Creation::AccountChanged);
        for back in [UserChange::active(true), UserChange::reopened()] {
            let _ = store.update_user(ann.id, &back, &nothing).await.unwrap();
        }
    }
    assert_eq!(store.list_personal_tokens(ann.id).await.unwrap(), []);
}

pub async fn use_is_noted_unless_it_was_lately(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (token, other) = (create(store, &ann, "one").await, create(store, &ann, "two").await);
    let touch = async |now: Timestamp, unless_since: Timestamp| {
        store.touch_personal_token(&token.digest, now, unless_since).await.unwrap();
        find(store, &token).await.unwrap().last_used_at
    };
    assert_eq!(touch(at(5), at(-55)).await, Some(at(5)));
    assert_eq!(touch(at(6), at(4)).await, Some(at(5)));
    assert_eq!(touch(at(65), at(5)).await, Some(at(65)));
    assert_eq!(find(store, &other).await.unwrap().last_used_at, None);
    store.touch_personal_token(&digest(), at(5), at(0)).await.unwrap();
}

pub async fn a_user_revokes_their_own_token_and_no_other_s(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (token, other) = (create(store, &ann, "one").await, create(store, &ann, "two").await);
    let nothing = Together::nothing();
    assert!(!store.revoke_personal_token(bob.id, token.id, &nothing).await.unwrap());
    assert!(find(store, &token).await.is_some());
    assert!(store.revoke_personal_token(ann.id, token.id, &nothing).await.unwrap());
    assert!(!store.revoke_personal_token(ann.id, token.id, &nothing).await.unwrap());
    assert_eq!(find(store, &token).await, None);
    assert!(find(store, &other).await.is_some());
}

pub async fn of_parallel_revocations_one_counts(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let token = create(store, &ann, "nightly").await;
    let revoked = all_at_once(store, CALLERS, move |store, _| async move {
        store.revoke_personal_token(token.user_id, token.id, &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&revoked, &true), 1);
}

pub async fn what_is_handed_over_is_committed_with_a_token_and_with_its_end(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let with_mail = || Together::mail(vec![mail("ann@example.org")]);
    let token = token_of(&ann, "nightly");
    let created = store.create_personal_token(&token, 1, &with_mail()).await.unwrap();
    assert_eq!((created, outbox(store).await.len()), (Creation::Created, 1));
    let other = token_of(&ann, "other");
    for (token, outcome) in [(&other, Creation::TooMany), (&token, Creation::NameTaken)] {
        let refused = store.create_personal_token(token, 1, &with_mail()).await.unwrap();
        assert_eq!((refused, outbox(store).await.len()), (outcome, 1));
    }
    assert!(store.revoke_personal_token(ann.id, token.id, &with_mail()).await.unwrap());
    assert!(!store.revoke_personal_token(ann.id, token.id, &with_mail()).await.unwrap());
    assert_eq!(outbox(store).await.len(), 2);
}

pub async fn every_change_of_a_user_ends_their_tokens(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let (mut ann, bob) =
        (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let of_bob = create(store, &bob, "nightly").await;
    for change in [
        UserChange::password(hash("another")),
        UserChange::active(true),
        change(|it| it.must_change = Some(true)),
        UserChange::active(false),
    ] {
        let token = create(store, &ann, "nightly").await;
        let changed = store.update_user(ann.id, &change, &Together::nothing()).await;
        ann = changed.unwrap().unwrap();
        assert_eq!(find(store, &token).await, None, "{change:?}");
        assert_eq!(store.list_personal_tokens(ann.id).await.unwrap(), []);
    }
    assert!(find(store, &of_bob).await.is_some());
}

pub async fn no_token_outlives_a_change_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (id, changes) = (ann.id, CALLERS / 2);
    all_at_once(store, CALLERS, move |store, number| {
        let token = token_of(&ann, &number.to_string());
        async move {
            if number == changes {
                let change = UserChange::password(hash("another"));
                store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap();
            } else {
                try_create(&store, &token, 100).await;
            }
        }
    })
    .await;
    assert_eq!(store.list_personal_tokens(id).await.unwrap(), []);
}

pub async fn a_deleted_user_takes_their_tokens_along(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (of_ann, of_bob) =
        (create(store, &ann, "nightly").await, create(store, &bob, "nightly").await);
    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert_eq!(find(store, &of_ann).await, None);
    assert!(find(store, &of_bob).await.is_some());
    assert_eq!(store.delete_expired_personal_tokens(at(2_000)).await.unwrap(), 1);
}

pub async fn no_token_outlives_a_deletion_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (id, deletes) = (ann.id, CALLERS / 2);
    all_at_once(store, CALLERS, move |store, number| {
        let token = token_of(&ann, &number.to_string());
        async move {
            if number == deletes {
                assert!(store.delete_user(id, &Together::nothing()).await.unwrap());
            } else {
                // A token for a deleted user may be an error.
                let _ = store.create_personal_token(&token, 100, &Together::nothing()).await;
            }
        }
    })
    .await;
    assert_eq!(store.list_personal_tokens(id).await.unwrap(), []);
}

pub async fn tokens_that_expired_are_found_until_they_are_deleted(
    store: &Arc<impl UserDatastore + PersonalTokenStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let mut all = Vec::new();
    let later = at(1_000) + TimeDelta::microseconds(1);
    for (name, end) in
        [("a", Some(at(999))), ("b", Some(at(1_000))), ("c", Some(later)), ("d", None)]
    {
        let token = PersonalTokenRecord { expires_at: end, ..token_of(&ann, name) };
        assert_eq!(try_create(store, &token, 100).await, Creation::Created);
        all.push(token);
    }
    assert!(find(store, &all[0]).await.is_some());
    assert_eq!(store.delete_expired_personal_tokens(at(1_000)).await.unwrap(), 2);
    assert_eq!(store.delete_expired_personal_tokens(at(1_000)).await.unwrap(), 0);
    let mut remain = Vec::new();
    for token in &all {
        remain.push(find(store, token).await.is_some());
    }
    assert_eq!(remain, [false, false, true, true]);
}

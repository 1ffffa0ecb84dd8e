//! Replacements of a password's hash by a better hash of the same password.

use std::sync::Arc;

use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    begin, change, create, find, find_session, find_token, hash, session_of, some_user_id,
    token_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once};

section! {
    better_hashes in __contract_better_hashes:
    a_better_hash_replaces_the_old_and_changes_nothing_else,
    a_hash_that_is_not_there_any_more_is_not_replaced,
    of_parallel_replacements_of_one_hash_one_wins,
    a_better_hash_undoes_no_change_that_was_under_way_with_it,
}

pub async fn a_better_hash_replaces_the_old_and_changes_nothing_else(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    let (old, new) = (hash("first"), hash("better"));
    assert!(store.replace_password_hash(ann.id, &old, &new).await.unwrap());
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann.clone(), Some(new)));
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
    assert_eq!(find_token(store, &token).await, Some(token));
}

pub async fn a_hash_that_is_not_there_any_more_is_not_replaced(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let new = hash("better");
    for gone in ["second", "First"] {
        assert!(!store.replace_password_hash(ann.id, &hash(gone), &new).await.unwrap());
    }
    let nobody = some_user_id();
    assert!(!store.replace_password_hash(nobody, &hash("first"), &new).await.unwrap());
    assert_eq!(find(store, "ann@example.org").await.unwrap().1, Some(hash("first")));
    let without = change(|it| it.password_hash = Some(None));
    store.update_user(ann.id, &without, &Together::nothing()).await.unwrap().unwrap();
    assert!(!store.replace_password_hash(ann.id, &hash("first"), &new).await.unwrap());
    assert_eq!(find(store, "ann@example.org").await.unwrap().1, None);
}

pub async fn of_parallel_replacements_of_one_hash_one_wins(store: &Arc<impl UserDatastore>) {
    let id = user(store, "ann@example.org").await.id;
    let answers = all_at_once(store, CALLERS, move |store, number| async move {
        let new = hash(&number.to_string());
        let replaced = store.replace_password_hash(id, &hash("first"), &new).await.unwrap();
        replaced.then_some(new)
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    let (_, password_hash) = find(store, "ann@example.org").await.unwrap();
    assert_eq!(password_hash, winners.first().cloned());
}

pub async fn a_better_hash_undoes_no_change_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore>,
) {
    let id = user(store, "ann@example.org").await.id;
    let changes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| async move {
        if number == changes {
            let change = change(|it| it.password_hash = Some(Some(hash("chosen"))));
            store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap();
        } else {
            let (old, new) = (hash("first"), hash("better"));
            store.replace_password_hash(id, &old, &new).await.unwrap();
        }
    })
    .await;
    assert_eq!(find(store, "ann@example.org").await.unwrap().1, Some(hash("chosen")));
}

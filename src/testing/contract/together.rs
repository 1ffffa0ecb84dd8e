//! Work of an application in a change, on a store that cannot run it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::user::UserChange;
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, create, find_session, find_token, foreign, new_user, outbox, session_of, token_of,
    user,
};

section! {
    together in __contract_together:
    a_new_user_with_work_for_a_foreign_connection_is_not_made,
    a_change_with_work_for_a_foreign_connection_changes_nothing,
    a_deletion_with_work_for_a_foreign_connection_deletes_nothing,
    a_token_with_work_for_a_foreign_connection_is_not_used_up,
}

pub async fn a_new_user_with_work_for_a_foreign_connection_is_not_made(
    store: &Arc<impl UserDatastore>,
) {
    let ann = new_user("ann@example.org");
    assert!(store.create_user(&ann, &foreign()).await.is_err());
    assert_eq!(store.find_user(ann.id).await.unwrap(), None);
    assert_eq!(outbox(store).await, BTreeSet::new());
    // Neither the id nor the address is taken.
    assert!(store.create_user(&ann, &Together::nothing()).await.unwrap().is_ok());
}

pub async fn a_change_with_work_for_a_foreign_connection_changes_nothing(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    assert!(store.update_user(ann.id, &UserChange::active(false), &foreign()).await.is_err());
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann.clone()));
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn a_deletion_with_work_for_a_foreign_connection_deletes_nothing(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    assert!(store.delete_user(ann.id, &foreign()).await.is_err());
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn a_token_with_work_for_a_foreign_connection_is_not_used_up(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    let change = UserChange::confirmed(at(1), None);
    let consume = async |together: Together| {
        store.consume_token(&token.digest, "confirm", at(1), &change, &together).await
    };
    assert!(consume(foreign()).await.is_err());
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann));
    assert_eq!(find_token(store, &token).await, Some(token.clone()));
    assert_eq!(outbox(store).await, BTreeSet::new());
    assert!(consume(Together::nothing()).await.unwrap().is_some());
}

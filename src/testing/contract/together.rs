//! What an application does along with a change, when the store cannot do it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::user::UserChange;
use crate::datastore::{StoreConnection, Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, contested, create, find, find_session, find_token, hash, mail, new_user, outbox,
    permission_name, role_name, session_of, token_of, user,
};

section! {
    together in __contract_together:
    a_new_user_with_work_for_a_foreign_connection_is_not_made,
    a_change_with_work_for_a_foreign_connection_changes_nothing,
    a_contest_with_work_for_a_foreign_connection_takes_no_password,
    a_deletion_with_work_for_a_foreign_connection_deletes_nothing,
    a_token_with_work_for_a_foreign_connection_is_not_used_up,
    a_role_with_work_for_a_foreign_connection_is_neither_given_nor_taken,
    a_permission_with_work_for_a_foreign_connection_is_neither_given_nor_taken,
    an_inclusion_with_work_for_a_foreign_connection_is_neither_begun_nor_ended,
}

/// The connection of no store.
struct Foreign;

impl StoreConnection for Foreign {}

/// A mail that could be sent, and work that cannot be done.
fn foreign() -> Together {
    Together::mail(vec![mail("ann@example.org")])
        .and(|_: &mut Foreign| Box::pin(async { unreachable!("nobody has such a connection") }))
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

pub async fn a_contest_with_work_for_a_foreign_connection_takes_no_password(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    assert!(store.contest_user(ann.id, &contested(), &foreign()).await.is_err());
    let found = find(store, "ann@example.org").await;
    assert_eq!(found, Some((ann, Some(hash("first")))));
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

pub async fn a_role_with_work_for_a_foreign_connection_is_neither_given_nor_taken(
    store: &Arc<impl UserDatastore>,
) {
    let (ann, admin) = (user(store, "ann@example.org").await, role_name("admin"));
    assert!(store.create_role(&admin, "").await.unwrap());
    assert!(store.grant_role(ann.id, &admin, &foreign()).await.is_err());
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann.clone()));
    assert!(store.grant_role(ann.id, &admin, &Together::nothing()).await.unwrap());
    assert!(store.revoke_role(ann.id, &admin, &foreign()).await.is_err());
    assert!(store.find_user(ann.id).await.unwrap().unwrap().has_role("admin"));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn a_permission_with_work_for_a_foreign_connection_is_neither_given_nor_taken(
    store: &Arc<impl UserDatastore>,
) {
    let (admin, edit) = (role_name("admin"), permission_name("posts.edit"));
    assert!(store.create_role(&admin, "").await.unwrap());
    assert!(store.grant_permission(&admin, &edit, &foreign()).await.is_err());
    assert_eq!(store.list_roles().await.unwrap()[0].permissions, []);
    assert!(store.grant_permission(&admin, &edit, &Together::nothing()).await.unwrap());
    assert!(store.revoke_permission(&admin, &edit, &foreign()).await.is_err());
    assert_eq!(store.list_roles().await.unwrap()[0].permissions, [edit]);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn an_inclusion_with_work_for_a_foreign_connection_is_neither_begun_nor_ended(
    store: &Arc<impl UserDatastore>,
) {
    let (admin, editor) = (role_name("admin"), role_name("editor"));
    let ann = user(store, "ann@example.org").await;
    for role in [&editor, &admin] {
        assert!(store.create_role(role, "").await.unwrap());
    }
    assert!(store.grant_role(ann.id, &admin, &Together::nothing()).await.unwrap());
    let has = async || store.find_user(ann.id).await.unwrap().unwrap().has_role("editor");
    assert!(store.include_role(&admin, &editor, &foreign()).await.is_err());
    assert_eq!(store.list_roles().await.unwrap()[0].includes, []);
    assert!(!has().await);
    store.include_role(&admin, &editor, &Together::nothing()).await.unwrap().unwrap();
    assert!(store.exclude_role(&admin, &editor, &foreign()).await.is_err());
    assert_eq!(store.list_roles().await.unwrap()[0].includes, [editor]);
    assert!(has().await);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

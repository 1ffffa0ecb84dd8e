//! Permissions, which users have through their roles.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::outbox::NewMail;
use crate::datastore::user::UserChange;
use crate::datastore::{RoleStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    begin, find, find_session, foreign, mail, outbox, permission_name, role_name, session_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::PermissionName;

section! {
    permissions in __contract_permissions:
    a_permission_of_a_role_is_seen_wherever_its_user_is_found,
    a_permission_of_two_roles_is_had_once_and_until_both_have_lost_it,
    permissions_are_those_of_ones_own_roles,
    permission_names_are_compared_byte_for_byte,
    roles_are_listed_with_their_permissions,
    an_unknown_role_gets_no_permission,
    giving_a_permission_twice_is_giving_it_once,
    of_parallel_grants_of_permissions_none_is_lost,
    of_parallel_revocations_of_a_permission_one_wins,
    what_comes_with_a_permission_comes_once_with_the_change_alone,
    a_permission_with_work_for_a_foreign_connection_is_neither_given_nor_taken,
}

/// Creates roles that do not exist yet, and grants each of them permissions.
async fn permit(store: &Arc<impl UserDatastore + RoleStore>, roles: &[&str], permissions: &[&str]) {
    for role in roles {
        store.create_role(&role_name(role), "").await.unwrap();
        for permission in permissions {
            let permission = permission_name(permission);
            let together = Together::nothing();
            let granted = store.grant_permission(&role_name(role), &permission, &together).await;
            assert!(granted.unwrap());
        }
    }
}

fn names(names: &[&str]) -> Vec<PermissionName> {
    names.iter().map(|name| permission_name(name)).collect()
}

pub async fn a_permission_of_a_role_is_seen_wherever_its_user_is_found(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    permit(store, &["editor", "reader"], &["posts.read"]).await;
    permit(store, &["editor"], &["Zoo", "posts.edit"]).await;
    store.create_role(&role_name("bare"), "").await.unwrap();
    for role in ["reader", "bare", "editor"] {
        let granted = store.grant_role(ann.id, &role_name(role), &Together::nothing()).await;
        assert!(granted.unwrap());
    }
    let roles = ["bare", "editor", "reader"].map(role_name);
    let permissions = names(&["Zoo", "posts.edit", "posts.read"]);
    let change = UserChange::active(true);
    let listed = store.list_users(None, 9).await.unwrap();
    assert_eq!(listed.len(), 1);
    let by_session = find_session(store, &session).await.unwrap().1;
    let changed = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap();
    for seen in [
        store.find_user(ann.id).await.unwrap().unwrap(),
        find(store, "ann@example.org").await.unwrap().0,
        listed[0].clone(),
        by_session,
        changed.unwrap(),
    ] {
        assert_eq!((&seen.roles[..], &seen.permissions), (&roles[..], &permissions));
    }
}

pub async fn a_permission_of_two_roles_is_had_once_and_until_both_have_lost_it(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    permit(store, &["editor", "reader"], &["posts.read"]).await;
    for role in ["editor", "reader"] {
        store.grant_role(ann.id, &role_name(role), &Together::nothing()).await.unwrap();
    }
    let read = permission_name("posts.read");
    for (role, left) in [("editor", names(&["posts.read"])), ("reader", vec![])] {
        let revoked = store.revoke_permission(&role_name(role), &read, &Together::nothing()).await;
        assert!(revoked.unwrap());
        assert_eq!(find_session(store, &session).await.unwrap().1.permissions, left);
    }
}

pub async fn permissions_are_those_of_ones_own_roles(store: &Arc<impl UserDatastore + RoleStore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    permit(store, &["editor"], &["posts.edit"]).await;
    permit(store, &["reader"], &["posts.read"]).await;
    let (editor, reader) = (role_name("editor"), role_name("reader"));
    store.grant_role(ann.id, &editor, &Together::nothing()).await.unwrap();
    store.grant_role(bob.id, &reader, &Together::nothing()).await.unwrap();
    let listed = store.list_users(None, 9).await.unwrap();
    assert_eq!(listed.len(), 2);
    for user in listed {
        let expected = if user.id == ann.id { "posts.edit" } else { "posts.read" };
        assert_eq!(user.permissions, names(&[expected]));
    }
    assert!(store.revoke_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().permissions, []);
}

pub async fn permission_names_are_compared_byte_for_byte(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    permit(store, &["editor"], &["posts.edit", "Posts.edit"]).await;
    let (editor, nothing) = (role_name("editor"), Together::nothing());
    let upper = permission_name("POSTS.EDIT");
    assert!(!store.revoke_permission(&editor, &upper, &nothing).await.unwrap());
    let lower = permission_name("posts.edit");
    assert!(store.revoke_permission(&editor, &lower, &nothing).await.unwrap());
    assert_eq!(store.list_roles().await.unwrap()[0].permissions, names(&["Posts.edit"]));
}

pub async fn roles_are_listed_with_their_permissions(store: &Arc<impl UserDatastore + RoleStore>) {
    permit(store, &["b", "A"], &["y", "x", "Z"]).await;
    permit(store, &["bare"], &[]).await;
    let roles = store.list_roles().await.unwrap();
    let listed: Vec<_> = roles.iter().map(|it| (it.name.as_str(), &it.permissions[..])).collect();
    let all = names(&["Z", "x", "y"]);
    assert_eq!(listed, [("A", &all[..]), ("b", &all[..]), ("bare", &[])]);
}

pub async fn an_unknown_role_gets_no_permission(store: &Arc<impl UserDatastore + RoleStore>) {
    permit(store, &["editor"], &[]).await;
    let (unknown, edit) = (role_name("Editor"), permission_name("posts.edit"));
    assert!(!store.grant_permission(&unknown, &edit, &Together::nothing()).await.unwrap());
    assert!(!store.revoke_permission(&unknown, &edit, &Together::nothing()).await.unwrap());
    let roles = store.list_roles().await.unwrap();
    assert_eq!((roles.len(), &roles[0].permissions[..]), (1, &[][..]));
}

pub async fn giving_a_permission_twice_is_giving_it_once(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    permit(store, &["editor"], &[]).await;
    let answers = all_at_once(store, CALLERS, |store, _| async move {
        let (editor, edit) = (role_name("editor"), permission_name("posts.edit"));
        store.grant_permission(&editor, &edit, &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), CALLERS);
    assert_eq!(store.list_roles().await.unwrap()[0].permissions, names(&["posts.edit"]));
}

pub async fn of_parallel_grants_of_permissions_none_is_lost(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    permit(store, &["editor"], &[]).await;
    let name = |number| permission_name(&format!("permission{number}"));
    all_at_once(store, CALLERS, move |store, number| async move {
        let editor = role_name("editor");
        let together = Together::nothing();
        assert!(store.grant_permission(&editor, &name(number), &together).await.unwrap());
    })
    .await;
    let mut all: Vec<_> = (0..CALLERS).map(name).collect();
    all.sort();
    assert_eq!(store.list_roles().await.unwrap()[0].permissions, all);
}

pub async fn of_parallel_revocations_of_a_permission_one_wins(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    permit(store, &["editor"], &["posts.edit"]).await;
    let answers = all_at_once(store, CALLERS, |store, _| async move {
        let (editor, edit) = (role_name("editor"), permission_name("posts.edit"));
        store.revoke_permission(&editor, &edit, &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
    assert_eq!(store.list_roles().await.unwrap()[0].permissions, []);
}

pub async fn what_comes_with_a_permission_comes_once_with_the_change_alone(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (editor, edit) = (role_name("editor"), permission_name("posts.edit"));
    let with = |letter: &NewMail| Together::mail(vec![letter.clone()]);
    let letters: Vec<NewMail> = (0..5).map(|_| mail("ann@example.org")).collect();
    assert!(!store.grant_permission(&editor, &edit, &with(&letters[0])).await.unwrap());
    assert!(store.create_role(&editor, "").await.unwrap());
    assert!(store.grant_permission(&editor, &edit, &with(&letters[1])).await.unwrap());
    assert!(store.grant_permission(&editor, &edit, &with(&letters[2])).await.unwrap());
    assert!(store.revoke_permission(&editor, &edit, &with(&letters[3])).await.unwrap());
    assert!(!store.revoke_permission(&editor, &edit, &with(&letters[4])).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::from([letters[1].id, letters[3].id]));
}

pub async fn a_permission_with_work_for_a_foreign_connection_is_neither_given_nor_taken(
    store: &Arc<impl UserDatastore + RoleStore>,
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

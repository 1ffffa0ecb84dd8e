//! Roles that include others.

use std::sync::Arc;

use crate::datastore::role::NotIncluded;
use crate::datastore::session::SessionRecord;
use crate::datastore::user::UserChange;
use crate::datastore::{RoleStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    begin, find, find_session, permission_name, role_name, session_of, user,
};
use crate::user::{RoleName, User};

section! {
    hierarchy in __contract_hierarchy:
    what_a_role_includes_is_seen_wherever_its_user_is_found,
    what_is_included_counts_from_the_next_look_on_and_no_longer,
    a_role_that_is_included_two_ways_is_had_until_both_are_gone,
    a_role_that_was_given_too_stays_when_it_is_included_no_more,
    what_is_included_is_not_taken_by_itself,
    including_goes_down_and_not_up,
    a_role_includes_neither_itself_nor_one_that_includes_it,
    an_unknown_role_includes_nothing_and_is_not_included,
    included_roles_are_compared_byte_for_byte,
    roles_are_listed_with_what_they_were_told_to_include,
}

/// Creates roles that do not exist yet.
pub(super) async fn make(store: &Arc<impl UserDatastore + RoleStore>, names: &[&str]) {
    for name in names {
        store.create_role(&role_name(name), "").await.unwrap();
    }
}

pub(super) async fn include(
    store: &(impl UserDatastore + RoleStore),
    role: &str,
    its: &str,
) -> Result<(), NotIncluded> {
    let (role, its) = (role_name(role), role_name(its));
    store.include_role(&role, &its, &Together::nothing()).await.unwrap()
}

pub(super) async fn exclude(
    store: &(impl UserDatastore + RoleStore),
    role: &str,
    its: &str,
) -> bool {
    let (role, its) = (role_name(role), role_name(its));
    store.exclude_role(&role, &its, &Together::nothing()).await.unwrap()
}

/// Creates a chain of roles, each of which includes the next.
pub(super) async fn chain(store: &Arc<impl UserDatastore + RoleStore>, names: &[&str]) {
    make(store, names).await;
    for pair in names.windows(2) {
        assert_eq!(include(&**store, pair[0], pair[1]).await, Ok(()));
    }
}

/// Returns a user with a granted role, and the user's session.
pub(super) async fn holder(
    store: &Arc<impl UserDatastore + RoleStore>,
    role: &str,
) -> (User, SessionRecord) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    make(store, &[role]).await;
    assert!(store.grant_role(ann.id, &role_name(role), &Together::nothing()).await.unwrap());
    (ann, session)
}

/// Returns the roles that count for the user of that session.
pub(super) async fn roles_by(
    store: &Arc<impl UserDatastore + RoleStore>,
    session: &SessionRecord,
) -> Vec<RoleName> {
    find_session(store, session).await.unwrap().1.roles
}

pub(super) fn names(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|name| role_name(name)).collect()
}

pub async fn what_a_role_includes_is_seen_wherever_its_user_is_found(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    chain(store, &["Zoo", "editor", "author", "reader"]).await;
    make(store, &["other"]).await;
    for (role, permission) in [("reader", "posts.read"), ("Zoo", "all"), ("other", "none")] {
        let (role, permission) = (role_name(role), permission_name(permission));
        store.grant_permission(&role, &permission, &Together::nothing()).await.unwrap();
    }
    let (ann, session) = holder(store, "editor").await;
    let zoo = role_name("Zoo");
    let given = names(&["Zoo", "editor"]);
    assert!(store.grant_role(ann.id, &zoo, &Together::nothing()).await.unwrap());
    let roles = names(&["Zoo", "author", "editor", "reader"]);
    let permissions = ["all", "posts.read"].map(permission_name);
    let change = UserChange::active(true);
    let by_session = find_session(store, &session).await.unwrap().1;
    let changed = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap();
    for seen in [
        store.find_user(ann.id).await.unwrap().unwrap(),
        find(store, "ann@example.org").await.unwrap().0,
        store.list_users(None, 9).await.unwrap().remove(0),
        by_session,
        changed.unwrap(),
    ] {
        assert_eq!((&seen.roles, &seen.granted_roles), (&roles, &given));
        assert_eq!(seen.permissions, permissions);
        assert!(seen.has_role("reader") && seen.has_permission("posts.read"));
    }
}

pub async fn what_is_included_counts_from_the_next_look_on_and_no_longer(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (_, session) = holder(store, "admin").await;
    make(store, &["editor"]).await;
    let (editor, edit) = (role_name("editor"), permission_name("posts.edit"));
    assert_eq!(roles_by(store, &session).await, names(&["admin"]));
    assert_eq!(include(&**store, "admin", "editor").await, Ok(()));
    assert_eq!(roles_by(store, &session).await, names(&["admin", "editor"]));
    assert!(store.grant_permission(&editor, &edit, &Together::nothing()).await.unwrap());
    assert!(find_session(store, &session).await.unwrap().1.has_permission("posts.edit"));
    assert!(exclude(&**store, "admin", "editor").await);
    let seen = find_session(store, &session).await.unwrap().1;
    assert_eq!((seen.roles, seen.permissions), (names(&["admin"]), vec![]));
}

pub async fn a_role_that_is_included_two_ways_is_had_until_both_are_gone(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (_, session) = holder(store, "admin").await;
    chain(store, &["admin", "editor", "reader"]).await;
    chain(store, &["admin", "auditor", "reader"]).await;
    assert_eq!(include(&**store, "admin", "reader").await, Ok(()));
    let all = names(&["admin", "auditor", "editor", "reader"]);
    for (role, its) in [("editor", "reader"), ("admin", "reader")] {
        assert!(exclude(&**store, role, its).await);
        assert_eq!(roles_by(store, &session).await, all);
    }
    assert!(exclude(&**store, "admin", "auditor").await);
    assert_eq!(roles_by(store, &session).await, names(&["admin", "editor"]));
}

pub async fn a_role_that_was_given_too_stays_when_it_is_included_no_more(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (ann, session) = holder(store, "admin").await;
    chain(store, &["admin", "editor"]).await;
    let editor = role_name("editor");
    assert!(store.grant_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert!(exclude(&**store, "admin", "editor").await);
    assert_eq!(roles_by(store, &session).await, names(&["admin", "editor"]));
    assert!(store.revoke_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert_eq!(roles_by(store, &session).await, names(&["admin"]));
}

pub async fn what_is_included_is_not_taken_by_itself(store: &Arc<impl UserDatastore + RoleStore>) {
    let (ann, session) = holder(store, "admin").await;
    chain(store, &["admin", "editor"]).await;
    let (admin, editor) = (role_name("admin"), role_name("editor"));
    assert!(!store.revoke_role(ann.id, &editor, &Together::nothing()).await.unwrap());
    assert_eq!(roles_by(store, &session).await, names(&["admin", "editor"]));
    assert!(store.revoke_role(ann.id, &admin, &Together::nothing()).await.unwrap());
    assert_eq!(roles_by(store, &session).await, []);
}

pub async fn including_goes_down_and_not_up(store: &Arc<impl UserDatastore + RoleStore>) {
    let (_, session) = holder(store, "editor").await;
    chain(store, &["admin", "editor"]).await;
    let (admin, all) = (role_name("admin"), permission_name("all"));
    assert!(store.grant_permission(&admin, &all, &Together::nothing()).await.unwrap());
    let seen = find_session(store, &session).await.unwrap().1;
    assert_eq!((seen.roles, seen.permissions), (names(&["editor"]), vec![]));
}

pub async fn a_role_includes_neither_itself_nor_one_that_includes_it(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (_, session) = holder(store, "reader").await;
    chain(store, &["admin", "editor", "reader"]).await;
    for (role, its) in [("reader", "reader"), ("editor", "admin"), ("reader", "admin")] {
        assert_eq!(include(&**store, role, its).await, Err(NotIncluded::Circle), "{role} {its}");
    }
    assert_eq!(roles_by(store, &session).await, names(&["reader"]));
    // Once the chain is broken, it may be built the other way round.
    assert!(exclude(&**store, "admin", "editor").await);
    assert_eq!(include(&**store, "reader", "admin").await, Ok(()));
    assert_eq!(roles_by(store, &session).await, names(&["admin", "reader"]));
}

pub async fn an_unknown_role_includes_nothing_and_is_not_included(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    make(store, &["admin"]).await;
    for (role, its) in [("admin", "editor"), ("editor", "admin"), ("editor", "editor")] {
        assert_eq!(include(&**store, role, its).await, Err(NotIncluded::Unknown), "{role} {its}");
        assert!(!exclude(&**store, role, its).await);
    }
    let roles = store.list_roles().await.unwrap();
    assert_eq!((roles.len(), &roles[0].includes[..]), (1, &[][..]));
}

pub async fn included_roles_are_compared_byte_for_byte(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (_, session) = holder(store, "admin").await;
    make(store, &["Admin", "editor"]).await;
    assert_eq!(include(&**store, "admin", "Editor").await, Err(NotIncluded::Unknown));
    make(store, &["Editor"]).await;
    assert_eq!(include(&**store, "admin", "Admin").await, Ok(()), "not the same role");
    assert_eq!(include(&**store, "Admin", "Editor").await, Ok(()));
    assert!(!exclude(&**store, "Admin", "editor").await);
    assert_eq!(roles_by(store, &session).await, names(&["Admin", "Editor", "admin"]));
}

pub async fn roles_are_listed_with_what_they_were_told_to_include(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    make(store, &["b", "a", "Z"]).await;
    for its in ["b", "Z"] {
        let permission = permission_name(its);
        store.grant_permission(&role_name("a"), &permission, &Together::nothing()).await.unwrap();
        assert_eq!(include(&**store, "a", its).await, Ok(()));
    }
    assert_eq!(include(&**store, "b", "Z").await, Ok(()));
    let roles = store.list_roles().await.unwrap();
    let listed: Vec<_> = roles
        .iter()
        .map(|it| (it.name.as_str(), it.includes.clone(), it.permissions.len()))
        .collect();
    let expected = [("Z", vec![], 0), ("a", names(&["Z", "b"]), 2), ("b", names(&["Z"]), 0)];
    assert_eq!(listed, expected);
}

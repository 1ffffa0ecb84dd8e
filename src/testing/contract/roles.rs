//! Roles.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::outbox::NewMail;
use crate::datastore::user::UserChange;
use crate::datastore::{RoleStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    begin, find, find_session, foreign, mail, outbox, role_name, session_of, some_user_id, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    roles in __contract_roles:
    the_store_returns_itself_as_one_that_keeps_roles,
    a_role_is_made_once_and_keeps_its_description,
    of_parallel_makings_of_one_role_one_wins,
    role_names_are_compared_byte_for_byte,
    roles_are_listed_by_name,
    a_granted_role_is_seen_wherever_its_user_is_found,
    giving_a_role_twice_is_giving_it_once,
    of_parallel_grants_none_is_lost,
    a_grant_and_a_change_under_way_together_are_both_kept,
    what_is_unknown_is_not_granted,
    a_role_is_revoked_once,
    of_parallel_revocations_one_wins,
    what_comes_with_a_role_comes_once_with_the_change_alone,
    a_role_with_work_for_a_foreign_connection_is_neither_given_nor_taken,
}

pub async fn the_store_returns_itself_as_one_that_keeps_roles(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let roles = store.role_store().unwrap();
    assert!(roles.create_role(&role_name("admin"), "").await.unwrap());
    assert_eq!(store.list_roles().await.unwrap().len(), 1);
}

pub async fn a_role_is_made_once_and_keeps_its_description(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let admin = role_name("admin");
    assert!(store.create_role(&admin, "Darf alles: \u{e4}ndern, l\u{f6}schen.").await.unwrap());
    assert!(!store.create_role(&admin, "another").await.unwrap());
    let roles = store.list_roles().await.unwrap();
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].name, admin);
    assert_eq!(roles[0].description, "Darf alles: \u{e4}ndern, l\u{f6}schen.");
}

pub async fn of_parallel_makings_of_one_role_one_wins(store: &Arc<impl UserDatastore + RoleStore>) {
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        let description = number.to_string();
        let made = store.create_role(&role_name("admin"), &description).await.unwrap();
        made.then_some(description)
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    let roles = store.list_roles().await.unwrap();
    assert_eq!(roles.len(), 1);
    assert_eq!(winners, [roles[0].description.as_str()]);
}

pub async fn role_names_are_compared_byte_for_byte(store: &Arc<impl UserDatastore + RoleStore>) {
    let ann = user(store, "ann@example.org").await;
    let (lower, upper) = (role_name("admin"), role_name("Admin"));
    assert!(store.create_role(&lower, "").await.unwrap());
    assert!(!store.grant_role(ann.id, &upper, &Together::nothing()).await.unwrap());
    assert!(store.create_role(&upper, "").await.unwrap());
    assert!(store.grant_role(ann.id, &lower, &Together::nothing()).await.unwrap());
    assert!(!store.revoke_role(ann.id, &upper, &Together::nothing()).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().roles, [lower]);
}

pub async fn roles_are_listed_by_name(store: &Arc<impl UserDatastore + RoleStore>) {
    for name in ["b", "a", "Z", "a-b", "aa"] {
        assert!(store.create_role(&role_name(name), "").await.unwrap());
    }
    let roles = store.list_roles().await.unwrap();
    let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["Z", "a", "a-b", "aa", "b"]);
}

pub async fn a_granted_role_is_seen_wherever_its_user_is_found(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    let roles = [role_name("Zoo"), role_name("admin"), role_name("editor")];
    for role in roles.iter().rev() {
        store.create_role(role, "").await.unwrap();
        assert!(store.grant_role(ann.id, role, &Together::nothing()).await.unwrap());
    }
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().roles, roles);
    assert_eq!(find(store, "ann@example.org").await.unwrap().0.roles, roles);
    assert_eq!(store.list_users(None, 1).await.unwrap()[0].roles, roles);
    assert_eq!(find_session(store, &session).await.unwrap().1.roles, roles);
    let change = UserChange::active(true);
    let changed = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap();
    assert_eq!(changed.unwrap().roles, roles);
}

pub async fn giving_a_role_twice_is_giving_it_once(store: &Arc<impl UserDatastore + RoleStore>) {
    let id = user(store, "ann@example.org").await.id;
    let admin = role_name("admin");
    store.create_role(&admin, "").await.unwrap();
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.grant_role(id, &role_name("admin"), &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), CALLERS);
    assert_eq!(store.find_user(id).await.unwrap().unwrap().roles, [admin]);
}

pub async fn of_parallel_grants_none_is_lost(store: &Arc<impl UserDatastore + RoleStore>) {
    let id = user(store, "ann@example.org").await.id;
    let mut roles: Vec<_> = (0..CALLERS).map(|it| role_name(&format!("role{it}"))).collect();
    for role in &roles {
        store.create_role(role, "").await.unwrap();
    }
    let granted = roles.clone();
    all_at_once(store, CALLERS, move |store, number| {
        let role = granted[number].clone();
        async move { assert!(store.grant_role(id, &role, &Together::nothing()).await.unwrap()) }
    })
    .await;
    roles.sort();
    assert_eq!(store.find_user(id).await.unwrap().unwrap().roles, roles);
}

pub async fn a_grant_and_a_change_under_way_together_are_both_kept(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let id = user(store, "ann@example.org").await.id;
    let admin = role_name("admin");
    store.create_role(&admin, "").await.unwrap();
    all_at_once(store, CALLERS, move |store, number| async move {
        if number % 2 == 0 {
            assert!(store.grant_role(id, &role_name("admin"), &Together::nothing()).await.unwrap());
        } else {
            let change = UserChange::active(false);
            store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap();
        }
    })
    .await;
    let found = store.find_user(id).await.unwrap().unwrap();
    assert_eq!((found.epoch, found.active, found.roles), (16, false, vec![admin]));
}

pub async fn what_is_unknown_is_not_granted(store: &Arc<impl UserDatastore + RoleStore>) {
    let ann = user(store, "ann@example.org").await;
    let admin = role_name("admin");
    assert!(!store.grant_role(ann.id, &admin, &Together::nothing()).await.unwrap());
    store.create_role(&admin, "").await.unwrap();
    assert!(!store.grant_role(some_user_id(), &admin, &Together::nothing()).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann));
}

pub async fn a_role_is_revoked_once(store: &Arc<impl UserDatastore + RoleStore>) {
    let ann = user(store, "ann@example.org").await;
    let (admin, editor) = (role_name("admin"), role_name("editor"));
    for role in [&admin, &editor] {
        store.create_role(role, "").await.unwrap();
        store.grant_role(ann.id, role, &Together::nothing()).await.unwrap();
    }
    assert!(store.revoke_role(ann.id, &admin, &Together::nothing()).await.unwrap());
    assert!(!store.revoke_role(ann.id, &admin, &Together::nothing()).await.unwrap());
    assert!(!store.revoke_role(ann.id, &role_name("unknown"), &Together::nothing()).await.unwrap());
    assert!(!store.revoke_role(some_user_id(), &editor, &Together::nothing()).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().roles, [editor]);
}

pub async fn of_parallel_revocations_one_wins(store: &Arc<impl UserDatastore + RoleStore>) {
    let id = user(store, "ann@example.org").await.id;
    let admin = role_name("admin");
    store.create_role(&admin, "").await.unwrap();
    assert!(store.grant_role(id, &admin, &Together::nothing()).await.unwrap());
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.revoke_role(id, &role_name("admin"), &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
    assert_eq!(store.find_user(id).await.unwrap().unwrap().roles, []);
}

pub async fn what_comes_with_a_role_comes_once_with_the_change_alone(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (ann, admin) = (user(store, "ann@example.org").await, role_name("admin"));
    let with = |letter: &NewMail| Together::mail(vec![letter.clone()]);
    let letters: Vec<NewMail> = (0..5).map(|_| mail("ann@example.org")).collect();
    assert!(!store.grant_role(ann.id, &admin, &with(&letters[0])).await.unwrap());
    assert!(store.create_role(&admin, "").await.unwrap());
    assert!(store.grant_role(ann.id, &admin, &with(&letters[1])).await.unwrap());
    assert!(store.grant_role(ann.id, &admin, &with(&letters[2])).await.unwrap());
    assert!(store.revoke_role(ann.id, &admin, &with(&letters[3])).await.unwrap());
    assert!(!store.revoke_role(ann.id, &admin, &with(&letters[4])).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::from([letters[1].id, letters[3].id]));
}

pub async fn a_role_with_work_for_a_foreign_connection_is_neither_given_nor_taken(
    store: &Arc<impl UserDatastore + RoleStore>,
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

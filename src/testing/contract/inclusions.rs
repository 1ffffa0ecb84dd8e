//! Changes of the roles that roles include, also many at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::outbox::NewMail;
use crate::datastore::role::NotIncluded;
use crate::datastore::{RoleStore, Together, UserDatastore};
use crate::testing::contract::hierarchy::{chain, exclude, holder, include, make, names, roles_by};
use crate::testing::contract::makers::{
    find_session, foreign, mail, outbox, permission_name, role_name, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    inclusions in __contract_inclusions:
    saying_an_inclusion_twice_is_saying_it_once,
    of_parallel_inclusions_none_is_lost,
    of_parallel_inclusions_around_a_circle_the_last_is_refused,
    of_parallel_inclusions_of_two_roles_in_each_other_one_way_wins,
    of_parallel_exclusions_one_wins,
    inclusions_and_exclusions_at_once_leave_what_is_listed,
    roles_that_are_made_meanwhile_are_roles,
    what_comes_with_an_inclusion_comes_once_with_the_change_alone,
    a_role_that_is_deleted_has_no_power_and_begins_anew_when_it_is_made_again,
    an_inclusion_with_work_for_a_foreign_connection_is_neither_begun_nor_ended,
}

pub async fn saying_an_inclusion_twice_is_saying_it_once(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (_, session) = holder(store, "admin").await;
    make(store, &["editor"]).await;
    let answers =
        all_at_once(
            store,
            CALLERS,
            |store, _| async move { include(&*store, "admin", "editor").await },
        )
        .await;
    assert_eq!(count(&answers, &Ok(())), CALLERS);
    assert_eq!(roles_by(store, &session).await, names(&["admin", "editor"]));
    assert!(exclude(&**store, "admin", "editor").await);
    assert_eq!(roles_by(store, &session).await, names(&["admin"]));
}

pub async fn of_parallel_inclusions_none_is_lost(store: &Arc<impl UserDatastore + RoleStore>) {
    let (_, session) = holder(store, "role0").await;
    let mut all: Vec<_> = (0..=CALLERS).map(|it| role_name(&format!("role{it}"))).collect();
    for role in &all {
        store.create_role(role, "").await.unwrap();
    }
    // A chain, of which each caller sees only the links that exist already.
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        include(&*store, &format!("role{number}"), &format!("role{}", number + 1)).await
    })
    .await;
    assert_eq!(count(&answers, &Ok(())), CALLERS);
    all.sort();
    assert_eq!(roles_by(store, &session).await, all);
}

pub async fn of_parallel_inclusions_around_a_circle_the_last_is_refused(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    for number in 0..CALLERS {
        store.create_role(&role_name(&format!("role{number}")), "").await.unwrap();
    }
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        let next = (number + 1) % CALLERS;
        include(&*store, &format!("role{number}"), &format!("role{next}")).await
    })
    .await;
    assert_eq!(count(&answers, &Ok(())), CALLERS - 1);
    assert_eq!(count(&answers, &Err(NotIncluded::Circle)), 1);
}

pub async fn of_parallel_inclusions_of_two_roles_in_each_other_one_way_wins(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    make(store, &["a", "b"]).await;
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        let (role, its) = if number % 2 == 0 { ("a", "b") } else { ("b", "a") };
        include(&*store, role, its).await
    })
    .await;
    assert_eq!(count(&answers, &Ok(())), CALLERS / 2);
    let roles = store.list_roles().await.unwrap();
    assert_eq!(roles.iter().map(|role| role.includes.len()).sum::<usize>(), 1);
}

pub async fn of_parallel_exclusions_one_wins(store: &Arc<impl UserDatastore + RoleStore>) {
    let (_, session) = holder(store, "admin").await;
    chain(store, &["admin", "editor", "reader"]).await;
    let answers =
        all_at_once(
            store,
            CALLERS,
            |store, _| async move { exclude(&*store, "admin", "editor").await },
        )
        .await;
    assert_eq!(count(&answers, &true), 1);
    assert_eq!(roles_by(store, &session).await, names(&["admin"]));
}

pub async fn inclusions_and_exclusions_at_once_leave_what_is_listed(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    make(store, &NAMES).await;
    let (ann, session) = holder(store, "a").await;
    all_at_once(store, CALLERS, |store, number| async move {
        let (role, its) = (NAMES[number % 4], NAMES[(number + 1 + number / 4 % 3) % 4]);
        if number / 16 == 0 {
            // A circle is refused, in whatever order the inclusions arrive.
            let _ = include(&*store, role, its).await;
        } else {
            exclude(&*store, role, its).await;
        }
    })
    .await;
    let listed = store.list_roles().await.unwrap();
    let mut reached = names(&["a"]);
    let mut seen = 0;
    while let Some(role) = reached.get(seen).cloned() {
        let record = listed.iter().find(|record| record.name == role).unwrap();
        let new = record.includes.iter().filter(|its| !reached.contains(its));
        let new: Vec<_> = new.cloned().collect();
        reached.extend(new);
        seen += 1;
    }
    reached.sort();
    assert_eq!(roles_by(store, &session).await, reached);
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().granted_roles, names(&["a"]));
}

pub async fn roles_that_are_made_meanwhile_are_roles(store: &Arc<impl UserDatastore + RoleStore>) {
    let (ann, session) = holder(store, "role0").await;
    make(store, &["reader"]).await;
    let id = ann.id;
    all_at_once(store, CALLERS, move |store, number| async move {
        let role = format!("role{}", number / 2);
        if number % 2 == 0 {
            store.create_role(&role_name(&role), "").await.unwrap();
            let granted = store.grant_role(id, &role_name(&role), &Together::nothing()).await;
            assert!(granted.unwrap());
        } else {
            let included = include(&*store, &role, "reader").await;
            assert!([Ok(()), Err(NotIncluded::Unknown)].contains(&included));
        }
    })
    .await;
    let mut all: Vec<_> = (0..CALLERS / 2).map(|it| role_name(&format!("role{it}"))).collect();
    all.sort();
    let seen = find_session(store, &session).await.unwrap().1;
    assert_eq!(seen.granted_roles, all);
    // `role0` existed before, so that it is certain to include it.
    let expected: BTreeSet<_> = all.into_iter().chain(names(&["reader"])).collect();
    assert_eq!(seen.roles.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub async fn what_comes_with_an_inclusion_comes_once_with_the_change_alone(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    let (admin, editor) = (role_name("admin"), role_name("editor"));
    let with = |letter: &NewMail| Together::mail(vec![letter.clone()]);
    let letters: Vec<NewMail> = (0..6).map(|_| mail("ann@example.org")).collect();
    make(store, &["admin"]).await;
    let unknown = store.include_role(&admin, &editor, &with(&letters[0])).await.unwrap();
    assert_eq!(unknown, Err(NotIncluded::Unknown));
    make(store, &["editor"]).await;
    for letter in &letters[1..3] {
        let included = store.include_role(&admin, &editor, &with(letter)).await.unwrap();
        assert_eq!(included, Ok(()));
    }
    let circle = store.include_role(&editor, &admin, &with(&letters[3])).await.unwrap();
    assert_eq!(circle, Err(NotIncluded::Circle));
    assert!(store.exclude_role(&admin, &editor, &with(&letters[4])).await.unwrap());
    assert!(!store.exclude_role(&admin, &editor, &with(&letters[5])).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::from([letters[1].id, letters[4].id]));
}

pub async fn a_role_that_is_deleted_has_no_power_and_begins_anew_when_it_is_made_again(
    store: &Arc<impl UserDatastore + RoleStore>,
) {
    make(store, &["admin", "editor", "reader"]).await;
    include(&**store, "admin", "editor").await.unwrap();
    include(&**store, "editor", "reader").await.unwrap();
    let (editor, right) = (role_name("editor"), permission_name("posts.edit"));
    assert!(store.grant_permission(&editor, &right, &Together::nothing()).await.unwrap());
    let ann = user(store, "ann@example.org").await;
    for role in ["admin", "editor"] {
        assert!(store.grant_role(ann.id, &role_name(role), &Together::nothing()).await.unwrap());
    }
    let together = || Together::mail(vec![mail("ann@example.org")]);
    assert!(store.delete_role(&editor, &together()).await.unwrap());
    assert!(!store.delete_role(&editor, &together()).await.unwrap());
    assert_eq!(outbox(store).await.len(), 1);
    for is_made_again in [false, true] {
        if is_made_again {
            assert!(store.create_role(&editor, "").await.unwrap());
        }
        let found = store.find_user(ann.id).await.unwrap().unwrap();
        assert_eq!(found.granted_roles, [role_name("admin")]);
        assert_eq!(found.roles, [role_name("admin")]);
        assert_eq!(found.permissions, []);
        let roles = store.list_roles().await.unwrap();
        assert!(roles.iter().all(|role| role.includes.is_empty() && role.permissions.is_empty()));
    }
    assert!(!store.delete_role(&role_name("unknown"), &Together::nothing()).await.unwrap());
}

pub async fn an_inclusion_with_work_for_a_foreign_connection_is_neither_begun_nor_ended(
    store: &Arc<impl UserDatastore + RoleStore>,
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

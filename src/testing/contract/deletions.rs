//! Deletions of users.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::Together;
use crate::datastore::UserDatastore;
use crate::datastore::outbox::NewMail;
use crate::testing::contract::makers::begin;
use crate::testing::contract::makers::create;
use crate::testing::contract::makers::find;
use crate::testing::contract::makers::find_session;
use crate::testing::contract::makers::find_token;
use crate::testing::contract::makers::mail;
use crate::testing::contract::makers::outbox;
use crate::testing::contract::makers::role_name;
use crate::testing::contract::makers::session_of;
use crate::testing::contract::makers::some_user_id;
use crate::testing::contract::makers::token_of;
use crate::testing::contract::makers::user;
use crate::testing::contract::run::CALLERS;
use crate::testing::contract::run::all_at_once;
use crate::testing::contract::run::count;

section! {
    deletions in __contract_deletions:
    a_deleted_user_takes_everything_along,
    the_address_of_a_deleted_user_is_free,
    a_deletion_sends_its_mail,
    a_deletion_of_nobody_sends_nothing,
    of_parallel_deletions_one_wins,
}

pub async fn a_deleted_user_takes_everything_along(store: &Arc<impl UserDatastore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let admin = role_name("admin");
    store.create_role(&admin, "").await.unwrap();
    let mut kept = Vec::new();
    for user in [&ann, &bob] {
        let (session, token) = (session_of(user), token_of(user));
        let mail = NewMail { user_id: Some(user.id), ..mail(user.email.as_str()) };
        begin(store, &session).await;
        create(store, &token).await;
        store.push_mail(&mail).await.unwrap();
        assert!(store.grant_role(user.id, &admin).await.unwrap());
        kept.push((user.id, session, token, mail.id));
    }

    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert!(!store.delete_user(ann.id, &Together::nothing()).await.unwrap());

    assert_eq!(find(store, "ann@example.org").await, None);
    let listed = store.list_users(None, 100).await.unwrap();
    assert_eq!(listed.iter().map(|user| user.id).collect::<Vec<_>>(), [bob.id]);
    let mails = outbox(store).await;
    for (id, session, token, mail) in kept {
        let is_bobs = id == bob.id;
        assert_eq!(store.find_user(id).await.unwrap().is_some(), is_bobs);
        assert_eq!(find_session(store, &session).await.is_some(), is_bobs);
        assert_eq!(find_token(store, &token).await.is_some(), is_bobs);
        assert_eq!(mails.contains(&mail), is_bobs);
        assert_eq!(store.revoke_role(id, &admin).await.unwrap(), is_bobs);
    }
}

pub async fn the_address_of_a_deleted_user_is_free(store: &Arc<impl UserDatastore>) {
    let first = user(store, "ann@example.org").await;
    let token = token_of(&first);
    create(store, &token).await;
    store.delete_user(first.id, &Together::nothing()).await.unwrap();
    let second = user(store, "Ann@example.org").await;
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found.0, second);
    assert_eq!(find_token(store, &token).await, None);
}

pub async fn a_deletion_sends_its_mail(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let mail = mail("ann@example.org");
    let together = Together::mail(vec![mail.clone()]);
    assert!(store.delete_user(ann.id, &together).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

pub async fn a_deletion_of_nobody_sends_nothing(store: &Arc<impl UserDatastore>) {
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert!(!store.delete_user(some_user_id(), &together).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_deletions_one_wins(store: &Arc<impl UserDatastore>) {
    let id = user(store, "ann@example.org").await.id;
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.delete_user(id, &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
}

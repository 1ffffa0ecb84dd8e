//! Deletions of users.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::session::Replaces;
use crate::datastore::user::UserChange;
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, consume, contested, create, find, find_session, find_token, grant, hash, mail,
    outbox, push, role_name, session_of, some_user_id, token_for, token_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    deletions in __contract_deletions:
    a_deleted_user_takes_everything_along,
    the_address_of_a_deleted_user_is_free,
    a_deletion_sends_its_mail,
    a_deletion_of_nobody_sends_nothing,
    of_parallel_deletions_one_wins,
    no_session_outlives_a_deletion_that_was_under_way_with_it,
    no_token_outlives_a_deletion_that_was_under_way_with_it,
    no_change_under_way_with_a_deletion_brings_the_user_back,
    a_deletion_takes_along_the_mail_that_workers_are_fetching,
}

pub async fn a_deleted_user_takes_everything_along(store: &Arc<impl UserDatastore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let mut kept = Vec::new();
    for user in [&ann, &bob] {
        let (session, token) = (session_of(user), token_of(user));
        let mail = NewMail { addressee: Addressee::User(user.id), ..mail(user.email.as_str()) };
        begin(store, &session).await;
        create(store, &token).await;
        push(store, &mail).await;
        grant(store, user, &["admin"]).await;
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
        if let Some(roles) = store.role_store() {
            let revoked = roles.revoke_role(id, &role_name("admin"), &Together::nothing()).await;
            assert_eq!(revoked.unwrap(), is_bobs);
        }
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

pub async fn no_session_outlives_a_deletion_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let sessions: Vec<_> = (0..CALLERS).map(|_| session_of(&ann)).collect();
    let begun = sessions.clone();
    let deletes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| {
        let session = begun[number].clone();
        async move {
            if number == deletes {
                let nothing = Together::nothing();
                assert!(store.delete_user(session.user_id, &nothing).await.unwrap());
            } else {
                store
                    .begin_session(&session, Replaces::Nothing, 100, &Together::nothing())
                    .await
                    .unwrap();
            }
        }
    })
    .await;
    for session in &sessions {
        assert_eq!(find_session(store, session).await, None);
    }
}

pub async fn no_token_outlives_a_deletion_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let tokens: Vec<_> = (0..CALLERS).map(|number| token_for(&ann, number)).collect();
    let created = tokens.clone();
    let deletes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| {
        let token = created[number].clone();
        async move {
            if number == deletes {
                let nothing = Together::nothing();
                assert!(store.delete_user(token.user_id, &nothing).await.unwrap());
            } else if store.create_token(&token, 0).await.unwrap() {
                consume(&store, &token.digest, &token.purpose, at(1)).await;
            }
        }
    })
    .await;
    // Nor does it work for the next user of the address.
    user(store, "ann@example.org").await;
    for token in &tokens {
        assert_eq!(find_token(store, token).await, None);
        assert_eq!(consume(store, &token.digest, &token.purpose, at(1)).await, None);
    }
}

pub async fn no_change_under_way_with_a_deletion_brings_the_user_back(
    store: &Arc<impl UserDatastore>,
) {
    let id = user(store, "ann@example.org").await.id;
    let admin = role_name("admin");
    if let Some(roles) = store.role_store() {
        roles.create_role(&admin, "").await.unwrap();
    }
    let deletes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| async move {
        let nothing = Together::nothing();
        match number {
            _ if number == deletes => assert!(store.delete_user(id, &nothing).await.unwrap()),
            _ if number % 4 == 0 => {
                store.update_user(id, &UserChange::active(true), &nothing).await.unwrap();
            }
            _ if number % 4 == 1 => {
                if let Some(lapses) = store.lapse_store() {
                    lapses.contest_user(id, &contested(), &nothing).await.unwrap();
                }
            }
            _ if number % 4 == 2 => {
                let (old, new) = (hash("first"), hash("better"));
                store.replace_password_hash(id, &old, &new).await.unwrap();
            }
            _ => {
                if let Some(roles) = store.role_store() {
                    roles.grant_role(id, &role_name("admin"), &nothing).await.unwrap();
                }
            }
        }
    })
    .await;
    assert_eq!(store.find_user(id).await.unwrap(), None);
    assert_eq!(find(store, "ann@example.org").await, None);
    assert_eq!(store.list_users(None, 100).await.unwrap(), []);
    if let Some(roles) = store.role_store() {
        assert!(!roles.revoke_role(id, &admin, &Together::nothing()).await.unwrap());
    }
}

pub async fn a_deletion_takes_along_the_mail_that_workers_are_fetching(
    store: &Arc<impl UserDatastore>,
) {
    let id = user(store, "ann@example.org").await.id;
    for _ in 0..CALLERS {
        let mail = NewMail { addressee: Addressee::User(id), ..mail("ann@example.org") };
        push(store, &mail).await;
    }
    let deletes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| async move {
        if number == deletes {
            assert!(store.delete_user(id, &Together::nothing()).await.unwrap());
            return;
        }
        for leased in store.lease_mail(at(1), at(60), 1).await.unwrap() {
            store.renew_lease(leased.mail.id, at(90)).await.unwrap();
            store.postpone_mail(leased.mail.id, Some(at(120)), "421 busy").await.unwrap();
        }
    })
    .await;
    assert_eq!(outbox(store).await, BTreeSet::new());
}

//! Users.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::Together;
use crate::datastore::UserDatastore;
use crate::datastore::outbox::NewMail;
use crate::datastore::user::NewUser;
use crate::datastore::user::UserChange;
use crate::testing::contract::makers::at;
use crate::testing::contract::makers::begin;
use crate::testing::contract::makers::create;
use crate::testing::contract::makers::email;
use crate::testing::contract::makers::find;
use crate::testing::contract::makers::find_session;
use crate::testing::contract::makers::find_token;
use crate::testing::contract::makers::hash;
use crate::testing::contract::makers::mail;
use crate::testing::contract::makers::new_user;
use crate::testing::contract::makers::outbox;
use crate::testing::contract::makers::role_name;
use crate::testing::contract::makers::session_of;
use crate::testing::contract::makers::some_user_id;
use crate::testing::contract::makers::token_of;
use crate::testing::contract::makers::user;
use crate::testing::contract::run::CALLERS;
use crate::testing::contract::run::all_at_once;
use crate::user::User;
use crate::user::UserId;

section! {
    users in __contract_users:
    a_user_is_found_as_made,
    a_user_without_password_and_confirmation_is_found_as_made,
    a_new_user_comes_with_their_mail,
    an_unknown_user_is_not_found,
    a_user_is_found_by_any_spelling_of_the_address_and_keeps_their_own,
    an_address_is_not_read_as_a_pattern,
    users_are_listed_in_the_order_of_their_ids_page_by_page,
    a_second_user_of_one_address_is_refused_whatever_the_spelling,
    of_parallel_registrations_of_one_address_one_wins,
    what_cannot_be_committed_together_changes_nothing,
}

pub async fn a_user_is_found_as_made(store: &Arc<impl UserDatastore>) {
    let new = NewUser { confirmed_at: Some(at(-5)), ..new_user("Ann@Example.org") };
    let made = store.create_user(&new, &Together::nothing()).await.unwrap().unwrap();
    let mut expected = User::new(new.id, email("Ann@Example.org"), at(0));
    expected.confirmed_at = Some(at(-5));
    assert_eq!(made, expected);
    assert_eq!(store.find_user(new.id).await.unwrap(), Some(expected.clone()));
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (expected, Some(hash("first"))));
}

pub async fn a_user_without_password_and_confirmation_is_found_as_made(
    store: &Arc<impl UserDatastore>,
) {
    let new = NewUser { password_hash: None, ..new_user("ann@example.org") };
    let made = store.create_user(&new, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!(made, User::new(new.id, email("ann@example.org"), at(0)));
    assert_eq!(find(store, "ann@example.org").await.unwrap(), (made, None));
}

pub async fn a_new_user_comes_with_their_mail(store: &Arc<impl UserDatastore>) {
    let new = new_user("ann@example.org");
    let mail = NewMail { user_id: Some(new.id), ..mail("ann@example.org") };
    let together = Together::mail(vec![mail.clone()]);
    assert!(store.create_user(&new, &together).await.unwrap().is_some());
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

pub async fn an_unknown_user_is_not_found(store: &Arc<impl UserDatastore>) {
    user(store, "ann@example.org").await;
    assert_eq!(store.find_user(some_user_id()).await.unwrap(), None);
    assert_eq!(find(store, "bob@example.org").await, None);
}

pub async fn a_user_is_found_by_any_spelling_of_the_address_and_keeps_their_own(
    store: &Arc<impl UserDatastore>,
) {
    user(store, "Ann@Example.org").await;
    for spelling in ["ann@example.org", "ANN@EXAMPLE.ORG", "Ann@Example.org"] {
        let (found, _) = find(store, spelling).await.unwrap();
        assert_eq!(found.email.as_str(), "Ann@Example.org");
    }
}

pub async fn an_address_is_not_read_as_a_pattern(store: &Arc<impl UserDatastore>) {
    user(store, "ann@example.org").await;
    for pattern in ["a_n@example.org", "a?n@example.org", "a*@example.org"] {
        assert_eq!(find(store, pattern).await, None, "{pattern}");
    }
}

pub async fn users_are_listed_in_the_order_of_their_ids_page_by_page(
    store: &Arc<impl UserDatastore>,
) {
    for role in ["a", "b", "c"] {
        store.create_role(&role_name(role), "").await.unwrap();
    }
    let mut ids = Vec::new();
    for number in 0..5 {
        let made = user(store, &format!("user{number}@example.org")).await;
        for role in ["a", "b", "c"] {
            store.grant_role(made.id, &role_name(role)).await.unwrap();
        }
        ids.push(made.id);
    }
    ids.sort();
    let page = async |after, limit| -> Vec<UserId> {
        let users = store.list_users(after, limit).await.unwrap();
        users.iter().map(|user| user.id).collect()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..4]);
    assert_eq!(page(Some(ids[3]), 2).await, ids[4..]);
    assert_eq!(page(Some(ids[4]), 2).await, []);
    assert_eq!(page(None, 0).await, []);
    assert_eq!(page(None, 100).await, ids);
}

pub async fn a_second_user_of_one_address_is_refused_whatever_the_spelling(
    store: &Arc<impl UserDatastore>,
) {
    let first = user(store, "ann@example.org").await;
    let second = new_user("ANN@example.org");
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert_eq!(store.create_user(&second, &together).await.unwrap(), None);
    assert_eq!(store.find_user(second.id).await.unwrap(), None);
    assert_eq!(find(store, "ann@example.org").await.unwrap().0, first);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_registrations_of_one_address_one_wins(store: &Arc<impl UserDatastore>) {
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        let spelling = if number % 2 == 0 { "ann@example.org" } else { "Ann@example.org" };
        let new = new_user(spelling);
        let mail = NewMail { user_id: Some(new.id), ..mail(spelling) };
        let together = Together::mail(vec![mail.clone()]);
        let made = store.create_user(&new, &together).await.unwrap();
        made.map(|made| (made.id, mail.id))
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    let [(winner, mail)] = winners[..] else {
        unreachable!("{} callers won", winners.len());
    };
    assert_eq!(find(store, "ann@example.org").await.unwrap().0.id, winner);
    assert_eq!(store.list_users(None, 100).await.unwrap().len(), 1);
    assert_eq!(outbox(store).await, BTreeSet::from([mail]));
}

pub async fn what_cannot_be_committed_together_changes_nothing(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    let twice = mail("ann@example.org");
    let together = Together::mail(vec![twice.clone(), twice]);
    let change = UserChange::active(false);

    let bob = new_user("bob@example.org");
    assert!(store.create_user(&bob, &together).await.is_err());
    assert!(store.update_user(ann.id, &change, &together).await.is_err());
    assert!(store.contest_user(ann.id, &together).await.is_err());
    assert!(store.delete_user(ann.id, &together).await.is_err());
    let consumed = store.consume_token(&token.digest, "confirm", at(1), &change, &together).await;
    assert!(consumed.is_err());

    assert_eq!(find(store, "bob@example.org").await, None);
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann.clone(), Some(hash("first"))));
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

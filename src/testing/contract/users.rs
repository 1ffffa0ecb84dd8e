//! Users.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::{NewUser, Taken, UserChange};
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, contested, create, email, find, find_named, find_session, find_token, grant, hash,
    mail, new_user, new_user_named, outbox, session_of, some_user_id, token_of, user, user_named,
    username,
};
use crate::testing::contract::run::{CALLERS, all_at_once};
use crate::user::{User, UserId};

section! {
    users in __contract_users:
    a_user_is_found_as_made,
    a_user_without_password_and_confirmation_is_found_as_made,
    a_new_user_comes_with_their_mail,
    an_unknown_user_is_not_found,
    a_user_is_found_by_any_spelling_of_the_address_and_keeps_their_own,
    an_address_is_not_read_as_a_pattern,
    users_are_listed_in_the_order_of_their_ids_page_by_page,
    password_hashes_are_listed_in_the_order_of_the_ids_page_by_page,
    a_second_user_of_one_address_is_refused_whatever_the_spelling,
    of_parallel_registrations_of_one_address_one_wins,
    a_user_with_a_username_is_found_by_any_spelling_of_it_and_keeps_their_own,
    users_without_a_username_do_not_stand_in_each_others_way,
    a_username_and_what_looks_like_it_have_their_holders,
    a_username_that_is_taken_or_looks_like_another_is_refused,
    of_parallel_registrations_of_one_username_one_wins,
    what_is_said_to_be_taken_does_not_depend_on_what_stands_there,
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
    let mail = NewMail { addressee: Addressee::User(new.id), ..mail("ann@example.org") };
    let together = Together::mail(vec![mail.clone()]);
    assert!(store.create_user(&new, &together).await.unwrap().is_ok());
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
    let mut ids = Vec::new();
    for number in 0..5 {
        let made = user(store, &format!("user{number}@example.org")).await;
        grant(store, &made, &["a", "b", "c"]).await;
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

pub async fn password_hashes_are_listed_in_the_order_of_the_ids_page_by_page(
    store: &Arc<impl UserDatastore>,
) {
    let mut expected = Vec::new();
    for number in 0..5 {
        let mut new = new_user(&format!("user{number}@example.org"));
        new.password_hash = (number != 2).then(|| hash(&number.to_string()));
        store.create_user(&new, &Together::nothing()).await.unwrap().unwrap();
        expected.extend(new.password_hash.map(|hash| (new.id, hash)));
    }
    expected.sort_by_key(|(id, _)| *id);
    let page = async |after, limit| store.list_password_hashes(after, limit).await.unwrap();
    assert_eq!(page(None, 3).await, expected[..3]);
    assert_eq!(page(Some(expected[2].0), 3).await, expected[3..]);
    assert_eq!(page(Some(expected[3].0), 3).await, []);
    assert_eq!(page(None, 0).await, []);
}

pub async fn a_second_user_of_one_address_is_refused_whatever_the_spelling(
    store: &Arc<impl UserDatastore>,
) {
    let first = user(store, "ann@example.org").await;
    let second = new_user("ANN@example.org");
    let together = Together::mail(vec![mail("ann@example.org")]);
    let refused = store.create_user(&second, &together).await.unwrap();
    assert_eq!(refused, Err(Taken::Email));
    assert_eq!(store.find_user(second.id).await.unwrap(), None);
    assert_eq!(find(store, "ann@example.org").await.unwrap().0, first);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_registrations_of_one_address_one_wins(store: &Arc<impl UserDatastore>) {
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        let spelling = if number % 2 == 0 { "ann@example.org" } else { "Ann@example.org" };
        let new = new_user(spelling);
        let mail = NewMail { addressee: Addressee::User(new.id), ..mail(spelling) };
        let together = Together::mail(vec![mail.clone()]);
        let made = store.create_user(&new, &together).await.unwrap();
        made.ok().map(|made| (made.id, mail.id))
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

pub async fn a_user_with_a_username_is_found_by_any_spelling_of_it_and_keeps_their_own(
    store: &Arc<impl UserDatastore>,
) {
    let made = user_named(store, "ann@example.org", "Jos\u{e9}").await;
    for spelling in ["Jos\u{e9}", "jos\u{e9}", "JOSE\u{301}"] {
        let found = find_named(store, spelling).await.unwrap();
        assert_eq!(found, made);
        assert_eq!(found.username.unwrap().as_str(), "Jos\u{e9}");
    }
    assert_eq!(find(store, "ann@example.org").await.unwrap().0, made);
    assert_eq!(store.find_user(made.id).await.unwrap().unwrap().username, made.username);
    assert_eq!(find_named(store, "jose").await, None);
    let session = session_of(&made);
    begin(store, &session).await;
    assert_eq!(find_session(store, &session).await.unwrap().1.username, made.username);
    assert_eq!(store.list_users(None, 10).await.unwrap(), [made]);
}

pub async fn users_without_a_username_do_not_stand_in_each_others_way(
    store: &Arc<impl UserDatastore>,
) {
    user(store, "ann@example.org").await;
    assert_eq!(user(store, "bob@example.org").await.username, None);
    assert_eq!(find_named(store, "none").await, None);
}

pub async fn a_username_and_what_looks_like_it_have_their_holders(store: &Arc<impl UserDatastore>) {
    let ann = user_named(store, "ann@example.org", "\u{3bd}\u{3bf}\u{3bd}\u{3bf}").await;
    let bob = user_named(store, "bob@example.org", "nono").await;
    let holders = async |name: &str| -> BTreeSet<UserId> {
        let holders = store.find_username_holders(&username(name)).await.unwrap();
        holders.into_iter().collect()
    };
    assert_eq!(holders("\u{3bd}\u{3bf}\u{3bd}\u{3bf}").await, BTreeSet::from([ann.id]));
    assert_eq!(holders("n0no").await, BTreeSet::from([bob.id]));
    // Greek capitals that look like Latin ones, but whose small letters do not.
    let both = BTreeSet::from([ann.id, bob.id]);
    assert_eq!(holders("\u{39d}\u{39f}\u{39d}\u{39f}").await, both);
    assert_eq!(holders("nana").await, BTreeSet::new());
}

pub async fn a_username_that_is_taken_or_looks_like_another_is_refused(
    store: &Arc<impl UserDatastore>,
) {
    let first = user_named(store, "ann@example.org", "Alice").await;
    for name in ["Alice", "aLICE", "AIice", "a1ice"] {
        let second = new_user_named("bob@example.org", name);
        let together = Together::mail(vec![mail("bob@example.org")]);
        let refused = store.create_user(&second, &together).await.unwrap();
        assert_eq!(refused, Err(Taken::Username), "{name}");
        assert_eq!(store.find_user(second.id).await.unwrap(), None);
    }
    let same_address = new_user_named("ANN@example.org", "bob");
    let refused = store.create_user(&same_address, &Together::nothing()).await.unwrap();
    assert_eq!(refused, Err(Taken::Email));
    assert_eq!(find_named(store, "bob").await, None);
    assert_eq!(store.list_users(None, 10).await.unwrap(), [first]);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_registrations_of_one_username_one_wins(store: &Arc<impl UserDatastore>) {
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        let spelling = ["alice", "Alice", "aIice", "a1ice"][number % 4];
        let new = new_user_named(&format!("user{number}@example.org"), spelling);
        store.create_user(&new, &Together::nothing()).await.unwrap()
    })
    .await;
    assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(Taken::Username)));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(store.list_users(None, 100).await.unwrap().len(), 1);
}

pub async fn what_is_said_to_be_taken_does_not_depend_on_what_stands_there(
    store: &Arc<impl UserDatastore>,
) {
    // The check that finds which key a row was refused for must not be confused by the contents of the row.
    user_named(store, "x.username_canonical@example.org", "username_skeleton").await;
    let second = new_user_named("X.username_canonical@example.org", "another");
    let refused = store.create_user(&second, &Together::nothing()).await.unwrap();
    assert_eq!(refused, Err(Taken::Email));
    let second = new_user_named("bob@example.org", "Username_Skeleton");
    let refused = store.create_user(&second, &Together::nothing()).await.unwrap();
    assert_eq!(refused, Err(Taken::Username));
    assert_eq!(find_named(store, "x.username_canonical").await, None);
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
    if let Some(lapses) = store.lapse_store() {
        assert!(lapses.contest_user(ann.id, &contested(), &together).await.is_err());
    }
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

//! Changes of users.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Span;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::UserChange;
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    assert_refused, at, begin, change, confirmed_user, consume, create, email, find, find_named,
    find_session, find_token, hash, mail, outbox, push, session_of, some_user_id, token_for,
    token_of, user, user_named, username,
};
use crate::testing::contract::run::{CALLERS, all_at_once};
use crate::user::User;

section! {
    changes in __contract_changes:
    a_change_sets_what_it_names_and_leaves_the_rest,
    a_change_closes_an_account_and_opens_it_again,
    a_change_of_the_address_frees_the_old_one,
    a_change_to_an_address_that_is_taken_changes_nothing,
    of_parallel_changes_to_one_address_one_wins,
    a_change_of_the_username_frees_the_old_one,
    a_change_to_a_username_that_is_taken_or_looks_like_it_changes_nothing,
    of_parallel_changes_to_one_username_one_wins,
    a_change_for_an_epoch_that_is_over_changes_nothing,
    of_parallel_changes_for_one_epoch_one_wins,
    a_change_leaves_lasting_tokens_alone,
    a_change_that_takes_back_ends_later_lasting_tokens_and_their_mail,
    a_change_raises_the_epoch_once_for_each_caller,
    a_change_ends_all_sessions_and_tokens_of_its_user_and_of_nobody_else,
    a_change_sends_its_mail,
    a_change_of_nobody_gives_none_and_sends_nothing,
    a_change_for_the_unconfirmed_leaves_the_confirmed_alone,
    a_change_for_those_with_a_password_leaves_the_others_alone,
    of_parallel_first_confirmations_one_wins,
}

pub async fn a_change_sets_what_it_names_and_leaves_the_rest(store: &Arc<impl UserDatastore>) {
    let mut expected = user(store, "Ann@example.org").await;
    let mut password_hash = Some(hash("first"));
    let changes = [
        change(|_| ()),
        change(|it| it.active = Some(false)),
        change(|it| it.confirmed_at = Some(at(7))),
        change(|it| it.password_hash = Some(Some(hash("second")))),
        change(|it| it.password_hash = Some(None)),
        change(|it| it.active = Some(true)),
        change(|it| it.must_change = Some(true)),
        UserChange::password(hash("third")),
    ];
    for change in changes {
        expected.epoch += 1;
        expected.active = change.active.unwrap_or(expected.active);
        expected.confirmed_at = change.confirmed_at.or(expected.confirmed_at);
        expected.must_change = change.must_change.unwrap_or(expected.must_change);
        password_hash = change.password_hash.clone().unwrap_or(password_hash);
        let changed = store.update_user(expected.id, &change, &Together::nothing()).await.unwrap();
        assert_eq!(changed, Some(expected.clone()), "{change:?}");
        let found = find(store, "ann@example.org").await.unwrap();
        assert_eq!(found, (expected.clone(), password_hash.clone()), "{change:?}");
        assert_eq!(found.0.email.as_str(), "Ann@example.org");
    }
}

pub async fn a_change_closes_an_account_and_opens_it_again(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let closing = UserChange::closing(at(90));
    let closed = store.update_user(ann.id, &closing, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!((closed.closes_at, closed.is_open()), (Some(at(90)), false));
    assert_refused(store, &session_of(&closed)).await;
    let opening = UserChange::reopened();
    let opened = store.update_user(ann.id, &opening, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!((opened.closes_at, opened.is_open()), (None, true));
    begin(store, &session_of(&opened)).await;
}

pub async fn a_change_of_the_address_frees_the_old_one(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let change = UserChange::email(email("Ann@Example.net"), at(5));
    let changed = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!((changed.email.as_str(), changed.confirmed_at), ("Ann@Example.net", Some(at(5))));
    assert_eq!(find(store, "ann@example.net").await.unwrap().0, changed);
    assert!(find(store, "ann@example.org").await.is_none());
    user(store, "ann@example.org").await;
}

pub async fn a_change_to_an_address_that_is_taken_changes_nothing(store: &Arc<impl UserDatastore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    let change = UserChange::email(email("BOB@example.org"), at(5));
    let together = Together::mail(vec![mail("bob@example.org")]);
    assert_eq!(store.update_user(ann.id, &change, &together).await.unwrap(), None);
    let consumed = store.consume_token(&token.digest, "confirm", at(1), &change, &together).await;
    assert_eq!(consumed.unwrap(), None);
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann));
    assert_eq!(store.find_user(bob.id).await.unwrap(), Some(bob));
    assert!(find_session(store, &session).await.is_some());
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_changes_to_one_address_one_wins(store: &Arc<impl UserDatastore>) {
    let mut ids = Vec::new();
    for number in 0..CALLERS {
        ids.push(user(store, &format!("user{number}@example.org")).await.id);
    }
    let changed = all_at_once(store, CALLERS, move |store, number| {
        let id = ids[number];
        async move {
            let change = UserChange::email(email("new@example.org"), at(5));
            store.update_user(id, &change, &Together::nothing()).await.unwrap()
        }
    })
    .await;
    assert_eq!(changed.into_iter().flatten().count(), 1);
    assert!(find(store, "new@example.org").await.is_some());
}

pub async fn a_change_of_the_username_frees_the_old_one(store: &Arc<impl UserDatastore>) {
    let ann = user_named(store, "ann@example.org", "Alice").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    let set = async |id, name: &str| {
        let change = UserChange::username(username(name));
        store.update_user(id, &change, &Together::nothing()).await.unwrap()
    };
    // Another spelling, and one that looks like the user's own, is not taken by another user.
    assert_eq!(set(ann.id, "aLICE").await.unwrap().username.unwrap().as_str(), "aLICE");
    assert_eq!(set(ann.id, "A1ice").await.unwrap().username.unwrap().as_str(), "A1ice");
    let changed = set(ann.id, "Anna").await.unwrap();
    assert_eq!((changed.epoch, changed.email.as_str()), (3, "ann@example.org"));
    assert_eq!(find_named(store, "anna").await, Some(changed));
    assert_eq!(find_named(store, "alice").await, None);
    assert!(find_session(store, &session).await.is_none());
    // A removed username is free, too, and no other change brings it back.
    let none = UserChange::without_username();
    let removed = store.update_user(ann.id, &none, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!((removed.username, removed.epoch), (None, 4));
    assert_eq!(find_named(store, "anna").await, None);
    let change = UserChange::active(true);
    let changed = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!(changed.username, None);
    let bob = user(store, "bob@example.org").await;
    assert!(set(bob.id, "Alice").await.is_some());
    assert!(store.delete_user(bob.id, &Together::nothing()).await.unwrap());
    user_named(store, "carol@example.org", "alice").await;
}

pub async fn a_change_to_a_username_that_is_taken_or_looks_like_it_changes_nothing(
    store: &Arc<impl UserDatastore>,
) {
    user_named(store, "ann@example.org", "alice").await;
    let bob = user_named(store, "bob@example.org", "bob").await;
    let together = Together::mail(vec![mail("bob@example.org")]);
    for name in ["ALICE", "aIice"] {
        let change = UserChange::username(username(name));
        assert_eq!(store.update_user(bob.id, &change, &together).await.unwrap(), None);
    }
    assert_eq!(find_named(store, "bob").await, Some(bob));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_changes_to_one_username_one_wins(store: &Arc<impl UserDatastore>) {
    let mut ids = Vec::new();
    for number in 0..CALLERS {
        ids.push(user(store, &format!("user{number}@example.org")).await.id);
    }
    let changed = all_at_once(store, CALLERS, move |store, number| {
        let id = ids[number];
        async move {
            let change = UserChange::username(username(["alice", "a1ice"][number % 2]));
            store.update_user(id, &change, &Together::nothing()).await.unwrap()
        }
    })
    .await;
    assert_eq!(changed.into_iter().flatten().count(), 1);
}

pub async fn a_change_for_an_epoch_that_is_over_changes_nothing(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let change = || UserChange::password(hash("second")).unless_changed_since(ann.epoch);
    let changed = store.update_user(ann.id, &change(), &Together::nothing()).await.unwrap();
    assert_eq!(changed.unwrap().epoch, ann.epoch + 1);
    let late = UserChange::password(hash("third")).unless_changed_since(ann.epoch);
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert_eq!(store.update_user(ann.id, &late, &together).await.unwrap(), None);
    assert_eq!(find(store, "ann@example.org").await.unwrap().1, Some(hash("second")));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_changes_for_one_epoch_one_wins(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let changed = all_at_once(store, CALLERS, move |store, number| async move {
        let change = UserChange::password(hash(&number.to_string())).unless_changed_since(0);
        store.update_user(ann.id, &change, &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(changed.into_iter().flatten().count(), 1);
}

pub async fn a_change_leaves_lasting_tokens_alone(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let lasting = OneTimeToken { lasting: true, ..token_of(&ann) };
    create(store, &lasting).await;
    let change = UserChange::email(email("ann@example.net"), at(5));
    store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!(find_token(store, &lasting).await, Some(lasting.clone()));
    assert!(consume(store, &lasting.digest, "confirm", at(6)).await.is_some());
    assert_eq!(consume(store, &lasting.digest, "confirm", at(6)).await, None);
}

pub async fn a_change_that_takes_back_ends_later_lasting_tokens_and_their_mail(
    store: &Arc<impl UserDatastore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let token = |user: &User, asked_at| OneTimeToken { lasting: true, asked_at, ..token_of(user) };
    let [earlier, used, later] = [at(1), at(2), at(3)].map(|asked_at| token(&ann, asked_at));
    let bobs = token(&bob, at(3));
    for token in [&earlier, &used, &later, &bobs] {
        create(store, token).await;
    }
    let hour = Span::hours(1);
    let written = |user: &User, created_at| {
        let mail = NewMail { created_at, ..mail("ann@example.net") };
        mail.concerns(Addressee::User(user.id)).lasting_link("change_email_undo", hour)
    };
    let [before, after, of_bob] =
        [written(&ann, at(1)), written(&ann, at(3)), written(&bob, at(3))];
    for mail in [&before, &after, &of_bob] {
        push(store, mail).await;
    }
    let change = change(|it| it.ends_lasting_after = Some(used.asked_at));
    let nothing = Together::nothing();
    let taken = store.consume_token(&used.digest, "confirm", at(9), &change, &nothing).await;
    assert!(taken.unwrap().is_some());
    assert_eq!(find_token(store, &later).await, None);
    assert_eq!(find_token(store, &used).await, None);
    for token in [earlier, bobs] {
        assert_eq!(find_token(store, &token).await, Some(token));
    }
    assert_eq!(outbox(store).await, BTreeSet::from([before.id, of_bob.id]));
}

pub async fn a_change_raises_the_epoch_once_for_each_caller(store: &Arc<impl UserDatastore>) {
    let id = user(store, "ann@example.org").await.id;
    let epochs = all_at_once(store, CALLERS, move |store, _| async move {
        let change = UserChange::active(true);
        store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap().epoch
    })
    .await;
    assert_eq!(BTreeSet::from_iter(epochs), BTreeSet::from_iter(1..=32));
}

pub async fn a_change_ends_all_sessions_and_tokens_of_its_user_and_of_nobody_else(
    store: &Arc<impl UserDatastore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let sessions = [session_of(&ann), session_of(&ann), session_of(&bob)];
    let tokens = [token_of(&ann), token_for(&ann, "reset"), token_of(&bob)];
    for (session, token) in sessions.iter().zip(&tokens) {
        begin(store, session).await;
        create(store, token).await;
    }
    let change = UserChange::active(true);
    store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    for (session, token) in sessions.iter().zip(&tokens) {
        let is_bobs = session.user_id == bob.id;
        assert_eq!(find_session(store, session).await.is_some(), is_bobs);
        assert_eq!(find_token(store, token).await.is_some(), is_bobs);
    }
}

pub async fn a_change_sends_its_mail(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let mail = NewMail { addressee: Addressee::User(ann.id), ..mail("ann@example.org") };
    let together = Together::mail(vec![mail.clone()]);
    store.update_user(ann.id, &UserChange::active(true), &together).await.unwrap().unwrap();
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

pub async fn a_change_of_nobody_gives_none_and_sends_nothing(store: &Arc<impl UserDatastore>) {
    let together = Together::mail(vec![mail("ann@example.org")]);
    let change = UserChange::active(true);
    assert_eq!(store.update_user(some_user_id(), &change, &together).await.unwrap(), None);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn a_change_for_the_unconfirmed_leaves_the_confirmed_alone(
    store: &Arc<impl UserDatastore>,
) {
    let ann = confirmed_user(store, "ann@example.org").await;
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    let change = UserChange::confirmed(at(9), Some(hash("second")));
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert_eq!(store.update_user(ann.id, &change, &together).await.unwrap(), None);
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann, Some(hash("first"))));
    assert!(find_session(store, &session).await.is_some());
    assert!(find_token(store, &token).await.is_some());
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn a_change_for_those_with_a_password_leaves_the_others_alone(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let without = change(|it| it.password_hash = Some(None));
    let ann = store.update_user(ann.id, &without, &Together::nothing()).await.unwrap().unwrap();
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    let together = Together::mail(vec![mail("ann@example.org")]);
    for only_unconfirmed in [true, false] {
        let change = change(|it| {
            it.confirmed_at = Some(at(9));
            it.only_unconfirmed = only_unconfirmed;
            it.only_with_password = true;
        });
        assert_eq!(store.update_user(ann.id, &change, &together).await.unwrap(), None);
    }
    assert_eq!(find(store, "ann@example.org").await.unwrap(), (ann, None));
    assert!(find_session(store, &session).await.is_some());
    assert!(find_token(store, &token).await.is_some());
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_first_confirmations_one_wins(store: &Arc<impl UserDatastore>) {
    let id = user(store, "ann@example.org").await.id;
    let answers = all_at_once(store, CALLERS, move |store, number| async move {
        let chosen = hash(&number.to_string());
        let change = UserChange::confirmed(at(1), Some(chosen.clone()));
        let together = Together::mail(vec![mail("ann@example.org")]);
        let changed = store.update_user(id, &change, &together).await.unwrap();
        changed.map(|_| chosen)
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    let (found, password_hash) = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found.epoch, 1);
    assert_eq!(password_hash, winners.first().cloned());
    assert_eq!(outbox(store).await.len(), 1);
}

//! Uses of one-time tokens: consumed with a change, or spent alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::{Addressee, NewMail};
use crate::datastore::user::UserChange;
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, change, confirmed_user, consume, create, digest, find, find_session, find_token,
    hash, mail, outbox, session_of, token_for, token_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once};

section! {
    one_time_uses in __contract_one_time_uses:
    a_consumed_token_applies_its_change_and_takes_everything_older_along,
    a_token_is_consumed_once,
    an_unknown_token_consumes_nothing,
    a_token_whose_change_does_not_apply_consumes_nothing,
    a_token_confirms_no_account_without_a_password,
    of_parallel_uses_of_one_token_one_wins,
    of_parallel_uses_of_different_tokens_of_one_user_one_wins,
    of_parallel_confirmations_by_token_and_by_change_one_wins,
    a_spent_token_takes_nothing_else_along,
    an_unknown_or_expired_token_is_not_spent,
    of_parallel_spenders_of_one_token_one_wins,
    the_epoch_rises_as_often_as_somebody_gets_the_user,
}

pub async fn a_consumed_token_applies_its_change_and_takes_everything_older_along(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (session, token) = (session_of(&ann), token_of(&ann));
    let older = token_for(&ann, "reset");
    begin(store, &session).await;
    create(store, &token).await;
    create(store, &older).await;
    let mail = NewMail { addressee: Addressee::User(ann.id), ..mail("ann@example.org") };
    let together = Together::mail(vec![mail.clone()]);
    let change = UserChange::confirmed(at(1), Some(hash("chosen")));
    let consumed =
        store.consume_token(&token.digest, "confirm", at(1), &change, &together).await.unwrap();
    let mut expected = ann;
    expected.confirmed_at = Some(at(1));
    expected.epoch = 1;
    assert_eq!(consumed, Some(expected.clone()));
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (expected, Some(hash("chosen"))));
    assert_eq!(find_session(store, &session).await, None);
    assert_eq!(find_token(store, &token).await, None);
    assert_eq!(find_token(store, &older).await, None);
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

pub async fn a_token_is_consumed_once(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    assert!(consume(store, &token.digest, "confirm", at(1)).await.is_some());
    assert_eq!(consume(store, &token.digest, "confirm", at(1)).await, None);
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().epoch, 1);
    assert_eq!(outbox(store).await.len(), 1);
}

pub async fn an_unknown_token_consumes_nothing(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    assert_eq!(consume(store, &digest(), "confirm", at(1)).await, None);
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann));
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn a_token_whose_change_does_not_apply_consumes_nothing(store: &Arc<impl UserDatastore>) {
    let ann = confirmed_user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    let together = Together::mail(vec![mail("ann@example.org")]);
    let change = UserChange::confirmed(at(1), Some(hash("chosen")));
    let consumed =
        store.consume_token(&token.digest, "confirm", at(1), &change, &together).await.unwrap();
    assert_eq!(consumed, None);
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann, Some(hash("first"))));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn a_token_confirms_no_account_without_a_password(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let without = change(|it| it.password_hash = Some(None));
    let ann = store.update_user(ann.id, &without, &Together::nothing()).await.unwrap().unwrap();
    let token = token_of(&ann);
    create(store, &token).await;
    let together = Together::mail(vec![mail("ann@example.org")]);
    let change = UserChange::confirmed(at(1), None);
    let consumed =
        store.consume_token(&token.digest, "confirm", at(1), &change, &together).await.unwrap();
    assert_eq!(consumed, None);
    assert_eq!(find(store, "ann@example.org").await.unwrap(), (ann, None));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_uses_of_one_token_one_wins(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    let digest = token.digest;
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        consume(&store, &digest, "confirm", at(1)).await
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().epoch, 1);
    assert_eq!(outbox(store).await.len(), 1);
}

pub async fn a_spent_token_takes_nothing_else_along(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let (session, spent, other) = (session_of(&ann), token_of(&ann), token_for(&ann, "reset"));
    begin(store, &session).await;
    for token in [&spent, &other] {
        create(store, token).await;
    }
    let given = store.spend_token(&spent.digest, "confirm", at(1)).await.unwrap();
    assert_eq!(given, Some(spent.clone()));
    assert_eq!(store.spend_token(&spent.digest, "confirm", at(1)).await.unwrap(), None);
    assert_eq!(find_token(store, &spent).await, None);
    assert_eq!(find_token(store, &other).await, Some(other));
    assert!(find_session(store, &session).await.is_some());
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().epoch, ann.epoch);
}

pub async fn an_unknown_or_expired_token_is_not_spent(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = OneTimeToken { expires_at: at(60), ..token_of(&ann) };
    create(store, &token).await;
    for (digest, purpose, now) in [
        (digest(), "confirm", at(1)),
        (token.digest, "reset", at(1)),
        (token.digest, "confirm", at(60)),
    ] {
        assert_eq!(store.spend_token(&digest, purpose, now).await.unwrap(), None);
    }
    assert_eq!(find_token(store, &token).await, Some(token));
}

pub async fn of_parallel_spenders_of_one_token_one_wins(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    let digest = token.digest;
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.spend_token(&digest, "confirm", at(1)).await.unwrap()
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners, [token]);
}

pub async fn of_parallel_uses_of_different_tokens_of_one_user_one_wins(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let tokens: Vec<_> = (0..CALLERS).map(|number| token_for(&ann, number)).collect();
    for token in &tokens {
        create(store, token).await;
    }
    let answers = all_at_once(store, CALLERS, move |store, number| {
        let token = tokens[number].clone();
        async move { consume(&store, &token.digest, &token.purpose, at(1)).await }
    })
    .await;
    assert_eq!(answers.iter().flatten().count(), 1);
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().epoch, 1);
    assert_eq!(outbox(store).await.len(), 1);
}

pub async fn of_parallel_confirmations_by_token_and_by_change_one_wins(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    let (id, digest) = (ann.id, token.digest);
    let answers = all_at_once(store, CALLERS, move |store, number| async move {
        let chosen = hash(&number.to_string());
        let change = UserChange::confirmed(at(1), Some(chosen.clone()));
        let together = Together::mail(vec![mail("ann@example.org")]);
        let changed = if number % 2 == 0 {
            store.consume_token(&digest, "confirm", at(1), &change, &together).await
        } else {
            store.update_user(id, &change, &together).await
        };
        changed.unwrap().map(|_| chosen)
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    let (found, password_hash) = find(store, "ann@example.org").await.unwrap();
    assert_eq!((found.epoch, found.confirmed_at), (1, Some(at(1))));
    assert_eq!(password_hash, winners.first().cloned());
    assert_eq!(outbox(store).await.len(), 1);
}

pub async fn the_epoch_rises_as_often_as_somebody_gets_the_user(store: &Arc<impl UserDatastore>) {
    let id = user(store, "ann@example.org").await.id;
    let (mut epochs, mut consumed) = (BTreeSet::new(), 0);
    // The first caller decides. In every second round, another one is likely to be first.
    for changes in [0, CALLERS - 1, 0, CALLERS - 1, 0, CALLERS - 1] {
        let ann = store.find_user(id).await.unwrap().unwrap();
        let token = token_of(&ann);
        create(store, &token).await;
        let digest = token.digest;
        let mut answers = all_at_once(store, CALLERS, move |store, number| async move {
            let changed = if number == changes {
                let change = UserChange::active(true);
                store.update_user(id, &change, &Together::nothing()).await.unwrap()
            } else {
                consume(&store, &digest, "confirm", at(1)).await
            };
            changed.map(|user| user.epoch)
        })
        .await;
        epochs.insert(answers.swap_remove(changes).unwrap());
        let winners: Vec<_> = answers.into_iter().flatten().collect();
        assert!(winners.len() <= 1, "{} callers used one token up", winners.len());
        consumed += winners.len();
        epochs.extend(winners);
    }
    let last = store.find_user(id).await.unwrap().unwrap().epoch;
    assert_eq!(epochs, (1..=last).collect());
    assert_eq!(epochs.len(), 6 + consumed);
    assert_eq!(outbox(store).await.len(), consumed);
}

//! One-time tokens of which a user may have several at once.

use std::sync::Arc;

use crate::datastore::one_time::OneTimeToken;
use crate::datastore::{TicketStore, UserDatastore};
use crate::testing::contract::makers::{at, create, token_for, token_of, user};
use crate::testing::contract::run::{CALLERS, all_at_once};

section! {
    tickets in __contract_tickets:
    of_tokens_beside_one_another_the_newest_remain,
    a_token_beside_others_of_an_epoch_that_is_over_takes_nothing_away,
    of_parallel_tokens_beside_one_another_no_more_than_may_remain,
}

pub async fn of_tokens_beside_one_another_the_newest_remain(
    store: &Arc<impl UserDatastore + TicketStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let untouched = [token_of(&ann), token_for(&bob, "ticket")];
    for token in &untouched {
        create(store, token).await;
    }
    let tokens = [0, 1, 2, 3]
        .map(|second| OneTimeToken { asked_at: at(second), ..token_for(&ann, "ticket") });
    for token in &tokens {
        assert!(store.create_token_beside(token, 3, ann.epoch).await.unwrap());
    }
    let [oldest, rest @ ..] = &tokens;
    assert_eq!(store.find_token(&oldest.digest, "ticket", at(1)).await.unwrap(), None);
    for token in rest.iter().chain(&untouched) {
        let found = store.find_token(&token.digest, &token.purpose, at(1)).await.unwrap();
        assert_eq!(found.as_ref(), Some(token));
    }
}

pub async fn a_token_beside_others_of_an_epoch_that_is_over_takes_nothing_away(
    store: &Arc<impl UserDatastore + TicketStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (first, late) = (token_for(&ann, "ticket"), token_for(&ann, "ticket"));
    assert!(store.create_token_beside(&first, 1, ann.epoch).await.unwrap());
    assert!(!store.create_token_beside(&late, 1, ann.epoch + 1).await.unwrap());
    assert_eq!(store.find_token(&first.digest, "ticket", at(1)).await.unwrap(), Some(first));
    assert_eq!(store.find_token(&late.digest, "ticket", at(1)).await.unwrap(), None);
}

pub async fn of_parallel_tokens_beside_one_another_no_more_than_may_remain(
    store: &Arc<impl UserDatastore + TicketStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let epoch = ann.epoch;
    let tokens: Vec<OneTimeToken> = (0..CALLERS).map(|_| token_for(&ann, "ticket")).collect();
    let created = tokens.clone();
    let made = all_at_once(store, CALLERS, move |store, number| {
        let token = created[number].clone();
        async move { store.create_token_beside(&token, 2, epoch).await.unwrap() }
    })
    .await;
    assert!(made.iter().all(|made| *made));
    let mut remaining = 0;
    for token in &tokens {
        let found = store.find_token(&token.digest, "ticket", at(1)).await.unwrap();
        remaining += usize::from(found.is_some());
    }
    assert_eq!(remaining, 2);
}

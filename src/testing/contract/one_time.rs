//! One-time tokens: created, found, replaced and deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::crypto::random_uuid;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    at, consume, create, digest, find_token, outbox, token_for, token_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once};

section! {
    one_time in __contract_one_time:
    a_token_is_found_as_made_however_often,
    a_token_without_a_password_is_found_as_made,
    a_token_serves_no_other_purpose,
    a_token_may_be_used_until_it_expires,
    a_token_of_an_epoch_that_is_over_is_refused,
    a_token_for_a_user_who_is_gone_is_refused,
    a_token_replaces_the_one_of_the_same_mail,
    a_newer_token_kills_the_older_ones_of_its_purpose,
    a_token_that_was_asked_for_earlier_is_refused,
    a_lasting_token_stands_beside_others,
    a_lasting_token_is_made_for_a_mail_alone_that_waits,
    of_parallel_tokens_of_one_purpose_one_remains,
    of_parallel_tokens_of_one_mail_one_remains,
    expired_tokens_are_swept,
}

pub async fn a_token_is_found_as_made_however_often(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "Ann@Example.org").await;
    let token =
        OneTimeToken { expires_at: at(86_400) + TimeDelta::microseconds(1), ..token_of(&ann) };
    create(store, &token).await;
    assert_eq!(token.address, "ann@example.org");
    for _ in 0..3 {
        assert_eq!(find_token(store, &token).await, Some(token.clone()));
    }
    assert_eq!(store.find_token(&digest(), "confirm", at(1)).await.unwrap(), None);
}

pub async fn a_token_without_a_password_is_found_as_made(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    assert_eq!(find_token(store, &token).await, Some(token));
}

pub async fn a_token_serves_no_other_purpose(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    for purpose in ["reset", "Confirm", ""] {
        let found = store.find_token(&token.digest, purpose, at(1)).await.unwrap();
        assert_eq!(found, None, "{purpose:?}");
        assert_eq!(consume(store, &token.digest, purpose, at(1)).await, None, "{purpose:?}");
    }
    assert_eq!(outbox(store).await, BTreeSet::new());
    assert!(consume(store, &token.digest, "confirm", at(1)).await.is_some());
}

pub async fn a_token_may_be_used_until_it_expires(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let token = OneTimeToken { expires_at: at(60), ..token_of(&ann) };
    create(store, &token).await;
    let (last, late) = (at(60) - TimeDelta::microseconds(1), at(60) + TimeDelta::microseconds(1));
    assert_eq!(store.find_token(&token.digest, "confirm", late).await.unwrap(), None);
    assert_eq!(consume(store, &token.digest, "confirm", late).await, None);
    assert_eq!(outbox(store).await, BTreeSet::new());
    let found = store.find_token(&token.digest, "confirm", last).await.unwrap();
    assert_eq!(found, Some(token.clone()));
    assert!(consume(store, &token.digest, "confirm", last).await.is_some());
}

pub async fn a_token_of_an_epoch_that_is_over_is_refused(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let older = token_of(&ann);
    create(store, &older).await;
    for epoch in [ann.epoch - 1, ann.epoch + 1] {
        let token = token_of(&ann);
        assert!(!store.create_token(&token, epoch).await.unwrap());
        assert_eq!(find_token(store, &token).await, None);
        assert_eq!(consume(store, &token.digest, "confirm", at(1)).await, None);
    }
    assert_eq!(find_token(store, &older).await, Some(older));
}

pub async fn a_token_for_a_user_who_is_gone_is_refused(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    store.delete_user(ann.id, &Together::nothing()).await.unwrap();
    let token = token_of(&ann);
    assert!(!store.create_token(&token, ann.epoch).await.unwrap());
    assert_eq!(find_token(store, &token).await, None);
}

pub async fn a_token_replaces_the_one_of_the_same_mail(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    for lasting in [false, true] {
        let first = OneTimeToken { lasting, ..token_of(&ann) };
        let second = OneTimeToken { mail_id: first.mail_id, lasting, ..token_of(&ann) };
        create(store, &first).await;
        create(store, &second).await;
        assert_eq!(find_token(store, &first).await, None);
        assert_eq!(find_token(store, &second).await, Some(second));
    }
}

pub async fn a_newer_token_kills_the_older_ones_of_its_purpose(store: &Arc<impl UserDatastore>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let older = token_of(&ann);
    let others = [token_for(&ann, "reset"), token_of(&bob)];
    let newer = OneTimeToken { asked_at: at(1), ..token_of(&ann) };
    for token in [&older, &others[0], &others[1], &newer] {
        create(store, token).await;
    }
    assert_eq!(find_token(store, &older).await, None);
    for token in others.into_iter().chain([newer]) {
        assert_eq!(find_token(store, &token).await, Some(token));
    }
}

pub async fn a_token_that_was_asked_for_earlier_is_refused(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let newer = OneTimeToken { asked_at: at(1), ..token_of(&ann) };
    let late = token_of(&ann);
    create(store, &newer).await;
    assert!(!store.create_token(&late, ann.epoch).await.unwrap());
    assert_eq!(find_token(store, &late).await, None);
    assert_eq!(find_token(store, &newer).await, Some(newer));
}

pub async fn a_lasting_token_stands_beside_others(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let lasting = |asked_at| OneTimeToken { lasting: true, asked_at, ..token_of(&ann) };
    let tokens = [lasting(at(3)), lasting(at(0)), token_of(&ann), lasting(at(1))];
    for token in &tokens {
        create(store, token).await;
    }
    for token in tokens {
        assert_eq!(find_token(store, &token).await, Some(token));
    }
}

pub async fn a_lasting_token_is_made_for_a_mail_alone_that_waits(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let lasting = OneTimeToken { lasting: true, ..token_of(&ann) };
    assert!(!store.create_token(&lasting, ann.epoch).await.unwrap());
    assert_eq!(find_token(store, &lasting).await, None);
    create(store, &lasting).await;
    assert_eq!(find_token(store, &lasting).await, Some(lasting));
}

pub async fn of_parallel_tokens_of_one_purpose_one_remains(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let tokens: Vec<_> = (0..CALLERS).map(|_| token_of(&ann)).collect();
    let created = tokens.clone();
    all_at_once(store, CALLERS, move |store, number| {
        let token = created[number].clone();
        async move { assert!(store.create_token(&token, 0).await.unwrap()) }
    })
    .await;
    let mut remain = 0;
    for token in &tokens {
        remain += usize::from(find_token(store, token).await.is_some());
    }
    assert_eq!(remain, 1);
}

pub async fn of_parallel_tokens_of_one_mail_one_remains(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let mail_id = random_uuid().unwrap();
    let new_token = |_| OneTimeToken { mail_id, ..token_of(&ann) };
    let tokens: Vec<_> = (0..CALLERS).map(new_token).collect();
    let created = tokens.clone();
    all_at_once(store, CALLERS, move |store, number| {
        let token = created[number].clone();
        async move { assert!(store.create_token(&token, 0).await.unwrap()) }
    })
    .await;
    let mut remain = 0;
    for token in &tokens {
        remain += usize::from(find_token(store, token).await.is_some());
    }
    assert_eq!(remain, 1);
}

pub async fn expired_tokens_are_swept(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "ann@example.org").await;
    let now = at(3_600);
    let until = |expires_at| OneTimeToken { expires_at, ..token_for(&ann, expires_at) };
    let expired = [until(at(60)), until(now - TimeDelta::microseconds(1))];
    let lives = until(now + TimeDelta::microseconds(1));
    for token in expired.iter().chain([&lives]) {
        create(store, token).await;
    }
    assert_eq!(store.delete_expired_tokens(now).await.unwrap(), 2);
    assert_eq!(store.delete_expired_tokens(now).await.unwrap(), 0);
    for token in &expired {
        assert_eq!(find_token(store, token).await, None);
    }
    assert_eq!(find_token(store, &lives).await, Some(lives));
}

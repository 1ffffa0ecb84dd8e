//! Sessions that replace others.

use std::sync::Arc;

use crate::datastore::session::Replaces;
use crate::datastore::{Together, UserDatastore};
use crate::testing::contract::makers::{
    begin, digest, find_session, mail, outbox, session_of, user,
};
use crate::testing::contract::run::{all_at_once, count};

section! {
    session_replacements in __contract_session_replacements:
    a_session_takes_the_place_of_another_and_only_of_that,
    a_session_that_needs_a_live_one_does_not_begin_without_it,
    of_the_end_of_a_session_and_its_replacement_at_once_one_succeeds,
}

pub async fn a_session_takes_the_place_of_another_and_only_of_that(
    store: &Arc<impl UserDatastore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let [other, old, of_bob] = [session_of(&ann), session_of(&ann), session_of(&bob)];
    for session in [&other, &old, &of_bob] {
        begin(store, session).await;
    }
    let nothing = Together::nothing();
    let [second, third, fourth] = [session_of(&ann), session_of(&ann), session_of(&ann)];
    for (session, replaces) in [
        (&second, Replaces::Session(old.digest)),
        (&third, Replaces::LiveSession(second.digest)),
        // It has ended already.
        (&fourth, Replaces::Session(old.digest)),
    ] {
        let ended = store.begin_session(session, replaces, 3, &nothing).await.unwrap();
        assert_eq!(ended, Some(Vec::new()), "two have room for one more");
    }
    for (session, is_live) in [(&other, true), (&old, false), (&second, false), (&third, true)] {
        assert_eq!(find_session(store, session).await.is_some(), is_live);
    }
    let foreign = Replaces::Session(of_bob.digest);
    store.begin_session(&session_of(&ann), foreign, 20, &nothing).await.unwrap().unwrap();
    assert!(find_session(store, &of_bob).await.is_some(), "it is of another user");
}

pub async fn a_session_that_needs_a_live_one_does_not_begin_without_it(
    store: &Arc<impl UserDatastore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let of_bob = session_of(&bob);
    begin(store, &of_bob).await;
    let together = Together::mail(vec![mail("ann@example.org")]);
    for digest in [digest(), of_bob.digest] {
        let session = session_of(&ann);
        let replaces = Replaces::LiveSession(digest);
        assert_eq!(store.begin_session(&session, replaces, 20, &together).await.unwrap(), None);
        assert_eq!(find_session(store, &session).await, None);
    }
    assert!(outbox(store).await.is_empty());
    assert!(find_session(store, &of_bob).await.is_some());
}

pub async fn of_the_end_of_a_session_and_its_replacement_at_once_one_succeeds(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    for _ in 0..8 {
        let old = session_of(&ann);
        begin(store, &old).await;
        let (next, ann) = (session_of(&ann), ann.clone());
        let replacement = next.clone();
        let done = all_at_once(store, 2, move |store, number| {
            let (old, next) = (old.clone(), replacement.clone());
            async move {
                let nothing = Together::nothing();
                if number == 0 {
                    return store.end_session(&old.digest, &nothing).await.unwrap();
                }
                let replaces = Replaces::LiveSession(old.digest);
                store.begin_session(&next, replaces, 20, &nothing).await.unwrap().is_some()
            }
        })
        .await;
        assert_eq!(count(&done, &true), 1);
        let is_live = find_session(store, &next).await.is_some();
        assert_eq!(is_live, store.list_sessions(ann.id).await.unwrap().len() == 1);
        store.end_session(&next.digest, &Together::nothing()).await.unwrap();
    }
}

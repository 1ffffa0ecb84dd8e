//! Accounts that end without an operator.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::config::Span;
use crate::datastore::lapse::Lapse;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::outbox::Addressee;
use crate::datastore::session::Replaces;
use crate::datastore::user::{NewUser, UserChange};
use crate::datastore::{LapseStore, Together, UserDatastore};
use crate::testing::contract::makers::{
    at, begin, confirmed_user, contested, create, find, find_session, find_token, foreign, hash,
    mail, new_user, outbox, push, push_mail_of, session_of, some_user_id, token_for, token_of,
    user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::User;

section! {
    lapses in __contract_lapses:
    the_store_returns_itself_as_one_whose_accounts_lapse,
    a_closed_user_is_deleted_when_the_time_has_come,
    an_account_that_nobody_confirms_is_deleted_when_the_time_has_come,
    an_account_that_was_confirmed_or_used_does_not_expire,
    an_account_that_was_opened_again_is_not_deleted,
    a_closed_user_stays_while_something_leads_back,
    no_way_back_is_made_to_a_closed_user_who_is_being_deleted,
    a_contested_user_loses_the_password_and_keeps_the_links,
    a_contest_leaves_sessions_alone,
    a_user_is_contested_however_often,
    a_confirmed_user_cannot_be_contested,
    nobody_cannot_be_contested,
    of_parallel_contests_and_confirmations_no_account_is_confirmed_without_a_password,
    a_contest_with_work_for_a_foreign_connection_takes_no_password,
}

pub async fn the_store_returns_itself_as_one_whose_accounts_lapse(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let lapses = store.lapse_store().unwrap();
    assert!(lapses.contest_user(ann.id, &contested(), &Together::nothing()).await.unwrap());
    assert_eq!(find(store, "ann@example.org").await, Some((ann, None)));
}

pub async fn a_closed_user_is_deleted_when_the_time_has_come(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let nothing = Together::nothing();
    let closing = UserChange::closing(at(90));
    let ann = store.update_user(ann.id, &closing, &nothing).await.unwrap().unwrap();
    let early = at(90) - TimeDelta::microseconds(1);
    assert_eq!(store.find_lapsed_users(Lapse::Closed, early, 10).await.unwrap(), []);
    assert!(!store.delete_lapsed_user(ann.id, Lapse::Closed, early, &nothing).await.unwrap());
    let due = store.find_lapsed_users(Lapse::Closed, at(90), 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&ann));
    assert_eq!(store.find_lapsed_users(Lapse::Closed, at(90), 0).await.unwrap(), []);
    let told = mail("ann@example.org");
    let together = Together::mail(vec![told.clone()]);
    assert!(store.delete_lapsed_user(ann.id, Lapse::Closed, at(90), &together).await.unwrap());
    assert!(!store.delete_lapsed_user(ann.id, Lapse::Closed, at(90), &together).await.unwrap());
    assert!(!store.delete_lapsed_user(bob.id, Lapse::Closed, at(90), &together).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap(), None);
    assert_eq!(outbox(store).await, BTreeSet::from([told.id]));
    user(store, "ann@example.org").await;
}

pub async fn an_account_that_nobody_confirms_is_deleted_when_the_time_has_come(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let nothing = Together::nothing();
    let new = NewUser { expires_at: Some(at(90)), ..new_user("ann@example.org") };
    let ann = store.create_user(&new, &nothing).await.unwrap().unwrap();
    assert_eq!((ann.expires_at, ann.is_open()), (Some(at(90)), true));
    assert_eq!(store.find_user(ann.id).await.unwrap().as_ref(), Some(&ann));
    user(store, "bob@example.org").await;
    let early = at(90) - TimeDelta::microseconds(1);
    let lapse = Lapse::Unconfirmed;
    assert_eq!(store.find_lapsed_users(lapse, early, 10).await.unwrap(), []);
    assert!(!store.delete_lapsed_user(ann.id, lapse, early, &nothing).await.unwrap());
    // Changes that confirm nothing do not keep it.
    let change = UserChange::active(false);
    let ann = store.update_user(ann.id, &change, &nothing).await.unwrap().unwrap();
    assert_eq!(store.find_lapsed_users(Lapse::Closed, at(900), 10).await.unwrap(), []);
    assert!(!store.delete_lapsed_user(ann.id, Lapse::Closed, at(900), &nothing).await.unwrap());
    let due = store.find_lapsed_users(lapse, at(90), 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&ann));
    let told = mail("ann@example.org");
    let together = Together::mail(vec![told.clone()]);
    assert!(store.delete_lapsed_user(ann.id, lapse, at(90), &together).await.unwrap());
    assert!(!store.delete_lapsed_user(ann.id, lapse, at(90), &together).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap(), None);
    assert_eq!(outbox(store).await, BTreeSet::from([told.id]));
}

pub async fn an_account_that_was_confirmed_or_used_does_not_expire(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let nothing = Together::nothing();
    for (address, is_confirmed) in [("ann@example.org", true), ("bob@example.org", false)] {
        let new = NewUser { expires_at: Some(at(90)), ..new_user(address) };
        let user = store.create_user(&new, &nothing).await.unwrap().unwrap();
        if is_confirmed {
            let change = UserChange::confirmed(at(5), None);
            let user = store.update_user(user.id, &change, &nothing).await.unwrap().unwrap();
            assert_eq!(user.expires_at, None);
        } else {
            let session = session_of(&user);
            assert!(
                store
                    .begin_session(&session, Replaces::Nothing, 5, &nothing)
                    .await
                    .unwrap()
                    .is_some()
            );
        }
        let kept = store.find_user(user.id).await.unwrap().unwrap();
        assert_eq!(kept.expires_at, None, "{address}");
        let lapse = Lapse::Unconfirmed;
        assert!(!store.delete_lapsed_user(user.id, lapse, at(900), &nothing).await.unwrap());
    }
    assert_eq!(store.find_lapsed_users(Lapse::Unconfirmed, at(900), 10).await.unwrap(), []);
}

pub async fn an_account_that_was_opened_again_is_not_deleted(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let nothing = Together::nothing();
    for change in [UserChange::closing(at(90)), UserChange::reopened()] {
        store.update_user(ann.id, &change, &nothing).await.unwrap().unwrap();
    }
    assert_eq!(store.find_lapsed_users(Lapse::Closed, at(900), 10).await.unwrap(), []);
    assert!(!store.delete_lapsed_user(ann.id, Lapse::Closed, at(900), &nothing).await.unwrap());
    assert!(store.find_user(ann.id).await.unwrap().is_some());
}

pub async fn a_closed_user_stays_while_something_leads_back(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let nothing = Together::nothing();
    let lasts = |user: &User, until| OneTimeToken {
        lasting: true,
        expires_at: at(until),
        ..token_for(user, "way_back")
    };
    create(store, &lasts(&bob, 900)).await;
    create(store, &lasts(&ann, 200)).await;
    let closing = UserChange::closing(at(90));
    let ann = store.update_user(ann.id, &closing, &nothing).await.unwrap().unwrap();
    // A link that is not lasting delays nothing.
    create(store, &OneTimeToken { expires_at: at(900), ..token_of(&ann) }).await;
    let stays = async |now| {
        let due = store.find_lapsed_users(Lapse::Closed, at(now), 10).await.unwrap();
        assert_eq!(due, [], "at {now}");
        assert!(
            !store.delete_lapsed_user(ann.id, Lapse::Closed, at(now), &nothing).await.unwrap(),
            "at {now}"
        );
    };
    stays(90).await;
    stays(199).await;
    let mail = mail("ann@example.org").concerns(Addressee::User(ann.id));
    let waits = mail.lasting_link("way_back", Span::hours(1));
    push(store, &waits).await;
    stays(200).await;
    assert_eq!(store.lease_mail(at(300), at(400), 10).await.unwrap().len(), 1);
    stays(300).await;
    store.postpone_mail(waits.id, None, "550 no such user").await.unwrap();
    let due = store.find_lapsed_users(Lapse::Closed, at(300), 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&ann));
    assert!(store.delete_lapsed_user(ann.id, Lapse::Closed, at(300), &nothing).await.unwrap());
}

pub async fn no_way_back_is_made_to_a_closed_user_who_is_being_deleted(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    for deletes in 0..CALLERS / 2 {
        let ann = user(store, &format!("ann{deletes}@example.org")).await;
        let (closing, nothing) = (UserChange::closing(at(90)), Together::nothing());
        let ann = store.update_user(ann.id, &closing, &nothing).await.unwrap().unwrap();
        let (id, epoch) = (ann.id, ann.epoch);
        let tokens: Vec<_> = (0..CALLERS)
            .map(|number| OneTimeToken { lasting: true, ..token_for(&ann, number) })
            .collect();
        for token in &tokens {
            push_mail_of(store, token).await;
        }
        let done = all_at_once(store, CALLERS, move |store, number| {
            let token = tokens[number].clone();
            async move {
                if number == deletes {
                    store
                        .delete_lapsed_user(id, Lapse::Closed, at(90), &Together::nothing())
                        .await
                        .unwrap()
                } else {
                    store.create_token(&token, epoch).await.unwrap()
                }
            }
        })
        .await;
        let (is_deleted, done) = (done[deletes], count(&done, &true));
        assert!(!is_deleted || done == 1, "{} ways back were made and lost", done - 1);
        assert_eq!(store.find_user(id).await.unwrap().is_none(), is_deleted);
    }
}

pub async fn a_contested_user_loses_the_password_and_keeps_the_links(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    let mail = mail("ann@example.org");
    let together = Together::mail(vec![mail.clone()]);
    assert!(store.contest_user(ann.id, &contested(), &together).await.unwrap());
    let (found, password_hash) = find(store, "ann@example.org").await.unwrap();
    assert_eq!((found.confirmed_at, password_hash), (None, None));
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

pub async fn a_contest_leaves_sessions_alone(store: &Arc<impl UserDatastore + LapseStore>) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    assert!(store.contest_user(ann.id, &contested(), &Together::nothing()).await.unwrap());
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
}

pub async fn a_user_is_contested_however_often(store: &Arc<impl UserDatastore + LapseStore>) {
    let id = user(store, "ann@example.org").await.id;
    let mut written = BTreeSet::new();
    for _ in 0..3 {
        let mail = mail("ann@example.org");
        let together = Together::mail(vec![mail.clone()]);
        assert!(store.contest_user(id, &contested(), &together).await.unwrap());
        written.insert(mail.id);
    }
    assert_eq!(outbox(store).await, written);
}

pub async fn a_confirmed_user_cannot_be_contested(store: &Arc<impl UserDatastore + LapseStore>) {
    let ann = confirmed_user(store, "ann@example.org").await;
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert!(!store.contest_user(ann.id, &contested(), &together).await.unwrap());
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann, Some(hash("first"))));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn nobody_cannot_be_contested(store: &Arc<impl UserDatastore + LapseStore>) {
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert!(!store.contest_user(some_user_id(), &contested(), &together).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_contests_and_confirmations_no_account_is_confirmed_without_a_password(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    // The first caller decides. In every second round, another one is likely to be first.
    for round in 0..6 {
        let address = format!("user{round}@example.org");
        let id = user(store, &address).await.id;
        let answers = all_at_once(store, CALLERS, move |store, number| async move {
            let nothing = Together::nothing();
            if (number + round) % 2 == 0 {
                let contested = store.contest_user(id, &contested(), &nothing).await.unwrap();
                contested.then_some("contested")
            } else {
                let change = UserChange::confirmed(at(1), None);
                let confirmed = store.update_user(id, &change, &nothing).await.unwrap();
                confirmed.map(|_| "confirmed")
            }
        })
        .await;
        let (found, password_hash) = find(store, &address).await.unwrap();
        let is_confirmed = found.confirmed_at.is_some();
        let confirmed = count(&answers, &Some("confirmed"));
        let contested = count(&answers, &Some("contested"));
        let expected = if is_confirmed { (1, 0) } else { (0, CALLERS / 2) };
        assert_eq!((confirmed, contested), expected);
        assert_eq!(password_hash.is_some(), is_confirmed);
    }
}

pub async fn a_contest_with_work_for_a_foreign_connection_takes_no_password(
    store: &Arc<impl UserDatastore + LapseStore>,
) {
    let ann = user(store, "ann@example.org").await;
    assert!(store.contest_user(ann.id, &contested(), &foreign()).await.is_err());
    let found = find(store, "ann@example.org").await;
    assert_eq!(found, Some((ann, Some(hash("first")))));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

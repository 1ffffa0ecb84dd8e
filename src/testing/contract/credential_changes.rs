//! Changes of credentials besides the password.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::datastore::credential::{
    CredentialChange, CredentialRecord, CredentialsUnchanged, Ended,
};
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::session::Replaces;
use crate::datastore::user::UserChange;
use crate::datastore::{CredentialStore, StoreConnection, Together, UserDatastore};
use crate::testing::contract::credentials::{
    add, change_of, credential_of, find, list, try_change,
};
use crate::testing::contract::makers::{
    at, begin, create, digest, find_session, find_token, grant, mail, outbox, session_of,
    some_user_id, token_of, user,
};
use crate::testing::contract::run::{CALLERS, all_at_once, count};
use crate::user::{CredentialKind, User};

section! {
    credential_changes in __contract_credential_changes:
    a_change_raises_the_epoch_and_returns_the_user,
    a_change_ends_one_a_kind_all_or_nothing,
    a_change_ends_sessions_and_one_time_tokens_of_its_user_and_of_no_other,
    a_change_replaces_a_credential_by_one_of_the_same_lookup,
    a_lookup_that_is_taken_changes_nothing,
    a_change_at_an_old_epoch_changes_nothing,
    a_change_of_an_account_that_is_gone_or_not_open_changes_nothing,
    a_change_that_ends_what_is_not_there_or_anothers_changes_nothing,
    a_credential_of_another_user_or_of_a_taken_id_is_not_added,
    a_change_with_work_for_a_foreign_connection_changes_nothing,
    of_parallel_changes_at_one_epoch_one_wins,
    of_parallel_changes_with_one_lookup_one_wins,
    no_session_outlives_a_change_that_was_under_way_with_it,
    a_change_of_the_account_ends_the_credentials_of_its_user_if_it_says_so,
}

const TOTP: CredentialKind = CredentialKind::TOTP;
const PASSKEY: CredentialKind = CredentialKind::PASSKEY;

/// Asserts that a change is refused and commits nothing: the user, the user's credentials and a session are
/// as before, and no mail waits.
async fn assert_unchanged(
    store: &Arc<impl UserDatastore + CredentialStore>,
    user: &User,
    change: &CredentialChange,
    refusal: CredentialsUnchanged,
) {
    let before = list(store, user).await;
    let account = store.find_user(user.id).await.unwrap();
    let session = account.as_ref().filter(|user| user.is_open()).map(session_of);
    if let Some(session) = &session {
        begin(store, session).await;
    }
    let together = Together::mail(vec![mail("ann@example.org")]);
    let changed = store.change_credentials(user.id, change, &together).await.unwrap();
    assert_eq!(changed, Err(refusal), "{change:?}");
    assert_eq!(list(store, user).await, before, "{change:?}");
    assert_eq!(store.find_user(user.id).await.unwrap(), account, "{change:?}");
    if let Some(session) = &session {
        assert!(find_session(store, session).await.is_some(), "{change:?}");
    }
    assert_eq!(outbox(store).await, BTreeSet::new(), "{change:?}");
}

pub async fn a_change_raises_the_epoch_and_returns_the_user(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    grant(store, &ann, &["admin"]).await;
    let mut expected = store.find_user(ann.id).await.unwrap().unwrap();
    let totp = credential_of(&ann, TOTP);
    let sent = mail("ann@example.org");
    for (number, ends) in [Ended::Nothing, Ended::Nothing, Ended::All].into_iter().enumerate() {
        let mut change = change_of(&expected).ending(ends);
        if number == 0 {
            change = change.adding(totp.clone());
        }
        let mails = if number == 2 { vec![sent.clone()] } else { Vec::new() };
        let together = Together::mail(mails);
        let changed = store.change_credentials(ann.id, &change, &together).await.unwrap();
        expected.epoch += 1;
        assert_eq!(changed, Ok(expected.clone()), "{change:?}");
        assert_eq!(store.find_user(ann.id).await.unwrap(), changed.ok());
    }
    assert_eq!(list(store, &ann).await, []);
    assert_eq!(outbox(store).await, BTreeSet::from([sent.id]));
}

pub async fn a_change_ends_one_a_kind_all_or_nothing(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let theirs = [TOTP, PASSKEY, PASSKEY].map(|kind| credential_of(&bob, kind));
    let change = theirs.iter().cloned().fold(change_of(&bob), CredentialChange::adding);
    try_change(store, &bob, &change).await.unwrap();
    let mine = [TOTP, PASSKEY, PASSKEY].map(|kind| credential_of(&ann, kind));
    let [totp, one, other] = mine.each_ref().map(|credential| credential.id);
    let mut ann = ann;
    for (ends, left) in [
        (Ended::Nothing, vec![totp, one, other]),
        (Ended::One(one), vec![totp, other]),
        (Ended::Kind(PASSKEY), vec![totp]),
        (Ended::Kind(CredentialKind::RECOVERY_CODE), vec![totp, one, other]),
        (Ended::All, Vec::new()),
    ] {
        let restore = change_of(&ann).ending(Ended::All);
        let restore = mine.iter().cloned().fold(restore, CredentialChange::adding);
        ann = try_change(store, &ann, &restore).await.unwrap();
        ann = try_change(store, &ann, &change_of(&ann).ending(ends.clone())).await.unwrap();
        let kept: BTreeSet<_> = list(store, &ann).await.into_iter().map(|it| it.id).collect();
        assert_eq!(kept, left.into_iter().collect(), "{ends:?}");
    }
    assert_eq!(list(store, &bob).await.len(), 3);
}

pub async fn a_change_ends_sessions_and_one_time_tokens_of_its_user_and_of_no_other(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (mut ann, bob) =
        (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let of_bob = (session_of(&bob), token_of(&bob));
    begin(store, &of_bob.0).await;
    create(store, &of_bob.1).await;
    let totp = credential_of(&ann, TOTP);
    for ends in [false, true] {
        let (session, token) = (session_of(&ann), token_of(&ann));
        let lasting = OneTimeToken { lasting: true, ..token_of(&ann) };
        begin(store, &session).await;
        create(store, &token).await;
        create(store, &lasting).await;
        let change = change_of(&ann);
        let change =
            if ends { change.ending(Ended::One(totp.id)) } else { change.adding(totp.clone()) };
        let changed = try_change(store, &ann, &change).await.unwrap();
        assert_eq!(find_session(store, &session).await, None);
        assert_eq!(find_token(store, &token).await, None);
        assert_eq!(find_token(store, &lasting).await, Some(lasting));
        // A login that began with the older epoch does not begin a session.
        let late = session_of(&ann);
        let begun =
            store.begin_session(&late, Replaces::Nothing, 20, &Together::nothing()).await.unwrap();
        assert_eq!(begun, None);
        assert!(!store.create_token(&token_of(&ann), ann.epoch).await.unwrap());
        ann = changed;
    }
    assert!(find_session(store, &of_bob.0).await.is_some());
    assert!(find_token(store, &of_bob.1).await.is_some());
}

pub async fn a_change_replaces_a_credential_by_one_of_the_same_lookup(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let mut ann = user(store, "ann@example.org").await;
    let mut last = credential_of(&ann, PASSKEY);
    ann = add(store, &ann, &last).await;
    for ends in [Ended::One(last.id), Ended::Kind(PASSKEY), Ended::All] {
        let next = credential_of(&ann, PASSKEY).lookup(last.lookup.unwrap());
        let change = change_of(&ann).ending(ends).adding(next.clone());
        ann = try_change(store, &ann, &change).await.unwrap();
        assert_eq!(find(store, &last).await, Some(next.clone()));
        assert_eq!(list(store, &ann).await, std::slice::from_ref(&next));
        last = next;
    }
}

pub async fn a_lookup_that_is_taken_changes_nothing(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let of_bob = credential_of(&bob, PASSKEY);
    add(store, &bob, &of_bob).await;
    let (mine, totp) = (credential_of(&ann, PASSKEY), credential_of(&ann, TOTP));
    let both = change_of(&ann).adding(mine.clone()).adding(totp.clone());
    let ann = try_change(store, &ann, &both).await.unwrap();
    let fresh = credential_of(&ann, PASSKEY);
    let again =
        |other: &CredentialRecord| credential_of(&ann, PASSKEY).lookup(other.lookup.unwrap());
    for taken in [
        change_of(&ann).adding(again(&of_bob)),
        change_of(&ann).ending(Ended::All).adding(fresh.clone()).adding(again(&of_bob)),
        change_of(&ann).adding(again(&mine)),
        change_of(&ann).ending(Ended::One(totp.id)).adding(again(&mine)),
        change_of(&ann).adding(fresh.clone()).adding(again(&fresh)),
    ] {
        assert_unchanged(store, &ann, &taken, CredentialsUnchanged::Taken).await;
    }
    assert_eq!(find(store, &of_bob).await, Some(of_bob));
    assert_eq!(find(store, &fresh).await, None);
}

pub async fn a_change_at_an_old_epoch_changes_nothing(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let old = user(store, "ann@example.org").await;
    let totp = credential_of(&old, TOTP);
    let ann = add(store, &old, &totp).await;
    let passkey = credential_of(&ann, PASSKEY);
    for epoch in [old.epoch, ann.epoch + 1] {
        let late = CredentialChange::unless_changed_since(epoch);
        for change in [
            late.clone(),
            late.clone().adding(passkey.clone()),
            late.clone().ending(Ended::One(totp.id)),
            late.clone().ending(Ended::All).adding(passkey.clone()),
            // The refusal reveals nothing about the lookups of others, either.
            late.clone().adding(credential_of(&ann, TOTP).lookup(totp.lookup.unwrap())),
        ] {
            assert_unchanged(store, &ann, &change, CredentialsUnchanged::AccountChanged).await;
        }
    }
}

pub async fn a_change_of_an_account_that_is_gone_or_not_open_changes_nothing(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let mut ann = user(store, "ann@example.org").await;
    let totp = credential_of(&ann, TOTP);
    ann = add(store, &ann, &totp).await;
    for (shut, open) in [
        (UserChange::active(false), UserChange::active(true)),
        (UserChange::closing(at(90)), UserChange::reopened()),
    ] {
        let changed = store.update_user(ann.id, &shut, &Together::nothing()).await;
        ann = changed.unwrap().unwrap();
        let passkey = credential_of(&ann, PASSKEY);
        for change in [
            change_of(&ann).adding(passkey),
            change_of(&ann).ending(Ended::One(totp.id)),
            change_of(&ann).ending(Ended::All),
        ] {
            assert_unchanged(store, &ann, &change, CredentialsUnchanged::AccountChanged).await;
        }
        let changed = store.update_user(ann.id, &open, &Together::nothing()).await;
        ann = changed.unwrap().unwrap();
    }
    let nobody = User { id: some_user_id(), ..ann };
    for change in [change_of(&nobody), change_of(&nobody).adding(credential_of(&nobody, TOTP))] {
        assert_unchanged(store, &nobody, &change, CredentialsUnchanged::AccountChanged).await;
    }
}

pub async fn a_change_that_ends_what_is_not_there_or_anothers_changes_nothing(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let (mine, of_bob) = (credential_of(&ann, TOTP), credential_of(&bob, TOTP));
    let bob = add(store, &bob, &of_bob).await;
    let ann = add(store, &ann, &mine).await;
    for id in [of_bob.id, credential_of(&ann, TOTP).id, ann.id.as_uuid()] {
        let change = change_of(&ann).ending(Ended::One(id)).adding(credential_of(&ann, PASSKEY));
        assert_unchanged(store, &ann, &change, CredentialsUnchanged::AccountChanged).await;
    }
    assert_eq!(list(store, &bob).await, [of_bob]);
}

pub async fn a_change_of_the_account_ends_the_credentials_of_its_user_if_it_says_so(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let ann = try_change(store, &ann, &change_of(&ann).adding(credential_of(&ann, TOTP))).await;
    let bob = try_change(store, &bob, &change_of(&bob).adding(credential_of(&bob, TOTP))).await;
    let (ann, bob) = (ann.unwrap(), bob.unwrap());
    let keeps = UserChange::active(true);
    let ends = UserChange { ends_credentials: true, ..UserChange::active(true) };
    for (change, left) in [(keeps, 1), (ends, 0)] {
        store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
        assert_eq!(list(store, &ann).await.len(), left);
    }
    assert_eq!(list(store, &bob).await.len(), 1);
}

pub async fn a_credential_of_another_user_or_of_a_taken_id_is_not_added(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let mine = credential_of(&ann, TOTP);
    let ann = add(store, &ann, &mine).await;
    let same_id = CredentialRecord { id: mine.id, ..credential_of(&ann, PASSKEY) };
    for wrong in [credential_of(&bob, PASSKEY), same_id] {
        let change = change_of(&ann).ending(Ended::Nothing).adding(wrong);
        let together = Together::mail(vec![mail("ann@example.org")]);
        assert!(store.change_credentials(ann.id, &change, &together).await.is_err());
    }
    assert_eq!(store.find_user(ann.id).await.unwrap().as_ref(), Some(&ann));
    assert_eq!((list(store, &ann).await, list(store, &bob).await), (vec![mine], Vec::new()));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

/// A connection that no store has.
struct Foreign;

impl StoreConnection for Foreign {}

pub async fn a_change_with_work_for_a_foreign_connection_changes_nothing(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let totp = credential_of(&ann, TOTP);
    let ann = add(store, &ann, &totp).await;
    let session = session_of(&ann);
    begin(store, &session).await;
    let foreign = Together::mail(vec![mail("ann@example.org")])
        .and(|_: &mut Foreign| Box::pin(async { unreachable!("no store has such a connection") }));
    let change = change_of(&ann).ending(Ended::All).adding(credential_of(&ann, PASSKEY));
    assert!(store.change_credentials(ann.id, &change, &foreign).await.is_err());
    assert!(store.spend_credential(ann.id, totp.id, &foreign).await.is_err());
    assert_eq!(list(store, &ann).await, [totp]);
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn of_parallel_changes_at_one_epoch_one_wins(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let first = credential_of(&ann, TOTP);
    let ann = add(store, &ann, &first).await;
    let before = ann.clone();
    let answers = all_at_once(store, CALLERS, move |store, _| {
        let added = credential_of(&ann, TOTP);
        let change = change_of(&ann).ending(Ended::Kind(TOTP)).adding(added.clone());
        let (id, together) = (ann.id, Together::mail(vec![mail("ann@example.org")]));
        async move {
            let changed = store.change_credentials(id, &change, &together).await.unwrap();
            changed.map(|_| added)
        }
    })
    .await;
    let winners: Vec<_> = answers.iter().flatten().cloned().collect();
    assert_eq!(winners.len(), 1);
    let refused = Err(CredentialsUnchanged::AccountChanged);
    assert_eq!(count(&answers, &refused), CALLERS - 1);
    assert_eq!(list(store, &before).await, winners);
    let after = store.find_user(before.id).await.unwrap().unwrap();
    assert_eq!(after.epoch, before.epoch + 1);
    assert_eq!(outbox(store).await.len(), 1);
}

pub async fn of_parallel_changes_with_one_lookup_one_wins(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let mut users = Vec::new();
    for number in 0..CALLERS {
        users.push(user(store, &format!("user{number}@example.org")).await);
    }
    let lookup = digest();
    let answers = all_at_once(store, CALLERS, move |store, number| {
        let user = users[number].clone();
        let passkey = credential_of(&user, PASSKEY).lookup(lookup);
        async move {
            let change = change_of(&user).adding(passkey.clone());
            try_change(&store, &user, &change).await.map(|_| passkey)
        }
    })
    .await;
    let winners: Vec<_> = answers.iter().flatten().cloned().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(count(&answers, &Err(CredentialsUnchanged::Taken)), CALLERS - 1);
    assert_eq!(find(store, &winners[0]).await, winners.first().cloned());
}

pub async fn no_session_outlives_a_change_that_was_under_way_with_it(
    store: &Arc<impl UserDatastore + CredentialStore>,
) {
    let ann = user(store, "ann@example.org").await;
    let (id, changes) = (ann.id, CALLERS / 2);
    all_at_once(store, CALLERS, move |store, number| {
        let ann = ann.clone();
        async move {
            if number == changes {
                add(&store, &ann, &credential_of(&ann, TOTP)).await;
            } else {
                let session = session_of(&ann);
                store
                    .begin_session(&session, Replaces::Nothing, 100, &Together::nothing())
                    .await
                    .unwrap();
            }
        }
    })
    .await;
    assert_eq!(store.list_sessions(id).await.unwrap(), []);
}

//! The outbox as operators see it.

use std::sync::Arc;

use crate::crypto::random_uuid;
use crate::datastore::outbox::{Addressee, ListedMail, MailState, NewMail};
use crate::datastore::{OutboxAdmin, UserDatastore};
use crate::testing::contract::makers::{at, mail, push, user};
use crate::testing::contract::run::{CALLERS, all_at_once};

section! {
    outbox_admin in __contract_outbox_admin:
    every_mail_is_listed_with_its_state,
    the_outbox_is_listed_in_pages,
    a_mail_that_waits_or_was_given_up_is_due_again_at_once,
    a_mail_that_is_being_sent_is_not_made_due,
    of_parallel_retries_and_workers_one_worker_gets_a_mail,
    an_unknown_mail_is_not_made_due,
}

pub async fn every_mail_is_listed_with_its_state(store: &Arc<impl UserDatastore + OutboxAdmin>) {
    assert_eq!(store.list_mail(None, 10).await.unwrap(), []);
    let ann = user(store, "ann@example.org").await;
    let new = mail("ann@example.org").concerns(Addressee::User(ann.id)).with("client", "192.0.2.1");
    let [postponed, being_sent, given_up, dead_worker] =
        ["bob@example.org", "eve@example.org", "joe@example.org", "kim@example.org"].map(mail);
    let listed = |mail: &NewMail, state, attempts, fault: Option<&str>| ListedMail {
        mail: mail.clone(),
        state,
        attempts,
        fault: fault.map(str::to_owned),
    };
    for mail in [&postponed, &being_sent, &given_up, &dead_worker] {
        push(store, mail).await;
    }
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 4);
    for (mail, next) in [(&postponed, Some(at(11))), (&given_up, None), (&being_sent, Some(at(2)))]
    {
        store.postpone_mail(mail.id, next, "421 \u{201e}busy\u{201c}").await.unwrap();
    }
    assert_eq!(store.lease_mail(at(3), at(90), 10).await.unwrap().len(), 1);
    push(store, &new).await;
    let fault = Some("421 \u{201e}busy\u{201c}");
    let mut expected = [
        listed(&new, MailState::Waiting { due_at: new.created_at }, 0, None),
        listed(&postponed, MailState::Waiting { due_at: at(11) }, 1, fault),
        listed(&being_sent, MailState::BeingSent { until: at(90) }, 2, fault),
        listed(&given_up, MailState::GivenUp, 1, fault),
        listed(&dead_worker, MailState::BeingSent { until: at(60) }, 1, None),
    ];
    expected.sort_by_key(|listed| listed.mail.id);
    assert_eq!(store.list_mail(None, 10).await.unwrap(), expected);
    // Listing changes nothing.
    assert_eq!(store.list_mail(None, 10).await.unwrap(), expected);
}

pub async fn the_outbox_is_listed_in_pages(store: &Arc<impl UserDatastore + OutboxAdmin>) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        let mail = mail("ann@example.org");
        push(store, &mail).await;
        ids.push(mail.id);
    }
    ids.sort();
    let page = async |after, limit| -> Vec<_> {
        let listed = store.list_mail(after, limit).await.unwrap();
        listed.iter().map(|listed| listed.mail.id).collect()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..4]);
    assert_eq!(page(Some(ids[3]), 2).await, ids[4..]);
    assert!(page(Some(ids[4]), 2).await.is_empty());
    assert!(page(None, 0).await.is_empty());
    assert_eq!(page(None, 100).await, ids);
}

pub async fn a_mail_that_waits_or_was_given_up_is_due_again_at_once(
    store: &Arc<impl UserDatastore + OutboxAdmin>,
) {
    let (postponed, given_up) = (mail("ann@example.org"), mail("bob@example.org"));
    for (mail, next) in [(&postponed, Some(at(900))), (&given_up, None)] {
        push(store, mail).await;
        assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 1);
        store.postpone_mail(mail.id, next, "421 busy").await.unwrap();
        assert!(store.retry_mail(mail.id, at(100)).await.unwrap());
        let listed = store.list_mail(None, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].state, MailState::Waiting { due_at: at(100) });
        assert_eq!((listed[0].attempts, listed[0].fault.as_deref()), (0, Some("421 busy")));
        assert_eq!(store.lease_mail(at(99), at(160), 10).await.unwrap(), []);
        let leased = store.lease_mail(at(101), at(160), 10).await.unwrap();
        assert_eq!(leased.len(), 1);
        assert_eq!((&leased[0].mail, leased[0].attempts), (mail, 1));
        assert!(store.delete_mail(mail.id).await.unwrap());
    }
}

pub async fn a_mail_that_is_being_sent_is_not_made_due(
    store: &Arc<impl UserDatastore + OutboxAdmin>,
) {
    let mail = mail("ann@example.org");
    push(store, &mail).await;
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 1);
    assert!(!store.retry_mail(mail.id, at(2)).await.unwrap());
    assert_eq!(store.lease_mail(at(59), at(90), 10).await.unwrap(), []);
    assert_eq!(store.lease_mail(at(61), at(90), 10).await.unwrap()[0].attempts, 2);
}

pub async fn of_parallel_retries_and_workers_one_worker_gets_a_mail(
    store: &Arc<impl UserDatastore + OutboxAdmin>,
) {
    let mail = mail("ann@example.org");
    push(store, &mail).await;
    assert_eq!(store.lease_mail(at(1), at(60), 1).await.unwrap().len(), 1);
    store.postpone_mail(mail.id, None, "550 no such mailbox").await.unwrap();
    assert!(store.retry_mail(mail.id, at(2)).await.unwrap());
    let id = mail.id;
    let answers = all_at_once(store, CALLERS, move |store, number| async move {
        if number % 2 == 0 {
            store.retry_mail(id, at(2)).await.unwrap();
            return 0;
        }
        store.lease_mail(at(3), at(60), 10).await.unwrap().len()
    })
    .await;
    assert!(answers.iter().sum::<usize>() <= 1, "{answers:?}");
    let leased = store.lease_mail(at(3), at(60), 10).await.unwrap().len();
    assert_eq!(answers.iter().sum::<usize>() + leased, 1);
}

pub async fn an_unknown_mail_is_not_made_due(store: &Arc<impl UserDatastore + OutboxAdmin>) {
    assert!(!store.retry_mail(random_uuid().unwrap(), at(1)).await.unwrap());
    assert_eq!(store.list_mail(None, 10).await.unwrap(), []);
}

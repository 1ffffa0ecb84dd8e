//! The outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use crate::config::Span;
use crate::crypto::random_uuid;
use crate::datastore::UserDatastore;
use crate::datastore::outbox::{Addressee, Asker, NewLink, NewMail};
use crate::testing::contract::makers::{at, mail, outbox, push, user};
use crate::testing::contract::run::{CALLERS, all_at_once};
use crate::user::User;

section! {
    outbox in __contract_outbox:
    a_mail_is_handed_out_as_written,
    a_mail_without_user_and_link_is_handed_out_as_written,
    a_newer_link_takes_the_place_of_one_that_waits,
    a_mail_is_hidden_while_it_is_leased,
    a_renewed_lease_hides_its_mail_for_longer,
    a_lease_that_is_over_is_not_renewed,
    no_more_mail_is_handed_out_than_asked_for,
    mail_that_tells_of_an_account_is_handed_out_before_what_strangers_ask_for,
    of_parallel_workers_one_gets_a_mail,
    of_parallel_workers_one_takes_over_from_the_dead,
    a_delivered_mail_is_gone,
    a_mail_delivered_while_others_ask_for_mail_is_gone,
    a_postponed_mail_is_due_again_when_it_says,
    a_mail_that_was_given_up_is_never_due,
    settling_an_unknown_mail_is_no_fault,
    mail_that_was_given_up_is_deleted_once_it_is_old,
}

pub async fn a_mail_is_handed_out_as_written(store: &Arc<impl UserDatastore>) {
    let ann = user(store, "Ann@example.org").await;
    for hours in [120, 1] {
        let link = NewLink {
            purpose: "confirm".to_owned(),
            lifetime: Span::hours(hours),
            lasting: hours > 100,
        };
        let written = NewMail {
            template: "confirmation_instructions".to_owned(),
            subject: "Best\u{e4}tigen Sie Ihre Adresse: \u{201e}Ann\u{201c}".to_owned(),
            addressee: Addressee::User(ann.id),
            epoch: Some(7),
            context: BTreeMap::from([(
                "client".to_owned(),
                "\u{201e}192.0.2.1\u{201c}".to_owned(),
            )]),
            only_unconfirmed: true,
            link: Some(link),
            asker: Some(Asker {
                client: Some([192, 0, 2, 1].into()),
                request_id: Some(random_uuid().unwrap()),
                authn_via: Some("password".to_owned()),
            }),
            created_at: at(1) + TimeDelta::microseconds(1),
            ..mail("Ann@example.org")
        };
        push(store, &written).await;
        let leased = store.lease_mail(at(2), at(600), 10).await.unwrap();
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].mail, written);
        assert_eq!(leased[0].mail.to.as_str(), "Ann@example.org");
        assert_eq!(leased[0].attempts, 1);
    }
}

pub async fn mail_that_tells_of_an_account_is_handed_out_before_what_strangers_ask_for(
    store: &Arc<impl UserDatastore>,
) {
    let ann = user(store, "ann@example.org").await;
    let of_ann = |second| NewMail {
        addressee: Addressee::User(ann.id),
        created_at: at(second),
        ..mail("ann@example.org")
    };
    let asked_for = [
        mail("ann@example.org").link("reset", Span::hours(1)),
        NewMail { addressee: Addressee::Holder, ..mail("ann@example.org") },
        of_ann(0).link("confirm", Span::hours(1)),
    ];
    let urgent = [of_ann(2), of_ann(3).lasting_link("undo", Span::hours(1))];
    for mail in asked_for.iter().chain(&urgent) {
        push(store, mail).await;
    }
    for mail in &urgent {
        let leased = store.lease_mail(at(5), at(600), 1).await.unwrap();
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].mail.id, mail.id);
    }
    assert_eq!(store.lease_mail(at(5), at(600), 10).await.unwrap().len(), 3);
}

pub async fn a_mail_without_user_and_link_is_handed_out_as_written(
    store: &Arc<impl UserDatastore>,
) {
    for addressee in [Addressee::Address, Addressee::Holder] {
        let written = NewMail { addressee, ..mail("nobody@example.org") };
        push(store, &written).await;
        let leased = store.lease_mail(at(2), at(600), 10).await.unwrap();
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].mail, written);
    }
}

pub async fn a_newer_link_takes_the_place_of_one_that_waits(store: &Arc<impl UserDatastore>) {
    let hour = Span::hours(1);
    let ann = user(store, "ann@example.org").await;
    let to = |address: &str| mail(address).link("reset", hour);
    let being_sent = to("ann@example.org");
    push(store, &being_sent).await;
    assert_eq!(store.lease_mail(at(1), at(60), 1).await.unwrap().len(), 1);
    let (older, newest) = (to("ann@example.org"), to("ann@example.org"));
    let others = [
        to("bob@example.org"),
        mail("ann@example.org").link("confirm", hour),
        mail("ann@example.org").lasting_link("reset", hour),
        mail("ann@example.org"),
    ];
    push(store, &older).await;
    for other in &others {
        push(store, other).await;
    }
    push(store, &newest).await;
    let mut expected: BTreeSet<_> = others.iter().map(|mail| mail.id).collect();
    expected.extend([being_sent.id, newest.id]);
    assert_eq!(outbox(store).await, expected);
    let about = |user: &User| to("new@example.org").concerns(Addressee::User(user.id));
    let (of_ann, of_bob) = (about(&ann), about(&user(store, "bob@example.org").await));
    for mail in [&of_ann, &of_bob] {
        push(store, mail).await;
    }
    expected.extend([of_ann.id, of_bob.id]);
    assert_eq!(outbox(store).await, expected);
}

pub async fn a_mail_is_hidden_while_it_is_leased(store: &Arc<impl UserDatastore>) {
    push(store, &mail("ann@example.org")).await;
    let lease = async |now, until| {
        let leased = store.lease_mail(now, until, 10).await.unwrap();
        leased.first().map(|leased| leased.attempts)
    };
    let micro = TimeDelta::microseconds(1);
    assert_eq!(lease(at(1), at(60)).await, Some(1));
    assert_eq!(lease(at(1), at(60)).await, None);
    assert_eq!(lease(at(60) - micro, at(900)).await, None);
    assert_eq!(lease(at(60) + micro, at(900)).await, Some(2));
    assert_eq!(lease(at(61), at(900)).await, None);
}

pub async fn a_renewed_lease_hides_its_mail_for_longer(store: &Arc<impl UserDatastore>) {
    let mail = mail("ann@example.org");
    push(store, &mail).await;
    let lease = async |now| {
        let leased = store.lease_mail(now, now + TimeDelta::seconds(60), 10).await.unwrap();
        leased.first().map(|leased| leased.attempts)
    };
    assert_eq!(lease(at(0)).await, Some(1));
    store.renew_lease(mail.id, at(90)).await.unwrap();
    store.renew_lease(mail.id, at(120)).await.unwrap();
    assert_eq!(lease(at(119)).await, None);
    assert_eq!(lease(at(121)).await, Some(2));
}

pub async fn a_lease_that_is_over_is_not_renewed(store: &Arc<impl UserDatastore>) {
    let [postponed, given_up, waiting] =
        ["ann@example.org", "bob@example.org", "eve@example.org"].map(mail);
    for mail in [&postponed, &given_up] {
        push(store, mail).await;
    }
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 2);
    store.postpone_mail(postponed.id, Some(at(10)), "421 busy").await.unwrap();
    store.postpone_mail(given_up.id, None, "550 no such mailbox").await.unwrap();
    push(store, &waiting).await;
    for mail in [&postponed, &given_up, &waiting] {
        store.renew_lease(mail.id, at(600)).await.unwrap();
    }
    let leased = store.lease_mail(at(11), at(60), 10).await.unwrap();
    let leased: BTreeSet<_> = leased.iter().map(|leased| leased.mail.id).collect();
    assert_eq!(leased, BTreeSet::from([postponed.id, waiting.id]));
    assert_eq!(outbox(store).await, leased);
}

pub async fn no_more_mail_is_handed_out_than_asked_for(store: &Arc<impl UserDatastore>) {
    let mut written = BTreeSet::new();
    for _ in 0..5 {
        let mail = mail("ann@example.org");
        push(store, &mail).await;
        written.insert(mail.id);
    }
    let mut sizes = Vec::new();
    let mut handed_out = BTreeSet::new();
    for _ in 0..4 {
        let leased = store.lease_mail(at(1), at(60), 2).await.unwrap();
        sizes.push(leased.len());
        handed_out.extend(leased.iter().map(|leased| leased.mail.id));
    }
    assert_eq!(sizes, [2, 2, 1, 0]);
    assert_eq!(handed_out, written);
}

pub async fn of_parallel_workers_one_gets_a_mail(store: &Arc<impl UserDatastore>) {
    let mut written = BTreeSet::new();
    for _ in 0..100 {
        let mail = mail("ann@example.org");
        push(store, &mail).await;
        written.insert(mail.id);
    }
    let answers = all_at_once(store, CALLERS, |store, _| async move {
        let mut mine = Vec::new();
        // A store that hides no leased mail must not keep this loop running forever.
        while mine.len() < 200 {
            let leased = store.lease_mail(at(1), at(60), 3).await.unwrap();
            if leased.is_empty() {
                break;
            }
            mine.extend(leased.iter().map(|leased| leased.mail.id));
        }
        mine
    })
    .await;
    assert_eq!(answers.iter().map(Vec::len).sum::<usize>(), 100);
    assert_eq!(answers.into_iter().flatten().collect::<BTreeSet<_>>(), written);
}

pub async fn of_parallel_workers_one_takes_over_from_the_dead(store: &Arc<impl UserDatastore>) {
    let mail = mail("ann@example.org");
    push(store, &mail).await;
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 1);
    let answers = all_at_once(store, CALLERS, |store, _| async move {
        store.lease_mail(at(61), at(120), 10).await.unwrap()
    })
    .await;
    let leased: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(leased.len(), 1);
    assert_eq!((leased[0].mail.id, leased[0].attempts), (mail.id, 2));
}

pub async fn a_delivered_mail_is_gone(store: &Arc<impl UserDatastore>) {
    let (delivered, other) = (mail("ann@example.org"), mail("bob@example.org"));
    push(store, &delivered).await;
    push(store, &other).await;
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 2);
    assert!(store.delete_mail(delivered.id).await.unwrap());
    assert!(!store.delete_mail(delivered.id).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::from([other.id]));
}

pub async fn a_mail_delivered_while_others_ask_for_mail_is_gone(store: &Arc<impl UserDatastore>) {
    let mails: Vec<_> = (0..CALLERS).map(|_| mail("ann@example.org")).collect();
    for mail in &mails {
        push(store, mail).await;
    }
    let answers = all_at_once(store, CALLERS, move |store, number| {
        let id = mails[number].id;
        async move {
            if number % 2 == 0 {
                store.delete_mail(id).await.unwrap();
                return (vec![id], Vec::new());
            }
            let leased = store.lease_mail(at(1), at(60), 2).await.unwrap();
            (Vec::new(), leased.iter().map(|leased| leased.mail.id).collect())
        }
    })
    .await;
    let (deleted, leased): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    let (deleted, leased) = (deleted.concat(), leased.concat());
    assert_eq!(leased.iter().collect::<BTreeSet<_>>().len(), leased.len());
    let remain = outbox(store).await;
    assert_eq!(remain.len(), CALLERS / 2);
    assert!(deleted.iter().all(|id| !remain.contains(id)));
}

pub async fn a_postponed_mail_is_due_again_when_it_says(store: &Arc<impl UserDatastore>) {
    let (sooner, later) = (mail("ann@example.org"), mail("bob@example.org"));
    push(store, &sooner).await;
    push(store, &later).await;
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 2);
    // One before the end of its lease, one after.
    store.postpone_mail(sooner.id, Some(at(11)), "421 busy").await.unwrap();
    store.postpone_mail(later.id, Some(at(111)), "421 busy").await.unwrap();
    let lease = async |now| {
        let leased = store.lease_mail(now, at(900), 10).await.unwrap();
        leased.iter().map(|leased| (leased.mail.id, leased.attempts)).collect::<Vec<_>>()
    };
    assert_eq!(lease(at(10)).await, []);
    assert_eq!(lease(at(12)).await, [(sooner.id, 2)]);
    assert_eq!(lease(at(110)).await, []);
    assert_eq!(lease(at(112)).await, [(later.id, 2)]);
}

pub async fn a_mail_that_was_given_up_is_never_due(store: &Arc<impl UserDatastore>) {
    let mail = mail("ann@example.org");
    push(store, &mail).await;
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 1);
    store.postpone_mail(mail.id, None, "550 no such mailbox").await.unwrap();
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn settling_an_unknown_mail_is_no_fault(store: &Arc<impl UserDatastore>) {
    let unknown = random_uuid().unwrap();
    assert!(!store.delete_mail(unknown).await.unwrap());
    store.renew_lease(unknown, at(60)).await.unwrap();
    store.postpone_mail(unknown, Some(at(1)), "421 busy").await.unwrap();
    assert_eq!(outbox(store).await, BTreeSet::new());
}

pub async fn mail_that_was_given_up_is_deleted_once_it_is_old(store: &Arc<impl UserDatastore>) {
    let written = |seconds| NewMail { created_at: at(seconds), ..mail("ann@example.org") };
    let (old, edge, young) = (written(0), written(50), written(51));
    for mail in [&old, &edge, &young] {
        push(store, mail).await;
    }
    assert_eq!(store.lease_mail(at(60), at(90), 10).await.unwrap().len(), 3);
    for mail in [&old, &edge, &young] {
        store.postpone_mail(mail.id, None, "550 no such mailbox").await.unwrap();
    }
    let (waiting, being_sent) = (written(0), written(-1));
    push(store, &waiting).await;
    push(store, &being_sent).await;
    assert_eq!(store.lease_mail(at(-1), at(90), 1).await.unwrap().len(), 1);
    assert_eq!(store.delete_dead_mail(at(-5)).await.unwrap(), 0);
    assert_eq!(store.delete_dead_mail(at(50)).await.unwrap(), 2);
    assert_eq!(store.delete_dead_mail(at(50)).await.unwrap(), 0);
    assert_eq!(outbox(store).await, BTreeSet::from([waiting.id, being_sent.id]));
    assert_eq!(store.delete_dead_mail(at(51)).await.unwrap(), 1);
}

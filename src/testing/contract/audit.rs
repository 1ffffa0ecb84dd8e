//! The journal.

use std::sync::Arc;

use crate::crypto::chain::{ChainSealer, Sealed, Vouched};
use crate::crypto::keys::{Keyring, generate_paserk};
use crate::datastore::audit::{AuditEntry, AuditHead, AuditRow};
use crate::datastore::user::UserChange;
use crate::datastore::{AuditStore, StoreConnection, Together, UserDatastore};
use crate::testing::contract::makers::{at, new_user, some_user_id, user};
use crate::testing::contract::run::{CALLERS, all_at_once, count};

section! {
    audit in __contract_audit:
    a_new_journal_is_empty,
    what_is_written_down_is_read_as_it_was_and_in_order,
    rows_are_listed_in_pages,
    a_change_and_its_row_are_committed_together,
    a_change_that_does_not_apply_writes_nothing_down,
    a_change_that_fails_behind_its_row_leaves_none,
    a_row_outlives_its_user,
    parallel_changes_make_one_chain,
    parallel_changes_of_one_user_and_rows_without_a_change_make_one_chain,
}

fn sealer() -> Arc<ChainSealer> {
    Arc::new(
        ChainSealer::new(&Keyring::from_paserk(&[generate_paserk().unwrap()]).unwrap()).unwrap(),
    )
}

fn entry(number: i64) -> AuditEntry {
    AuditEntry {
        at: at(number),
        event: "user_confirmed".to_owned(),
        user_id: (number % 2 == 0).then(some_user_id),
        payload: format!("{{\"number\":{number},\"text\":\"\u{e4}\\\"\\n \"}}"),
    }
}

async fn rows(store: &Arc<impl AuditStore>) -> Vec<AuditRow> {
    store.list_audit(0, 1_000).await.unwrap()
}

/// Asserts that the rows form one chain that ends with the head, sealed with that key.
async fn assert_chained(store: &Arc<impl AuditStore>, sealer: &ChainSealer, expected: usize) {
    let rows = rows(store).await;
    assert_eq!(rows.len(), expected);
    let mut head = AuditHead::empty();
    for row in rows {
        assert_eq!(row, head.next(row.entry.clone(), sealer));
        assert_eq!(row.right_hash(), row.hash);
        let seal = sealer.look_at(Sealed::Row, &row.hash, row.key_id, &row.seal);
        assert_eq!(seal, Vouched::Yes);
        head = row.head(sealer);
    }
    assert_eq!(store.find_audit_head().await.unwrap(), head);
}

pub async fn a_new_journal_is_empty(store: &Arc<impl UserDatastore + AuditStore>) {
    assert_eq!(rows(store).await, []);
    assert_eq!(store.find_audit_head().await.unwrap(), AuditHead::empty());
}

pub async fn what_is_written_down_is_read_as_it_was_and_in_order(
    store: &Arc<impl UserDatastore + AuditStore>,
) {
    let (sealer, entries) = (sealer(), (1..=5).map(entry).collect::<Vec<_>>());
    store.append_audit(entries[..3].to_vec(), &sealer).await.unwrap();
    store.append_audit(Vec::new(), &sealer).await.unwrap();
    store.append_audit(entries[3..].to_vec(), &sealer).await.unwrap();
    let read: Vec<AuditEntry> = rows(store).await.into_iter().map(|row| row.entry).collect();
    assert_eq!(read, entries);
    assert_chained(store, &sealer, 5).await;
}

pub async fn rows_are_listed_in_pages(store: &Arc<impl UserDatastore + AuditStore>) {
    store.append_audit((1..=5).map(entry).collect(), &sealer()).await.unwrap();
    let mut numbers = Vec::new();
    for (after, limit) in [(0, 2), (2, 2), (4, 2), (5, 2)] {
        let page = store.list_audit(after, limit).await.unwrap();
        numbers.push(page.iter().map(|row| row.sequence).collect::<Vec<_>>());
    }
    assert_eq!(numbers, [vec![1, 2], vec![3, 4], vec![5], vec![]]);
}

pub async fn a_change_and_its_row_are_committed_together(
    store: &Arc<impl UserDatastore + AuditStore>,
) {
    let sealer = sealer();
    let ann = new_user("ann@example.org");
    let along = |number| store.audit_along(vec![entry(number)], &sealer);
    assert!(store.create_user(&ann, &along(1)).await.unwrap().is_ok());
    let off = UserChange::active(false);
    assert!(store.update_user(ann.id, &off, &along(2)).await.unwrap().is_some());
    assert!(store.delete_user(ann.id, &along(3)).await.unwrap());
    assert_chained(store, &sealer, 3).await;
}

pub async fn a_change_that_does_not_apply_writes_nothing_down(
    store: &Arc<impl UserDatastore + AuditStore>,
) {
    let along = store.audit_along(vec![entry(1)], &sealer());
    user(store, "ann@example.org").await;
    assert!(store.create_user(&new_user("ann@example.org"), &along).await.unwrap().is_err());
    assert!(!store.delete_user(some_user_id(), &along).await.unwrap());
    assert_eq!(rows(store).await, []);
    assert_eq!(store.find_audit_head().await.unwrap(), AuditHead::empty());
}

pub async fn a_change_that_fails_behind_its_row_leaves_none(
    store: &Arc<impl UserDatastore + AuditStore>,
) {
    struct Foreign;

    impl StoreConnection for Foreign {}
    let sealer = sealer();
    let along = store
        .audit_along(vec![entry(1)], &sealer)
        .and_last(|_: &mut Foreign| Box::pin(async { unreachable!("nobody has it") }));
    let ann = new_user("ann@example.org");
    assert!(store.create_user(&ann, &along).await.is_err());
    assert_eq!(store.find_user(ann.id).await.unwrap(), None);
    assert_chained(store, &sealer, 0).await;
}

pub async fn a_row_outlives_its_user(store: &Arc<impl UserDatastore + AuditStore>) {
    let (sealer, ann) = (sealer(), user(store, "ann@example.org").await);
    let entry = AuditEntry { user_id: Some(ann.id), ..entry(1) };
    store.append_audit(vec![entry], &sealer).await.unwrap();
    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert_eq!(rows(store).await[0].entry.user_id, Some(ann.id));
    assert_chained(store, &sealer, 1).await;
}

pub async fn parallel_changes_make_one_chain(store: &Arc<impl UserDatastore + AuditStore>) {
    let sealer = sealer();
    let made = all_at_once(store, CALLERS, |store, number| {
        let sealer = Arc::clone(&sealer);
        async move {
            let entry = entry(i64::try_from(number).unwrap());
            let along = store.audit_along(vec![entry], &sealer);
            let user = new_user(&format!("user{number}@example.org"));
            store.create_user(&user, &along).await.unwrap().is_ok()
        }
    })
    .await;
    assert_eq!(count(&made, &true), CALLERS);
    assert_chained(store, &sealer, CALLERS).await;
}

pub async fn parallel_changes_of_one_user_and_rows_without_a_change_make_one_chain(
    store: &Arc<impl UserDatastore + AuditStore>,
) {
    let (sealer, id) = (sealer(), user(store, "ann@example.org").await.id);
    all_at_once(store, CALLERS, |store, number| {
        let sealer = Arc::clone(&sealer);
        async move {
            let entry = entry(i64::try_from(number).unwrap());
            if number % 2 == 0 {
                store.append_audit(vec![entry], &sealer).await.unwrap();
            } else {
                let along = store.audit_along(vec![entry], &sealer);
                let change = UserChange::active(number % 4 == 1);
                assert!(store.update_user(id, &change, &along).await.unwrap().is_some());
            }
        }
    })
    .await;
    assert_chained(store, &sealer, CALLERS).await;
}

//! What every datastore must do: the contracts of the capability traits, a test a sentence.
//!
//! The suite knows a store by its public traits only. What it cannot bring about through them, such
//! as a change of address, it does not test.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use chrono::TimeDelta;
use rocket::tokio::runtime::Builder;
use rocket::tokio::spawn;
use rocket::tokio::sync::Barrier;
use rocket_security::clock::Timestamp;
use rocket_security::config::Span;
use rocket_security::crypto::hasher::PasswordHash;
use rocket_security::crypto::one_time::Digest;
use rocket_security::crypto::one_time::Token;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::MemoryDatastore;
use rocket_security::datastore::SqlxDatastore;
use rocket_security::datastore::Together;
use rocket_security::datastore::TrackStore;
use rocket_security::datastore::UserDatastore;
use rocket_security::datastore::attempt::BackOff;
use rocket_security::datastore::attempt::Charge;
use rocket_security::datastore::one_time::OneTimeToken;
use rocket_security::datastore::outbox::NewLink;
use rocket_security::datastore::outbox::NewMail;
use rocket_security::datastore::session::SessionRecord;
use rocket_security::datastore::track::Track;
use rocket_security::datastore::user::NewUser;
use rocket_security::datastore::user::UserChange;
use rocket_security::user::Email;
use rocket_security::user::Identity;
use rocket_security::user::RoleName;
use rocket_security::user::User;
use rocket_security::user::UserId;
use uuid::Uuid;

/// Makes each sentence a test of each store.
macro_rules! every_store {
    ($($sentence:ident,)+) => {
        mod memory {
            $(
                #[test]
                fn $sentence() {
                    super::run(async {
                        let store = super::Arc::new(super::MemoryDatastore::new());
                        super::$sentence(&store).await;
                    });
                }
            )+
        }

        mod sqlite {
            $(
                #[test]
                fn $sentence() {
                    super::run(async {
                        let directory = tempfile::tempdir().unwrap();
                        let store = super::Arc::new(super::sqlite_in(directory.path()).await);
                        super::$sentence(&store).await;
                    });
                }
            )+
        }
    };
}

every_store! {
    // Users
    a_user_is_found_as_made,
    a_user_without_password_and_confirmation_is_found_as_made,
    an_unknown_user_is_not_found,
    a_user_is_found_by_any_spelling_of_the_address_and_keeps_their_own,
    users_are_listed_in_the_order_of_their_ids_page_by_page,
    a_second_user_of_one_address_is_refused_whatever_the_spelling,
    of_parallel_registrations_of_one_address_one_wins,
    what_cannot_be_committed_together_changes_nothing,

    // Changes of users
    a_change_sets_what_it_names_and_leaves_the_rest,
    a_change_raises_the_epoch_once_for_each_caller,
    a_change_ends_all_sessions_and_tokens_of_its_user_and_of_nobody_else,
    a_change_sends_its_mail,
    a_change_of_nobody_gives_none_and_sends_nothing,
    a_change_for_the_unconfirmed_leaves_the_confirmed_alone,
    of_parallel_first_confirmations_one_wins,
    a_contested_user_loses_the_password_and_keeps_the_links,
    a_confirmed_user_cannot_be_contested,
    nobody_cannot_be_contested,
    a_better_hash_replaces_the_old_and_changes_nothing_else,
    a_hash_that_is_not_there_any_more_is_not_replaced,
    of_parallel_replacements_of_one_hash_one_wins,
    a_deleted_user_takes_everything_along,
    the_address_of_a_deleted_user_is_free,
    a_deletion_sends_its_mail,
    a_deletion_of_nobody_sends_nothing,
    of_parallel_deletions_one_wins,

    // Roles
    a_role_is_made_once_and_keeps_its_description,
    role_names_are_compared_byte_for_byte,
    roles_are_listed_by_name,
    a_granted_role_is_seen_wherever_its_user_is_found,
    giving_a_role_twice_is_giving_it_once,
    what_is_unknown_is_not_granted,
    a_role_is_revoked_once,

    // Sessions
    a_session_is_found_as_begun,
    a_session_of_an_unknown_client_is_found_as_begun,
    an_unknown_session_is_not_found,
    no_session_begins_for_a_user_who_is_gone,
    no_session_begins_for_a_user_who_is_switched_off,
    no_session_begins_in_another_epoch,
    no_session_outlives_a_change_that_was_under_way_with_it,
    the_oldest_session_beyond_the_maximum_ends,
    a_session_just_begun_is_never_the_one_that_ends,
    of_parallel_sessions_the_maximum_remains,
    a_use_is_noted_unless_one_was_noted_since,
    a_use_of_an_unknown_session_is_no_fault,
    a_session_ends_once_and_alone,
    ended_sessions_are_swept,

    // One-time tokens
    a_token_is_found_as_made_however_often,
    a_token_without_a_password_is_found_as_made,
    a_token_serves_no_other_purpose,
    a_token_may_be_used_until_it_expires,
    a_token_for_another_address_is_refused,
    a_token_for_a_user_who_is_gone_is_refused,
    a_token_replaces_the_one_of_the_same_mail_only,
    of_parallel_tokens_of_one_mail_one_remains,
    a_consumed_token_applies_its_change_and_takes_everything_older_along,
    a_token_is_consumed_once,
    an_unknown_token_consumes_nothing,
    a_token_whose_change_does_not_apply_consumes_nothing,
    of_parallel_uses_of_one_token_one_wins,
    expired_tokens_are_swept,

    // The outbox
    a_mail_is_handed_out_as_written,
    a_mail_without_user_and_link_is_handed_out_as_written,
    a_mail_is_hidden_while_it_is_leased,
    a_renewed_lease_hides_its_mail_for_longer,
    a_lease_that_is_over_is_not_renewed,
    no_more_mail_is_handed_out_than_asked_for,
    of_parallel_workers_one_gets_a_mail,
    a_delivered_mail_is_gone,
    a_postponed_mail_is_due_again_when_it_says,
    a_mail_that_was_given_up_is_never_due,
    settling_an_unknown_mail_is_no_fault,

    // Attempts
    attempts_are_delayed_from_the_number_given,
    the_first_attempt_can_be_the_one_that_is_followed_by_a_delay,
    delays_double_up_to_the_longest,
    an_attempt_while_blocked_is_not_counted,
    an_attempt_without_delay_blocks_no_caller_whose_clock_is_behind,
    of_parallel_attempts_no_more_than_may_be_made_are,
    of_parallel_attempts_after_a_delay_one_is_made,
    cleared_attempts_are_forgotten,
    keys_are_charged_apart,
    events_are_counted_from_the_first_until_the_window_ends,
    of_parallel_events_the_limit_is_let_through,
    a_limit_of_none_lets_nothing_through,
    old_attempts_are_swept,
    an_attempt_that_still_blocks_is_not_swept,

    // Logins
    a_first_login_is_current_and_has_no_last,
    a_further_login_makes_the_current_one_the_last,
    nothing_is_known_of_who_never_logged_in,
    a_login_of_nobody_is_not_kept,
    parallel_logins_are_all_counted,
}

// Users

async fn a_user_is_found_as_made(store: &Arc<impl Store>) {
    let new = NewUser { confirmed_at: Some(at(-5)), ..new_user("Ann@Example.org") };
    let made = store.create_user(&new, &Together::nothing()).await.unwrap().unwrap();
    let mut expected = User::new(new.id, email("Ann@Example.org"), at(0));
    expected.confirmed_at = Some(at(-5));
    assert_eq!(made, expected);
    assert_eq!(store.find_user(new.id).await.unwrap(), Some(expected.clone()));
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (expected, Some(hash("first"))));
}

async fn a_user_without_password_and_confirmation_is_found_as_made(store: &Arc<impl Store>) {
    let new = NewUser { password_hash: None, ..new_user("ann@example.org") };
    let made = store.create_user(&new, &Together::nothing()).await.unwrap().unwrap();
    assert_eq!(made, User::new(new.id, email("ann@example.org"), at(0)));
    assert_eq!(find(store, "ann@example.org").await.unwrap(), (made, None));
}

async fn an_unknown_user_is_not_found(store: &Arc<impl Store>) {
    user(store, "ann@example.org").await;
    assert_eq!(store.find_user(some_user_id()).await.unwrap(), None);
    assert_eq!(find(store, "bob@example.org").await, None);
}

async fn a_user_is_found_by_any_spelling_of_the_address_and_keeps_their_own(
    store: &Arc<impl Store>,
) {
    user(store, "Ann@Example.org").await;
    for spelling in ["ann@example.org", "ANN@EXAMPLE.ORG", "Ann@Example.org"] {
        let (found, _) = find(store, spelling).await.unwrap();
        assert_eq!(found.email.as_str(), "Ann@Example.org");
    }
}

async fn users_are_listed_in_the_order_of_their_ids_page_by_page(store: &Arc<impl Store>) {
    for role in ["a", "b", "c"] {
        store.create_role(&role_name(role), "").await.unwrap();
    }
    let mut ids = Vec::new();
    for number in 0..5 {
        let made = user(store, &format!("user{number}@example.org")).await;
        for role in ["a", "b", "c"] {
            store.grant_role(made.id, &role_name(role)).await.unwrap();
        }
        ids.push(made.id);
    }
    ids.sort();
    let page = async |after, limit| -> Vec<UserId> {
        let users = store.list_users(after, limit).await.unwrap();
        users.iter().map(|user| user.id).collect()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..4]);
    assert_eq!(page(Some(ids[3]), 2).await, ids[4..]);
    assert_eq!(page(Some(ids[4]), 2).await, []);
    assert_eq!(page(None, 100).await, ids);
}

async fn a_second_user_of_one_address_is_refused_whatever_the_spelling(store: &Arc<impl Store>) {
    let first = user(store, "ann@example.org").await;
    let second = new_user("ANN@example.org");
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert_eq!(store.create_user(&second, &together).await.unwrap(), None);
    assert_eq!(store.find_user(second.id).await.unwrap(), None);
    assert_eq!(find(store, "ann@example.org").await.unwrap().0, first);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

async fn of_parallel_registrations_of_one_address_one_wins(store: &Arc<impl Store>) {
    let answers = all_at_once(store, CALLERS, |store, number| async move {
        let spelling = if number % 2 == 0 { "ann@example.org" } else { "Ann@example.org" };
        let new = new_user(spelling);
        let mail = NewMail { user_id: Some(new.id), ..mail(spelling) };
        let together = Together::mail(vec![mail.clone()]);
        let made = store.create_user(&new, &together).await.unwrap();
        made.map(|made| (made.id, mail.id))
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    let [(winner, mail)] = winners[..] else {
        unreachable!("{} callers won", winners.len());
    };
    assert_eq!(find(store, "ann@example.org").await.unwrap().0.id, winner);
    assert_eq!(store.list_users(None, 100).await.unwrap().len(), 1);
    assert_eq!(outbox(store).await, BTreeSet::from([mail]));
}

async fn what_cannot_be_committed_together_changes_nothing(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    let twice = mail("ann@example.org");
    let together = Together::mail(vec![twice.clone(), twice]);
    let change = UserChange::active(false);

    let bob = new_user("bob@example.org");
    assert!(store.create_user(&bob, &together).await.is_err());
    assert!(store.update_user(ann.id, &change, &together).await.is_err());
    assert!(store.contest_user(ann.id, &together).await.is_err());
    assert!(store.delete_user(ann.id, &together).await.is_err());
    let consumed = store.consume_token(&token.digest, "confirm", at(1), &change, &together).await;
    assert!(consumed.is_err());

    assert_eq!(find(store, "bob@example.org").await, None);
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann.clone(), Some(hash("first"))));
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

// Changes of users

async fn a_change_sets_what_it_names_and_leaves_the_rest(store: &Arc<impl Store>) {
    let mut expected = user(store, "Ann@example.org").await;
    let mut password_hash = Some(hash("first"));
    let changes = [
        change(|_| ()),
        change(|it| it.active = Some(false)),
        change(|it| it.confirmed_at = Some(at(7))),
        change(|it| it.password_hash = Some(Some(hash("second")))),
        change(|it| it.password_hash = Some(None)),
        change(|it| it.active = Some(true)),
    ];
    for change in changes {
        expected.epoch += 1;
        expected.active = change.active.unwrap_or(expected.active);
        expected.confirmed_at = change.confirmed_at.or(expected.confirmed_at);
        password_hash = change.password_hash.clone().unwrap_or(password_hash);
        let changed = store.update_user(expected.id, &change, &Together::nothing()).await.unwrap();
        assert_eq!(changed, Some(expected.clone()), "{change:?}");
        let found = find(store, "ann@example.org").await.unwrap();
        assert_eq!(found, (expected.clone(), password_hash.clone()), "{change:?}");
        assert_eq!(found.0.email.as_str(), "Ann@example.org");
    }
}

async fn a_change_raises_the_epoch_once_for_each_caller(store: &Arc<impl Store>) {
    let id = user(store, "ann@example.org").await.id;
    let epochs = all_at_once(store, CALLERS, move |store, _| async move {
        let change = UserChange::active(true);
        store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap().epoch
    })
    .await;
    assert_eq!(BTreeSet::from_iter(epochs), BTreeSet::from_iter(1..=32));
}

async fn a_change_ends_all_sessions_and_tokens_of_its_user_and_of_nobody_else(
    store: &Arc<impl Store>,
) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let sessions = [session_of(&ann), session_of(&ann), session_of(&bob)];
    let tokens = [token_of(&ann), token_of(&ann), token_of(&bob)];
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

async fn a_change_sends_its_mail(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let mail = NewMail { user_id: Some(ann.id), ..mail("ann@example.org") };
    let together = Together::mail(vec![mail.clone()]);
    store.update_user(ann.id, &UserChange::active(true), &together).await.unwrap().unwrap();
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

async fn a_change_of_nobody_gives_none_and_sends_nothing(store: &Arc<impl Store>) {
    let together = Together::mail(vec![mail("ann@example.org")]);
    let change = UserChange::active(true);
    assert_eq!(store.update_user(some_user_id(), &change, &together).await.unwrap(), None);
    assert_eq!(outbox(store).await, BTreeSet::new());
}

async fn a_change_for_the_unconfirmed_leaves_the_confirmed_alone(store: &Arc<impl Store>) {
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

async fn of_parallel_first_confirmations_one_wins(store: &Arc<impl Store>) {
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

async fn a_contested_user_loses_the_password_and_keeps_the_links(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    let mail = mail("ann@example.org");
    let together = Together::mail(vec![mail.clone()]);
    assert!(store.contest_user(ann.id, &together).await.unwrap());
    let (found, password_hash) = find(store, "ann@example.org").await.unwrap();
    assert_eq!((found.confirmed_at, password_hash), (None, None));
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

async fn a_confirmed_user_cannot_be_contested(store: &Arc<impl Store>) {
    let ann = confirmed_user(store, "ann@example.org").await;
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert!(!store.contest_user(ann.id, &together).await.unwrap());
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann, Some(hash("first"))));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

async fn nobody_cannot_be_contested(store: &Arc<impl Store>) {
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert!(!store.contest_user(some_user_id(), &together).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::new());
}

async fn a_better_hash_replaces_the_old_and_changes_nothing_else(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let (session, token) = (session_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    let (old, new) = (hash("first"), hash("better"));
    assert!(store.replace_password_hash(ann.id, &old, &new).await.unwrap());
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found, (ann.clone(), Some(new)));
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
    assert_eq!(find_token(store, &token).await, Some(token));
}

async fn a_hash_that_is_not_there_any_more_is_not_replaced(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let new = hash("better");
    for gone in ["second", "First", "first "] {
        assert!(!store.replace_password_hash(ann.id, &hash(gone), &new).await.unwrap());
    }
    let nobody = some_user_id();
    assert!(!store.replace_password_hash(nobody, &hash("first"), &new).await.unwrap());
    assert_eq!(find(store, "ann@example.org").await.unwrap().1, Some(hash("first")));
    assert!(store.contest_user(ann.id, &Together::nothing()).await.unwrap());
    assert!(!store.replace_password_hash(ann.id, &hash("first"), &new).await.unwrap());
    assert_eq!(find(store, "ann@example.org").await.unwrap().1, None);
}

async fn of_parallel_replacements_of_one_hash_one_wins(store: &Arc<impl Store>) {
    let id = user(store, "ann@example.org").await.id;
    let answers = all_at_once(store, CALLERS, move |store, number| async move {
        let new = hash(&number.to_string());
        let replaced = store.replace_password_hash(id, &hash("first"), &new).await.unwrap();
        replaced.then_some(new)
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    let (_, password_hash) = find(store, "ann@example.org").await.unwrap();
    assert_eq!(password_hash, winners.first().cloned());
}

async fn a_deleted_user_takes_everything_along(store: &Arc<impl Store>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let admin = role_name("admin");
    store.create_role(&admin, "").await.unwrap();
    let mut kept = Vec::new();
    for user in [&ann, &bob] {
        let (session, token) = (session_of(user), token_of(user));
        let mail = NewMail { user_id: Some(user.id), ..mail(user.email.as_str()) };
        begin(store, &session).await;
        create(store, &token).await;
        store.push_mail(&mail).await.unwrap();
        store.record_login(user.id, at(1), None).await.unwrap();
        assert!(store.grant_role(user.id, &admin).await.unwrap());
        kept.push((user.id, session, token, mail.id));
    }

    assert!(store.delete_user(ann.id, &Together::nothing()).await.unwrap());
    assert!(!store.delete_user(ann.id, &Together::nothing()).await.unwrap());

    assert_eq!(find(store, "ann@example.org").await, None);
    let listed = store.list_users(None, 100).await.unwrap();
    assert_eq!(listed.iter().map(|user| user.id).collect::<Vec<_>>(), [bob.id]);
    let mails = outbox(store).await;
    for (id, session, token, mail) in kept {
        let is_bobs = id == bob.id;
        assert_eq!(store.find_user(id).await.unwrap().is_some(), is_bobs);
        assert_eq!(find_session(store, &session).await.is_some(), is_bobs);
        assert_eq!(find_token(store, &token).await.is_some(), is_bobs);
        assert_eq!(mails.contains(&mail), is_bobs);
        assert_eq!(store.find_track(id).await.unwrap().is_some(), is_bobs);
        assert_eq!(store.revoke_role(id, &admin).await.unwrap(), is_bobs);
    }
}

async fn the_address_of_a_deleted_user_is_free(store: &Arc<impl Store>) {
    let first = user(store, "ann@example.org").await;
    let token = token_of(&first);
    create(store, &token).await;
    store.delete_user(first.id, &Together::nothing()).await.unwrap();
    let second = user(store, "Ann@example.org").await;
    let found = find(store, "ann@example.org").await.unwrap();
    assert_eq!(found.0, second);
    assert_eq!(find_token(store, &token).await, None);
}

async fn a_deletion_sends_its_mail(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let mail = mail("ann@example.org");
    let together = Together::mail(vec![mail.clone()]);
    assert!(store.delete_user(ann.id, &together).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::from([mail.id]));
}

async fn a_deletion_of_nobody_sends_nothing(store: &Arc<impl Store>) {
    let together = Together::mail(vec![mail("ann@example.org")]);
    assert!(!store.delete_user(some_user_id(), &together).await.unwrap());
    assert_eq!(outbox(store).await, BTreeSet::new());
}

async fn of_parallel_deletions_one_wins(store: &Arc<impl Store>) {
    let id = user(store, "ann@example.org").await.id;
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.delete_user(id, &Together::nothing()).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
}

// Roles

async fn a_role_is_made_once_and_keeps_its_description(store: &Arc<impl Store>) {
    let admin = role_name("admin");
    assert!(store.create_role(&admin, "Darf alles: \u{e4}ndern, l\u{f6}schen.").await.unwrap());
    assert!(!store.create_role(&admin, "another").await.unwrap());
    let roles = store.list_roles().await.unwrap();
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].name, admin);
    assert_eq!(roles[0].description, "Darf alles: \u{e4}ndern, l\u{f6}schen.");
}

async fn role_names_are_compared_byte_for_byte(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let (lower, upper) = (role_name("admin"), role_name("Admin"));
    assert!(store.create_role(&lower, "").await.unwrap());
    assert!(!store.grant_role(ann.id, &upper).await.unwrap());
    assert!(store.create_role(&upper, "").await.unwrap());
    assert!(store.grant_role(ann.id, &lower).await.unwrap());
    assert!(!store.revoke_role(ann.id, &upper).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().roles, [lower]);
}

async fn roles_are_listed_by_name(store: &Arc<impl Store>) {
    for name in ["b", "a", "Z", "a-b", "aa"] {
        assert!(store.create_role(&role_name(name), "").await.unwrap());
    }
    let roles = store.list_roles().await.unwrap();
    let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["Z", "a", "a-b", "aa", "b"]);
}

async fn a_granted_role_is_seen_wherever_its_user_is_found(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let session = session_of(&ann);
    begin(store, &session).await;
    let roles = [role_name("Zoo"), role_name("admin"), role_name("editor")];
    for role in roles.iter().rev() {
        store.create_role(role, "").await.unwrap();
        assert!(store.grant_role(ann.id, role).await.unwrap());
    }
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().roles, roles);
    assert_eq!(find(store, "ann@example.org").await.unwrap().0.roles, roles);
    assert_eq!(store.list_users(None, 1).await.unwrap()[0].roles, roles);
    assert_eq!(find_session(store, &session).await.unwrap().1.roles, roles);
    let change = UserChange::active(true);
    let changed = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap();
    assert_eq!(changed.unwrap().roles, roles);
}

async fn giving_a_role_twice_is_giving_it_once(store: &Arc<impl Store>) {
    let id = user(store, "ann@example.org").await.id;
    let admin = role_name("admin");
    store.create_role(&admin, "").await.unwrap();
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.grant_role(id, &role_name("admin")).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), CALLERS);
    assert_eq!(store.find_user(id).await.unwrap().unwrap().roles, [admin]);
}

async fn what_is_unknown_is_not_granted(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let admin = role_name("admin");
    assert!(!store.grant_role(ann.id, &admin).await.unwrap());
    store.create_role(&admin, "").await.unwrap();
    assert!(!store.grant_role(some_user_id(), &admin).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann));
}

async fn a_role_is_revoked_once(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let (admin, editor) = (role_name("admin"), role_name("editor"));
    for role in [&admin, &editor] {
        store.create_role(role, "").await.unwrap();
        store.grant_role(ann.id, role).await.unwrap();
    }
    assert!(store.revoke_role(ann.id, &admin).await.unwrap());
    assert!(!store.revoke_role(ann.id, &admin).await.unwrap());
    assert!(!store.revoke_role(ann.id, &role_name("unknown")).await.unwrap());
    assert!(!store.revoke_role(some_user_id(), &editor).await.unwrap());
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().roles, [editor]);
}

// Sessions

async fn a_session_is_found_as_begun(store: &Arc<impl Store>) {
    let ann = user(store, "Ann@example.org").await;
    for client in ["2001:db8::7", "::ffff:192.0.2.7", "192.0.2.7"] {
        let session = SessionRecord {
            authn_via: "password".to_owned(),
            client: Some(ip(client)),
            user_agent: Some("\u{1f980}".repeat(255)),
            created_at: at(1) + TimeDelta::microseconds(1),
            authenticated_at: at(2) + TimeDelta::milliseconds(2),
            last_seen_at: at(3),
            ..session_of(&ann)
        };
        assert!(store.begin_session(&session, 20).await.unwrap());
        assert_eq!(find_session(store, &session).await, Some((session, ann.clone())));
    }
}

async fn a_session_of_an_unknown_client_is_found_as_begun(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let session = SessionRecord { client: None, user_agent: None, ..session_of(&ann) };
    assert!(store.begin_session(&session, 20).await.unwrap());
    assert_eq!(find_session(store, &session).await, Some((session, ann)));
}

async fn an_unknown_session_is_not_found(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    begin(store, &session_of(&ann)).await;
    assert_eq!(store.find_session(&digest()).await.unwrap(), None);
}

async fn no_session_begins_for_a_user_who_is_gone(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    store.delete_user(ann.id, &Together::nothing()).await.unwrap();
    assert_refused(store, &session_of(&ann)).await;
}

async fn no_session_begins_for_a_user_who_is_switched_off(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let change = UserChange::active(false);
    let ann = store.update_user(ann.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_refused(store, &session_of(&ann)).await;
}

async fn no_session_begins_in_another_epoch(store: &Arc<impl Store>) {
    let before = user(store, "ann@example.org").await;
    let change = UserChange::active(true);
    let ann = store.update_user(before.id, &change, &Together::nothing()).await.unwrap().unwrap();
    assert_refused(store, &session_of(&before)).await;
    assert_refused(store, &SessionRecord { epoch: 2, ..session_of(&ann) }).await;
    begin(store, &session_of(&ann)).await;
}

async fn no_session_outlives_a_change_that_was_under_way_with_it(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let sessions: Vec<_> = (0..CALLERS).map(|_| session_of(&ann)).collect();
    let begun = sessions.clone();
    let changes = CALLERS / 2;
    all_at_once(store, CALLERS, move |store, number| {
        let session = begun[number].clone();
        async move {
            if number == changes {
                let (id, change) = (session.user_id, UserChange::active(true));
                store.update_user(id, &change, &Together::nothing()).await.unwrap().unwrap();
            } else {
                store.begin_session(&session, 100).await.unwrap();
            }
        }
    })
    .await;
    for session in sessions {
        assert_eq!(find_session(store, &session).await, None);
    }
}

async fn the_oldest_session_beyond_the_maximum_ends(store: &Arc<impl Store>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let oldest = SessionRecord { created_at: at(0), ..session_of(&bob) };
    begin(store, &oldest).await;
    let began_at = |created_at| SessionRecord { created_at, ..session_of(&ann) };
    let micro = TimeDelta::microseconds(1);
    // Not in the order of their times, and two as close together as times can be.
    let sessions = [began_at(at(2)), began_at(at(1)), began_at(at(1) + micro)];
    for session in &sessions {
        assert!(store.begin_session(session, 2).await.unwrap());
    }
    let mut remain = Vec::new();
    for session in &sessions {
        remain.push(find_session(store, session).await.is_some());
    }
    assert_eq!(remain, [true, false, true]);
    assert!(find_session(store, &oldest).await.is_some());
}

async fn a_session_just_begun_is_never_the_one_that_ends(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    // Another instance's clock is ahead.
    let ahead = SessionRecord { created_at: at(100), ..session_of(&ann) };
    begin(store, &ahead).await;
    let mine = SessionRecord { created_at: at(1), ..session_of(&ann) };
    assert!(store.begin_session(&mine, 1).await.unwrap());
    assert!(find_session(store, &mine).await.is_some());
    assert!(find_session(store, &ahead).await.is_none());
}

async fn of_parallel_sessions_the_maximum_remains(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let sessions: Vec<_> = (0..40).map(|_| session_of(&ann)).collect();
    let begun = sessions.clone();
    let answers = all_at_once(store, 40, move |store, number| {
        let session = begun[number].clone();
        async move { store.begin_session(&session, 20).await.unwrap() }
    })
    .await;
    assert_eq!(count(&answers, &true), 40);
    let mut remain = 0;
    for session in &sessions {
        remain += usize::from(find_session(store, session).await.is_some());
    }
    assert_eq!(remain, 20);
}

async fn a_use_is_noted_unless_one_was_noted_since(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let micro = TimeDelta::microseconds(1);
    let session = SessionRecord { last_seen_at: at(60), ..session_of(&ann) };
    begin(store, &session).await;
    let touch = async |now, unless_since| {
        store.touch_session(&session.digest, now, unless_since).await.unwrap();
        find_session(store, &session).await.unwrap().0
    };
    assert_eq!(touch(at(90), at(60) - micro).await, session);
    let seen = SessionRecord { last_seen_at: at(121), ..session.clone() };
    assert_eq!(touch(at(121), at(60) + micro).await, seen);
}

async fn a_use_of_an_unknown_session_is_no_fault(store: &Arc<impl Store>) {
    let unknown = digest();
    store.touch_session(&unknown, at(1), at(0)).await.unwrap();
    assert_eq!(store.find_session(&unknown).await.unwrap(), None);
}

async fn a_session_ends_once_and_alone(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let (ended, other) = (session_of(&ann), session_of(&ann));
    begin(store, &ended).await;
    begin(store, &other).await;
    let digest = ended.digest;
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.end_session(&digest).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &true), 1);
    assert_eq!(find_session(store, &ended).await, None);
    assert!(find_session(store, &other).await.is_some());
}

async fn ended_sessions_are_swept(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let (before, after) = (TimeDelta::microseconds(-1), TimeDelta::microseconds(1));
    let (idle, begun) = (at(2_000), at(1_000));
    let with =
        |last_seen_at, created_at| SessionRecord { last_seen_at, created_at, ..session_of(&ann) };
    let is_idle = with(idle + before, begun + after);
    let is_old = with(idle + after, begun + before);
    let lives = with(idle + after, begun + after);
    for session in [&is_idle, &is_old, &lives] {
        begin(store, session).await;
    }
    assert_eq!(store.delete_ended_sessions(idle, begun).await.unwrap(), 2);
    assert_eq!(store.delete_ended_sessions(idle, begun).await.unwrap(), 0);
    assert_eq!(find_session(store, &is_idle).await, None);
    assert_eq!(find_session(store, &is_old).await, None);
    assert!(find_session(store, &lives).await.is_some());
}

// One-time tokens

async fn a_token_is_found_as_made_however_often(store: &Arc<impl Store>) {
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

async fn a_token_without_a_password_is_found_as_made(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    assert_eq!(find_token(store, &token).await, Some(token));
}

async fn a_token_serves_no_other_purpose(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    for purpose in ["reset", "Confirm", "confirm ", ""] {
        let found = store.find_token(&token.digest, purpose, at(1)).await.unwrap();
        assert_eq!(found, None, "{purpose:?}");
        assert_eq!(consume(store, &token.digest, purpose, at(1)).await, None, "{purpose:?}");
    }
    assert_eq!(outbox(store).await, BTreeSet::new());
    assert!(consume(store, &token.digest, "confirm", at(1)).await.is_some());
}

async fn a_token_may_be_used_until_it_expires(store: &Arc<impl Store>) {
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

async fn a_token_for_another_address_is_refused(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    user(store, "bob@example.org").await;
    for address in ["ann@example.net", "bob@example.org"] {
        let token = OneTimeToken { address: address.to_owned(), ..token_of(&ann) };
        assert!(!store.create_token(&token).await.unwrap());
        assert_eq!(find_token(store, &token).await, None);
        assert_eq!(consume(store, &token.digest, "confirm", at(1)).await, None);
    }
}

async fn a_token_for_a_user_who_is_gone_is_refused(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    store.delete_user(ann.id, &Together::nothing()).await.unwrap();
    let token = token_of(&ann);
    assert!(!store.create_token(&token).await.unwrap());
    assert_eq!(find_token(store, &token).await, None);
}

async fn a_token_replaces_the_one_of_the_same_mail_only(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let (first, other) = (token_of(&ann), token_of(&ann));
    let second = OneTimeToken { mail_id: first.mail_id, ..token_of(&ann) };
    for token in [&first, &other, &second] {
        create(store, token).await;
    }
    assert_eq!(find_token(store, &first).await, None);
    assert_eq!(find_token(store, &second).await, Some(second));
    assert_eq!(find_token(store, &other).await, Some(other));
}

async fn of_parallel_tokens_of_one_mail_one_remains(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let mail_id = random_uuid().unwrap();
    let new_token = |_| OneTimeToken { mail_id, ..token_of(&ann) };
    let tokens: Vec<_> = (0..CALLERS).map(new_token).collect();
    let created = tokens.clone();
    all_at_once(store, CALLERS, move |store, number| {
        let token = created[number].clone();
        async move { assert!(store.create_token(&token).await.unwrap()) }
    })
    .await;
    let mut remain = 0;
    for token in &tokens {
        remain += usize::from(find_token(store, token).await.is_some());
    }
    assert_eq!(remain, 1);
}

async fn a_consumed_token_applies_its_change_and_takes_everything_older_along(
    store: &Arc<impl Store>,
) {
    let ann = user(store, "ann@example.org").await;
    let (session, token, older) = (session_of(&ann), token_of(&ann), token_of(&ann));
    begin(store, &session).await;
    create(store, &token).await;
    create(store, &older).await;
    let mail = NewMail { user_id: Some(ann.id), ..mail("ann@example.org") };
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

async fn a_token_is_consumed_once(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    assert!(consume(store, &token.digest, "confirm", at(1)).await.is_some());
    assert_eq!(consume(store, &token.digest, "confirm", at(1)).await, None);
    assert_eq!(store.find_user(ann.id).await.unwrap().unwrap().epoch, 1);
    assert_eq!(outbox(store).await.len(), 1);
}

async fn an_unknown_token_consumes_nothing(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let token = token_of(&ann);
    create(store, &token).await;
    assert_eq!(consume(store, &digest(), "confirm", at(1)).await, None);
    assert_eq!(store.find_user(ann.id).await.unwrap(), Some(ann));
    assert_eq!(find_token(store, &token).await, Some(token));
    assert_eq!(outbox(store).await, BTreeSet::new());
}

async fn a_token_whose_change_does_not_apply_consumes_nothing(store: &Arc<impl Store>) {
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

async fn of_parallel_uses_of_one_token_one_wins(store: &Arc<impl Store>) {
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

async fn expired_tokens_are_swept(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let now = at(3_600);
    let until = |expires_at| OneTimeToken { expires_at, ..token_of(&ann) };
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

// The outbox

async fn a_mail_is_handed_out_as_written(store: &Arc<impl Store>) {
    let ann = user(store, "Ann@example.org").await;
    for hours in [120, 1] {
        let link = NewLink { purpose: "confirm".to_owned(), lifetime: Span::hours(hours) };
        let written = NewMail {
            template: "confirmation_instructions".to_owned(),
            subject: "Best\u{e4}tigen Sie Ihre Adresse: \u{201e}Ann\u{201c}".to_owned(),
            user_id: Some(ann.id),
            only_unconfirmed: true,
            link: Some(link),
            created_at: at(1) + TimeDelta::microseconds(1),
            ..mail("Ann@example.org")
        };
        store.push_mail(&written).await.unwrap();
        let leased = store.lease_mail(at(2), at(600), 10).await.unwrap();
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].mail, written);
        assert_eq!(leased[0].mail.to.as_str(), "Ann@example.org");
        assert_eq!(leased[0].attempts, 1);
    }
}

async fn a_mail_without_user_and_link_is_handed_out_as_written(store: &Arc<impl Store>) {
    let written = mail("nobody@example.org");
    assert_eq!((written.user_id, &written.link), (None, &None));
    store.push_mail(&written).await.unwrap();
    let leased = store.lease_mail(at(2), at(600), 10).await.unwrap();
    assert_eq!(leased.len(), 1);
    assert_eq!(leased[0].mail, written);
}

async fn a_mail_is_hidden_while_it_is_leased(store: &Arc<impl Store>) {
    store.push_mail(&mail("ann@example.org")).await.unwrap();
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

async fn a_renewed_lease_hides_its_mail_for_longer(store: &Arc<impl Store>) {
    let mail = mail("ann@example.org");
    store.push_mail(&mail).await.unwrap();
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

async fn a_lease_that_is_over_is_not_renewed(store: &Arc<impl Store>) {
    let [postponed, given_up, waiting] =
        ["ann@example.org", "bob@example.org", "eve@example.org"].map(mail);
    for mail in [&postponed, &given_up] {
        store.push_mail(mail).await.unwrap();
    }
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 2);
    store.postpone_mail(postponed.id, Some(at(10)), "421 busy").await.unwrap();
    store.postpone_mail(given_up.id, None, "550 no such mailbox").await.unwrap();
    store.push_mail(&waiting).await.unwrap();
    for mail in [&postponed, &given_up, &waiting] {
        store.renew_lease(mail.id, at(600)).await.unwrap();
    }
    let leased = store.lease_mail(at(11), at(60), 10).await.unwrap();
    let leased: BTreeSet<_> = leased.iter().map(|leased| leased.mail.id).collect();
    assert_eq!(leased, BTreeSet::from([postponed.id, waiting.id]));
    assert_eq!(outbox(store).await, leased);
}

async fn no_more_mail_is_handed_out_than_asked_for(store: &Arc<impl Store>) {
    let mut written = BTreeSet::new();
    for _ in 0..5 {
        let mail = mail("ann@example.org");
        store.push_mail(&mail).await.unwrap();
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

async fn of_parallel_workers_one_gets_a_mail(store: &Arc<impl Store>) {
    let mut written = BTreeSet::new();
    for _ in 0..100 {
        let mail = mail("ann@example.org");
        store.push_mail(&mail).await.unwrap();
        written.insert(mail.id);
    }
    let answers = all_at_once(store, CALLERS, |store, _| async move {
        let mut mine = Vec::new();
        // A store that hides nothing must not keep us for ever.
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

async fn a_delivered_mail_is_gone(store: &Arc<impl Store>) {
    let (delivered, other) = (mail("ann@example.org"), mail("bob@example.org"));
    store.push_mail(&delivered).await.unwrap();
    store.push_mail(&other).await.unwrap();
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 2);
    store.delete_mail(delivered.id).await.unwrap();
    assert_eq!(outbox(store).await, BTreeSet::from([other.id]));
}

async fn a_postponed_mail_is_due_again_when_it_says(store: &Arc<impl Store>) {
    let (sooner, later) = (mail("ann@example.org"), mail("bob@example.org"));
    store.push_mail(&sooner).await.unwrap();
    store.push_mail(&later).await.unwrap();
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 2);
    // One before its lease is over, one after.
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

async fn a_mail_that_was_given_up_is_never_due(store: &Arc<impl Store>) {
    let mail = mail("ann@example.org");
    store.push_mail(&mail).await.unwrap();
    assert_eq!(store.lease_mail(at(1), at(60), 10).await.unwrap().len(), 1);
    store.postpone_mail(mail.id, None, "550 no such mailbox").await.unwrap();
    assert_eq!(outbox(store).await, BTreeSet::new());
}

async fn settling_an_unknown_mail_is_no_fault(store: &Arc<impl Store>) {
    let unknown = random_uuid().unwrap();
    store.delete_mail(unknown).await.unwrap();
    store.renew_lease(unknown, at(60)).await.unwrap();
    store.postpone_mail(unknown, Some(at(1)), "421 busy").await.unwrap();
    assert_eq!(outbox(store).await, BTreeSet::new());
}

// Attempts

async fn attempts_are_delayed_from_the_number_given(store: &Arc<impl Store>) {
    let key = digest();
    for _ in 0..5 {
        assert_eq!(charge(store, &key, at(0)).await, Charge::Allowed);
    }
    assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(store, &key, at(9)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(store, &key, at(10)).await, Charge::Allowed);
}

async fn the_first_attempt_can_be_the_one_that_is_followed_by_a_delay(store: &Arc<impl Store>) {
    let key = digest();
    let back_off = BackOff { from: 1, ..BACK_OFF };
    let charge = async |now| store.charge_attempt(&key, &back_off, now).await.unwrap();
    assert_eq!(charge(at(0)).await, Charge::Allowed);
    assert_eq!(charge(at(0)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(at(10)).await, Charge::Allowed);
    assert_eq!(charge(at(10)).await, Charge::BlockedUntil(at(30)));
}

async fn delays_double_up_to_the_longest(store: &Arc<impl Store>) {
    let key = digest();
    for _ in 0..4 {
        charge(store, &key, at(0)).await;
    }
    let mut now = at(0);
    for delay in [10, 20, 40, 45, 45] {
        assert_eq!(charge(store, &key, now).await, Charge::Allowed);
        let until = now + TimeDelta::seconds(delay);
        assert_eq!(charge(store, &key, now).await, Charge::BlockedUntil(until));
        now = until;
    }
}

async fn an_attempt_while_blocked_is_not_counted(store: &Arc<impl Store>) {
    let key = digest();
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    for second in 0..10 {
        assert_eq!(charge(store, &key, at(second)).await, Charge::BlockedUntil(at(10)));
    }
    assert_eq!(charge(store, &key, at(10)).await, Charge::Allowed);
    assert_eq!(charge(store, &key, at(10)).await, Charge::BlockedUntil(at(30)));
}

async fn an_attempt_without_delay_blocks_no_caller_whose_clock_is_behind(store: &Arc<impl Store>) {
    // Of two at once, the one that read the clock last may be the first to be charged.
    let key = digest();
    for number in 0..5 {
        let now = at(0) - TimeDelta::microseconds(number);
        assert_eq!(charge(store, &key, now).await, Charge::Allowed, "{number}");
    }
}

async fn of_parallel_attempts_no_more_than_may_be_made_are(store: &Arc<impl Store>) {
    let key = digest();
    let answers =
        all_at_once(
            store,
            CALLERS,
            move |store, _| async move { charge(&store, &key, at(0)).await },
        )
        .await;
    assert_eq!(count(&answers, &Charge::Allowed), 5);
    assert_eq!(count(&answers, &Charge::BlockedUntil(at(10))), CALLERS - 5);
}

async fn of_parallel_attempts_after_a_delay_one_is_made(store: &Arc<impl Store>) {
    let key = digest();
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    let answers =
        all_at_once(
            store,
            CALLERS,
            move |store, _| async move { charge(&store, &key, at(10)).await },
        )
        .await;
    assert_eq!(count(&answers, &Charge::Allowed), 1);
    assert_eq!(count(&answers, &Charge::BlockedUntil(at(30))), CALLERS - 1);
}

async fn cleared_attempts_are_forgotten(store: &Arc<impl Store>) {
    let key = digest();
    store.clear_attempts(&key).await.unwrap();
    for _ in 0..2 {
        for _ in 0..5 {
            assert_eq!(charge(store, &key, at(0)).await, Charge::Allowed);
        }
        assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
        store.clear_attempts(&key).await.unwrap();
    }
}

async fn keys_are_charged_apart(store: &Arc<impl Store>) {
    let (key, other) = (digest(), digest());
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
    assert_eq!(charge(store, &other, at(0)).await, Charge::Allowed);
    store.clear_attempts(&other).await.unwrap();
    assert_eq!(charge(store, &key, at(0)).await, Charge::BlockedUntil(at(10)));
}

async fn events_are_counted_from_the_first_until_the_window_ends(store: &Arc<impl Store>) {
    let (key, other) = (digest(), digest());
    let count =
        async |key, now| store.count_event(key, 3, TimeDelta::seconds(60), now).await.unwrap();
    for first in [0, 60, 200] {
        for second in [0, 20, 40] {
            assert_eq!(count(&key, at(first + second)).await, Charge::Allowed);
        }
        let end = Charge::BlockedUntil(at(first + 60));
        assert_eq!(count(&key, at(first + 40)).await, end);
        assert_eq!(count(&key, at(first + 59)).await, end);
    }
    assert_eq!(count(&other, at(259)).await, Charge::Allowed);
}

async fn of_parallel_events_the_limit_is_let_through(store: &Arc<impl Store>) {
    let key = digest();
    let answers = all_at_once(store, CALLERS, move |store, _| async move {
        store.count_event(&key, 7, TimeDelta::seconds(60), at(0)).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, &Charge::Allowed), 7);
    assert_eq!(count(&answers, &Charge::BlockedUntil(at(60))), CALLERS - 7);
}

async fn a_limit_of_none_lets_nothing_through(store: &Arc<impl Store>) {
    let key = digest();
    for _ in 0..2 {
        let counted = store.count_event(&key, 0, TimeDelta::seconds(60), at(0)).await.unwrap();
        assert_eq!(counted, Charge::BlockedUntil(at(60)));
    }
}

async fn old_attempts_are_swept(store: &Arc<impl Store>) {
    let (old, other, young) = (digest(), digest(), digest());
    for key in [&old, &other, &young] {
        for _ in 0..3 {
            charge(store, key, at(0)).await;
        }
    }
    charge(store, &young, at(1_000)).await;
    assert_eq!(store.delete_old_attempts(at(500)).await.unwrap(), 2);
    assert_eq!(store.delete_old_attempts(at(500)).await.unwrap(), 0);
    for key in [&old, &other] {
        for _ in 0..5 {
            assert_eq!(charge(store, key, at(1_001)).await, Charge::Allowed);
        }
    }
    assert_eq!(charge(store, &young, at(1_001)).await, Charge::Allowed);
    assert_eq!(charge(store, &young, at(1_001)).await, Charge::BlockedUntil(at(1_011)));
}

async fn an_attempt_that_still_blocks_is_not_swept(store: &Arc<impl Store>) {
    let key = digest();
    for _ in 0..5 {
        charge(store, &key, at(0)).await;
    }
    assert_eq!(store.delete_old_attempts(at(5)).await.unwrap(), 0);
    assert_eq!(charge(store, &key, at(6)).await, Charge::BlockedUntil(at(10)));
}

// Logins

async fn a_first_login_is_current_and_has_no_last(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let client = Some(ip("2001:db8::7"));
    let now = at(1) + TimeDelta::microseconds(1);
    store.record_login(ann.id, now, client).await.unwrap();
    let expected = Track {
        current_login_at: now,
        current_login_ip: client,
        last_login_at: None,
        last_login_ip: None,
        login_count: 1,
    };
    assert_eq!(store.find_track(ann.id).await.unwrap(), Some(expected));
}

async fn a_further_login_makes_the_current_one_the_last(store: &Arc<impl Store>) {
    let ann = user(store, "ann@example.org").await;
    let clients = [Some(ip("2001:db8::7")), None, Some(ip("192.0.2.7"))];
    for (now, client) in (1..).map(at).zip(clients) {
        store.record_login(ann.id, now, client).await.unwrap();
    }
    let expected = Track {
        current_login_at: at(3),
        current_login_ip: Some(ip("192.0.2.7")),
        last_login_at: Some(at(2)),
        last_login_ip: None,
        login_count: 3,
    };
    assert_eq!(store.find_track(ann.id).await.unwrap(), Some(expected));
    store.record_login(ann.id, at(4), None).await.unwrap();
    let track = store.find_track(ann.id).await.unwrap().unwrap();
    assert_eq!(track.current_login_ip, None);
    assert_eq!(track.last_login_ip, Some(ip("192.0.2.7")));
}

async fn nothing_is_known_of_who_never_logged_in(store: &Arc<impl Store>) {
    let (ann, bob) = (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    store.record_login(bob.id, at(1), None).await.unwrap();
    assert_eq!(store.find_track(ann.id).await.unwrap(), None);
    assert_eq!(store.find_track(some_user_id()).await.unwrap(), None);
}

async fn a_login_of_nobody_is_not_kept(store: &Arc<impl Store>) {
    let nobody = some_user_id();
    // Whether it is a fault, the contract leaves open.
    let _ = store.record_login(nobody, at(1), None).await;
    assert_eq!(store.find_track(nobody).await.unwrap(), None);
}

async fn parallel_logins_are_all_counted(store: &Arc<impl Store>) {
    let id = user(store, "ann@example.org").await.id;
    all_at_once(store, CALLERS, move |store, _| async move {
        store.record_login(id, at(1), None).await.unwrap();
    })
    .await;
    let track = store.find_track(id).await.unwrap().unwrap();
    assert_eq!(track.login_count, 32);
    assert_eq!(track.last_login_at, Some(at(1)));
}

// What the tests stand on

/// Every capability there is.
trait Store: UserDatastore + TrackStore {}

impl<D: UserDatastore + TrackStore> Store for D {}

/// How many callers come at once.
const CALLERS: usize = 32;

const BACK_OFF: BackOff =
    BackOff { from: 5, first_delay: TimeDelta::seconds(10), longest_delay: TimeDelta::seconds(45) };

/// Runs a test on several threads: Rocket's test runtime has a single worker, on which no two tasks
/// ever run at the same moment.
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_multi_thread().worker_threads(8).enable_all().build().unwrap();
    runtime.block_on(test);
}

async fn sqlite_in(directory: &Path) -> SqlxDatastore {
    let url = format!("sqlite:{}", directory.join("security.sqlite").display());
    let figment = rocket::Config::figment().merge(("databases.security.url", url));
    let store = SqlxDatastore::connect(&figment).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Lets that many callers loose on a store in one moment, and gives what each of them got.
async fn all_at_once<D, T, F>(
    store: &Arc<D>,
    callers: usize,
    call: impl Fn(Arc<D>, usize) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(callers));
    let begin = |number| {
        let (start, call) = (Arc::clone(&start), call(Arc::clone(store), number));
        spawn(async move {
            start.wait().await;
            call.await
        })
    };
    let tasks: Vec<_> = (0..callers).map(begin).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn count<T: PartialEq>(answers: &[T], expected: &T) -> usize {
    answers.iter().filter(|answer| *answer == expected).count()
}

/// That many seconds after a moment whose microseconds are all told.
fn at(seconds: i64) -> Timestamp {
    let zero = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
    zero + TimeDelta::seconds(seconds)
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn role_name(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(format!("$argon2id$v=19$m=19456,t=2,p=1${text}"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn digest() -> Digest {
    Token::random().unwrap().digest()
}

fn some_user_id() -> UserId {
    UserId::from_uuid(random_uuid().unwrap())
}

fn change(set: impl FnOnce(&mut UserChange)) -> UserChange {
    let mut change = UserChange::default();
    set(&mut change);
    change
}

fn new_user(address: &str) -> NewUser {
    NewUser {
        id: some_user_id(),
        email: email(address),
        password_hash: Some(hash("first")),
        confirmed_at: None,
        created_at: at(0),
    }
}

async fn user(store: &Arc<impl Store>, address: &str) -> User {
    let made = store.create_user(&new_user(address), &Together::nothing()).await.unwrap();
    made.unwrap()
}

async fn confirmed_user(store: &Arc<impl Store>, address: &str) -> User {
    let new = NewUser { confirmed_at: Some(at(0)), ..new_user(address) };
    store.create_user(&new, &Together::nothing()).await.unwrap().unwrap()
}

/// Finds a user and the hash of their password by what was typed.
async fn find(store: &Arc<impl Store>, typed: &str) -> Option<(User, Option<PasswordHash>)> {
    let identity = Identity::Email(email(typed));
    let found = store.find_credentials(&identity).await.unwrap();
    found.map(|found| (found.user, found.password_hash))
}

fn session_of(user: &User) -> SessionRecord {
    SessionRecord {
        digest: digest(),
        id: random_uuid().unwrap(),
        user_id: user.id,
        epoch: user.epoch,
        authn_via: "password".to_owned(),
        client: Some(ip("192.0.2.1")),
        user_agent: Some("Browser/1.0".to_owned()),
        created_at: at(0),
        authenticated_at: at(0),
        last_seen_at: at(0),
    }
}

async fn begin(store: &Arc<impl Store>, session: &SessionRecord) {
    assert!(store.begin_session(session, 20).await.unwrap());
}

async fn find_session(
    store: &Arc<impl Store>,
    session: &SessionRecord,
) -> Option<(SessionRecord, User)> {
    store.find_session(&session.digest).await.unwrap()
}

async fn assert_refused(store: &Arc<impl Store>, session: &SessionRecord) {
    assert!(!store.begin_session(session, 20).await.unwrap());
    assert_eq!(find_session(store, session).await, None);
}

fn token_of(user: &User) -> OneTimeToken {
    OneTimeToken {
        digest: digest(),
        purpose: "confirm".to_owned(),
        user_id: user.id,
        address: user.email.canonical(),
        mail_id: random_uuid().unwrap(),
        expires_at: at(3_600),
    }
}

async fn create(store: &Arc<impl Store>, token: &OneTimeToken) {
    assert!(store.create_token(token).await.unwrap());
}

async fn find_token(store: &Arc<impl Store>, token: &OneTimeToken) -> Option<OneTimeToken> {
    store.find_token(&token.digest, &token.purpose, at(1)).await.unwrap()
}

/// Uses a token up for a change that applies to everybody, with a mail.
async fn consume(
    store: &Arc<impl Store>,
    digest: &Digest,
    purpose: &str,
    now: Timestamp,
) -> Option<User> {
    let together = Together::mail(vec![mail("ann@example.org")]);
    let change = UserChange::active(true);
    store.consume_token(digest, purpose, now, &change, &together).await.unwrap()
}

fn mail(to: &str) -> NewMail {
    NewMail {
        id: random_uuid().unwrap(),
        template: "welcome".to_owned(),
        subject: "Welcome".to_owned(),
        to: email(to),
        user_id: None,
        only_unconfirmed: false,
        link: None,
        created_at: at(0),
    }
}

/// Says which mails are waiting. They are handed out for it, and are due again at once.
async fn outbox(store: &Arc<impl Store>) -> BTreeSet<Uuid> {
    let leased = store.lease_mail(at(1_000_000), at(0), 1_000).await.unwrap();
    leased.iter().map(|leased| leased.mail.id).collect()
}

async fn charge(store: &Arc<impl Store>, key: &Digest, now: Timestamp) -> Charge {
    store.charge_attempt(key, &BACK_OFF, now).await.unwrap()
}

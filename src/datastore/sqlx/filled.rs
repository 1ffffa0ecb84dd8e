//! A database with rows in every table, to check the plans of statements.

#![cfg(all(test, feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by a panic")]

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::config::Span;
use crate::crypto::one_time::Digest;
use crate::crypto::{random_bytes, random_uuid};
use crate::datastore::attempt::AttemptStore;
use crate::datastore::denylist::Denylist;
use crate::datastore::one_time::{OneTimeStore, OneTimeToken};
use crate::datastore::outbox::{Addressee, NewMail, OutboxStore};
use crate::datastore::personal_token::{Creation, PersonalTokenRecord, PersonalTokenStore};
use crate::datastore::refresh::{FamilyRecord, RefreshStore};
use crate::datastore::remember::{RememberStore, SeriesRecord};
use crate::datastore::role::RoleStore;
use crate::datastore::session::{Replaces, SessionRecord, SessionStore};
use crate::datastore::sqlx::credential::CREATE_CREDENTIAL;
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::together::Together;
use crate::datastore::user::{NewUser, UserDatastore};
use crate::user::{Email, Method, PermissionName, Proof, Proofs, RoleName, User, UserId, Username};

/// Enough rows to make an index worthwhile.
const USERS: usize = 200;

/// Fills every table. Returns one of the users, and the digest that all rows of this user have as their key.
pub(super) async fn fill(store: &SqlxDatastore, now: Timestamp) -> (User, Digest) {
    let roles = ["admin", "editor", "reader"].map(|name| RoleName::parse(name).unwrap());
    for role in &roles {
        assert!(store.create_role(role, "").await.unwrap());
    }
    // Most permissions belong to roles that the user does not have, and that come before the user's own: read
    // in order, the user's would be found late.
    let others = (0..USERS).map(|number| RoleName::parse(&format!("a{number}")).unwrap());
    for role in others.chain(roles.clone()) {
        store.create_role(&role, "").await.unwrap();
        for permission in ["posts.edit", "posts.read"] {
            let permission = PermissionName::parse(permission).unwrap();
            let granted = store.grant_permission(&role, &permission, &Together::nothing()).await;
            assert!(granted.unwrap());
        }
    }
    // So do most of the inclusions.
    for (role, included) in [("a1", "a2"), ("admin", "editor"), ("editor", "reader")] {
        let (role, included) = (RoleName::parse(role).unwrap(), RoleName::parse(included).unwrap());
        let included = store.include_role(&role, &included, &Together::nothing()).await;
        included.unwrap().unwrap();
    }
    let mut last = None;
    for number in 0..USERS {
        let user = NewUser {
            id: UserId::from_uuid(random_uuid().unwrap()),
            email: Email::parse(&format!("user{number}@example.org")).unwrap(),
            username: Some(Username::parse(&format!("user{number}")).unwrap()),
            password_hash: None,
            expires_at: None,
            confirmed_at: Some(now),
            created_at: now,
        };
        let user = store.create_user(&user, &Together::nothing()).await.unwrap().unwrap();
        for role in &roles {
            assert!(store.grant_role(user.id, role, &Together::nothing()).await.unwrap());
        }
        let digest = Digest::from_bytes(random_bytes().unwrap());
        let session = SessionRecord {
            digest,
            id: random_uuid().unwrap(),
            user_id: user.id,
            epoch: user.epoch,
            proofs: Proofs::from(Proof::new(Method::Password, now)),
            client: None,
            user_agent: None,
            created_at: now,
            last_seen_at: now,
            series: Some(digest),
        };
        let series = SeriesRecord {
            series: digest,
            user_id: user.id,
            epoch: user.epoch,
            validator: digest,
            previous: None,
            proofs: Proofs::from(Proof::new(Method::Password, now)),
            created_at: now,
            rotated_at: now,
            expires_at: now,
        };
        assert!(store.create_series(&series, 20).await.unwrap());
        assert!(
            store
                .begin_session(&session, Replaces::Nothing, 20, &Together::nothing())
                .await
                .unwrap()
                .is_some()
        );
        let family = FamilyRecord {
            id: user.id.as_uuid(),
            user_id: user.id,
            epoch: user.epoch,
            token_id: session.id,
            previous_id: None,
            session_id: Some(session.id),
            series: session.series,
            proofs: Proofs::from(Proof::new(Method::Password, now)),
            client: None,
            user_agent: None,
            created_at: now,
            rotated_at: now,
            idle_expires_at: now,
            expires_at: now,
        };
        assert!(store.begin_family(&family, 20, &Together::nothing()).await.unwrap().is_some());
        assert!(store.deny(user.email.as_str(), now, &Together::nothing()).await.unwrap());
        let token = PersonalTokenRecord {
            digest,
            id: random_uuid().unwrap(),
            user_id: user.id,
            epoch: user.epoch,
            name: "nightly".to_owned(),
            scopes: Vec::new(),
            created_at: now,
            expires_at: None,
            last_used_at: None,
        };
        let created = store.create_personal_token(&token, 20, &Together::nothing()).await;
        assert_eq!(created.unwrap(), Creation::Created);
        let token = OneTimeToken {
            digest,
            purpose: "confirm".to_owned(),
            user_id: user.id,
            address: user.email.canonical(),
            mail_id: random_uuid().unwrap(),
            lasting: false,
            asked_at: now,
            expires_at: now + TimeDelta::hours(1),
        };
        assert!(store.create_token(&token, user.epoch).await.unwrap());
        // A change of credentials would end all of the above.
        let (id, text) = (user.id.as_uuid(), user.email.canonical());
        let created = on_database!(store, |database| {
            let create = database.query(CREATE_CREDENTIAL).bind(id).bind(id).bind(text.clone());
            let create = create.bind(text.clone()).bind(digest.as_bytes().to_vec());
            let create = create.bind(text.clone()).bind(0_i64).bind(now).bind(now);
            database.execute(create).await
        });
        assert_eq!(created.unwrap(), 1);
        // Few mails of the outbox are due.
        let at = now + TimeDelta::seconds(i64::try_from(number).unwrap());
        let mail =
            NewMail::new(&crate::text::Text::new("welcome", "Welcome"), &user.email, at).unwrap();
        let mail = mail.concerns(Addressee::User(user.id)).link("confirm", Span::hours(1));
        store.commit(&Together::mail(vec![mail])).await.unwrap();
        store.count_event(&digest, 5, TimeDelta::hours(1), now).await.unwrap();
        last = Some((user, digest));
    }
    last.unwrap()
}

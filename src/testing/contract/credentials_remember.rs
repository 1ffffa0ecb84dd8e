//! Changes of credentials, and remembered browsers.

use std::sync::Arc;

use crate::datastore::credential::Ended;
use crate::datastore::{CredentialStore, RememberStore, UserDatastore};
use crate::testing::contract::credentials::{change_of, credential_of, try_change};
use crate::testing::contract::makers::user;
use crate::testing::contract::remember::series_of;
use crate::user::CredentialKind;

section! {
    credentials_remember in __contract_credentials_remember:
    a_change_of_credentials_ends_every_series,
}

pub async fn a_change_of_credentials_ends_every_series(
    store: &Arc<impl UserDatastore + CredentialStore + RememberStore>,
) {
    let (mut ann, bob) =
        (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let of_bob = series_of(&bob);
    assert!(store.create_series(&of_bob, 100).await.unwrap());
    let totp = credential_of(&ann, CredentialKind::TOTP);
    for ends in [false, true] {
        let series = series_of(&ann);
        assert!(store.create_series(&series, 100).await.unwrap());
        let change = change_of(&ann);
        let change = if ends { change.ending(Ended::All) } else { change.adding(totp.clone()) };
        let changed = try_change(store, &ann, &change).await.unwrap();
        assert_eq!(store.find_series(&series.series).await.unwrap(), None);
        assert!(!store.create_series(&series_of(&ann), 100).await.unwrap());
        ann = changed;
    }
    assert!(store.find_series(&of_bob.series).await.unwrap().is_some());
}

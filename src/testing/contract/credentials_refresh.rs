//! Changes of credentials, and logged-in programs.

use std::sync::Arc;

use crate::datastore::credential::Ended;
use crate::datastore::{CredentialStore, RefreshStore, UserDatastore};
use crate::testing::contract::credentials::{change_of, credential_of, try_change};
use crate::testing::contract::makers::user;
use crate::testing::contract::refresh::{begin_family, family_of, lives};
use crate::user::CredentialKind;

section! {
    credentials_refresh in __contract_credentials_refresh:
    a_change_of_credentials_ends_every_family,
}

pub async fn a_change_of_credentials_ends_every_family(
    store: &Arc<impl UserDatastore + CredentialStore + RefreshStore>,
) {
    let (mut ann, bob) =
        (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    let of_bob = family_of(&bob);
    assert!(begin_family(store, &of_bob).await);
    let totp = credential_of(&ann, CredentialKind::TOTP);
    for ends in [false, true] {
        let family = family_of(&ann);
        assert!(begin_family(store, &family).await);
        let change = change_of(&ann);
        let change = if ends { change.ending(Ended::All) } else { change.adding(totp.clone()) };
        let changed = try_change(store, &ann, &change).await.unwrap();
        assert!(!lives(store, &family).await);
        assert!(!begin_family(store, &family_of(&ann)).await);
        ann = changed;
    }
    assert!(lives(store, &of_bob).await);
}

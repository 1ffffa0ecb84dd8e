//! Changes of credentials, and personal access tokens.

use std::sync::Arc;

use crate::datastore::credential::Ended;
use crate::datastore::{CredentialStore, PersonalTokenStore, UserDatastore};
use crate::testing::contract::credentials::{change_of, credential_of, try_change};
use crate::testing::contract::makers::user;
use crate::testing::contract::personal_tokens::create;
use crate::user::CredentialKind;

section! {
    credentials_personal_tokens in __contract_credentials_personal_tokens:
    a_change_of_credentials_ends_every_personal_token,
}

pub async fn a_change_of_credentials_ends_every_personal_token(
    store: &Arc<impl UserDatastore + CredentialStore + PersonalTokenStore>,
) {
    let (mut ann, bob) =
        (user(store, "ann@example.org").await, user(store, "bob@example.org").await);
    create(store, &bob, "nightly").await;
    let totp = credential_of(&ann, CredentialKind::TOTP);
    for ends in [false, true] {
        create(store, &ann, "nightly").await;
        let change = change_of(&ann);
        let change = if ends { change.ending(Ended::All) } else { change.adding(totp.clone()) };
        ann = try_change(store, &ann, &change).await.unwrap();
        assert_eq!(store.list_personal_tokens(ann.id).await.unwrap(), []);
    }
    assert_eq!(store.list_personal_tokens(bob.id).await.unwrap().len(), 1);
}

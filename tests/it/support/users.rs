//! Users as the store has them, and what they may do, past every route.

use chrono::{DateTime, Utc};
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::{NewUser, UserChange, UserWithPassword};
use rocket_security::testing::TestApp;
use rocket_security::user::Identity;
use rocket_security::{Email, User, UserId};

/// Drafts a user whom nobody has confirmed, with neither password nor username.
pub(crate) fn new_user(email: &str, now: DateTime<Utc>) -> NewUser {
    let id = UserId::from_uuid(random_uuid().unwrap());
    NewUser::new(id, Email::parse(email).unwrap(), now)
}

/// Changes a user, and returns them as they are then.
pub(crate) async fn change_user(app: &TestApp, user: &User, change: &UserChange) -> User {
    let changed = app.store().update_user(user.id, change, &Together::nothing()).await.unwrap();
    changed.unwrap_or_else(|| panic!("{} cannot be changed so: {change:?}", user.email))
}

/// Returns a user as a login finds them.
pub(crate) async fn credentials_of(app: &TestApp, email: &str) -> UserWithPassword {
    let identity = Identity::Email(Email::parse(email).unwrap());
    app.store().find_credentials(&identity).await.unwrap().unwrap()
}

/// Gives a role a permission; it is made if need be.
pub(crate) async fn permit(app: &TestApp, role: &str, permission: &str) {
    let (role, permission) = (role.parse().unwrap(), permission.parse().unwrap());
    app.roles().create_role(&role, "").await.unwrap();
    let granted = app.roles().grant_permission(&role, &permission, &Together::nothing()).await;
    assert!(granted.unwrap());
}

//! Users as the store has them, changed past every route.

use rocket_security::User;
use rocket_security::datastore::Together;
use rocket_security::datastore::user::UserChange;
use rocket_security::testing::TestApp;

/// Changes a user, and returns them as they are then.
pub(crate) async fn change_user(app: &TestApp, user: &User, change: &UserChange) -> User {
    let changed = app.store().update_user(user.id, change, &Together::nothing()).await.unwrap();
    changed.unwrap_or_else(|| panic!("{} cannot be changed so: {change:?}", user.email))
}

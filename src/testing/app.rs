//! An application under test.

use std::sync::Arc;
use std::time::Duration;

use rocket::figment::Figment;
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use rocket::tokio::time::timeout;
use rocket::{Build, Rocket};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::crypto::hasher::PasswordHash;
use crate::crypto::password::Password;
use crate::crypto::random_uuid;
use crate::datastore::user::NewUser;
use crate::datastore::{RoleStore, Together, UserDatastore};
use crate::flow::Flow;
use crate::mail::Message;
use crate::mail::capture::CaptureMailer;
use crate::mail::worker::Worker;
use crate::secret::Secret;
use crate::security::housekeeping::Housekeeping;
use crate::testing::browser::Browser;
use crate::testing::database::TestDatabase;
use crate::testing::orderly::orderly;
use crate::user::{Email, Identity, RoleName, User, UserId};
use crate::web::Site;

/// The password of every user that the test kit creates.
pub const PASSWORD: &str = "correct horse battery staple";

/// How long listeners may take to receive an event.
const LONGEST_TELLING: Duration = Duration::from_secs(10);

/// An application under test, with a database of its own.
///
/// Every method panics with a sentence if it cannot do its work, which ends the test.
///
/// ```
/// use rocket::{get, routes};
/// use rocket_security::testing::TestApp;
/// use rocket_security::{AuthUser, Security};
///
/// #[get("/me")]
/// fn me(user: AuthUser) -> String {
///     format!("Hello, {}!", user.email)
/// }
///
/// # rocket::async_test(async {
/// let rocket = rocket::build().attach(Security::fairing()).mount("/", routes![me]);
/// let app = TestApp::launch(rocket).await;
/// let ann = app.log_in_as("ann@example.org").await;
/// assert_eq!(ann.get("/me").await.body, "Hello, ann@example.org!");
/// # });
/// ```
pub struct TestApp {
    client: Client,
    database: TestDatabase,
}

impl TestApp {
    /// Launches an application on a new database. Its own configuration is kept, except for what
    /// [`figment`](Self::figment) sets.
    pub async fn launch(rocket: Rocket<Build>) -> Self {
        Self::launch_with(rocket, json!({})).await
    }

    /// Launches an application on a new database, with settings that override those in `[default.security]`,
    /// for example `json!({"throttle": {"scale": 1}})`.
    pub async fn launch_with(rocket: Rocket<Build>, security: Value) -> Self {
        Self::launch_on(TestDatabase::create_migrated().await, rocket, security).await
    }

    /// Ends the application as a crash would, and launches another one on its database.
    pub async fn restart(self, rocket: Rocket<Build>) -> Self {
        self.restart_with(rocket, json!({})).await
    }

    /// Does the same as [`restart`](Self::restart), with settings that override those in
    /// `[default.security]`.
    pub async fn restart_with(self, rocket: Rocket<Build>, security: Value) -> Self {
        let Self { client, database } = self;
        drop(client);
        Self::launch_on(database, rocket, security).await
    }

    /// Shuts the application down gracefully: listeners first receive the events that wait for them.
    pub async fn shut_down(self) {
        let Self { client, database } = self;
        client.terminate().await;
        drop(database);
    }

    /// Launches an application on an existing database, with settings that override those in
    /// `[default.security]`.
    pub async fn launch_on(database: TestDatabase, rocket: Rocket<Build>, security: Value) -> Self {
        let figment = Self::figment(rocket.figment(), &database, security);
        let client = match Client::untracked(rocket.configure(figment)).await {
            Ok(client) => client,
            Err(fault) => panic!("the application did not launch: {fault}"),
        };
        Self { client, database }
    }

    /// Returns `figment` with the settings of the test kit, for tests that launch an application themselves.
    ///
    /// It selects the debug profile and sets the database, the keys, cheap hashes, mail that is kept in
    /// memory, limits on attempts that tests do not reach, and a log of critical messages only. The settings
    /// in `security` override all of these.
    pub fn figment(figment: &Figment, database: &TestDatabase, security: Value) -> Figment {
        let figment = figment.clone().select(rocket::Config::DEBUG_PROFILE);
        database
            .figment(figment)
            .merge(("log_level", "critical"))
            .merge(("security.mail.url", "capture:"))
            .merge(("security.password.memory", 8))
            .merge(("security.password.iterations", 1))
            .merge(("security.password.queue", 1_000))
            .merge(("security.throttle.scale", 1_000))
            .merge(("security", security))
    }

    /// Returns a browser without cookies.
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(&self.client)
    }

    /// Returns the user with this address. If there is none, creates a confirmed user with [`PASSWORD`].
    pub async fn user(&self, email: &str) -> User {
        let email = orderly(Email::parse(email));
        let now = self.clock().now();
        let user = NewUser {
            id: UserId::from_uuid(orderly(random_uuid())),
            email: email.clone(),
            username: None,
            password_hash: Some(self.hash(PASSWORD).await),
            confirmed_at: Some(now),
            expires_at: None,
            created_at: now,
        };
        let store = self.store();
        if let Ok(user) = orderly(store.create_user(&user, &Together::nothing()).await) {
            return user;
        }
        let identity = Identity::Email(email);
        match orderly(store.find_credentials(&identity).await) {
            Some(found) => found.user,
            None => panic!("the user could neither be made nor found"),
        }
    }

    /// Grants a user a role, and creates the user and the role if necessary. Returns the user with the new
    /// role.
    pub async fn grant(&self, email: &str, role: &str) -> User {
        let (user, role) = (self.user(email).await, orderly(RoleName::parse(role)));
        orderly(self.roles().create_role(&role, "").await);
        orderly(self.roles().grant_role(user.id, &role, &Together::nothing()).await);
        self.user(email).await
    }

    /// Returns a browser in which the user with this address is logged in. Creates the user if necessary.
    ///
    /// The user does not go through the registration, so its own fields stay empty.
    /// [`register`](Self::register) fills them in.
    pub async fn log_in_as(&self, email: &str) -> Browser<'_> {
        self.user(email).await;
        self.logged_in(email, PASSWORD).await
    }

    async fn logged_in(&self, email: &str, password: &str) -> Browser<'_> {
        let browser = self.browser();
        let answer = browser.log_in(email, password).await;
        assert_eq!(answer.status, Status::Ok, "{email} could not log in: {}", answer.body);
        browser
    }

    /// Registers a user as a person does, and returns a browser in which the user is logged in.
    ///
    /// `fields` are the fields of the form beside the address: the application's own
    /// [`RegistrationFields`](crate::RegistrationFields), a `username`, or a `password` in place of
    /// [`PASSWORD`]. The application's fields are saved, its hooks and listeners are called, and the link in
    /// the confirmation mail is followed. [`log_in_as`](Self::log_in_as) does none of that.
    ///
    /// ```
    /// # use rocket_security::Security;
    /// # use rocket_security::testing::TestApp;
    /// # use serde_json::json;
    /// # rocket::async_test(async {
    /// # let security = Security::fairing();
    /// # let figment = rocket::Config::figment();
    /// # let figment = figment.merge(("security.identity", ["email", "username"]));
    /// let app = TestApp::launch(rocket::custom(figment).attach(security)).await;
    /// let ann = app.register("ann@example.org", json!({"username": "annlee"})).await;
    /// assert!(ann.get("/change").await.body.contains("ann@example.org"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the address already has an account, the feature `register` is not enabled, or a step is refused.
    pub async fn register(&self, email: &str, fields: Value) -> Browser<'_> {
        let identity = Identity::Email(orderly(Email::parse(email)));
        if orderly(self.store().find_credentials(&identity).await).is_some() {
            panic!("{email} has an account already: `log_in_as` logs in");
        }
        let mut form = json!({"email": email, "password": PASSWORD});
        match (&mut form, fields) {
            (Value::Object(form), Value::Object(fields)) => form.extend(fields),
            (_, other) => panic!("the fields of a registration are an object, not {other}"),
        }
        let password = form.get("password").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(path) = self.path_of("register") else {
            panic!("the feature `register` is not enabled");
        };
        let answer = self.browser().post_json(&path, form).await;
        assert_eq!(answer.status, Status::Ok, "{email} could not register: {}", answer.body);
        if self.flow().awaits_confirmation() {
            let link = link_in(&self.newest_mail_to(email).await);
            let answer = self.browser().post_json(&link, json!({})).await;
            assert_eq!(answer.status, Status::Ok, "{email} could not confirm: {}", answer.body);
        }
        self.logged_in(email, &password).await
    }

    /// Delivers the mail that is due, and returns all mail since the launch, the oldest first.
    pub async fn mail(&self) -> Vec<Message> {
        let worker = self.state::<Arc<Worker>>();
        orderly(worker.deliver_due().await);
        self.state::<CaptureMailer>().messages()
    }

    /// Delivers the mail that is due, and returns the newest mail to an address.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn newest_mail_to(&self, email: &str) -> Message {
        let mails = self.mail().await;
        match mails.into_iter().rev().find(|mail| mail.to.as_str() == email) {
            Some(mail) => mail,
            None => panic!("there is no mail to {email}"),
        }
    }

    /// Deletes what has expired, as the application does every ten minutes. Returns how many rows were
    /// deleted.
    pub async fn sweep(&self) -> u64 {
        orderly(self.state::<Arc<Housekeeping>>().sweep().await)
    }

    /// Waits until every listener has received all events so far, and until everything that has to be stored
    /// about them is stored.
    ///
    /// # Panics
    ///
    /// If this takes longer than ten seconds.
    pub async fn told(&self) {
        let told = self.state::<Site>().signals().told();
        if timeout(LONGEST_TELLING, told).await.is_err() {
            panic!("a listener did not return");
        }
    }

    /// Returns the application's clock, which a test can move.
    pub fn clock(&self) -> &Clock {
        self.state::<Site>().clock()
    }

    /// Returns the application's store.
    pub fn store(&self) -> &Arc<dyn UserDatastore> {
        self.flow().store()
    }

    /// Returns the application's store as a [`RoleStore`].
    ///
    /// # Panics
    ///
    /// If the store keeps no roles.
    pub fn roles(&self) -> &dyn RoleStore {
        match self.store().role_store() {
            Some(roles) => roles,
            None => panic!("the store keeps no roles: it is no `RoleStore`"),
        }
    }

    /// Returns the application's database.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Returns Rocket's own client, for requests that [`Browser`] has no method for.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Hashes a password, with the cheap parameters of the test kit.
    pub async fn hash(&self, password: &str) -> PasswordHash {
        let hasher = self.flow().hasher();
        let slot = orderly(hasher.reserve());
        let password = orderly(Password::parse(&Secret::new(password.to_owned())));
        orderly(hasher.hash(&slot, &password).await)
    }

    /// Returns the number of hashes computed since the launch.
    pub fn hashes(&self) -> u64 {
        self.flow().hasher().hashes()
    }

    /// Returns how many KiB of memory all hashes since the launch have filled, counting each pass. It must
    /// not depend on whether an account exists.
    pub fn hash_work(&self) -> u64 {
        self.flow().hasher().work()
    }

    /// Returns the path of a feature's page by its name, for example `"register"`, or `None` if the feature
    /// is not enabled.
    pub fn path_of(&self, name: &str) -> Option<String> {
        self.state::<Site>().url(name).map(|path| path.to_string())
    }

    fn flow(&self) -> &Flow {
        self.state::<Flow>()
    }

    pub(super) fn state<T: Send + Sync + 'static>(&self) -> &T {
        match self.client.rocket().state::<T>() {
            Some(state) => state,
            None => panic!("`Security` is not attached, or has a custom mailer"),
        }
    }
}

/// Returns the path of the link in a mail, for a browser to follow.
///
/// # Panics
///
/// If the mail has no link.
pub fn link_in(mail: &Message) -> String {
    let link = mail.link.as_deref().and_then(|link| url::Url::parse(link).ok());
    match link {
        Some(link) => link.path().to_owned(),
        None => panic!("the mail \"{}\" carries no link", mail.subject),
    }
}

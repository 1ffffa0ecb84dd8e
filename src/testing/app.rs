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

/// The password of everybody that the kit makes.
pub const PASSWORD: &str = "correct horse battery staple";

/// How long listeners may take.
const LONGEST_TELLING: Duration = Duration::from_secs(10);

/// An application under test.
pub struct TestApp {
    client: Client,
    database: TestDatabase,
}

impl TestApp {
    /// Launches an application on a fresh database. What its own configuration says of
    /// other matters stays.
    pub async fn launch(rocket: Rocket<Build>) -> Self {
        Self::launch_with(rocket, json!({})).await
    }

    /// Does so with settings laid over `[default.security]`, for example
    /// `json!({"throttle": {"scale": 1}})`.
    pub async fn launch_with(rocket: Rocket<Build>, security: Value) -> Self {
        Self::launch_on(TestDatabase::create_migrated().await, rocket, security).await
    }

    /// Ends the application as a crash would, and launches another one on what it left.
    pub async fn restart(self, rocket: Rocket<Build>) -> Self {
        self.restart_with(rocket, json!({})).await
    }

    /// Does so with settings laid over `[default.security]`.
    pub async fn restart_with(self, rocket: Rocket<Build>, security: Value) -> Self {
        let Self { client, database } = self;
        drop(client);
        Self::launch_on(database, rocket, security).await
    }

    /// Ends the application in good order: what waits for listeners is told.
    pub async fn shut_down(self) {
        let Self { client, database } = self;
        client.terminate().await;
        drop(database);
    }

    /// Launches an application on a database that is there already, with settings laid over
    /// `[default.security]`.
    pub async fn launch_on(database: TestDatabase, rocket: Rocket<Build>, security: Value) -> Self {
        let figment = Self::figment(rocket.figment(), &database, security);
        let client = match Client::untracked(rocket.configure(figment)).await {
            Ok(client) => client,
            Err(fault) => panic!("the application did not launch: {fault}"),
        };
        Self { client, database }
    }

    /// Returns the settings of the kit, for tests that launch by themselves.
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

    /// Makes a confirmed user with [`PASSWORD`], or finds them.
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

    /// Grants a user a role, and creates the role if necessary.
    pub async fn grant(&self, email: &str, role: &str) -> User {
        let (user, role) = (self.user(email).await, orderly(RoleName::parse(role)));
        orderly(self.roles().create_role(&role, "").await);
        orderly(self.roles().grant_role(user.id, &role, &Together::nothing()).await);
        self.user(email).await
    }

    /// Returns a browser in which the user of that address, made if need be, is logged in. Where the
    /// registration has fields of the application's own, [`register`](Self::register) fills them in.
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

    /// Registers a user as a person does, and returns a browser in which they are logged in.
    ///
    /// `fields` is what the form asks beside the address: the application's own
    /// [`RegistrationFields`](crate::RegistrationFields), a `username`, or a `password` in place of
    /// [`PASSWORD`]. What the application keeps of them is saved, its hooks and listeners are told, and the
    /// link in the confirmation mail is followed. [`log_in_as`](Self::log_in_as) does none of that.
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

    /// Delivers what is due and gives all mail so far, oldest first.
    pub async fn mail(&self) -> Vec<Message> {
        let worker = self.state::<Arc<Worker>>();
        orderly(worker.deliver_due().await);
        self.state::<CaptureMailer>().messages()
    }

    /// Delivers what is due and gives the newest mail to an address.
    pub async fn newest_mail_to(&self, email: &str) -> Message {
        let mails = self.mail().await;
        match mails.into_iter().rev().find(|mail| mail.to.as_str() == email) {
            Some(mail) => mail,
            None => panic!("there is no mail to {email}"),
        }
    }

    /// Deletes what is over, as happens every ten minutes; says how many rows were deleted.
    pub async fn sweep(&self) -> u64 {
        orderly(self.state::<Arc<Housekeeping>>().sweep().await)
    }

    /// Waits until every listener has heard of everything that happened so far, and what has to be
    /// written down about it is: at most ten seconds.
    pub async fn told(&self) {
        let told = self.state::<Site>().signals().told();
        if timeout(LONGEST_TELLING, told).await.is_err() {
            panic!("a listener did not return");
        }
    }

    /// Returns the application's clock, to be moved.
    pub fn clock(&self) -> &Clock {
        self.state::<Site>().clock()
    }

    /// Returns the application's store.
    pub fn store(&self) -> &Arc<dyn UserDatastore> {
        self.flow().store()
    }

    /// Returns the application's store as one that keeps roles.
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

    /// Returns Rocket's own client, for what the kit does not do.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Hashes a password, with the cheap parameters of the kit.
    pub async fn hash(&self, password: &str) -> PasswordHash {
        let hasher = self.flow().hasher();
        let slot = orderly(hasher.reserve());
        let password = orderly(Password::parse(&Secret::new(password.to_owned())));
        orderly(hasher.hash(&slot, &password).await)
    }

    /// Says how many hashes were computed since the launch.
    pub fn hashes(&self) -> u64 {
        self.flow().hasher().hashes()
    }

    /// Returns how much work all hashes since the launch were: the KiB that they filled, each pass
    /// counted. It must not depend on whether an account exists.
    pub fn hash_work(&self) -> u64 {
        self.flow().hasher().work()
    }

    /// Returns the path of a feature's page by its name, if the feature is enabled.
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

/// Returns the path of a mailed link, for a browser to follow.
pub fn link_in(mail: &Message) -> String {
    let link = mail.link.as_deref().and_then(|link| url::Url::parse(link).ok());
    match link {
        Some(link) => link.path().to_owned(),
        None => panic!("the mail \"{}\" carries no link", mail.subject),
    }
}

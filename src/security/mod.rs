//! [`Security`]: the fairing that puts everything together.

mod access_map;
mod assembly;
mod concessions;
pub(crate) mod housekeeping;
mod hurried;
pub(crate) mod master_keys;
mod own_pages;
mod registry;
mod settled;
mod stylesheet;
mod survey;
mod transport;

pub use crate::security::access_map::{
    AccessMap, Csrf, Declared, ROUTES_MARK, ROUTES_VARIABLE, RouteAccess,
};
pub use crate::security::master_keys::keyring;

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::figment::Figment;
use rocket::futures::future::BoxFuture;
use rocket::tokio::sync::broadcast;
use rocket::tokio::task::JoinHandle;
use rocket::tokio::time::timeout;
use rocket::{Build, Data, Orbit, Request, Response, Rocket, async_trait, fairing, tokio};

use crate::config::{Config, MigrateConfig};
use crate::datastore::{
    LapseStore, RefreshStore, RememberStore, SqlxDatastore, TrackStore, UserDatastore,
};
use crate::error::{Error, Result};
use crate::event::{Event, Listeners, Signals};
use crate::feature::{Feature, Hooks, Installation};
use crate::features::enable_default_features;
use crate::flow::Flow;
use crate::guard::named::Named;
use crate::mail::Mailer;
use crate::mail::worker::Worker;
use crate::security::assembly::assemble;
use crate::security::housekeeping::Housekeeping;
use crate::security::registry::{Registered, configure};
use crate::web::presentation::{AsItComes, Presentation};
use crate::web::{Web, challenge, csrf, doubled, headers, protection, render};

/// The security of an application: a fairing with the features it has.
///
/// [`Security::fairing()`] is the one to begin with. To change what is enabled, begin with
/// [`Security::default()`]; for a store that the application opens itself, with
/// [`Security::with_default_features`], or with [`Security::new`], which has none:
///
/// ```
/// use rocket_security::MemoryDatastore;
/// use rocket_security::Security;
/// use rocket_security::features::login::Login;
/// use rocket_security::features::track::Track;
///
/// let fairing = Security::default().disable::<Track>().on_event(|event| println!("{event:?}"));
/// let in_memory = Security::new(MemoryDatastore::default()).enable(Login::default());
/// # drop((fairing, in_memory));
/// ```
pub struct Security<D = SqlxDatastore> {
    setup: Mutex<Option<Setup<D>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// What tells the listeners, once they are started.
    signals: OnceLock<Signals>,
}

/// How long a shutdown waits for the mail that is being sent.
const LAST_MAIL: Duration = Duration::from_secs(5);

/// How long a shutdown waits for listeners to hear of what has happened.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// What is known before the launch.
struct Setup<D> {
    open: Open<D>,
    check_store: CheckStore,
    features: Vec<Registered<D>>,
    installs: Vec<Install<D>>,
    presentation: Arc<dyn Presentation>,
    mailer: Option<Arc<dyn Mailer>>,
    listeners: Listeners,
}

/// Opens the store, given the configuration.
type Open<D> = Box<dyn FnOnce(Figment) -> BoxFuture<'static, Result<D>> + Send>;

/// Adds what the application has beside its features.
type Install<D> = Box<dyn FnOnce(&mut Installation<'_, D>) -> Result<()> + Send>;

/// Checks the settings of the store without opening it.
type CheckStore = fn(&Figment) -> Result<()>;

impl Security {
    /// Gives the fairing with the default store and the default features.
    ///
    /// ```no_run
    /// # use rocket::launch;
    /// #[launch]
    /// fn rocket() -> _ {
    ///     rocket::build().attach(rocket_security::Security::fairing())
    /// }
    /// ```
    pub fn fairing() -> impl Fairing {
        Self::default()
    }
}

/// The default store, from `[default.databases.security]`, and the default features.
impl Default for Security {
    fn default() -> Self {
        let open: Open<SqlxDatastore> = Box::new(|figment| {
            Box::pin(async move {
                let store = SqlxDatastore::connect(&figment).await?;
                match Config::from_figment(&figment)?.migrate {
                    MigrateConfig::OnLaunch => store.migrate().await?,
                    MigrateConfig::Check => store.check_schema().await?,
                }
                Ok(store)
            })
        });
        enable_default_features!(Self::with_store(open, SqlxDatastore::check_settings))
    }
}

impl<D: UserDatastore + LapseStore + TrackStore + RememberStore + RefreshStore> Security<D> {
    /// Uses a store that is open already, and the default features: those of
    /// [`Security::fairing()`].
    ///
    /// The store is used as it is. One that stands on a pool of the application's own is told here
    /// to bring its tables up to date, which `security.migrate` is otherwise for:
    ///
    /// ```no_run
    /// use rocket_security::Security;
    /// use rocket_security::SqlxDatastore;
    /// use rocket_security::SqlxPool;
    ///
    /// # rocket::async_test(async {
    /// let pool = SqlxPool::<sqlx::Sqlite>::open("sqlite:app.sqlite", 8).await?;
    /// let store = SqlxDatastore::sqlite(pool.clone());
    /// store.migrate().await?;
    /// let rocket = rocket::build().attach(Security::with_default_features(store)).manage(pool);
    /// # drop(rocket);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn with_default_features(datastore: D) -> Self {
        enable_default_features!(Self::new(datastore))
    }
}

impl<D: UserDatastore> Security<D> {
    /// Uses a store that is open already, and no features.
    pub fn new(datastore: D) -> Self {
        Self::with_store(Box::new(move |_| Box::pin(async move { Ok(datastore) })), |_| Ok(()))
    }

    /// Enables a feature, in place of one of the same name. `[default.security.<name>]` is laid
    /// over the value given here.
    ///
    /// A feature names what it needs of the store beyond [`UserDatastore`]. [`Track`] needs a
    /// [`TrackStore`], so this compiles
    ///
    /// ```
    /// # use rocket_security::Security;
    /// # use rocket_security::UserDatastore;
    /// # use rocket_security::datastore::TrackStore;
    /// # use rocket_security::features::track::Track;
    /// fn security<D: UserDatastore + TrackStore>(store: D) -> Security<D> {
    ///     Security::new(store).enable(Track::default())
    /// }
    /// ```
    ///
    /// and with a store that is none,
    ///
    /// ```compile_fail,E0277
    /// # use rocket_security::Security;
    /// # use rocket_security::UserDatastore;
    /// # use rocket_security::datastore::TrackStore;
    /// # use rocket_security::features::track::Track;
    /// fn security<D: UserDatastore>(store: D) -> Security<D> {
    ///     Security::new(store).enable(Track::default())
    /// }
    /// ```
    ///
    /// the compiler says:
    ///
    /// ```text
    /// error[E0277]: the feature `track` needs a store that keeps logins
    ///     Security::new(store).enable(Track::default())
    ///                          ------ ^^^^^^^^^^^^^^^^ `D` does not implement `TrackStore`
    ///     = note: implement `rocket_security::datastore::TrackStore` for it, or do not enable `Track`
    /// ```
    ///
    /// [`Track`]: crate::features::track::Track
    pub fn enable<F: Feature<D>>(self, feature: F) -> Self {
        self.change(|setup| {
            setup.features.retain(|other| other.name != F::NAME);
            setup.features.push(Registered {
                name: F::NAME,
                configure: Box::new(move |figment, config| {
                    Ok(Box::new(configure(feature, figment, config)?))
                }),
            });
        })
    }

    /// Disables a feature, and whatever was enabled in its place.
    pub fn disable<F: Feature<D>>(self) -> Self {
        self.change(|setup| setup.features.retain(|other| other.name != F::NAME))
    }

    /// Adds hooks of the application's own, behind those of the features.
    pub fn hooks(self, hooks: impl Hooks) -> Self {
        self.install(|at| {
            at.hooks(hooks);
            Ok(())
        })
    }

    /// Adds to the application what a feature can add, such as what is committed with a registration, behind
    /// the features and without a feature of its own.
    ///
    /// ```
    /// # use rocket::async_trait;
    /// use rocket_security::Result;
    /// use rocket_security::Security;
    /// use rocket_security::datastore::Together;
    /// use rocket_security::feature::Registering;
    /// use rocket_security::feature::Registration;
    ///
    /// struct Profiles;
    ///
    /// #[async_trait]
    /// impl Registering for Profiles {
    ///     async fn after_register(&self, _registration: &Registration<'_>) -> Result<Together> {
    ///         Ok(Together::nothing())
    ///     }
    /// }
    ///
    /// let security = Security::default().install(|at| {
    ///     at.registering(Profiles);
    ///     Ok(())
    /// });
    /// # drop(security);
    /// ```
    pub fn install<I>(self, install: I) -> Self
    where
        I: FnOnce(&mut Installation<'_, D>) -> Result<()> + Send + 'static,
    {
        self.change(|setup| setup.installs.push(Box::new(install)))
    }

    /// Has the application present what is ours: its pages, its user, its answers to 401 and 403.
    pub fn presentation(self, presentation: impl Presentation) -> Self {
        self.change(|setup| setup.presentation = Arc::new(presentation))
    }

    /// Sends mail by `mailer` instead of `security.mail.url`.
    pub fn mailer(self, mailer: impl Mailer) -> Self {
        self.change(|setup| setup.mailer = Some(Arc::new(mailer)))
    }

    /// Tells `listener` of every event, in order, on a thread of its own: it may block, and a panic
    /// harms nobody. When 1,024 events wait for it, the next are dropped for it, and logged.
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.change(|setup| setup.listeners.listen(listener))
    }

    /// Does the same on a task of its own: the next event waits until `listener` is through with
    /// the last one, which is given up after 30 seconds.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use rocket_security::Event;
    /// # use rocket_security::Security;
    /// # async fn put_into_siem(line: String) {}
    /// let fairing = Security::default().on_event_async(|event: Arc<Event>| async move {
    ///     put_into_siem(serde_json::to_string(&*event).unwrap_or_default()).await;
    /// });
    /// # drop(fairing);
    /// ```
    pub fn on_event_async<F, W>(self, listener: F) -> Self
    where
        F: Fn(Arc<Event>) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        self.change(|setup| setup.listeners.listen_async(listener))
    }

    /// Gives a receiver of all events, for a task of the application's own. After the launch,
    /// [`Signals::subscribe`] gives another.
    ///
    /// ```
    /// # use rocket_security::Security;
    /// let fairing = Security::default();
    /// let mut events = fairing.events();
    /// # async move {
    /// while let Ok(event) = events.recv().await {
    ///     println!("{}", event.name());
    /// }
    /// # };
    /// # drop(fairing);
    /// ```
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        match (setup.as_ref(), self.signals.get()) {
            (Some(setup), _) => setup.listeners.subscribe(),
            (None, Some(signals)) => signals.subscribe(),
            // The launch has failed: nothing will happen any more.
            (None, None) => Listeners::default().subscribe(),
        }
    }

    fn with_store(open: Open<D>, check_store: CheckStore) -> Self {
        let setup = Setup {
            open,
            check_store,
            features: Vec::new(),
            installs: Vec::new(),
            presentation: Arc::new(AsItComes),
            mailer: None,
            listeners: Listeners::default(),
        };
        Self {
            setup: Mutex::new(Some(setup)),
            tasks: Mutex::new(Vec::new()),
            signals: OnceLock::new(),
        }
    }

    fn change(self, change: impl FnOnce(&mut Setup<D>)) -> Self {
        if let Some(setup) = self.setup.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            change(setup);
        }
        self
    }
}

#[async_trait]
impl<D: UserDatastore> Fairing for Security<D> {
    fn info(&self) -> Info {
        Info {
            name: "rocket_security",
            kind: Kind::Ignite | Kind::Liftoff | Kind::Request | Kind::Response | Kind::Shutdown,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Rocket would keep the last one of a singleton, and not say that the others are gone.
        let (Some(setup), None) = (setup, rocket.state::<Web>()) else {
            log::error!(
                "`Security` is attached twice, and only one of them could hold. Attach it once, with all \
                 features enabled on it"
            );
            return Err(rocket);
        };
        match assemble(setup, &rocket).await {
            Ok(assembly) => {
                // Attached once, it is set once.
                let _ = self.signals.set(assembly.signals().clone());
                Ok(assembly.install(rocket))
            }
            Err(fault) => {
                tell(&fault);
                Err(rocket)
            }
        }
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        if let (Some(named), Some(flow)) = (rocket.state::<Named>(), rocket.state::<Flow>())
            && let Err(fault) = named.create_missing(&**flow.store()).await
        {
            log::error!("{fault}");
            // Too late to refuse the launch, early enough to serve nobody.
            rocket.shutdown().notify();
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = rocket.state::<Arc<Worker>>() {
            let worker = Arc::clone(worker);
            tasks.push(tokio::spawn(async move { worker.run().await }));
        }
        if let Some(housekeeping) = rocket.state::<Arc<Housekeeping>>() {
            let housekeeping = Arc::clone(housekeeping);
            tasks.push(tokio::spawn(async move { housekeeping.run().await }));
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        if headers::are_refused(request) {
            return;
        }
        if let Some(web) = request.rocket().state::<Web>() {
            web.proxies().inspect(request);
        }
        csrf::inspect(request, data).await;
        doubled::inspect(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if let Some(web) = request.rocket().state::<Web>() {
            render::finish(request, web, response).await;
            web.sessions().finish(request, response).await;
            challenge::finish(request, response);
            protection::finish(request, web, response);
        }
    }

    async fn on_shutdown(&self, rocket: &Rocket<Orbit>) {
        if let Some(worker) = rocket.state::<Arc<Worker>>() {
            // Whoever is late is sent after the restart.
            let _ = timeout(LAST_MAIL, worker.close()).await;
        }
        if let Some(signals) = self.signals.get()
            && timeout(LAST_EVENTS, signals.told()).await.is_err()
        {
            log::error!("a listener did not hear of everything before the shutdown");
        }
        self.stop();
    }
}

/// Logs what stops a launch, each fault on a line of its own.
fn tell(fault: &Error) {
    match fault {
        Error::Several(faults) => faults.iter().for_each(tell),
        fault => log::error!("{fault}"),
    }
}

impl<D> Security<D> {
    fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        if let Some(signals) = self.signals.get() {
            signals.close();
        }
    }
}

/// A local client is dropped without a shutdown: tasks and threads go with it.
impl<D> Drop for Security<D> {
    fn drop(&mut self) {
        self.stop();
    }
}

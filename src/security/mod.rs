//! [`Security`]: the fairing that puts everything together.

mod assembly;
pub(crate) mod housekeeping;
mod registry;

use std::any::TypeId;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rocket::Build;
use rocket::Data;
use rocket::Orbit;
use rocket::Request;
use rocket::Response;
use rocket::Rocket;
use rocket::async_trait;
use rocket::fairing;
use rocket::fairing::Fairing;
use rocket::fairing::Info;
use rocket::fairing::Kind;
use rocket::figment::Figment;
use rocket::futures::future::BoxFuture;
use rocket::tokio;
use rocket::tokio::task::JoinHandle;
use rocket::tokio::time::timeout;

use crate::config::Config;
use crate::config::MigrateConfig;
use crate::datastore::SqlxDatastore;
use crate::datastore::TrackStore;
use crate::datastore::UserDatastore;
use crate::error::Result;
use crate::event::Event;
use crate::event::Signals;
use crate::feature::Feature;
use crate::feature::Hooks;
use crate::features::enable_default_features;
use crate::mail::Mailer;
use crate::mail::worker::Worker;
use crate::security::assembly::assemble;
use crate::security::housekeeping::Housekeeping;
use crate::security::registry::Registered;
use crate::security::registry::configure;
use crate::web::Web;
use crate::web::csrf;
use crate::web::page;

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
}

/// How long a shutdown waits for the mail that is being sent.
const LAST_MAIL: Duration = Duration::from_secs(5);

/// What is known before the launch.
struct Setup<D> {
    open: Open<D>,
    features: Vec<Registered<D>>,
    hooks: Vec<Box<dyn Hooks>>,
    mailer: Option<Arc<dyn Mailer>>,
    signals: Signals,
}

/// Gives the store, given the configuration.
type Open<D> = Box<dyn FnOnce(Figment) -> BoxFuture<'static, Result<D>> + Send>;

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
        enable_default_features!(Self::with_store(open))
    }
}

impl<D: UserDatastore + TrackStore> Security<D> {
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
        Self::with_store(Box::new(move |_| Box::pin(async move { Ok(datastore) })))
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
                type_id: TypeId::of::<F>(),
                configure: Box::new(move |figment| Ok(Box::new(configure(feature, figment)?))),
            });
        })
    }

    /// Disables a feature.
    pub fn disable<F: Feature<D>>(self) -> Self {
        self.change(|setup| setup.features.retain(|other| other.type_id != TypeId::of::<F>()))
    }

    /// Adds hooks of the application's own, behind those of the features.
    pub fn hooks(self, hooks: impl Hooks) -> Self {
        self.change(|setup| setup.hooks.push(Box::new(hooks)))
    }

    /// Sends mail by `mailer` instead of `security.mail.url`.
    pub fn mailer(self, mailer: impl Mailer) -> Self {
        self.change(|setup| setup.mailer = Some(Arc::new(mailer)))
    }

    /// Tells `listener` of every event.
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.change(|setup| setup.signals.listen(listener))
    }

    fn with_store(open: Open<D>) -> Self {
        let setup = Setup {
            open,
            features: Vec::new(),
            hooks: Vec::new(),
            mailer: None,
            signals: Signals::default(),
        };
        Self { setup: Mutex::new(Some(setup)), tasks: Mutex::new(Vec::new()) }
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
            kind: Kind::Ignite
                | Kind::Liftoff
                | Kind::Request
                | Kind::Response
                | Kind::Shutdown
                | Kind::Singleton,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(setup) = setup else {
            log::error!("a `Security` can be attached once only");
            return Err(rocket);
        };
        match assemble(setup, &rocket).await {
            Ok(assembly) => Ok(assembly.install(rocket)),
            Err(fault) => {
                log::error!("{fault}");
                Err(rocket)
            }
        }
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
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
        csrf::inspect(request, data).await;
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if let Some(web) = request.rocket().state::<Web>() {
            web.sessions().finish(request, response);
            page::finish(request, web, response);
        }
    }

    async fn on_shutdown(&self, rocket: &Rocket<Orbit>) {
        if let Some(worker) = rocket.state::<Arc<Worker>>() {
            // Whoever is late is sent after the restart.
            let _ = timeout(LAST_MAIL, worker.close()).await;
        }
        self.stop();
    }
}

impl<D> Security<D> {
    fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

/// A local client is dropped without a shutdown: the tasks go with it.
impl<D> Drop for Security<D> {
    fn drop(&mut self) {
        self.stop();
    }
}

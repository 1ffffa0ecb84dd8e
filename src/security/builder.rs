//! The choices of an application before its launch: its store, its features, and its additions.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rocket::fairing::Fairing;
use rocket::tokio::sync::broadcast;
use rocket::tokio::task::JoinHandle;

use crate::config::{Config, MigrateConfig};
use crate::datastore::{
    LapseStore, RefreshStore, RememberStore, SqlxDatastore, TrackStore, UserDatastore,
};
use crate::error::Result;
use crate::event::{Event, Listeners, Signals};
use crate::feature::{Feature, Hooks, Installation};
use crate::features::enable_default_features;
use crate::http::HttpClient;
use crate::mail::Mailer;
use crate::security::registry::{Registered, configure};
use crate::security::setup::{CheckStore, Open, Setup};
use crate::web::presentation::{AsItComes, Presentation};

/// The security of an application: a fairing with its features.
///
/// Begin with [`Security::fairing()`]. To change which features are enabled, begin with
/// [`Security::default()`]. For a store that the application opens itself, use
/// [`Security::with_default_features`], or [`Security::new`], which enables no features:
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
    pub(super) setup: Mutex<Option<Setup<D>>>,
    pub(super) tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Set once the listeners are started.
    pub(super) signals: OnceLock<Signals>,
}

impl Security {
    /// Returns the fairing with the default store and the default features.
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

/// Uses the store in `[default.databases.security]`, and the default features.
impl Default for Security {
    fn default() -> Self {
        let open: Open<SqlxDatastore> = Box::new(|figment| {
            Box::pin(async move {
                let store = SqlxDatastore::connect(&figment).await?;
                log::info!("database: {}", store.database_name());
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
    /// Uses a store that is already open, and the default features, as in [`Security::fairing()`].
    ///
    /// The store is used as it is: `security.migrate` does not apply. If it uses a connection pool of the
    /// application, apply the migrations first:
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
    /// Uses a store that is already open, and no features.
    pub fn new(datastore: D) -> Self {
        Self::with_store(Box::new(move |_| Box::pin(async move { Ok(datastore) })), |_| Ok(()))
    }

    /// Enables a feature, in place of one with the same name. The settings in `[default.security.<name>]`
    /// take precedence over the value given here.
    ///
    /// A feature states as a trait bound what it needs of the store beyond [`UserDatastore`]. [`Track`] needs
    /// a [`TrackStore`], so this compiles:
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
    /// With a store that lacks it,
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

    /// Disables a feature, or the feature that was enabled in its place.
    pub fn disable<F: Feature<D>>(self) -> Self {
        self.change(|setup| setup.features.retain(|other| other.name != F::NAME))
    }

    /// Adds your own hooks. They run after those of the features.
    pub fn hooks(self, hooks: impl Hooks) -> Self {
        self.install(|at| {
            at.hooks(hooks);
            Ok(())
        })
    }

    /// Adds what a feature can add, such as rows that are committed with a registration, without writing a
    /// feature. It is added after the features.
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

    /// Sets how our pages, the user in our answers, and our answers to 401 and 403 are presented.
    pub fn presentation(self, presentation: impl Presentation) -> Self {
        self.change(|setup| setup.presentation = Arc::new(presentation))
    }

    /// Sends mail with `mailer` instead of `security.mail.url`.
    pub fn mailer(self, mailer: impl Mailer) -> Self {
        self.change(|setup| setup.mailer = Some(Arc::new(mailer)))
    }

    /// Asks other services with `client` instead of [`ReqwestClient`](crate::http).
    pub fn http_client(self, client: impl HttpClient) -> Self {
        self.change(|setup| setup.http = Some(Arc::new(client)))
    }

    /// Calls `listener` with every event, in order, on a separate thread. It may block, and a panic does no
    /// harm. If 1,024 events wait for it, further events are dropped for it, and this is logged.
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.change(|setup| setup.listeners.listen(listener))
    }

    /// Calls the asynchronous `listener` with every event, in order, on a separate task. The next event waits
    /// until the listener is done with the last, for 30 seconds at most; then it is aborted. Its queue holds
    /// 1,024 events, as that of [`on_event`](Self::on_event).
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

    /// Returns a receiver of all events, for a task of the application. After the launch, use
    /// [`Signals::subscribe`].
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
            // The launch has failed, so there will be no events.
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
            http: None,
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

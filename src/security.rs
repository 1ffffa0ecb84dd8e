//! [`Security`]: the fairing that puts everything together.

use std::any::TypeId;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use rocket::Build;
use rocket::Data;
use rocket::Orbit;
use rocket::Request;
use rocket::Response;
use rocket::Rocket;
use rocket::Route;
use rocket::State;
use rocket::async_trait;
use rocket::fairing;
use rocket::fairing::Fairing;
use rocket::fairing::Info;
use rocket::fairing::Kind;
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use rocket::futures::future::BoxFuture;
use rocket::get;
use rocket::http::Header;
use rocket::routes;
use rocket::tokio;
use rocket::tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config;
use crate::config::Config;
use crate::config::is_debug;
use crate::crypto::hasher::Hasher;
use crate::crypto::keys::Keyring;
use crate::crypto::keys::Purpose;
use crate::crypto::password::PasswordPolicy;
use crate::datastore::SqlxDatastore;
use crate::datastore::UserDatastore;
use crate::datastore::sqlx::database_url;
use crate::error::Error;
use crate::error::Result;
use crate::event::Event;
use crate::event::Signals;
use crate::feature::Feature;
use crate::feature::Hooks;
use crate::features::enable_default_features;
use crate::flow::Flow;
use crate::flow::FlowParts;
use crate::mail::Mailer;
use crate::mail::capture::CaptureMailer;
use crate::mail::compose::Composer;
use crate::mail::mailer_from_url;
use crate::mail::worker::Bell;
use crate::mail::worker::Worker;
use crate::session::Sessions;
use crate::session::cookie::Cookies;
use crate::template::Embedded;
use crate::template::SHARED;
use crate::template::Templates;
use crate::web::Urls;
use crate::web::Web;
use crate::web::WebParts;
use crate::web::catchers;
use crate::web::csrf;
use crate::web::page;
use crate::web::page::STYLESHEET;
use crate::web::page::register_url_function;

/// The security of an application: a fairing with the features it has.
///
/// [`Security::fairing()`] is the one to begin with. To change what is enabled, begin with
/// [`Security::default()`], or with [`Security::new`] for a store of one's own and no features:
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
    worker: Mutex<Option<JoinHandle<()>>>,
}

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

/// A feature that is enabled, its type forgotten.
struct Registered<D> {
    name: &'static str,
    type_id: TypeId,
    configure: Configure<D>,
}

/// Reads a feature's settings.
type Configure<D> = Box<dyn FnOnce(&Figment) -> Result<Box<dyn Configured<D>>> + Send>;

/// A feature whose value is known.
trait Configured<D>: Send {
    fn name(&self) -> &'static str;
    fn templates(&self) -> &'static [Embedded];
    fn sends_mail(&self) -> bool;
    fn urls(&self) -> Vec<(&'static str, String)>;
    fn routes(&self) -> Vec<Route>;
    fn manage(&self, store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build>;
    fn hooks(&self, store: &Arc<D>) -> Option<Box<dyn Hooks>>;
}

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
                store.migrate().await?;
                Ok(store)
            })
        });
        enable_default_features!(Self::with_store(open))
    }
}

impl<D: UserDatastore> Security<D> {
    /// Uses a store that is open already, and no features.
    pub fn new(datastore: D) -> Self {
        Self::with_store(Box::new(move |_| Box::pin(async move { Ok(datastore) })))
    }

    /// Enables a feature, in place of one of the same name. `[default.security.<name>]` is laid
    /// over the value given here.
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
        Self { setup: Mutex::new(Some(setup)), worker: Mutex::new(None) }
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
        if let Some(worker) = rocket.state::<Arc<Worker>>() {
            let worker = Arc::clone(worker);
            let task = tokio::spawn(async move { worker.run().await });
            *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
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

    async fn on_shutdown(&self, _rocket: &Rocket<Orbit>) {
        if let Some(worker) = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            worker.abort();
        }
    }
}

/// A local client is dropped without a shutdown: its worker goes with it.
impl<D> Drop for Security<D> {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            worker.abort();
        }
    }
}

/// Everything, ready to be handed to Rocket.
struct Assembly<D> {
    store: Arc<D>,
    features: Vec<Box<dyn Configured<D>>>,
    web: Web,
    flow: Flow,
    worker: Arc<Worker>,
    capture: Option<CaptureMailer>,
    stylesheet: Stylesheet,
}

async fn assemble<D: UserDatastore>(
    setup: Setup<D>,
    rocket: &Rocket<Build>,
) -> Result<Assembly<D>> {
    let Setup { open, features, mut hooks, mailer, signals } = setup;
    let figment = rocket.figment();
    let names: Vec<&'static str> = features.iter().map(|feature| feature.name).collect();
    config::check_keys(figment, &names)?;
    let config = Config::from_figment(figment)?;
    let base_url = config.base_url_or_local(figment)?;
    let features: Vec<Box<dyn Configured<D>>> =
        features.into_iter().map(|it| (it.configure)(figment)).collect::<Result<_>>()?;
    let keyring = keyring(&config, figment)?;
    let (mailer, capture) = choose_mailer(mailer, &config, figment, &features)?;
    let urls = urls(&features);
    let templates = Arc::new(load_templates(&features, &urls, figment)?);
    let composer = Composer::new(&config, base_url.clone(), Arc::clone(&templates))?;
    let hasher = Hasher::start(&config.password)?;

    let store = Arc::new(open(figment.clone()).await?);
    let shared: Arc<dyn UserDatastore> = Arc::<D>::clone(&store);
    let (clock, bell) = (Clock::default(), Bell::default());
    let mut feature_hooks: Vec<Box<dyn Hooks>> =
        features.iter().filter_map(|feature| feature.hooks(&store)).collect();
    feature_hooks.append(&mut hooks);
    let cookies = Cookies::new(&keyring, base_url.scheme() == "https")?;
    let worker = Arc::new(Worker::new(
        Arc::clone(&shared),
        mailer,
        composer,
        signals.clone(),
        clock.clone(),
        bell.clone(),
    ));
    let flow = Flow::new(FlowParts {
        store: Arc::clone(&shared),
        hooks: feature_hooks,
        hasher,
        policy: PasswordPolicy::new(&config, &base_url),
        attempt_key: keyring.derive_active(Purpose::Attempts)?,
        throttle: config.throttle.clone(),
        max_sessions: config.session.max_per_user,
        clock: clock.clone(),
        bell,
    });
    let sessions = Sessions::new(shared, cookies, config.session.clone(), clock.clone());
    let stylesheet = Stylesheet(templates.render("security/style.css", &serde_json::json!({}))?);
    let names = features.iter().map(|feature| feature.name()).collect();
    let web = Web::new(WebParts {
        config,
        base_url,
        templates,
        sessions,
        signals,
        clock,
        urls,
        features: names,
    });
    Ok(Assembly { store, features, web, flow, worker, capture, stylesheet })
}

impl<D: UserDatastore> Assembly<D> {
    fn install(self, rocket: Rocket<Build>) -> Rocket<Build> {
        let Self { store, features, web, flow, worker, capture, stylesheet } = self;
        let mut rocket = rocket
            .manage(web)
            .manage(flow)
            .manage(worker)
            .manage(stylesheet)
            .mount("/", routes![style]);
        if let Some(capture) = capture {
            rocket = rocket.manage(capture);
        }
        for feature in &features {
            rocket = feature.manage(&store, rocket).mount("/", feature.routes());
        }
        catchers::register(rocket)
    }
}

/// Reads a feature's settings over the value given in code.
fn configure<D: 'static, F: Feature<D>>(feature: F, figment: &Figment) -> Result<WithValue<F>> {
    let value: F = Figment::from(Serialized::defaults(feature))
        .merge(figment.focus(&format!("security.{}", F::NAME)))
        .select(figment.profile().clone())
        .extract()
        .map_err(|fault| config::from_figment_error(F::NAME, &fault))?;
    value.check()?;
    Ok(WithValue(value))
}

struct WithValue<F>(F);

impl<D, F: Feature<D>> Configured<D> for WithValue<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn templates(&self) -> &'static [Embedded] {
        F::TEMPLATES
    }

    fn sends_mail(&self) -> bool {
        F::SENDS_MAIL
    }

    fn urls(&self) -> Vec<(&'static str, String)> {
        self.0.urls()
    }

    fn routes(&self) -> Vec<Route> {
        self.0.routes()
    }

    fn manage(&self, store: &Arc<D>, rocket: Rocket<Build>) -> Rocket<Build> {
        self.0.manage(store, rocket)
    }

    fn hooks(&self, store: &Arc<D>) -> Option<Box<dyn Hooks>> {
        self.0.hooks(store)
    }
}

/// Finds the keys: configured, Rocket's, or in the debug profile those beside the database.
fn keyring(config: &Config, figment: &Figment) -> Result<Keyring> {
    if !config.keys.0.is_empty() {
        return Keyring::from_paserk(&config.keys.0);
    }
    if let Ok(secret_key) = figment.extract_inner::<String>("secret_key") {
        return Keyring::from_secret_key(&secret_key);
    }
    if !is_debug(figment) {
        return Err(Error::config(
            "keys",
            "is missing, and so is Rocket's secret_key",
            "Make a key with `rocket-security keys generate` and set it",
        ));
    }
    let path = key_file(figment);
    let (keyring, made) = Keyring::from_file_or_new(&path)?;
    if made {
        log::warn!(
            "made keys for development and keeps them in {} (mode 0600); \
             for production set security.keys",
            path.display()
        );
    }
    Ok(keyring)
}

/// Gives the file of the keys of the debug profile: beside the database when that is a file.
fn key_file(figment: &Figment) -> PathBuf {
    let url = database_url(figment).unwrap_or_default();
    let database = url.strip_prefix("sqlite:").unwrap_or_default();
    let database = database.trim_start_matches("//").split('?').next().unwrap_or_default();
    let is_file = !database.is_empty() && !database.starts_with(':');
    let folder = Path::new(database).parent().filter(|_| is_file);
    folder.unwrap_or(Path::new("")).join("security.keys")
}

type ChosenMailer = (Arc<dyn Mailer>, Option<CaptureMailer>);

/// Finds the transport: given in code, configured, or in the debug profile a folder.
fn choose_mailer<D>(
    given: Option<Arc<dyn Mailer>>,
    config: &Config,
    figment: &Figment,
    features: &[Box<dyn Configured<D>>],
) -> Result<ChosenMailer> {
    if let Some(mailer) = given {
        return Ok((mailer, None));
    }
    let url = config.mail.url.as_ref().map(|url| url.expose().as_str());
    match url {
        Some("capture:") => {
            let capture = CaptureMailer::default();
            Ok((Arc::new(capture.clone()), Some(capture)))
        }
        Some(url) => Ok((mailer_from_url(url)?, None)),
        None if is_debug(figment) || features.iter().all(|it| !it.sends_mail()) => {
            Ok((mailer_from_url("file:security-mail")?, None))
        }
        None => Err(Error::config(
            "mail.url",
            "is missing, and features that are enabled send mail",
            "Set it to your mail server, for example \"smtps://user:password@mail.example.org\"",
        )),
    }
}

fn urls<D>(features: &[Box<dyn Configured<D>>]) -> Urls {
    let mut urls: Urls = features.iter().flat_map(|feature| feature.urls()).collect();
    urls.insert("stylesheet", STYLESHEET.to_owned());
    urls
}

fn load_templates<D>(
    features: &[Box<dyn Configured<D>>],
    urls: &Urls,
    figment: &Figment,
) -> Result<Templates> {
    let folder: PathBuf = figment
        .extract_inner::<rocket::figment::value::magic::RelativePathBuf>("template_dir")
        .map_or_else(|_| PathBuf::from("templates"), |path| path.relative());
    let embedded = features.iter().flat_map(|feature| feature.templates()).chain(SHARED).copied();
    Templates::load(embedded, &folder, |tera| register_url_function(tera, urls.clone()))
}

/// The stylesheet, rendered once.
struct Stylesheet(String);

#[get("/security/style.css")]
fn style(stylesheet: &State<Stylesheet>) -> StyleReply {
    StyleReply {
        css: stylesheet.0.clone(),
        cache: Header::new("Cache-Control", "public, max-age=3600"),
        sniff: Header::new("X-Content-Type-Options", "nosniff"),
    }
}

#[derive(rocket::Responder)]
#[response(content_type = "css")]
struct StyleReply {
    css: String,
    cache: Header<'static>,
    sniff: Header<'static>,
}

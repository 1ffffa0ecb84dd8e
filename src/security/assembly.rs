//! Puts everything together, once the configuration is known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocket::figment::Figment;
use rocket::http::{Header, Method};
use rocket::route::Handler;
use rocket::{Build, Data, Request, Rocket, Route, State, async_trait, get, route, routes};
use url::Url;

use crate::clock::Clock;
use crate::config;
use crate::config::{Config, RefreshIn, TokenSource, is_debug};
use crate::crypto::hasher::Hasher;
use crate::crypto::keys::{Keyring, Purpose, generate_paserk};
use crate::crypto::password::PasswordPolicy;
use crate::datastore::UserDatastore;
use crate::datastore::sqlx::database_url;
use crate::datastore::sqlx::name::warn_of_another_database;
use crate::deadline::with_deadline;
use crate::error::{Error, Faults, Result};
use crate::event::{Counted, Listeners, Signals};
use crate::feature::{Announcer, Feature, Hooks};
use crate::features::token_keys::TokenKeys;
use crate::features::{FEATURES, all_templates};
use crate::flow::limits::Limits;
use crate::flow::username::UsernamePolicy;
use crate::flow::{Flow, FlowParts, Judges};
use crate::guard::mechanism::{BASIC, Mechanisms, check_names};
use crate::guard::named::Named;
use crate::mail::capture::CaptureMailer;
use crate::mail::compose::{Composer, Originator};
use crate::mail::subjects::Subjects;
use crate::mail::worker::{Bell, Worker};
use crate::mail::{Mailer, mailer_from_url};
use crate::nearest::nearest;
use crate::security::access_map::{Drawn, Mounted, ROUTES_VARIABLE, RequireGuard};
use crate::security::housekeeping::Housekeeping;
use crate::security::registry::Configured;
use crate::security::survey::Survey;
use crate::security::{Open, Setup, concessions};
use crate::session::Sessions;
use crate::session::cookie::Cookies;
use crate::template::{SHARED, Templates, strangers};
use crate::token::Tokens;
use crate::web::demand::Recorder;
use crate::web::page::{STYLESHEET, register_functions};
use crate::web::presentation::Presentation;
use crate::web::{Urls, Web, WebParts, catchers, csrf, doubled, headers};

/// The feature whose document can be moved.
const TOKEN_KEYS: &str = <TokenKeys as Feature<()>>::NAME;

/// Everything, ready to be handed to Rocket.
pub(super) struct Assembly<D> {
    store: Arc<D>,
    features: Vec<Box<dyn Configured<D>>>,
    web: Web,
    flow: Flow,
    worker: Arc<Worker>,
    housekeeping: Arc<Housekeeping>,
    capture: Option<CaptureMailer>,
    stylesheet: Stylesheet,
    signals: Signals,
    named: Named,
    tokens: Tokens,
}

pub(super) async fn assemble<D: UserDatastore>(
    setup: Setup<D>,
    rocket: &Rocket<Build>,
) -> Result<Assembly<D>> {
    let figment = rocket.figment();
    let Settled {
        config,
        base_url,
        features,
        keyring,
        mailer: (mailer, capture),
        urls,
        templates,
        composer,
        tokens,
        clock,
        rest,
    } = settle(setup, figment)?;
    let Rest { open, mut hooks, presentation, mut listeners } = rest;
    let (hasher, judges) = (Hasher::start(&config.password)?, Judges::start(&config.password)?);
    let store = Arc::new(open(figment.clone()).await?);
    warn_of_another_database(&*store, figment);
    let shared: Arc<dyn UserDatastore> = Arc::<D>::clone(&store);
    let survey = Survey::new(Arc::clone(&shared), hasher.clone());
    survey.step().await?;
    let named = Named::read(config.roles_or_default(figment), &*shared).await?;
    let bell = Bell::default();
    let mut feature_hooks: Vec<Box<dyn Hooks>> = Vec::new();
    for feature in &features {
        feature_hooks.append(&mut feature.hooks(&store, &keyring)?);
    }
    feature_hooks.append(&mut hooks);
    let hooks: Arc<[Box<dyn Hooks>]> = feature_hooks.into();
    let recorders = Arc::clone(&hooks);
    listeners.record(move |events| write_down(Arc::clone(&recorders), events));
    let signals = listeners.start();
    let announcer = Announcer::new(Arc::clone(&hooks), signals.clone());
    let cookies = Cookies::new(&keyring, config.cookies.clone(), base_url.scheme() == "https")?;
    if base_url.scheme() == "https" && !config.cookies.are_bound_to_host() {
        log::warn!(
            "security.cookies: domain or path is set, so that the cookies have no prefix \"__Host-\": other \
             hosts of the domain can plant them"
        );
    }
    let mut cookies = cookies.with_csrf(config.csrf.cookie.clone());
    if config.tokens.reads(TokenSource::Cookie) {
        cookies = cookies.with_token(config.tokens.cookie.clone());
    }
    cookies = cookies.with_refresh(config.tokens.refresh_in == RefreshIn::Cookie);
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
        hooks: Arc::clone(&hooks),
        announcer: announcer.clone(),
        hasher,
        judges,
        policy: PasswordPolicy::new(&config, &base_url),
        usernames: UsernamePolicy::new(&config),
        limits: Limits::new(
            Arc::clone(&shared),
            keyring.derive_active(Purpose::Attempts)?,
            config.throttle.clone(),
        ),
        max_sessions: config.session.max_per_user,
        freshness: config.freshness,
        bell,
    });
    let housekeeping = Arc::new(Housekeeping::new(
        Arc::clone(&shared),
        hooks,
        announcer,
        config.session.clone(),
        clock.clone(),
        survey,
    ));
    let sessions = Sessions::new(shared, cookies, config.session.clone(), clock.clone());
    let stylesheet = Stylesheet(templates.render("security/style.css", &serde_json::json!({}))?);
    let names = offered(&features);
    let web = Web::new(WebParts {
        config,
        base_url,
        templates,
        sessions,
        signals: signals.clone(),
        clock,
        urls,
        features: names,
        presentation,
        is_debug: is_debug(figment),
    });
    Ok(Assembly {
        store,
        features,
        web,
        flow,
        worker,
        housekeeping,
        capture,
        stylesheet,
        signals,
        named,
        tokens,
    })
}

/// What follows from the configuration alone, before the store is opened.
struct Settled<D> {
    config: Config,
    base_url: Url,
    features: Vec<Box<dyn Configured<D>>>,
    keyring: Keyring,
    mailer: ChosenMailer,
    urls: Urls,
    templates: Arc<Templates>,
    composer: Composer,
    tokens: Tokens,
    clock: Clock,
    rest: Rest<D>,
}

/// What the application gave that needs no configuration.
struct Rest<D> {
    open: Open<D>,
    hooks: Vec<Box<dyn Hooks>>,
    presentation: Arc<dyn Presentation>,
    listeners: Listeners,
}

/// Reads the configuration.
///
/// # Errors
///
/// All of its faults, so that one launch tells what would otherwise take several.
fn settle<D: UserDatastore>(setup: Setup<D>, figment: &Figment) -> Result<Settled<D>> {
    let Setup { open, check_store, features, hooks, presentation, mailer, listeners } = setup;
    let mut faults = Faults::default();
    let names: Vec<&'static str> = features.iter().map(|feature| feature.name).collect();
    faults.note(config::check_keys(figment, &names, FEATURES));
    let config = Config::read(figment, &mut faults);
    let base_url = config.base_url_or_local(figment)?;
    faults.note(config.check_proxies(figment, &base_url));
    let sends_mail = features.iter().any(|feature| feature.sends_mail);
    let has_own_mailer = mailer.is_some();
    let features = features.into_iter().map(|it| (it.configure)(figment, &config));
    let features: Vec<Box<dyn Configured<D>>> =
        features.filter_map(|feature| faults.note(feature)).collect();
    faults.note(check_document(&features));
    let keyring = faults.note(keyring(&config, figment));
    let mailer = faults.note(choose_mailer(mailer, &config, figment, sends_mail, &base_url));
    faults.note(check_store(figment));
    faults.note(check_mechanisms(&config, &names));
    let originator = faults.note(Originator::read(&config, &base_url));
    let urls = urls(&features);
    let templates = faults.note(load_templates(&features, &urls, figment)).map(Arc::new);
    let subjects = templates.as_ref().and_then(|it| faults.note(Subjects::render(&config, it)));
    let clock = Clock::default();
    let tokens = Tokens::new(&config, &base_url, keyring.as_ref(), clock.clone());
    let tokens = faults.note(tokens);
    faults.note(concessions::check(&config, figment, has_own_mailer));
    let settled = || {
        let (templates, mails, names) = (templates?, (originator?, subjects?), offered(&features));
        let at = base_url.clone();
        let composer = Composer::new(&config, at, mails, Arc::clone(&templates), names);
        Some(Settled {
            config,
            base_url,
            features,
            keyring: keyring?,
            mailer: mailer?,
            urls,
            templates,
            composer,
            tokens: tokens?,
            clock,
            rest: Rest { open, hooks, presentation, listeners },
        })
    };
    faults.settle(settled())
}

/// Refuses mechanisms that nothing provides, where all features are ours. What a feature of the
/// application's provides shows only when it is [managed](Feature::manage).
fn check_mechanisms(config: &Config, enabled: &[&'static str]) -> Result<()> {
    let is_ours = |name: &&str| FEATURES.iter().any(|(ours, _)| ours == name);
    if !enabled.iter().all(is_ours) {
        return Ok(());
    }
    let provided: &[&str] = if enabled.contains(&BASIC) { &[BASIC] } else { &[] };
    check_names(&config.mechanisms, provided)
}

/// Has the hooks write down what came with no change; tells whether all of them could.
async fn write_down(hooks: Arc<[Box<dyn Hooks>]>, events: Vec<Counted>) -> bool {
    let mut is_written = true;
    for hook in &*hooks {
        if let Err(fault) = hook.happened(&events).await {
            log::error!("a hook could not write down what happened: {fault}");
            is_written = false;
        }
    }
    is_written
}

impl<D: UserDatastore> Assembly<D> {
    /// Gives what tells the listeners.
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) fn install(self, rocket: Rocket<Build>) -> Rocket<Build> {
        let Self {
            store,
            features,
            web,
            flow,
            worker,
            housekeeping,
            capture,
            stylesheet,
            signals,
            named,
            tokens,
        } = self;
        let own =
            routes![style, csrf::refuse_override, doubled::refuse_doubled, headers::refuse_long];
        let mut mounted = Mounted::default();
        mounted.note("security", &own);
        let mut rocket = rocket
            .manage(web)
            .manage(signals)
            .manage(flow)
            .manage(worker)
            .manage(housekeeping)
            .manage(stylesheet)
            .manage(named)
            .manage(Recorder::idle())
            .manage(Drawn::default())
            .manage(Mechanisms::default())
            .manage(tokens.verifier())
            .manage(tokens)
            .mount("/", own);
        if let Some(capture) = capture {
            rocket = rocket.manage(capture);
        }
        for feature in &features {
            let routes = feature.routes().into_iter().map(WithDeadline::route).collect::<Vec<_>>();
            mounted.note(feature.name(), &routes);
            rocket = feature.manage(&store, rocket).mount("/", routes);
        }
        catchers::register(rocket.manage(mounted))
    }
}

/// Returns whether [`keyring`] finds keys, and makes none.
#[cfg(feature = "cli")]
pub(crate) fn has_keys(config: &Config, figment: &Figment) -> bool {
    let is_configured = !config.keys.0.is_empty() || figment.contains("secret_key");
    is_configured || !is_debug(figment) || key_file(figment).exists()
}

/// Finds the keys: configured, Rocket's, or in the debug profile those beside the database, which are
/// made if need be.
///
/// # Errors
///
/// [`Error::Config`] when there are none, or none that are good.
pub fn keyring(config: &Config, figment: &Figment) -> Result<Keyring> {
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
    if std::env::var_os(ROUTES_VARIABLE).is_some() && !path.exists() {
        // To be asked for its routes is no reason for an application to make keys.
        return Keyring::from_paserk(&[generate_paserk()?]);
    }
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
fn choose_mailer(
    given: Option<Arc<dyn Mailer>>,
    config: &Config,
    figment: &Figment,
    sends_mail: bool,
    base_url: &Url,
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
        Some(url) => Ok((mailer_from_url(url, base_url)?, None)),
        None if is_debug(figment) || !sends_mail => {
            Ok((mailer_from_url("file:security-mail", base_url)?, None))
        }
        None => Err(Error::config(
            "mail.url",
            "is missing, and features that are enabled send mail",
            "Set it to your mail server, for example \"smtps://user:password@mail.example.org\"",
        )),
    }
}

/// Refuses a place for the document of public keys at which a page of ours is: that one would be shown.
fn check_document<D>(features: &[Box<dyn Configured<D>>]) -> Result<()> {
    let others = features.iter().filter(|it| it.name() != TOKEN_KEYS);
    let pages = others.flat_map(|it| it.routes()).filter(|it| it.method == Method::Get);
    let taken: Vec<String> = pages.map(|page| page.uri.path().to_owned()).collect();
    let is_taken =
        |path: &str| path == STYLESHEET || taken.iter().any(|taken| leads_to(taken, path));
    let document = features.iter().filter(|it| it.name() == TOKEN_KEYS);
    let places = document.flat_map(|it| it.routes());
    match places.map(|it| it.uri.path().to_owned()).find(|path| is_taken(path)) {
        None => Ok(()),
        Some(path) => Err(Error::config(
            "token_keys.path",
            format!("is \"{path}\", where a page of ours is"),
            "Remove it, or choose a path that is free",
        )),
    }
}

/// Tells whether a path of a route, such as `/confirm/<token>`, leads to this address.
fn leads_to(route: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for wanted in route.split('/') {
        let is_parameter = wanted.starts_with('<');
        if is_parameter && wanted.ends_with("..>") {
            return true;
        }
        match parts.next() {
            Some(part) if is_parameter || part == wanted => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

fn offered<D>(features: &[Box<dyn Configured<D>>]) -> Vec<&'static str> {
    features.iter().filter(|it| it.is_offered()).map(|it| it.name()).collect()
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
    let known: Vec<&str> = embedded.clone().chain(all_templates()).map(|(name, _)| name).collect();
    for name in strangers(&folder, &known)? {
        // All of them are in the same folder: it makes no name more alike.
        let within = known.iter().filter_map(|name| name.strip_prefix("security/"));
        let near = nearest(name.strip_prefix("security/").unwrap_or(&name), within);
        let near = near
            .map_or(String::new(), |near| format!("; most likely it is meant for security/{near}"));
        log::warn!(
            "{}: replaces none of the templates of rocket_security, and no template names it{near}. \
             Rename it, or keep templates of your own outside security/",
            folder.join(&name).display()
        );
    }
    Templates::load(embedded, &folder, |tera| register_functions(tera, urls.clone()))
}

/// A route that waits for the store no longer than a request may, its guards included.
#[derive(Clone)]
struct WithDeadline(Box<dyn Handler>);

impl WithDeadline {
    fn route(mut route: Route) -> Route {
        route.handler = Box::new(Self(route.handler));
        route
    }
}

#[async_trait]
impl Handler for WithDeadline {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        with_deadline(self.0.handle(request, data)).await
    }
}

/// The stylesheet, rendered once.
struct Stylesheet(String);

#[get("/security/style.css")]
fn style(_at_launch: RequireGuard, stylesheet: &State<Stylesheet>) -> StyleReply {
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

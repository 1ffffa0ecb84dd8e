//! Puts everything together, once the configuration is known.

use std::sync::Arc;

use rocket::{Build, Rocket, routes};
use url::Url;

use crate::config::{Config, RefreshIn, TokenSource, is_debug};
use crate::crypto::hasher::Hasher;
use crate::crypto::keys::{Keyring, Purpose};
use crate::crypto::password::PasswordPolicy;
use crate::datastore::UserDatastore;
use crate::datastore::sqlx::warn_of_another_database;
use crate::error::Result;
use crate::event::Signals;
use crate::feature::{Added, Announcer, Factor, Factors, Installation, Moments, write_down};
use crate::flow::limits::Limits;
use crate::flow::username::UsernamesRequired;
use crate::flow::{Flow, Judges};
use crate::guard::mechanism::Mechanisms;
use crate::guard::named::Named;
use crate::mail::capture::CaptureMailer;
use crate::mail::worker::{Bell, Worker};
use crate::programs::{Programs, ProgramsIn};
use crate::security::access_map::{Drawn, Mounted};
use crate::security::housekeeping::Housekeeping;
use crate::security::hurried::WithDeadline;
use crate::security::own_pages::offered;
use crate::security::registry::Configured;
use crate::security::settled::{Rest, Settled, settle};
use crate::security::setup::Setup;
use crate::security::stylesheet::Stylesheet;
use crate::security::survey::Survey;
use crate::session::SessionManager;
use crate::session::cookie::Cookies;
use crate::token::TokenIssuer;
use crate::user::UsernamePolicy;
use crate::web::client_ip::Proxies;
use crate::web::demand::Recorder;
use crate::web::{Site, catchers, doubled, form_start, headers};

/// Everything, ready to be handed to Rocket.
pub(super) struct Assembly<D> {
    parts: Added,
    mechanisms: Mechanisms,
    factors: Factors,
    features: Vec<Box<dyn Configured<D>>>,
    site: Site,
    flow: Flow,
    programs: Programs,
    worker: Arc<Worker>,
    housekeeping: Arc<Housekeeping>,
    capture: Option<CaptureMailer>,
    stylesheet: Stylesheet,
    signals: Signals,
    named: Named,
    tokens: TokenIssuer,
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
    let Rest { open, installs, presentation, mut listeners } = rest;
    let (hasher, judges) = (Hasher::start(&config.password)?, Judges::start(&config.password)?);
    let store = Arc::new(open(figment.clone()).await?);
    warn_of_another_database(&*store, figment);
    let shared: Arc<dyn UserDatastore> = Arc::<D>::clone(&store);
    let survey = Survey::new(Arc::clone(&shared), hasher.clone());
    survey.step().await?;
    let named = Named::read(config.roles_or_default(figment), &*shared).await?;
    let bell = Bell::default();
    let mut parts = Added::default();
    {
        let is_debug = is_debug(figment);
        let mut at = Installation::new(&store, &config, &keyring, &clock, is_debug, &mut parts);
        for feature in &features {
            feature.install(&mut at)?;
        }
        for install in installs {
            install(&mut at)?;
        }
    }
    let mechanisms = Mechanisms::new(parts.take());
    mechanisms.check(&config.mechanisms)?;
    let moments = Moments::new(parts.take(), parts.take(), parts.take());
    let journals: Arc<[_]> = parts.take().into();
    let recorders = Arc::clone(&journals);
    listeners.record(move |events| write_down(Arc::clone(&recorders), events));
    let signals = listeners.start();
    let announcer = Announcer::new(journals, signals.clone(), {
        let bell = bell.clone();
        move || bell.ring()
    });
    let cookies = cookies(&config, &base_url, &keyring)?;
    let worker = Arc::new(Worker::new(
        Arc::clone(&shared),
        mailer,
        composer,
        signals.clone(),
        clock.clone(),
        bell,
    ));
    let max_sessions = config.session.max_per_user;
    let mut programs = Programs::new(Arc::clone(&shared), announcer.clone());
    let tokens = match parts.take::<ProgramsIn>().pop() {
        Some(kept) => programs.keep(kept, tokens, max_sessions),
        None => tokens,
    };
    let names = &config.username;
    let usernames = UsernamePolicy::new(names.min_length, names.max_length, &names.reserved)
        .required(!parts.take::<UsernamesRequired>().is_empty());
    let flow = Flow {
        store: Arc::clone(&shared),
        moments,
        announcer: announcer.clone(),
        hasher,
        judges,
        policy: PasswordPolicy::new(&config, &base_url),
        usernames,
        limits: Limits::new(
            Arc::clone(&shared),
            keyring.derive_active(Purpose::Attempts)?,
            config.throttle.clone(),
        ),
        max_sessions,
        freshness: config.freshness,
        programs: Arc::new(programs.clone()),
    };
    let housekeeping = Arc::new(Housekeeping::new(
        Arc::clone(&shared),
        parts.take(),
        announcer,
        config.session.clone(),
        clock.clone(),
        survey,
    ));
    let sessions = SessionManager::new(shared, cookies, config.session.clone(), clock.clone())
        .restored_by(parts.take().pop());
    let factors = Factors(parts.take::<Box<dyn Factor>>());
    let stylesheet = Stylesheet::render(&templates)?;
    let names = offered(&features);
    let site = Site {
        proxies: Proxies::new(&config),
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
    };
    Ok(Assembly {
        parts,
        mechanisms,
        factors,
        features,
        site,
        flow,
        programs,
        worker,
        housekeeping,
        capture,
        stylesheet,
        signals,
        named,
        tokens,
    })
}

/// Makes what our cookies are made with.
fn cookies(config: &Config, base_url: &Url, keyring: &Keyring) -> Result<Cookies> {
    let cookies = Cookies::new(keyring, config.cookies.clone(), base_url.scheme() == "https")?;
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
    Ok(cookies.with_refresh(config.tokens.refresh_in == RefreshIn::Cookie))
}

impl<D: UserDatastore> Assembly<D> {
    /// Returns what tells the listeners.
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) fn install(self, rocket: Rocket<Build>) -> Rocket<Build> {
        let Self {
            parts,
            mechanisms,
            factors,
            features,
            site,
            flow,
            programs,
            worker,
            housekeeping,
            capture,
            stylesheet,
            signals,
            named,
            tokens,
        } = self;
        let mut own =
            routes![form_start::refuse_override, doubled::refuse_doubled, headers::refuse_long];
        own.extend(Stylesheet::routes());
        let mut mounted = Mounted::default();
        mounted.note("security", &own);
        let mut rocket = rocket
            .manage(site)
            .manage(signals)
            .manage(flow)
            .manage(programs)
            .manage(worker)
            .manage(housekeeping)
            .manage(stylesheet)
            .manage(named)
            .manage(Recorder::idle())
            .manage(Drawn::default())
            .manage(mechanisms)
            .manage(factors)
            .manage(tokens.verifier())
            .manage(tokens)
            .mount("/", own);
        if let Some(capture) = capture {
            rocket = rocket.manage(capture);
        }
        for feature in &features {
            let routes = feature.routes().into_iter().map(WithDeadline::route).collect::<Vec<_>>();
            mounted.note(feature.name(), &routes);
            rocket = rocket.mount("/", routes);
        }
        catchers::register(parts.manage(rocket.manage(mounted)))
    }
}

//! The application whose configuration is found: its settings and its store.

use std::sync::Arc;

use rocket::async_trait;
use rocket::figment::Figment;
use rocket::figment::value::{Dict, Value};
use url::Url;

use crate::cli::terminal::{Failure, note};
use crate::clock::Clock;
use crate::config::{Config, MigrateConfig, check_keys, is_debug};
use crate::crypto::keys::Keyring;
use crate::datastore::audit::AuditHead;
use crate::datastore::outbox::{Asker, NewMail};
use crate::datastore::sqlx::DatabaseName;
use crate::datastore::{
    AuditStore, OutboxStore, RoleStore, SqlxDatastore, Together, UserDatastore,
};
use crate::error::{Error, Faults};
use crate::event::{Event, Listeners, Origin};
use crate::feature::{Announcer, Change, Committed, Feature, Journaling, configured};
use crate::features::audit::Journal;
use crate::features::{DEFAULT_FEATURES, FEATURES};
use crate::security::master_keys::{has_keys, keyring};
use crate::token::TokenIssuer;
use crate::user::{Email, Identity, RoleName, User};

/// A journal that stores the events of changes.
struct Written(Journal);

#[async_trait]
impl Journaling for Written {
    async fn before_commit(&self, event: &Event) -> crate::error::Result<Together> {
        self.0.along(&[event])
    }
}

/// What the commands work on.
pub(crate) struct Application {
    figment: Figment,
    pub(crate) config: Config,
    pub(crate) base_url: Url,
    pub(crate) store: SqlxDatastore,
}

impl Application {
    /// Reads the configuration and opens the store of an existing application. Creates no database, and
    /// changes no schema.
    pub(crate) async fn open() -> Result<Self, Failure> {
        let application = Self::connect(&rocket::Config::figment(), IfMissing::Refuse).await?;
        application.store.check_schema().await?;
        Ok(application)
    }

    /// Does the same for commands before the first start: in the debug profile it creates the database, and
    /// applies the migrations. In any other profile the schema must exist.
    pub(crate) async fn open_or_make() -> Result<Self, Failure> {
        let figment = rocket::Config::figment();
        let if_missing = if is_debug(&figment) { IfMissing::Make } else { IfMissing::Refuse };
        let application = Self::connect(&figment, if_missing).await?;
        if is_debug(&figment) && application.config.migrate == MigrateConfig::OnLaunch {
            application.store.migrate().await?;
        } else {
            application.store.check_schema().await?;
        }
        Ok(application)
    }

    /// Creates the database if it is missing, and applies the migrations in any profile.
    pub(crate) async fn open_and_migrate() -> Result<Self, Failure> {
        let application = Self::connect(&rocket::Config::figment(), IfMissing::Make).await?;
        application.store.migrate().await?;
        Ok(application)
    }

    async fn connect(figment: &Figment, if_missing: IfMissing) -> Result<Self, Failure> {
        // An unreadable file would look like one that sets nothing, unless Rocket's part of the
        // configuration is read first.
        rocket::Config::try_from(figment).map_err(|fault| {
            Failure::refused(format!("Rocket's configuration cannot be read: {fault}"))
        })?;
        let (config, base_url) = read(figment).map_err(|fault| with_profile(fault, figment))?;
        let name = DatabaseName::configured(figment).map_err(|it| with_profile(it, figment))?;
        let missing = name.filter(DatabaseName::is_missing);
        if let (Some(name), IfMissing::Refuse) = (&missing, if_missing) {
            return Err(no_database(name));
        }
        let store = SqlxDatastore::connect(figment).await;
        let store = store.map_err(|fault| with_profile(fault, figment))?;
        let name = store.database_name();
        note(match missing {
            Some(_) => format!("Database: {name}, just created"),
            None => format!("Database: {name}"),
        });
        Ok(Self { figment: figment.clone(), config, base_url, store })
    }

    /// Returns a feature with its settings. It is not known here whether the application enables it.
    pub(crate) fn feature<F: Feature<SqlxDatastore>>(&self, feature: F) -> Result<F, Failure> {
        Ok(configured(feature, &self.figment, &self.config)?)
    }

    /// Returns the journal of the feature `audit`, for reading. Generates no keys.
    pub(crate) fn journal(&self) -> Result<Journal, Failure> {
        require_keys(&self.config, &rocket::Config::figment())?;
        self.journal_to_write()
    }

    fn journal_to_write(&self) -> Result<Journal, Failure> {
        let figment = rocket::Config::figment();
        let is_made = !has_keys(&self.config, &figment);
        let keyring = keyring(&self.config, &figment)?;
        if is_made {
            note("Keys: just created in security.keys, beside the database".to_owned());
        }
        Ok(Journal::new(Arc::new(self.store.clone()), &keyring)?)
    }

    /// Prepares a change of the store with its event. It is committed with its row in the journal, if there
    /// is a journal. Only the application knows whether the feature is enabled; a journal that has a row or
    /// settings is continued.
    pub(crate) async fn change(&self, event: Event) -> Result<Change, Failure> {
        let journals: Arc<[Box<dyn Journaling>]> = match self.journal_if_any().await? {
            Some(journal) => Arc::new([Box::new(Written(journal))]),
            None => Arc::new([]),
        };
        // The application's worker looks for mail by itself.
        let announcer = Announcer::new(journals, Listeners::default().start(), || {});
        Ok(announcer.change(event))
    }

    /// Makes a change of the store that consists of one step, with its event.
    pub(crate) async fn commit<T: Committed>(
        &self,
        event: Event,
        act: impl AsyncFnOnce(&SqlxDatastore, &Together) -> crate::error::Result<T>,
    ) -> Result<T, Failure> {
        let change = self.change(event).await?;
        Ok(change.commit(async |with| act(&self.store, with).await).await?)
    }

    /// Stores an event without a change, if there is a journal.
    pub(crate) async fn write_down(&self, event: &Event) -> Result<(), Failure> {
        match self.journal_if_any().await? {
            Some(journal) => Ok(journal.append(&[event]).await?),
            None => Ok(()),
        }
    }

    async fn journal_if_any(&self) -> Result<Option<Journal>, Failure> {
        let has_settings = rocket::Config::figment().contains("security.audit");
        if !has_settings && self.store.find_audit_head().await? == AuditHead::empty() {
            return Ok(None);
        }
        self.journal_to_write().map(Some)
    }

    /// Finds an account, or fails with a message that there is none.
    pub(crate) async fn find(&self, email: &Email) -> Result<User, Failure> {
        let found = self.store.find_credentials(&Identity::Email(email.clone())).await?;
        found.map(|found| found.user).ok_or_else(|| no_account(email))
    }

    /// Puts a mail that an operator asks for in the outbox.
    pub(crate) async fn post(&self, mail: NewMail) -> Result<(), Failure> {
        let authn_via = origin().authn_via;
        let mail = mail.asked_by(Asker { authn_via, ..Asker::default() });
        Ok(self.store.commit(&Together::mail(vec![mail])).await?)
    }

    /// Fails if one of these roles does not exist, and says how to create it.
    pub(crate) async fn check_roles(&self, names: &[RoleName]) -> Result<(), Failure> {
        let known = self.store.list_roles().await?;
        match names.iter().find(|name| known.iter().all(|role| role.name != **name)) {
            None => Ok(()),
            Some(name) => Err(unknown_role(name)),
        }
    }
}

/// Reads and checks in the order of the launch, so that both find the same error first.
fn read(figment: &Figment) -> Result<(Config, Url), Error> {
    let tables = feature_tables(figment);
    let features = DEFAULT_FEATURES.iter().copied().chain(tables.iter().map(String::as_str));
    let mut faults = Faults::default();
    faults.note(check_keys(figment, &features.collect::<Vec<_>>(), FEATURES));
    let config = faults.note(Config::from_figment(figment));
    let config = faults.settle(config)?;
    let base_url = config.base_url_or_local(figment)?;
    Ok((config, base_url))
}

/// What a command does if there is no database yet.
enum IfMissing {
    Make,
    Refuse,
}

fn no_database(name: &DatabaseName) -> Failure {
    Failure::refused(format!(
        "there is no database {name}. Run this in the application's folder, and set url in \
         [default.databases.security] to the database that the application uses; or make one with \
         `rocket-security migrate`"
    ))
}

/// Refuses to continue without keys: keys that are generated now have sealed and signed nothing.
fn require_keys(config: &Config, figment: &Figment) -> Result<(), Failure> {
    if has_keys(config, figment) { Ok(()) } else { Err(no_keys()) }
}

fn no_keys() -> Failure {
    Failure::refused(
        "there are no keys yet. Run this in the application's folder after the application has started \
         once, or set security.keys to a key of `rocket-security keys generate`",
    )
}

/// Returns the issuer of the application's tokens, which also verifies them. Needs no store. In the debug
/// profile it generates keys if there are none.
pub(crate) fn tokens_to_issue() -> Result<TokenIssuer, Failure> {
    tokens(|config, figment| keyring(config, figment).map(Some))
}

/// Returns a verifier of the application's tokens. Generates no keys: without any, only the keys configured
/// for tokens are used.
pub(crate) fn tokens_to_verify() -> Result<TokenIssuer, Failure> {
    let tokens = tokens(|config, figment| {
        has_keys(config, figment).then(|| keyring(config, figment)).transpose()
    })?;
    if tokens.keys().is_empty() { Err(no_keys()) } else { Ok(tokens) }
}

fn tokens(
    keyring: impl FnOnce(&Config, &Figment) -> Result<Option<Keyring>, Error>,
) -> Result<TokenIssuer, Failure> {
    let figment = rocket::Config::figment();
    let config = Config::from_figment(&figment).map_err(|fault| with_profile(fault, &figment))?;
    let read = || {
        let base_url = config.base_url_or_local(&figment)?;
        let keyring = keyring(&config, &figment)?;
        TokenIssuer::new(&config, &base_url, keyring.as_ref(), Clock::default())
    };
    read().map_err(|fault| with_profile(fault, &figment))
}

/// Returns the origin of an event that an operator causes now.
pub(crate) fn origin() -> Origin {
    Origin::new(Clock::default().now(), None).within(None, Some("command_line".to_owned()))
}

/// Returns the error for an address without an account.
pub(crate) fn no_account(email: &Email) -> Failure {
    Failure::refused(format!(
        "{email} has no account. List the accounts with `rocket-security users list`"
    ))
}

/// Returns the error for an unknown role, with how to create it.
pub(crate) fn unknown_role(name: &RoleName) -> Failure {
    Failure::refused(format!(
        "there is no role \"{name}\". Create it with `rocket-security roles create {name}`, or list \
         those there are with `rocket-security roles list`"
    ))
}

/// Returns the tables in `[default.security]`. Each may belong to a feature, and only the application knows
/// which features are enabled. A key that is not a table is misspelt.
fn feature_tables(figment: &Figment) -> Vec<String> {
    let given = figment.extract_inner::<Dict>("security").unwrap_or_default();
    given
        .into_iter()
        .filter(|(_, value)| matches!(value, Value::Dict(..)))
        .map(|(key, _)| key)
        .collect()
}

/// Adds which profile was read if none was chosen: an installed program is built for release, while
/// `cargo run` starts the application in the debug profile.
fn with_profile(fault: Error, figment: &Figment) -> Failure {
    let is_chosen = std::env::var_os("ROCKET_PROFILE").is_some();
    if is_chosen || is_debug(figment) || !matches!(fault, Error::Config { .. }) {
        return Failure::Fault(fault);
    }
    let profile = figment.profile();
    Failure::refused(format!(
        "{fault}. This was read for the profile \"{profile}\"; an application started by \
         `cargo run` has \"debug\", which ROCKET_PROFILE=debug chooses here"
    ))
}

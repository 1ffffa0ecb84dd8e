//! `rocket-security personal-tokens …`.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::application::{Application, origin};
use crate::cli::terminal::{Failure, id_of, note, print, print_table};
use crate::clock::Clock;
use crate::datastore::PersonalTokenStore;
use crate::datastore::personal_token::PersonalTokenRecord;
use crate::event::Event;
use crate::user::{Email, ScopeName};

/// The commands for personal access tokens.
#[derive(Subcommand)]
pub(crate) enum PersonalTokensCommand {
    /// Lists the personal access tokens of an account, the newest first; the secrets are never shown again
    List {
        /// The address of the account
        email: Email,
        /// Prints one JSON object for each line
        #[arg(long)]
        json: bool,
    },
    /// Revokes a personal access token of an account, or all of them, from the next request on
    ///
    /// The id is the one that `personal-tokens list` shows.
    #[command(verbatim_doc_comment)]
    Revoke {
        /// The address of the account
        email: Email,
        /// The id of the token
        #[arg(value_parser = id_of("personal-tokens list"), conflicts_with = "all")]
        token: Option<Uuid>,
        /// Revokes all of them
        #[arg(long)]
        all: bool,
    },
}

/// Runs one of these commands.
pub(crate) async fn run(command: PersonalTokensCommand) -> Result<(), Failure> {
    if matches!(&command, PersonalTokensCommand::Revoke { token: None, all: false, .. }) {
        return Err(Failure::Misspelt("no token is named. Give the id, or --all"));
    }
    let application = Application::open().await?;
    match command {
        PersonalTokensCommand::List { email, json } => list(&application, &email, json).await,
        PersonalTokensCommand::Revoke { email, token, all: _ } => {
            revoke(&application, &email, token).await
        }
    }
}

/// A token, as it is listed.
#[derive(Serialize)]
struct Listed {
    id: Uuid,
    name: String,
    scopes: Vec<ScopeName>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    is_expired: bool,
}

impl Listed {
    fn of(token: PersonalTokenRecord, now: DateTime<Utc>) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            is_expired: token.expires_at.is_some_and(|end| end <= now),
        }
    }
}

async fn list(application: &Application, email: &Email, json: bool) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let tokens = application.store.list_personal_tokens(user.id).await?;
    if tokens.is_empty() && !json {
        note(format_args!("{email} has no personal tokens."));
        return Ok(());
    }
    let now = Clock::default().now();
    let listed = tokens.into_iter().map(|token| Listed::of(token, now));
    if json {
        for token in listed {
            let line =
                serde_json::to_string(&token).map_err(|fault| Failure::Output(fault.into()))?;
            print(line)?;
        }
        return Ok(());
    }
    let said = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let maybe = |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), said);
    let row = |token: Listed| {
        let scopes: Vec<&str> = token.scopes.iter().map(ScopeName::as_str).collect();
        [
            token.id.to_string(),
            said(token.created_at),
            maybe(token.expires_at),
            maybe(token.last_used_at),
            scopes.join(" "),
            token.name,
        ]
    };
    print_table(["ID", "SINCE", "UNTIL", "LAST USED", "SCOPES", "NAME"], listed.map(row).collect())
}

async fn revoke(
    application: &Application,
    email: &Email,
    chosen: Option<Uuid>,
) -> Result<(), Failure> {
    let user = application.find(email).await?.id;
    let mut revoked: usize = 0;
    for token in application.store.list_personal_tokens(user).await? {
        if chosen.is_some_and(|chosen| chosen != token.id) {
            continue;
        }
        let event = Event::PersonalTokenRevoked { user, token: token.id, origin: origin() };
        let is_revoked = application
            .commit(event, async |store, with| {
                store.revoke_personal_token(user, token.id, with).await
            })
            .await?;
        revoked += usize::from(is_revoked);
    }
    match (chosen, revoked) {
        (Some(chosen), 0) => Err(Failure::refused(format!(
            "{email} has no token {chosen}. List those there are with `rocket-security \
             personal-tokens list {email}`"
        ))),
        (None, 0) => print(format_args!("{email} has no personal tokens.")),
        (_, 1) => print("1 token is revoked."),
        (_, revoked) => print(format_args!("{revoked} tokens are revoked.")),
    }
}

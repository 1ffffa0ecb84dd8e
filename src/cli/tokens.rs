//! `rocket-security tokens …`.

mod revoke;
mod verify;

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::cli::application::{Application, origin, tokens_to_issue};
use crate::cli::terminal::{Failure, note, print, print_table};
use crate::cli::tokens::revoke::Revoke;
use crate::cli::tokens::verify::Verify;
use crate::clock::Clock;
use crate::crypto::random_uuid;
use crate::datastore::RefreshStore;
use crate::datastore::refresh::FamilyRecord;
use crate::event::Event;
use crate::user::Email;
use crate::web::device::device;

/// The commands for tokens.
#[derive(Subcommand)]
pub(crate) enum TokensCommand {
    /// Issues an access token for an account, as the application would; a journal records it
    Issue(Issue),
    /// Verifies the token on the first line of standard input, and prints its content
    ///
    /// A token that is not accepted is refused with the reason that the application would return. Whatever
    /// security.tokens.check says, the store is asked whether the token was revoked, and whether its account,
    /// program or session has changed. If only the keys are available, --keys-only checks whether it is
    /// genuine and not expired.
    #[command(verbatim_doc_comment)]
    Verify(Verify),
    /// Lists the programs that are logged in to an account, the newest first
    List {
        /// The address of the account
        email: Email,
        /// Prints one JSON object for each line
        #[arg(long)]
        json: bool,
    },
    /// Revokes tokens and logs programs out, from the next request on
    ///
    /// --user ends everything that grants access to the account but its password: programs, sessions,
    /// remembered browsers, mailed links, personal access tokens, and every other access token. --family logs
    /// out one program, by the id that `tokens list` shows. --token revokes a single token, and no other
    /// token of its program; with --kind refresh it logs the program out. --jti revokes a single token by the
    /// id that `tokens verify` prints, with --issuer for a token of a trusted issuer. A token of a trusted
    /// issuer without an id cannot be revoked.
    #[command(verbatim_doc_comment)]
    Revoke(Revoke),
}

/// The content of a new token.
#[derive(Args)]
pub(crate) struct Issue {
    /// The address of the account
    email: Email,
    /// More claims, as a JSON object
    #[arg(long, value_parser = parse_object)]
    claims: Option<Map<String, Value>>,
    /// More for the footer, as a JSON object
    #[arg(long, value_parser = parse_object)]
    footer: Option<Map<String, Value>>,
    /// The audience, in place of the configured one
    #[arg(long)]
    audience: Vec<String>,
    /// How long the token is valid, such as "15m"
    #[arg(long, value_parser = humantime::parse_duration)]
    lifetime: Option<Duration>,
    /// Encrypts the token, whatever is configured
    #[arg(long, conflicts_with = "public")]
    local: bool,
    /// Signs the token, whatever is configured
    #[arg(long)]
    public: bool,
    /// Omits what verifiers by others may not support: the id of the key, and the implicit assertion. This
    /// application does not accept such a token
    #[arg(long)]
    plain: bool,
}

fn parse_object(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(text)
}

/// Runs one of these commands.
pub(crate) async fn run(command: TokensCommand) -> Result<(), Failure> {
    match command {
        TokensCommand::Issue(wish) => issue(wish).await,
        TokensCommand::Verify(wish) => verify::run(wish).await,
        TokensCommand::List { email, json } => {
            list(&Application::open().await?, &email, json).await
        }
        TokensCommand::Revoke(wish) => revoke::run(wish).await,
    }
}

/// A program, as it is listed.
#[derive(Serialize)]
struct Listed {
    id: Uuid,
    created_at: DateTime<Utc>,
    refreshed_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    authn_via: String,
    client: Option<String>,
    device: String,
}

impl From<FamilyRecord> for Listed {
    fn from(family: FamilyRecord) -> Self {
        Self {
            id: family.id,
            created_at: family.created_at,
            refreshed_at: family.rotated_at,
            expires_at: family.idle_expires_at,
            authn_via: family.proofs.authn_via().to_owned(),
            client: family.client.map(|client| client.to_string()),
            device: device(family.user_agent.as_deref()),
        }
    }
}

async fn list(application: &Application, email: &Email, json: bool) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let now = Clock::default().now();
    let mut families = application.store.list_families(user.id).await?;
    families.retain(|family| family.is_alive(now));
    if families.is_empty() && !json {
        note(format_args!("{email} has no logged-in programs."));
        return Ok(());
    }
    let listed = families.into_iter().map(Listed::from);
    if json {
        for program in listed {
            let line =
                serde_json::to_string(&program).map_err(|fault| Failure::Output(fault.into()))?;
            print(line)?;
        }
        return Ok(());
    }
    let said = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let row = |program: Listed| {
        [
            program.id.to_string(),
            said(program.created_at),
            said(program.refreshed_at),
            said(program.expires_at),
            program.client.unwrap_or_else(|| "-".to_owned()),
            program.device,
        ]
    };
    print_table(["ID", "SINCE", "REFRESHED", "ENDS", "FROM", "DEVICE"], listed.map(row).collect())
}

async fn issue(wish: Issue) -> Result<(), Failure> {
    let application = Application::open().await?;
    let user = application.find(&wish.email).await?;
    if !user.is_open() {
        let fault = format!("{} has an account that is not open. No token is issued", wish.email);
        return Err(Failure::refused(fault));
    }
    let (tokens, id) = (tokens_to_issue()?, random_uuid()?);
    let mut token = tokens.access(&user).id(id);
    if let Some(claims) = wish.claims {
        token = token.claims(claims);
    }
    if let Some(footer) = wish.footer {
        token = token.footer(footer);
    }
    for audience in wish.audience {
        token = token.audience(audience);
    }
    if let Some(lifetime) = wish.lifetime {
        token = token.lifetime(lifetime);
    }
    if wish.local {
        token = token.local();
    }
    if wish.public {
        token = token.public();
    }
    if wish.plain {
        token = token.plain();
    }
    let token = token.issue()?;
    let event = Event::TokenIssued { user: user.id, token: id, origin: origin() };
    application.write_down(&event).await?;
    print(token)
}

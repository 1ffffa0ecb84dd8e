//! `rocket-security tokens …`.

use std::time::Duration;

use clap::Args;
use clap::Subcommand;
use rocket_security::Email;
use rocket_security::token::Access;
use rocket_security::token::MAX_TOKEN_BYTES;
use rocket_security::token::Verified;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::application::Application;
use crate::application::tokens;
use crate::terminal::Failure;
use crate::terminal::print;
use crate::terminal::read_line;

/// The commands for tokens.
#[derive(Subcommand)]
pub(crate) enum TokensCommand {
    /// Issues an access token for an account, as the application would
    Issue(Issue),
    /// Verifies the access token on the first line of standard input, and prints what it says
    ///
    /// A token that is not accepted is refused with the reason that the application would give.
    #[command(verbatim_doc_comment)]
    Verify,
}

/// What a token is to say.
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
    /// Whom it is for, in place of the configured audience
    #[arg(long)]
    audience: Vec<String>,
    /// How long it lasts, such as "15m"
    #[arg(long, value_parser = humantime::parse_duration)]
    lifetime: Option<Duration>,
    /// Encrypts it, whatever is configured
    #[arg(long, conflicts_with = "public")]
    local: bool,
    /// Signs it, whatever is configured
    #[arg(long)]
    public: bool,
    /// Leaves out what verifiers of other makes may not know: the id of the key, and the implicit
    /// assertion
    #[arg(long)]
    plain: bool,
}

fn parse_object(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(text)
}

/// Runs one of them.
pub(crate) async fn run(command: TokensCommand) -> Result<(), Failure> {
    match command {
        TokensCommand::Issue(wish) => issue(wish).await,
        TokensCommand::Verify => verify(),
    }
}

async fn issue(wish: Issue) -> Result<(), Failure> {
    let user = Application::open().await?.find(&wish.email).await?;
    let tokens = tokens()?;
    let mut token = tokens.access(&user);
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
    print(token.issue()?)
}

fn verify() -> Result<(), Failure> {
    let verifier = tokens()?.verifier();
    let token = read_line(MAX_TOKEN_BYTES)?;
    let verified: Verified<Map<String, Value>, Access> = verifier
        .verify(token.expose().trim_end())
        .map_err(|fault| Failure::refused(format!("{} ({})", fault, fault.reason())))?;
    print(json!({
        "issuer": verified.issuer(),
        "is_foreign": verified.is_foreign(),
        "subject": verified.subject(),
        "audience": verified.audience(),
        "expires_at": verified.expires_at(),
        "not_before": verified.not_before(),
        "issued_at": verified.issued_at(),
        "id": verified.id(),
        "session": verified.session(),
        "epoch": verified.epoch(),
        "key": verified.key_id(),
        "footer": verified.footer(),
        "claims": verified.claims,
    }))
}

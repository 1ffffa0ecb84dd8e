//! `rocket-security tokens …`.

use std::time::Duration;

use chrono::DateTime;
use chrono::TimeDelta;
use chrono::Utc;
use clap::Args;
use clap::Subcommand;
use rocket_security::Email;
use rocket_security::Event;
use rocket_security::UserId;
use rocket_security::clock::Clock;
use rocket_security::clock::Timestamp;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::Denylist;
use rocket_security::datastore::RefreshStore;
use rocket_security::datastore::UserDatastore;
use rocket_security::datastore::refresh::FamilyRecord;
use rocket_security::datastore::user::UserChange;
use rocket_security::event::SessionEnd;
use rocket_security::token::Access;
use rocket_security::token::MAX_TOKEN_BYTES;
use rocket_security::token::Verified;
use rocket_security::token::denied_as;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

use crate::application::Application;
use crate::application::origin;
use crate::application::tokens;
use crate::terminal::Failure;
use crate::terminal::note;
use crate::terminal::print;
use crate::terminal::print_table;
use crate::terminal::read_line;

/// The commands for tokens.
#[derive(Subcommand)]
pub(crate) enum TokensCommand {
    /// Issues an access token for an account, as the application would; a journal tells of it
    Issue(Issue),
    /// Verifies the access token on the first line of standard input, and prints what it says
    ///
    /// A token that is not accepted is refused with the reason that the application would give.
    #[command(verbatim_doc_comment)]
    Verify,
    /// Lists the programs that the owner of an account is logged in with, the newest first
    List {
        /// The address of the account
        #[arg(long, value_name = "EMAIL")]
        user: Email,
        /// Prints JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Ends what programs are logged in with; their next request is nobody's
    ///
    /// --user ends everything that opens the account but its password: programs, sessions,
    /// remembered browsers, mailed links, personal access tokens, and every access token, also of
    /// those that belong to none of these. --family logs out one program, by the id of `tokens
    /// list`. --token denies one token, and no other of its program; so does --jti, by the id that
    /// `tokens verify` prints, with --issuer for a token of a trusted issuer. One of those that has
    /// no id cannot be denied.
    #[command(verbatim_doc_comment)]
    Revoke(Revoke),
}

/// What is ended otherwise than by its id. A group that is there already keeps clap from requiring the id.
const OTHERS: [&str; 3] = ["user", "family", "token"];

/// What is to be ended.
#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    what: What,
    /// How long a token is denied: at least until it expires
    #[arg(
        long,
        value_parser = humantime::parse_duration,
        default_value = "3650days",
        requires = "jti",
        conflicts_with_all = OTHERS
    )]
    keep: Duration,
    /// Whose token it is, where it is not one of ours: an `iss` of security.tokens.trusted
    #[arg(long, value_name = "ISS", requires = "jti", conflicts_with_all = OTHERS)]
    issuer: Option<String>,
}

/// One of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The address of an account
    #[arg(long, value_name = "EMAIL")]
    user: Option<Email>,
    /// The id of a program's login
    #[arg(long, value_name = "ID")]
    family: Option<Uuid>,
    /// The id of a token
    #[arg(long)]
    jti: Option<String>,
    /// Reads an access token from the first line of standard input
    #[arg(long)]
    token: bool,
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
        TokensCommand::List { user, json } => list(&Application::open().await?, &user, json).await,
        TokensCommand::Revoke(Revoke { what, keep, issuer }) => {
            let application = Application::open().await?;
            match (what.user, what.family, what.jti) {
                (Some(user), _, _) => revoke_all(&application, &user).await,
                (_, Some(family), _) => revoke_family(&application, family).await,
                (_, _, Some(jti)) => deny_id(&application, issuer.as_deref(), &jti, keep).await,
                (_, _, None) => deny_token(&application).await,
            }
        }
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
    user_agent: Option<String>,
}

impl From<FamilyRecord> for Listed {
    fn from(family: FamilyRecord) -> Self {
        Self {
            id: family.id,
            created_at: family.created_at,
            refreshed_at: family.rotated_at,
            expires_at: family.idle_expires_at,
            authn_via: family.authn_via,
            client: family.client.map(|client| client.to_string()),
            user_agent: family.user_agent,
        }
    }
}

async fn list(application: &Application, email: &Email, json: bool) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let now = Clock::default().now();
    let mut families = application.store.list_families(user.id).await?;
    families.retain(|family| family.is_alive(now));
    if families.is_empty() && !json {
        note(format_args!("{email} is logged in with no program."));
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
            program.user_agent.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    print_table(["ID", "SINCE", "REFRESHED", "ENDS", "FROM", "DEVICE"], listed.map(row).collect())
}

async fn revoke_all(application: &Application, email: &Email) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let event = Event::TokensRevoked { user: user.id, origin: origin() };
    let together = application.along(&[event]).await?;
    // A change of nothing ends whatever is older than it.
    let change = UserChange::default();
    match application.store.update_user(user.id, &change, &together).await? {
        Some(_) => print(format_args!(
            "Whatever {email} was logged in with is ended, and every token of theirs, personal ones too."
        )),
        None => Err(Failure::refused(format!("{email} was deleted a moment ago"))),
    }
}

async fn revoke_family(application: &Application, id: Uuid) -> Result<(), Failure> {
    let unknown = || {
        Failure::refused(format!(
            "no program is logged in by the id {id}. List those of an account with \
             `rocket-security tokens list --user EMAIL`"
        ))
    };
    let family = application.store.find_family(id).await?.ok_or_else(unknown)?;
    let (user, reason) = (family.user_id, SessionEnd::ByOperator);
    let event = Event::RefreshTrackerRevoked { user, family: id, reason, origin: origin() };
    let together = application.along(&[event]).await?;
    if application.store.end_family(user, id, &together).await? {
        return print("That program is logged out.");
    }
    Err(unknown())
}

/// Denies a token of which the id is known.
async fn deny_id(
    application: &Application,
    issuer: Option<&str>,
    jti: &str,
    keep: Duration,
) -> Result<(), Failure> {
    let denied_as = denied_as(issuer, jti);
    let trusted = &application.config.tokens.trusted;
    match issuer {
        Some(issuer) if trusted.iter().all(|entry| entry.iss != issuer) => {
            return Err(Failure::refused(format!(
                "{issuer} is no `iss` of security.tokens.trusted. Leave --issuer out for a token of ours"
            )));
        }
        None if denied_as != jti => {
            return Err(Failure::refused(format!(
                "{jti:?} is no id of a token of ours. Say with --issuer whose it is, or pipe the token \
                 into `rocket-security tokens revoke --token`"
            )));
        }
        _ if jti.is_empty() => return Err(Failure::refused("a token without id cannot be denied")),
        _ => {}
    }
    let now = Clock::default().now();
    let keep = TimeDelta::from_std(keep).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(36_500));
    deny(application, None, &denied_as, now.checked_add_signed(keep).unwrap_or(now)).await
}

/// Denies the token on standard input, until it expires.
async fn deny_token(application: &Application) -> Result<(), Failure> {
    let token = read_token()?;
    let without_id = || Failure::refused("the token has no id, `jti`, so that it cannot be denied");
    let denied_as = token.denied_as().ok_or_else(without_id)?;
    let about = token.epoch().filter(|_| !token.is_foreign()).and_then(|_| token.subject());
    let user = about.and_then(|subject| subject.parse().ok());
    deny(application, user, &denied_as, token.denied_until(Clock::default().now())).await
}

async fn deny(
    application: &Application,
    user: Option<UserId>,
    denied_as: &str,
    until: Timestamp,
) -> Result<(), Failure> {
    let event = Event::TokenDenied { user, token: denied_as.to_owned(), origin: origin() };
    let together = application.along(&[event]).await?;
    match application.store.deny(denied_as, until, &together).await? {
        true => print("That token is denied."),
        false => print("That token was denied already."),
    }
}

async fn issue(wish: Issue) -> Result<(), Failure> {
    let application = Application::open().await?;
    let user = application.find(&wish.email).await?;
    let (tokens, id) = (tokens()?, random_uuid()?);
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

/// Reads a token from standard input, and verifies it.
fn read_token() -> Result<Verified<Map<String, Value>, Access>, Failure> {
    let verifier = tokens()?.verifier();
    let token = read_line(MAX_TOKEN_BYTES)?;
    verifier
        .verify(token.expose().trim_end())
        .map_err(|fault| Failure::refused(format!("{} ({})", fault, fault.reason())))
}

fn verify() -> Result<(), Failure> {
    let verified = read_token()?;
    print(json!({
        "issuer": verified.issuer(),
        "is_foreign": verified.is_foreign(),
        "subject": verified.subject(),
        "audience": verified.audience(),
        "expires_at": verified.expires_at(),
        "not_before": verified.not_before(),
        "issued_at": verified.issued_at(),
        "id": verified.id(),
        "denied_as": verified.denied_as(),
        "session": verified.session(),
        "family": verified.family(),
        "epoch": verified.epoch(),
        "key": verified.key_id(),
        "footer": verified.footer(),
        "claims": verified.claims,
    }))
}

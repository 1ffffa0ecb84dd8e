//! `rocket-security tokens revoke`.

use clap::Args;
use uuid::Uuid;

use crate::cli::application::{Application, origin};
use crate::cli::terminal::{Failure, id_of, print};
use crate::cli::tokens::verify::{Token, read_token};
use crate::clock::{Clock, Timestamp};
use crate::datastore::user::UserChange;
use crate::datastore::{Denylist, RefreshStore, UserDatastore};
use crate::event::{Event, SessionEnd};
use crate::token::denied::{denied_as, denied_at_most_until};
use crate::token::{Access, Refresh, TokenKind};
use crate::user::{Email, UserId};

/// The arguments that exclude an id. They are in a group already, which keeps clap from requiring the id.
const OTHERS: [&str; 3] = ["user", "family", "token"];

/// The arguments that exclude a token.
const NO_TOKEN: [&str; 3] = ["user", "family", "jti"];

/// The arguments of `tokens revoke`.
#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    what: What,
    /// The issuer, if it is not this application: an `iss` of security.tokens.trusted
    #[arg(long, value_name = "ISS", requires = "jti", conflicts_with_all = OTHERS)]
    issuer: Option<String>,
    /// The kind of the token that is read: "access" by default, "refresh", or one of the application's own
    #[arg(long, value_name = "NAME", requires = "token", conflicts_with_all = NO_TOKEN)]
    kind: Option<String>,
}

/// Exactly one of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The address of an account
    #[arg(long, value_name = "EMAIL")]
    user: Option<Email>,
    /// The id of a program's login
    #[arg(long, value_name = "ID", value_parser = id_of("tokens list"))]
    family: Option<Uuid>,
    /// The id of a token
    #[arg(long)]
    jti: Option<String>,
    /// Reads a token from the first line of standard input
    #[arg(long)]
    token: bool,
}

/// Runs the command.
pub(crate) async fn run(wish: Revoke) -> Result<(), Failure> {
    let Revoke { what, issuer, kind } = wish;
    let application = Application::open().await?;
    match (what.user, what.family, what.jti) {
        (Some(user), _, _) => revoke_all(&application, &user).await,
        (_, Some(family), _) => revoke_family(&application, family).await,
        (_, _, Some(jti)) => deny_id(&application, issuer.as_deref(), &jti).await,
        (_, _, None) => deny_token(&application, kind.as_deref().unwrap_or(Access::NAME)).await,
    }
}

async fn revoke_all(application: &Application, email: &Email) -> Result<(), Failure> {
    let user = application.find(email).await?;
    let event = Event::TokensRevoked { user: user.id, origin: origin() };
    // An empty change ends everything that is older than it.
    let update = UserChange::default();
    let changed = application
        .commit(event, async |store, with| store.update_user(user.id, &update, with).await)
        .await?;
    match changed {
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
             `rocket-security tokens list EMAIL`"
        ))
    };
    let family = application.store.find_family(id).await?.ok_or_else(unknown)?;
    if end_family(application, family.user_id, id).await? {
        return print("The program has been logged out.");
    }
    Err(unknown())
}

/// Logs a program out. Returns `false` if it already was.
async fn end_family(application: &Application, user: UserId, id: Uuid) -> Result<bool, Failure> {
    let reason = SessionEnd::ByOperator;
    let event = Event::RefreshTrackerRevoked { user, family: id, reason, origin: origin() };
    application.commit(event, async |store, with| store.end_family(user, id, with).await).await
}

/// Denies a token of which only the id is known, but neither when it expires nor whether it exists.
async fn deny_id(
    application: &Application,
    issuer: Option<&str>,
    jti: &str,
) -> Result<(), Failure> {
    let denied_as = match issuer {
        Some(issuer) => foreign(application, issuer, jti)?,
        None => own(jti)?,
    };
    let until = denied_at_most_until(Clock::default().now());
    let is_new = deny(application, None, &denied_as, until).await?;
    let told = if is_new { "Denied" } else { "Denied already" };
    print(format_args!(
        "{told}: the token with the id {jti}. Whether there is one cannot be known here."
    ))
}

/// Returns what one of our own tokens is denied by: its id is a UUID, in the form that we write.
fn own(jti: &str) -> Result<String, Failure> {
    let id = Uuid::parse_str(jti).map_err(|_| {
        Failure::refused(format!(
            "{jti:?} is no id of a token of ours, which is a UUID such as \
             0f0c3a52-8f0e-4c5b-9d5e-3b1f6a7c2d10. Say with --issuer whose it is, or pipe the token into \
             `rocket-security tokens revoke --token`"
        ))
    })?;
    Ok(denied_as(None, &id.to_string()))
}

/// Returns what a token of a trusted issuer is denied by. Its id may be any text.
fn foreign(application: &Application, issuer: &str, jti: &str) -> Result<String, Failure> {
    let trusted = &application.config.tokens.trusted;
    if trusted.iter().all(|entry| entry.iss != issuer) {
        return Err(Failure::refused(format!(
            "{issuer} is no `iss` of security.tokens.trusted. Leave --issuer out for a token of ours"
        )));
    }
    if jti.is_empty() {
        return Err(Failure::refused("a token without id cannot be denied"));
    }
    Ok(denied_as(Some(issuer), jti))
}

/// Denies the token on standard input, until it expires.
async fn deny_token(application: &Application, kind: &str) -> Result<(), Failure> {
    let token = read_token(kind)?;
    if kind == Refresh::NAME
        && let Some((user, family)) = program_of(&token)
    {
        return match end_family(application, user, family).await? {
            true => print("The program has been logged out."),
            false => print("That program was logged out already."),
        };
    }
    let without_id = || Failure::refused("the token has no id, `jti`, so that it cannot be denied");
    let denied_as = token.denied_as().ok_or_else(without_id)?;
    let until = token.denied_until(Clock::default().now());
    match deny(application, user_of(&token), &denied_as, until).await? {
        true => print("That token is denied."),
        false => print("That token was denied already."),
    }
}

/// Returns the user of one of our own refresh tokens, and the id of its program's login.
fn program_of(token: &Token) -> Option<(UserId, Uuid)> {
    Some((user_of(token)?, Uuid::parse_str(token.family()?).ok()?))
}

/// Returns the user of one of our own tokens.
fn user_of(token: &Token) -> Option<UserId> {
    let about = token.epoch().filter(|_| !token.is_foreign()).and_then(|_| token.subject());
    about.and_then(|subject| subject.parse().ok())
}

/// Denies a token. Returns `false` if it already was.
async fn deny(
    application: &Application,
    user: Option<UserId>,
    denied_as: &str,
    until: Timestamp,
) -> Result<bool, Failure> {
    let event = Event::TokenDenied { user, token: denied_as.to_owned(), origin: origin() };
    application.commit(event, async |store, with| store.deny(denied_as, until, with).await).await
}

//! `rocket-security tokens revoke`.

use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use rocket_security::Email;
use rocket_security::Event;
use rocket_security::UserId;
use rocket_security::clock::Clock;
use rocket_security::clock::Timestamp;
use rocket_security::datastore::Denylist;
use rocket_security::datastore::RefreshStore;
use rocket_security::datastore::UserDatastore;
use rocket_security::datastore::user::UserChange;
use rocket_security::event::SessionEnd;
use rocket_security::token::denied_as;
use uuid::Uuid;

use crate::application::Application;
use crate::application::origin;
use crate::terminal::Failure;
use crate::terminal::print;
use crate::tokens::verify::read_token;

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

/// Runs it.
pub(crate) async fn run(wish: Revoke) -> Result<(), Failure> {
    let Revoke { what, keep, issuer } = wish;
    let application = Application::open().await?;
    match (what.user, what.family, what.jti) {
        (Some(user), _, _) => revoke_all(&application, &user).await,
        (_, Some(family), _) => revoke_family(&application, family).await,
        (_, _, Some(jti)) => deny_id(&application, issuer.as_deref(), &jti, keep).await,
        (_, _, None) => deny_token(&application).await,
    }
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

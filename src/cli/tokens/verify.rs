//! `rocket-security tokens verify`.

use clap::Args;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::cli::application::{Application, tokens_to_verify};
use crate::cli::terminal::{Failure, note, print, read_line};
use crate::clock::Clock;
use crate::config::Config;
use crate::datastore::refresh::{LivesBy, TokenTrace};
use crate::datastore::{Denylist, RefreshStore, UserDatastore};
use crate::rejection::TokenFault;
use crate::token::verify::Examined;
use crate::token::{Access, MAX_TOKEN_BYTES, Refresh, TokenKind, VerifiedToken};
use crate::user::UserId;

/// A token of any kind, with the application's own claims.
pub(crate) type Token = VerifiedToken<Map<String, Value>, ()>;

/// The arguments of `tokens verify`.
#[derive(Args)]
pub(crate) struct Verify {
    /// The kind of the token: "access", "refresh", or one of the application's own
    #[arg(long, value_name = "NAME", default_value = Access::NAME)]
    kind: String,
    /// Does not ask the store, and so does not check whether the token was revoked or has ended otherwise
    #[arg(long)]
    keys_only: bool,
}

/// Runs the command.
pub(crate) async fn run(wish: Verify) -> Result<(), Failure> {
    let token = read_token(&wish.kind)?;
    if wish.keys_only {
        note(
            "The keys alone were asked: the token may have been revoked, or have ended otherwise.",
        );
    } else {
        check(&Application::open().await?, &token, &wish.kind).await?;
    }
    print(json!({
        "issuer": token.issuer(),
        "is_foreign": token.is_foreign(),
        "subject": token.subject(),
        "audience": token.audience(),
        "expires_at": token.expires_at(),
        "not_before": token.not_before(),
        "issued_at": token.issued_at(),
        "id": token.id(),
        "denied_as": token.denied_as(),
        "session": token.session(),
        "family": token.family(),
        "epoch": token.epoch(),
        "key": token.key_id(),
        "footer": token.footer(),
        "claims": token.claims,
    }))
}

/// Reads a token of this kind from standard input, and verifies it.
pub(crate) fn read_token(kind: &str) -> Result<Token, Failure> {
    let verifier = tokens_to_verify()?.verifier();
    let text = read_line(MAX_TOKEN_BYTES)?;
    let text = text.expose().trim_end();
    let found = verifier.examine(text, kind).map_err(|fault| {
        let is_of = |other: &&str| *other != kind && verifier.examine(text, other).is_ok();
        match [Access::NAME, Refresh::NAME].iter().find(|other| is_of(other)) {
            Some(other) => Failure::refused(format!(
                "the token is of the kind \"{other}\". Add --kind {other} ({})",
                TokenFault::WrongKind.reason()
            )),
            None => refused(fault, &unopened(fault, text, kind)),
        }
    })?;
    match found.fault {
        None => Ok(found.token),
        Some(fault) => Err(refused(fault, &unaccepted(fault, &found))),
    }
}

fn refused(fault: TokenFault, more: &str) -> Failure {
    Failure::refused(format!("{fault} ({}){more}", fault.reason()))
}

/// Explains further why no key opens a token of this kind.
fn unopened(fault: TokenFault, text: &str, kind: &str) -> String {
    match fault {
        TokenFault::Forged => format!(
            " An application's own may also be of another kind than \"{kind}\", which --kind names, or \
             be made with `assertion` or `plain`"
        ),
        TokenFault::Malformed if text.starts_with("rspat_") => {
            " A personal access token is revoked with \
             `rocket-security personal-tokens revoke`"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// Explains further why a token that a key opens is not accepted.
fn unaccepted(fault: TokenFault, found: &Examined) -> String {
    let token = &found.token;
    match fault {
        TokenFault::WrongIssuer if token.is_foreign() => format!(
            " It names the issuer {:?}; its key is that of {:?} in security.tokens.trusted",
            token.issuer(),
            found.issuer
        ),
        TokenFault::WrongIssuer => format!(
            " It names the issuer {:?}; ours is {:?} (security.tokens.issuer, or base_url)",
            token.issuer(),
            found.issuer
        ),
        TokenFault::WrongAudience => format!(
            " It names the audience {:?}; ours is {:?} (security.tokens.audience, or the issuer)",
            token.audience(),
            found.audience
        ),
        _ => String::new(),
    }
}

/// Refuses a token that is genuine but no longer valid, as the application would.
async fn check(application: &Application, token: &Token, kind: &str) -> Result<(), Failure> {
    let Some(why) = end_of(application, token, kind).await? else {
        return Ok(());
    };
    Err(Failure::refused(format!(
        "the token is genuine, but no longer valid: {why} (credentials_refused). What it says is \
         printed \
         with --keys-only"
    )))
}

/// Returns why a token is no longer valid, as `Programs::check_token` finds it. Returns `None` for a valid
/// one.
async fn end_of(
    application: &Application,
    token: &Token,
    kind: &str,
) -> Result<Option<&'static str>, Failure> {
    let Application { store, config, .. } = application;
    let denied_as = token.denied_as();
    if let Some(denied_as) = &denied_as
        && store.is_denied(denied_as).await?
    {
        return Ok(Some("it is denied"));
    }
    let Some(epoch) = token.epoch().filter(|_| !token.is_foreign()) else {
        return Ok(None);
    };
    let trace = trace_of(token, denied_as.unwrap_or_default())?;
    match store.find_user(trace.user).await? {
        None => return Ok(Some("its account is deleted")),
        Some(user) if !user.is_open() => return Ok(Some("its account is not open")),
        Some(user) if user.epoch != epoch => {
            return Ok(Some("its account was changed, or everything revoked, since it was issued"));
        }
        Some(_) => {}
    }
    let found = store.find_bearer(&trace).await?;
    Ok(match found.filter(|(_, lives_by)| is_alive(lives_by, config)) {
        None if trace.family.is_some() => Some("its program is logged out"),
        None => Some("its session has ended"),
        Some((_, lives_by)) if kind == Refresh::NAME && !is_current(&lives_by, token) => {
            Some("another has taken its place")
        }
        Some(_) => None,
    })
}

fn trace_of(token: &Token, jti: String) -> Result<TokenTrace, Failure> {
    let malformed = |name| refused(TokenFault::MalformedClaim(name), "");
    let id = |text: Option<&str>, name| {
        text.map(Uuid::parse_str).transpose().map_err(|_| malformed(name))
    };
    let user: Option<UserId> = token.subject().and_then(|subject| subject.parse().ok());
    Ok(TokenTrace {
        user: user.ok_or_else(|| malformed("sub"))?,
        family: id(token.family(), "fam")?,
        session: id(token.session(), "sid")?,
        jti,
    })
}

fn is_alive(lives_by: &LivesBy, config: &Config) -> bool {
    let now = Clock::default().now();
    match lives_by {
        LivesBy::User => true,
        LivesBy::Session(session) => session.created_at > now - config.session.absolute.delta(),
        LivesBy::Family(family) => family.is_alive(now),
    }
}

/// Returns `true` if a refresh token is the current one of its family.
fn is_current(lives_by: &LivesBy, token: &Token) -> bool {
    let id = token.id().and_then(|id| Uuid::parse_str(id).ok());
    matches!(lives_by, LivesBy::Family(family) if id == Some(family.token_id))
}

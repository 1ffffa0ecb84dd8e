//! `rocket-security sessions …`.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::application::{Application, origin};
use crate::cli::terminal::{Failure, id_of, note, print, print_table};
use crate::clock::Clock;
use crate::datastore::session::SessionRecord;
use crate::datastore::{RefreshStore, RememberStore, SessionStore};
use crate::event::{Event, SessionEnd};
use crate::user::Email;

/// The commands for sessions.
#[derive(Subcommand)]
pub(crate) enum SessionsCommand {
    /// Lists the sessions of an account, the newest first
    List {
        /// The address of the account
        email: Email,
        /// Prints one JSON object for each line
        #[arg(long)]
        json: bool,
    },
    /// Ends a session of an account, or all of them, from the next request on
    ///
    /// The id is the one that `sessions list` shows. A remembered browser is forgotten, and programs that
    /// logged in with the session are logged out; with --all, so are remembered browsers without a session,
    /// and all programs. To lock the account, use `users deactivate`; if others may know the password, use
    /// `users require-change`.
    #[command(verbatim_doc_comment)]
    End {
        /// The address of the account
        email: Email,
        /// The id of the session
        #[arg(value_parser = id_of("sessions list"), conflicts_with = "all")]
        session: Option<Uuid>,
        /// Ends all of them
        #[arg(long)]
        all: bool,
    },
}

/// Runs one of these commands.
pub(crate) async fn run(command: SessionsCommand) -> Result<(), Failure> {
    if matches!(&command, SessionsCommand::End { session: None, all: false, .. }) {
        return Err(Failure::Misspelt("no session is named. Give the id, or --all"));
    }
    let application = Application::open().await?;
    match command {
        SessionsCommand::List { email, json } => list(&application, &email, json).await,
        SessionsCommand::End { email, session, all: _ } => end(&application, &email, session).await,
    }
}

/// A session, as it is listed.
#[derive(Serialize)]
struct Listed {
    id: Uuid,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    authn_via: String,
    client: Option<String>,
    user_agent: Option<String>,
}

impl From<SessionRecord> for Listed {
    fn from(session: SessionRecord) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            authn_via: session.authn_via().to_owned(),
            client: session.client.map(|client| client.to_string()),
            user_agent: session.user_agent,
        }
    }
}

async fn list(application: &Application, email: &Email, json: bool) -> Result<(), Failure> {
    let live = live(application, email).await?;
    if live.is_empty() && !json {
        note(format_args!("{email} has no sessions."));
        return Ok(());
    }
    let listed = live.into_iter().map(Listed::from);
    if json {
        for session in listed {
            let line =
                serde_json::to_string(&session).map_err(|fault| Failure::Output(fault.into()))?;
            print(line)?;
        }
        return Ok(());
    }
    let said = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let row = |session: Listed| {
        [
            session.id.to_string(),
            said(session.created_at),
            said(session.last_seen_at),
            session.authn_via,
            session.client.unwrap_or_else(|| "-".to_owned()),
            session.user_agent.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    print_table(["ID", "SINCE", "LAST SEEN", "BY", "FROM", "DEVICE"], listed.map(row).collect())
}

async fn end(
    application: &Application,
    email: &Email,
    chosen: Option<Uuid>,
) -> Result<(), Failure> {
    let mut ended: usize = 0;
    for session in live(application, email).await? {
        if chosen.is_some_and(|chosen| chosen != session.id) {
            continue;
        }
        let (user, reason, origin) = (session.user_id, SessionEnd::ByOperator, origin());
        let event = Event::SessionEnded { user, session: session.id, reason, origin };
        ended += usize::from(
            application
                .commit(event, async |store, with| store.end_session(&session.digest, with).await)
                .await?,
        );
    }
    if chosen.is_none() {
        // Remembered browsers without a session, and sessions that have begun meanwhile.
        let user = application.find(email).await?;
        let series = application.store.end_other_series(user.id, None).await?;
        ended += series.iter().filter(|series| series.session.is_some()).count();
        for family in application.store.list_families(user.id).await? {
            let (user, id, reason) = (user.id, family.id, SessionEnd::ByOperator);
            let event = Event::RefreshTrackerRevoked { user, family: id, reason, origin: origin() };
            application
                .commit(event, async |store, with| store.end_family(user, id, with).await)
                .await?;
        }
    }
    match (chosen, ended) {
        (Some(chosen), 0) => Err(Failure::refused(format!(
            "{email} has no session {chosen}. List those there are with `rocket-security sessions \
             list {email}`"
        ))),
        (None, 0) => print(format_args!("{email} had no sessions.")),
        (_, 1) => print("1 session is ended."),
        (_, ended) => print(format_args!("{ended} sessions are ended.")),
    }
}

/// Returns the sessions of an account that are not too old.
async fn live(application: &Application, email: &Email) -> Result<Vec<SessionRecord>, Failure> {
    let user = application.find(email).await?;
    let mut sessions = application.store.list_sessions(user.id).await?;
    let limits = &application.config.session;
    let now = Clock::default().now();
    sessions.retain(|session| {
        session.last_seen_at > now - limits.idle.delta()
            && session.created_at > now - limits.absolute.delta()
    });
    Ok(sessions)
}

//! `rocket-security outbox …`.

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::application::Application;
use crate::cli::terminal::{Failure, note, print, print_table};
use crate::clock::{Clock, Timestamp};
use crate::datastore::outbox::{ListedMail, MailState};
use crate::datastore::{OutboxAdmin, OutboxStore};
use crate::user::Email;

/// The commands for outgoing mail.
#[derive(Subcommand)]
pub(crate) enum OutboxCommand {
    /// Lists the mail that is not delivered yet
    ///
    /// A mail is "waiting" for its next attempt, "sending", or "dead". A dead mail was given up after at
    /// least four days and ten attempts, or after three permanent refusals. It is kept for 30 days after it
    /// was written.
    #[command(verbatim_doc_comment)]
    List {
        /// Lists only mail that was given up
        #[arg(long)]
        dead: bool,
        /// Prints one JSON object for each line
        #[arg(long)]
        json: bool,
    },
    /// Sends waiting or dead mail at once, when the application runs
    ///
    /// A mail whose link has expired, or was replaced by a newer one, is dropped instead.
    #[command(verbatim_doc_comment)]
    Retry(Retry),
    /// Deletes mail without sending it
    Drop(Drop),
}

/// The arguments of `outbox retry`.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Retry {
    /// The id of the mail, as `outbox list` shows it
    id: Option<Uuid>,
    /// All mail that waits or was given up
    #[arg(long)]
    all: bool,
}

/// The arguments of `outbox drop`.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Drop {
    /// The id of the mail, as `outbox list` shows it
    id: Option<Uuid>,
    /// All mail that was given up
    #[arg(long)]
    dead: bool,
}

/// Runs one of these commands.
pub(crate) async fn run(command: OutboxCommand) -> Result<(), Failure> {
    let application = Application::open().await?;
    match command {
        OutboxCommand::List { dead, json: true } => list_json(&application, dead).await,
        OutboxCommand::List { dead, json: false } => list(&application, dead).await,
        OutboxCommand::Retry(Retry { id: Some(id), .. }) => retry(&application, id).await,
        OutboxCommand::Retry(Retry { id: None, .. }) => retry_all(&application).await,
        OutboxCommand::Drop(Drop { id: Some(id), .. }) => drop_one(&application, id).await,
        OutboxCommand::Drop(Drop { id: None, .. }) => drop_dead(&application).await,
    }
}

async fn list(application: &Application, dead: bool) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut pages = Pages::new(application);
    while let Some(page) = pages.next().await? {
        rows.extend(page.iter().filter(|listed| is_listed(listed, dead)).map(|listed| {
            let line = MailLine::of(listed);
            [
                line.id.to_string(),
                line.to.to_string(),
                line.template.to_owned(),
                line.written_at,
                line.state.to_owned(),
                line.attempts.to_string(),
                line.next_attempt_at.unwrap_or_else(|| "never".to_owned()),
                line.fault.unwrap_or_default().to_owned(),
            ]
        }));
    }
    if rows.is_empty() {
        let kind = if dead { "was given up" } else { "is waiting" };
        note(format_args!("No mail {kind}."));
        return Ok(());
    }
    print_table(
        ["ID", "TO", "MAIL", "WRITTEN", "STATE", "ATTEMPTS", "NEXT ATTEMPT", "LAST FAULT"],
        rows,
    )
}

async fn list_json(application: &Application, dead: bool) -> Result<(), Failure> {
    let mut pages = Pages::new(application);
    while let Some(page) = pages.next().await? {
        for listed in page.iter().filter(|listed| is_listed(listed, dead)) {
            let line = serde_json::to_string(&MailLine::of(listed))
                .map_err(|fault| Failure::Output(fault.into()))?;
            print(line)?;
        }
    }
    Ok(())
}

fn is_listed(listed: &ListedMail, dead: bool) -> bool {
    !dead || listed.state == MailState::GivenUp
}

/// A line of `outbox list --json`. Times are UTC. For a mail that is being sent, the next attempt is the one
/// that follows if its sender has died.
#[derive(Serialize)]
struct MailLine<'a> {
    id: Uuid,
    to: &'a Email,
    template: &'a str,
    written_at: String,
    state: &'static str,
    attempts: u32,
    next_attempt_at: Option<String>,
    fault: Option<&'a str>,
}

impl<'a> MailLine<'a> {
    fn of(listed: &'a ListedMail) -> Self {
        let (state, next_attempt_at) = match listed.state {
            MailState::Waiting { due_at } => ("waiting", Some(due_at)),
            MailState::BeingSent { until } => ("sending", Some(until)),
            MailState::GivenUp => ("dead", None),
        };
        Self {
            id: listed.mail.id,
            to: &listed.mail.to,
            template: &listed.mail.template,
            written_at: in_words(listed.mail.created_at),
            state,
            attempts: listed.attempts,
            next_attempt_at: next_attempt_at.map(in_words),
            fault: listed.fault.as_deref(),
        }
    }
}

fn in_words(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn retry(application: &Application, id: Uuid) -> Result<(), Failure> {
    if application.store.retry_mail(id, Clock::default().now()).await? {
        return print(format_args!("The mail {id} is due now."));
    }
    Err(Failure::refused(format!(
        "the outbox has no mail {id}, or it is being sent at this moment. List what there is with \
         `rocket-security outbox list`"
    )))
}

async fn retry_all(application: &Application) -> Result<(), Failure> {
    let now = Clock::default().now();
    let mut retried: u64 = 0;
    let mut pages = Pages::new(application);
    while let Some(page) = pages.next().await? {
        for listed in page {
            retried += u64::from(application.store.retry_mail(listed.mail.id, now).await?);
        }
    }
    print(format_args!("{}.", counted(retried, "is due now", "are due now")))
}

async fn drop_one(application: &Application, id: Uuid) -> Result<(), Failure> {
    if application.store.delete_mail(id).await? {
        return print(format_args!("The mail {id} is dropped."));
    }
    Err(Failure::refused(format!(
        "the outbox has no mail {id}. List what there is with `rocket-security outbox list`"
    )))
}

async fn drop_dead(application: &Application) -> Result<(), Failure> {
    let dropped = application.store.delete_dead_mail(Clock::default().now()).await?;
    print(format_args!("{}.", counted(dropped, "is dropped", "are dropped")))
}

fn counted(count: u64, one: &str, several: &str) -> String {
    match count {
        0 => format!("No mails {several}"),
        1 => format!("1 mail {one}"),
        count => format!("{count} mails {several}"),
    }
}

/// All mail, in pages.
struct Pages<'a> {
    application: &'a Application,
    last: Option<Uuid>,
}

const PAGE: u32 = 200;

impl<'a> Pages<'a> {
    fn new(application: &'a Application) -> Self {
        Self { application, last: None }
    }

    /// Returns the next page, or `None` after the last one.
    async fn next(&mut self) -> Result<Option<Vec<ListedMail>>, Failure> {
        let page = self.application.store.list_mail(self.last, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.last = Some(last.mail.id);
        Ok(Some(page))
    }
}

//! `rocket-security audit …`.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use rocket::tokio::time::sleep;
use serde_json::{Value, json};

use crate::cli::application::Application;
use crate::cli::terminal::{Failure, note, print};
use crate::crypto::one_time::Digest;
use crate::datastore::audit::AuditRow;
use crate::features::audit::{Journal, Lost};

/// The commands for the journal.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Verifies the journal: no row was changed, added or removed
    ///
    /// Prints the number of rows and the end of the journal, and exits with 0; or names the first row where
    /// something is wrong, and exits with 1. The keys must be those of the application. If events were lost
    /// because too many came at once, it prints how many and when, and exits with 0.
    ///
    /// It cannot detect by itself that both tables were restored to an earlier state. Keep the end that it
    /// prints in another place, and pass it with --expect.
    #[command(verbatim_doc_comment)]
    Verify {
        /// A row that must exist, as an earlier run printed it
        #[arg(long, value_name = "NUMBER:HASH")]
        expect: Option<End>,
    },
    /// Prints the newest rows, oldest first
    Tail(Tail),
}

/// The arguments of `audit tail`.
#[derive(Args)]
pub(crate) struct Tail {
    /// The number of rows
    #[arg(
        short = 'n',
        long = "lines",
        value_name = "N",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    count: u32,
    /// Prints one JSON object for each line
    #[arg(long)]
    json: bool,
    /// Keeps printing new rows until it is interrupted
    #[arg(long)]
    follow: bool,
}

/// The number and the hash of a row.
#[derive(Clone, Copy)]
pub(crate) struct End {
    sequence: i64,
    hash: Digest,
}

impl FromStr for End {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sequence, hash) = text.split_once(':').ok_or("it has no colon")?;
        let sequence = sequence.parse().map_err(|_| "it does not begin with a number")?;
        Ok(Self { sequence, hash: read_hex(hash).ok_or("it does not end with 64 digits")? })
    }
}

/// How often new rows are looked for.
const PAUSE: Duration = Duration::from_secs(1);

/// The format of times.
const TIME: &str = "%Y-%m-%d %H:%M:%SZ";

/// How many rows are read at a time.
const PAGE: u32 = 500;

/// Runs one of these commands.
pub(crate) async fn run(command: AuditCommand) -> Result<(), Failure> {
    let journal = Application::open().await?.journal()?;
    match command {
        AuditCommand::Verify { expect } => verify(&journal, expect).await,
        AuditCommand::Tail(arguments) => tail(&journal, &arguments).await,
    }
}

async fn verify(journal: &Journal, expect: Option<End>) -> Result<(), Failure> {
    let expected = expect.map(|end| (end.sequence, end.hash));
    let report = journal.verify(expected).await?;
    let rows = report.rows;
    match report.broken {
        Some(broken) => Err(Failure::refused(format!(
            "the journal is broken: {broken}. It was verified up to row {}",
            broken.sequence.saturating_sub(1)
        ))),
        None if rows == 0 => print("The journal has no rows."),
        None if report.lost.is_empty() => {
            let hash = hex(&report.hash);
            print(format_args!("The journal is intact: {rows} rows, the end is {rows}:{hash}"))
        }
        None => {
            let hash = hex(&report.hash);
            print(format_args!("No row was changed: {rows} rows, ending with {rows}:{hash}"))?;
            print(
                "Events are missing, because there were too many at a time or the database did not answer:",
            )?;
            report.lost.iter().try_for_each(|lost| print(lost_line(lost)))
        }
    }
}

async fn tail(journal: &Journal, arguments: &Tail) -> Result<(), Failure> {
    let mut rows = journal.tail(arguments.count).await?;
    if rows.is_empty() && !arguments.follow {
        note("The journal has no rows. The application writes it with the feature `audit`.");
    }
    let mut last = 0;
    loop {
        for row in &rows {
            print(if arguments.json { json_line(row) } else { line(row) })?;
            last = row.sequence;
        }
        if !arguments.follow {
            return Ok(());
        }
        if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            sleep(PAUSE).await;
        }
        rows = journal.after(last, PAGE).await?;
    }
}

fn lost_line(lost: &Lost) -> String {
    let Lost { event, count, since, until, .. } = lost;
    let event = event.as_deref().unwrap_or("events of all kinds");
    let (since, until) = (since.format(TIME), until.format(TIME));
    format!("{count} {event} between {since} and {until}").replace(char::is_control, " ")
}

/// Describes a row for people. A row may have been changed by an attacker, so only its printable characters
/// reach the terminal.
fn line(row: &AuditRow) -> String {
    let at = row.entry.at.format(TIME);
    let mut line = format!("{} {at} {}", row.sequence, row.entry.event);
    if let Ok(Value::Object(fields)) = serde_json::from_str(&row.entry.payload) {
        let origin = fields.get("origin").and_then(Value::as_object).into_iter().flatten();
        for (name, value) in fields.iter().chain(origin) {
            let is_said = matches!(name.as_str(), "event" | "at" | "origin") || value.is_null();
            if !is_said {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                line += &format!(" {name}={value}");
            }
        }
    }
    line.replace(char::is_control, " ")
}

fn json_line(row: &AuditRow) -> String {
    let payload: Value = serde_json::from_str(&row.entry.payload).unwrap_or(Value::Null);
    json!({
        "sequence": row.sequence,
        "at": row.entry.at,
        "event": row.entry.event,
        "user": row.entry.user_id,
        "payload": payload,
        "hash": hex(&row.hash),
    })
    .to_string()
}

fn hex(digest: &Digest) -> String {
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_hex(text: &str) -> Option<Digest> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (number, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * number..2 * number + 2)?, 16).ok()?;
    }
    Some(Digest::from_bytes(bytes))
}

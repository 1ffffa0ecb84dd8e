//! `rocket-security routes …`.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use tempfile::TempDir;

use crate::cli::terminal::{Failure, note, print};
use crate::datastore::sqlx::DatabaseName;
use crate::security::{AccessMap, ROUTES_MARK, ROUTES_VARIABLE};

/// Rocket's variable with the databases of every profile.
const DATABASES: &str = "ROCKET_DATABASES";

/// How long to wait for the output of a program that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The arguments of `routes`.
#[derive(Args)]
pub(crate) struct RoutesCommand {
    /// Prints JSON, one object for each route and line
    #[arg(long)]
    json: bool,
    /// How long to wait for the map
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// The built application and its arguments
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

/// Runs a built application until it has printed its map, and prints the map.
pub(crate) fn run(command: &RoutesCommand) -> Result<(), Failure> {
    let map = ask(command)?;
    if command.json {
        for route in map.routes() {
            print(serde_json::to_string(route).map_err(|fault| Failure::Output(fault.into()))?)?;
        }
        return Ok(());
    }
    print(map.to_string().trim_end())
}

fn ask(command: &RoutesCommand) -> Result<AccessMap, Failure> {
    let folder = stand_in()?;
    let mut child = start(&command.program, folder.as_ref().map(TempDir::path))?;
    let stdout = child.stdout.take().map(lines);
    let stderr = child.stderr.take().map(lines);
    let (mut map, mut said) = (None, Vec::new());
    let timeout = Duration::from_secs(command.timeout);
    let is_late = stdout.is_some_and(|lines| listen(&lines, timeout, &mut map, &mut said));
    // A program that has printed its map ends by itself; there is no need to wait for it.
    let _ = child.kill();
    let _ = child.wait();
    if let Some(map) = map {
        return serde_json::from_str(&map).map_err(|fault| {
            Failure::refused(format!(
                "the map cannot be read: {fault}. Build the program and this one of the same version"
            ))
        });
    }
    // Its last output may still be on its way.
    while let Some(Ok(line)) = stderr.as_ref().map(|it| it.recv_timeout(LAST_WORDS)) {
        said.push(line);
    }
    Err(no_map(&command.program, is_late.then_some(timeout), &said))
}

/// Returns a folder for a temporary database if the application has none yet, so that asking for its routes
/// creates none. The folder is deleted afterwards, with the keys that the debug profile generates beside the
/// database.
fn stand_in() -> Result<Option<TempDir>, Failure> {
    let figment = rocket::Config::figment();
    // The program may have another profile than this one, if none is chosen.
    let profiles = match std::env::var_os("ROCKET_PROFILE") {
        Some(_) => vec![figment.profile().clone()],
        None => vec![rocket::Config::DEBUG_PROFILE, rocket::Config::RELEASE_PROFILE],
    };
    let figments = profiles.into_iter().map(|profile| figment.clone().select(profile));
    let names: Vec<DatabaseName> =
        figments.filter_map(|it| DatabaseName::configured(&it).ok().flatten()).collect();
    let is_set_elsewhere = std::env::var_os(DATABASES).is_some();
    if is_set_elsewhere || names.is_empty() || !names.iter().all(DatabaseName::is_missing) {
        return Ok(None);
    }
    tempfile::tempdir().map(Some).map_err(Failure::Output)
}

/// Starts the program, with its database in `folder` if there is one. A program that does not use this
/// framework would serve only this machine, at a random port.
fn start(program: &[OsString], folder: Option<&Path>) -> Result<Child, Failure> {
    let (name, arguments) = program.split_first().ok_or_else(|| Failure::refused("no program"))?;
    let database = folder.map(|folder| {
        let file = folder.join("routes.sqlite");
        (DATABASES, format!("{{security={{url=\"sqlite:{}\"}}}}", file.display()))
    });
    Command::new(name)
        .args(arguments)
        .envs(database)
        .env(ROUTES_VARIABLE, "json")
        .env("ROCKET_ADDRESS", "127.0.0.1")
        .env("ROCKET_PORT", "0")
        .env("ROCKET_CLI_COLORS", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|fault| {
            let name = name.to_string_lossy();
            Failure::refused(format!("{name} cannot be run: {fault}. Name a program that is built"))
        })
}

/// Reads lines on a separate thread, so that a silent program can be given up, and a verbose one is not
/// blocked.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Waits until the map is printed or the output ends. Returns `true` if the timeout ended first.
fn listen(
    lines: &Receiver<String>,
    timeout: Duration,
    map: &mut Option<String>,
    said: &mut Vec<String>,
) -> bool {
    let begun = Instant::now();
    loop {
        match lines.recv_timeout(timeout.saturating_sub(begun.elapsed())) {
            Ok(line) => match line.strip_prefix(ROUTES_MARK) {
                Some(told) => {
                    *map = Some(told.to_owned());
                    return false;
                }
                None => said.push(line),
            },
            Err(mpsc::RecvTimeoutError::Disconnected) => return false,
            Err(mpsc::RecvTimeoutError::Timeout) => return true,
        }
    }
}

/// Returns the error for a missing map, after the output of the program, which may tell why.
fn no_map(program: &[OsString], late: Option<Duration>, said: &[String]) -> Failure {
    for line in said.iter().filter(|line| !line.trim().is_empty()) {
        note(line);
    }
    let name = program.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let how = match late {
        Some(timeout) => format!("told no map within {} s", timeout.as_secs()),
        None => "ended and told no map".to_owned(),
    };
    Failure::refused(format!(
        "{name} {how}. Name the built program of an application that attaches \
         `rocket_security::Security`, and run it where it finds its configuration"
    ))
}

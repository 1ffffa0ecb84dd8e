//! What the commands print, ask and refuse.

use std::fmt::Display;
use std::io;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;

use uuid::Uuid;
use zeroize::Zeroize;

use crate::crypto::password::MAX_BYTES;
use crate::error::Error;
use crate::rejection::FieldErrors;
use crate::secret::Secret;

/// Why a command did not do what it was asked to, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It cannot be done; the text says why, and what to do instead.
    #[error("{0}")]
    Refused(String),
    /// An argument is missing or invalid.
    #[error("{0}")]
    Misspelt(&'static str),
    /// Something failed underneath.
    #[error("{0}")]
    Fault(#[from] Error),
    /// The answer could not be printed.
    #[error("the answer could not be printed: {0}")]
    Output(io::Error),
    /// Nothing could be read from the terminal or from standard input.
    #[error("the password could not be read: {0}")]
    Input(io::Error),
    /// The asynchronous runtime did not start.
    #[error("the program could not start: {0}")]
    Runtime(io::Error),
}

impl Failure {
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }
}

impl From<FieldErrors> for Failure {
    fn from(errors: FieldErrors) -> Self {
        let texts: Vec<String> = errors.iter().map(|error| error.text.to_string()).collect();
        Self::Refused(texts.join(" "))
    }
}

/// The exit status that clap uses, too.
const MISSPELT: u8 = 2;

/// Prints why a command failed, on one line, and returns the exit status.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    // A closed pipe is not an error: `rocket-security users list | head`.
    if matches!(failure, Failure::Output(fault) if fault.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let text = failure.to_string();
    let lines: Vec<&str> = text.lines().filter(|line| !is_excerpt(line)).map(str::trim).collect();
    note(format_args!("error: {}", lines.join(" ")));
    if matches!(failure, Failure::Misspelt(_)) {
        ExitCode::from(MISSPELT)
    } else {
        ExitCode::FAILURE
    }
}

/// Prints the answer to arguments that run no command: the help, or what is wrong with them. Returns the exit
/// status.
pub(crate) fn answer(error: &clap::Error) -> ExitCode {
    // If it cannot be written, it is lost.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(MISSPELT) } else { ExitCode::SUCCESS }
}

/// Returns `true` if a line of a message quotes the configuration, as TOML's do: `2 | keys = "…`. It may
/// contain a password or a key.
fn is_excerpt(line: &str) -> bool {
    let digits_and_blanks = |c: char| c.is_ascii_digit() || c == ' ';
    line.trim_start_matches(digits_and_blanks).starts_with('|')
}

/// Reads an id from an argument. The error for an invalid id names the command that lists ids.
pub(crate) fn id_of(
    list: &'static str,
) -> impl Fn(&str) -> Result<Uuid, String> + Clone + Send + Sync + 'static {
    move |text| {
        let said = |_| format!("is not an id; see `rocket-security {list}`");
        Uuid::parse_str(text).map_err(said)
    }
}

/// Prints a line of the answer.
pub(crate) fn print(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(Failure::Output)
}

/// Prints a line that is not part of the answer. If it cannot be written, it is lost.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints rows in aligned columns under a header.
pub(crate) fn print_table<const N: usize>(
    head: [&str; N],
    rows: Vec<[String; N]>,
) -> Result<(), Failure> {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .map(|row| row.map(|cell| cell.replace(char::is_control, " ")))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        print(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Returns `true` if there is a terminal to ask on.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a password without showing what is typed.
pub(crate) fn ask_password(prompt: impl Display) -> Result<Secret<String>, Failure> {
    rpassword::prompt_password(prompt).map(Secret::new).map_err(Failure::Input)
}

/// Reads a password from the first line of standard input. Only the end of the line is removed.
pub(crate) fn read_password() -> Result<Secret<String>, Failure> {
    read_line(MAX_BYTES)
}

/// Reads a secret of at most `bytes` bytes from the first line of standard input, and one byte more if there
/// is one: the caller then sees that it is too long.
pub(crate) fn read_line(bytes: usize) -> Result<Secret<String>, Failure> {
    // Room for one byte more, or for the end of the line. With all of it reserved from the start,
    // growing leaves no copy behind.
    let most = bytes + 2;
    let mut line = Vec::with_capacity(most);
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let read = io::stdin().lock().take(limit).read_until(b'\n', &mut line);
    read.map_err(Failure::Input)?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    String::from_utf8(line).map(Secret::new).map_err(|fault| {
        fault.into_bytes().zeroize();
        Failure::refused("the password on standard input is not UTF-8 text. Type it as text")
    })
}

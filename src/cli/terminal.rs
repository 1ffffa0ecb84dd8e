//! What the commands print, ask and refuse with.

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

/// Why a command did not do what it was asked to, in words for whoever asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It cannot be done as asked; the text says why and what to do instead.
    #[error("{0}")]
    Refused(String),
    /// What was asked for is not said in full, or misspelt.
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

/// The status that clap ends with, too.
const MISSPELT: u8 = 2;

/// Prints why a command failed, on one line, and gives the status to end with.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    // Whoever reads the answer has enough: `rocket-security users list | head` is no failure.
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

/// Prints what the arguments have for an answer before any command runs: the help, or how they are
/// misspelt. Returns the status to end with.
pub(crate) fn answer(error: &clap::Error) -> ExitCode {
    // When nobody can read it, it is lost.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(MISSPELT) } else { ExitCode::SUCCESS }
}

/// Tells whether a line of a message quotes the configuration, as TOML's do: `2 | keys = "…`. A
/// password or a key may stand there.
fn is_excerpt(line: &str) -> bool {
    let digits_and_blanks = |c: char| c.is_ascii_digit() || c == ' ';
    line.trim_start_matches(digits_and_blanks).starts_with('|')
}

/// Reads an id from an argument; says of what is none by which command ids are listed.
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

/// Prints a line that is not part of the answer; when nobody can read it, it is lost.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints rows in aligned columns under a head.
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

/// Tells whether there is somebody to ask.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a password without showing what is typed.
pub(crate) fn ask_password(prompt: impl Display) -> Result<Secret<String>, Failure> {
    rpassword::prompt_password(prompt).map(Secret::new).map_err(Failure::Input)
}

/// Reads a password from the first line of standard input. Only the end of the line is cut off.
pub(crate) fn read_password() -> Result<Secret<String>, Failure> {
    read_line(MAX_BYTES)
}

/// Reads a secret of at most `bytes` bytes from the first line of standard input, and one byte more if
/// there is one: whoever looks at it sees that it is too long.
pub(crate) fn read_line(bytes: usize) -> Result<Secret<String>, Failure> {
    // Room for one byte more, or for the end of the line. With all of it there from the start, no
    // copy is left behind by growing.
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

//! `rocket-security keys …`.

mod file;
mod passphrase;

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use crate::cli::application::tokens_to_verify;
use crate::cli::keys::file::{KeyFile, RotatedKeys, read_bare, wrapped, write_new};
use crate::cli::keys::passphrase::passphrase;
use crate::cli::terminal::{Failure, ask_password, is_interactive, note, print, print_table};
use crate::config::TokenPurpose;
use crate::crypto::token_key::TokenKey;

/// The commands for keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Prints a new random key, for `security.keys` or for `security.tokens.keys`
    ///
    /// Standard output contains only the key. With --out, the key is written to a new file that only its
    /// owner can read, and standard output contains its id. No configuration is read.
    #[command(verbatim_doc_comment)]
    Generate {
        /// What the key is for: `local` encrypts, `secret` signs and has a public half
        #[arg(long, default_value = "local")]
        kind: KeyKind,
        /// The new file for the key, to be named by `file = "…"` in `security.tokens.keys`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Prints the purposes and ids of the keys in a file, or of those configured
    ///
    /// A key pair is printed with its public half, which verifiers need. No secret is printed. The passphrase
    /// of a wrapped key is security.tokens.passphrase; if that is not set, it is read from the terminal, or
    /// from the first line of standard input.
    #[command(verbatim_doc_comment)]
    Inspect {
        /// The file with the keys: PASERK, one a line, or a PEM
        file: Option<PathBuf>,
    },
    /// Puts a new key first in a file of keys, and keeps the older ones for verification
    ///
    /// The new key is of the same kind as the first key in the file, and wrapped with the same passphrase if
    /// that one is wrapped. If the first key was a pair, only its public half is kept; pairs after it may be
    /// announced ones, and stay as they are. The file is replaced in one step; applications read it when they
    /// start.
    ///
    /// If several instances run, each must know a key before another one issues tokens with it:
    ///
    ///   1. keys rotate FILE --announce       adds the new key last, where it only verifies
    ///   2. copy the file to every instance, and restart each
    ///   3. keys rotate FILE --activate ID    puts it first
    ///   4. copy the file to every instance, and restart each
    ///
    /// The passphrase of a wrapped key is security.tokens.passphrase; if that is not set, it is read from the
    /// terminal, or from the first line of standard input.
    #[command(verbatim_doc_comment)]
    Rotate {
        /// The file that `file = "…"` in `security.tokens.keys` names
        file: PathBuf,
        /// How many of the other keys to keep, counted from the start of the file, including announced ones;
        /// all by default
        #[arg(long, conflicts_with = "announce")]
        keep: Option<usize>,
        /// Adds the new key last: it verifies, but does not issue tokens yet
        #[arg(long)]
        announce: bool,
        /// Puts the announced key with this id first, and generates none
        #[arg(long, value_name = "ID", conflicts_with = "announce")]
        activate: Option<String>,
    },
    /// Prints the key in a file wrapped with a passphrase: `k4.local-pw.…` or `k4.secret-pw.…`
    ///
    /// The passphrase is asked for twice on a terminal, and otherwise read from the first line of standard
    /// input. It must have at least 15 characters, and the application needs it as
    /// `security.tokens.passphrase`.
    #[command(verbatim_doc_comment)]
    Wrap {
        /// The file with the key
        file: PathBuf,
    },
    /// Prints the public keys of the application as JSON, for others who verify its tokens
    Public,
}

/// The purpose of a key.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyKind {
    /// Encrypts and decrypts.
    Local,
    /// Signs; its public half verifies.
    #[value(alias = "public")]
    Secret,
}

/// Runs one of these commands.
pub(crate) fn run(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate { kind, out } => generate(kind, out.as_deref()),
        KeysCommand::Inspect { file: Some(file) } => inspect(&file),
        KeysCommand::Inspect { file: None } => inspect_configured(),
        KeysCommand::Rotate { file, announce: true, .. } => announce(&file),
        KeysCommand::Rotate { file, activate: Some(id), keep, .. } => activate(&file, &id, keep),
        KeysCommand::Rotate { file, keep, .. } => rotate(&file, keep),
        KeysCommand::Wrap { file } => wrap(&file),
        KeysCommand::Public => public(),
    }
}

fn generate(kind: KeyKind, out: Option<&Path>) -> Result<(), Failure> {
    let purpose = match kind {
        KeyKind::Local => TokenPurpose::Local,
        KeyKind::Secret => TokenPurpose::Public,
    };
    let key = TokenKey::generate(purpose)?;
    match out {
        Some(path) => {
            write_new(path, &key)?;
            print(key.id())?;
            note(format_args!(
                "Keep {0} secret: its owner alone may read it. Rocket.toml names it,\n    \
                 [release.security.tokens]\n    keys = {{ file = \"{0}\" }}",
                path.display()
            ));
        }
        None => print(key.to_paserk().expose())?,
    }
    match (key.public_paserk(), out) {
        (None, None) => note(WHERE_TO_PUT_IT),
        (None, Some(_)) => {}
        (Some(public), _) => note(format_args!(
            "{}Its public half, for those who verify tokens, is\n    {public}\nwith the id\n    {}",
            if out.is_none() { KEEP_IT_SECRET } else { "" },
            key.id()
        )),
    }
    Ok(())
}

const KEEP_IT_SECRET: &str =
    "Keep this key secret: it signs tokens. Put it first in security.tokens.keys. ";

const WHERE_TO_PUT_IT: &str = "\
Keep this key secret. Give it to the application in its environment,
    ROCKET_SECURITY='{keys=\"<key>\"}'
or, if only the application can read Rocket.toml, in that file:
    [release.security]
    keys = \"<key>\"
To replace a key, put the new one before it, keys = [\"<new>\", \"<old>\"], and remove the old one
when its sessions have ended: a day later, unless session.absolute differs.
The journal of the feature `audit` can still be verified, once it has a row of the new key.
A key that is only for tokens, such as one shared with other services, belongs in
    [release.security.tokens]
    keys = \"<key>\"
Do not use the same key in both.";

fn inspect(path: &Path) -> Result<(), Failure> {
    let file = KeyFile::read(path)?;
    let row = |key: &TokenKey| {
        let holds = match (key.purpose(), key.can_issue()) {
            (TokenPurpose::Local, _) => "a symmetric key",
            (TokenPurpose::Public, true) => "a key pair",
            (TokenPurpose::Public, false) => "a public key",
        };
        let tokens = format!("{}.{}", key.version(), key.purpose());
        let public = key.public_paserk().unwrap_or_else(|| "-".to_owned());
        [key.id().to_owned(), tokens, holds.to_owned(), public]
    };
    print_table(["ID", "TOKENS", "HOLDS", "PUBLIC KEY"], file.keys().map(row).collect())
}

fn inspect_configured() -> Result<(), Failure> {
    let keys = tokens_to_verify()?.keys();
    let row = |key: crate::token::TokenKeyInfo| {
        let does = if key.is_active { "issues and verifies" } else { "verifies" };
        let tokens = format!("{}.{}", key.version, key.purpose);
        [key.kid, tokens, does.to_owned(), key.issuer]
    };
    print_table(["ID", "TOKENS", "DOES", "ISSUER"], keys.into_iter().map(row).collect())
}

fn rotate(path: &Path, keep: Option<usize>) -> Result<(), Failure> {
    let mut file = KeyFile::read(path)?;
    let rotated = file.rotate(keep)?;
    file.write(path)?;
    print(&rotated.id)?;
    note(
        "Restart every instance of the application: from then on, tokens are issued with the new key.",
    );
    warn_of(&rotated);
    Ok(())
}

fn announce(path: &Path) -> Result<(), Failure> {
    let mut file = KeyFile::read(path)?;
    let id = file.announce()?;
    file.write(path)?;
    print(&id)?;
    note(format_args!(
        "Copy the file to every instance and restart each: the new key verifies tokens, but issues none \
         yet. When all instances have it, activate it with\n    rocket-security keys rotate {} \
         --activate {id}",
        path.display()
    ));
    Ok(())
}

fn activate(path: &Path, id: &str, keep: Option<usize>) -> Result<(), Failure> {
    let mut file = KeyFile::read(path)?;
    let rotated = file.activate(id, keep)?;
    file.write(path)?;
    print(&rotated.id)?;
    note(
        "Copy the file to every instance and restart each: from then on, tokens are issued with this \
         key.",
    );
    warn_of(&rotated);
    Ok(())
}

/// Warns that tokens of removed keys are no longer accepted.
fn warn_of(rotated: &RotatedKeys) {
    match rotated.removed {
        0 => {}
        1 => note("After the restart, tokens of 1 removed key are refused."),
        removed => {
            note(format_args!("After the restart, tokens of {removed} removed keys are refused."))
        }
    }
}

fn wrap(path: &Path) -> Result<(), Failure> {
    let key = read_bare(path)?;
    let asks = is_interactive();
    let passphrase = passphrase()?;
    if asks && ask_password("Repeat it:  ")? != passphrase {
        return Err(Failure::refused("the two don't match. Try again"));
    }
    print(wrapped(&key, &passphrase)?.expose())
}

fn public() -> Result<(), Failure> {
    let document = tokens_to_verify()?.public_keys();
    print(serde_json::to_string(&document).map_err(|fault| Failure::Output(fault.into()))?)
}

//! `rocket-security keys …`.

mod file;

use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;
use clap::ValueEnum;
use rocket_security::Secret;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::token::read_key_file;
use rocket_security::token::read_keys;

use crate::application::tokens;
use crate::keys::file::KeyFile;
use crate::terminal::Failure;
use crate::terminal::ask_password;
use crate::terminal::is_interactive;
use crate::terminal::note;
use crate::terminal::print;
use crate::terminal::print_table;
use crate::terminal::read_password;

/// The commands for keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Prints a new random key, for `security.keys` or for `security.tokens.keys`
    ///
    /// The key alone goes to standard output. No configuration is read and nothing is changed.
    #[command(verbatim_doc_comment)]
    Generate {
        /// What the key is for: `local` encrypts, `secret` signs and has a public half
        #[arg(long, default_value = "local")]
        kind: KeyKind,
    },
    /// Tells what the keys in a file are for, and their ids; without a file, those configured
    ///
    /// A key pair is shown with its public half, which verifiers need. No secret is printed.
    #[command(verbatim_doc_comment)]
    Inspect {
        /// The file with the keys: PASERK, one a line, or a PEM
        file: Option<PathBuf>,
    },
    /// Puts a new key at the head of a file of keys, and keeps the ones before it for verification
    ///
    /// The new key is of the kind of the first in the file, and wrapped with the same passphrase if
    /// that is wrapped. Of older key pairs the public half alone is kept. The file is replaced in one
    /// step; applications read it when they start.
    #[command(verbatim_doc_comment)]
    Rotate {
        /// The file, which `file = "…"` in `security.tokens.keys` names
        file: PathBuf,
        /// How many of the older keys to keep; all unless given
        #[arg(long)]
        keep: Option<usize>,
    },
    /// Prints the key in a file under a passphrase: `k4.local-pw.…` or `k4.secret-pw.…`
    ///
    /// The passphrase is asked for twice on a terminal, and read from the first line of standard
    /// input where there is none. It takes at least 15 characters, and the application needs it as
    /// `security.tokens.passphrase`.
    #[command(verbatim_doc_comment)]
    Wrap {
        /// The file with the key
        file: PathBuf,
    },
    /// Prints the public keys of the application as JSON, for others who verify its tokens
    Public,
}

/// What a key is for.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyKind {
    /// Encrypts and decrypts.
    Local,
    /// Signs; its public half verifies.
    #[value(alias = "public")]
    Secret,
}

/// Runs one of them.
pub(crate) fn run(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate { kind } => generate(kind),
        KeysCommand::Inspect { file: Some(file) } => inspect(&file),
        KeysCommand::Inspect { file: None } => inspect_configured(),
        KeysCommand::Rotate { file, keep } => rotate(&file, keep),
        KeysCommand::Wrap { file } => wrap(&file),
        KeysCommand::Public => public(),
    }
}

fn generate(kind: KeyKind) -> Result<(), Failure> {
    let purpose = match kind {
        KeyKind::Local => TokenPurpose::Local,
        KeyKind::Secret => TokenPurpose::Public,
    };
    let key = TokenKey::generate(purpose)?;
    print(key.to_paserk().expose())?;
    match key.public_paserk() {
        None => note(WHERE_TO_PUT_IT),
        Some(public) => note(format_args!(
            "Keep this key secret: it signs tokens, as the first in security.tokens.keys. Its public \
             half, for those who verify them, is\n    {public}\nwith the id\n    {}",
            key.id()
        )),
    }
    Ok(())
}

const WHERE_TO_PUT_IT: &str = "\
Keep this key secret. Give it to the application in its environment,
    ROCKET_SECURITY='{keys=\"<key>\"}'
or, where nobody else can read Rocket.toml, in that file:
    [release.security]
    keys = \"<key>\"
To replace a key, put the new one before it, keys = [\"<new>\", \"<old>\"], and remove the old one
when the sessions that it sealed have ended, a day later unless session.absolute says otherwise.
The journal of the feature `audit` is still verified then, once it has a row of the new key.";

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
    let keys = tokens()?.keys();
    let row = |key: rocket_security::token::TokenKeyInfo| {
        let does = if key.is_active { "issues and verifies" } else { "verifies" };
        let tokens = format!("{}.{}", key.version, key.purpose);
        [key.kid, tokens, does.to_owned(), key.issuer]
    };
    print_table(["ID", "TOKENS", "DOES", "ISSUER"], keys.into_iter().map(row).collect())
}

fn rotate(path: &Path, keep: Option<usize>) -> Result<(), Failure> {
    let mut file = KeyFile::read(path)?;
    let id = file.rotate(keep)?;
    file.write(path)?;
    print(id)?;
    note("Restart the application everywhere: tokens are issued with the new key from then on.");
    Ok(())
}

fn wrap(path: &Path) -> Result<(), Failure> {
    let text = read_key_file(path)?;
    let [key] = read_keys(text.expose(), None, None)
        .map_err(|fault| Failure::refused(format!("{}: {fault}", path.display())))?
        .try_into()
        .map_err(|_| Failure::refused("the file holds several keys. Wrap them one by one"))?;
    let asks = is_interactive();
    let passphrase = passphrase()?;
    if asks && ask_password("The same once more: ")? != passphrase {
        return Err(Failure::refused("the two are not the same. Try again"));
    }
    print(key.wrap(&passphrase)?.expose())
}

fn public() -> Result<(), Failure> {
    let document = tokens()?.public_keys();
    print(serde_json::to_string(&document).map_err(|fault| Failure::Output(fault.into()))?)
}

/// Asks for the passphrase of a key, or reads it from standard input.
fn passphrase() -> Result<Secret<String>, Failure> {
    if is_interactive() { ask_password("Passphrase of the key: ") } else { read_password() }
}

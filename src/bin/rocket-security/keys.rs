//! `rocket-security keys …`.

use clap::Subcommand;
use rocket_security::crypto::keys::generate_paserk;

use crate::terminal::Failure;
use crate::terminal::note;
use crate::terminal::print;

/// The commands for keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Prints a new random key for `security.keys`
    ///
    /// The key alone goes to standard output. No configuration is read and nothing is changed.
    #[command(verbatim_doc_comment)]
    Generate,
}

/// Runs one of them.
pub(crate) fn run(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate => generate(),
    }
}

fn generate() -> Result<(), Failure> {
    print(generate_paserk()?.expose())?;
    note(WHERE_TO_PUT_IT);
    Ok(())
}

const WHERE_TO_PUT_IT: &str = "\
Keep this key secret. Give it to the application in its environment,
    ROCKET_SECURITY='{keys=\"<key>\"}'
or, where nobody else can read Rocket.toml, in that file:
    [release.security]
    keys = \"<key>\"
To replace a key, put the new one before it, keys = [\"<new>\", \"<old>\"], and remove the old one
when the sessions that it sealed have ended, a day later unless session.absolute says otherwise.";

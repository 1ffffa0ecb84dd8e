//! Which command is meant by a name that no command has.
//!
//! clap finds names that are spelt alike. The names here are those that other tools and habits use for
//! commands of ours.

use clap::Error;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;

/// The group, the names that are tried in it, and the command that does it.
const MEANT: &[(&str, &[&str], &str)] = &[
    ("users", &["add", "new", "make", "register"], "users create EMAIL"),
    ("users", &["add-role", "grant", "grant-role", "give-role"], "roles grant EMAIL ROLE"),
    ("users", &["remove-role", "revoke", "revoke-role", "take-role"], "roles revoke EMAIL ROLE"),
    (
        "users",
        &["password", "change-password", "set-password", "reset-password", "reset-access"],
        "users reset EMAIL",
    ),
    ("users", &["disable", "lock", "block", "delete", "remove"], "users deactivate EMAIL"),
    ("users", &["enable", "unlock", "unblock"], "users activate EMAIL"),
    ("users", &["show", "find", "get"], "users list"),
    ("users", &["log-out", "logout", "end-sessions"], "sessions end EMAIL"),
    ("users", &["sessions"], "sessions list EMAIL"),
    ("roles", &["new", "make"], "roles create NAME"),
    ("roles", &["add", "assign", "give"], "roles grant EMAIL ROLE"),
    ("roles", &["remove", "unassign", "take"], "roles revoke EMAIL ROLE"),
    ("roles", &["inherit"], "roles include ROLE INCLUDED"),
    ("sessions", &["delete", "revoke", "kill", "remove"], "sessions end EMAIL"),
    ("keys", &["create", "new", "make"], "keys generate"),
    ("tokens", &["create", "new", "make"], "tokens issue"),
];

/// Adds to the error for an unknown command the one that is meant.
pub(crate) fn command(error: &mut Error, group: Option<&str>) {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return;
    }
    let Some(ContextValue::String(tried)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    if let Some(meant) = group.and_then(|group| meant(group, tried)) {
        error.remove(ContextKind::SuggestedSubcommand);
        let tip = format!("use `rocket-security {meant}`");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
}

/// Returns the command that is meant by a name in a group.
fn meant(group: &str, tried: &str) -> Option<&'static str> {
    let tried = tried.to_ascii_lowercase().replace('_', "-");
    let is_it = |row: &&(&str, &[&str], &str)| row.0 == group && row.1.contains(&tried.as_str());
    MEANT.iter().find(is_it).map(|row| row.2)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::Parser;

    use crate::CommandLine;
    use crate::suggest::MEANT;
    use crate::suggest::command;

    #[test]
    fn every_command_that_is_suggested_exists_and_no_name_that_is_tried_does() {
        let known = |group: &str, name: &str| {
            let commands = CommandLine::command();
            let group = commands.find_subcommand(group).expect(group).clone();
            group.find_subcommand(name).is_some()
        };
        for (group, tried, meant) in MEANT {
            let (in_group, rest) = meant.split_once(' ').unwrap();
            assert!(known(in_group, rest.split(' ').next().unwrap()), "{meant}");
            for name in *tried {
                assert!(!known(group, name), "{group} {name} is a command");
            }
        }
    }

    #[test]
    fn the_right_command_stands_in_the_error() {
        for name in ["add-role", "add_role", "ADD-ROLE"] {
            let arguments = ["rocket-security", "users", name, "ann@example.org", "admin"];
            let mut error = CommandLine::try_parse_from(arguments).err().unwrap();
            command(&mut error, Some("users"));
            let text = error.to_string();
            assert!(text.contains("use `rocket-security roles grant EMAIL ROLE`"), "{text}");
        }
    }
}

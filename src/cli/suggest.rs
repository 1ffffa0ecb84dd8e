//! Suggests a command for an unknown name.
//!
//! clap finds names that are spelt alike. The names here are those that other tools use for our commands.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// The group, the names that are tried in it, and the command that is meant.
const MEANT: &[(&str, &[&str], &str)] = &[
    ("users", &["add", "new", "make", "register"], "users create EMAIL"),
    (
        "users",
        &[
            "add-role",
            "set-role",
            "grant",
            "grant-role",
            "give-role",
            "assign-role",
            "roles",
            "role",
        ],
        "roles grant EMAIL ROLE",
    ),
    (
        "users",
        &["remove-role", "delete-role", "unset-role", "revoke", "revoke-role", "take-role"],
        "roles revoke EMAIL ROLE",
    ),
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
    ("roles", &["add", "assign", "give", "set"], "roles grant EMAIL ROLE"),
    ("roles", &["show"], "roles list"),
    ("roles", &["add-permissions", "grant-permission"], "roles add-permission ROLE PERMISSION"),
    ("roles", &["remove", "unassign", "take"], "roles revoke EMAIL ROLE"),
    ("roles", &["inherit"], "roles include ROLE INCLUDED"),
    ("sessions", &["delete", "revoke", "kill", "remove"], "sessions end EMAIL"),
    ("keys", &["create", "new", "make"], "keys generate"),
    ("tokens", &["create", "new", "make"], "tokens issue"),
    ("tokens", &["check", "inspect", "decode", "show"], "tokens verify TOKEN"),
    ("tokens", &["deny", "delete", "end"], "tokens revoke"),
    ("audit", &["list", "show", "log", "print", "read"], "audit tail"),
    ("audit", &["check"], "audit verify"),
    ("outbox", &["show", "dead"], "outbox list"),
    ("outbox", &["resend", "send", "flush"], "outbox retry"),
    ("outbox", &["delete", "remove", "purge"], "outbox drop"),
    (
        "",
        &["create-user", "add-user", "user-add", "create-admin", "create-superuser"],
        "users create EMAIL",
    ),
    ("", &["add-role", "set-role", "grant", "grant-role"], "roles grant EMAIL ROLE"),
    ("", &["remove-role", "revoke-role"], "roles revoke EMAIL ROLE"),
    ("", &["create-role"], "roles create NAME"),
    ("", &["init", "init-db", "upgrade", "db"], "migrate"),
    ("", &["journal", "log"], "audit tail"),
    ("", &["mail", "mails"], "outbox list"),
    ("", &["generate-key", "secret"], "keys generate"),
];

/// Adds the command that was most likely meant to the error for an unknown command, or lists those of its
/// group. `all` is the command line, and `group` its first argument.
pub(crate) fn command(all: &Command, group: Option<&str>, error: &mut Error) {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return;
    }
    let Some(ContextValue::String(tried)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    let group = group.filter(|group| all.find_subcommand(group).is_some());
    let tip = match meant(group.unwrap_or_default(), tried) {
        Some(meant) => format!("use `rocket-security {meant}`"),
        None if error.get(ContextKind::SuggestedSubcommand).is_some() => return,
        None => format!("the commands are: {}", commands_of(all, group).join(", ")),
    };
    error.remove(ContextKind::SuggestedSubcommand);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// Returns the command that is meant by a name in a group. The group without a name holds the top-level
/// commands.
fn meant(group: &str, tried: &str) -> Option<&'static str> {
    let bare = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
    let tried = bare(tried);
    let is_it = |row: &&(&str, &[&str], &str)| {
        row.0 == group && row.1.iter().any(|name| bare(name) == tried)
    };
    MEANT.iter().find(is_it).map(|row| row.2)
}

fn commands_of<'c>(all: &'c Command, group: Option<&str>) -> Vec<&'c str> {
    let group = group.and_then(|group| all.find_subcommand(group)).unwrap_or(all);
    group.get_subcommands().map(Command::get_name).collect()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::cli::CommandLine;
    use crate::cli::suggest::{MEANT, command};

    #[test]
    fn every_command_that_is_suggested_exists_and_no_name_that_is_tried_does() {
        let known = |group: &str, name: &str| {
            let commands = CommandLine::command();
            let group = if group.is_empty() {
                commands
            } else {
                commands.find_subcommand(group).expect(group).clone()
            };
            group.find_subcommand(name).is_some()
        };
        for (group, tried, meant) in MEANT {
            let mut words = meant.split(' ');
            let (first, second) = (words.next().unwrap(), words.next());
            assert!(known("", first), "{meant}");
            assert!(second.is_none_or(|second| known(first, second)), "{meant}");
            for name in *tried {
                assert!(!known(group, name), "{group} {name} is a command");
            }
        }
    }

    fn told(arguments: &[&str]) -> String {
        let line = ["rocket-security"].iter().chain(arguments);
        let mut error = CommandLine::try_parse_from(line).err().unwrap();
        command(&CommandLine::command(), arguments.first().copied(), &mut error);
        error.to_string()
    }

    #[test]
    fn the_right_command_stands_in_the_error() {
        for name in ["add-role", "add_role", "ADD-ROLE", "addrole", "set-role", "roles"] {
            let text = told(&["users", name, "ann@example.org", "admin"]);
            assert!(text.contains("use `rocket-security roles grant EMAIL ROLE`"), "{text}");
        }
        assert!(told(&["audit", "list"]).contains("use `rocket-security audit tail`"));
        assert!(told(&["createsuperuser"]).contains("use `rocket-security users create EMAIL`"));
    }

    #[test]
    fn a_name_that_means_none_is_answered_with_those_there_are() {
        let text = told(&["audit", "frobnicate"]);
        assert!(text.contains("the commands are: verify, tail"), "{text}");
        assert!(told(&["frobnicate"]).contains("the commands are: users, roles, routes"));
        assert!(told(&["roles", "grent"]).contains("grant"), "clap knows what is spelt alike");
    }
}

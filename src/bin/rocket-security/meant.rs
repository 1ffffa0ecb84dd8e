//! What an unknown command was probably meant to be.
//!
//! clap suggests what is spelled alike. These are spelled otherwise: in the wrong group, or as other
//! systems name them.

/// The group and the word that were typed, and the command that does it.
const MEANT: &[(&str, &[&str], &str)] = &[
    (
        "users",
        &["add-role", "grant", "grant-role", "set-role", "give-role"],
        "roles grant EMAIL ROLE",
    ),
    ("users", &["remove-role", "revoke", "revoke-role", "take-role"], "roles revoke EMAIL ROLE"),
    ("users", &["add", "new", "make", "register"], "users create EMAIL"),
    ("users", &["disable", "lock", "ban", "suspend", "delete", "remove"], "users deactivate EMAIL"),
    ("users", &["enable", "unlock", "unban"], "users activate EMAIL"),
    (
        "users",
        &["change-password", "reset-password", "set-password", "passwd"],
        "users reset EMAIL",
    ),
    ("users", &["reset-access", "logout", "log-out"], "sessions end EMAIL --all"),
    ("users", &["verify"], "users confirm EMAIL"),
    ("roles", &["add", "assign", "give", "add-user", "set"], "roles grant EMAIL ROLE"),
    ("roles", &["remove", "unassign", "take", "remove-user"], "roles revoke EMAIL ROLE"),
    ("roles", &["new", "make"], "roles create NAME"),
    ("roles", &["drop", "destroy"], "roles delete NAME"),
    ("roles", &["grant-permission"], "roles add-permission ROLE PERMISSION"),
    ("roles", &["revoke-permission"], "roles remove-permission ROLE PERMISSION"),
    ("sessions", &["revoke", "delete", "kill", "remove"], "sessions end EMAIL"),
    ("db", &["upgrade", "migrate", "init", "create"], "migrate"),
    ("permissions", &["add", "grant"], "roles add-permission ROLE PERMISSION"),
    ("permissions", &["remove", "revoke"], "roles remove-permission ROLE PERMISSION"),
    ("user", &[], "users"),
    ("role", &[], "roles"),
    ("session", &[], "sessions"),
];

/// Returns the command that the first words of a command line probably meant. Words with `_` are taken for
/// those with `-`, as other command lines have them.
pub(crate) fn meant(mut words: impl Iterator<Item = String>) -> Option<&'static str> {
    let group = words.next()?;
    let word = words.next().unwrap_or_default().replace('_', "-");
    let is_it = |(of, known, _): &&(&str, &[&str], &str)| {
        *of == group && (known.is_empty() || known.contains(&word.as_str()))
    };
    MEANT.iter().find(is_it).map(|(_, _, command)| *command)
}

//! What a launch tells of its configuration: all faults at once, what is given up, what is misspelt.

use rocket_security::{MemoryDatastore, Security};
use serde_json::json;

use crate::launch::configuration::{GOOD_KEY, said_by, told_by};
use crate::support::launching::{launches, try_launch};
use crate::support::rocket;

/// A complete configuration for a release, to which lines of `[default.security]` are added.
fn release(lines: &str) -> String {
    format!(
        "[default.databases.security]\nurl = \"DATABASE\"\n[default.security]\n\
         base_url = \"https://example.org\"\nkeys = \"{GOOD_KEY}\"\nroles = \"create\"\n\
         trusted_proxies = []\n\
         mail.url = \"smtps://user:password@mail.example.org\"\n{lines}\n"
    )
}

fn assert_told(told: &[String], expected: &[&str]) {
    for head in expected {
        assert!(told.iter().any(|line| line.starts_with(head)), "{head}: {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn whatever_a_release_lacks_is_told_at_once() {
    assert_told(
        &told_by("release", "", "Error: "),
        &[
            "security.base_url: is missing",
            "security.keys: is missing",
            "security.mail.url: is missing",
            "databases.security.url: is missing",
        ],
    );
}

#[test]
fn every_fault_is_told_at_once_and_none_twice() {
    let toml = "\
        [release.databases.security]\n\
        url = \"oracle://h\"\n\
        tabel_prefix = \"x_\"\n\
        max_connections = 0\n\
        connect_timeout = \"soon\"\n\
        [release.security]\n\
        base_url = \"example\"\n\
        keys = [1]\n\
        site_nmae = \"x\"\n\
        freshness = \"soon\"\n\
        mechanisms = []\n\
        [release.security.password]\n\
        min_length = 7\n\
        memory = \"much\"\n\
        iteratons = 2\n\
        [release.security.session]\n\
        max_per_user = 0\n\
        [release.security.mail]\n\
        url = \"gopher:\"\n\
        from = \"nobody\"\n\
        [release.security.tokens]\n\
        refresh_idle = \"40days\"\n\
        [release.security.confirm]\n\
        within = \"9 days\"\n\
        withing = \"1h\"\n\
        [release.security.remember]\n\
        lifetime = \"2s\"\n\
        [release.security.audit]\n\
        record_unlimited = true\n";
    assert_told(
        &told_by("release", toml, "Error: "),
        &[
            "databases.security.max_connections: is wrong: it is 0, but must be a whole number from 1",
            "databases.security.connect_timeout: is wrong: it is \"soon\", but must be a whole number",
            "databases.security.tabel_prefix: is not a setting. Write \"table_prefix\", or remove it",
            "databases.security.url: names a database of the unknown kind \"oracle\"",
            "security.audit: has the settings of the feature audit, which is not enabled. Enable \
             `rocket_security::features::audit::Audit`",
            "security.base_url: is wrong",
            "security.confirm.within: is longer",
            "security.confirm.withing: is not a setting. Write \"within\"",
            "security.freshness: is wrong",
            "security.keys: is wrong",
            "security.mail.from: is not an address",
            "security.mail.url: does not name a mail transport",
            "security.mechanisms: is empty",
            "security.password.iteratons: is not a setting. Write \"iterations\"",
            "security.password.memory: is wrong",
            "security.password.min_length: is below 8",
            "security.remember.lifetime: is shorter than a minute",
            "security.session.max_per_user: is 0",
            "security.site_nmae: is not a setting. Write \"site_name\", or remove it",
            "security.tokens.refresh_idle: is longer",
        ],
    );
}

#[test]
fn a_fault_is_told_with_the_file_it_is_in_and_quoted_so_that_its_end_is_seen() {
    let toml = release("").replace(GOOD_KEY, "k3.local.AAAA");
    let told = told_by("release", &toml, "Error: ");
    assert_told(&told, &["security.keys: holds a key that does not begin with \"k4.local.\". "]);
    let toml = release("site_name = 1\nfreshness = \"soon\"");
    let told = told_by("release", &toml, "Error: ");
    assert_told(&told, &["security.site_name: is wrong", "security.freshness: is wrong"]);
    assert!(told.iter().all(|line| line.contains("Rocket.toml")), "{told:#?}");
}

#[test]
fn each_wrong_entry_of_a_list_is_told_by_its_place() {
    let toml = format!(
        "[release.security]\n\
         base_url = \"https://example.org\"\n\
         keys = [\"k3.local.AAAA\", \"{GOOD_KEY}\", \"x\"]\n\
         trusted_proxies = [\"10.0.0.1\", \"localhost\", \"10.0.0.0/8\", \"10.0.0.0/99\"]\n\
         redirect_origins = [\"https://a.example/x\", \"https://b.example\", \"c\"]\n\
         mechanisms = [\"session\", \"tocken\", \"basic\"]\n\
         public = [\"here\", \"/there\", \"elsewhere\"]\n\
         roles = \"chek\"\n\
         migrate = 7\n\
         csrf.origins = [\"x\", \"capacitor://localhost\", \"y\"]\n\
         mail.url = \"smtps://user:password@mail.example.org\"\n\
         mail.from = \"nobody\"\n\
         mail.reply_to = \"nobody\"\n\
         mail.subjects.welcom = \"x\"\n\
         mail.subjects.reset_notice = \"\"\n\
         tokens.keys = [\"k4.nothing\", \"zz\"]\n\
         tokens.issuer = \"\"\n\
         [release.databases.security]\n\
         url = \"sqlite:x.sqlite\"\n"
    );
    assert_told(
        &told_by("release", &toml, "Error: "),
        &[
            "security.keys[0]: ",
            "security.keys[2]: ",
            "security.trusted_proxies[1]: is wrong",
            "security.trusted_proxies[3]: is wrong",
            "security.redirect_origins[0]: is wrong",
            "security.redirect_origins[2]: is wrong",
            "security.mechanisms[1]: is \"tocken\", which no feature provides. Write \"token\"",
            "security.mechanisms[2]: is \"basic\", but the feature basic is not enabled",
            "security.public[0]: is \"here\", which is not a path",
            "security.public[2]: is \"elsewhere\", which is not a path",
            "security.roles: is wrong: it is \"chek\", which is not one of its values. Write \
             \"check\"",
            "security.migrate: is wrong: it is 7, but must be",
            "security.csrf.origins[0]: is wrong",
            "security.csrf.origins[2]: is wrong",
            "security.mail.from: is not an address",
            "security.mail.reply_to: is not an address",
            "security.mail.subjects.welcom: is not the name of a mail",
            "security.mail.subjects.reset_notice: is not one line",
            "security.tokens.keys[0]: ",
            "security.tokens.keys[1]: ",
            "security.tokens.issuer: is empty",
        ],
    );
}

#[test]
fn what_is_no_table_is_told_instead_of_being_ignored() {
    let toml = "\
        [debug.security]\n\
        login = 3\n\
        remember = \"off\"\n\
        throttle = [false, 3]\n\
        [[debug.security.register]]\n\
        admission = \"closed\"\n";
    assert_told(
        &told_by("debug", toml, "Error: "),
        &[
            "security.login: is not a table. Write [default.security.login]",
            "security.register: is not a table",
            "security.remember: is not a table",
            "security.throttle: is not a table",
        ],
    );
    let said = said_by("debug", "[debug]\nsecurity = 3\n", &[]);
    assert!(
        said.iter().any(|line| line.starts_with("Error: security: is not a table. ")),
        "{said:#?}"
    );
}

/// What gives up protection: lines of the configuration, and what is told of them.
const GIVEN_UP: [(&str, &str, &str); 5] = [
    (
        "base_url = \"https://example.org\"",
        "base_url = \"http://example.org\"",
        "base_url: is http",
    ),
    (
        "mail.url = \"smtps://user:password@mail.example.org\"",
        "mail.url = \"file:mail\"",
        "mail.url: is not a mail server",
    ),
    ("", "password.min_length = 8", "password.min_length: is below 15"),
    ("", "throttle.enabled = false", "throttle.enabled: is false"),
    ("", "throttle.scale = 1000", "throttle.scale: is above 10"),
];

#[test]
fn a_release_that_gives_up_protection_stops_and_names_what_has_to_be_allowed() {
    let mut toml = release("");
    for (before, after, _) in GIVEN_UP {
        toml = match before {
            "" => format!("{toml}{after}\n"),
            before => toml.replace(before, after),
        };
    }
    let expected: Vec<String> =
        GIVEN_UP.iter().map(|(.., fault)| format!("security.{fault}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let told = told_by("release", &toml, "Error: ");
    assert_told(&told, &expected);
    for line in &told {
        let setting = line.strip_prefix("security.").unwrap().split(':').next().unwrap();
        assert!(line.ends_with(&format!("security.allow_insecure = [\"{setting}\"]")), "{line}");
    }

    // What is allowed is told all the same; the launch stops at a mechanism that nothing provides.
    let allowed = "allow_insecure = [\"base_url\", \"mail.url\", \"password.min_length\", \
                   \"throttle.enabled\", \"throttle.scale\"]\nmechanisms = [\"cookie\"]\n";
    let told = told_by("release", &format!("{toml}{allowed}"), "Error: ");
    assert_eq!(told.len(), 6, "{told:#?}");
    for (line, expected) in told.iter().zip(&expected) {
        assert!(line.starts_with(expected), "{line}");
        assert!(line.ends_with("security.allow_insecure allows it"), "{line}");
    }
    assert!(told[5].starts_with("security.mechanisms[0]: "), "{told:#?}");

    let told = told_by("debug", &format!("{toml}mechanisms = [\"cookie\"]\n"), "Error: ");
    assert_told(&told, &["security.mechanisms[0]: "]);
}

#[test]
fn what_else_is_given_up_is_told_and_stops_nothing() {
    let toml = release(
        "session.absolute = \"800 days\"\n\
         tokens.refresh_lifetime = \"360 days\"\nmechanisms = [\"cookie\"]",
    );
    let proxies = "trusted_proxies = [\"10.0.0.1/32\", \"0.0.0.0/0\"]";
    let toml = toml.replace("trusted_proxies = []", proxies);
    let toml =
        toml.replace("smtps://user:password@mail.example.org", "smtp://mail.example.org?tls=none");
    assert_told(
        &told_by("release", &toml, "Error: "),
        &[
            "security.trusted_proxies: names a network that covers much of the internet",
            "security.session.absolute: is longer than a year",
            "security.mail.url: lets mail to another host travel unencrypted",
            "security.mechanisms[0]: ",
        ],
    );
    let told = told_by("release", &release("mechanisms = [\"cookie\"]"), "Error: ");
    assert_told(&told, &["security.mechanisms[0]: "]);
}

#[test]
fn what_needs_no_consent_cannot_be_allowed() {
    for profile in ["debug", "release"] {
        let toml = release("allow_insecure = [\"mail.ulr\", \"csrf\"]");
        let told = told_by(profile, &toml, "Error: ");
        assert_told(
            &told,
            &[
                "security.allow_insecure[0]: names \"mail.ulr\", which is not a setting",
                "security.allow_insecure[1]: names \"csrf\"",
            ],
        );
        assert!(told[0].contains("Write \"mail.url\""), "{told:#?}");
    }
}

#[test]
fn a_template_that_replaces_none_of_ours_is_warned_of_with_the_nearest_name() {
    let files = [
        ("templates/security/login.html", "{% include \"security/_mine.html\" %}"),
        ("templates/security/_mine.html", "mine"),
        ("templates/security/logn.html", "misspelt"),
        ("templates/security/reset.html.j2", "of another engine"),
        ("templates/security/close_account.html", "of a feature that is not enabled"),
        ("templates/security/email/welcom.txt", "misspelt"),
        ("templates/security/.login.html.swp", "an editor's"),
        ("templates/other/logn.html", "elsewhere"),
    ];
    let said = said_by("debug", "[debug.security]\nmechanisms = [\"cookie\"]", &files);
    let told: Vec<&str> =
        said.iter().filter_map(|line| line.strip_prefix("Warning: templates/")).collect();
    let expected = [
        ("security/email/welcom.txt", "security/email/welcome.txt"),
        ("security/logn.html", "security/login.html"),
        ("security/reset.html.j2", "security/reset.html"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, (file, meant)) in told.iter().zip(expected) {
        assert!(told.starts_with(&format!("{file}: replaces none")), "{told}");
        assert!(told.contains(&format!("meant for {meant}.")), "{told}");
    }
}

#[rocket::async_test]
async fn a_fairing_that_is_attached_twice_stops_the_launch() {
    assert!(launches(rocket(), json!({})).await);
    let in_memory = Security::new(MemoryDatastore::default());
    for twice in [rocket().attach(Security::fairing()), rocket().attach(in_memory)] {
        let fault = try_launch(twice, json!({})).await.unwrap_err();
        assert!(fault.contains("FailedFairings"), "{fault}");
    }
}

//! Keys on the command line.

use std::fs;
#[cfg(unix)]
use std::process::Command;

use rocket_security::token::{Access, NoClaims};
use serde_json::Value;

use crate::support::operator::{PASSWORD, Place};
use crate::support::tokens;
use crate::support::tokens::{Issuer, user};

const PASSPHRASE: &str = "correct horse battery staple";

impl Place {
    /// Makes a key, with the text alone.
    fn key(&self, kind: &str) -> String {
        self.run(&format!("keys generate --kind {kind}")).succeeded().trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    #[cfg(unix)]
    fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(self.path().join(name)).unwrap().permissions().mode() & 0o777
    }

    fn read(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path().join(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_key_is_made_of_the_kind_that_is_asked_for() {
    let place = Place::debug();
    assert!(place.run("keys generate").succeeded().starts_with("k4.local."));
    let done = place.run("keys generate --kind secret");
    assert!(done.stderr.contains("k4.public.") && done.stderr.contains("k4.pid."), "{done:?}");
    assert!(done.succeeded().starts_with("k4.secret."));
    assert!(place.key("public").starts_with("k4.secret."));
    place.run("keys generate --kind rsa").misspelt("[possible values: local, secret]");
    let done = place.run("keys generate");
    assert!(done.stderr.contains("[release.security.tokens]"), "{done:?}");
    assert!(done.stderr.contains("Do not use the same key in both"), "{done:?}");
}

#[test]
fn a_key_is_written_into_a_new_file_that_its_owner_alone_reads() {
    let place = Place::debug();
    let done = place.run("keys generate --kind secret --out token.keys");
    assert!(done.stderr.contains("file = \"token.keys\""), "{done:?}");
    assert!(!done.stderr.contains("k4.secret."), "{done:?}");
    let id = done.succeeded();
    assert!(id.starts_with("k4.pid."), "{id}");
    let lines = place.read("token.keys");
    assert!(lines.len() == 1 && lines[0].starts_with("k4.secret."));
    #[cfg(unix)]
    assert_eq!(place.mode("token.keys"), 0o600);
    assert!(place.run("keys inspect token.keys").succeeded().contains(id.trim()));
    place.run("keys generate --out token.keys").refused(&["is there already", "keys rotate"]);
    assert_eq!(place.read("token.keys"), lines);
}

#[test]
fn what_is_in_a_file_is_told_without_a_secret() {
    let place = Place::debug();
    let (local, pair) = (place.key("local"), place.key("secret"));
    place.write("token.keys", &format!("{pair}\n{local}\n"));
    let told = place.run("keys inspect token.keys").succeeded();
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines[1].starts_with("k4.pid.") && lines[1].contains("v4.public  a key pair"),
        "{told}"
    );
    assert!(lines[1].contains("k4.public."));
    assert!(lines[2].starts_with("k4.lid.") && lines[2].contains("v4.local   a symmetric key"));
    assert!(!told.contains(&pair[10..40]) && !told.contains(&local[10..40]));
    place.write("token.keys", "k4.local.AAAA");
    place.run("keys inspect token.keys").refused(&["token.keys", "is not 32 bytes long"]);
    place.run("keys inspect nowhere").refused(&["nowhere"]);
}

#[test]
fn keys_that_are_configured_are_told_with_what_they_do() {
    let place = Place::debug();
    let (new, old) = (place.key("secret"), place.key("secret"));
    place.configure_tokens(&format!("keys = [\"{new}\", \"{old}\"]"));
    let issues = |place: &Place| -> Vec<bool> {
        let told = place.run("keys inspect").succeeded();
        told.lines().skip(1).map(|line| line.contains("issues and verifies")).collect()
    };
    assert_eq!(issues(&place), [true, false], "there are no security.keys that one comes of");
    assert!(!place.path().join("security.keys").exists(), "and reading makes none");
    place.write("security.keys", &place.key("local"));
    assert_eq!(issues(&place), [true, false, true]);
    let document: Value = serde_json::from_str(&place.run("keys public").succeeded()).unwrap();
    assert_eq!(document["issuer"], "http://127.0.0.1:8000");
    assert_eq!(document["keys"].as_array().map(Vec::len), Some(2));
    place.configure_tokens("keys = \"k4.secret.AAAA\"");
    place.run("keys inspect").refused(&["security.tokens.keys[0]: is not 64 bytes long"]);
}

#[test]
fn a_file_is_rotated_in_one_step_and_its_older_keys_verify_on() {
    let place = Place::debug();
    let (pair, local) = (place.key("secret"), place.key("local"));
    place.write("token.keys", &format!("{pair}\n{local}\n"));
    place.configure_tokens("keys = { file = \"token.keys\" }");
    place.run_with_input("users create ann@example.org --confirmed", &format!("{PASSWORD}\n"));
    let token = place.run("tokens issue ann@example.org").succeeded();

    let id = place.run("keys rotate token.keys").succeeded();
    let lines = place.read("token.keys");
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("k4.secret.") && lines[0] != pair);
    assert!(lines[1].starts_with("k4.public."), "of the old pair the public half is left");
    assert_eq!(lines[2], local, "a key of another purpose stays what it is");
    assert!(!place.path().join("token.keys.new").exists());
    #[cfg(unix)]
    {
        let before = place.mode("token.keys");
        place.run("keys rotate token.keys").succeeded();
        assert_eq!(place.mode("token.keys"), before);
        std::os::unix::fs::symlink("token.keys", place.path().join("link.keys")).unwrap();
        let id = place.run("keys rotate link.keys").succeeded();
        assert!(place.path().join("link.keys").is_symlink());
        assert!(place.run("keys inspect token.keys").succeeded().contains(id.trim()));
    }
    let told = place.run_with_input("tokens verify", &token).succeeded();
    assert!(!told.contains(id.trim()));

    let older = place.read("token.keys").len() - 2;
    let done = place.run("keys rotate token.keys --keep 1");
    let warning = format!("tokens of {} removed key", older);
    assert!(done.stderr.contains(&warning), "{done:?}");
    place.run_with_input("tokens verify", &token).refused(&["(token_key_unknown)"]);
    let done = place.run("keys rotate token.keys --keep 0");
    assert!(done.stderr.contains("tokens of 2 removed keys are refused"), "{done:?}");
    assert_eq!(place.read("token.keys").len(), 2);
    place.run_with_input("tokens verify", &token).refused(&["(token_key_unknown)"]);

    place.write("public.keys", &lines[1]);
    place.run("keys rotate public.keys").refused(&["issues no tokens"]);
}

#[test]
fn a_key_is_wrapped_and_rotated_under_its_passphrase() {
    let place = Place::debug();
    place.write("token.keys", &place.key("local"));
    let typed = format!("{PASSPHRASE}\n");
    let wrapped = place.run_with_input("keys wrap token.keys", &typed).succeeded();
    assert!(wrapped.starts_with("k4.local-pw."));
    let short = place.run_with_input("keys wrap token.keys", "short\n");
    assert_eq!(short.stderr, "error: the passphrase is shorter than 15 characters\n");

    place.write("token.keys", &wrapped);
    let told = place.run_with_input("keys inspect token.keys", &typed).succeeded();
    let id = told.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    place
        .run_with_input("keys inspect token.keys", "wrong\n")
        .refused(&["does not open", "Give the one that it was wrapped with"]);
    place.run("keys wrap token.keys").refused(&["token.keys is wrapped already"]);
    place.write("several.keys", &format!("{wrapped}{}\n", place.key("local")));
    place
        .run("keys wrap several.keys")
        .refused(&["several.keys holds several keys. Put each into a separate file, wrap it"]);
    place.write("empty.keys", "\n");
    for command in ["wrap", "inspect", "rotate"] {
        place.run(&format!("keys {command} empty.keys")).refused(&["empty.keys is empty"]);
    }
    place.configure_tokens("keys = { file = \"token.keys\" }");
    place.run("keys inspect").refused(&["security.tokens.keys[0]", "security.tokens.passphrase"]);

    let new = place.run_with_input("keys rotate token.keys", &typed).succeeded();
    assert!(place.read("token.keys").iter().all(|line| line.starts_with("k4.local-pw.")));
    place.configure_tokens(&format!(
        "keys = {{ file = \"token.keys\" }}\npassphrase = \"{PASSPHRASE}\""
    ));
    let told = place.run("keys inspect").succeeded();
    assert!(told.contains(new.trim()) && told.contains(&id), "{told}");
    assert_eq!(place.run("keys inspect token.keys").succeeded().lines().count(), 3);
    place.run("keys rotate token.keys --announce").succeeded();
    assert!(place.read("token.keys").iter().all(|line| line.starts_with("k4.local-pw.")));
    assert_eq!(place.run("keys inspect").succeeded().lines().count(), 4);
    place.configure_tokens("passphrase = \"another that is long enough\"");
    place
        .run_with_input("keys inspect token.keys", &typed)
        .refused(&["does not open", "Check security.tokens.passphrase"]);
}

/// A verifier and an issuer with the keys that stand in a file now.
fn instance(place: &Place, name: &str) -> Issuer {
    let keys: Vec<String> = place.read(name).iter().map(|line| format!("\"{line}\"")).collect();
    tokens::issuer(&format!("keys = [{}]", keys.join(", ")))
}

fn issued_by(instance: &Issuer) -> String {
    let token = instance.tokens.access(&user()).issue().unwrap();
    assert!(accepts(instance, &token));
    token
}

fn accepts(instance: &Issuer, token: &str) -> bool {
    instance.tokens.verifier().verify::<NoClaims, Access>(token).is_ok()
}

#[test]
fn a_key_is_announced_to_every_instance_before_one_issues_with_it() {
    let place = Place::debug();
    for kind in ["local", "secret"] {
        let other = place.key(if kind == "local" { "secret" } else { "local" });
        place.write("token.keys", &format!("{}\n{other}\n", place.key(kind)));
        let before = instance(&place, "token.keys");
        let old = issued_by(&before);
        let done = place.run("keys rotate token.keys --announce");
        assert!(done.stderr.contains("Copy the file to every instance"), "{done:?}");
        let id = done.stdout.trim().to_owned();
        let next = format!("keys rotate token.keys --activate {id}");
        assert!(done.stderr.contains(&next), "{done:?}");
        let announced = instance(&place, "token.keys");
        assert_eq!(place.read("token.keys").len(), 3);
        assert!(accepts(&before, &issued_by(&announced)), "the old key issues still");

        let done = place.run(&next);
        assert!(done.stderr.contains("issued with this key"), "{done:?}");
        assert_eq!(done.succeeded().trim(), id);
        let lines = place.read("token.keys");
        assert!(lines.len() == 3 && lines[0].starts_with(&format!("k4.{kind}.")));
        assert_eq!(lines[1].starts_with("k4.public."), kind == "secret");
        assert_eq!(lines[2], other);
        let activated = instance(&place, "token.keys");
        let new = issued_by(&activated);
        assert!(!accepts(&before, &new));
        for instance in [&announced, &activated] {
            assert!(accepts(instance, &old) && accepts(instance, &new), "{kind}");
        }
        place.run(&next).refused(&["issues already"]);
        place.run("keys rotate token.keys --activate k4.lid.x").refused(&["no key with the id"]);
    }
    place.write("token.keys", &format!("{}\n{}\n", place.key("local"), place.key("secret")));
    let told = place.run("keys inspect token.keys").succeeded();
    let pair =
        told.lines().find_map(|line| line.split_whitespace().find(|id| id.starts_with("k4.pid.")));
    let activate = format!("keys rotate token.keys --activate {}", pair.unwrap());
    place.run(&activate).refused(&["tokens of another purpose"]);
    place.run(&format!("{activate} --announce")).misspelt("cannot be used");
}

/// Tells of each line of the file whether it is a key pair, and not the public half of one.
fn pairs(place: &Place) -> Vec<bool> {
    place.read("token.keys").iter().map(|line| line.starts_with("k4.secret.")).collect()
}

#[test]
fn a_key_that_is_announced_outlives_the_rotations_before_its_own() {
    let place = Place::debug();
    let begin = || {
        place.write("token.keys", &place.key("secret"));
        let announce = || place.run("keys rotate token.keys --announce").succeeded();
        (announce().trim().to_owned(), announce().trim().to_owned())
    };
    let activate = |id: &str, more: &str| {
        place.run(&format!("keys rotate token.keys --activate {id}{more}")).succeeded()
    };
    let (one, other) = begin();
    activate(&one, "");
    assert_eq!(pairs(&place), [true, false, true]);
    assert_eq!(activate(&other, "").trim(), other);
    assert_eq!(pairs(&place), [true, false, false]);
    assert!(accepts(&instance(&place, "token.keys"), &issued_by(&instance(&place, "token.keys"))));

    let (one, other) = begin();
    place.run("keys rotate token.keys").succeeded();
    assert_eq!(pairs(&place), [true, false, true, true]);
    activate(&other, "");
    activate(&one, "");
    assert_eq!(pairs(&place), [true, false, false, false]);

    let (one, other) = begin();
    activate(&one, " --keep 2");
    assert_eq!(pairs(&place), [true, false, true]);
    activate(&other, " --keep 1");
    assert_eq!(pairs(&place), [true, false]);
}

#[cfg(unix)]
#[test]
fn of_a_key_that_cannot_be_written_nothing_is_left() {
    let place = Place::debug();
    let program = env!("CARGO_BIN_EXE_rocket-security");
    // No file may grow, as on a disk that is full.
    let line =
        format!("trap '' XFSZ; ulimit -f 0; exec '{program}' keys generate --out token.keys");
    let done = Command::new("sh").args(["-c", &line]).current_dir(place.path()).output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && told.contains("token.keys"), "{told}");
    assert!(!place.path().join("token.keys").exists());
    place.run("keys generate --out token.keys").succeeded();
}

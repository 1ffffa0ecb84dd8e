//! Keys and tokens on the command line.

use std::fs;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::Build;
use rocket::Rocket;
use rocket::get;
use rocket::http::Status;
use rocket::routes;
use rocket_security::Paseto;
use rocket_security::TokenKind;
use rocket_security::Verifier;
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::random_uuid;
use rocket_security::testing;
use rocket_security::testing::TestApp;
use rocket_security::token::Access;
use rocket_security::token::Lifetime;
use rocket_security::token::NoClaims;
use serde_json::Value;
use serde_json::json;

use crate::support::bearer::bearer;
use crate::support::bearer::begin_session;
use crate::support::bearer::issuer;
use crate::support::operator::CHEAP_HASH;
use crate::support::operator::PASSWORD;
use crate::support::operator::Place;
use crate::support::rocket;
use crate::support::sql;
use crate::support::tokens;
use crate::support::tokens::ASSERTION;
use crate::support::tokens::ISSUER;
use crate::support::tokens::Issuer;
use crate::support::tokens::forge;
use crate::support::tokens::key;
use crate::support::tokens::public_half;
use crate::support::tokens::user;

const ANN: &str = "ann@example.org";

const PASSPHRASE: &str = "correct horse battery staple";

impl Place {
    /// Makes a key, with the text alone.
    fn key(&self, kind: &str) -> String {
        self.run(&format!("keys generate --kind {kind}")).succeeded().trim().to_owned()
    }

    fn configure_tokens(&self, settings: &str) {
        self.configure(&format!("{CHEAP_HASH}[default.security.tokens]\n{settings}\n"));
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
    assert!(done.stderr.contains("must not be in both"), "{done:?}");
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
    let told = place.run("keys inspect").succeeded();
    let does: Vec<bool> =
        told.lines().skip(1).map(|line| line.contains("issues and verifies")).collect();
    assert_eq!(does, [true, false, true], "{told}");
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
    let warning = format!("Tokens of {} removed key", older);
    assert!(done.stderr.contains(&warning), "{done:?}");
    place.run_with_input("tokens verify", &token).refused(&["(token_key_unknown)"]);
    let done = place.run("keys rotate token.keys --keep 0");
    assert!(done.stderr.contains("Tokens of 2 removed keys are refused"), "{done:?}");
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
        .refused(&["several.keys holds several keys. Put each into a file of its own, wrap it"]);
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
        assert!(done.stderr.contains("Bring the file to every instance"), "{done:?}");
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

#[test]
fn a_token_is_issued_for_an_account_and_verified() {
    let place = Place::debug();
    place.run_with_input("users create ann@example.org --confirmed", &format!("{PASSWORD}\n"));
    let arguments = [
        "tokens",
        "issue",
        "ann@example.org",
        "--claims",
        r#"{"plan":"free"}"#,
        "--footer",
        r#"{"zone":"eu"}"#,
        "--lifetime",
        "2h",
    ];
    let token = place.run_with(&arguments, b"").succeeded();
    assert!(token.starts_with("v4.local."));
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["claims"], json!({"plan": "free"}));
    assert_eq!(told["footer"]["zone"], "eu");
    assert_eq!(told["issuer"], "http://127.0.0.1:8000");
    assert_eq!(told["epoch"], 0);
    assert!(told["id"].is_string() && told["denied_as"] == told["id"], "{told}");

    let other = place.run("tokens issue ann@example.org --audience https://b.example").succeeded();
    place.run_with_input("tokens verify", &other).refused(&["(token_audience_wrong)"]);
    place.run_with_input("tokens verify", "v4.local.AAAA\n").refused(&["(token_forged)"]);
    place.run_with_input("tokens verify", &"x".repeat(9_000)).refused(&["(token_too_long)"]);
    place.run("tokens issue bob@example.org").refused(&["bob@example.org has no account"]);
    place.run("tokens issue ann@example.org --public").refused(&["no key that issues public"]);
    place.run("tokens issue ann@example.org --lifetime 0s").refused(&["over before it begins"]);
    let reserved = ["tokens", "issue", "ann@example.org", "--claims", r#"{"sub":"bob"}"#];
    place.run_with(&reserved, b"").refused(&["the claim `sub` is the framework's"]);
    place.run("users deactivate ann@example.org").succeeded();
    place.run("tokens issue ann@example.org").refused(&["an account that is not open"]);
}

/// An application, and an operator who works beside it with its keys.
async fn app_with_an_operator(rocket: Rocket<Build>) -> (TestApp, Place) {
    let key = key(TokenPurpose::Local);
    let settings = json!({"tokens": {"keys": key, "issuer": ISSUER}});
    let app = TestApp::launch_with(rocket, settings).await;
    let place = Place::beside(app.database());
    place.configure_tokens(&format!("keys = \"{key}\"\nissuer = \"{ISSUER}\""));
    (app, place)
}

/// An application beside which an operator works, and a program that is logged in there.
async fn app_with_a_program() -> (TestApp, Value) {
    let app = TestApp::launch(rocket()).await;
    app.user(ANN).await;
    let pair = log_in(&app).await;
    (app, pair)
}

async fn log_in(app: &TestApp) -> Value {
    let body = json!({"email": ANN, "password": testing::PASSWORD}).to_string();
    let answer = app.browser().post_raw("/token", "application/json", body.as_bytes()).await;
    answer.response("user")
}

async fn is_good(app: &TestApp, pair: &Value) -> bool {
    let token = pair["authentication_token"].as_str().unwrap();
    let request = app.client().get("/me").header(bearer(token));
    app.browser().send(request).await.status == Status::Ok
}

#[rocket::async_test]
async fn an_operator_sees_programs_and_logs_them_out() {
    let (app, one) = app_with_a_program().await;
    let other = log_in(&app).await;
    let place = Place::beside(app.database());
    let listed = place.run(&format!("tokens list {ANN} --json")).succeeded();
    let listed: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["device"], "An unknown device", "as /tokens has it");
    let table = place.run(&format!("tokens list {ANN}")).succeeded();
    assert!(table.contains("REFRESHED") && !table.contains("v4."), "{table}");
    let id = listed[0]["id"].as_str().unwrap();
    assert!(place.run(&format!("tokens revoke --family {id}")).succeeded().contains("logged out"));
    assert_ne!(is_good(&app, &one).await, is_good(&app, &other).await);
    place.run(&format!("tokens revoke --family {id}")).refused(&[id, "tokens list EMAIL"]);
    place.run("tokens revoke").misspelt("--user");
    place.run("tokens revoke --family nope").misspelt("is not an id; see `rocket-security tokens");
    for command in ["sessions end", "personal-tokens revoke"] {
        place.run(&format!("{command} {ANN}")).misspelt("Give the id, or --all");
        place.run(&format!("{command} {ANN} nope")).misspelt("is not an id; see `rocket-security");
    }
    place.run(&format!("tokens revoke --family {id} --user {ANN}")).misspelt("cannot be used");
}

#[rocket::async_test]
async fn an_operator_ends_whatever_an_account_is_logged_in_with() {
    let (app, program) = app_with_a_program().await;
    let browser = app.log_in_as(ANN).await;
    let ann = app.user(ANN).await;
    let loose = issuer(&app).access(&ann).issue().unwrap();
    let loose = json!({"authentication_token": loose});
    assert!(is_good(&app, &loose).await);
    let place = Place::beside(app.database());
    let told = place.run(&format!("tokens revoke --user {ANN}")).succeeded();
    assert!(told.contains("is ended") && told.contains("personal ones too"), "{told}");
    for pair in [&program, &loose] {
        assert!(!is_good(&app, pair).await);
    }
    assert_eq!(browser.get_json("/me").await.status, Status::Unauthorized);
    assert!(place.run(&format!("tokens list {ANN} --json")).succeeded().is_empty());
    assert!(is_good(&app, &log_in(&app).await).await, "the password is what it was");
    place.run("tokens revoke --user bob@example.org").refused(&["bob@example.org"]);
}

#[rocket::async_test]
async fn an_operator_denies_one_token() {
    let (app, program) = app_with_a_program().await;
    let verifier: &Verifier = app.client().rocket().state().unwrap();
    let token = program["authentication_token"].as_str().unwrap();
    let token = verifier.verify::<NoClaims, Access>(token).unwrap();
    let place = Place::beside(app.database());
    let revoke = format!("tokens revoke --jti {}", token.id().unwrap());
    let told = place.run(&revoke).succeeded();
    assert!(told.contains("Denied: ") && told.contains("cannot be known"), "{told}");
    assert!(place.run(&revoke).succeeded().contains("already"));
    assert!(!is_good(&app, &program).await);
    let body = json!({"refresh_token": program["refresh_token"]}).to_string();
    let browser = app.browser();
    let next = browser.post_raw("/refresh-token", "application/json", body.as_bytes()).await;
    assert!(is_good(&app, &next.response("user")).await);
    for no_id in ["a".repeat(65), "\u{1f980}".to_owned(), "nope".to_owned(), "1".to_owned()] {
        let revoke = format!("tokens revoke --jti {no_id}");
        place.run(&revoke).refused(&["is no id of a token of ours", "UUID", "--issuer"]);
    }
    place.run_with(&["tokens", "revoke", "--jti", ""], b"").refused(&["is no id"]);
    place.run(&format!("{revoke} --keep 1s")).misspelt("--keep");
    place
        .run("tokens revoke --jti 1 --issuer https://nobody.example")
        .refused(&["https://nobody.example is no `iss` of security.tokens.trusted"]);
    place.run("tokens revoke --token --issuer https://partner.example").misspelt("--jti");
    place.run("tokens revoke --token --jti 1").misspelt("cannot be used");
}

#[rocket::async_test]
async fn what_an_operator_denies_by_its_id_is_denied_as_long_as_any_token_may_last() {
    let app = TestApp::launch(rocket()).await;
    let ann = app.user(ANN).await;
    let place = Place::beside(app.database());
    let id = random_uuid().unwrap();
    let lifetime = Duration::from_secs(300 * 365 * 86_400);
    let token = issuer(&app).access(&ann).id(id).lifetime(lifetime).issue().unwrap();
    let pair = json!({"authentication_token": token});
    assert!(is_good(&app, &pair).await);
    let as_typed = id.to_string().to_uppercase();
    place.run(&format!("tokens revoke --jti {as_typed}")).succeeded();
    assert!(is_denied(&app, &id.to_string()).await, "by what the token itself says");
    assert!(!is_good(&app, &pair).await);
    app.clock().advance(TimeDelta::days(290 * 365));
    app.sweep().await;
    assert!(!is_good(&app, &pair).await);
    assert!(is_denied(&app, &id.to_string()).await);
}

/// Asserts that a token is refused on the command line as a request with it is.
async fn assert_good_no_more(app: &TestApp, place: &Place, token: &str, why: &str) {
    assert!(!is_good(app, &json!({"authentication_token": token})).await);
    place.run_with_input("tokens verify", token).refused(&["(credentials_refused)", why]);
    let done = place.run_with_input("tokens verify --keys-only", token);
    assert!(done.stderr.contains("may have been revoked"), "{done:?}");
    assert!(done.succeeded().contains("\"subject\""));
}

#[rocket::async_test]
async fn a_token_that_is_good_no_more_is_refused_with_the_reason() {
    let (app, place) = app_with_an_operator(rocket()).await;
    app.user(ANN).await;
    let program = log_in(&app).await;
    let text = |name: &str| program[name].as_str().unwrap().to_owned();
    let (token, refresh) = (text("authentication_token"), text("refresh_token"));
    place.run_with_input("tokens verify", &token).succeeded();
    place.run_with_input("tokens verify --kind refresh", &refresh).succeeded();
    let ann = app.user(ANN).await;
    let session = begin_session(&app, &ann, 0).await;
    let of_session = issuer(&app).access(&ann).session(session.id).issue().unwrap();
    let loose = issuer(&app).access(&ann).issue().unwrap();
    place.run_with_input("tokens verify", &of_session).succeeded();
    place.run(&format!("sessions end {ANN} {}", session.id)).succeeded();
    assert_good_no_more(&app, &place, &of_session, "its session has ended").await;

    let body = json!({"refresh_token": refresh}).to_string();
    let next = app.browser().post_raw("/refresh-token", "application/json", body.as_bytes()).await;
    let next = next.response("user");
    let verify = "tokens verify --kind refresh";
    place.run_with_input(verify, &refresh).refused(&["another has taken its place"]);
    place.run_with_input(verify, next["refresh_token"].as_str().unwrap()).succeeded();
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    place.run(&format!("tokens revoke --family {}", told["family"].as_str().unwrap())).succeeded();
    assert_good_no_more(&app, &place, &token, "its program is logged out").await;

    place.run_with_input("tokens verify", &loose).succeeded();
    place.run_with_input("tokens revoke --token", &loose).succeeded();
    assert_good_no_more(&app, &place, &loose, "it is denied").await;
    let loose = issuer(&app).access(&ann).issue().unwrap();
    place.run(&format!("tokens revoke --user {ANN}")).succeeded();
    assert_good_no_more(&app, &place, &loose, "everything revoked").await;
    place.run(&format!("users deactivate {ANN}")).succeeded();
    assert_good_no_more(&app, &place, &loose, "its account is not open").await;
}

#[rocket::async_test]
async fn an_operator_logs_a_program_out_by_its_refresh_token() {
    let (app, place) = app_with_an_operator(rocket()).await;
    app.user(ANN).await;
    let program = log_in(&app).await;
    let refresh = program["refresh_token"].as_str().unwrap();
    for command in ["tokens verify", "tokens revoke --token"] {
        place.run_with_input(command, refresh).refused(&["--kind refresh"]);
    }
    assert!(is_good(&app, &program).await);
    let revoke = || place.run_with_input("tokens revoke --token --kind refresh", refresh);
    assert!(revoke().succeeded().contains("logged out."));
    assert!(revoke().succeeded().contains("already"));
    assert!(!is_good(&app, &program).await, "its access token ended with it");
    let body = json!({"refresh_token": refresh}).to_string();
    let next = app.browser().post_raw("/refresh-token", "application/json", body.as_bytes()).await;
    assert_eq!(next.status, Status::Unauthorized);
    place.run("tokens revoke --kind refresh --jti 1").misspelt("--kind");
}

/// Lets its bearer fetch one file.
struct Download;

impl TokenKind for Download {
    const NAME: &'static str = "download";
    const LIFETIME: Option<Lifetime> = Some(Lifetime::Never);
}

#[get("/file")]
fn file(token: Paseto<NoClaims, Download>) -> String {
    token.subject().unwrap_or_default().to_owned()
}

#[rocket::async_test]
async fn an_operator_denies_a_token_of_an_applications_own_kind() {
    let (app, place) = app_with_an_operator(rocket().mount("/", routes![file])).await;
    let token = issuer(&app).of::<Download>("report.pdf").lifetime(Lifetime::Never);
    let token = token.issue().unwrap();
    let fetched = async || {
        let request = app.client().get("/file").header(bearer(&token));
        app.browser().send(request).await.status
    };
    assert_eq!(fetched().await, Status::Ok);
    for command in ["tokens verify", "tokens verify --kind upload", "tokens revoke --token"] {
        place.run_with_input(command, &token).refused(&["(token_forged)", "--kind"]);
    }
    let verify = "tokens verify --kind download";
    let told = place.run_with_input(verify, &token).succeeded();
    assert!(told.contains("report.pdf"), "{told}");
    let told = place.run_with_input("tokens revoke --token --kind download", &token).succeeded();
    assert!(told.contains("is denied"), "{told}");
    assert_eq!(fetched().await, Status::Unauthorized);
    place.run_with_input(verify, &token).refused(&["it is denied"]);
    let access = place.run_with_input(verify, "v4.local.AAAA");
    access.refused(&["(token_forged)", "download"]);
}

#[test]
fn whom_a_token_is_from_and_for_is_told_beside_what_is_wanted() {
    let place = Place::debug();
    let theirs = key(TokenPurpose::Public);
    let ours = key(TokenPurpose::Public);
    let trusted = format!(
        "keys = \"{ours}\"\ntrusted = [{{ iss = \"{PARTNER}\", key = \"{}\" }}]",
        public_half(&theirs)
    );
    place.configure_tokens(&trusted);
    let now = chrono::Utc::now();
    let token = |key: &str, iss: &str, aud: &str| {
        let claims = json!({
            "iss": iss, "sub": "somebody", "aud": aud, "typ": "access", "jti": "1",
            "exp": (now + TimeDelta::minutes(5)).to_rfc3339(), "nbf": now.to_rfc3339(),
            "iat": now.to_rfc3339(),
        });
        forge(key, &claims, "", ASSERTION)
    };
    let verify = |token: &str| place.run_with_input("tokens verify --keys-only", token);
    let local = "http://127.0.0.1:8000";
    verify(&token(&ours, "https://old.example", local)).refused(&[
        "(token_issuer_wrong)",
        "\"https://old.example\"; ours is \"http://127.0.0.1:8000\" (security.tokens.issuer",
    ]);
    verify(&token(&theirs, "https://old.example", local)).refused(&[
        "(token_issuer_wrong)",
        "\"https://old.example\"; its key is that of \"https://partner.example\"",
    ]);
    verify(&token(&ours, local, "https://b.example")).refused(&[
        "(token_audience_wrong)",
        "[\"https://b.example\"]; ours is [\"http://127.0.0.1:8000\"] (security.tokens.audience",
    ]);
    verify(&token(&ours, local, local)).succeeded();
}

async fn is_denied(app: &TestApp, name: &str) -> bool {
    let count = format!("SELECT COUNT(*) FROM security_denylist WHERE jti = '{name}'");
    sql::number(app.database(), &count).await == 1
}

#[rocket::async_test]
async fn an_operator_denies_the_token_that_they_pipe_in() {
    let app = TestApp::launch(rocket()).await;
    app.user(ANN).await;
    let place = Place::beside(app.database());
    let token = place.run(&format!("tokens issue {ANN}")).succeeded();
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    let revoke = || place.run_with_input("tokens revoke --token", &token).succeeded();
    assert!(revoke().contains("is denied"));
    assert!(revoke().contains("already"));
    assert!(is_denied(&app, told["id"].as_str().unwrap()).await);
    for (typed, reason) in [("v4.local.AAAA\n", "(token_forged)"), ("", "(token_malformed)")] {
        place.run_with_input("tokens revoke --token", typed).refused(&[reason]);
    }
}

/// Whoever shows a token, of ours or of a trusted issuer.
#[get("/shown")]
fn shown(token: Paseto) -> String {
    token.issuer().to_owned()
}

const PARTNER: &str = "https://partner.example";

#[rocket::async_test]
async fn an_operator_denies_tokens_of_a_trusted_issuer_one_by_one() {
    let (foreign, other) = (key(TokenPurpose::Public), key(TokenPurpose::Public));
    let also = "https://also.example";
    let entry =
        |iss: &str, key: &str| json!({"iss": iss, "key": public_half(key), "allow": ["no-jti"]});
    let trusted = json!([entry(PARTNER, &foreign), entry(also, &other)]);
    let settings = json!({"tokens": {"trusted": trusted, "audience": ISSUER}});
    let app = TestApp::launch_with(rocket().mount("/", routes![shown]), settings).await;
    let place = Place::beside(app.database());
    let entry = |iss: &str, key: &str| {
        let key = public_half(key);
        format!("{{ iss = \"{iss}\", key = \"{key}\", allow = [\"no-jti\"] }}")
    };
    let trusted = format!("[{}, {}]", entry(PARTNER, &foreign), entry(also, &other));
    place.configure_tokens(&format!("audience = \"{ISSUER}\"\ntrusted = {trusted}"));
    let token = |iss: &str, key: &str, jti: Option<&str>| {
        let now = app.clock().now();
        let mut claims = json!({
            "iss": iss, "sub": "somebody", "aud": ISSUER, "typ": "access",
            "exp": (now + TimeDelta::minutes(5)).to_rfc3339(), "nbf": now.to_rfc3339(),
            "iat": now.to_rfc3339(),
        });
        if let Some(jti) = jti {
            claims["jti"] = json!(jti);
        }
        forge(key, &claims, "", ASSERTION)
    };
    let tokens = [
        token(PARTNER, &foreign, Some("1")),
        token(PARTNER, &foreign, Some("2")),
        token(PARTNER, &foreign, Some("3")),
        token(PARTNER, &foreign, None),
        token(also, &other, Some("1")),
    ];
    let shown = async || {
        let mut good = Vec::new();
        for token in &tokens {
            let request = app.client().get("/shown").header(bearer(token));
            good.push(app.browser().send(request).await.status == Status::Ok);
        }
        good
    };
    assert_eq!(shown().await, [true; 5]);

    let revoke = format!("tokens revoke --jti 1 --issuer {PARTNER}");
    assert!(place.run(&revoke).succeeded().contains("Denied: "));
    assert!(place.run(&revoke).succeeded().contains("already"));
    assert_eq!(shown().await, [false, true, true, true, true]);
    let told = place.run_with_input("tokens revoke --token", &tokens[1]).succeeded();
    assert!(told.contains("is denied"), "{told}");
    assert_eq!(shown().await, [false, false, true, true, true]);

    place.run_with_input("tokens revoke --token", &tokens[3]).refused(&["has no id, `jti`"]);
    assert_eq!(shown().await, [false, false, true, true, true]);
    place.run_with_input("tokens verify", &tokens[1]).refused(&["it is denied"]);
    place.run_with_input("tokens verify", &tokens[2]).succeeded();
    for (token, expected) in [(&tokens[1], true), (&tokens[2], false)] {
        let told = place.run_with_input("tokens verify --keys-only", token).succeeded();
        let told: Value = serde_json::from_str(&told).unwrap();
        let denied_as = told["denied_as"].as_str().unwrap();
        assert!(denied_as.len() == 64 && denied_as != told["id"], "{told}");
        assert_eq!(is_denied(&app, denied_as).await, expected);
        place.run(&format!("tokens revoke --jti {denied_as}")).refused(&["is no id"]);
    }
    let told = place.run_with_input("tokens verify", &tokens[3]).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["denied_as"].is_null(), "{told}");
}

#[test]
fn who_issues_a_token_is_written_down_before_they_have_it() {
    let place = Place::debug();
    place.configure(&format!("{CHEAP_HASH}[default.security.audit]\n"));
    place.run_with_input("users create ann@example.org --confirmed", &format!("{PASSWORD}\n"));
    let token = place.run("tokens issue ann@example.org").succeeded();
    let told = place.run_with_input("tokens verify", &token).succeeded();
    let told: Value = serde_json::from_str(&told).unwrap();
    let tail = || place.run("audit tail -n 1 --json").succeeded();
    let newest = tail();
    let row: Value = serde_json::from_str(&newest).unwrap();
    assert_eq!(row["event"], "token_issued");
    assert_eq!(row["user"], told["subject"]);
    assert_eq!(row["payload"]["token"], told["id"]);
    assert_eq!(row["payload"]["origin"]["authn_via"], "command_line");
    assert!(!newest.contains(token.trim()), "{newest}");
    place.run("tokens issue ann@example.org --lifetime 0s").refused(&["over before it begins"]);
    assert_eq!(tail(), newest, "what was not issued is not written down");
}

//! What stops a launch, and what it says.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use rocket::{catch, catchers};
use rocket_security::config::TokenPurpose;
use rocket_security::crypto::keys::generate_paserk;
use rocket_security::crypto::token_key::TokenKey;
use rocket_security::features::login::Login;
use rocket_security::features::track::Track;
use rocket_security::testing::TestApp;
use rocket_security::{MemoryDatastore, Security};
use serde_json::json;

use crate::support::examples::example;
use crate::support::{rocket, rocket_with};

pub(crate) const GOOD_KEY: &str = "k4.local.qmMwdTgzhPlqS8Hc-JQMSg9YFBqFv1_w_LbT4HMZ3gs";

/// Launches the quickstart as an operator would, and gives what stops it.
fn faults_of(profile: &str, toml: &str) -> Vec<String> {
    let mut told = told_by(profile, toml, "Error: ");
    // What is given up knowingly is told as well, and stops nothing.
    told.retain(|line| !line.ends_with("security.allow_insecure allows it"));
    told
}

/// Launches the quickstart in a folder of its own, and gives the lines that begin like that and name a
/// key of the configuration.
pub(crate) fn told_by(profile: &str, toml: &str, head: &str) -> Vec<String> {
    let said = said_by(profile, toml, &[]).into_iter();
    said.filter_map(|line| line.strip_prefix(head).map(str::to_owned))
        .filter(|line| line.starts_with("security.") || line.starts_with("databases."))
        .collect()
}

/// Launches the quickstart in a folder of its own, in which these files are, and gives the lines that it
/// says before it stops.
pub(crate) fn said_by(profile: &str, toml: &str, files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let database = format!("sqlite:{}", folder.path().join("security.sqlite").display());
    let config = folder.path().join("Rocket.toml");
    std::fs::write(&config, toml.replace("DATABASE", &database)).unwrap();
    let mut launched = Command::new(example("quickstart"))
        .current_dir(folder.path())
        .env("ROCKET_CONFIG", &config)
        .env("ROCKET_PROFILE", profile)
        .env("ROCKET_CLI_COLORS", "false")
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`cargo test` builds an example that has no tests of its own");
    for _ in 0..300 {
        if launched.try_wait().unwrap().is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    // Whoever has not stopped by now has launched.
    let _ = launched.kill();
    let output = launched.wait_with_output().unwrap();
    assert!(!output.status.success());
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Tells whether it launches.
async fn launches(profile: &str, toml: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("security.sqlite").display());
    let figment = Figment::from(rocket::Config::default())
        .merge(Toml::string(&toml.replace("DATABASE", &database)).nested())
        .merge(("log_level", "off"))
        .select(profile);
    match Client::untracked(rocket().configure(figment)).await {
        Ok(_) => true,
        Err(fault) => {
            // Rocket wants it looked at.
            let _ = fault.kind();
            false
        }
    }
}

#[rocket::async_test]
async fn a_wrong_configuration_stops_the_launch_with_one_line_that_names_key_and_cure() {
    let database = "[default.databases.security]\nurl = \"DATABASE\"\n";
    let complete = format!(
        "{database}[default.security]\nbase_url = \"https://example.org\"\nkeys = \"{GOOD_KEY}\"\n\
         trusted_proxies = []\nroles = \"create\"\nallow_insecure = [\"mail.url\"]\n\
         [default.security.mail]\nurl = \"capture:\"\n"
    );
    assert!(launches("release", &complete).await);
    assert!(launches("debug", database).await);
    assert!(!launches("release", &complete.replace("\"create\"", "\"check\"")).await);
    assert!(!launches("release", &complete.replace("roles = \"create\"\n", "")).await);

    let without = |line: &str| {
        complete.lines().filter(|it| !it.contains(line)).collect::<Vec<_>>().join("\n")
    };
    let with = |line: &str| format!("{complete}\n{line}");
    for (toml, key, cure) in [
        (without("base_url"), "security.base_url: is missing", "Set it to the address people use"),
        (without("keys"), "security.keys: is missing", "rocket-security keys generate"),
        (
            without("trusted_proxies"),
            "security.trusted_proxies: is missing, but base_url is https",
            "or to [] if there is none",
        ),
        (
            complete.replace("[]", "[\"10.0.0.1\", \"proxy.local\"]"),
            "security.trusted_proxies[1]: is wrong: \"proxy.local\" is neither an address nor a network",
            "Write it like \"10.0.0.5\"",
        ),
        (
            complete.replace("trusted_proxies = []", "trusted_proxies = []\nproxy_header = \"\""),
            "security.proxy_header: is wrong: it is not the name of a header",
            "Write it like \"X-Forwarded-For\"",
        ),
        (without("DATABASE"), "databases.security.url: is missing", "[default.databases.security]"),
        (without("capture"), "security.mail.url: is missing", "Set it to your mail server"),
        (
            complete.replace("https://example.org", "https://example.org/app"),
            "security.base_url: \"https://example.org/app\" is not",
            "Write it like",
        ),
        (complete.replace("https:", "ftp:"), "security.base_url: ", "Write it like"),
        (complete.replace(GOOD_KEY, "k4.local.c2hvcnQ"), "security.keys: ", "keys generate"),
        (
            complete.replace(GOOD_KEY, "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8"),
            "security.keys: holds a key that stands in public documentation",
            "keys generate",
        ),
        (complete.replace("capture:", "gopher:"), "security.mail.url: ", "Write smtp://"),
        (
            with("fron = \"x@example.org\""),
            "security.mail.fron: is not a setting",
            "Write \"from\"",
        ),
        (with("from = \"nobody\""), "security.mail.from: is not an address", "Write name@"),
        (
            with("from = '\"x@evil.example\"@victim.example'"),
            "security.mail.from: is not an address",
            "Write name@",
        ),
        (
            with("from = \"Ann\\r\\nBcc: eve@example.org <ann@example.org>\""),
            "security.mail.from: contains a control character",
            "Write name@",
        ),
        (with("reply_to = \"a@localhost\""), "security.mail.reply_to: is not", "Write name@"),
        (
            with("subjects.welcom = \"Welcome\""),
            "security.mail.subjects.welcom: is not the name of a mail",
            "Write \"welcome\", or remove it",
        ),
        (
            with("subjects.welcome = \"Welcome, {{ user.email }}\""),
            "security.mail.subjects.welcome: does not render",
            "{{ site_name }}",
        ),
        (
            with("subjects.welcome = \"Welcome\\r\\nBcc: eve@example.org\""),
            "security.mail.subjects.welcome: is not one line",
            "without line breaks",
        ),
        (with("[default.security.session]\nidle = \"soon\""), "security.session.idle: ", "Correct"),
        (
            with("[default.security.session]\naal = 2"),
            "security.session.aal: requires users to log in again",
            "Disable the feature",
        ),
        (
            with("[default.security.session]\nidle = \"25h\""),
            "security.session.idle: is longer",
            "shorter",
        ),
        (
            with("[default.security.password]\nmin_length = 7"),
            "security.password.min_length: is below 8",
            "Set it to 15",
        ),
        (
            with("[default.security.password]\nmemory = 8"),
            "security.password.memory: ",
            "Remove both",
        ),
        (
            with("[default.security.password]\nmemory = 262145"),
            "security.password.memory: is 262145 KiB",
            "choose at most 262144",
        ),
        (
            with("[default.security.password]\nmemory = 19456\niterations = 17"),
            "security.password.iterations: is 17",
            "choose 1 to 16",
        ),
        (
            with("[default.security.password]\nparallelism = 17"),
            "security.password.parallelism: is 17",
            "choose 1 to 16",
        ),
        (
            with("[default.security.password]\nmin_length = 65"),
            "security.password.min_length: is above 64",
            "Set it to 15",
        ),
        (
            with("[default.security.password]\nthreads = 0"),
            "security.password.threads: is not between 1 and 1024",
            "Remove it",
        ),
        (
            with("[default.security.password]\nqueue = 9000000000000000000"),
            "security.password.queue: is above 100000",
            "Remove it",
        ),
        (
            with("[default.security.throttle]\nscale = 0"),
            "security.throttle.scale: is 0",
            "Set it to 1",
        ),
        (
            complete.replace("keys =", "identity = []\nkeys ="),
            "security.identity: is empty",
            "Set it to [\"email\"]",
        ),
        (
            complete.replace("keys =", "identity = [\"username\"]\nkeys ="),
            "security.identity: lacks \"email\"",
            "Set it to [\"email\"], [\"email\", \"username\"]",
        ),
        (
            complete.replace("keys =", "identity = [\"email\", \"phone\"]\nkeys ="),
            "security.identity",
            "use one of: email, username",
        ),
        (
            complete.replace("keys =", "mechanisms = []\nkeys ="),
            "security.mechanisms: is empty",
            "Set it to [\"session\", \"token\"]",
        ),
        (
            complete.replace("keys =", "mechanisms = [\"session\", \"session\"]\nkeys ="),
            "security.mechanisms[1]: repeats \"session\"",
            "Remove it",
        ),
        (
            complete.replace("keys =", "mechanisms = [\"session\", \"cookie\"]\nkeys ="),
            "security.mechanisms[1]: is \"cookie\", which no feature provides",
            "use one of: session, token",
        ),
        (
            with("[default.security.login]\npost_login_view = \"//x\""),
            "security.login.post_login_view: ",
            "Correct",
        ),
        (
            with("[default.security.login]\npost_login_view = \"/x#y\""),
            "security.login.post_login_view: ",
            "Correct",
        ),
        (
            with("[default.security.login]\npost_login_view = \"https://app.example.org/x\""),
            "security.login: leads to https://app.example.org/x (home)",
            "security.redirect_origins",
        ),
        (
            complete.replace("keys =", "redirect_origins = [\"https://example.org/app\"]\nkeys ="),
            "security.redirect_origins",
            "like \"https://app.example.org\"",
        ),
        (
            complete.replace("keys =", "redirect_origins = [\"https://*.example.org\"]\nkeys ="),
            "security.redirect_origins",
            "Correct it",
        ),
        (
            complete.replace("keys =", "redirect_origins = [\"http://app.example.org\"]\nkeys ="),
            "security.redirect_origins: has http://app.example.org/",
            "Write it with https",
        ),
        (
            with("[default.security.csrf]\norigins = [\"http://app.example.org\"]"),
            "security.csrf.origins: has http://app.example.org/",
            "Write it with https",
        ),
        (
            with("[default.security.csrf]\ncookie = \"a b\""),
            "security.csrf.cookie: ",
            "like \"XSRF-TOKEN\"",
        ),
        (
            with("[default.security.csrf]\ncookie = \"security_session\""),
            "security.csrf.cookie: is wrong: it is \"security_session\"",
            "Write one like \"XSRF-TOKEN\"",
        ),
        (
            with("[default.security.csrf]\ncookie = \"__Host-csrf\"")
                .replace("https://example.org", "http://example.org")
                .replace("[\"mail.url\"]", "[\"mail.url\", \"base_url\"]"),
            "security.csrf.cookie: has a prefix",
            "Set base_url to an https address",
        ),
        (
            complete.replace("keys =", "redirect_behavior = \"SPA\"\nkeys ="),
            "security.redirect_behavior",
            "Write \"spa\"",
        ),
        (
            with("[default.security.confirm]\nwithin = \"2 days\""),
            "security.confirm.within: is longer",
            "24h",
        ),
        (
            with("[default.security.change_email]\nundo_within = \"23h\""),
            "security.change_email.undo_within: is shorter than a day",
            "24h",
        ),
        (
            with("[default.security.confirm]\nwithing = \"2h\""),
            "security.confirm.withing: is not a setting",
            "Write \"within\"",
        ),
        (
            with("[default.security.confrim]\nwithin = \"2h\""),
            "security.confrim: is not a setting",
            "Write \"confirm\"",
        ),
        (
            complete.replace("keys =", "secret_keys = \"x\"\nkeys ="),
            "security.secret_keys: is not a setting",
            "use one of",
        ),
    ] {
        let faults = faults_of("release", &toml);
        assert_eq!(faults.len(), 1, "{key}: {faults:?}");
        assert!(faults[0].starts_with(key), "{key}: {faults:?}");
        assert!(faults[0].contains(cure), "{cure}: {faults:?}");
        assert!(!faults[0].contains(GOOD_KEY), "{faults:?}");
    }
    let spa = complete.replace("keys =", "redirect_behavior = \"spa\"\nkeys =");
    let faults = faults_of("release", &spa);
    let views = [
        "confirm.confirm_view",
        "reset.reset_view",
        "change_email.change_email_view",
        "change_email.change_email_undo_view",
        "invite.invite_view",
    ];
    for (fault, key) in faults.iter().zip(views) {
        assert!(fault.starts_with(&format!("security.{key}")), "{faults:?}");
        assert!(fault.contains("is missing, and redirect_behavior is \"spa\". Set it"), "{fault}");
    }
    assert_eq!(faults.len(), 5, "{faults:?}");

    let secret_key = |key: &str| format!("[default]\nsecret_key = \"{key}\"\n{}", without("keys"));
    let good = "d5b0a36ef3d1fd5c8d9dcd5f2cd03ecb0ae8cf1f3e1ad1c9a5a27a1e4f3b6c78";
    assert!(launches("release", &secret_key(good)).await);
    for bad in ["hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk=", "c2hvcnQ=", "not a key"] {
        let faults = faults_of("release", &secret_key(bad));
        assert!(
            faults[0].starts_with("security.keys: is missing, and Rocket's secret_key"),
            "{faults:?}"
        );
    }

    for (toml, key) in [
        ("[debug.security]\nbase_url = \"nonsense\"", "security.base_url: is wrong"),
        ("[debug.security]\nunheard_of = 1", "security.unheard_of: is not a setting"),
        ("[debug.security]\nkeys = \"short\"", "security.keys: "),
        ("[debug.databases.security]\nulr = \"x\"", "databases.security.ulr: is not a setting"),
    ] {
        let faults = faults_of("debug", &format!("{database}{toml}"));
        assert!(faults[0].starts_with(key), "{key}: {faults:?}");
    }
}

/// What stops this launch is found last.
#[cfg(unix)]
#[test]
fn what_an_operator_should_know_of_keys_is_told_at_the_launch() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token.keys");
    let local = generate_paserk().unwrap();
    std::fs::write(&path, local.expose()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let public = TokenKey::generate(TokenPurpose::Public).unwrap().public_paserk().unwrap();
    let file = format!("{{ file = \"{}\" }}", path.display());
    for (settings, expected) in [
        (
            format!("keys = \"{public}\"\npassphrase = \"correct horse battery staple\""),
            vec![
                "security.tokens.keys: holds no key that issues, so that tokens are issued under one",
                "security.tokens.passphrase: opens nothing",
            ],
        ),
        (
            format!("keys = [\"{public}\", {file}]"),
            vec!["security.tokens.keys[1]: others may read the file"],
        ),
        (format!("keys = [\"{public}\", \"{}\"]", local.expose()), vec![]),
        (String::new(), vec![]),
    ] {
        let toml = format!(
            "[default.databases.security]\nurl = \"DATABASE\"\n[default.security]\n\
             mechanisms = [\"cookie\"]\n[default.security.tokens]\n{settings}"
        );
        let told = told_by("debug", &toml, "Warning: ");
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
    }
}

#[test]
fn a_database_that_is_misspelt_stops_the_launch_and_shows_no_password() {
    for (toml, fault) in [
        ("[debug.databases]\nsecurity = \"postgres://x\"", "databases.security: is not a table"),
        (
            "[debug.databases.security]\nurl = \"postgres://h/d?pasword=hunter2\"",
            "databases.security.url: has the parameter \"pasword\", which is not one",
        ),
        (
            "[debug.databases.security]\nurl = \"oracle://h/d\"",
            "databases.security.url: names a database of the unknown kind \"oracle\"",
        ),
    ] {
        let faults = faults_of("debug", toml);
        // The quickstart may be built without the driver, and says so first.
        let is_without_driver = faults[0].contains("driver is not compiled in");
        assert!(faults[0].starts_with(fault) || is_without_driver, "{faults:?}");
        assert!(!faults[0].contains("hunter2"), "{faults:?}");
    }
}

#[rocket::async_test]
async fn keys_are_made_once_beside_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("security.sqlite").display());
    let figment = rocket::Config::figment()
        .merge(("log_level", "critical"))
        .merge(("databases.security.url", database));
    drop(Client::untracked(rocket().configure(figment.clone())).await.unwrap());
    let keys = folder.path().join("security.keys");
    let first = std::fs::read_to_string(&keys).unwrap();
    assert!(first.starts_with("k4.local."));
    drop(Client::untracked(rocket().configure(figment)).await.unwrap());
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), first);
}

#[rocket::async_test]
async fn a_session_outlives_a_restart_and_a_new_active_key() {
    let newer = rocket_security::crypto::keys::generate_paserk().unwrap();
    let app = TestApp::launch_with(rocket(), json!({"keys": GOOD_KEY})).await;
    let cookie = app.log_in_as("ann@example.org").await.cookie("security_session").unwrap();
    let app = app.restart_with(rocket(), json!({"keys": [newer.expose(), GOOD_KEY]})).await;
    let browser = app.browser();
    browser.set_cookie("security_session", &cookie);
    assert_eq!(browser.get("/me").await.status, Status::Ok);
    let app = app.restart_with(rocket(), json!({"keys": newer.expose()})).await;
    let browser = app.browser();
    browser.set_cookie("security_session", &cookie);
    assert_eq!(browser.get("/me").await.status, Status::SeeOther);
}

#[catch(401)]
fn own_401() -> &'static str {
    "mine"
}

#[catch(default)]
fn own_default(status: Status, request: &rocket::Request<'_>) -> String {
    let reason = rocket_security::Rejection::of(request).map(|it| it.reason());
    format!("{} {}", status.code, reason.unwrap_or("of another kind"))
}

#[rocket::async_test]
async fn an_applications_own_catchers_stay() {
    let app = TestApp::launch(rocket().register("/", catchers![own_401])).await;
    assert_eq!(app.browser().get("/me").await.body, "mine");
    let ann = app.log_in_as("ann@example.org").await;
    assert!(ann.get("/admin").await.body.contains("No permission"), "the others are ours");

    let app = TestApp::launch(rocket().register("/", catchers![own_default])).await;
    assert_eq!(app.browser().get("/me").await.body, "401 unauthenticated");
    assert_eq!(app.log_in_as("ann@example.org").await.get("/admin").await.body, "403 forbidden");
    assert_eq!(app.browser().post_form("/nowhere", &[]).await.body, "404 of another kind");
}

#[rocket::async_test]
async fn a_feature_that_is_disabled_is_gone_and_one_that_is_enabled_twice_is_there_once() {
    let security = Security::default().disable::<Login>().enable(Track::default());
    let app = TestApp::launch(rocket_with(security)).await;
    assert_eq!(app.browser().get("/login").await.body, "public");
    let answer = app.browser().get("/me").await;
    assert_eq!(answer.status, Status::Unauthorized, "there is no login page to lead to");
}

#[rocket::async_test]
async fn an_application_runs_on_a_store_in_memory() {
    let security = Security::new(MemoryDatastore::default()).enable(Login::default());
    let rocket = rocket::build().attach(security).mount("/", rocket::routes![]);
    let app = TestApp::launch(rocket).await;
    let ann = app.log_in_as("ann@example.org").await;
    assert!(ann.get_json("/login").await.json()["response"]["user"].is_object());
}

//! `rocket-security routes`, run on built programs.

use std::process::Command;

use rocket::serde::json::Value;
use rocket_security::security::{ROUTES_MARK, ROUTES_VARIABLE};

use crate::support::examples::example;
use crate::support::operator::{CHEAP_HASH, Done, Place};

fn run(place: &Place, options: &str, program: &str) -> Done {
    place.run(&format!("routes {options} -- {program}"))
}

fn quickstart(place: &Place, options: &str) -> Done {
    run(place, options, example("quickstart").to_str().unwrap())
}

#[test]
fn a_built_application_prints_its_map_and_serves_nobody() {
    let place = Place::new("debug", CHEAP_HASH);
    let table = quickstart(&place, "").succeeded();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = table.lines().map(words).collect();
    assert_eq!(lines[0], "METHOD ROUTE RANK FORMAT HANDLER FROM GUARDS CSRF");
    for line in [
        "GET / -9 - index application Maybe(AuthUser) not needed",
        "GET /admin -9 - admin application RolesRequired(admin) not needed",
        "GET /me -9 - me application AuthUser not needed",
        "POST /login?<next> -10 - submit login the feature decides, Submission, Visit checked",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line:?} is missing:\n{table}");
    }
    assert!(!table.contains("nothing declared"), "{table}");
    let files = std::fs::read_dir(place.path()).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(files.collect::<Vec<_>>(), ["Rocket.toml"], "asking makes nothing");
}

#[test]
fn an_application_that_is_asked_for_its_map_ends_by_itself_before_it_binds_a_port() {
    let place = Place::new("debug", CHEAP_HASH);
    // Whoever binds it fails, and says so.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let launch = |asked: bool| {
        let mut command = Command::new(example("quickstart"));
        command
            .current_dir(place.path())
            .env("ROCKET_CONFIG", place.path().join("Rocket.toml"))
            .env("ROCKET_PROFILE", "debug")
            .env("ROCKET_CLI_COLORS", "false")
            .env("ROCKET_PORT", taken.local_addr().unwrap().port().to_string());
        if asked {
            command.env(ROUTES_VARIABLE, "json");
        }
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (asked, unasked) = (launch(true), launch(false));
    assert!(asked.lines().any(|line| line.starts_with(ROUTES_MARK)), "{asked}");
    assert!(!asked.contains("failed to bind"), "{asked}");
    assert!(unasked.contains("failed to bind") && !unasked.contains(ROUTES_MARK), "{unasked}");
}

#[test]
fn for_programs_it_is_an_object_a_line() {
    let place = Place::new("debug", CHEAP_HASH);
    let listed = quickstart(&place, "--json").succeeded();
    let routes: Vec<Value> =
        listed.lines().map(|line| rocket::serde::json::from_str(line).unwrap()).collect();
    let admin = routes.iter().find(|route| route["uri"] == "/admin").unwrap();
    assert_eq!(admin["guards"][0]["roles"]["all"][0], "admin");
    assert!(routes.iter().any(|route| route["feature"] == "login"));
}

#[test]
fn a_launch_that_would_stop_for_lack_of_a_guard_still_tells_where() {
    let toml = format!("[default.security]\nrequire_guard = [\"/nowhere\"]\n{CHEAP_HASH}");
    let place = Place::new("debug", &toml);
    assert!(quickstart(&place, "").succeeded().contains("RolesRequired(admin)"));
}

#[test]
fn a_program_that_is_none_of_ours_is_named() {
    let place = Place::new("debug", CHEAP_HASH);
    run(&place, "", "./nowhere").refused(&["./nowhere cannot be run", "that is built"]);
    run(&place, "", "true").refused(&["true ended and told no map", "rocket_security::Security"]);
    run(&place, "--timeout 1", "sleep 60").refused(&["sleep told no map within 1 s."]);
    place.run("routes").misspelt("Usage: rocket-security routes");
}

#[test]
fn what_keeps_an_application_from_launching_is_passed_on() {
    let place = Place::new("debug", "[default.security]\nsite_nam = \"Harbour Library\"\n");
    let done = quickstart(&place, "");
    assert_eq!((done.status, done.stdout.as_str()), (Some(1), ""), "{done:?}");
    assert!(done.stderr.contains("security.site_nam: is not a setting"), "{done:?}");
    assert!(done.stderr.contains("ended and told no map"), "{done:?}");
}

//! What an application asks of whoever registers, and who may register at all.

use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket::{Request, async_trait};
use rocket_security::datastore::Together;
use rocket_security::feature::{Feature, Registration};
use rocket_security::features::confirm::Confirm;
use rocket_security::features::register::Register;
use rocket_security::rejection::FieldErrors;
use rocket_security::testing::{Answer, Browser, PASSWORD, TestApp};
use rocket_security::{Config, Field, RegistrationFields, Result, Security, SqlxDatastore, Text};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::launching::try_launch;
use crate::support::links::confirmation_link;
use crate::support::templates::with_templates;
use crate::support::{ANN, BOB, app, app_with, rocket, rocket_with, sql, with_ann};

/// What the application keeps of a member. A nickname is taken once.
#[derive(Deserialize)]
struct Member {
    nickname: String,
    age: Option<u8>,
    color: Option<String>,
    terms: bool,
}

/// A name that nobody may have: the application's managed state.
struct Reserved(&'static str);

#[async_trait]
impl RegistrationFields for Member {
    const FIELDS: &'static [Field] = &[
        Field::text("nickname", "Nickname").required().max_length(20).autocomplete("nickname"),
        Field::number("age", "Age").hint("In years."),
        Field::choice("color", "Colour", &[("red", "Red"), ("blue", "Blue")]),
        Field::checkbox("terms", "I accept the terms").required(),
    ];

    async fn check(&self, request: &Request<'_>) -> Result<FieldErrors> {
        let mut errors = FieldErrors::new();
        let reserved = request.rocket().state::<Reserved>().unwrap();
        if self.nickname == reserved.0 {
            errors.push("nickname", Text::new("nickname_reserved", "This name is reserved."));
        }
        if self.age.is_some_and(|age| age < 16) {
            errors.push("age", Text::new("too_young", "You have to be {age}.").with("age", 16));
        }
        Ok(errors)
    }

    fn save(self, registration: &Registration<'_>) -> Result<Together> {
        assert!(self.terms);
        let age = self.age.map_or("NULL".to_owned(), |age| age.to_string());
        let color = self.color.as_deref().unwrap_or("none");
        let insert = format!(
            "INSERT INTO members (nickname, age, color, user_id) VALUES ('{}', {age}, '{color}', '{}')",
            self.nickname,
            registration.user_id.as_uuid(),
        );
        Ok(insertion(insert))
    }
}

macro_rules! insertion {
    ($connection:ty, $insert:expr) => {{
        let insert = $insert;
        Together::nothing().and(move |connection: &mut $connection| {
            let insert = AssertSqlSafe(insert.clone());
            Box::pin(async move {
                match sqlx::raw_sql(insert).execute(connection).await {
                    Err(sqlx::Error::Database(fault)) if fault.is_unique_violation() => {
                        let text = Text::new("nickname_taken", "Somebody has this nickname.");
                        Err(FieldErrors::one("nickname", text).into())
                    }
                    inserted => Ok(inserted.map(drop)?),
                }
            })
        })
    }};
}

fn insertion(insert: String) -> Together {
    let url = std::env::var("SECURITY_TEST_DATABASE_URL").unwrap_or_default();
    match url.split(':').next() {
        #[cfg(feature = "postgres")]
        Some("postgres") => insertion!(sqlx::PgConnection, insert),
        #[cfg(feature = "mysql")]
        Some("mysql") => insertion!(sqlx::MySqlConnection, insert),
        _ => insertion!(sqlx::SqliteConnection, insert),
    }
}

/// The application that asks for a [`Member`], with its table.
async fn members() -> TestApp {
    let security = Security::default().enable(Register::asking::<Member>());
    let app = TestApp::launch(rocket_with(security).manage(Reserved("root"))).await;
    let table = "CREATE TABLE members (nickname VARCHAR(40) NOT NULL PRIMARY KEY, age INTEGER, \
                 color VARCHAR(10) NOT NULL, user_id VARCHAR(36) NOT NULL)";
    sql::execute(app.database(), table).await;
    app
}

async fn count(app: &TestApp, table: &str) -> i64 {
    sql::count(app.database(), table).await
}

/// Asserts that there are so many users, members and mails.
async fn assert_counts(app: &TestApp, users: i64, members: i64, mails: usize) {
    assert_eq!((count(app, "security_users").await, count(app, "members").await), (users, members));
    assert_eq!(app.mail().await.len(), mails);
}

async fn post_form(browser: &Browser<'_>, email: &str, own: &[(&str, &str)]) -> Answer {
    let fields =
        [&[("email", email), ("password", PASSWORD), ("password_confirm", PASSWORD)], own].concat();
    browser.post_form("/register", &fields).await
}

async fn post_json(browser: &Browser<'_>, email: &str, own: Value) -> Answer {
    let mut body = json!({"email": email, "password": PASSWORD});
    body.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    browser.post_json("/register", body).await
}

fn without_token(answer: &Answer) -> Value {
    let mut json = answer.json();
    json["response"]["csrf_token"].take();
    json
}

#[rocket::async_test]
async fn the_page_shows_the_fields_of_the_application_behind_ours() {
    let app = members().await;
    let page = app.browser().get("/register").await.body;
    for part in [
        "<label for=\"field-nickname\">Nickname</label>",
        "autocomplete=\"nickname\" maxlength=\"20\" required",
        "<label for=\"field-age\">Age (optional)</label>",
        "<p class=\"security-hint\" id=\"hint-age\">In years.</p>",
        "aria-describedby=\"hint-age\"",
        "<option value=\"blue\">Blue</option>",
        "<input type=\"checkbox\" value=\"true\" id=\"field-terms\" name=\"terms\" required",
        "<label for=\"field-terms\">I accept the terms</label>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(page.find("field-password_confirm") < page.find("field-nickname"));
    assert_eq!(page.matches("autofocus").count(), 1);
}

#[rocket::async_test]
async fn a_form_and_json_make_the_same_account_with_its_row() {
    let app = members().await;
    let own = [("nickname", "ann"), ("age", "42"), ("color", "blue"), ("terms", "true")];
    assert_eq!(post_form(&app.browser(), ANN, &own).await.status, Status::SeeOther);
    let own = json!({"nickname": "bob", "age": 43, "terms": true});
    assert_eq!(post_json(&app.browser(), BOB, own).await.status, Status::Ok);
    assert_counts(&app, 2, 2, 2).await;
    for (nickname, age, color) in [("ann", 42, "blue"), ("bob", 43, "none")] {
        let query = format!(
            "SELECT COUNT(*) FROM members WHERE nickname = '{nickname}' AND age = {age} \
             AND color = '{color}'"
        );
        assert_eq!(sql::number(app.database(), &query).await, 1, "{nickname}");
    }
    let users = app.store().list_users(None, 10).await.unwrap();
    let members = sql::dump(app.database(), "members").await;
    assert!(users.iter().all(|user| members.contains(&user.id.as_uuid().to_string())));
}

#[rocket::async_test]
async fn the_test_kit_registers_a_user_with_the_fields_of_the_application() {
    let app = members().await;
    let ann = app.register(ANN, json!({"nickname": "Annie", "age": 30, "terms": true})).await;
    assert_eq!(ann.get("/me").await.body, ANN);
    assert!(sql::dump(app.database(), "members").await.contains("Annie"));
    let own = json!({"nickname": "Bobby", "terms": true, "password": "another long passphrase"});
    app.register(BOB, own).await;
    let bob = app.browser().log_in(BOB, "another long passphrase").await;
    assert_eq!(bob.status, Status::Ok);
    assert_eq!(count(&app, "members").await, 2);
}

#[rocket::async_test]
async fn the_test_kit_registers_where_addresses_are_not_confirmed() {
    let security = Security::default().disable::<Confirm>();
    let app = TestApp::launch(rocket_with(security)).await;
    assert_eq!(app.register(ANN, json!({})).await.get("/me").await.body, ANN);
}

#[rocket::async_test]
#[should_panic(expected = "could not register")]
async fn the_test_kit_says_which_field_is_missing() {
    members().await.register(ANN, json!({"nickname": "Annie"})).await;
}

#[rocket::async_test]
async fn everything_wrong_is_said_at_once_with_what_is_wrong_with_ours() {
    let app = members().await;
    let wrong = [("email", "ann@"), ("password", "short"), ("nickname", "root"), ("age", "old")];
    let page = app.browser().post_form("/register", &wrong).await;
    assert_eq!(page.status, Status::BadRequest);
    for field in ["email", "password", "nickname", "age", "terms"] {
        assert!(page.body.contains(&format!("id=\"error-{field}\"")), "{field}: {}", page.body);
        assert!(page.body.contains(&format!("href=\"#field-{field}\"")), "{field}: {}", page.body);
    }
    let body = json!({
        "email": "ann@", "password": "short", "nickname": "root", "age": 7, "terms": false,
    });
    let answer = app.browser().post_json("/register", body).await;
    let reasons = ["email_invalid", "password_too_short", "required", "nickname_reserved"];
    let expected = [&["invalid_input"], &reasons[..], &["too_young"]].concat();
    assert_eq!(answer.reasons(), expected);
    let errors = answer.response("field_errors");
    assert_eq!(errors["terms"], json!(["Tick \u{201c}I accept the terms\u{201d} to continue."]));
    assert_eq!(errors["age"], json!(["You have to be 16."]));
    assert_counts(&app, 0, 0, 0).await;
}

#[rocket::async_test]
async fn a_value_of_another_type_is_refused_beside_its_field() {
    let app = members().await;
    for (field, value) in [
        ("nickname", json!(1)),
        ("nickname", json!("a\nb")),
        ("nickname", json!("x".repeat(21))),
        ("nickname", Value::Null),
        ("age", json!(true)),
        ("age", json!(-1)),
        ("age", json!("4e2")),
        ("color", json!("green")),
        ("terms", json!("perhaps")),
        ("terms", json!([true])),
    ] {
        let mut own = json!({"nickname": "ann", "age": 42, "color": "red", "terms": true});
        own[field] = value.clone();
        let answer = post_json(&app.browser(), ANN, own).await;
        assert_eq!(answer.status, Status::BadRequest, "{field} {value}");
        let errors = answer.response("field_errors");
        let fields: Vec<&String> = errors.as_object().unwrap().keys().collect();
        assert_eq!(fields, [field], "{value}");
    }
    assert_counts(&app, 0, 0, 0).await;
}

#[rocket::async_test]
async fn a_field_that_nobody_asks_for_is_refused_in_json_and_ignored_in_a_form() {
    let app = members().await;
    let own = json!({"nickname": "ann", "terms": true, "role": "admin"});
    let answer = post_json(&app.browser(), ANN, own).await;
    assert_eq!(answer.reasons(), ["invalid_input", "unexpected_value"]);
    assert!(answer.response("field_errors")["role"].is_array());
    assert_counts(&app, 0, 0, 0).await;

    let own = [("nickname", "ann"), ("terms", "on"), ("user_id", "1"), ("role", "admin")];
    assert_eq!(post_form(&app.browser(), ANN, &own).await.status, Status::SeeOther);
    assert_counts(&app, 1, 1, 1).await;
    let [user] = &app.store().list_users(None, 2).await.unwrap()[..] else {
        panic!("there is one user");
    };
    assert!(user.roles.is_empty(), "{user:?}");
}

#[rocket::async_test]
async fn what_was_typed_ticked_and_chosen_is_shown_again_as_text() {
    let app = members().await;
    let own = [("nickname", "\"><script>"), ("age", "x"), ("color", "blue"), ("terms", "true")];
    let page = post_form(&app.browser(), ANN, &own).await.body;
    assert!(!page.contains("<script>"), "{page}");
    assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;\""), "{page}");
    assert!(page.contains("<option value=\"blue\" selected>"), "{page}");
    let terms = page.split("type=\"checkbox\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(terms.ends_with(" checked"), "{terms}");
}

#[rocket::async_test]
async fn an_address_that_has_an_account_is_answered_alike_and_nothing_is_saved() {
    let app = with_ann(members()).await;
    let own = |nickname| json!({"nickname": nickname, "terms": true});
    let free = post_json(&app.browser(), BOB, own("bob")).await;
    let taken = post_json(&app.browser(), ANN, own("ann")).await;
    assert_eq!(free.status, taken.status);
    assert_eq!(free.comparable_headers(), taken.comparable_headers());
    assert_eq!(without_token(&free), without_token(&taken));
    assert_counts(&app, 2, 1, 2).await;
    // Again for an address that waits for confirmation, with the same password and with another.
    assert_eq!(post_json(&app.browser(), BOB, own("bobby")).await.status, Status::Ok);
    let other = json!({"nickname": "rob", "terms": true, "password": "another password of mine"});
    assert_eq!(post_json(&app.browser(), BOB, other).await.status, Status::Ok);
    assert_eq!(count(&app, "members").await, 1);

    for wrong in [own("root"), json!({"nickname": "", "age": 3}), json!({"what": 1})] {
        let free = post_json(&app.browser(), "carol@example.org", wrong.clone()).await;
        let taken = post_json(&app.browser(), ANN, wrong).await;
        assert_eq!(free.status, Status::BadRequest);
        assert_eq!(free.comparable_headers(), taken.comparable_headers());
        assert_eq!(free.json(), taken.json());
    }
}

#[rocket::async_test]
async fn what_only_the_transaction_can_find_out_is_told_beside_its_field() {
    let app = members().await;
    let own = json!({"nickname": "ann", "terms": true});
    assert_eq!(post_json(&app.browser(), ANN, own.clone()).await.status, Status::Ok);

    let answer = post_json(&app.browser(), BOB, own).await;
    assert_eq!(answer.status, Status::BadRequest);
    assert_eq!(answer.reasons(), ["invalid_input", "nickname_taken"]);
    let own = [("nickname", "ann"), ("terms", "true")];
    let page = post_form(&app.browser(), BOB, &own).await;
    assert_eq!(page.status, Status::BadRequest);
    assert!(page.body.contains("id=\"error-nickname\""), "{}", page.body);
    assert!(page.body.contains("Somebody has this nickname."), "{}", page.body);
    assert_counts(&app, 1, 1, 1).await;

    // Another name, and nothing is in the way.
    let own = json!({"nickname": "bob", "terms": true});
    assert_eq!(post_json(&app.browser(), BOB, own).await.status, Status::Ok);
    assert_counts(&app, 2, 2, 2).await;
}

#[rocket::async_test]
async fn of_many_who_want_one_nickname_at_once_one_gets_it() {
    let app = members().await;
    let register = async |number: usize| {
        let own = json!({"nickname": "ann", "terms": true});
        post_json(&app.browser(), &format!("ann{number}@example.org"), own).await
    };
    let answers = join_all((0..12).map(register)).await;
    let made = answers.iter().filter(|answer| answer.status == Status::Ok).count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|answer| answer.status != Status::Ok) {
        assert_eq!(answer.reasons(), ["invalid_input", "nickname_taken"]);
    }
    assert_counts(&app, 1, 1, 1).await;
}

#[rocket::async_test]
async fn of_many_registrations_of_one_address_at_once_one_saves() {
    let app = members().await;
    let register = async |number: usize| {
        let own = json!({"nickname": format!("ann{number}"), "terms": true});
        post_json(&app.browser(), ANN, own).await
    };
    let answers = join_all((0..12).map(register)).await;
    assert!(answers.iter().all(|answer| answer.status == Status::Ok));
    assert_eq!((count(&app, "security_users").await, count(&app, "members").await), (1, 1));
}

#[rocket::async_test]
async fn when_the_row_cannot_be_saved_there_is_no_account_and_no_mail() {
    let app = members().await;
    sql::execute(app.database(), "ALTER TABLE members RENAME TO gone").await;
    let answer = post_json(&app.browser(), ANN, json!({"nickname": "ann", "terms": true})).await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    assert_eq!(answer.reasons(), ["unavailable"]);
    sql::execute(app.database(), "ALTER TABLE gone RENAME TO members").await;
    assert_counts(&app, 0, 0, 0).await;
}

#[rocket::async_test]
async fn a_template_of_the_application_places_the_fields_itself() {
    let template = "{% import \"security/_field.html\" as field %}Mine: {% for own in own_fields %}\
                    {{ own.name }} {{ own.kind }};{% endfor %}{{ field::own(field=own_fields.3, \
                    form=form, errors=errors, focus=\"\") }}";
    let security = Security::default().enable(Register::asking::<Member>());
    let rocket = rocket::build().attach(security).manage(Reserved("root"));
    let (rocket, _folder) = with_templates(rocket, &[("security/register.html", template)]);
    let app = TestApp::launch(rocket).await;
    let page = app.browser().get("/register").await.body;
    let list = "Mine: nickname text;age number;color choice;terms checkbox;";
    assert!(page.starts_with(list), "{page}");
    assert!(page.contains("name=\"terms\""), "{page}");
    assert!(!page.contains("name=\"nickname\""), "{page}");
}

macro_rules! asks_for {
    ($name:ident: $($field:literal),+) => {
        #[derive(Deserialize)]
        struct $name {}

        impl RegistrationFields for $name {
            const FIELDS: &'static [Field] = &[$(Field::text($field, "A field")),+];

            fn save(self, _registration: &Registration<'_>) -> Result<Together> {
                Ok(Together::nothing())
            }
        }
    };
}

asks_for!(Email: "email");
asks_for!(Token: "csrf_token");
asks_for!(Twice: "nickname", "nickname");
asks_for!(Markup: "a\"b");
asks_for!(Plain: "nickname", "age_2");

fn fault_of<F: RegistrationFields>() -> String {
    match Feature::<SqlxDatastore>::check(&Register::asking::<F>(), &Config::default()) {
        Ok(()) => String::new(),
        Err(fault) => fault.to_string(),
    }
}

#[rocket::async_test]
async fn a_name_that_cannot_be_stops_the_launch_with_the_cure() {
    let fault = fault_of::<Email>();
    assert!(
        fault.contains("Email::FIELDS: \"email\" is a name of ours. Name the field"),
        "{fault}"
    );
    assert!(fault_of::<Token>().contains("\"csrf_token\" is a name of ours"));
    assert!(fault_of::<Twice>().contains("\"nickname\" stands twice"));
    assert!(fault_of::<Markup>().contains("\"a\"b\" is no name"));
    assert_eq!(fault_of::<Plain>(), "");
    let rocket = rocket_with(Security::default().enable(Register::asking::<Email>()));
    let fault = try_launch(rocket, json!({})).await.unwrap_err();
    assert!(fault.contains("FailedFairings"), "{fault}");
}

#[rocket::async_test]
async fn whoever_disables_the_registration_disables_that_with_fields_too() {
    let security = Security::default().enable(Register::asking::<Member>()).disable::<Register>();
    let app = TestApp::launch(rocket_with(security)).await;
    assert_eq!(app.browser().get("/register").await.body, "public");
}

#[rocket::async_test]
async fn where_registration_is_closed_nobody_registers_and_no_link_leads_there() {
    for (admission, text) in [
        ("closed", "Registration is closed at the moment"),
        ("by-invitation", "with an invitation"),
    ] {
        let app = app_with(json!({"register": {"admission": admission}})).await;
        let browser = app.browser();
        let fields = [("email", ANN), ("password", PASSWORD)];
        let pages = [browser.get("/register").await, browser.post_form("/register", &fields).await];
        for page in pages {
            assert_eq!(page.status, Status::Forbidden);
            assert!(page.body.contains(text), "{}", page.body);
            assert!(page.body.contains("registration_closed"), "{}", page.body);
            assert!(!page.body.contains("name=\"password\""), "{}", page.body);
        }
        let body = json!({"email": ANN, "password": PASSWORD});
        let answers =
            [browser.get_json("/register").await, browser.post_json("/register", body).await];
        for answer in answers {
            assert_eq!(answer.status, Status::Forbidden);
            assert_eq!(answer.reasons(), ["registration_closed"]);
        }
        let login = browser.get("/login").await.body;
        assert!(!login.contains("Create an account") && !login.contains("register"), "{login}");
        assert!(app.store().list_users(None, 10).await.unwrap().is_empty());
        assert!(app.mail().await.is_empty());
        assert_eq!(app.log_in_as(BOB).await.get("/register").await.location(), "/");
    }
    assert!(app().await.browser().get("/login").await.body.contains("Create an account"));
}

#[rocket::async_test]
async fn links_that_were_mailed_before_the_registration_was_closed_go_on() {
    let app = app().await;
    let link = confirmation_link(&app, ANN).await;
    let app = app.restart_with(rocket(), json!({"register": {"admission": "closed"}})).await;
    assert_eq!(app.browser().post_json(&link, json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

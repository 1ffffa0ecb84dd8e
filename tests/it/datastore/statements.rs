//! What a request costs the database, by the log that sqlx keeps of every statement.

use std::sync::{Mutex, Once};
use std::time::Duration;

use chrono::TimeDelta;
use rocket::futures::future::BoxFuture;
use rocket::http::{Accept, Status};
use rocket::tokio::time::sleep;
use rocket::{Build, Rocket, get, post, routes};
use rocket_security::datastore::Together;
use rocket_security::features::login::Login;
use rocket_security::features::logout::Logout;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::features::sessions::Sessions;
use rocket_security::features::tokens::Tokens;
use rocket_security::features::verify::Verify;
use rocket_security::testing::{Browser, TestApp, TestDatabase};
use rocket_security::{
    AuthUser, Fresh, Maybe, Paseto, PermissionsAccepted, RolesAccepted, RolesRequired, Scoped,
    Security, Session, SqlxDatastore, SqlxPool, TokenUser,
};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, span};

use crate::support::bearer::bearer;
use crate::support::program::{log_in_program, refresh};
use crate::support::users::permit;
use crate::support::{ANN, Admin, EditPosts, Editor, ReadReports, SESSION};

#[get("/all")]
fn all(
    user: AuthUser,
    _admin: RolesRequired<Admin>,
    _either: RolesAccepted<(Admin, Editor)>,
    _edit: PermissionsAccepted<EditPosts>,
    _fresh: Fresh<5>,
    session: Session<'_>,
) -> String {
    let visits: Option<u32> = session.get("visits").unwrap();
    format!("{} {}", user.email, visits.unwrap_or_default())
}

#[post("/all")]
fn change(_user: AuthUser, _fresh: Fresh<5>, session: Session<'_>) {
    session.insert("visits", 1_u32).unwrap();
}

#[get("/guest")]
fn guest(user: Maybe<AuthUser>, session: Session<'_>) -> &'static str {
    session.flash("info", "Hello!").unwrap();
    if user.0.is_some() { "a user" } else { "a guest" }
}

#[get("/reports")]
fn reports(user: Scoped<ReadReports>, _admin: RolesRequired<Admin>) -> String {
    user.email.to_string()
}

#[get("/paseto")]
fn paseto(_token: Paseto) {}

#[get("/token-user")]
fn token_user(_user: TokenUser) {}

/// What was said to all databases of the tests below, each of which has a prefix of its own.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Writes down what sqlx logs.
struct Recorder;

impl tracing::Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        // The log has a short statement as the summary alone.
        let text = if statement.whole.is_empty() { statement.summary } else { statement.whole };
        if text.contains("logged_") {
            SAID.lock().unwrap().push(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}

#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => self.summary = value.to_owned(),
            "db.statement" => self.whole = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

type Settle = Box<dyn Fn() -> BoxFuture<'static, ()>>;

/// An application whose pool logs, which the framework's own does not.
struct Logged {
    app: TestApp,
    prefix: &'static str,
    settle: Settle,
}

/// Opens a pool, and gives a store on it and what comes behind everything that was said on it.
macro_rules! open {
    ($kind:ty, $store:ident, $url:expr) => {{
        let pool = sqlx::pool::PoolOptions::<$kind>::new().max_connections(1);
        let pool = pool.connect($url).await.unwrap();
        let store = SqlxDatastore::$store(SqlxPool::new(pool.clone()));
        let settle: Settle = Box::new(move || {
            let pool = pool.clone();
            Box::pin(async move {
                sqlx::query("SELECT 1").execute(&pool).await.unwrap();
            })
        });
        (store, settle)
    }};
}

impl Logged {
    async fn launch(prefix: &'static str) -> Self {
        static RECORDING: Once = Once::new();
        RECORDING.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
        let database = TestDatabase::create().await;
        let url = database.direct_url();
        let (store, settle) = match url.split(':').next().unwrap() {
            #[cfg(feature = "postgres")]
            "postgres" => open!(sqlx::Postgres, postgres, url),
            #[cfg(feature = "mysql")]
            "mysql" => open!(sqlx::MySql, mysql, url),
            _ => open!(sqlx::Sqlite, sqlite, &format!("{url}?mode=rwc")),
        };
        let store = store.with_table_prefix(prefix).unwrap();
        store.migrate().await.unwrap();
        settle().await;
        let app = TestApp::launch_on(database, rocket(store), json!({}));
        let schema = said_to(prefix).len();
        let logged = Self { app: app.await, prefix, settle };
        logged.housekeeping_is_done(schema).await;
        logged
    }

    /// What is over is deleted at the launch, and not again for ten minutes; what features have goes last.
    async fn housekeeping_is_done(&self, schema: usize) {
        // Other tables have columns of that name.
        let table = format!("{}attempts", self.prefix);
        for _ in 0..1_000 {
            (self.settle)().await;
            let said = said_to(self.prefix).split_off(schema);
            let attempts = said.iter().position(|sql| sql.contains(&table)).unwrap_or(said.len());
            if said[attempts..].iter().any(|sql| sql.contains("denylist")) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("what is over was not deleted within ten seconds: {:#?}", said_to(self.prefix));
    }

    /// Gives what is said during `request`, each statement as its verb and the first of our tables in
    /// it. The outbox is looked through every second, whatever is asked for.
    async fn during(&self, request: impl Future<Output = ()>) -> Vec<String> {
        (self.settle)().await;
        let before = said_to(self.prefix).len();
        request.await;
        // A statement may be logged a moment after its answer.
        (self.settle)().await;
        let said = said_to(self.prefix).split_off(before);
        let others = said.iter().filter(|sql| !sql.contains("outbox"));
        others.map(|sql| self.gist(sql)).collect()
    }

    fn gist(&self, sql: &str) -> String {
        let verb = sql.split(' ').next().unwrap();
        let table = sql.split(self.prefix).nth(1).unwrap();
        let table = table.split(|it: char| !it.is_alphanumeric() && it != '_').next().unwrap();
        format!("{verb} {table}")
    }
}

fn said_to(prefix: &str) -> Vec<String> {
    SAID.lock().unwrap().iter().filter(|sql| sql.contains(prefix)).cloned().collect()
}

fn rocket(store: SqlxDatastore) -> Rocket<Build> {
    let security = Security::new(store)
        .enable(Login::default())
        .enable(Logout::default())
        .enable(Sessions::default())
        .enable(Tokens::default())
        .enable(Verify::default())
        .enable(PersonalTokens::default().scopes::<ReadReports>());
    rocket::build()
        .attach(security)
        .mount("/", routes![all, change, guest, reports, paseto, token_user])
}

async fn assert_all(browser: &Browser<'_>) {
    let answer = browser.get("/all").await;
    assert_eq!((answer.status, answer.body.as_str()), (Status::Ok, "ann@example.org 0"));
}

const READ: &str = "SELECT sessions";
const WRITE: &str = "UPDATE sessions";

#[rocket::async_test]
async fn a_request_with_a_session_is_one_read_and_at_most_one_write_a_minute() {
    let logged = Logged::launch("logged_a_").await;
    let app = &logged.app;
    app.grant(ANN, "admin").await;
    permit(app, "editor", "posts.edit").await;
    let (admin, editor) = ("admin".parse().unwrap(), "editor".parse().unwrap());
    app.roles().include_role(&admin, &editor, &Together::nothing()).await.unwrap().unwrap();
    let browser = app.log_in_as(ANN).await;

    // Six guards share what the first of them has read.
    for _ in 0..3 {
        assert_eq!(logged.during(assert_all(&browser)).await, [READ]);
    }
    // Seconds pass by themselves, too, on a machine that has much to do.
    app.clock().advance(TimeDelta::seconds(40));
    assert_eq!(logged.during(assert_all(&browser)).await, [READ]);
    app.clock().advance(TimeDelta::seconds(21));
    assert_eq!(logged.during(assert_all(&browser)).await, [READ, WRITE]);
    for _ in 0..3 {
        assert_eq!(logged.during(assert_all(&browser)).await, [READ]);
    }

    // So is one that is refused, and a guest's page. One that changes what is kept with the session looks
    // once more whether that session is still there.
    let token = browser.csrf_token().await;
    let fields = [("csrf_token", token.as_str())];
    let said = logged.during(async {
        assert_eq!(browser.post_form_as_is("/all", &[]).await.status, Status::BadRequest);
    });
    assert_eq!(said.await, [READ]);
    let said = logged.during(async {
        assert_eq!(browser.post_form_as_is("/all", &fields).await.status, Status::Ok);
        assert_eq!(browser.get("/guest").await.body, "a user");
        assert_eq!(browser.get("/all").await.body, "ann@example.org 1");
    });
    assert_eq!(said.await, [READ; 5]);
}

#[rocket::async_test]
async fn a_request_of_nobody_is_no_statement_at_all() {
    let logged = Logged::launch("logged_b_").await;
    let stranger = logged.app.browser();
    let said = logged.during(async {
        assert_eq!(stranger.get("/all").await.status, Status::SeeOther);
        assert_eq!(stranger.get_json("/all").await.status, Status::Unauthorized);
        // Also with the anonymous session that the form and a sentence for once need.
        assert_eq!(stranger.get("/login").await.status, Status::Ok);
        assert_eq!(stranger.get("/guest").await.body, "a guest");
        assert_eq!(stranger.get("/guest").await.body, "a guest");
        assert_eq!(stranger.get("/all").await.status, Status::SeeOther);
        assert_eq!(stranger.get("/nowhere").await.status, Status::NotFound);
    });
    assert_eq!(said.await, Vec::<String>::new());
}

#[rocket::async_test]
async fn a_request_with_a_forged_session_is_none_either() {
    let logged = Logged::launch("logged_c_").await;
    let genuine = logged.app.log_in_as(ANN).await.cookie(SESSION).unwrap();
    let mut tampered = genuine.clone();
    let last = tampered.pop().unwrap();
    tampered.push(if last == 'A' { 'B' } else { 'A' });
    let twice = format!("{genuine}{genuine}");
    for forged in ["v4.local.AAAA", "v4.public.AAAA", "", "1", &tampered, &twice, &genuine[1..]] {
        for path in ["/all", "/guest"] {
            let browser = logged.app.browser();
            browser.set_cookie(SESSION, forged);
            let said = logged.during(async {
                browser.get_json(path).await;
            });
            assert_eq!(said.await, Vec::<String>::new(), "{path} with {forged:?}");
        }
    }
    // A session of ours that is over is looked up: only its row could tell.
    let browser = logged.app.browser();
    browser.set_cookie(SESSION, &genuine);
    assert_eq!(browser.log_out().await.status, Status::Ok);
    browser.set_cookie(SESSION, &genuine);
    let said = logged.during(async {
        assert_eq!(browser.get_json("/all").await.status, Status::Unauthorized);
    });
    assert_eq!(said.await, [READ]);
}

#[rocket::async_test]
async fn a_request_with_a_token_is_one_read() {
    let logged = Logged::launch("logged_d_").await;
    let app = &logged.app;
    app.grant(ANN, "admin").await;
    permit(app, "admin", "posts.edit").await;
    let pair = log_in_program(app).await;
    let get = async || {
        let request = app.client().get("/all").header(bearer(&pair.access));
        assert_eq!(app.browser().send(request).await.status, Status::Ok);
    };
    for _ in 0..3 {
        assert_eq!(logged.during(get()).await, ["SELECT refresh"]);
    }
    // A request with a session, too, is one for each, however many guards ask.
    let ann = app.log_in_as(ANN).await;
    let both = async || {
        let answer = ann.send(app.client().get("/all").header(bearer(&pair.access))).await;
        assert_eq!(answer.status, Status::Ok, "{}", answer.body);
    };
    assert_eq!(logged.during(both()).await, [READ, "SELECT refresh"]);
    let refreshed = logged.during(async { drop(refresh(app, &pair.refresh).await) });
    assert_eq!(refreshed.await, ["SELECT refresh", "UPDATE refresh"]);
}

#[rocket::async_test]
async fn a_request_with_a_personal_token_is_one_read_and_at_most_one_write_a_minute() {
    let logged = Logged::launch("logged_e_").await;
    let app = &logged.app;
    app.grant(ANN, "admin").await;
    let ann = app.log_in_as(ANN).await;
    let body = json!({"name": "nightly", "scopes": ["reports:read"], "expires_in_days": "never"});
    let made = ann.post_json("/personal-tokens", body).await;
    let token = made.response("token").as_str().unwrap().to_owned();
    assert_eq!(app.mail().await.len(), 1, "nothing is left to be mailed meanwhile");
    let get = async |path: &'static str, token: &str| {
        let request = app.client().get(path).header(bearer(token));
        app.browser().send(request.header(Accept::JSON)).await
    };
    let ask = async || assert_eq!(get("/reports", &token).await.body, ANN);
    let (read, write) = ("SELECT personal_tokens", "UPDATE personal_tokens");
    assert_eq!(logged.during(ask()).await, [read, write]);
    app.clock().advance(TimeDelta::seconds(59));
    assert_eq!(logged.during(ask()).await, [read]);
    app.clock().advance(TimeDelta::seconds(2));
    assert_eq!(logged.during(ask()).await, [read, write]);
    assert_eq!(logged.during(ask()).await, [read]);

    // Guards of access tokens see by the text alone that it is none.
    let said = logged.during(async {
        assert_eq!(get("/paseto", &token).await.reasons(), ["token_scoped"]);
        assert_eq!(get("/token-user", &token).await.reasons(), ["token_scoped"]);
    });
    assert_eq!(said.await, Vec::<String>::new());

    // What is none of ours is told by its checksum.
    let (head, last) = token.split_at(token.len() - 1);
    let mistyped = format!("{head}{}", if last == "A" { "B" } else { "A" });
    let shortened = head.to_owned();
    let random = format!("rspat_{}", "A".repeat(49));
    for wrong in [mistyped, shortened, random, "rspat_".to_owned()] {
        for path in ["/reports", "/all"] {
            let said = logged.during(async {
                let answer = get(path, &wrong).await;
                assert_eq!(answer.status, Status::Unauthorized, "{path}: {}", answer.body);
            });
            assert_eq!(said.await, Vec::<String>::new(), "{path} with {wrong}");
        }
    }
}

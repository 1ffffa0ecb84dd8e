//! Every guard, and whom it lets in: one table.

use rocket::http::Header;
use rocket::{Build, Request, Rocket, async_trait, get, routes};
use rocket_security::features::basic::Basic;
use rocket_security::features::personal_tokens::PersonalTokens;
use rocket_security::testing::{Browser, TestApp};
use rocket_security::{
    AnonymousOnly, AuthUser, AuthVia, BasicUser, Fresh, FreshPaseto, Maybe, Own, OwnRow, Paseto,
    PermissionsAccepted, PermissionsRequired, Result, RolesAccepted, RolesRequired, Scoped,
    Security, Session, TokenUser, User, via,
};

use crate::support::bearer::{bearer, forged, personal_token, token};
use crate::support::program::{basic, basic_with};
use crate::support::users::permit;
use crate::support::{Admin, DeletePosts, EditPosts, Editor, ReadReports, WriteReports, let_in};

const MEMBER: &str = "member@example.org";
const ADMIN: &str = "admin@example.org";

/// A row that the admin alone has.
struct Badge;

#[async_trait]
impl OwnRow for Badge {
    async fn load(user: &User, _request: &Request<'_>) -> Result<Option<Self>> {
        Ok(user.has_role("admin").then_some(Self))
    }
}

type All = (via::SessionCookie, via::BearerToken, via::BasicAuth);

#[get("/auth-user")]
fn auth_user(_user: AuthUser) {}
#[get("/fresh")]
fn fresh(_user: Fresh<5>) {}
#[get("/roles-required")]
fn roles_required(_user: RolesRequired<(Admin, Editor)>) {}
#[get("/roles-accepted")]
fn roles_accepted(_user: RolesAccepted<(Admin, Editor)>) {}
#[get("/permissions-required")]
fn permissions_required(_user: PermissionsRequired<EditPosts>) {}
#[get("/permissions-accepted")]
fn permissions_accepted(_user: PermissionsAccepted<(EditPosts, DeletePosts)>) {}
#[get("/own")]
fn own(_row: Own<Badge>) {}
#[get("/basic-user")]
fn basic_user(_user: BasicUser) {}
#[get("/via-session")]
fn via_session(_user: AuthVia<via::SessionCookie>) {}
#[get("/via-token")]
fn via_token(_user: AuthVia<via::BearerToken>) {}
#[get("/via-basic")]
fn via_basic(_user: AuthVia<via::BasicAuth>) {}
#[get("/via-all")]
fn via_all(_user: AuthVia<All>) {}
#[get("/paseto")]
fn paseto(_token: Paseto) {}
#[get("/fresh-paseto")]
fn fresh_paseto(_token: FreshPaseto<5>) {}
#[get("/token-user")]
fn token_user(_user: TokenUser) {}
#[get("/via-personal")]
fn via_personal(_user: AuthVia<via::PersonalToken>) {}
#[get("/via-either-token")]
fn via_either_token(_user: AuthVia<(via::BearerToken, via::PersonalToken)>) {}
#[get("/scoped")]
fn scoped(_user: Scoped<(ReadReports, WriteReports)>) {}
#[get("/scoped-admin")]
fn scoped_admin(_user: Scoped<ReadReports>, _admin: RolesRequired<Admin>) {}
#[get("/scoped-behind")]
fn scoped_behind(_user: AuthVia<via::PersonalToken>, _scoped: Scoped<WriteReports>) {}
#[get("/scoped-option")]
fn scoped_option(_scoped: Option<Scoped<WriteReports>>, _user: AuthUser) {}
#[get("/anonymous-only")]
fn anonymous_only(_guest: AnonymousOnly) {}
#[get("/session")]
fn session(_session: Session<'_>) {}

#[get("/maybe/auth-user")]
fn maybe_auth_user(user: Maybe<AuthUser>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/fresh")]
fn maybe_fresh(user: Maybe<Fresh<5>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/roles-required")]
fn maybe_roles_required(user: Maybe<RolesRequired<Admin>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/roles-accepted")]
fn maybe_roles_accepted(user: Maybe<RolesAccepted<Admin>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/permissions-required")]
fn maybe_permissions_required(user: Maybe<PermissionsRequired<EditPosts>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/permissions-accepted")]
fn maybe_permissions_accepted(user: Maybe<PermissionsAccepted<EditPosts>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/own")]
fn maybe_own(row: Maybe<Own<Badge>>) -> &'static str {
    let_in(&row)
}
#[get("/maybe/basic-user")]
fn maybe_basic_user(user: Maybe<BasicUser>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/via-session")]
fn maybe_via_session(user: Maybe<AuthVia<via::SessionCookie>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/via-token")]
fn maybe_via_token(user: Maybe<AuthVia<via::BearerToken>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/via-basic")]
fn maybe_via_basic(user: Maybe<AuthVia<via::BasicAuth>>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/via-all")]
fn maybe_via_all(user: Maybe<AuthVia<All>>) -> &'static str {
    let_in(&user)
}

#[get("/maybe/paseto")]
fn maybe_paseto(token: Maybe<Paseto>) -> &'static str {
    let_in(&token)
}
#[get("/maybe/fresh-paseto")]
fn maybe_fresh_paseto(token: Maybe<FreshPaseto<5>>) -> &'static str {
    let_in(&token)
}
#[get("/maybe/token-user")]
fn maybe_token_user(user: Maybe<TokenUser>) -> &'static str {
    let_in(&user)
}
#[get("/maybe/scoped")]
fn maybe_scoped(user: Maybe<Scoped<WriteReports>>) -> &'static str {
    let_in(&user)
}

fn rocket() -> Rocket<Build> {
    let plain = routes![
        auth_user,
        fresh,
        roles_required,
        roles_accepted,
        permissions_required,
        permissions_accepted,
        own,
        basic_user,
        via_session,
        via_token,
        via_basic,
        via_all,
        paseto,
        fresh_paseto,
        token_user,
        via_personal,
        via_either_token,
        scoped,
        scoped_admin,
        scoped_behind,
        scoped_option,
        anonymous_only,
        session
    ];
    let behind_maybe = routes![
        maybe_auth_user,
        maybe_fresh,
        maybe_roles_required,
        maybe_roles_accepted,
        maybe_permissions_required,
        maybe_permissions_accepted,
        maybe_own,
        maybe_basic_user,
        maybe_via_session,
        maybe_via_token,
        maybe_via_basic,
        maybe_via_all,
        maybe_paseto,
        maybe_fresh_paseto,
        maybe_token_user,
        maybe_scoped
    ];
    let tokens = PersonalTokens::default().scopes::<(ReadReports, WriteReports)>();
    let security = Security::default().enable(Basic::default()).enable(tokens);
    rocket::build().attach(security).mount("/", plain).mount("/", behind_maybe)
}

async fn app() -> TestApp {
    let app = TestApp::launch(rocket()).await;
    app.user(MEMBER).await;
    for role in ["admin", "editor"] {
        app.grant(ADMIN, role).await;
    }
    permit(&app, "admin", "posts.edit").await;
    app
}

/// Gives the status of the answer; 0 for a guest behind `Maybe`.
async fn outcome(
    app: &TestApp,
    browser: &Browser<'_>,
    path: &str,
    with: Option<&Header<'static>>,
) -> u16 {
    let mut request = app.client().get(path.to_owned()).header(rocket::http::Accept::JSON);
    if let Some(header) = with {
        request = request.header(header.clone());
    }
    let answer = browser.send(request).await;
    if answer.body == "a guest" { 0 } else { answer.status.code }
}

/// Nobody; a session of a member, of an admin, one that ended; a token of a member, of an admin, forged; a password by Basic of a member,
/// and a wrong one. `security.mechanisms` is the default: `AuthUser` takes no Basic.
#[rustfmt::skip]
const TABLE: &[(&str, [u16; 9])] = &[
    ("/auth-user",                  [401, 200, 200, 401, 200, 200, 401, 401, 401]),
    ("/fresh",                      [401, 200, 200, 401, 200, 200, 401, 401, 401]),
    ("/roles-required",             [401, 403, 200, 401, 403, 200, 401, 401, 401]),
    ("/roles-accepted",             [401, 403, 200, 401, 403, 200, 401, 401, 401]),
    ("/permissions-required",       [401, 403, 200, 401, 403, 200, 401, 401, 401]),
    ("/permissions-accepted",       [401, 403, 200, 401, 403, 200, 401, 401, 401]),
    ("/own",                        [401, 403, 200, 401, 403, 200, 401, 401, 401]),
    ("/basic-user",                 [401, 401, 401, 401, 401, 401, 401, 200, 401]),
    ("/via-session",                [401, 200, 200, 401, 401, 401, 401, 401, 401]),
    ("/via-token",                  [401, 401, 401, 401, 200, 200, 401, 401, 401]),
    ("/via-basic",                  [401, 401, 401, 401, 401, 401, 401, 200, 401]),
    ("/via-all",                    [401, 200, 200, 401, 200, 200, 401, 200, 401]),
    ("/paseto",                     [401, 401, 401, 401, 200, 200, 401, 401, 401]),
    ("/fresh-paseto",               [401, 401, 401, 401, 200, 200, 401, 401, 401]),
    ("/token-user",                 [401, 401, 401, 401, 200, 200, 401, 401, 401]),
    ("/via-either-token",           [401, 401, 401, 401, 200, 200, 401, 401, 401]),
    ("/scoped",                     [401, 200, 200, 401, 200, 200, 401, 401, 401]),
    ("/scoped-admin",               [401, 403, 200, 401, 403, 200, 401, 401, 401]),
    ("/scoped-option",              [401, 200, 200, 401, 200, 200, 401, 401, 401]),
    // A session that is over makes a guest, and so do credentials of a kind that is not taken.
    ("/anonymous-only",             [200, 400, 400, 200, 400, 400, 401, 200, 200]),
    ("/session",                    [200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("/maybe/auth-user",            [  0, 200, 200, 401, 200, 200, 401,   0,   0]),
    ("/maybe/fresh",                [  0, 200, 200, 401, 200, 200, 401,   0,   0]),
    ("/maybe/roles-required",       [  0, 403, 200, 401, 403, 200, 401,   0,   0]),
    ("/maybe/roles-accepted",       [  0, 403, 200, 401, 403, 200, 401,   0,   0]),
    ("/maybe/permissions-required", [  0, 403, 200, 401, 403, 200, 401,   0,   0]),
    ("/maybe/permissions-accepted", [  0, 403, 200, 401, 403, 200, 401,   0,   0]),
    ("/maybe/own",                  [  0, 403, 200, 401, 403, 200, 401,   0,   0]),
    ("/maybe/basic-user",           [  0,   0,   0,   0,   0,   0,   0, 200, 401]),
    ("/maybe/via-session",          [  0, 200, 200, 401,   0,   0,   0,   0,   0]),
    ("/maybe/via-token",            [  0,   0,   0,   0, 200, 200, 401,   0,   0]),
    ("/maybe/via-basic",            [  0,   0,   0,   0,   0,   0,   0, 200, 401]),
    ("/maybe/via-all",              [  0, 200, 200, 401, 200, 200, 401, 200, 401]),
    ("/maybe/paseto",               [  0,   0,   0,   0, 200, 200, 401,   0,   0]),
    ("/maybe/fresh-paseto",         [  0,   0,   0,   0, 200, 200, 401,   0,   0]),
    ("/maybe/token-user",           [  0,   0,   0,   0, 200, 200, 401,   0,   0]),
    ("/maybe/scoped",               [  0, 200, 200, 401, 200, 200, 401,   0,   0]),
];

/// Personal tokens: a member's to read, an admin's to read, an admin's to read and write; and one that is
/// mistyped. What names no scope refuses them, and takes nobody for a guest who sends one, but for guards
/// that take no token at all.
#[rustfmt::skip]
const PERSONAL: &[(&str, [u16; 4])] = &[
    ("/auth-user",                  [401, 401, 401, 401]),
    ("/fresh",                      [401, 401, 401, 401]),
    ("/roles-required",             [401, 401, 401, 401]),
    ("/roles-accepted",             [401, 401, 401, 401]),
    ("/permissions-required",       [401, 401, 401, 401]),
    ("/permissions-accepted",       [401, 401, 401, 401]),
    ("/own",                        [401, 401, 401, 401]),
    ("/basic-user",                 [401, 401, 401, 401]),
    ("/via-session",                [401, 401, 401, 401]),
    ("/via-token",                  [401, 401, 401, 401]),
    ("/via-basic",                  [401, 401, 401, 401]),
    ("/via-all",                    [401, 401, 401, 401]),
    ("/via-personal",               [200, 200, 200, 401]),
    ("/via-either-token",           [200, 200, 200, 401]),
    ("/scoped",                     [403, 403, 200, 401]),
    ("/scoped-admin",               [403, 200, 200, 401]),
    ("/scoped-behind",              [403, 403, 200, 401]),
    ("/scoped-option",              [401, 401, 200, 401]),
    ("/paseto",                     [401, 401, 401, 401]),
    ("/fresh-paseto",               [401, 401, 401, 401]),
    ("/token-user",                 [401, 401, 401, 401]),
    ("/anonymous-only",             [400, 400, 400, 401]),
    ("/session",                    [200, 200, 200, 200]),
    ("/maybe/auth-user",            [401, 401, 401, 401]),
    ("/maybe/fresh",                [401, 401, 401, 401]),
    ("/maybe/roles-required",       [401, 401, 401, 401]),
    ("/maybe/roles-accepted",       [401, 401, 401, 401]),
    ("/maybe/permissions-required", [401, 401, 401, 401]),
    ("/maybe/permissions-accepted", [401, 401, 401, 401]),
    ("/maybe/own",                  [401, 401, 401, 401]),
    ("/maybe/basic-user",           [  0,   0,   0,   0]),
    ("/maybe/via-session",          [  0,   0,   0,   0]),
    ("/maybe/via-token",            [401, 401, 401, 401]),
    ("/maybe/via-basic",            [  0,   0,   0,   0]),
    ("/maybe/via-all",              [401, 401, 401, 401]),
    ("/maybe/paseto",               [401, 401, 401, 401]),
    ("/maybe/fresh-paseto",         [401, 401, 401, 401]),
    ("/maybe/token-user",           [401, 401, 401, 401]),
    ("/maybe/scoped",               [403, 403, 200, 401]),
];

#[rocket::async_test]
async fn every_guard_lets_in_whom_it_is_for_and_nobody_else() {
    let app = app().await;
    let (member, admin) = (app.user(MEMBER).await, app.user(ADMIN).await);
    let (of_member, of_admin) = (app.log_in_as(MEMBER).await, app.log_in_as(ADMIN).await);
    let (stranger, leaving) = (app.browser(), app.log_in_as(MEMBER).await);
    let ended = leaving.cookie("security_session").unwrap();
    leaving.log_out().await;
    let headers = [
        token(&app, &member, 0).await,
        token(&app, &admin, 0).await,
        forged(),
        basic(MEMBER),
        basic_with(MEMBER, "a wrong password"),
    ];
    for (path, expected) in TABLE {
        let mut outcomes = Vec::new();
        for browser in [&stranger, &of_member, &of_admin] {
            outcomes.push(outcome(&app, browser, path, None).await);
        }
        let thief = app.browser();
        thief.set_cookie("security_session", &ended);
        outcomes.push(outcome(&app, &thief, path, None).await);
        for header in &headers {
            outcomes.push(outcome(&app, &app.browser(), path, Some(header)).await);
        }
        assert_eq!(outcomes, expected, "{path}");
    }
}

#[rocket::async_test]
async fn a_personal_token_opens_what_names_its_scopes_and_nothing_else() {
    let app = app().await;
    let (read, write) = ("reports:read", "reports:write");
    let both = personal_token(&app, ADMIN, &[read, write]).await;
    let headers = [
        bearer(&personal_token(&app, MEMBER, &[read]).await),
        bearer(&personal_token(&app, ADMIN, &[read]).await),
        bearer(&both),
        bearer(&both[..both.len() - 1]),
    ];
    for (path, expected) in PERSONAL {
        let mut outcomes = Vec::new();
        for header in &headers {
            outcomes.push(outcome(&app, &app.browser(), path, Some(header)).await);
        }
        assert_eq!(outcomes, expected, "{path}");
    }
    // A guard of tokens says that it is one, but of the wrong sort.
    for path in ["/auth-user", "/via-token", "/via-all", "/paseto", "/fresh-paseto", "/token-user"]
    {
        for (header, reason) in [(&headers[2], "token_scoped"), (&headers[3], "token_malformed")] {
            let request = app.client().get(path).header(rocket::http::Accept::JSON);
            let answer = app.browser().send(request.header(header.clone())).await;
            assert_eq!(answer.reasons(), [reason], "{path}");
            let said = "Bearer realm=\"login\", error=\"invalid_token\"";
            assert!(answer.headers("WWW-Authenticate").any(|it| it.starts_with(said)), "{path}");
        }
    }
}

#[rocket::async_test]
async fn every_guard_that_refuses_a_program_says_how_to_come_in() {
    let app = app().await;
    for (path, expected) in TABLE.iter().filter(|(_, expected)| expected[0] == 401) {
        let answer = app.browser().get_json(path).await;
        let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
        let has = |scheme: &str| challenges.iter().any(|it| it.starts_with(scheme));
        let takes = |column: usize| expected[column] != 401;
        assert_eq!(has("Session "), takes(1), "{path}: {challenges:?}");
        assert_eq!(has("Bearer "), takes(4), "{path}: {challenges:?}");
        assert_eq!(has("Basic "), takes(7), "{path}: {challenges:?}");
    }
}

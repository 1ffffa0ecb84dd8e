//! Who can reach what, as the signatures of an application tell it.

use rocket::fairing::AdHoc;
use rocket::fs::FileServer;
use rocket::request::{FromRequest, Outcome};
use rocket::{
    Build, Ignite, Request, Rocket, Sentinel, State, async_trait, delete, get, post, routes,
};
use rocket_security::features::audit::Audit;
use rocket_security::features::change_username::ChangeUsername;
use rocket_security::features::close_account::CloseAccount;
use rocket_security::features::recover_username::RecoverUsername;
use rocket_security::guard::{Demand, Who, demands};
use rocket_security::security::{CsrfCheck, Declared};
use rocket_security::testing::TestApp;
use rocket_security::web::visit::Visit;
use rocket_security::{
    AccessMap, AnonymousOnly, AuthUser, Fresh, Maybe, PageContext, PermissionsAccepted,
    PermissionsRequired, Public, Rejection, RolesAccepted, RolesRequired, Security, Session,
};
use serde_json::{Value, json};

use crate::support::launching::{launches, try_launch};
use crate::support::{Admin, DeletePosts, EditPosts, Editor};

#[get("/nothing")]
fn nothing() {}
#[get("/public")]
fn public(_everybody: Public) {}
#[get("/user")]
fn user(_user: AuthUser) {}
#[get("/fresh")]
fn fresh(_user: Fresh<5>) {}
#[get("/admin")]
fn admin(_user: RolesRequired<Admin>) {}
#[get("/both")]
fn both(_user: RolesRequired<(Admin, Editor)>) {}
#[get("/either")]
fn either(_user: RolesAccepted<(Admin, Editor)>) {}
#[get("/edit")]
fn edit(_user: PermissionsRequired<(EditPosts, DeletePosts)>) {}
#[get("/edit-or-delete")]
fn edit_or_delete(_user: PermissionsAccepted<(EditPosts, DeletePosts)>) {}
#[get("/guest")]
fn guest(_guest: AnonymousOnly) {}
#[get("/maybe")]
fn maybe(_user: Maybe<RolesAccepted<(Admin, Editor)>>) {}
#[get("/basket")]
fn basket(_session: Session<'_>) {}
#[get("/context")]
fn context(_context: PageContext, _visit: Visit<'_>) {}
#[get("/several")]
fn several(_fresh: Fresh<60>, _admin: RolesRequired<Admin>, _basket: Session<'_>) {}

fn rocket() -> Rocket<Build> {
    rocket::build().attach(Security::default())
}

/// Launches an application and gives the map of its own routes.
async fn map_of(rocket: Rocket<Build>) -> AccessMap {
    map_with(rocket, json!({})).await
}

async fn map_with(rocket: Rocket<Build>, security: Value) -> AccessMap {
    let app = TestApp::launch_with(rocket, security).await;
    AccessMap::of(app.client().rocket()).of_application()
}

/// Gives a column of the table for each route.
fn column(map: &AccessMap, name: &str) -> Vec<(String, String)> {
    let table = map.to_string();
    let mut lines = table.lines();
    let head = lines.next().unwrap();
    let at = head.find(name).unwrap();
    let end = head[at..].find("  ").map(|gap| {
        let rest = &head[at + gap..];
        at + gap + rest.find(|c: char| c != ' ').unwrap()
    });
    let path_at = head.find("ROUTE").unwrap();
    let cell = |line: &str| {
        let end = end.unwrap_or(line.len()).min(line.len());
        line.get(at..end).unwrap_or_default().trim().to_owned()
    };
    let path = |line: &str| line[path_at..].split(' ').next().unwrap().to_owned();
    lines.map(|line| (path(line), cell(line))).collect()
}

fn assert_column(map: &AccessMap, name: &str, expected: &[(&str, &str)]) {
    let found = column(map, name);
    let found: Vec<_> = found.iter().map(|(path, cell)| (path.as_str(), cell.as_str())).collect();
    assert_eq!(found, expected, "{map}");
}

#[rocket::async_test]
async fn each_guard_stands_in_the_map_with_what_it_demands() {
    let all = routes![nothing, public, user, fresh, admin, both, either, edit, edit_or_delete];
    let others = routes![guest, maybe, basket, context, several];
    let map = map_of(rocket().mount("/", all).mount("/", others)).await;
    assert_column(
        &map,
        "GUARDS",
        &[
            ("/admin", "RolesRequired(admin)"),
            ("/basket", "nothing declared, Session"),
            ("/both", "RolesRequired(admin and editor)"),
            ("/context", "nothing declared, PageContext, Visit"),
            ("/edit", "PermissionsRequired(posts.edit and posts.delete)"),
            ("/edit-or-delete", "PermissionsAccepted(posts.edit or posts.delete)"),
            ("/either", "RolesAccepted(admin or editor)"),
            ("/fresh", "Fresh(5 minutes)"),
            ("/guest", "AnonymousOnly"),
            ("/maybe", "Maybe(RolesAccepted(admin or editor))"),
            ("/nothing", "nothing declared"),
            ("/public", "Public"),
            ("/several", "Fresh(60 minutes), RolesRequired(admin), Session"),
            ("/user", "AuthUser"),
        ],
    );
}

#[post("/checked")]
fn checked(_user: AuthUser) {}
#[post("/for-users")]
fn for_users(_user: Maybe<AuthUser>) {}
#[delete("/for-guests")]
fn for_guests(_session: Session<'_>, _user: Maybe<AuthUser>) {}
#[post("/unchecked")]
fn unchecked(_guest: AnonymousOnly) {}
#[post("/everybody")]
fn everybody(_everybody: Public) {}

#[rocket::async_test]
async fn forged_requests_are_told_apart_by_who_checks_for_them() {
    let routes = routes![checked, for_users, for_guests, unchecked, everybody, user];
    let map = map_of(rocket().mount("/", routes)).await;
    assert_column(
        &map,
        "CSRF",
        &[
            ("/checked", "checked"),
            ("/everybody", "not checked"),
            ("/for-guests", "checked"),
            ("/for-users", "checked for users"),
            ("/unchecked", "not checked"),
            ("/user", "not needed"),
        ],
    );
}

/// Makes a guard of the application's own, that lets everybody in as far as these tests go.
macro_rules! own_guard {
    ($guard:ident $(<$parameter:ident>)?) => {
        struct $guard $(<$parameter>(std::marker::PhantomData<$parameter>))?;
        #[async_trait]
        impl<'r $(, $parameter: Send)?> FromRequest<'r> for $guard $(<$parameter>)? {
            type Error = Rejection;
            async fn from_request(_request: &'r Request<'_>) -> Outcome<Self, Rejection> {
                Outcome::Error((rocket::http::Status::Forbidden, Rejection::Forbidden))
            }
        }
    };
}

own_guard!(Owner);
impl Sentinel for Owner {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        AuthUser::abort(rocket)
    }
}

own_guard!(Several);
impl Sentinel for Several {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        Fresh::<5>::abort(rocket) || Maybe::<RolesRequired<Admin>>::abort(rocket)
    }
}

// Looks for something else first.
own_guard!(Stateful);
impl Sentinel for Stateful {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<u64>().is_none() || AuthUser::abort(rocket)
    }
}

own_guard!(Silent);

own_guard!(ApiKey);
impl Sentinel for ApiKey {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        demands(rocket, Demand::of(Who::Users, "ApiKey"), || false)
    }
}

own_guard!(Wrapper<G>);

#[get("/owner")]
fn owner(_owner: Owner) {}
#[get("/several")]
fn several_by_own(_guard: Several) {}
#[get("/stateful")]
fn stateful(_guard: Stateful, _state: &State<u64>) {}
#[get("/silent")]
fn silent(_guard: Silent) {}
#[get("/key")]
fn key(_key: ApiKey) {}
#[get("/wrapper")]
fn wrapper(_guard: Wrapper<AuthUser>) {}

#[rocket::async_test]
async fn a_guard_of_the_applications_own_hands_the_question_on_or_answers_it_or_is_not_seen() {
    let routes = routes![owner, several_by_own, silent, key, wrapper];
    let map = map_of(rocket().mount("/", routes)).await;
    assert_column(
        &map,
        "GUARDS",
        &[
            ("/key", "ApiKey"),
            ("/owner", "Owner(AuthUser)"),
            ("/several", "Several(Fresh(5 minutes)), Several(Maybe(RolesRequired(admin)))"),
            ("/silent", "nothing declared"),
            ("/wrapper", "nothing declared, _(AuthUser)"),
        ],
    );
    let required = |path: &str| {
        let route = map.routes().iter().find(|route| route.path() == path).unwrap();
        route.guards.iter().map(|guard| guard.required).collect::<Vec<_>>()
    };
    assert_eq!(required("/owner"), [true]);
    assert_eq!(required("/several"), [true, false]);
    assert_eq!(required("/wrapper"), [false], "what a wrapper does nobody knows");
}

#[rocket::async_test]
async fn a_guard_that_looks_for_state_first_is_seen_where_a_guard_is_required() {
    let rocket = || rocket().manage(7_u64).mount("/", routes![stateful]);
    let map = map_with(rocket(), json!({ "require_guard": true })).await;
    assert_column(&map, "GUARDS", &[("/stateful", "Stateful(AuthUser)")]);
    // As the guide says, it should hand the question on first.
    let map = map_of(rocket()).await;
    assert_column(&map, "GUARDS", &[("/stateful", "nothing declared")]);
}

type Alias = AuthUser;
type Perhaps = Option<AuthUser>;
type Hidden<G> = Wrapper<G>;

#[get("/option")]
fn option(_user: Option<AuthUser>) {}
#[get("/result")]
fn result(_user: Result<AuthUser, Rejection>) {}
#[get("/option-and-user")]
fn option_and_user(_perhaps: Option<AuthUser>, _user: AuthUser) {}
#[get("/alias")]
fn alias(_user: Alias) {}
#[get("/alias-of-option")]
fn alias_of_option(_user: Perhaps) {}
type Opaque = Hidden<AuthUser>;
#[get("/opaque")]
fn opaque(_user: Opaque) {}

#[rocket::async_test]
async fn what_rocket_makes_of_a_guard_is_no_demand_that_everybody_has_to_meet() {
    let routes = routes![option, result, option_and_user, alias, alias_of_option, opaque];
    let map = map_of(rocket().mount("/", routes)).await;
    assert_column(
        &map,
        "GUARDS",
        &[
            ("/alias", "AuthUser"),
            ("/alias-of-option", "nothing declared, Option(AuthUser)"),
            // As the guide says: nobody sees through an alias of a generic type.
            ("/opaque", "nothing declared"),
            ("/option", "nothing declared, Option(AuthUser)"),
            ("/option-and-user", "Option(AuthUser), AuthUser"),
            ("/result", "nothing declared, Result(AuthUser)"),
        ],
    );
    for route in map.routes() {
        let is_required = route.guards.iter().any(|guard| guard.required);
        assert_eq!(is_required, ["/alias", "/option-and-user"].contains(&route.path()));
    }
}

#[post("/<id>/<path..>?<page>&sort=up", rank = 7, format = "json", data = "<_body>")]
fn all_of_it(
    _user: RolesRequired<Admin>,
    id: u32,
    path: std::path::PathBuf,
    page: u8,
    _body: String,
) {
    let _ = (id, path, page);
}

#[rocket::async_test]
async fn a_route_is_told_in_json_with_all_that_rocket_knows_of_it() {
    let map = map_of(rocket().mount("/mounted/here", routes![all_of_it])).await;
    let expected = json!([{
        "method": "POST",
        "uri": "/mounted/here/<id>/<path..>?<page>&sort=up",
        "rank": 7,
        "format": "application/json",
        "name": "all_of_it",
        "feature": null,
        "declared": "guards",
        "guards": [{
            "guard": "RolesRequired",
            "within": [],
            "required": true,
            "who": "users",
            "roles": { "all": ["admin"] },
            "permissions": null,
            "scopes": null,
            "fresh_minutes": null,
            "level": null,
            "mechanisms": [],
            "checks_csrf": true,
        }],
        "csrf": "checked",
    }]);
    assert_eq!(serde_json::to_value(&map).unwrap(), expected);
    let read: AccessMap = serde_json::from_value(expected).unwrap();
    assert_eq!(read, map);
}

#[rocket::async_test]
async fn before_the_launch_there_is_a_map_of_what_is_mounted_by_then() {
    let rocket = rocket().mount("/", routes![user, public, owner]);
    assert_column(
        &AccessMap::of(&rocket),
        "GUARDS",
        &[("/owner", "Owner(AuthUser)"), ("/public", "Public"), ("/user", "AuthUser")],
    );
    assert_eq!(AccessMap::of(&rocket::build()).routes(), []);
}

async fn is_refused(rocket: Rocket<Build>, security: Value) -> bool {
    match try_launch(rocket, security).await {
        Ok(()) => false,
        Err(fault) => {
            // Each sentinel that aborts is named: there is no other.
            assert_eq!(fault.matches("type_name").count(), 1, "{fault}");
            assert!(fault.contains("GuardCheck"), "{fault}");
            true
        }
    }
}

#[rocket::async_test]
async fn unless_it_is_required_a_route_needs_no_guard() {
    assert!(!is_refused(rocket().mount("/", routes![nothing]), json!({})).await);
    let not_required = json!({ "require_guard": false });
    assert!(!is_refused(rocket().mount("/", routes![nothing]), not_required).await);
}

#[rocket::async_test]
async fn where_it_is_required_one_route_without_a_guard_stops_the_launch() {
    let required = json!({ "require_guard": true });
    let guarded = || {
        let routes = routes![public, user, fresh, admin, either, edit, guest, maybe, key];
        rocket().mount("/", routes).mount("/", routes![owner])
    };
    assert!(!is_refused(guarded(), required.clone()).await);
    for bare in [routes![nothing], routes![silent], routes![basket], routes![context]] {
        assert!(is_refused(guarded().mount("/", bare), required.clone()).await);
    }
}

#[get("/public-option")]
fn public_option(_everybody: Public, _user: Option<AuthUser>) {}

#[rocket::async_test]
async fn where_it_is_required_a_guard_within_option_stops_the_launch_beside_public_too() {
    let rocket = || rocket().mount("/", routes![public_option]);
    assert!(is_refused(rocket(), json!({ "require_guard": ["/public-option"] })).await);
    assert!(!is_refused(rocket(), json!({})).await);
}

#[rocket::async_test]
async fn where_it_is_required_below_a_path_others_are_free() {
    let rocket = || rocket().mount("/", routes![nothing]).mount("/office", routes![admin]);
    let required = json!({ "require_guard": ["/office", "/register"] });
    assert!(!is_refused(rocket(), required.clone()).await);
    assert!(is_refused(rocket().mount("/office/deep", routes![nothing]), required.clone()).await);
    for lenient in [routes![silent], routes![wrapper], routes![option], routes![result]] {
        assert!(is_refused(rocket().mount("/office", lenient), required.clone()).await);
    }
    assert!(!is_refused(rocket().mount("/office", routes![option_and_user]), required).await);
    for missing in ["/offices", "/Office", "/off"] {
        assert!(is_refused(rocket(), json!({ "require_guard": [missing] })).await, "{missing}");
    }
    for wrong in [json!(["office"]), json!(["/office?page"]), json!("yes"), json!([1])] {
        let fault = try_launch(rocket(), json!({ "require_guard": wrong })).await.unwrap_err();
        assert!(fault.contains("FailedFairings"), "{fault}");
    }
}

#[rocket::async_test]
async fn a_route_that_a_later_fairing_mounts_is_seen() {
    let late = || {
        AdHoc::on_ignite("late", |rocket| async {
            rocket.attach(AdHoc::on_ignite("later still", |rocket| async {
                rocket.mount("/late", routes![nothing])
            }))
        })
    };
    let required = json!({ "require_guard": true });
    assert!(!is_refused(rocket(), required.clone()).await);
    assert!(is_refused(rocket().attach(late()), required).await);
    let map = map_of(rocket().attach(late())).await;
    assert_column(&map, "GUARDS", &[("/late/nothing", "nothing declared")]);
}

#[rocket::async_test]
async fn files_are_public_by_configuration_or_stop_the_launch() {
    let rocket = || rocket().mount("/static", FileServer::from("templates"));
    let required = json!({ "require_guard": true });
    assert!(is_refused(rocket(), required).await);
    let required = json!({ "require_guard": true, "public": ["/static"] });
    assert!(!is_refused(rocket(), required.clone()).await);
    assert!(is_refused(rocket().mount("/statics", routes![nothing]), required).await);
    let map = map_with(rocket(), json!({ "public": ["/static"] })).await;
    assert_column(&map, "GUARDS", &[("/static/<path..>", "public by configuration")]);
    assert_eq!(map.routes()[0].declared, Declared::Public);
    assert!(!launches(rocket(), json!({ "public": ["/"] })).await, "that is everything");
}

#[rocket::async_test]
async fn what_is_public_by_configuration_keeps_the_guards_it_has() {
    let map = map_with(rocket().mount("/", routes![admin]), json!({ "public": ["/admin"] })).await;
    assert_column(&map, "GUARDS", &[("/admin", "RolesRequired(admin)")]);
}

#[rocket::async_test]
async fn all_features_declare_what_they_do() {
    let security = Security::default()
        .enable(Audit::default())
        .enable(ChangeUsername::default())
        .enable(CloseAccount::default())
        .enable(RecoverUsername::default());
    let settings = json!({ "require_guard": true, "identity": ["email", "username"] });
    let app = TestApp::launch_with(rocket::build().attach(security), settings).await;
    let map = AccessMap::of(app.client().rocket());
    assert_eq!(map.of_application().routes(), []);
    let find = |method: &str, path: &str| {
        let mut routes = map.routes().iter();
        routes.find(|route| route.method == method && route.path() == path).unwrap()
    };
    for route in map.routes() {
        let is_document = route.path() == "/.well-known/paseto-keys";
        let declared = if is_document { Declared::Public } else { Declared::Feature };
        assert_eq!(route.declared, declared, "{route:?}");
        assert_ne!(route.csrf, CsrfCheck::NotChecked, "{route:?}");
    }
    for path in ["/login", "/logout", "/register", "/change", "/sessions/end", "/verify"] {
        assert_eq!(find("POST", path).csrf, CsrfCheck::Checked);
    }
    assert_eq!(find("GET", "/login").feature.as_deref(), Some("login"));
    assert_eq!(find("GET", "/security/style.css").feature.as_deref(), Some("security"));
    assert_eq!(find("POST", "/reset/<token>").csrf, CsrfCheck::Feature);
}

#[rocket::async_test]
async fn the_map_changes_nothing_of_what_guards_do() {
    let app = TestApp::launch_with(
        rocket().mount("/", routes![public, user, admin]),
        json!({ "require_guard": true }),
    )
    .await;
    let browser = app.browser();
    assert_eq!(browser.get_json("/public").await.status.code, 200);
    assert_eq!(browser.get_json("/user").await.status.code, 401);
    assert_eq!(app.log_in_as("ann@example.org").await.get_json("/admin").await.status.code, 403);
    // Roles that guards name are still looked up.
    let roles = app.roles().list_roles().await.unwrap();
    assert_eq!(roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["admin"]);
}

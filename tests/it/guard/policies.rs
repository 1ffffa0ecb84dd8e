//! Who may do what with one object.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rocket::http::Status;
use rocket::{State, async_trait, get, post, routes};
use rocket_security::testing::TestApp;
use rocket_security::{
    AuthUser, Decision, Denied, Error, Policy, Result, RolesRequired, Security, User, UserId,
};

use crate::support::{ANN, Admin, BOB, rocket_with};

#[derive(Clone)]
struct Draft {
    owner: UserId,
    is_shared: bool,
    text: String,
}

#[derive(Default)]
struct Drafts(Mutex<BTreeMap<u32, Draft>>);

impl Drafts {
    fn find(&self, id: u32) -> Option<Draft> {
        self.0.lock().unwrap().get(&id).cloned()
    }
}

enum DraftAction {
    Read,
    Edit,
}

#[async_trait]
impl Policy<Draft> for DraftAction {
    async fn decide(&self, user: &User, draft: &Draft) -> Result<Decision> {
        Ok(match self {
            _ if draft.text == "unreachable" => return Err(Error::store("the server is down")),
            _ if draft.owner == user.id || user.has_role("admin") => Decision::Allow,
            Self::Read if draft.is_shared => Decision::Allow,
            Self::Edit if draft.is_shared => Decision::Deny,
            Self::Read | Self::Edit => Decision::Hide,
        })
    }
}

#[get("/draft/<id>")]
async fn read(user: AuthUser, id: u32, drafts: &State<Drafts>) -> Result<Option<String>, Denied> {
    let Some(draft) = drafts.find(id) else {
        return Ok(None);
    };
    user.authorize(&DraftAction::Read, &draft).await?;
    Ok(Some(draft.text))
}

#[post("/draft/<id>")]
async fn edit(
    user: AuthUser,
    id: u32,
    drafts: &State<Drafts>,
) -> Result<Option<&'static str>, Denied> {
    let Some(mut draft) = drafts.find(id) else {
        return Ok(None);
    };
    user.authorize(&DraftAction::Edit, &draft).await?;
    draft.text = "edited".to_owned();
    drafts.0.lock().unwrap().insert(id, draft);
    Ok(Some("kept"))
}

#[get("/admin/draft/<id>")]
async fn administer(
    user: RolesRequired<Admin>,
    id: u32,
    drafts: &State<Drafts>,
) -> Result<Option<&'static str>, Denied> {
    let Some(draft) = drafts.find(id) else {
        return Ok(None);
    };
    user.authorize(&DraftAction::Edit, &draft).await?;
    Ok(Some("administered"))
}

async fn app_with(security: Security) -> TestApp {
    let rocket = rocket_with(security).manage(Drafts::default());
    TestApp::launch(rocket.mount("/", routes![read, edit, administer])).await
}

/// Ann's drafts: 1 is hers alone, 2 is shared, of 3 nobody can tell.
async fn app() -> TestApp {
    let app = app_with(Security::default()).await;
    fill(&app).await;
    app
}

async fn fill(app: &TestApp) {
    let owner = app.user(ANN).await.id;
    let drafts = app.client().rocket().state::<Drafts>().unwrap();
    for (id, is_shared, text) in [(1, false, "mine"), (2, true, "ours"), (3, false, "unreachable")]
    {
        drafts.0.lock().unwrap().insert(id, Draft { owner, is_shared, text: text.to_owned() });
    }
}

#[rocket::async_test]
async fn an_owner_reads_and_edits_their_drafts() {
    let app = app().await;
    let ann = app.log_in_as(ANN).await;
    for (path, text) in [("/draft/1", "mine"), ("/draft/2", "ours")] {
        assert_eq!(ann.get(path).await.body, text);
        assert_eq!(ann.post_form(path, &[]).await.body, "kept");
        assert_eq!(ann.get(path).await.body, "edited");
    }
    assert_eq!(ann.get("/draft/9").await.status, Status::NotFound);
}

#[rocket::async_test]
async fn another_may_not_edit_what_is_shared_with_them_and_is_told_so() {
    let app = app().await;
    app.user(BOB).await;
    let bob = app.log_in_as(BOB).await;
    assert_eq!(bob.get("/draft/2").await.body, "ours");
    let answer = bob.post_form("/draft/2", &[]).await;
    assert_eq!(answer.status, Status::Forbidden);
    assert!(answer.body.contains("<h1>No permission</h1>"), "{}", answer.body);
    let answer = bob.json(rocket::http::Method::Post, "/draft/2", serde_json::json!({})).await;
    assert_eq!((answer.status, answer.reasons()), (Status::Forbidden, vec!["forbidden".into()]));
    assert_eq!(bob.get("/draft/2").await.body, "ours");
}

#[rocket::async_test]
async fn what_is_hidden_from_another_looks_like_what_is_not_there() {
    let app = app().await;
    app.user(BOB).await;
    let bob = app.log_in_as(BOB).await;
    for get_json in [false, true] {
        let [hidden, missing] = if get_json {
            [bob.get_json("/draft/1").await, bob.get_json("/draft/9").await]
        } else {
            [bob.get("/draft/1").await, bob.get("/draft/9").await]
        };
        assert_eq!((hidden.status, missing.status), (Status::NotFound, Status::NotFound));
        assert_eq!(hidden.body, missing.body);
        assert_eq!(hidden.comparable_headers(), missing.comparable_headers());
    }
    let (hidden, missing) =
        (bob.post_form("/draft/1", &[]).await, bob.post_form("/draft/9", &[]).await);
    assert_eq!((hidden.status, hidden.body), (missing.status, missing.body));
    assert_eq!(app.log_in_as(ANN).await.get("/draft/1").await.body, "mine");
}

#[rocket::async_test]
async fn an_admin_may_from_the_next_request_on() {
    let app = app().await;
    app.user(BOB).await;
    let bob = app.log_in_as(BOB).await;
    assert_eq!(bob.get("/draft/1").await.status, Status::NotFound);
    assert_eq!(bob.get("/admin/draft/1").await.status, Status::Forbidden);
    app.grant(BOB, "admin").await;
    assert_eq!(bob.get("/draft/1").await.body, "mine");
    assert_eq!(bob.get("/admin/draft/1").await.body, "administered");
    assert_eq!(bob.post_form("/draft/1", &[]).await.body, "kept");
}

#[rocket::async_test]
async fn a_policy_that_fails_allows_nothing_and_is_our_fault() {
    let app = app().await;
    let answer = app.log_in_as(ANN).await.get_json("/draft/3").await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    assert_eq!(answer.reasons(), ["unavailable"]);
    assert_eq!(answer.header("Retry-After"), Some("2"));
}

#[rocket::async_test]
async fn nobody_is_asked_to_log_in_before_anything_is_looked_up() {
    let app = app().await;
    for path in ["/draft/1", "/draft/9"] {
        assert_eq!(app.browser().get_json(path).await.status, Status::Unauthorized);
    }
}

#[rocket::async_test]
async fn whoever_is_denied_is_told_of_and_whoever_finds_nothing_is_not() {
    let security = Security::default();
    let mut events = security.events();
    let app = app_with(security).await;
    fill(&app).await;
    let bob = app.user(BOB).await.id;
    let browser = app.log_in_as(BOB).await;
    for path in ["/draft/1", "/draft/2", "/draft/9"] {
        browser.get(path).await;
    }
    browser.post_form("/draft/2", &[]).await;
    app.told().await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if event.name() == "user_unauthorized" {
            told.push(event.user());
        }
    }
    assert_eq!(told, [Some(bob), Some(bob)]);
}

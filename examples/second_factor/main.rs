//! Shows your own second factor: codes that the user reads from a printed list.
//!
//! `cargo run --example second_factor`. Register, confirm, log in, and `POST /codes` for ten one-time codes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rocket::tokio::sync::Mutex;
use rocket::{Route, State, async_trait, get, launch, post, routes};
use rocket_security::crypto::random_bytes;
use rocket_security::feature::{Factor, Installation, LoginAttempt, Required, Verdict};
use rocket_security::flow::Flow;
use rocket_security::template::Embedded;
use rocket_security::user::{Level, Method};
use rocket_security::web::{Form, HandlerResult, Reply, Submission, Visit};
use rocket_security::{Csrf, Feature, Fresh, Hooks, Page, Result, Security, Text, User, UserId};
use serde::{Deserialize, Serialize};

const CODE: &str = "printed_code";
const PAGE: Embedded = ("security/printed_code.html", include_str!("printed_code.html"));

/// The unused codes of each list.
#[derive(Clone, Default, Serialize, Deserialize)]
struct PrintedCodes {
    #[serde(skip)]
    codes: Arc<Mutex<HashMap<UserId, HashSet<String>>>>,
}

impl<D> Feature<D> for PrintedCodes {
    const NAME: &'static str = "printed_codes";
    const TEMPLATES: &'static [Embedded] = &[PAGE];
    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![(CODE, "/code".to_owned())]
    }
    fn routes(&self) -> Vec<Route> {
        routes![show, submit, print]
    }
    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.hooks(self.clone());
        at.factor(self.clone());
        at.manage(self.clone());
        Ok(())
    }
}

#[async_trait]
impl Hooks for PrintedCodes {
    async fn before_login(&self, attempt: &LoginAttempt<'_>) -> Result<Verdict> {
        let is_missing = self.is_set_up(attempt.user).await? && !attempt.proofs.has(&self.method());
        Ok(if is_missing { Verdict::Require(Required::proof(CODE, CODE)) } else { Verdict::Allow })
    }
}

#[async_trait]
impl Factor for PrintedCodes {
    fn method(&self) -> Method {
        Method::custom(CODE)
    }
    fn page(&self) -> &'static str {
        CODE
    }
    fn label(&self) -> Text {
        Text::new("code.label", "Use a code from your printed list")
    }
    async fn is_set_up(&self, user: &User) -> Result<bool> {
        Ok(self.codes.lock().await.contains_key(&user.id))
    }
}

#[derive(Default, Deserialize)]
struct CodeForm {
    code: String,
}
impl Form for CodeForm {
    const SECRET: &'static [&'static str] = &["code"];
}

#[get("/code?<next>")]
async fn show(visit: Visit<'_>, flow: &State<Flow>, next: Option<&str>) -> HandlerResult {
    flow.proving(&visit).await?;
    Ok(Reply::page(Page::new(PAGE.0).with("next", next.and_then(|next| visit.next(next)))))
}

#[post("/code", data = "<submitted>")]
async fn submit(
    visit: Visit<'_>,
    flow: &State<Flow>,
    codes: &State<PrintedCodes>,
    submitted: Submission<CodeForm>,
) -> HandlerResult {
    let (next, typed) = (submitted.next(&visit, None), submitted.read()?.code);
    let proving = flow.proving(&visit).await?;
    let attempt = flow.attempt(&visit, &proving, codes.method()).await?;
    let list = codes.codes.lock().await.get_mut(&proving.user().id).map(|it| it.remove(&typed));
    if list != Some(true) {
        let wrong = flow.refuse(&visit, &proving, attempt, "code").await?;
        return Err(Page::new(PAGE.0).with("next", next).refuse(wrong));
    }
    Ok(flow.accept(&visit, proving, attempt, next).await?)
}

#[post("/codes")]
async fn print(_csrf: Csrf<'_>, user: Fresh<10>, codes: &State<PrintedCodes>) -> HandlerResult {
    if codes.is_set_up(&user).await? && user.level() < Level::Two {
        return Err(rocket_security::Rejection::NotAssured(Level::Two.acr()).into());
    }
    let code = || Ok(random_bytes::<8>()?.map(|byte| format!("{byte:02x}")).concat());
    let new = (0..10).map(|_| code()).collect::<Result<HashSet<_>>>()?;
    codes.codes.lock().await.insert(user.id, new.clone());
    Ok(Reply::data().with("codes", new))
}

#[launch]
fn rocket() -> _ {
    rocket::build().attach(Security::default().enable(PrintedCodes::default()))
}

#[cfg(test)]
mod tests;

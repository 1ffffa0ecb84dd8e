//! How the showcase presents what is the framework's.
//!
//! One mail is replaced as well, by templates of its names: `templates/security/email/` says of a
//! deleted account that its profile is gone, too.

use rocket::serde::json::{Value, json};
use rocket::{Request, async_trait};
use rocket_security::{Instead, Page, Presentation, Result, User};

pub(crate) struct Library;

#[async_trait]
impl Presentation for Library {
    /// For every page to see; `templates/layout.html` shows it.
    fn page(&self, page: Page, _request: &Request<'_>) -> Page {
        page.with("opening_hours", "9 to 5")
    }

    /// The `user` of JSON answers and `current_user` of templates, with a name to call them by.
    async fn user(&self, user: &User) -> Result<Value> {
        let username = user.username.as_ref().map(ToString::to_string);
        let name = username.clone().unwrap_or_else(|| user.email.to_string());
        Ok(json!({
            "id": user.id,
            "email": user.email.to_string(),
            "username": username,
            "name": name,
            "roles": user.roles,
        }))
    }

    /// Whoever may not see drafts is told who may; elsewhere our page stays.
    fn forbidden(&self, request: &Request<'_>) -> Instead {
        if request.uri().path() != "/drafts" {
            return Instead::ours();
        }
        let text = "Drafts are for editors. Ask at the desk.";
        Instead::page(Page::new("text.html").with("text", text)).with("ask", "the desk")
    }
}

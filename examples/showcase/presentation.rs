//! Changes how the showcase presents what belongs to the framework.
//!
//! One mail is replaced, too, by templates with its names: those in `templates/security/email/` add to the
//! mail about a deleted account that the profile is deleted as well.

use rocket::serde::json::{Value, json};
use rocket::{Request, async_trait};
use rocket_security::{Instead, Page, Presentation, Result, User};

pub(crate) struct Library;

#[async_trait]
impl Presentation for Library {
    /// Adds the opening hours to every page; `templates/layout.html` shows them.
    fn page(&self, page: Page, _request: &Request<'_>) -> Page {
        page.with("opening_hours", "9 to 5")
    }

    /// Returns the `user` of JSON answers and the `current_user` of templates, with a name to address the
    /// user by.
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

    /// Tells users who may not see drafts who may; elsewhere our own page stays.
    fn forbidden(&self, request: &Request<'_>) -> Instead {
        if request.uri().path() != "/drafts" {
            return Instead::ours();
        }
        let text = "Drafts are for editors. Ask at the desk.";
        Instead::page(Page::new("text.html").with("text", text)).with("ask", "the desk")
    }
}

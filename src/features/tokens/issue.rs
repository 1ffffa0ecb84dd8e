//! `POST /token`: how a program without cookies logs in.

use rocket::{State, post};
use serde::Deserialize;

use crate::config::{IdentityAttribute, RefreshIn};
use crate::crypto::password::Password;
use crate::features::tokens::granted::granted;
use crate::flow::Flow;
use crate::programs::Programs;
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::web::identity::IdentityFields;
use crate::web::reply::{HandlerResult, Refused, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

/// What is submitted to `/token`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TokenForm {
    email: Option<String>,
    username: Option<String>,
    /// Either an email address or a username.
    identity: Option<String>,
    password: Secret<String>,
}

impl Form for TokenForm {
    const SECRET: &'static [&'static str] = &["password"];
    const FOR_PROGRAMS: bool = true;

    fn has(field: &str, known: &[IdentityAttribute]) -> bool {
        IdentityFields::has(field, known)
    }
}

#[post("/token", data = "<submitted>")]
pub(super) async fn token(
    visit: Visit<'_>,
    flow: &State<Flow>,
    programs: &State<Programs>,
    submitted: Submission<TokenForm>,
) -> HandlerResult {
    log_in(&visit, flow, programs, submitted).await.map_err(Refused::data)
}

async fn log_in(
    visit: &Visit<'_>,
    flow: &Flow,
    programs: &Programs,
    submitted: Submission<TokenForm>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    let mut errors = FieldErrors::new();
    let named = IdentityFields {
        email: form.email.as_deref(),
        username: form.username.as_deref(),
        identity: form.identity.as_deref(),
    };
    let identity = named.read(&visit.site().config().identity, &mut errors)?;
    let password = errors.take("password", Password::parse(&form.password));
    let (Some(identity), Some(password)) = (identity, password) else {
        return Err(errors.into());
    };
    let (user, pair) = programs.log_in(flow, visit, &identity, &password).await?;
    // A program that logs in here keeps no cookies.
    granted(visit, &user, &pair, RefreshIn::Body).await
}

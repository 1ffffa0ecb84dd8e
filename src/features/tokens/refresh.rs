//! `POST /refresh-token`, with which a program renews its tokens, and `POST /refresh-token/end`, with which
//! it logs out.

use rocket::{State, post};
use serde::Deserialize;

use crate::config::RefreshIn;
use crate::features::tokens::granted::granted;
use crate::flow::Flow;
use crate::programs::Programs;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::web::challenge;
use crate::web::challenge::Acceptable;
use crate::web::reply::{HandlerResult, Refused, Reply};
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

/// What is submitted to `/refresh-token` and `/refresh-token/end`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RefreshForm {
    /// Absent if the token is in its cookie.
    refresh_token: Option<Secret<String>>,
}

impl RefreshForm {
    /// Returns the token that was sent, empty if there was none.
    fn sent(&self) -> &str {
        self.refresh_token.as_ref().map_or("", |token| token.expose().as_str())
    }
}

impl Form for RefreshForm {
    const SECRET: &'static [&'static str] = &["refresh_token"];
    const CREDENTIAL: Option<&'static str> = Some("refresh_token");
}

#[post("/refresh-token", data = "<submitted>")]
pub(super) async fn refresh(
    visit: Visit<'_>,
    flow: &State<Flow>,
    programs: &State<Programs>,
    submitted: Submission<RefreshForm>,
) -> HandlerResult {
    go_on(&visit, flow, programs, submitted).await.map_err(|rejection| refuse(&visit, rejection))
}

#[post("/refresh-token/end", data = "<submitted>")]
pub(super) async fn end(
    visit: Visit<'_>,
    programs: &State<Programs>,
    submitted: Submission<RefreshForm>,
) -> HandlerResult {
    log_out(&visit, programs, submitted).await.map_err(|rejection| refuse(&visit, rejection))
}

fn refuse(visit: &Visit<'_>, rejection: Rejection) -> Refused {
    let challenges = vec![challenge::bearer(Some(&rejection))];
    challenge::note(visit.request(), Acceptable { challenges, ..Acceptable::default() });
    Refused::data(rejection)
}

/// Logs out the program of the sent token, and the program of the cookie. The cookie is removed unless its
/// program may still be logged in.
async fn log_out(
    visit: &Visit<'_>,
    programs: &Programs,
    submitted: Submission<RefreshForm>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    let of_sent = match form.sent() {
        "" => Ok(()),
        sent => programs.log_out(visit, sent).await,
    };
    if let Some(kept) = visit.site().sessions().refresh_token(visit.request()) {
        programs.log_out(visit, kept).await?;
        visit.site().sessions().forget_refresh_token(visit.request());
    }
    of_sent?;
    Ok(Reply::data().without_csrf_token())
}

/// Renews the tokens. The next refresh token is returned where the old one was: in the body or in the cookie.
async fn go_on(
    visit: &Visit<'_>,
    flow: &Flow,
    programs: &Programs,
    submitted: Submission<RefreshForm>,
) -> Result<Reply, Rejection> {
    let form = submitted.read()?;
    let kept = visit.site().sessions().refresh_token(visit.request());
    let (token, place) = match (form.sent(), kept) {
        ("", None) => return Err(Rejection::RefreshTokenMissing),
        ("", Some(kept)) => (kept, RefreshIn::Cookie),
        (sent, None) => (sent, RefreshIn::Body),
        (_, Some(_)) => return Err(Rejection::ConflictingCredentials),
    };
    // The cookie of a refused token stays: another tab may have replaced it with a newer one.
    let (user, pair) = programs.refresh(flow, visit, token).await?;
    granted(visit, &user, &pair, place).await
}

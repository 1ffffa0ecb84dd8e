//! The routes of a link.

use std::marker::PhantomData;

use rocket::data::FromData;
use rocket::http::Method;
use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::route::Handler;
use rocket::{Data, Request, Route, async_trait, route};

use crate::flow::Flow;
use crate::link::handling::{Handled, Submitted, path};
use crate::link::mailed::MailedLink;
use crate::rejection::Rejection;
use crate::web::submission::{Form, Submission};
use crate::web::visit::Visit;

/// Returns the routes of a link.
pub fn routes<L: MailedLink>() -> Vec<Route> {
    let (path, link) = (path::<L>("<token>"), path::<L>("link"));
    vec![
        Route::ranked(2, Method::Get, &path, Handling::<L>::of(Step::Open)),
        Route::new(Method::Get, &link, Handling::<L>::of(Step::Show)),
        Route::new(Method::Post, &link, Handling::<L>::of(Step::Press)),
        Route::ranked(2, Method::Post, &path, Handling::<L>::of(Step::PressToken)),
    ]
}

/// Returns the path of the page that a link leads to.
pub fn page_path<L: MailedLink>() -> String {
    path::<L>("link")
}

/// One of the routes of a link.
enum Step {
    Open,
    Show,
    Press,
    PressToken,
}

struct Handling<L> {
    step: Step,
    link: PhantomData<fn() -> L>,
}

impl<L> Handling<L> {
    fn of(step: Step) -> Self {
        Self { step, link: PhantomData }
    }
}

impl<L> Clone for Handling<L> {
    fn clone(&self) -> Self {
        Self::of(match self.step {
            Step::Open => Step::Open,
            Step::Show => Step::Show,
            Step::Press => Step::Press,
            Step::PressToken => Step::PressToken,
        })
    }
}

#[async_trait]
impl<L: MailedLink> Handler for Handling<L> {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        let visit = match Visit::from_request(request).await {
            Outcome::Success(visit) => visit,
            Outcome::Error((status, _)) | Outcome::Forward(status) => {
                return Outcome::Error(status);
            }
        };
        let rocket = request.rocket();
        let Some((link, flow)) = rocket.state::<L>().zip(rocket.state::<Flow>()) else {
            return route::Outcome::from(request, Rejection::Unavailable);
        };
        let handling = Handled { visit, flow, link };
        let token = || request.param::<&str>(1).and_then(Result::ok).unwrap_or_default();
        let answer = match self.step {
            Step::Open => handling.open(token()).await,
            Step::Show => handling.show(handling.kept_token()).await,
            Step::Press => handling.press(submission(request, data).await, None).await,
            Step::PressToken => {
                handling.press(submission(request, data).await, Some(token())).await
            }
        };
        route::Outcome::from(request, answer)
    }
}

async fn submission<'r, F: Form>(request: &'r Request<'_>, data: Data<'r>) -> Submitted<F> {
    match Submission::<F>::from_data(request, data).await {
        Outcome::Success(submission) => (submission.token().cloned(), submission.read()),
        _ => (None, Err(Rejection::Unavailable)),
    }
}

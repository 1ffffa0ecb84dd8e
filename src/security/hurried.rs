//! Our own routes, with a deadline.

use rocket::route::Handler;
use rocket::{Data, Request, Route, async_trait, route};

use crate::deadline::with_deadline;

/// A route that waits for the store until the deadline of a request, including its guards.
#[derive(Clone)]
pub(super) struct WithDeadline(Box<dyn Handler>);

impl WithDeadline {
    pub(super) fn route(mut route: Route) -> Route {
        route.handler = Box::new(Self(route.handler));
        route
    }
}

#[async_trait]
impl Handler for WithDeadline {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        with_deadline(self.0.handle(request, data)).await
    }
}

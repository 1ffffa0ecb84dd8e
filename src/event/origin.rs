//! When something happened, from where, and in which request.

use std::net::IpAddr;

use rocket::http::Method;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;

/// When something happened, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// The time.
    pub at: Timestamp,
    /// The client's network address, if it is known.
    pub client: Option<IpAddr>,
    /// The request, as the header `X-Request-Id` of its answer tells; none outside requests.
    pub request_id: Option<Uuid>,
    /// The method of the request; none outside requests.
    #[serde(serialize_with = "method_name")]
    pub method: Option<Method>,
    /// The route that answered the request, as the pattern of its path: `/reset/<token>`. None outside
    /// requests, and where no route took it.
    pub route: Option<String>,
    /// How whoever sent the request had proved to be them: what their session began with, such as
    /// `password`, or the [mechanism](crate::guard::mechanism) of a request that came by another, such as
    /// `basic` or `token`. None when nobody had.
    pub authn_via: Option<String>,
}

impl Origin {
    /// Says when and from where.
    pub fn new(at: Timestamp, client: Option<IpAddr>) -> Self {
        Self { at, client, request_id: None, method: None, route: None, authn_via: None }
    }

    /// Sets the method of the request, and the pattern of the route that answered it.
    pub fn at_route(mut self, method: Method, route: Option<String>) -> Self {
        self.method = Some(method);
        self.route = route;
        self
    }

    /// Says in which request, and how its sender had proved to be them.
    pub fn within(mut self, request_id: Option<Uuid>, authn_via: Option<String>) -> Self {
        self.request_id = request_id;
        self.authn_via = authn_via;
        self
    }
}

fn method_name<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.map(|method| method.as_str()).serialize(serializer)
}

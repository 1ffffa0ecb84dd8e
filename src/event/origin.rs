//! When, where and in which request an event happened.

use std::net::IpAddr;

use rocket::http::Method;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;

/// When, where and in which request an event happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// The time.
    pub at: Timestamp,
    /// The client's network address, if it is known.
    pub client: Option<IpAddr>,
    /// The id of the request, as in the header `X-Request-Id` of its response. `None` outside requests.
    pub request_id: Option<Uuid>,
    /// The method of the request. `None` outside requests.
    #[serde(serialize_with = "method_name")]
    pub method: Option<Method>,
    /// The route that answered the request, as the pattern of its path: `/reset/<token>`. `None` outside
    /// requests, and if no route matched.
    pub route: Option<String>,
    /// How the sender of the request was authenticated: the method that their session began with, such as
    /// `password`, or the [mechanism](crate::guard::mechanism) of a request without a session, such as
    /// `basic` or `token`. `None` if the request was not authenticated.
    pub authn_via: Option<String>,
}

impl Origin {
    /// Creates an origin with a time and an address.
    pub fn new(at: Timestamp, client: Option<IpAddr>) -> Self {
        Self { at, client, request_id: None, method: None, route: None, authn_via: None }
    }

    /// Sets the method of the request, and the pattern of the route that answered it.
    pub fn at_route(mut self, method: Method, route: Option<String>) -> Self {
        self.method = Some(method);
        self.route = route;
        self
    }

    /// Sets the id of the request, and how its sender was authenticated.
    pub fn within(mut self, request_id: Option<Uuid>, authn_via: Option<String>) -> Self {
        self.request_id = request_id;
        self.authn_via = authn_via;
        self
    }
}

fn method_name<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.map(|method| method.as_str()).serialize(serializer)
}

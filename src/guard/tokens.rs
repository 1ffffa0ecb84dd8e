//! Makes the issuer of tokens available as a guard.

use rocket::outcome::Outcome;
use rocket::request::FromRequest;
use rocket::{Ignite, Request, Rocket, Sentinel, async_trait, request};

use crate::rejection::Rejection;
use crate::token::TokenIssuer;
use crate::web::catchers::refuse;
use crate::web::demand::{Demand, demands};
use crate::web::site::is_unattached;

#[async_trait]
impl<'r> FromRequest<'r> for &'r TokenIssuer {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
        match request.rocket().state::<TokenIssuer>() {
            Some(tokens) => Outcome::Success(tokens),
            // Not reached: without it, the sentinel stops the launch.
            None => refuse(request, Rejection::Unavailable),
        }
    }
}

impl Sentinel for &TokenIssuer {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        demands(rocket, Demand::tool("TokenIssuer"), || is_unattached::<Self>(rocket))
    }
}
